"""The figures of a report, drawn with matplotlib: one function a figure, from plain rows to a ``Figure``.

Colours are those of Okabe and Ito (2008), which people who do not see all colours can tell apart, with a marker each,
so that no figure needs colour. Text is drawn as it is: a name is never read as mathematics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: Longest name in a figure.
WIDEST = 32
#: Models in a radar figure and a heat map at most: more cannot be read. The best ones are drawn, and the title says so.
MOST_LINES = 8
MOST_CELLS = 40


def intervals(rows: Rows, *, title: str, unit: str) -> Figure:
    """Ratings with their intervals, best on top. ``rows``: model, rating, lower, upper, component."""
    figure, axes = _new(7.0, 1.2 + 0.28 * len(rows))
    for place, row in enumerate(rows):
        component = int(row.get("component") or 1)
        style = {"color": COLOURS[(component - 1) % len(COLOURS)], "marker": MARKERS[(component - 1) % len(MARKERS)]}
        _point(axes, row["rating"], row.get("lower"), row.get("upper"), place, **style)
    _names(axes, [row["model"] for row in rows])
    axes.set_xlabel(unit)
    _title(axes, title)
    return figure


def agreements(rows: Rows, *, title: str) -> Figure:
    """Agreement of pairs of raters with intervals. ``rows``: name, rate, lower, upper, setup (1 or 2)."""
    figure, axes = _new(7.0, 1.2 + 0.28 * len(rows))
    for place, row in enumerate(rows):
        second = row["setup"] == 2
        _point(axes, row["rate"], row["lower"], row["upper"], place, color=COLOURS[second], marker=MARKERS[second])
    _names(axes, [row["name"] for row in rows])
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("share of meetings that agree")
    handles = [
        axes.plot([], [], color=COLOURS[i], marker=MARKERS[i], linestyle="", label=text)[0]
        for i, text in enumerate(("ties count (setup 1)", "without ties (setup 2)"))
    ]
    axes.legend(handles=handles, loc="lower left", fontsize=8, frameon=False)
    _title(axes, title)
    return figure


def heat_map(models: Sequence[str], share: Mapping[tuple[str, str], float | None], *, title: str) -> Figure:
    """Win rates (ties as half) of each model against each other one, with the numbers. Empty where two never met."""
    models = models[:MOST_CELLS]
    size = max(3.6, 0.42 * len(models) + 1.8)
    figure, axes = _new(size + 1.0, size)
    cells = [[share.get((a, b)) for b in models] for a in models]
    values = [[math.nan if v is None else v for v in row] for row in cells]
    image = axes.imshow(values, vmin=0.0, vmax=1.0, cmap="RdBu_r" if len(models) else None)
    for i, row in enumerate(cells):
        for j, value in enumerate(row):
            if value is not None:
                ink = "white" if abs(value - 0.5) > 0.3 else "black"
                axes.text(j, i, f"{value * 100:.0f}", ha="center", va="center", fontsize=7, color=ink)
    names = [_name(m) for m in models]
    axes.set_xticks(range(len(models)), names, rotation=45, ha="right", fontsize=8, parse_math=False)
    axes.set_yticks(range(len(models)), names, fontsize=8, parse_math=False)
    figure.colorbar(image, ax=axes, shrink=0.8, label="win rate of the row against the column (ties ½)")
    _title(axes, title)
    return figure


def radar(axes_names: Sequence[str], lines: Mapping[str, Mapping[str, float]], *, title: str, top: float) -> Figure:
    """FastChat's radar figure: one axis a category, one line a model, from 0 to ``top``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes: Any = figure.add_subplot(projection="polar")
    turn = [2.0 * math.pi * i / len(axes_names) for i in range(len(axes_names))]
    for i, (model, scores) in enumerate(list(lines.items())[:MOST_LINES]):
        values = [scores.get(name, math.nan) for name in axes_names]
        axes.plot(
            [*turn, turn[0]], [*values, values[0]], color=COLOURS[i % len(COLOURS)], marker=MARKERS[i % len(MARKERS)],
            markersize=4, linewidth=1.3, label=_legend(model),
        )  # fmt: skip
    axes.set_xticks(turn, [_name(name) for name in axes_names], fontsize=9, parse_math=False)
    axes.set_ylim(0.0, top)
    axes.tick_params(axis="y", labelsize=7)
    axes.tick_params(axis="x", pad=10)
    _plain_legend(axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), fontsize=8, frameon=False))
    _title(axes, title)
    return figure


