"""The whole comparison: making what is missing, bringing the sides together, and every section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.agree.resampling import Resampling
from workbench.compare.agreement import Confusion, agreement_figures, confusion
from workbench.compare.bias import bias_figures
from workbench.compare.boards import BoardRow, Move, board_figures
from workbench.compare.consistency import consistency_figures
from workbench.compare.costs import cost_figures
from workbench.compare.disagreements import Disagreement, disagreements, keep_selection
from workbench.compare.figures import Figure
from workbench.compare.items import Items, common_items, pairs_of
from workbench.compare.people import Nearer, people_figures
from workbench.compare.reading import SideRead, read_side
from workbench.compare.running import Source, asked_specs, run_sides
from workbench.compare.spec import CompareSpec
from workbench.progress import Progress, Silent, StageReport
from workbench.text import plural

if TYPE_CHECKING:
    from workbench.store import Store

SECTIONS = ("agreement", "bias", "consistency", "cost", "people", "leaderboards")


@dataclass(frozen=True, slots=True)
class SideSummary:
    """A side as it was compared. ``states``: of all items that any side looked at (``missing``: this one did not).
    ``left_out``: those that are not compared though this side is ok. ``report``: what was asked for now."""

    name: str
    judge: str
    protocol: str
    templates: tuple[str, ...]
    versions: tuple[str, ...]
    modes: tuple[str, ...]
    orders: tuple[str, ...]
    states: Mapping[str, int]
    left_out: int
    report: StageReport | None


@dataclass(frozen=True, slots=True)
class Selected:
    """The selection that was stored."""

    name: str
    selection_id: str
    pairs: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that is known of the sides on the ``items`` (of ``questions`` questions) that all of them judged."""

    kind: str
    measure: str
    items: int
    questions: int
    sides: tuple[SideSummary, ...]
    figures: tuple[Figure, ...]
    confusion: tuple[Confusion, ...]
    nearer: tuple[Nearer, ...]
    boards: tuple[BoardRow, ...]
    moves: tuple[Move, ...]
    disagreements: tuple[Disagreement, ...]
    selection: Selected | None
    notes: tuple[str, ...]

    def section(self, name: str) -> list[Figure]:
        return [figure for figure in self.figures if figure.section == name]


def compare_judges(store: Store, spec: CompareSpec, progress: Progress | None = None) -> Comparison:
    """Run the missing judgments of every side (unless ``spec.run`` is false) and compare them on the same items.

    Raises:
        Unknown, BadInput: a judge, template, protocol or scope there is not; nothing was judged by all sides.
        EngineError, Incomplete, StoreError: as ``judging.judge``.
    """
    if spec.run:
        sources = run_sides(store, spec, progress or Silent())
    else:
        sources = [Source(side) for side, _ in asked_specs(store, spec)]
    read = [read_side(store, source, spec.shared) for source in sources]
    return compared(store, spec, sources, common_items(read))


def compared(store: Store, spec: CompareSpec, sources: Sequence[Source], items: Items) -> Comparison:
    """Every section, of items that were brought together."""
    how = Resampling(spec.rounds, spec.seed, spec.level)
    pairs = pairs_of(items)
    people, nearer = people_figures(store, pairs, items.names, how)
    ranks, boards, moves = board_figures(items, pairs, how)
    figures = [
        *agreement_figures(items, how), *bias_figures(store, items, pairs, spec.family, how),
        *consistency_figures(items, how), *cost_figures(items, how), *people, *ranks,
    ]  # fmt: skip
    chosen = None
    if spec.select is not None:
        chosen = Selected(spec.select, *keep_selection(store, items, pairs, spec.select, spec.disagreements))
    return Comparison(
        items.sides[0].kind, items.measure, len(items), len(items.questions),
        tuple(_summary(items, i, source) for i, source in enumerate(sources)),
        tuple(figures), tuple(confusion(items)), tuple(nearer), tuple(boards), tuple(moves),
        tuple(disagreements(items, spec.disagreements)), chosen, tuple(_notes(items)),
    )  # fmt: skip


def _summary(items: Items, i: int, source: Source) -> SideSummary:
    side = items.sides[i]
    states = items.states[i]
    return SideSummary(
        side.side.name, side.side.judge, side.side.protocol, side.templates, side.versions, side.modes, side.orders,
        states, states.get("ok", 0) - len(items), source.report,
    )  # fmt: skip


def _notes(items: Items) -> list[str]:
    """What one has to know to read the numbers."""
    out = []
    if items.same == len(items):
        out.append("two sides are the very same judgments: they agree by definition")
    elif items.same:
        out.append(
            f"on {plural(items.same, 'item')} two sides are the very same judgments (the same template serves both)"
        )
    for side in items.sides:
        name = side.side.name
        if len(side.versions) > 1:
            out.append(
                f"{name} judged under {len(side.versions)} settings; of each item the verdict that stands counts"
            )
        if len(side.modes) > 1:
            out.append(f"{name}'s verdicts were read by both readings (compat, corrected); --mode takes one")
    if items.measure == "verdict":
        out += _about_orders(items.sides)
    return out


def _about_orders(sides: Sequence[SideRead]) -> list[str]:
    both = {side.side.name: {"ab", "ba"} <= set(side.orders) or "both" in side.orders for side in sides}
    if all(both.values()) or not any(both.values()):
        return []
    one = ", ".join(name for name, found in both.items() if not found)
    return [f"{one} saw pairs in one order only, others in both: a verdict over one game is compared with one over two"]
