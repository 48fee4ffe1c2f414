"""``workbench compare-judges``: two judges or templates over the same items."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import context, note, print_json, print_table
from workbench.cli.judging import Order
from workbench.cli.progress import terminal_progress
from workbench.cli.running import (
    Bench,
    Category,
    Concurrency,
    DryRun,
    Json,
    Limit,
    LogBodies,
    LogRequests,
    MaxCost,
    RetryFailed,
    names,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.compare.comparison import Comparison
    from workbench.compare.figures import Figure
    from workbench.compare.spec import CompareSpec

#: Names longer than this stand as letters in tables.
LONGEST = 20
TITLES = {
    "agreement": "How far they agree",
    "bias": "Bias",
    "consistency": "Consistency, and what could not be read",
    "cost": "Cost of an item",
    "people": "Against people and gold labels",
    "leaderboards": "The leaderboards they make",
}


def register(app: typer.Typer) -> None:
    app.command(
        "compare-judges",
        epilog="Examples: workbench compare-judges gpt-4o llama --limit 50 --dry-run; "
        "workbench compare-judges gpt-4o gpt-4o --template-b mine --select unclear; "
        "workbench compare-judges gpt-4 auto-j --no-run --json",
    )(compare_judges)


def compare_judges(
    ctx: typer.Context,
    judges: Annotated[
        list[str], typer.Argument(metavar="JUDGE_A JUDGE_B …", help="Two judges, or one twice; or more.")
    ],
    protocol: Annotated[str, typer.Option("--protocol", help="As of workbench judge.")] = "pairwise-all",
    protocol_a: Annotated[str | None, typer.Option("--protocol-a", help="Another protocol for the first.")] = None,
    protocol_b: Annotated[str | None, typer.Option("--protocol-b", help="Another for the second.")] = None,
    template_a: Annotated[
        str | None, typer.Option("--template-a", help="Template of the first: NAME, NAME@HASH or fastchat.")
    ] = None,
    template_b: Annotated[str | None, typer.Option("--template-b", help="Template of the second.")] = None,
    output_a: Annotated[str | None, typer.Option("--output-a", help="Form of the first's answers: json, text.")] = None,
    output_b: Annotated[str | None, typer.Option("--output-b", help="Form of the second's answers.")] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Model the others are compared with (pairwise-baseline).")
    ] = None,
    models: Annotated[
        str | None, typer.Option("--models", help="Only answers of these models, separated by commas.")
    ] = None,
    bench: Bench = None,
    category: Category = None,
    limit: Limit = None,
    turns: Annotated[
        str | None, typer.Option("--turns", help="Turns to judge: 1, 2 or 1,2. Default: 1; with --no-run all.")
    ] = None,
    selection: Annotated[
        str | None, typer.Option("--selection", help="Only the pairs of this selection (or 'latest').")
    ] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", help="corrected or compat. Default: corrected; with --no-run either.")
    ] = None,
    order: Order = "both",
    samples: Annotated[
        int | None, typer.Option("--samples", min=1, help="Verdicts drawn for each item; the first readable counts.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0.0, help="Default: 0, and 1 for several samples.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair/--no-repair", help="Ask once for the verdict alone where a text holds none.")
    ] = True,
    run: Annotated[
        bool, typer.Option("--run/--no-run", help="Judge what is missing first, or compare what is stored.")
    ] = True,
    family: Annotated[
        list[str] | None,
        typer.Option("--family", metavar="JUDGE=MODEL,…", help="Contestants that are a judge's own; may be repeated."),
    ] = None,
    disagreements: Annotated[
        int, typer.Option("--disagreements", min=0, help="Items to list on which they disagree most.")
    ] = 10,
    select: Annotated[
        str | None, typer.Option("--select", metavar="NAME", help="Put these pairs into a selection for people.")
    ] = None,
    level: Annotated[float, typer.Option("--level", help="Of the intervals, between 0 and 1.")] = 0.95,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Bootstrap rounds.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 42,
    concurrency: Concurrency = None,
    retry_failed: RetryFailed = False,
    max_cost: MaxCost = None,
    log_requests: LogRequests = False,
    log_bodies: LogBodies = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Compare two judges, or one judge with two templates, on the same items: agreement, bias, consistency, cost.

    What is missing is judged first (running again sends nothing). Only items that both could judge are compared; how
    many were left out is told. With people's votes or gold labels on these items: which judge is nearer to them.
    """
    from workbench.cli.bias import families

    shared = {
        "baseline": baseline, "models": names(models) or None, "bench": bench, "category": category, "limit": limit,
        "turns": _turns(turns), "selection": selection, "mode": mode, "order": order, "samples": samples,
        "temperature": temperature, "repair": repair, "concurrency": concurrency, "retry_failed": retry_failed,
        "log_requests": log_requests or log_bodies, "log_bodies": log_bodies,
    }  # fmt: skip
    spec = _spec(
        judges, [protocol_a or protocol, protocol_b or protocol], protocol, [template_a, template_b],
        [output_a, output_b],
        {
            "shared": shared, "run": run, "max_cost": max_cost, "family": families(family or []),
            "disagreements": disagreements, "select": select, "level": level, "rounds": rounds, "seed": seed,
        },
    )  # fmt: skip
    _go(ctx, spec, dry=dry_run, as_json=as_json)


