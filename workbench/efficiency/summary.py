"""Curves as points and differences with intervals.

A value is the mean over draws (random orders, replays, splits). Its interval says how it would vary with other
questions and votes of the same kind: Bayesian bootstrap over questions (Rubin 1981; each question's votes get a weight
drawn from the exponential distribution, the same for all strategies), percentiles taken further out for few questions
(Hesterberg 2015) and put around the value: a correlation of ratings that are noisy twice over is lower than that of the
ratings, which would shift plain percentiles. Choices are kept: those of MAD and random do not depend on votes; those of
label-next do, so that its intervals are a little narrow. The range of single draws stands beside it: what one run may
give.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.efficiency.curves import INNER, Curve, Replays, mean_of
from workbench.efficiency.measures import RANGE
from workbench.efficiency.pool import FloatArray, IntArray, Pool
from workbench.efficiency.spec import MEASURES, EfficiencySpec
from workbench.rate.quantiles import expanded_percentiles

#: Draws no further apart than this are the same.
SAME = 1e-12
BASE = "random"


@dataclass(frozen=True, slots=True)
class Point:
    """``measure`` of ``strategy`` at ``items`` a pair, against the reference ``against``, ratings by ``method``.

    ``value``: mean over ``draws`` less ``undefined`` ones (no common scale, or all models rated alike); ``None`` where
    that is most. ``lower`` and ``upper``: bootstrap over questions; ``None`` for none. ``draw_lower`` and
    ``draw_upper``: the middle of single draws; ``None`` for a strategy without chance. ``chosen`` items and ``votes``
    on them, means over draws.
    """

    method: str
    against: str
    measure: str
    strategy: str
    items: int
    value: float | None
    lower: float | None
    upper: float | None
    draw_lower: float | None
    draw_upper: float | None
    chosen: float
    votes: float
    draws: int
    undefined: int


@dataclass(frozen=True, slots=True)
class Difference:
    """``strategy`` − random at ``items`` a pair; ``items`` ``None``: mean over the budgets below the whole pool.

    ``random_as_good``: share of random draws that do as well or better (equal ones count half). Better is lower for
    ``error`` and higher for all else.
    """

    method: str
    against: str
    measure: str
    strategy: str
    items: int | None
    value: float | None
    lower: float | None
    upper: float | None
    random_as_good: float | None
    draws: int


def interval_words(spec: EfficiencySpec, questions: int) -> str | None:
    if not spec.rounds:
        return None
    return (
        f"{spec.level * 100:.4g} % Bayesian bootstrap over {questions:,} questions, {spec.rounds} rounds of "
        f"{min(spec.draws, INNER)} draws, seed {spec.seed}; percentiles around the value"
    )


def points(
    pool: Pool, spec: EfficiencySpec, method: str, against: str, replays: Mapping[str, Replays],
    curves: Mapping[str, Curve], budgets: IntArray,
) -> list[Point]:  # fmt: skip
    """A row per strategy, measure and budget."""
    out = []
    for strategy, curve in curves.items():
        steps = replays[strategy].steps
        taken = steps[:, None, :] < budgets[None, :, None]
        chosen, votes = taken.sum(axis=2).mean(axis=0), (taken @ pool.item_games).mean(axis=0)
        for m, measure in enumerate(MEASURES):
            value = mean_of(curve.draws[m], 0)
            lower, upper = _bounds(value, curve.rounds[m], spec.level, pool.questions, RANGE[measure])
            low, high = _spread(curve.draws[m], spec.level)
            undefined = np.isnan(curve.draws[m]).sum(axis=0)
            out += [
                Point(
                    method, against, measure, strategy, k, _known(value[i]), _known(lower[i]), _known(upper[i]),
                    _known(low[i]), _known(high[i]), float(chosen[i]), float(votes[i]), len(steps), int(undefined[i]),
                )
                for i, k in enumerate(budgets.tolist())
            ]  # fmt: skip
    return out


def differences(
    pool: Pool, spec: EfficiencySpec, method: str, against: str, curves: Mapping[str, Curve], budgets: IntArray,
    largest: int,
) -> list[Difference]:  # fmt: skip
    """A row per strategy other than random, measure and budget, and one over all budgets below ``largest``, at which
    every strategy has chosen all there is."""
    if BASE not in curves:
        return []
    base, out = curves[BASE], []
    inner = np.array([k for k, budget in enumerate(budgets) if budget < largest], dtype=np.int64)
    for strategy, curve in curves.items():
        if strategy == BASE:
            continue
        for m, measure in enumerate(MEASURES):
            better = -1.0 if measure == "error" else 1.0
            draws, against_draws = curve.draws[m], base.draws[m]
            rounds = curve.rounds[m] - base.rounds[m]
            rows = [
                (k, mean_of(draws[:, [i]], 0) - mean_of(against_draws[:, [i]], 0), rounds[[i]],
                 _as_good(better * draws[:, i], better * against_draws[:, i]))
                for i, k in enumerate(budgets.tolist())
            ]  # fmt: skip
            inside = [i for i in inner.tolist() if math.isfinite(rows[i][1][0])]
            if inside:
                one, two = draws[:, inside].mean(axis=1), against_draws[:, inside].mean(axis=1)
                value = np.mean([rows[i][1] for i in inside], axis=0)
                rows.append((None, value, rounds[inside].mean(axis=0)[None], _as_good(better * one, better * two)))
            for k, value, some, as_good in rows:
                lower, upper = _bounds(value, some, spec.level, pool.questions, (-math.inf, math.inf))
                v, low, high = (_known(x[0]) for x in (value, lower, upper))
                out.append(Difference(method, against, measure, strategy, k, v, low, high, as_good, len(against_draws)))
    return out


def _as_good(one: FloatArray, base: FloatArray) -> float | None:
    """Share of draws of random that are as good as the strategy's, or better."""
    known = np.isfinite(base) & np.isfinite(one)
    if 2 * known.sum() < len(base):
        return None
    gap = (base - one)[known]
    return float(np.mean(np.where(np.abs(gap) < SAME, 0.5, gap > 0)))


def _bounds(
    value: FloatArray, rounds: FloatArray, level: float, questions: int, within: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Bounds of each value from its (values × rounds) draws; NaN where there are too few or all are the same."""
    lower, upper = np.full(len(value), np.nan), np.full(len(value), np.nan)
    for i, some in enumerate(rounds):
        known = some[np.isfinite(some)]
        if len(known) < 2 or 2 * len(known) < len(some) or np.ptp(known) < SAME or not math.isfinite(value[i]):
            continue
        around = (known - known.mean() + value[i])[:, None]
        found = expanded_percentiles(around, level, np.array([float(questions)]))
        lower[i], upper[i] = (float(np.clip(bound[0], *within)) for bound in found)
    return lower, upper


def _spread(draws: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Bounds of the middle of single draws (draws × budgets)."""
    nothing = np.full(draws.shape[1], np.nan)
    if len(draws) < 2:
        return nothing, nothing
    tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    known = np.isfinite(draws)
    out = np.full((2, draws.shape[1]), np.nan)
    for i in np.flatnonzero(2 * known.sum(axis=0) >= len(draws)):
        out[:, i] = np.quantile(draws[known[:, i], i], tails)
    return out[0], out[1]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
