"""The order in which each strategy would have labelled the items of a pool.

A replay is one array: for each item the step at which it is chosen, from 0; ``NEVER`` for items it may not choose. With
a budget of K items a pair of models, the items of steps 0 … K − 1 are labelled: K of each pair, or all that a pair has.
``label-next`` has the same number of items at each budget and spreads them over the pairs as it sees fit: a batch of
as many items as the others choose at that step, planned from the votes on the batches before. It looks at a vote only
after it chose the item.
"""

from __future__ import annotations

import numpy as np

from workbench.efficiency.pool import BoolArray, IntArray, Pool, Vectors
from workbench.select import pick_least_similar
from workbench.select.design import Pairs
from workbench.select.label_next import Field, pick, strengths
from workbench.select.label_next import Pool as Candidates

#: Step of an item that is not to be chosen from.
NEVER = np.iinfo(np.int32).max


def mad(pool: Pool, free: BoolArray, diversity: float = 0.0, instructions: Vectors | None = None) -> IntArray:
    """MAD: the least alike of each pair first (``select.pick_least_similar``); λ = ``diversity`` weighs how near an
    item's instruction (``instructions``, a unit vector an item) is to those chosen before. Equal ones in file order.
    """
    members = [np.flatnonzero((pool.pair == p) & free) for p in range(len(pool.first))]
    most = max(len(some) for some in members)
    scores = [pool.similarity[some] for some in members]
    picks = pick_least_similar(scores, most, diversity, members if diversity else (), instructions)
    out = np.full(len(pool.pair), NEVER, dtype=np.int64)
    for some, chosen in zip(members, picks, strict=True):
        out[some[[pick.place for pick in chosen]]] = np.arange(len(chosen))
    return out


def random(pool: Pool, free: BoolArray, rng: np.random.Generator) -> IntArray:
    """Items of each pair in random order."""
    order = np.lexsort((rng.random(len(pool.pair)), ~free, pool.pair))
    size = pool.size
    within = np.arange(len(order)) - np.repeat(np.cumsum(size) - size, size)
    out = np.empty(len(order), dtype=np.int64)
    out[order] = within
    out[~free] = NEVER
    return out


def split(pool: Pool, rng: np.random.Generator) -> BoolArray:
    """A random half of each pair's items, the larger where the number is odd: those that may be chosen."""
    everything = np.ones(len(pool.pair), dtype=np.bool_)
    found: BoolArray = random(pool, everything, rng) < ((pool.size + 1) // 2)[pool.pair]
    return found


def batches(pool: Pool, free: BoolArray, most: int) -> list[int]:
    """How many items there are at each step: as many as pairs of models have one left."""
    size = np.bincount(pool.pair[free], minlength=len(pool.first))
    return [int((size > step).sum()) for step in range(min(most, int(size.max(initial=0))))]


def label_next(pool: Pool, free: BoolArray, rng: np.random.Generator, most: int) -> IntArray:
    """``select --method label-next --goal ranking``, batch after batch up to ``most`` steps.

    No judge's verdicts are looked at. Items within a pair come in random order, those on questions used least first.
    """
    replay = _LabelNext(pool, free, rng)
    for step, n in enumerate(batches(pool, free, most)):
        replay.label(replay.choose(n), step)
    return replay.step


class _LabelNext:
    """What is known so far: ``step`` of each item chosen, and per pair the votes on chosen items."""

    def __init__(self, pool: Pool, free: BoolArray, rng: np.random.Generator) -> None:
        self.pool = pool
        pairs, places = len(pool.first), int(pool.place.max()) + 1
        self.step = np.full(len(pool.pair), NEVER, dtype=np.int64)
        self.won, self.games = np.zeros(pairs), np.zeros(pairs)
        self.used = np.zeros(places, dtype=np.int64)
        self.at = np.full((pairs, places), -1, dtype=np.int64)
        self.at[pool.pair, pool.place] = np.arange(len(pool.pair))
        shuffled = rng.permutation(np.flatnonzero(free))
        self.left = [pool.place[shuffled[pool.pair[shuffled] == p]] for p in range(pairs)]
        self._item_won, self._item_games = pool.item_won, pool.item_games

    def choose(self, n: int) -> IntArray:
        """The next ``n`` items, by votes on the items labelled so far alone."""
        pool, sides = self.pool, (len(self.pool.models), self.pool.first, self.pool.second)
        none = np.zeros(len(pool.first))
        unknown = [np.full(len(some), np.nan) for some in self.left]
        candidates = [Candidates("", "", some, nan, nan) for some, nan in zip(self.left, unknown, strict=True)]
        field = Field(
            pool.models, [""] * len(self.used), self.used, candidates, Pairs(*sides, self.won, self.games),
            Pairs(*sides, none, none), 0.0, 0,
        )  # fmt: skip
        choices, _ = pick(field, strengths(field), "ranking", n)
        return self.at[[c.pair for c in choices], [c.place for c in choices]]

    def label(self, items: IntArray, step: int) -> None:
        """Look at the votes on these items."""
        self.step[items] = step
        pairs = self.pool.pair[items]
        np.add.at(self.won, pairs, self._item_won[items])
        np.add.at(self.games, pairs, self._item_games[items])
        np.add.at(self.used, self.pool.place[items], 1)
        for p in np.unique(pairs).tolist():
            self.left[p] = self.left[p][~np.isin(self.left[p], self.pool.place[items[pairs == p]])]
