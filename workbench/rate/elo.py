"""Elo ratings: one battle after another, in the order they were decided.

After a battle of a and b, a gains K · (score − 1 / (1 + base^((R_b − R_a) / scale))) and b loses as much (Elo 1978).
K = 4, scale 400, base 10 and a start of 1000 are those of MAD-Eval and of the first Chatbot Arena. The result depends
on the order, which two different things are done about:

- ``permutation_elo``: the median over random orders of the same battles. MAD-Eval (arXiv 2404.08008) calls this
  bootstrap; it shows what the order does, and nothing of what other battles would have done.
- ``bootstrap_elo``: questions drawn with replacement, in random order. Its spread is an interval for the rating.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workbench.rate.battles import (
    Battles,
    FloatArray,
    IntArray,
    Ratings,
    check_level,
    components,
    pair_table,
    percentiles,
)
from workbench.rate.bootstrap import LEVEL, ROUNDS, SEED, check_rounds, interval_text
from workbench.rate.quantiles import expanded_percentiles

#: Battles × rounds played at most: beyond it rounds are cut (but not below MIN_ROUNDS), and the result says how many.
MAX_PLAYED = 100_000_000
MIN_ROUNDS = 100
#: Entries of the largest table of battle numbers of resamples: bounds memory to a few tens of megabytes.
BLOCK = 1_000_000
#: Bytes of the orders that are played side by side. An order is shuffled as a whole, so that all of it is there.
ORDERS_BYTES = 128 * 2**20
#: Entries of a table of battles made ready to be played: what fits a processor's own cache.
READY = 64_000


ORDERS = ("given", "time", "random")


@dataclass(frozen=True, slots=True)
class EloSettings:
    """``k``: points at stake; ``scale``: points that multiply the odds by ``base``; ``start``: first rating of all.

    ``order``: battles as they are given, which is by time if the caller sorted them so, or in one random order, drawn
    with ``seed``; only ``online_elo`` and ``elo_interval`` look at it.

    Raises:
        ValueError: a number is not finite or not positive (k, scale), base is not above 1, or the order is unknown.
    """

    k: float = 4.0
    scale: float = 400.0
    base: float = 10.0
    start: float = 1000.0
    order: str = "given"
    seed: int = SEED

    def __post_init__(self) -> None:
        for name, least in (("k", 0.0), ("scale", 0.0), ("base", 1.0), ("start", -math.inf)):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > least):
                bound = "" if name == "start" else f" above {least:g}"
                raise ValueError(f"{name} must be a number{bound}, not {value}")
        if self.order not in ORDERS:
            raise ValueError(f"order must be one of {', '.join(ORDERS)}, not {self.order!r}")

    @property
    def slope(self) -> float:
        """Natural logarithm of the odds, per point."""
        return math.log(self.base) / self.scale


DEFAULT = EloSettings()


def online_elo(battles: Battles, settings: EloSettings = DEFAULT) -> Ratings:
    """Ratings after all battles in the settings' order, without an interval. A plain loop: ~0.2 µs a battle."""
    rating = [settings.start] * len(battles.models)
    k, slope, exp = settings.k, settings.slope, math.exp
    a_of, b_of, score_of = battles.a, battles.b, battles.score
    if settings.order == "random":
        order = np.random.default_rng(settings.seed).permutation(len(battles))
        a_of, b_of, score_of = a_of[order], b_of[order], score_of[order]
    # Lists of Python numbers: indexing an array one by one is several times slower.
    for a, b, score in zip(a_of.tolist(), b_of.tolist(), score_of.tolist(), strict=True):
        gain = k * (score - 1.0 / (1.0 + exp((rating[b] - rating[a]) * slope)))
        rating[a] += gain
        rating[b] -= gain
    return _ratings("elo", battles, np.array(rating, dtype=np.float64))


