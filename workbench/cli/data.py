"""Commands that bring data in and out, and ask the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.context import context, note, print_json, print_table
from workbench.cli.progress import terminal_progress
from workbench.cli.running import DryRun, Json, alone

store_app = typer.Typer(help="The store's owner process: status, stop, path.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.command("import", epilog="Example: workbench import question.jsonl model_answer/*.jsonl")(import_)
    app.command(epilog="Example: workbench export responses --format parquet -o responses.parquet")(export)
    app.command(
        epilog='Example: workbench sql "SELECT model_id, count(*) AS n FROM responses GROUP BY ALL"',
        context_settings={"ignore_unknown_options": True},  # a statement may begin with a comment
    )(sql)
    app.command(epilog="Example: workbench snapshot copy.duckdb && duckdb copy.duckdb")(snapshot)
    app.add_typer(store_app, name="store")


def import_(
    ctx: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or folders.")],
    format: Annotated[
        str | None, typer.Option("--format", help="Format, when it cannot be told from the file.")
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Which column holds a field; may be repeated."),
    ] = None,
    bench: Annotated[str | None, typer.Option("--bench", help="Benchmark of the questions.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Model that gave the answers.")] = None,
    id_prefix: Annotated[
        str | None,
        typer.Option("--id-prefix", help="Put in front of question ids, to keep benchmarks apart."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Import the good rows of a file and list the bad ones.")
    ] = False,
    votes_by: Annotated[
        str | None,
        typer.Option("--votes-by", help="human or judge: whose votes these are, if not told by name."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import questions, answers and votes: FastChat files, or JSONL, CSV and Parquet.

    Importing a file again adds nothing. With a bad row nothing of the file is imported, unless --skip-bad.
    """
    from workbench.errors import BadInput
    from workbench.importing import import_paths

    mapping: dict[str, str] = {}
    for pair in map_ or []:
        field, equals, column = pair.partition("=")
        if not equals or not field or not column:
            raise BadInput(f"--map wants FIELD=COLUMN, not '{pair}'")
        mapping[field] = column
    for path in paths:
        if not path.exists():
            raise BadInput("no such file or folder", file=str(path))
    with context(ctx).open(create=True) as store, terminal_progress() as progress:
        report = import_paths(
            store, paths, format=format, map=mapping or None, bench=bench, model=model, id_prefix=id_prefix,
            skip_bad=skip_bad, votes_by=votes_by, dry_run=dry_run, progress=progress,
        )  # fmt: skip
    if as_json:
        print_json({"imported": report.imported, "rejected": report.rejected, "warnings": report.warnings})
        return
    for text in report.warnings:
        note(f"warning: {text}")
    counts = ", ".join(f"{n:,} {table}" for table, n in report.imported.items()) or "nothing new"
    note(f"{'would import' if dry_run else 'imported'} {counts}")
    for bad in report.rejected[:20]:
        place = f"field '{bad.field}': " if bad.field else ""
        note(f"  left out {bad.file}:{bad.line}: {place}{bad.reason}")
    if report.n_rejected > 20:
        note(f"  … and {report.n_rejected - 20:,} more (--json lists up to 1,000 a file)")


def export(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="questions, responses, judgments, annotations or battles.")],
    format: Annotated[str, typer.Option("--format", help="jsonl, csv, parquet or fastchat.")] = "jsonl",
    out: Annotated[
        Path, typer.Option("-o", "--out", help="File to write, or a folder for fastchat; - is standard output.")
    ] = Path("-"),
    bench: Annotated[str | None, typer.Option("--bench", help="Only of this benchmark.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> None:
    """Write a table or FastChat's own files."""
    from workbench.exporting import export as write

    with context(ctx).open() as store:
        rows = write(store, kind, format, out, force=force, bench=bench)
    note(f"wrote {rows:,} {kind} to {out}")


def sql(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(metavar="SELECT…", help="One read-only statement; - reads it from input.")],
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows at most.")] = 10_000,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds at most.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Ask the store anything: one SELECT over its tables and views, also while jobs write."""
    import sys

    statement = sys.stdin.read() if text == "-" else text
    with context(ctx).open() as store:
        result = store.sql(statement, limit=limit, timeout_s=timeout)
    if as_json:
        print_json(result.dicts())
    else:
        print_table(result.columns, result.rows)
    if result.truncated:
        note(f"only the first {limit:,} rows are shown; more with --limit")


def snapshot(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="OUT.duckdb")],
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> None:
    """Write a consistent copy of the store that any DuckDB tool can open, while work goes on."""
    with context(ctx).open() as store:
        size = store.snapshot(out, force=force)
    note(f"wrote {out} ({size / 1e6:.1f} MB)")


@store_app.callback()
def store_top(ctx: typer.Context, as_json: Json = False) -> None:
    if alone(ctx, as_json=as_json):
        store_status(ctx, as_json=as_json)


@store_app.command("status")
def store_status(ctx: typer.Context, as_json: Json = False) -> None:
    """Where the store is, what it holds, and who owns it."""
    with context(ctx).open() as store:
        status = {"path": str(store.path), **store.status()}
        rows = store.query("status")
    status["rows"] = {row["name"]: row["n"] for row in rows}
    if as_json:
        print_json(status)
        return
    print_table(["what", "value"], [[k, str(v)] for k, v in status.items() if k != "rows"])
    print_table(["table", "rows"], [[row["name"], row["n"]] for row in rows])


@store_app.command("stop")
def store_stop(ctx: typer.Context) -> None:
    """Ask the owner process to leave; the next command starts a new one."""
    with context(ctx).open() as store:
        pid = store.stop_owner()
    note(f"owner process {pid} is leaving")


@store_app.command("path")
def store_path_(ctx: typer.Context) -> None:
    """Print the store's path."""
    from workbench.store.location import store_path

    print(store_path(context(ctx).store))
