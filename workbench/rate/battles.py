"""Decided comparisons as arrays of codes, the counts they come to, and what a rating of them looks like."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.records import Battle

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Result of a comparison → share of it that model_a won.
SCORES = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5}


@dataclass(frozen=True, slots=True, eq=False)
class Battles:
    """Comparisons in the order they were decided.

    ``a`` and ``b`` index ``models``; ``score`` is 1, ½ or 0: the share of the comparison that ``a`` won; ``question``
    numbers the question from 0 (comparisons on one question belong together when resampling).
    """

    models: tuple[str, ...]
    a: IntArray
    b: IntArray
    score: FloatArray
    question: IntArray

    def __len__(self) -> int:
        return len(self.a)

    @property
    def questions(self) -> int:
        """How many questions were compared on; they are numbered without gaps."""
        return int(self.question.max()) + 1 if len(self) else 0

    @classmethod
    def from_records(cls, battles: Iterable[Battle]) -> Battles:
        """Raises ValueError for a winner that is not model_a, model_b or tie."""
        rows = list(battles)
        for row in rows:
            if row.winner not in SCORES:
                raise ValueError(f"winner must be one of {', '.join(SCORES)}, not {row.winner!r}")
        return cls.from_columns(
            [r.model_a for r in rows],
            [r.model_b for r in rows],
            [SCORES[r.winner] for r in rows],
            [r.question_id for r in rows],
        )

    @classmethod
    def from_columns(
        cls,
        model_a: Sequence[str],
        model_b: Sequence[str],
        score: Sequence[float],
        question: Sequence[Hashable],
    ) -> Battles:
        """From columns of equal length. Models are ordered by name."""
        models = tuple(sorted({*model_a, *model_b}))
        code = {name: i for i, name in enumerate(models)}
        places: dict[Hashable, int] = {}
        numbers = [places.setdefault(q, len(places)) for q in question]
        return cls(
            models,
            np.array([code[m] for m in model_a], dtype=np.int64),
            np.array([code[m] for m in model_b], dtype=np.int64),
            np.array(score, dtype=np.float64),
            np.array(numbers, dtype=np.int64),
        )

    @classmethod
    def unpack(cls, models: Sequence[str], packed: Sequence[int]) -> Battles:
        """From the packed numbers of ``queries/read/battles_packed.sql``, one a battle."""
        left = np.array(packed, dtype=np.int64)
        left, twice = np.divmod(left, 3)
        left, b = np.divmod(left, max(len(models), 1))
        question, a = np.divmod(left, max(len(models), 1))
        return cls(tuple(models), a, b, twice / 2.0, question)


@dataclass(frozen=True, slots=True, eq=False)
class PairTable:
    """What Bradley–Terry needs of any number of battles: per pair of models that met, who won how often.

    ``first`` < ``second`` index the models; ``won`` and ``lost`` are the first one's wins and losses, a tie being
    half of each. Rows are ordered by (first, second).
    """

    n_models: int
    first: IntArray
    second: IntArray
    won: FloatArray
    lost: FloatArray


def pair_codes(battles: Battles) -> tuple[IntArray, FloatArray]:
    """Per battle: the pair as one number, first · n_models + second, and the share that the first one won."""
    swap = battles.a > battles.b
    first = np.where(swap, battles.b, battles.a)
    second = np.where(swap, battles.a, battles.b)
    return first * len(battles.models) + second, np.where(swap, 1.0 - battles.score, battles.score)


def pair_table(battles: Battles) -> PairTable:
    """Count the battles of each pair. Time is linear in the battles, and everything after it depends on pairs only."""
    k = len(battles.models)
    pair, share = pair_codes(battles)
    n = np.bincount(pair, minlength=k * k).astype(np.float64)
    won = np.bincount(pair, weights=share, minlength=k * k).astype(np.float64)
    met = np.flatnonzero(n)
    first, second = np.divmod(met, max(k, 1))
    return PairTable(k, first, second, won[met], n[met] - won[met])


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Wins, losses and ties per model."""

    n: IntArray
    wins: IntArray
    losses: IntArray
    ties: IntArray


def tally(battles: Battles) -> Tally:
    k = len(battles.models)

    def count(where: BoolArray) -> tuple[IntArray, IntArray]:
        return np.bincount(battles.a[where], minlength=k), np.bincount(battles.b[where], minlength=k)

    win_a, lose_b = count(battles.score == 1.0)
    lose_a, win_b = count(battles.score == 0.0)
    tie_a, tie_b = count(battles.score == 0.5)
    wins, losses, ties = win_a + win_b, lose_a + lose_b, tie_a + tie_b
    return Tally(wins + losses + ties, wins, losses, ties)


def components(table: PairTable) -> IntArray:
    """Which models can be put on one scale: 1, 2, … per model, the largest component first.

    Models are in one component when a chain of battles links them. Components of equal size are in order of their
    first model.
    """
    k = table.n_models
    root = np.arange(k)
    while True:
        low = np.minimum(root[table.first], root[table.second])
        before = root.copy()
        np.minimum.at(root, table.first, low)
        np.minimum.at(root, table.second, low)
        root = root[root]
        if np.array_equal(root, before):
            break
    roots, inverse, sizes = np.unique(root, return_inverse=True, return_counts=True)
    number = np.empty(len(roots), dtype=np.int64)
    number[np.lexsort((roots, -sizes))] = np.arange(1, len(roots) + 1)
    return number[inverse]


@dataclass(frozen=True, slots=True, eq=False)
class Ratings:
    """Ratings and everything one has to know to read them.

    ``rating`` is per model of ``models``, in Elo points (400 = odds of 10), and is comparable only within a
    ``component``. ``lower`` and ``upper`` bound the middle ``level`` of ``rounds`` resamples drawn with ``seed``, as
    ``interval`` says in words; all are ``None`` when there is no interval. ``regularised`` marks models whose
    likelihood has no maximum, so that a weak prior was added; ``regularised_rounds`` counts resamples like that.
    """

    method: str
    models: tuple[str, ...]
    rating: FloatArray
    n: int
    questions: int
    component: IntArray
    lower: FloatArray | None = None
    upper: FloatArray | None = None
    interval: str | None = None
    level: float | None = None
    rounds: int | None = None
    seed: int | None = None
    regularised: BoolArray | None = None
    regularised_rounds: int = 0

    @property
    def components(self) -> int:
        return int(self.component.max()) if len(self.component) else 0

    def as_dict(self) -> dict[str, float]:
        """Model → rating, highest first."""
        order = np.argsort(-self.rating, kind="stable")
        return {self.models[i]: float(self.rating[i]) for i in order}


def published_rounding(rating: float) -> int:
    """Whole points as MAD-Eval prints them: half up (arXiv 2404.08008)."""
    return int(rating + 0.5)


def percentiles(draws: NDArray[Any], level: float) -> tuple[FloatArray, FloatArray]:
    """Bounds of the middle ``level`` (0–1) of the draws, which are one a row. Raises ValueError for another level."""
    check_level(level)
    tail = (1.0 - level) / 2.0
    lower, upper = np.quantile(draws, [tail, 1.0 - tail], axis=0)
    return lower, upper


def check_level(level: float) -> None:
    """Raises ValueError unless 0 < level < 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
