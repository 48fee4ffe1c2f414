"""``workbench efficiency``: how soon each way of choosing what to label finds the ranking."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import context, note, print_json
from workbench.cli.running import Json, names
from workbench.cli.tables import Csv, print_rows

if TYPE_CHECKING:
    from workbench.efficiency import Efficiency

EPILOG = """Example: workbench efficiency --out efficiency.svg

MAD with diversity, on judges' verdicts: workbench efficiency --by gpt-4 --diversity 0.5 --methods bt

Without answers to compare: workbench efficiency --strategies random,label-next --items 1,2,5,10,20

What every number means: docs/sample-efficiency.md
"""
#: Measure → what the figure and the table's title call it.
SHOWN = {
    "spearman": "Spearman's ρ", "kendall": "Kendall's τ-b", "order": "share of pairs of models in the same order",
    "error": "mean absolute error of a rating, points",
}  # fmt: skip


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(efficiency)


def efficiency(
    ctx: typer.Context,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Whose votes: human, author, all, or a judge [default: human if people voted]."),
    ] = None,
    strategies: Annotated[
        str | None, typer.Option("--strategies", help="Of mad, random, label-next [default: all that can be played].")
    ] = None,
    methods: Annotated[str, typer.Option("--methods", help="How the chosen votes are rated: bt, elo.")] = "bt,elo",
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            help="MAD's similarity: a stored one, or hashing (the answers' wording, compared now) "
            "[default: the stored one that covers most items, else hashing].",
        ),
    ] = None,
    diversity: Annotated[float, typer.Option("--diversity", min=0.0, help="λ of MAD's diversity.")] = 0.0,
    items: Annotated[
        str | None, typer.Option("--items", metavar="K,…", help="Budgets, items a pair of models [default: 1 to all].")
    ] = None,
    measure: Annotated[
        str, typer.Option("--measure", help="In table and figure: spearman, kendall, order or error.")
    ] = "spearman",
    models: Annotated[str | None, typer.Option("--models", help="Only these models, separated by commas.")] = None,
    turn: Annotated[int | None, typer.Option("--turn", min=0, help="Only this turn.")] = None,
    category: Annotated[
        str | None, typer.Option("--category", help="Only this category ('none': without one).")
    ] = None,
    bench: Annotated[str | None, typer.Option("--bench", help="Only questions of this benchmark.")] = None,
    draws: Annotated[int, typer.Option("--draws", min=2, help="Random orders, replays and splits.")] = 200,
    rounds: Annotated[int, typer.Option("--rounds", min=0, help="Bootstrap rounds; 0: no intervals.")] = 300,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of draws and bootstrap.")] = 42,
    level: Annotated[float, typer.Option("--level", help="Level of the intervals, between 0 and 1.")] = 0.95,
    target: Annotated[
        float, typer.Option("--target", help="Correlation with all votes that the remarks name a budget for.")
    ] = 0.95,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FIGURE", help="Also draw the curves: .svg, .pdf or .png.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing figure.")] = False,
    as_csv: Csv = False,
    as_json: Json = False,
) -> None:
    """Replay the votes there are: how near the ranking by K items a pair comes to the ranking by all, by MAD, at
    random, and by what to label next.

    A strategy sees a vote only after it chose the item. JSON has every measure; CSV the points of all of them.
    """
    from workbench.efficiency import MEASURES, EfficiencySpec
    from workbench.efficiency import efficiency as compute
    from workbench.errors import BadInput, Unknown

    if measure not in MEASURES:
        raise Unknown("measure", measure, MEASURES)
    if as_csv and as_json:
        raise BadInput("one format at a time: --csv or --json")
    spec = EfficiencySpec(
        by, turn, category, bench, tuple(names(models)), _words(strategies), _words(methods), metric, diversity,
        _numbers(items), draws, rounds, seed, level, target,
    )  # fmt: skip
    if out is not None:
        from workbench.report.writing import check_figure

        check_figure(out, force=force)
    with context(ctx).open() as store:
        found = compute(store, spec)
    if as_json:
        print_json(found)
    elif as_csv:
        from dataclasses import asdict

        print_rows([asdict(point) for point in found.points], (), form="csv", notes=_lines(found))
    else:
        show(found, measure)
    if out is not None:
        draw(found, measure, out, force=force)
        note(f"wrote {out}")


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.lower().replace("_", "-") for name in names(text)))


def _numbers(text: str | None) -> tuple[int, ...]:
    from workbench.errors import BadInput

    try:
        return tuple(int(number) for number in names(text))
    except ValueError:
        raise BadInput(f"must be whole numbers with commas between, not '{text}'", field="items") from None


def show(found: Efficiency, measure: str) -> None:
    """A table for each way of rating and reference: a budget a row, a strategy a column."""
    from workbench.efficiency.remarks import AGAINST, NAMES

    for method, against in dict.fromkeys((p.method, p.against) for p in found.points):
        here = (method, against, measure)
        points = {(p.items, p.strategy): p for p in found.points if (p.method, p.against, p.measure) == here}
        gaps = {
            (d.items, d.strategy): d for d in found.differences
            if (d.method, d.against, d.measure) == here and d.items is not None
        }  # fmt: skip
        compared = list(dict.fromkeys(strategy for _, strategy in gaps))
        columns = ["items", "labels", *found.strategies, *(f"{name} − random" for name in compared)]
        rows: list[dict[str, Any]] = []
        for k in dict.fromkeys(k for k, _ in points):
            row: dict[str, Any] = {"items": k, "labels": round(points[k, found.strategies[0]].votes)}
            row |= {name: _reach(points[k, name]) for name in found.strategies}
            row |= {f"{name} − random": _reach(gaps[k, name], signed=True) for name in compared}
            rows.append(row)
        title = f"{SHOWN[measure]}, {NAMES[method]} of K items a pair of models against {AGAINST[against]}"
        print_rows(rows, columns, form="table", title=title)
    for line in _lines(found):
        note(line)


def _reach(row: Any, *, signed: bool = False) -> str:
    """A value with its interval."""
    if row.value is None:
        return "–"
    digits = "+.3f" if signed else ".3f"
    if row.measure == "error":
        digits = digits.replace("3", "1")
    if row.lower is None or row.upper is None:
        return f"{row.value:{digits}}"
    return f"{row.value:{digits}} [{row.lower:{digits}}, {row.upper:{digits}}]"


def _lines(found: Efficiency) -> list[str]:
    """What goes with the numbers."""
    lines = [
        f"{found.votes:,} votes (by {found.by}) on {found.items:,} items of {found.questions:,} questions, "
        f"{found.pairs} pairs of {len(found.models)} models",
        f"values: means of {found.draws} draws (random orders, replays of label-next, splits in halves), "
        f"seed {found.seed}; MAD by itself has no chance in it",
    ]
    if found.interval:
        lines.append(f"intervals: {found.interval}")
    if found.metric:
        spread = f", λ = {found.diversity:g}" if found.diversity else ""
        lines.append(f"MAD goes by the similarity {found.metric} ({found.metric_version}){spread}")
    return [*lines, *found.notes]


def draw(found: Efficiency, measure: str, out: Path, *, force: bool) -> None:
    from workbench.efficiency.remarks import AGAINST, NAMES
    from workbench.report.figures import curves
    from workbench.report.writing import write_figure

    panels: dict[str, list[dict[str, Any]]] = {}
    for p in found.points:
        if p.measure == measure:
            panels.setdefault(f"{NAMES[p.method]}, against {AGAINST[p.against]}", []).append(
                {
                    "line": p.strategy, "x": p.items, "value": p.value, "lower": p.lower, "upper": p.upper,
                    "low": p.draw_lower if p.strategy == "random" else None,
                    "high": p.draw_upper if p.strategy == "random" else None,
                }
            )  # fmt: skip
    title = (
        f"{found.votes:,} votes by {found.by}, {len(found.models)} models; bands: {found.level * 100:.4g} % bootstrap "
        "over questions; dotted: single random draws"
    )
    figure = curves(panels, title=title, across="items a pair of models", up=SHOWN[measure])
    write_figure(figure, out, force=force)
