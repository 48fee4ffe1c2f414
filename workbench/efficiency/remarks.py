"""What a study of sample efficiency comes to, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.efficiency.pool import Pool
from workbench.efficiency.spec import EfficiencySpec
from workbench.efficiency.summary import Point
from workbench.text import plural

if TYPE_CHECKING:
    from workbench.efficiency.study import Efficiency

NAMES = {"bt": "Bradley–Terry", "elo": "Elo"}
AGAINST = {"all": "all votes", "rest": "the rest", "half": "a held-out half"}
FEW_QUESTIONS = 30


def remarks(found: Efficiency, spec: EfficiencySpec, pool: Pool) -> Iterator[str]:
    """What is left out, what differs by more than chance, and how many items reach the target."""
    if found.left_out:
        yield "left out: " + ", ".join(f"{n:,} {state}" for state, n in sorted(found.left_out.items()))
    if "mad" not in found.strategies and not spec.strategies:
        yield "MAD is not replayed: the voted answers have no similarity, and are not stored to be compared"
    if found.questions < FEW_QUESTIONS:
        yield f"{plural(found.questions, 'question')}: too few for a reliable interval"
    if int(pool.size.min()) < max(found.budgets):
        yield f"some pairs of models have only {plural(int(pool.size.min()), 'item')}: they give what they have"
    for method in found.methods:
        yield from _apart(found, method)
        yield from _enough(found, spec, method)
        yield from _saturating(found, method)


def _apart(found: Efficiency, method: str) -> Iterator[str]:
    """Against random, over all budgets together: does a strategy do better by more than the interval?"""
    for row in found.differences:
        if row.method != method or row.measure != "spearman" or row.items is not None or row.value is None:
            continue
        reach = "" if row.lower is None else f" [{row.lower:+.3f}, {row.upper:+.3f}]"
        verdict = "cannot tell them apart" if row.lower is None else _verdict(row.lower, row.upper)
        good = "" if row.random_as_good is None else f"; {row.random_as_good:.0%} of random draws do as well or better"
        yield (
            f"{NAMES[method]} against {AGAINST[row.against]}: {row.strategy} − random, mean over budgets, Spearman's ρ "
            f"{row.value:+.3f}{reach}: {verdict}{good}"
        )


def _verdict(lower: float, upper: float | None) -> str:
    assert upper is not None
    return "better" if lower > 0 else "worse" if upper < 0 else "within noise"


def _enough(found: Efficiency, spec: EfficiencySpec, method: str) -> Iterator[str]:
    """From which budget on the correlation with all votes stays at the target: mean, lower bound, single runs."""
    most = max(found.budgets)
    for strategy in found.strategies:
        rows = [
            p for p in found.points
            if (p.method, p.against, p.measure, p.strategy) == (method, "all", "spearman", strategy)
        ]  # fmt: skip
        told = [("on average", [p.value for p in rows])]
        if found.interval:
            told.append(("by its lower bound", [p.value if p.lower is None else p.lower for p in rows]))
        if any(p.draw_lower is not None for p in rows):
            told.append((f"in {(1 + spec.level) / 2:.1%} of single runs", [p.draw_lower for p in rows]))
        words = []
        for how, values in told:
            least = _from(rows, values, spec.target)
            words.append(
                f"{how} " + ("never" if not least else f"from {least} on" if least < most else f"at {most} only")
            )
        yield (
            f"{NAMES[method]}, {strategy}: items a pair for Spearman's ρ of {spec.target:g} with all votes: "
            + ", ".join(words)
        )


def _when(least: int, most: int) -> str:
    return f"from {least} on" if least < most else f"at {most} only"


def _from(rows: list[Point], values: list[float | None], target: float) -> int | None:
    """The smallest budget from which on all values reach the target."""
    found = None
    for row, value in zip(rows, values, strict=True):
        if value is None or value < target:
            found = None
        elif found is None:
            found = row.items
    return found


def _saturating(found: Efficiency, method: str) -> Iterator[str]:
    """How far two separate halves of the votes agree: what no budget can be seen to pass."""
    rows = [p for p in found.points if (p.method, p.against, p.measure) == (method, "half", "spearman")]
    if rows:
        most = max(p.items for p in rows)
        told = ", ".join(f"{p.strategy} {p.value:.3f}" for p in rows if p.items == most and p.value is not None)
        yield f"{NAMES[method]}, {most} items a pair against a held-out half, whose own noise is in this: {told}"
