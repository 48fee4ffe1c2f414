"""``workbench leaderboard``: ratings of the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import context, note, print_json
from workbench.cli.running import Json, names
from workbench.cli.tables import Csv, Format, Latex, chosen_format, print_rows

if TYPE_CHECKING:
    from workbench.rate.board import Leaderboard
    from workbench.store import Store

EPILOG = """Example: workbench leaderboard --method bt --by human --json

As MAD-Eval prints it: workbench leaderboard --method elo-permutation --compat

As FastChat shows it: workbench leaderboard --method mt-bench --compat
"""


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(leaderboard)


def leaderboard(
    ctx: typer.Context,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="bt, bt-davidson, bt-rao-kupper (Bradley–Terry, three ways with ties), bt-style, elo, "
            "elo-permutation, elo-bootstrap, win-rate, lc-win-rate, mt-bench (mean grade), ppi-win-rate or ppi-bt "
            "(few votes and a judge).",
        ),
    ] = "bt",
    by: Annotated[
        str | None,
        typer.Option("--by", help="Whose verdicts: all, human, author, or the name of a judge or annotator."),
    ] = None,
    judge: Annotated[
        str | None, typer.Option("--judge", help="The same for a judge; for ppi methods the judge beside --by's votes.")
    ] = None,
    turn: Annotated[int | None, typer.Option("--turn", min=0, help="Only this turn (0: whole conversations).")] = None,
    category: Annotated[
        str | None, typer.Option("--category", help="Only this category ('none': without one).")
    ] = None,
    per_category: Annotated[bool, typer.Option("--per-category", help="Also a rating for each category.")] = False,
    bench: Annotated[str | None, typer.Option("--bench", help="Only questions of this benchmark.")] = None,
    models: Annotated[str | None, typer.Option("--models", help="Only these models, separated by commas.")] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Win rates against this model, which is not listed.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="Only verdicts read by these rules: corrected, or compat (figures as published)."),
    ] = None,
    arm: Annotated[
        str, typer.Option("--arm", help="selected, or control: only votes on items drawn at random (select --control).")
    ] = "selected",
    compat: Annotated[bool, typer.Option("--compat", help="The same as --mode compat.")] = False,
    order: Annotated[str | None, typer.Option("--order", help="Elo: battles by time or in a random order.")] = None,
    k: Annotated[float | None, typer.Option("--k", help="Elo: points at stake in a battle (4).")] = None,
    scale: Annotated[float | None, typer.Option("--scale", help="Elo: points for odds of ten to one (400).")] = None,
    start: Annotated[float | None, typer.Option("--start", help="Elo: rating of a new model (1000).")] = None,
    interval: Annotated[
        str | None, typer.Option("--interval", help="bootstrap, sandwich or none; each method has its own default.")
    ] = None,
    level: Annotated[float, typer.Option("--level", help="Level of the intervals, between 0 and 1.")] = 0.95,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Bootstrap rounds.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 42,
    labels: Annotated[
        str, typer.Option("--labels", help="ppi: all votes, or random (leave out items that a rule picked).")
    ] = "all",
    matrix: Annotated[bool, typer.Option("--matrix", help="The win rate of every model against every other.")] = False,
    separability: Annotated[
        bool, typer.Option("--separability", help="Also say how many pairs of models the intervals tell apart.")
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option("--reference", help="Compare with another board: a JSON or CSV file, a judge or voter, a method."),
    ] = None,
    form: Format = None,
    as_csv: Csv = False,
    as_latex: Latex = False,
    as_json: Json = False,
) -> None:
    """Rate the models, with intervals, from human votes, judges or both.

    JSON is a list of rows {model, rating, lower, upper, n, method, mode, …}; with --separability or --reference it is
    an object with the rows under "rows".
    """
    form = chosen_format(form, as_json=as_json, as_csv=as_csv, as_latex=as_latex)
    options: dict[str, Any] = {
        **sources(method, by, judge), "turn": turn, "category": category, "bench": bench, "mode": reading(mode, compat),
        "models": names(models), "baseline": baseline, "arm": arm, "level": level,
    }  # fmt: skip
    with context(ctx).open() as store:
        if matrix:
            show_matrix(store, options, form)
            return
        options |= {
            "method": method, "per_category": per_category, "interval": interval, "rounds": rounds, "seed": seed,
            "order": order, "k": k, "scale": scale, "start": start, "labels": labels,
        }  # fmt: skip
        show_boards(store, options, form, separability=separability, reference=reference)


def sources(method: str, by: str | None, judge: str | None) -> dict[str, str | None]:
    """--judge is another word for --by, except where a method takes both."""
    from workbench.errors import BadInput
    from workbench.rate.names import checked_method

    if checked_method(method).startswith("ppi-"):
        return {"by": by, "judge": judge}
    if by is not None and judge is not None and by != judge:
        raise BadInput(f"--by {by} and --judge {judge} name two sources", hint="give one of them")
    return {"by": by or judge}


def reading(mode: str | None, compat: bool) -> str | None:
    from workbench.errors import BadInput

    if compat and mode not in (None, "compat"):
        raise BadInput(f"--compat and --mode {mode} are two readings", hint="give one of them")
    return "compat" if compat else mode


def show_matrix(store: Store, options: dict[str, Any], form: str) -> None:
    from workbench.rate.matrix import win_matrix
    from workbench.rate.scope import Scope

    fields = ("turn", "category", "bench", "mode", "baseline", "arm")
    scope = Scope(options["by"] or "all", models=tuple(options["models"]), **{name: options[name] for name in fields})
    found = win_matrix(store, scope, options["level"])
    if form in ("json", "csv"):
        print_rows(found.to_json(), (), form=form, notes=found.footnotes())
    else:
        notes = ["percent of battles won; rows and columns by mean win rate", *found.footnotes()]
        print_rows(found.grid(), ["model", *found.models], form=form, title=found.title(), notes=notes)


def show_boards(store: Store, options: dict[str, Any], form: str, *, separability: bool, reference: str | None) -> None:
    from workbench.rate.keeping import materialise
    from workbench.rate.leaderboard import leaderboards

    boards = leaderboards(store, **options)
    if default_computation(options):
        for board in boards:
            materialise(store, board)
    extra: dict[str, Any] = {}
    if separability or reference is not None:
        from workbench.rate.comparing import compared

        extra = compared(store, boards, reference, options)
    rows = [row for board in boards for row in board.to_json()]
    if form == "json":
        print_json({"rows": rows, **extra} if extra else rows)
    elif form == "csv":
        print_rows(rows, (), form=form, notes=[line for board in boards for line in board.footnotes()])
    elif options["per_category"] and len(boards) > 1:
        show_categories(boards, form)
    else:
        for board in boards:
            print_rows(board.to_json(), board.columns(), form=form, title=board.title(), notes=board.footnotes())
    if form in ("table", "latex"):
        for line in extra.get("notes", ()):
            note(line)


def default_computation(options: dict[str, Any]) -> bool:
    """Whether a board is the one that its method's name stands for, and so may be kept under that name."""
    own = all(options[name] is None for name in ("k", "scale", "start", "order"))
    return own and options["labels"] == "all"


def show_categories(boards: list[Leaderboard], form: str) -> None:
    """One table a source: a model a row, a category a column."""
    from workbench.rate.board import by_category

    for source in dict.fromkeys(board.by for board in boards):
        title, columns, rows, notes = by_category([board for board in boards if board.by == source])
        print_rows(rows, columns, form=form, title=title, notes=notes)