def _turns(text: str | None) -> list[int] | None:
    from workbench.errors import BadInput

    try:
        return [int(turn) for turn in names(text)] or None
    except ValueError:
        raise BadInput(f"--turns must be 1, 2 or 1,2, not '{text}'") from None


def _spec(
    judges: Sequence[str], protocols: list[str], protocol: str, templates: list[str | None],
    outputs: list[str | None], more: dict[str, Any],
) -> CompareSpec:  # fmt: skip
    """Options for the first two judges, the common ones for all others."""
    from workbench.compare.spec import CompareSpec
    from workbench.protocol_names import absolute, file_of

    def named(name: str) -> str:
        return absolute(name if file_of(name) is not None else name.replace("_", "-"))

    n = len(judges)
    others = n - 2
    return CompareSpec(
        tuple(judges), tuple(named(name) for name in [*protocols, *([protocol] * others)][:n]),
        tuple([*templates, *([None] * others)][:n]), tuple([*outputs, *([None] * others)][:n]), **more,
    )  # fmt: skip


def _go(ctx: typer.Context, spec: CompareSpec, *, dry: bool, as_json: bool) -> None:
    from workbench.compare.comparison import compare_judges
    from workbench.compare.running import estimates

    with context(ctx).open() as store:
        if dry:
            from workbench.cli.plans import print_estimates

            print_estimates(estimates(store, spec), as_json=as_json)
            return
        with terminal_progress() as progress:
            found = compare_judges(store, spec, progress)
    if as_json:
        print_json(found)
    else:
        print_comparison(found)
    if any(side.report and side.report.states.get("error") for side in found.sides):
        raise typer.Exit(1)


def print_comparison(found: Comparison) -> None:
    """Tables on standard output, what one has to know to read them on standard error."""
    from workbench.compare.figures import few

    short = _short([side.name for side in found.sides])
    _print_sides(found, short)
    weak = few(found.questions)
    for section, title in TITLES.items():
        if rows := found.section(section):
            _print_figures(title, rows, short, weak)
        if section == "agreement" and found.confusion:
            columns = ["judge", "said", "against", "a", "b", "tie"]
            table = [[short[c.side], c.verdict, short[c.against], c.a, c.b, c.tie] for c in found.confusion]
            print_table(columns, table, title="Verdicts of the one by those of the other")
    _print_boards(found, short)
    _print_disagreements(found, short)
    for one in found.nearer:
        note(f"nearer to {one.group}: {one.nearer} ({one.votes:,} votes)")
    if not found.section("cost"):
        note("no judgment tells what it cost: no tokens, dollars or seconds")
    if found.selection:
        name, pairs = found.selection.name, found.selection.pairs
        note(f"selection '{name}': {pairs} pairs; workbench annotate --selection {name}")
    for line in (*found.notes, *((weak,) if weak else ())):
        note(line)


