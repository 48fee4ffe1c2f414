"""``workbench batches``: what lies with endpoints' Batch APIs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import context, note, print_json, print_report, print_table
from workbench.cli.running import Json, alone

if TYPE_CHECKING:
    from workbench.engines.batch.journal import Batch
    from workbench.progress import StageReport
    from workbench.records import Model
    from workbench.store import Store

batches_app = typer.Typer(
    help="Batches of requests at endpoints: list, look, collect, cancel.", invoke_without_command=True
)
Name = Annotated[str, typer.Argument(metavar="BATCH", help="The endpoint's id of the batch, or ours.")]


def register(app: typer.Typer) -> None:
    app.add_typer(batches_app, name="batches")


@batches_app.callback()
def batches_top(ctx: typer.Context, as_json: Json = False) -> None:
    if alone(ctx, as_json=as_json):
        batches_list(ctx, as_json=as_json)


@batches_app.command("list", epilog="Example: workbench batches list --json")
def batches_list(ctx: typer.Context, as_json: Json = False) -> None:
    """Batches that are under way or collected and not used up yet, oldest first, as last heard of them."""
    from workbench.engines.batch.journal import Journal

    with context(ctx).open() as store:
        rows = [_row(batch) for batch in Journal(store.files).all()]
    if as_json:
        print_json(rows)
        return
    columns = ["batch", "model", "status", "requests", "completed", "failed", "cost", "most_cost", "created_at", "next"]
    print_table(columns, [[row[c] for c in columns] for row in rows])


@batches_app.command("show", epilog="Example: workbench batches show batch_abc")
def batches_show(ctx: typer.Context, batch: Name, as_json: Json = False) -> None:
    """Ask the endpoint how a batch fares. One that has ended is brought here."""
    from workbench.engines.batch.tending import look, named_batch

    with context(ctx).open() as store:
        found = named_batch(store.files, batch)
        row = _row(look(store.files, found, _model(store, found)))
    if as_json:
        print_json(row)
    else:
        print_table(["", ""], [[name, value] for name, value in row.items() if value not in (None, "", [])])


@batches_app.command("collect", epilog="Examples: workbench batches collect; workbench batches collect batch_abc")
def batches_collect(
    ctx: typer.Context,
    batch: Annotated[str | None, typer.Argument(metavar="BATCH", help="Only this one. Default: all.")] = None,
    as_json: Json = False,
) -> None:
    """Bring the answers of batches that have ended, and run their commands again without waiting: answers go into the
    store, follow-ups are submitted."""
    from workbench.engines.batch.journal import Journal
    from workbench.engines.batch.tending import look, named_batch
    from workbench.errors import EngineError

    reports: list[StageReport] = []
    failed = False
    with context(ctx).open() as store:
        wanted = Journal(store.files).all() if batch is None else [named_batch(store.files, batch)]
        ready: list[Batch] = []
        for one in wanted:
            try:
                now = look(store.files, one, _model(store, one))
            except EngineError as error:
                note(f"{one.name}: {error.message}" + (f" ({error.hint})" if error.hint else ""))
                failed = True
                continue
            note(f"{now.name}: {now.status.replace('_', ' ')}, {now.completed:,} of {len(now.requests):,} done")
            if now.state == "collected" or now.status == "failed":
                ready.append(now)
        reports = _run_again(store, ready)
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            print_report(report, as_json=False)
    if failed:
        raise typer.Exit(1)


@batches_app.command("cancel", epilog="Example: workbench batches cancel batch_abc")
def batches_cancel(ctx: typer.Context, batch: Name, as_json: Json = False) -> None:
    """Ask the endpoint to stop a batch. What is done by then is paid for and kept; the same command later sends the
    rest."""
    from workbench.engines.batch.tending import cancel, named_batch

    with context(ctx).open() as store:
        found = named_batch(store.files, batch)
        row = _row(cancel(store.files, found, _model(store, found)))
    if as_json:
        print_json(row)
    else:
        note(f"{row['batch']}: {row['status']}; {row['next']}")


@batches_app.command("forget", epilog="Example: workbench batches forget batch_abc")
def batches_forget(
    ctx: typer.Context,
    batch: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Strike a batch from the journal: for one that is gone for good. What it was asked is asked, and paid, anew."""
    from workbench.engines.batch.tending import forget, named_batch

    with context(ctx).open() as store:
        found = named_batch(store.files, batch)
        if not yes:
            typer.confirm(f"Forget {len(found.requests):,} requests of {found.name}?", abort=True, err=True)
        forget(store.files, found)
    note(f"{found.name} is forgotten")


def _model(store: Store, batch: Batch) -> Model:
    from workbench.scope import named_model

    return named_model(store, batch.model_id)


def _run_again(store: Store, ready: list[Batch]) -> list[StageReport]:
    """The stages that made these batches, each once, without waiting."""
    import json

    from workbench import jobs
    from workbench.cli.progress import terminal_progress
    from workbench.errors import Unknown
    from workbench.stages import STAGES, make_spec, spec_values
    from workbench.worker import run_here

    specs: dict[str, tuple[str, Any]] = {}
    for batch in ready:
        try:
            job = jobs.get(store, batch.job_id or "")
        except Unknown:
            job = None
        if job is None or job["kind"] not in STAGES:
            note(f"{batch.name} is here; the command (or plan) that made it reads it when run again")
            continue
        spec = dataclasses.replace(make_spec(job["kind"], json.loads(job["spec"])), wait=False)
        specs[json.dumps([job["kind"], spec_values(spec)], sort_keys=True)] = (job["kind"], spec)
    reports = []
    for kind, spec in specs.values():
        with terminal_progress() as progress:
            reports.append(run_here(store, kind, spec, progress))
    return reports


def _row(batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.name, "id": batch.id, "model": batch.model_id, "endpoint": batch.url, "job": batch.job_id,
        "state": batch.state, "status": batch.status, "requests": len(batch.requests), "completed": batch.completed,
        "failed": batch.failed, "cost": batch.cost, "most_cost": batch.most_cost, "created_at": batch.created_at,
        "updated_at": batch.updated_at, "errors": [f"{code}: {message}" for code, message, _ in batch.errors],
        "next": _next(batch),
    }  # fmt: skip


def _next(batch: Batch) -> str:
    """What to do about it."""
    if batch.state == "collected":
        return "run its command again, or: workbench batches collect"
    if batch.state != "made":
        return "is being made; if its worker died, the same command finds out"
    if batch.status in ("completed", "expired", "cancelled", "failed"):
        return "workbench batches collect"
    return "wait; the same command collects it, and so does: workbench batches collect"
