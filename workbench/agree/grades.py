"""How far judges agree on grades of single answers: correlations, weighted κ, and Krippendorff's α.

All statistics are functions of the table of one judge's grades by the other's, so that resampling questions means
adding tables up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.agree.alpha import alpha_of, unit_coincidences
from workbench.agree.kappa import weighted_kappa
from workbench.agree.resampling import (
    FEW_QUESTIONS,
    LEVEL,
    ROUNDS,
    SEED,
    Estimate,
    Resampling,
    Statistic,
    estimate,
    finite,
)
from workbench.agree.votes import FloatArray, IntArray, check_options, known_place, mode_of
from workbench.errors import Unknown

if TYPE_CHECKING:
    from workbench.store import Store

#: Beyond so many numbers in the tables of all questions there are values, but no intervals.
MOST_CELLS = 20_000_000
#: Grades are rounded to this many places: more than any scale has, and float noise makes no class of its own.
PLACES = 6
PAIR = ("pearson", "spearman", "kendall", "kappa-linear", "kappa-quadratic", "alpha-ordinal", "alpha-interval",
        "mean-difference")  # fmt: skip
ALL = ("alpha-ordinal", "alpha-interval")


@dataclass(frozen=True, slots=True)
class GradeRow:
    """One coefficient of two judges' grades of the same answers (``judge_a`` and ``judge_b`` ``judges``: of all
    judges).

    ``coefficient``: pearson, spearman, kendall (τ-b), kappa-linear and kappa-quadratic (weighted by the distance of the
    grades), alpha-ordinal, alpha-interval, mean-difference (a − b, in grades). ``n``: answers that both graded, of
    ``questions`` questions; ``left_out``: answers that both were asked about but one has no readable grade of.
    """

    judge_a: str
    judge_b: str
    coefficient: str
    turn: int | None
    value: float | None
    lower: float | None
    upper: float | None
    n: int
    questions: int
    left_out: int
    mode: str
    interval: str | None
    level: float | None
    rounds: int | None
    seed: int | None
    note: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Grades:
    """Grades by (judges × items); NaN: asked but unreadable, −inf: never asked. ``question`` and ``turn`` per item.
    ``juries`` are those of the judges that are several together."""

    judges: tuple[str, ...]
    modes: tuple[frozenset[str], ...]
    question: IntArray
    turn: IntArray
    score: FloatArray
    juries: frozenset[str] = frozenset()

    @classmethod
    def load(
        cls,
        store: Store,
        *,
        mode: str | None = None,
        turn: int | None = None,
        category: str | None = None,
        bench: str | None = None,
    ) -> Grades:
        """Raises Unknown: there is no such category or benchmark."""
        known_place(store, category=category, bench=bench)
        row = store.query("agreement_grades", mode=mode, turn=turn, category=category, bench=bench)[0]
        return cls.unpack(row)

    @classmethod
    def unpack(cls, row: dict[str, Any]) -> Grades:
        """From the one row of ``queries/read/agreement_grades.sql``."""
        judges = tuple(row["judges"] or ())
        question = np.array(row["item_question"] or [], dtype=np.int64)
        score = np.full((len(judges), len(question)), -np.inf)
        modes: list[set[str]] = [set() for _ in judges]
        for item, judge, grade, mode in zip(*(row[c] or [] for c in ("item", "judge", "score", "mode")), strict=True):
            found = np.nan if grade is None else round(float(grade), PLACES)
            score[judge, item] = found if np.isfinite(found) else np.nan
            modes[judge].add(mode)
        turn = np.array(row["item_turn"] or [], dtype=np.int64)
        return cls(judges, tuple(map(frozenset, modes)), question, turn, score, frozenset(row.get("juries") or ()))


def grade_agreement(
    store: Store,
    *,
    judge: str | None = None,
    turn: int | None = None,
    category: str | None = None,
    bench: str | None = None,
    mode: str | None = None,
    rounds: int = ROUNDS,
    seed: int = SEED,
    level: float = LEVEL,
) -> list[GradeRow]:
    """Agreement of every two judges, and of all together, on single answers' grades.

    Raises:
        BadInput: level does not lie between 0 and 1, or rounds is not positive.
        Unknown: there is no such judge of single answers, category or benchmark.
    """
    check_options(level, rounds)
    grades = Grades.load(store, mode=mode, turn=turn, category=category, bench=bench)
    if judge is not None and judge not in grades.judges:
        raise Unknown("judge of single answers", judge, grades.judges)
    return grade_rows(grades, Resampling(rounds, seed, level), judge=judge)


def grade_rows(grades: Grades, how: Resampling | None = None, *, judge: str | None = None) -> list[GradeRow]:
    """The same of grades in memory, by judges and turn (all turns first)."""
    how = how or Resampling()
    numbers = [int(t) for t in np.unique(grades.turn)]
    turns: list[int | None] = [*numbers] if len(numbers) < 2 else [None, *numbers]
    rows = []
    for turn in turns:
        here = np.ones(len(grades.turn), dtype=bool) if turn is None else grades.turn == turn
        for one, two in combinations(range(len(grades.judges)), 2):
            if judge in (None, grades.judges[one], grades.judges[two]):
                rows += _pair(grades, one, two, turn, here, how)
        if len(set(grades.judges) - grades.juries) > 2 and judge is None:
            rows += _together(grades, turn, here, how)
    return rows


def _pair(
    grades: Grades, one: int, two: int, turn: int | None, here: np.ndarray[Any, np.dtype[np.bool_]], how: Resampling
) -> list[GradeRow]:
    first, second = grades.score[one], grades.score[two]
    asked = here & ~np.isneginf(first) & ~np.isneginf(second)
    both = asked & ~np.isnan(first) & ~np.isnan(second)
    n = int(both.sum())
    if not asked.any():
        return []
    values, codes = np.unique(np.concatenate([first[both], second[both]]), return_inverse=True)
    k = len(values)
    question, inverse = np.unique(grades.question[both], return_inverse=True)
    place = codes[:n] * k + codes[n:]
    found, note = _estimate(place, inverse, len(question), k, lambda s: pair_statistics(s, values), how, n)
    names = (grades.judges[one], grades.judges[two])
    mode = mode_of([*grades.modes[one], *grades.modes[two]])
    return _as_rows(names, PAIR, turn, found, n, int((asked & ~both).sum()), mode, how, note)


def _together(
    grades: Grades, turn: int | None, here: np.ndarray[Any, np.dtype[np.bool_]], how: Resampling
) -> list[GradeRow]:
    """α of all judges' grades, without juries, whose members are in; each answer counts as often as it has pairs of
    grades to give."""
    own = [judge not in grades.juries for judge in grades.judges]
    score = grades.score[own][:, here]
    graded = np.isfinite(score)
    rated = graded.sum(axis=0) >= 2
    if not rated.any():
        return []
    values = np.unique(score[:, rated][graded[:, rated]])
    k = len(values)
    counts = np.zeros((int(rated.sum()), k))
    for row, known in zip(score[:, rated], graded[:, rated], strict=True):
        counts[np.flatnonzero(known), np.searchsorted(values, row[known])] += 1
    question, inverse = np.unique(grades.question[here][rated], return_inverse=True)
    note, sums = None, np.zeros((1, k * k))
    if len(question) * k * k <= MOST_CELLS:
        sums = np.zeros((len(question), k * k))
        np.add.at(sums, inverse, unit_coincidences(counts).reshape(-1, k * k))
        found = estimate(sums, lambda s: alpha_statistics(s, values), how)
    else:
        for some in np.array_split(counts, max(1, len(counts) * k * k // MOST_CELLS)):
            sums += unit_coincidences(some).sum(axis=0).reshape(1, -1)
        found, note = _value_only(sums, lambda s: alpha_statistics(s, values), len(question)), TOO_MANY
    lost = int((np.isnan(score).any(axis=0) & ~rated).sum())
    mode = mode_of([m for modes, single in zip(grades.modes, own, strict=True) if single for m in modes])
    return _as_rows(("judges", "judges"), ALL, turn, found, len(counts), lost, mode, how, note)


TOO_MANY = "no interval: too many different grades on too many questions"


def _estimate(
    place: IntArray, question: IntArray, questions: int, k: int, statistic: Statistic, how: Resampling, n: int
) -> tuple[Estimate, str | None]:
    """The statistics of tables whose cell numbers are ``place``, with bounds unless the tables would be too large."""
    if not n:
        return _value_only(
            np.zeros((1, 0)), lambda s: np.full((*s.shape[:-1], len(PAIR)), np.nan), 0
        ), "no common grades"
    if questions * k * k > MOST_CELLS:
        table = np.bincount(place, minlength=k * k).astype(np.float64)[None, :]
        return _value_only(table, statistic, questions), TOO_MANY
    sums = np.bincount(question * k * k + place, minlength=questions * k * k).reshape(questions, k * k)
    return estimate(sums.astype(np.float64), statistic, how), None


def _value_only(sums: FloatArray, statistic: Statistic, questions: int) -> Estimate:
    value = statistic(sums.sum(axis=0))
    return Estimate(value, np.full(value.shape, np.nan), np.full(value.shape, np.nan), questions)


def pair_statistics(sums: FloatArray, values: FloatArray) -> FloatArray:
    """(… × 8) the coefficients of ``PAIR`` of tables (… × k²) of one judge's grades by the other's."""
    k = len(values)
    table = sums.reshape(*sums.shape[:-1], k, k)
    both = table + np.swapaxes(table, -1, -2)
    rows, columns, n = table.sum(axis=-1), table.sum(axis=-2), table.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = ((rows - columns) * values).sum(axis=-1) / n
    found = [
        correlation(table, np.broadcast_to(values, rows.shape), np.broadcast_to(values, rows.shape)),
        correlation(table, mid_ranks(rows), mid_ranks(columns)),
        kendall(table),
        weighted_kappa(table, values, 1),
        weighted_kappa(table, values, 2),
        alpha_of(both, "ordinal", values),
        alpha_of(both, "interval", values),
        difference,
    ]
    return np.stack(found, axis=-1)


def alpha_statistics(sums: FloatArray, values: FloatArray) -> FloatArray:
    """(… × 2) the coefficients of ``ALL`` of coincidences (… × k²)."""
    coincidences = sums.reshape(*sums.shape[:-1], len(values), len(values))
    return np.stack([alpha_of(coincidences, level, values) for level in ("ordinal", "interval")], axis=-1)


def mid_ranks(margins: FloatArray) -> FloatArray:
    """Mean rank of each class (… × k), ties sharing theirs."""
    found: FloatArray = np.cumsum(margins, axis=-1) - (margins - 1.0) / 2.0
    return found


def correlation(table: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Pearson's r of tables (… × k × k) whose rows stand for ``x`` and columns for ``y`` (… × k); NaN without
    spread."""
    rows, columns, n = table.sum(axis=-1), table.sum(axis=-2), table.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        dx = x - ((rows * x).sum(axis=-1) / n)[..., None]
        dy = y - ((columns * y).sum(axis=-1) / n)[..., None]
        together = np.einsum("...i,...ij,...j->...", dx, table, dy)
        spread = (rows * dx**2).sum(axis=-1) * (columns * dy**2).sum(axis=-1)
        found: FloatArray = np.where(spread > 0, together / np.sqrt(spread), np.nan)
    return found