def reliability(bins: Mapping[str, Rows], *, title: str) -> Figure:
    """How often a judge is right, by how sure it is. ``bins``: judge → rows: confidence, accuracy, lower, upper, n."""
    figure, axes = _new(5.2, 4.6)
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8, linestyle="--")
    for i, (judge, rows) in enumerate(list(bins.items())[:MOST_LINES]):
        known = [row for row in rows if row["n"]]
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        axes.plot(
            [r["confidence"] for r in known], [r["accuracy"] for r in known], color=colour, marker=marker,
            markersize=4, linewidth=1.2, label=_legend(judge),
        )  # fmt: skip
        for row in known:
            axes.plot([row["confidence"]] * 2, [row["lower"], row["upper"]], color=colour, linewidth=0.8)
            axes.annotate(
                str(row["n"]),
                (row["confidence"], row["accuracy"]),
                fontsize=6,
                xytext=(3, -8),
                textcoords="offset points",
            )
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_xlabel("probability the judge gave to its verdict")
    axes.set_ylabel("share that people confirmed")
    _plain_legend(axes.legend(loc="upper left", fontsize=8, frameon=False))
    _title(axes, title)
    return figure


def curves(panels: Mapping[str, Rows], *, title: str, across: str, up: str) -> Figure:
    """Lines with bands, a panel each. ``panels``: title → rows: line, x, value, lower, upper, low, high.

    The band reaches from lower to upper, dotted lines from low to high; each where they are known. All panels have the
    same scales.
    """
    from matplotlib.figure import Figure

    columns = min(len(panels), 3)
    rows_of_panels = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4.2 * columns, 3.6 * rows_of_panels), layout="constrained")
    grid: Any = figure.subplots(rows_of_panels, columns, sharex=True, sharey=True, squeeze=False)
    names = list(dict.fromkeys(row["line"] for rows in panels.values() for row in rows))[:MOST_LINES]
    for place, (name, rows) in enumerate(panels.items()):
        axes = grid[place // columns][place % columns]
        for i, line in enumerate(names):
            _line(axes, line, [row for row in rows if row["line"] == line and row["value"] is not None], i)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(across)
        if not place % columns:
            axes.set_ylabel(up)
        axes.set_title(one_line(name, 60), fontsize=9, loc="left", parse_math=False)
    for spare in range(len(panels), rows_of_panels * columns):
        grid[spare // columns][spare % columns].set_visible(False)
    _plain_legend(grid[0][0].legend(loc="best", fontsize=8, frameon=False))
    figure.suptitle(one_line(title, 120), fontsize=10, x=0.01, ha="left", parse_math=False)
    return figure


def _line(axes: Axes, name: str, rows: Rows, number: int) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    axes.plot(
        [r["x"] for r in rows], [r["value"] for r in rows], color=colour, marker=marker, markersize=4, linewidth=1.3,
        label=_legend(name),
    )  # fmt: skip
    known = [r for r in rows if r["lower"] is not None]
    if known:
        across, lower, upper = ([float(r[key]) for r in known] for key in ("x", "lower", "upper"))
        axes.fill_between(across, lower, upper, color=colour, alpha=0.12, linewidth=0.0)
    for key in ("low", "high"):
        some = [r for r in rows if r.get(key) is not None]
        axes.plot([r["x"] for r in some], [r[key] for r in some], color=colour, linestyle=":", linewidth=0.9)


def _new(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _point(axes: Axes, value: float, lower: float | None, upper: float | None, place: int, **style: Any) -> None:
    if lower is not None and upper is not None:
        axes.plot([lower, upper], [place, place], color=style["color"], linewidth=1.4, solid_capstyle="butt")
    if value is not None:
        axes.plot([value], [place], linestyle="", markersize=5, **style)


def _names(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [_name(name) for name in names], fontsize=9, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _title(axes: Axes, text: str) -> None:
    axes.set_title(one_line(text, 90), fontsize=10, loc="left", parse_math=False)


def _name(text: str) -> str:
    return one_line(text, WIDEST)


def _legend(text: str) -> str:
    """A name for a legend, which leaves out what begins with an underscore."""
    return "\u200b" + _name(text) if text.startswith("_") else _name(text)


def _plain_legend(legend: Any) -> None:
    for text in legend.get_texts():
        text.set_parse_math(False)
