"""MAD's greedy rule (arXiv 2404.08008; formats-and-rules §2), for many pairs of models side by side.

For each pair the first item is the one of the least score; each next one minimises

    score + λ · max cosine(instruction, the instructions selected before)

Equal items keep file order. What was selected before is this pair's, or with ``across`` every pair's: then items are
picked rank by rank, pairs in the order given, and each pick sees all picks before it.

The greatest cosine to what is selected only grows as more is selected. So the last one known of an item is a lower
bound of its goal, and an item is looked at again only while its bound is below the best goal found (lazy greedy; Minoux
1978). Where bounds tell little, all items of the pairs concerned are brought up to date by one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

#: Single-precision cosines of unit vectors are within this of the exact ones for any usual dimension.
ROUNDING = 2e-5
#: Where more rows than this share of the instructions are to be looked at again, one product for all is quicker than
#: gathering them.
CROWDED = 1 / 6
#: Items looked at one by one before the bounds are compared with the best of them.
TRIES = 8
#: Instructions multiplied at a time: the products of a block stay in the processor's cache.
BLOCK = 2048
#: Rows compared exactly at a time; above ``TWINS`` near-equal rows, identical instructions are compared once.
EXACT, TWINS = 1024, 256


@dataclass(frozen=True, slots=True)
class Pick:
    """One selected item: its place among the pair's candidates, and what was minimised."""

    place: int
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Rooms:
    """Quotas of one pair: the group of each item by number, and how many each group still takes."""

    group: IntArray
    room: IntArray


@dataclass(slots=True, eq=False)
class Nearest:
    """The greatest cosine of every instruction to the ``chosen`` ones (rows of the instructions).

    ``best`` is exact up to rounding for rows whose ``seen`` is the number chosen, and a lower bound for the others;
    all rows have seen the first ``whole`` of them.
    """

    instructions: Vectors
    chosen: list[int]
    best: Vectors = field(init=False)
    seen: npt.NDArray[np.int32] = field(init=False)
    whole: int = 0

    def __post_init__(self) -> None:
        self.best = np.full(len(self.instructions), -1.0 - ROUNDING, np.float32)
        self.seen = np.zeros(len(self.instructions), np.int32)

    def stale(self, rows: IntArray) -> IntArray:
        """Those of the rows that have not seen all that is chosen."""
        return rows[self.seen[rows] < len(self.chosen)]

    def measure(self, rows: IntArray) -> None:
        """Bring some rows up to date."""
        rows = self.stale(rows)
        if not len(rows):
            return
        heads = self.instructions[self.chosen[int(self.seen[rows].min()) :]]
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            cosines = (self.instructions[some] @ heads.T).max(axis=1)
            self.best[some] = np.maximum(self.best[some], cosines)
        self.seen[rows] = len(self.chosen)


def catch_up(several: Sequence[Nearest]) -> None:
    """Bring every row of several up to date, by one product of all that they have not seen with all instructions."""
    waiting = [near for near in several if near.whole < len(near.chosen)]
    if not waiting:
        return
    instructions = waiting[0].instructions
    heads = instructions[[row for near in waiting for row in near.chosen[near.whole :]]]
    sizes = np.cumsum([0] + [len(near.chosen) - near.whole for near in waiting])
    for start in range(0, len(instructions), BLOCK):
        block = slice(start, start + BLOCK)
        product = heads @ instructions[block].T
        for near, first, last in zip(waiting, sizes[:-1], sizes[1:], strict=True):
            np.maximum(near.best[block], product[first:last].max(axis=0), out=near.best[block])
    for near in waiting:
        near.seen[:] = near.whole = len(near.chosen)