def _short(names: Sequence[str]) -> dict[str, str]:
    """What the sides are called in tables: by their names, or by letters where these are long."""
    letters = max(len(name) for name in names) > LONGEST
    return {name: string.ascii_uppercase[i % 26] if letters else name for i, name in enumerate(names)}


def _print_sides(found: Comparison, short: dict[str, str]) -> None:
    print_table(
        ["", "judge", "judged now", "US$ now", "compared", "ok besides", "states of all items", "templates", "mode"],
        [
            [
                short[side.name] if short[side.name] != side.name else "", side.name,
                side.report.done if side.report else 0, side.report.cost if side.report else None, found.items,
                side.left_out, ", ".join(f"{n:,} {state}" for state, n in side.states.items()),
                ", ".join(side.templates[:4]) + (" …" if len(side.templates) > 4 else ""), ", ".join(side.modes),
            ]
            for side in found.sides
        ],
        title=f"{found.items:,} items of {found.questions:,} questions, judged by all ({found.kind})",
    )  # fmt: skip


def _print_figures(title: str, rows: Sequence[Figure], short: dict[str, str], weak: str | None) -> None:
    columns = ["measure", "of", "value", "lower", "upper", "n", "questions", "remark"]
    table = []
    for r in rows:
        remark = "" if r.note in (None, weak) else str(r.note)
        table.append([r.measure, _of(r, short), r.value, r.lower, r.upper, r.n, r.questions, remark])
    print_table(columns, table, title=title)
    for measure, method in dict.fromkeys((row.measure, row.method) for row in rows):
        note(f"{measure}: {method}")
    for words in dict.fromkeys(row.interval for row in rows if row.interval):
        note(f"interval: {words}")


def _of(row: Figure, short: dict[str, str]) -> str:
    side = short.get(row.side, row.side)
    if row.against is None:
        return side
    return f"{side} {'−' if row.difference else '·'} {short.get(row.against, row.against)}"


def _print_boards(found: Comparison, short: dict[str, str]) -> None:
    for side in found.sides:
        if rows := [row for row in found.boards if row.side == side.name]:
            columns = ["rank", "model", "rating", "lower", "upper", "n"]
            table = [[r.rank, r.model, r.rating, r.lower, r.upper, r.n] for r in rows]
            print_table(columns, table, title=f"Leaderboard by {short[side.name]}")
    if found.boards:
        note(f"ratings: {found.boards[0].method}")
        for words in dict.fromkeys(row.interval for row in found.boards if row.interval):
            note(f"ratings: {words}")
    if moved := [move for move in found.moves if move.move]:
        columns = ["model", "rank by", "", "rank by other", "", "places higher by the first"]
        table = [[m.model, short[m.side], m.rank, short[m.against], m.rank_against, m.move] for m in moved[:10]]
        print_table(columns, table, title="Largest moves")
    elif found.moves:
        note("no model changes its rank")


def _print_disagreements(found: Comparison, short: dict[str, str]) -> None:
    if not found.disagreements:
        return
    names = [side.name for side in found.sides]
    columns = ["question", "turn", "a", "b", *(short[name] for name in names), "gap", "consistent"]
    table = [
        [d.question_id, d.turn, d.model_a, d.model_b or "", *(d.said[name] for name in names), d.gap,
         _all(d.consistent.values())]
        for d in found.disagreements
    ]  # fmt: skip
    print_table(columns, table, title="Where they disagree most")


def _all(values: Any) -> str:
    known = [value for value in values if value is not None]
    return "" if not known else "all" if all(known) else "not all"