def permutation_elo(
    battles: Battles,
    *,
    rounds: int = ROUNDS,
    seed: int = SEED,
    level: float = LEVEL,
    settings: EloSettings = DEFAULT,
) -> Ratings:
    """Median ratings over random orders of the same battles; same numbers as MAD-Eval's for its seed 42.

    Its orders come from ``np.random.seed(42)`` and pandas' ``sample(frac=1.0, replace=False)``, which takes
    ``RandomState.permutation(n)``, once a round. The bounds hold the middle ``level`` of the orders: they are no
    interval for the rating, and ``interval`` says so.

    Raises:
        ValueError: level is not between 0 and 1, or rounds is not positive.
    """
    check_level(level)
    check_rounds(rounds)
    n = len(battles)
    if not n:
        return _ratings("elo-permutation", battles, np.zeros(0))
    rounds = _affordable(n, rounds)
    a, b, score, kind = _kinds(battles)
    # The legacy generator, because the published figures were drawn from it.
    source = np.random.RandomState(seed)
    final = np.empty((rounds, len(battles.models)))
    compact = np.min_scalar_type(len(a) - 1)
    blocks = math.ceil(rounds * n * compact.itemsize / ORDERS_BYTES)
    step = math.ceil(rounds / blocks)
    for first in range(0, rounds, step):
        some = min(step, rounds - first)
        orders = np.empty((some, n), dtype=compact)
        for row in orders:
            shuffled = kind.copy()
            # What ``permutation(n)`` does, without numbers that are only looked up.
            source.shuffle(shuffled)
            row[:] = shuffled
        table = _Table(len(battles.models), some, settings)
        table.play(a, b, score, orders.T)
        final[first : first + some] = table.ratings()
    return _medians("elo-permutation", battles, final, level, seed, "of random orders (not a sampling interval)")


def bootstrap_elo(
    battles: Battles,
    *,
    rounds: int = ROUNDS,
    seed: int = SEED,
    level: float = LEVEL,
    settings: EloSettings = DEFAULT,
    random_order: bool = True,
) -> Ratings:
    """Median ratings and percentile interval over resamples: questions drawn with replacement.

    In ``random_order`` the drawn questions are played one after another, each with all its battles in their own order;
    else all battles drawn are played in the order they were decided. Battles of fewer than two questions are played
    once and have no interval. Where battles × rounds exceed ``MAX_PLAYED``, fewer rounds are made.

    Raises:
        ValueError: level is not between 0 and 1, or rounds is not positive.
    """
    check_level(level)
    check_rounds(rounds)
    if battles.questions < 2:
        return replace(online_elo(battles, settings), method="elo-bootstrap")
    rounds = _affordable(len(battles), rounds)
    rng = np.random.default_rng(seed)
    table = _Table(len(battles.models), rounds, settings)
    for orders in (_shuffled if random_order else _in_order)(battles, rounds, rng):
        table.play(battles.a, battles.b, battles.score, orders)
    order = "random order" if random_order else "the order decided"
    how = f"bootstrap by question, in {order}"
    final = table.ratings()
    lower, upper = expanded_percentiles(final, level, np.full(len(battles.models), float(battles.questions)))
    found = _medians("elo-bootstrap", battles, final, level, seed, f"{how} (expanded percentiles)")
    return replace(found, lower=lower, upper=upper, draws=final)


def elo_interval(
    battles: Battles,
    *,
    rounds: int = ROUNDS,
    seed: int = SEED,
    level: float = LEVEL,
    settings: EloSettings = DEFAULT,
) -> Ratings:
    """Online ratings, with the interval of ``bootstrap_elo``, both in the settings' order."""
    random_order = settings.order == "random"
    boot = bootstrap_elo(battles, rounds=rounds, seed=seed, level=level, settings=settings, random_order=random_order)
    return replace(boot, method="elo", rating=online_elo(battles, settings).rating)


def _medians(method: str, battles: Battles, final: FloatArray, level: float, seed: int, how: str) -> Ratings:
    """Median of each column of ``final`` (rounds × models), and the percentiles around it."""
    lower, upper = percentiles(final, level)
    rounds = len(final)
    return replace(
        _ratings(method, battles, np.median(final, axis=0)),
        lower=lower,
        upper=upper,
        interval=interval_text(level, rounds, seed, how),
        level=level,
        rounds=rounds,
        seed=seed,
    )


def _ratings(method: str, battles: Battles, rating: FloatArray) -> Ratings:
    component = components(pair_table(battles))
    return Ratings(method, battles.models, rating, len(battles), battles.questions, component)