def pick_least_similar(
    scores: Sequence[FloatArray],
    k: int | Sequence[int],
    diversity: float = 0.0,
    places: Sequence[IntArray] = (),
    instructions: Vectors | None = None,
    *,
    across: bool = False,
    before: Sequence[Sequence[int]] = (),
    rooms: Sequence[Rooms] = (),
) -> list[list[Pick]]:
    """MAD's selection for several pairs of models at once: the picks of each, in the order picked.

    ``scores`` holds each pair's scores (finite) in file order; ``k`` is how many to pick, of all or of each pair. With
    λ = ``diversity`` > 0, ``places`` says which row of ``instructions`` (items × dimensions, unit vectors in single
    precision; may be a memory map) belongs to each item. ``before``: rows that each pair had selected earlier; they
    count, and are not picked again (leave them out of ``scores``). ``rooms``: quotas of each pair.

    Items within rounding of the best are compared again in double precision, so that ties are real ones and go to the
    first in file order. Memory: pairs × instructions × 16 bytes, and the instructions if they are no map.
    """
    wanted = [k] * len(scores) if isinstance(k, int) else list(k)
    if not diversity:
        return [
            _plain(some, n, rooms[pair] if rooms else None)
            for pair, (some, n) in enumerate(zip(scores, wanted, strict=True))
        ]
    if instructions is None:
        raise ValueError("λ > 0 needs the instructions' vectors")
    earlier = [list(rows) for rows in before] if before else [[] for _ in scores]
    return _Choice(scores, places, instructions, diversity, earlier, rooms, across).run(wanted)


def _plain(scores: FloatArray, n: int, rooms: Rooms | None) -> list[Pick]:
    """λ = 0: the least scores."""
    order = np.argsort(scores, kind="stable")
    if rooms is not None:
        order = order[_nth_of_its_group(rooms.group[order]) < rooms.room[rooms.group[order]]]
    return [Pick(int(i), float(scores[i])) for i in order[:n]]


def _nth_of_its_group(group: IntArray) -> IntArray:
    """For each entry how many of the same group come before it."""
    order = np.argsort(group, kind="stable")
    sorted_ = group[order]
    starts = np.flatnonzero(np.r_[True, sorted_[1:] != sorted_[:-1]]) if len(group) else np.zeros(0, np.int64)
    nth = np.arange(len(group)) - np.repeat(starts, np.diff(np.r_[starts, len(group)]))
    out = np.empty(len(group), np.int64)
    out[order] = nth
    return out


