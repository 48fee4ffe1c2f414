"""One number of a comparison with how it was made, and the ways most of them are made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from workbench.agree.resampling import FEW_QUESTIONS, Resampling, estimate, finite
from workbench.agree.votes import FloatArray
from workbench.rate.clustered import Estimate, interval_words, ratio


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` of ``measure`` for ``side``; with ``against`` of the two together, or (``difference``) side − against.

    ``n`` counts what ``method`` says, on ``questions`` questions. ``lower`` and ``upper`` are bounds as ``interval``
    says; ``None`` where there are none, and ``note`` says why, or what else one has to know.
    """

    section: str
    measure: str
    side: str
    against: str | None
    value: float | None
    lower: float | None
    upper: float | None
    n: int
    questions: int
    method: str
    interval: str | None
    difference: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A share: (top, bottom) sums, one a question; ``low`` and ``high`` bound its range."""

    top: FloatArray
    bottom: FloatArray
    low: float = 0.0
    high: float = 1.0


def share_figure(section: str, measure: str, side: str, share: Share, method: str, how: Resampling) -> Figure:
    """Σ top / Σ bottom with the clustered Wilson interval of ``rate.clustered.ratio``."""
    found = ratio(share.top, share.bottom, level=how.level, low=share.low, high=share.high)
    return as_figure(section, measure, side, found, method)


def as_figure(section: str, measure: str, side: str, found: Estimate, method: str, note: str | None = None) -> Figure:
    note = note or (
        "nothing to go by" if found.value is None else few(found.questions) if found.lower is not None else None
    )
    return Figure(
        section, measure, side, None, found.value, found.lower, found.upper, found.n, found.questions, method,
        found.interval, note=note,
    )  # fmt: skip


def difference_figure(
    section: str, measure: str, sides: tuple[str, str], shares: tuple[Share, Share], method: str, how: Resampling
) -> Figure:
    """One side's share less the other's. Whole questions are resampled with both sides' items (paired); where no draw
    differs, the bounds come from the two sides' own intervals."""
    one, two = shares
    cells = np.stack([one.top, one.bottom, two.top, two.bottom], axis=1)
    cells = cells[(cells[:, 1] > 0) | (cells[:, 3] > 0)]
    n = round(float(max(one.bottom.sum(), two.bottom.sum())))
    found = estimate(cells, _difference, how)
    value, lower, upper = (finite(x[0]) for x in (found.value, found.lower, found.upper))
    interval = how.text() if lower is not None else None
    if lower is None and value is not None and found.questions > 1 and math.isfinite(one.high):
        lower, upper, interval = _without_draws(one, two, how)
    note = few(found.questions)
    if value is None:
        note = "nothing to go by"
    elif lower is None:
        note = "every question differs equally: no interval" if found.questions > 1 else "one question: no interval"
    return Figure(
        section, measure, *sides, value, lower, upper, n, found.questions, method, interval, difference=True, note=note
    )


def compared(
    section: str, measure: str, names: Sequence[str], shares: Sequence[Share], method: str, how: Resampling
) -> list[Figure]:
    """A measure of every side, and of every two sides the difference."""
    out = [share_figure(section, measure, name, share, method, how) for name, share in zip(names, shares, strict=True)]
    for i, j in combinations(range(len(names)), 2):
        if shares[i].bottom.any() and shares[j].bottom.any():
            both = (names[i], names[j])
            out.append(difference_figure(section, measure, both, (shares[i], shares[j]), method, how))
    return out


def _difference(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: FloatArray = sums[..., 0:1] / sums[..., 1:2] - sums[..., 2:3] / sums[..., 3:4]
    return found


def _without_draws(one: Share, two: Share, how: Resampling) -> tuple[float | None, float | None, str | None]:
    """Bounds where every question says the same of the difference: Newcombe's (1998, method 10) from the two sides'
    Wilson intervals, (difference ± root of the summed squares of their half-widths)."""
    a, b = (ratio(share.top, share.bottom, level=how.level, low=share.low, high=share.high) for share in (one, two))
    if a.value is None or a.lower is None or a.upper is None or b.value is None or b.lower is None or b.upper is None:
        return None, None, None
    difference, widest = a.value - b.value, one.high - one.low
    lower = difference - math.hypot(a.value - a.lower, b.upper - b.value)
    upper = difference + math.hypot(a.upper - a.value, b.value - b.lower)
    words = interval_words(how.level, "Newcombe's interval from the sides' own: every question differs equally")
    return max(lower, -widest), min(upper, widest), words


def few(questions: int) -> str | None:
    """What to say of an interval that rests on few questions."""
    return f"{questions} questions: too few for a reliable interval" if questions < FEW_QUESTIONS else None


def mean_difference(
    section: str, measure: str, sides: tuple[str, str], one: tuple[FloatArray, FloatArray],
    two: tuple[FloatArray, FloatArray], method: str, how: Resampling,
) -> Figure:  # fmt: skip
    """The same for means without a range, (sum, number) a question each."""
    no_range = (-np.inf, np.inf)
    return difference_figure(section, measure, sides, (Share(*one, *no_range), Share(*two, *no_range)), method, how)