def _affordable(battles: int, rounds: int) -> int:
    return min(rounds, max(MIN_ROUNDS, MAX_PLAYED // battles))


def _kinds(battles: Battles) -> tuple[IntArray, IntArray, FloatArray, NDArray[np.intp]]:
    """(a, b, score) of every kind of battle there is, and the kind of each battle: far fewer numbers than battles."""
    code = (battles.a * len(battles.models) + battles.b) * 3 + (2 * battles.score).astype(np.intp)
    _, first, kind = np.unique(code, return_index=True, return_inverse=True)
    return battles.a[first], battles.b[first], battles.score[first], kind.astype(np.intp)


def _shuffled(battles: Battles, rounds: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Blocks of (steps × rounds) battle numbers: questions drawn with replacement, played as they are drawn."""
    by_question = np.argsort(battles.question, kind="stable")
    size = np.bincount(battles.question)
    start = np.cumsum(size) - size
    at_once = max(1, int(BLOCK / rounds / size.mean()))
    for first in range(0, len(size), at_once):
        drawn = rng.integers(len(size), size=(rounds, min(at_once, len(size) - first)))
        sizes = size[drawn]
        flat = sizes.ravel()
        within = np.arange(int(flat.sum())) - np.repeat(np.cumsum(flat) - flat, flat)
        battle = by_question[np.repeat(start[drawn].ravel(), flat) + within]
        yield _side_by_side(battle, sizes.sum(axis=1))


def _in_order(battles: Battles, rounds: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Blocks of (steps × rounds) battle numbers: questions drawn with replacement, in the battles' own order."""
    questions = battles.questions
    # How often a round draws a question: far below 256 (the chance of even 20 is 1e-19).
    times = np.empty((rounds, questions), dtype=np.uint8)
    for row in times:
        row[:] = np.bincount(rng.integers(questions, size=questions), minlength=questions)
    at_once = max(1, BLOCK // rounds)
    for first in range(0, len(battles), at_once):
        some = np.arange(first, min(first + at_once, len(battles)))
        here = times[:, battles.question[some]]
        yield _side_by_side(np.repeat(np.tile(some, rounds), here.ravel()), here.sum(axis=1, dtype=np.int64))


def _side_by_side(battle: IntArray, length: IntArray) -> NDArray[np.intp]:
    """(steps × rounds) from battle numbers round after round; −1 where a round has ended."""
    step = np.arange(len(battle)) - np.repeat(np.cumsum(length) - length, length)
    out = np.full((int(length.max()), len(length)), -1, dtype=np.intp)
    out[step, np.repeat(np.arange(len(length)), length)] = battle
    return out


class _Table:
    """Many rounds of Elo side by side: each step plays one battle of every round.

    Ratings are kept in natural-log units of odds, less the start.
    """

    def __init__(self, models: int, rounds: int, settings: EloSettings) -> None:
        self.settings = settings
        # One slot more a round, in which a round that has ended plays on against itself.
        self.slots = models + 1
        self.rating = np.zeros(rounds * self.slots)
        self.offset = np.arange(rounds, dtype=np.intp) * self.slots

    def play(self, a: IntArray, b: IntArray, score: FloatArray, orders: NDArray[np.integer]) -> None:
        """Play (steps × rounds) numbers of battles, which are given by a, b and score; −1 plays nothing."""
        stake = self.settings.k * self.settings.slope
        spare = self.slots - 1
        a_of = np.append(a, spare).astype(np.intp)
        b_of = np.append(b, spare).astype(np.intp)
        gain_of = stake * np.append(score, 0.5)
        rounds = orders.shape[1]
        rows = max(1, READY // max(rounds, 1))
        both, gain = np.empty((2, rounds)), np.empty(rounds)
        rating, (one, two) = self.rating, both
        for first in range(0, len(orders), rows):
            # Negative numbers count from the end: the spare slot.
            some = orders[first : first + rows].astype(np.intp, order="C")
            slots = np.empty((len(some), 2, rounds), dtype=np.intp)
            np.add(a_of[some], self.offset, out=slots[:, 0])
            np.add(b_of[some], self.offset, out=slots[:, 1])
            for at, won in zip(slots, gain_of[some], strict=True):
                rating.take(at, out=both, mode="clip")
                np.subtract(two, one, out=gain)
                np.exp(gain, out=gain)
                gain += 1.0
                np.divide(stake, gain, out=gain)
                np.subtract(won, gain, out=gain)
                one += gain
                two -= gain
                rating[at] = both

    def ratings(self) -> FloatArray:
        """(rounds × models) in points."""
        points = self.rating.reshape(-1, self.slots)[:, :-1] / self.settings.slope
        points += self.settings.start
        return points