def kendall(table: FloatArray) -> FloatArray:
    """Kendall's τ-b (1945) of tables (… × k × k): pairs in the same order less those in opposite order, of those
    untied."""
    # How much lies below and to the right (left) of each cell.
    below = table[..., ::-1, :].cumsum(axis=-2)[..., ::-1, :] - table
    right = below[..., ::-1].cumsum(axis=-1)[..., ::-1] - below
    left = below.cumsum(axis=-1) - below
    apart = (table * (right - left)).sum(axis=(-2, -1))
    n = table.sum(axis=(-2, -1))
    rows, columns = table.sum(axis=-1), table.sum(axis=-2)
    untied_x = (n**2 - (rows**2).sum(axis=-1)) / 2.0
    untied_y = (n**2 - (columns**2).sum(axis=-1)) / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        found: FloatArray = np.where(untied_x * untied_y > 0, apart / np.sqrt(untied_x * untied_y), np.nan)
    return found


def _as_rows(
    judges: tuple[str, str],
    names: Sequence[str],
    turn: int | None,
    found: Estimate,
    n: int,
    left_out: int,
    mode: str,
    how: Resampling,
    note: str | None,
) -> list[GradeRow]:
    out = []
    for k, name in enumerate(names):
        value, lower, upper = finite(found.value[k]), finite(found.lower[k]), finite(found.upper[k])
        bounded = lower is not None
        why = note
        if why is None and value is None:
            why = "undefined: a judge gave all answers the same grade"
        elif why is None and found.questions < FEW_QUESTIONS:
            why = f"{found.questions} questions: too few for a reliable interval"
        elif why is None and not bounded:
            why = "every question agrees equally: no interval"
        out.append(
            GradeRow(
                *judges, name, turn, value, lower, upper, n, found.questions, left_out, mode,
                how.text() if bounded else None, how.level if bounded else None, how.rounds if bounded else None,
                how.seed if bounded else None, why,
            )
        )  # fmt: skip
    return out