class _Choice:
    """One greedy choice with λ > 0: what is selected, and a lower bound of every item's goal (inf: not to be had)."""

    def __init__(
        self, scores: Sequence[FloatArray], places: Sequence[IntArray], instructions: Vectors, diversity: float,
        before: list[list[int]], rooms: Sequence[Rooms], across: bool,
    ) -> None:  # fmt: skip
        self.scores, self.places, self.instructions, self.diversity = scores, places, instructions, diversity
        self.rooms = [Rooms(one.group, one.room.copy()) for one in rooms]
        self.across = across
        if across:
            self.nearest = [Nearest(instructions, [row for rows in before for row in rows])] * len(scores)
        else:
            self.nearest = [Nearest(instructions, rows) for rows in before]
        self.bound = [np.array(some, np.float64) for some in scores]
        self.spread = [False] * len(scores)  # whether a pair's bounds are of score + λ · cosine, not of the score alone
        self.twin: dict[bytes, int] = {}
        for pair, some in enumerate(self.rooms):
            self.bound[pair][some.room[some.group] <= 0] = np.inf

    def run(self, wanted: Sequence[int]) -> list[list[Pick]]:
        picks: list[list[Pick]] = [[] for _ in self.scores]
        for step in range(max(wanted, default=0)):
            active = [
                pair for pair, n in enumerate(wanted)
                if step < n and len(picks[pair]) == step and np.isfinite(self.bound[pair]).any()
            ]  # fmt: skip
            if not active:
                break
            # Alone each pair's pick concerns nobody else: what is crowded is brought up to date together.
            for some in [[pair] for pair in active] if self.across else [active]:
                self._settle(some)
                for pair in some:
                    picks[pair].append(self._take(pair))
        return picks

    def _settle(self, pairs: Iterable[int]) -> None:
        """Make the bounds of all items that could be the pairs' best exact."""
        open_items = {pair: self._below_the_best(pair) for pair in pairs if self.nearest[pair].chosen}
        rows = {pair: self.nearest[pair].stale(self.places[pair][items]) for pair, items in open_items.items()}
        if sum(map(len, rows.values())) > CROWDED * len(self.instructions):
            crowded = [pair for pair in rows if len(rows[pair]) > CROWDED * len(self.instructions) / len(rows)]
            catch_up([self.nearest[pair] for pair in crowded])
            for pair in crowded:
                self._raise(pair, None)
        for pair, items in open_items.items():
            self.nearest[pair].measure(rows[pair])
            self._raise(pair, items)

    def _below_the_best(self, pair: int) -> IntArray:
        """The items whose bounds are not above the best goal found at a first look."""
        near, bound = self.nearest[pair], self.bound[pair]
        if not self.spread[pair]:
            self.spread[pair] = True
            self._raise(pair, None)
        best = np.inf
        for _ in range(TRIES):  # one of the few items of the least bounds is nearly always nearly the best
            first = np.array([int(np.argmin(bound))])
            if bound[first[0]] >= best:
                break
            near.measure(self.places[pair][first])
            self._raise(pair, first)
            best = min(best, float(bound[first[0]]))
        return np.flatnonzero(bound <= best + 2 * self.diversity * ROUNDING)

    def _raise(self, pair: int, items: IntArray | None) -> None:
        """Take over what is known of these items' cosines (``None``: of all that are still to be had)."""
        bound = self.bound[pair]
        if items is None:
            gone = np.isinf(bound)
            np.multiply(self.nearest[pair].best[self.places[pair]], self.diversity, out=bound)
            bound += self.scores[pair]
            bound[gone] = np.inf
        else:
            bound[items] = self.scores[pair][items] + self.diversity * self.nearest[pair].best[self.places[pair][items]]

    def _take(self, pair: int) -> Pick:
        item, goal = self._first_least(pair)
        self.nearest[pair].chosen.append(int(self.places[pair][item]))
        self.bound[pair][item] = np.inf
        if self.rooms:
            group, room = self.rooms[pair].group, self.rooms[pair].room
            room[group[item]] -= 1
            if room[group[item]] <= 0:
                self.bound[pair][group == group[item]] = np.inf
        return Pick(item, goal)

    def _first_least(self, pair: int) -> tuple[int, float]:
        """The first item of the least goal, and that goal, both exact."""
        bound, chosen = self.bound[pair], self.nearest[pair].chosen
        if not chosen:
            item = int(np.argmin(bound))
            return item, float(bound[item])
        near = np.flatnonzero(bound <= bound.min() + 2 * self.diversity * ROUNDING)
        rows, back = np.unique(self._representatives(self.places[pair][near]), return_inverse=True)
        to = self.instructions[chosen].astype(np.float64)
        greatest = np.empty(len(rows))
        for start in range(0, len(rows), EXACT):
            some = self.instructions[rows[start : start + EXACT]].astype(np.float64)
            # Sums along each row by itself: equal rows give equal cosines, which a matrix product does not promise.
            greatest[start : start + EXACT] = np.max([(some * one).sum(axis=1) for one in to], axis=0)
        exact = self.scores[pair][near] + self.diversity * greatest[back]
        best = int(np.argmin(exact))
        return int(near[best]), float(exact[best])

    def _representatives(self, rows: IntArray) -> IntArray:
        """Many rows are nearly as good only where many are alike: of identical instructions one stands for all."""
        if len(rows) <= TWINS:
            return rows
        same = [self.twin.setdefault(self.instructions[row].tobytes(), int(row)) for row in rows]
        return np.array(same, np.int64)
