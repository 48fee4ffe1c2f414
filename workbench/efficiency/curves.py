"""Curves: how near the ratings of K items a pair come to a reference, by strategy and draw.

A reference is the rating of ``all`` votes (of which the chosen ones are a part: at the largest K any strategy reaches
1), of the ``rest`` (the votes on items not chosen: apart from the chosen ones, but fewer with every K, and for MAD
another kind of items than for random choice), or of a held-out ``half`` (a random half of each pair's items that no
strategy may choose from: the same for all strategies and budgets).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.efficiency import replay
from workbench.efficiency.measures import measured
from workbench.efficiency.pool import BoolArray, FloatArray, IntArray, Pool, Vectors
from workbench.efficiency.rating import by_method
from workbench.efficiency.spec import MEASURES, STRATEGIES, EfficiencySpec

#: Draws of each strategy that go into a round of the bootstrap; values come from all draws.
INNER = 25
#: Numbers in the largest temporary array (8 bytes each).
CELLS = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Replays:
    """``steps`` and ``free`` (draws × items) of one strategy: see ``replay``."""

    strategy: str
    steps: IntArray
    free: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """``draws`` (measures × draws × budgets), all votes weighing 1; ``rounds`` (measures × budgets × rounds): means
    over draws of each round of the bootstrap."""

    draws: FloatArray
    rounds: FloatArray


def whole(
    pool: Pool, spec: EfficiencySpec, strategies: Sequence[str], most: int, vectors: Vectors | None
) -> list[Replays]:
    """Replays that may choose from all items."""
    free = np.ones((spec.draws, len(pool.pair)), dtype=np.bool_)
    return _replays(pool, spec, strategies, most, vectors, free)


def halved(
    pool: Pool, spec: EfficiencySpec, strategies: Sequence[str], most: int, vectors: Vectors | None
) -> list[Replays]:
    """Replays that may choose from a random half each; draw i of every strategy from the same."""
    rng = np.random.default_rng([spec.seed, 1])
    free = np.stack([replay.split(pool, rng) for _ in range(spec.draws)])
    return _replays(pool, spec, strategies, most, vectors, free)


def _replays(
    pool: Pool, spec: EfficiencySpec, strategies: Sequence[str], most: int, vectors: Vectors | None, free: BoolArray
) -> list[Replays]:
    out = []
    same = bool(free.all())
    for strategy in strategies:
        # Each has chance of its own, whoever is replayed beside it.
        rng = np.random.default_rng([spec.seed, 2 + STRATEGIES.index(strategy), int(same)])
        if strategy == "mad":
            some = free[:1] if same else free
            steps = [replay.mad(pool, one, spec.diversity, vectors) for one in some]
        elif strategy == "random":
            some, steps = free, [replay.random(pool, one, rng) for one in free]
        else:
            some, steps = free, [replay.label_next(pool, one, rng, most) for one in free]
        out.append(Replays(strategy, np.stack(steps), some))
    return out


def curve(pool: Pool, found: Replays, against: str, method: str, budgets: IntArray, weights: FloatArray) -> Curve:
    """``weights`` (rounds × questions) of the bootstrap."""
    one = np.ones((1, pool.questions))
    draws = _values(pool, found.steps, found.free, against, method, budgets, one)[..., 0]
    steps, free = found.steps[:INNER], found.free[:INNER]
    models = len(pool.models)
    at_once = max(1, CELLS // max(1, len(steps) * len(budgets) * models**2))
    rounds = [np.zeros((len(MEASURES), len(budgets), 0))]
    for start in range(0, len(weights), at_once):
        values = _values(pool, steps, free, against, method, budgets, weights[start : start + at_once])
        rounds.append(mean_of(values, 1))
    return Curve(draws, np.concatenate(rounds, axis=2))


def _values(
    pool: Pool, steps: IntArray, free: BoolArray, against: str, method: str, budgets: IntArray, weight: FloatArray
) -> FloatArray:
    """(measures × draws × budgets × rounds)"""
    rate = by_method(method)
    shape = (len(steps), len(budgets))
    taken = steps[:, None, :] < budgets[None, :, None]
    rating = rate(pool, taken.reshape(-1, taken.shape[2]), weight).reshape(len(pool.models), *shape, -1)
    if against == "rest":
        rest = free[:, None, :] & ~taken
        reference = rate(pool, rest.reshape(-1, rest.shape[2]), weight).reshape(rating.shape)
    elif against == "half":
        reference = rate(pool, ~free, weight)[:, :, None, :]
    else:
        reference = rate(pool, np.ones_like(free[:1]), weight)[:, :, None, :]
    return measured(rating, reference)


def mean_of(values: FloatArray, axis: int) -> FloatArray:
    """Mean of what is defined; NaN where less than half is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=axis) / count
    out: FloatArray = np.where(2 * count >= values.shape[axis], mean, np.nan)
    return out
