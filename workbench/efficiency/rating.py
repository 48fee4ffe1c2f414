"""Ratings of many choices of votes at once, each vote with a weight.

The ratings are those of ``workbench.rate``: Bradley–Terry with ties as half-wins, with the same weak prior where the
likelihood has no maximum, and Elo in the order the votes were decided (K = 4, scale 400). A vote of weight w counts w
times in the likelihood; in Elo it moves the ratings by w times K. With weights of 1 both give what
``fit_bradley_terry`` and ``online_elo`` give.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from workbench.efficiency.pool import BoolArray, FloatArray, IntArray, Pool
from workbench.rate.battles import IntArray as Codes
from workbench.rate.battles import PairTable
from workbench.rate.bradley_terry import PRIOR, to_points
from workbench.rate.elo import DEFAULT, EloSettings
from workbench.rate.existence import has_maximum
from workbench.rate.likelihood import Counts, HalfWins, Pairs, Problem, newton

#: Columns fitted together: bounds the stack of Hessians.
COLUMNS = 2_000
#: Less than any vote's weight: what counts as no vote at all.
NOTHING = 1e-12


def bradley_terry(pool: Pool, won: FloatArray, games: FloatArray) -> FloatArray:
    """(models × …) points from (pairs × …) weighted wins of the first (ties half) and games.

    NaN where the votes do not link all models: there is no common scale.
    """
    shape = won.shape[1:]
    flat_won, flat_games = won.reshape(len(won), -1), games.reshape(len(games), -1)
    out = np.full((len(pool.models), flat_won.shape[1]), np.nan)
    for start in range(0, flat_won.shape[1], COLUMNS):
        some = slice(start, start + COLUMNS)
        out[:, some] = _fit(pool, flat_won[:, some], flat_games[:, some])
    return out.reshape(len(pool.models), *shape)


def _fit(pool: Pool, won: FloatArray, games: FloatArray) -> FloatArray:
    models = len(pool.models)
    one: Codes = np.ones(models, dtype=np.int64)
    table = PairTable(models, pool.first, pool.second, won[:, 0], games[:, 0])
    met = np.where(games > NOTHING, 1.0, 0.0)
    linked = has_maximum(table, met, met, one)[0]
    out = np.full((models, won.shape[1]), np.nan)
    if linked.any():
        won, games = won[:, linked], games[:, linked]
        lost = games - won
        sound = has_maximum(table, (won > NOTHING).astype(float), (lost > NOTHING).astype(float), one)
        problem = Problem(Pairs(models, pool.first, pool.second), HalfWins(), one)
        theta = newton(problem, Counts(won, games, np.zeros(won.shape[1])), np.where(sound, 0.0, PRIOR))
        out[:, linked] = to_points(theta - theta.mean(axis=0))
    return out


def elo(pool: Pool, taken: BoolArray, weight: FloatArray, settings: EloSettings = DEFAULT) -> FloatArray:
    """(models × choices × rounds) points after all chosen votes in the order they were decided.

    ``taken`` (choices × items) says which items a choice holds, ``weight`` (rounds × questions) how much the votes on a
    question count. NaN where the votes do not link all models.
    """
    rating = np.zeros((len(pool.models), len(taken), len(weight)))
    stake = settings.k * settings.slope * weight
    a_of, b_of, q_of = pool.first[pool.pair], pool.second[pool.pair], pool.question
    for item, won in zip(pool.item.tolist(), pool.won.tolist(), strict=True):
        rows = np.flatnonzero(taken[:, item])
        a, b = a_of[item], b_of[item]
        gap = rating[a, rows] - rating[b, rows]
        gain = stake[:, q_of[item]] * (won - 1.0 / (1.0 + np.exp(-gap)))
        rating[a, rows] += gain
        rating[b, rows] -= gain
    rating[:, ~linking(pool, taken)] = np.nan
    return settings.start + rating / settings.slope


def linking(pool: Pool, taken: BoolArray) -> BoolArray:
    """(choices) do the chosen items link all models?"""
    met = np.stack([taken[:, pool.pair == p].any(axis=1) for p in range(len(pool.first))]).astype(np.float64)
    one: IntArray = np.ones(len(pool.models), dtype=np.int64)
    found: BoolArray = has_maximum(
        PairTable(len(pool.models), pool.first, pool.second, met[:, 0], met[:, 0]), met, met, one
    )[0]
    return found


def by_method(method: str) -> Callable[[Pool, BoolArray, FloatArray], FloatArray]:
    """(models × choices × rounds) points from ``taken`` (choices × items) and ``weight`` (rounds × questions)."""
    return {"bt": _bt_of, "elo": elo}[method]


def _bt_of(pool: Pool, taken: BoolArray, weight: FloatArray) -> FloatArray:
    won, games = pool.item_won, pool.item_games
    times = weight[:, pool.question].T
    shape = (len(pool.first), len(taken), len(weight))
    sums = np.empty((2, *shape))
    for p in range(shape[0]):
        some = pool.pair == p
        held = taken[:, some].astype(np.float64)
        sums[0, p] = held @ (won[some, None] * times[some])
        sums[1, p] = held @ (games[some, None] * times[some])
    return bradley_terry(pool, sums[0], sums[1])
