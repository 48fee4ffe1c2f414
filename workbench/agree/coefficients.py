"""Coefficients of agreement over all raters at once: Fleiss' κ and Krippendorff's α of verdicts.

A unit is a comparison; every person and every judge is a rater of its own, with one vote a unit (the latest). Intervals
resample questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.agree.alpha import alpha_of, unit_coincidences
from workbench.agree.kappa import fleiss_from_sums, fleiss_sums
from workbench.agree.resampling import FEW_QUESTIONS, LEVEL, ROUNDS, SEED, Resampling, estimate, finite
from workbench.agree.votes import GOLD, MODES, NONE, PEOPLE, TIE, BoolArray, FloatArray, Votes, check_options, mode_of

if TYPE_CHECKING:
    from workbench.store import Store

#: a < tie < b: where a verdict's code stands on the scale from one answer to the other.
ORDER = np.array([0, 2, 1])
NAMES = {1: ("fleiss-kappa", "alpha-nominal", "alpha-ordinal", "alpha-interval"), 2: ("fleiss-kappa", "alpha-nominal")}


@dataclass(frozen=True, slots=True)
class CoefficientRow:
    """One coefficient of one set of raters.

    ``raters``: human (each person a rater; a paper's authors left out), people (with authors), judges (without juries:
    their members are in), or all (people and judges). ``turn``: None = all turns. ``setup`` 2 takes ties as missing.
    ``n_raters`` rated ``items`` comparisons that have two or more votes, with ``votes`` votes on ``questions``
    questions. ``single``: votes on comparisons that no one else voted on, which say nothing here. ``left_out``: votes
    that are none (skipped, unparsed, failed); ``replaced``: votes that a later one of the same rater on the same
    comparison replaced. Bounds as ``interval`` says. What cannot be had is None, and ``note`` says why.
    """

    raters: str
    coefficient: str
    turn: int | None
    setup: int
    value: float | None
    lower: float | None
    upper: float | None
    n_raters: int
    items: int
    votes: int
    questions: int
    single: int
    left_out: int
    replaced: int
    mode: str
    interval: str | None
    level: float | None
    rounds: int | None
    seed: int | None
    note: str | None


def coefficients(
    store: Store,
    *,
    turn: int | None = None,
    category: str | None = None,
    bench: str | None = None,
    mode: str | None = None,
    rounds: int = ROUNDS,
    seed: int = SEED,
    level: float = LEVEL,
) -> list[CoefficientRow]:
    """Fleiss' κ and Krippendorff's α of the verdicts in a store, by who rates, turn and setup.

    Raises:
        BadInput: level does not lie between 0 and 1, or rounds is not positive.
        Unknown: there is no such category, benchmark or mode.
    """
    check_options(level, rounds)
    votes = Votes.load(store, mode=mode, turn=turn, category=category, bench=bench)
    return coefficient_rows(votes, Resampling(rounds, seed, level))


def coefficient_rows(votes: Votes, how: Resampling | None = None) -> list[CoefficientRow]:
    """The same of votes in memory. Sets of raters of whom no two voted on one comparison have no rows."""
    how = how or Resampling()
    turns: list[int | None] = [*votes.turns] if len(votes.turns) < 2 else [None, *votes.turns]
    return [
        row
        for name, among in rater_sets(votes)
        for turn in turns
        for setup in (1, 2)
        for row in _rows(votes, name, among, turn, setup, how)
    ]


def rater_sets(votes: Votes) -> Iterator[tuple[str, BoolArray]]:
    """(name, which raters) of the sets that differ."""
    groups = np.array(votes.groups, dtype=object)
    human, author, gold = (groups == g for g in (*PEOPLE, GOLD))
    jury = np.array([rater in votes.juries for rater in votes.raters], dtype=bool) & ~(human | author | gold)
    judges = ~(human | author | gold | jury)
    if human.sum() > 1:
        yield "human", human
    if author.any() and (human | author).sum() > 1:
        yield "people", human | author
    if judges.sum() > 1:
        yield "judges", judges
    if judges.any() and (human | author).any():
        yield "all", ~(gold | jury)


def _rows(
    votes: Votes, name: str, among: BoolArray, turn: int | None, setup: int, how: Resampling
) -> list[CoefficientRow]:
    mine = among[votes.rater] & (True if turn is None else votes.turn[votes.item] == turn)
    decided = mine & votes.latest & (votes.verdict != NONE)
    if setup == 2:
        decided &= votes.verdict != TIE
    classes = 3 if setup == 1 else 2
    items, inverse = np.unique(votes.item[decided], return_inverse=True)
    place = inverse * classes + (ORDER[votes.verdict[decided]] if setup == 1 else votes.verdict[decided])
    counts = np.bincount(place, minlength=len(items) * classes).reshape(-1, classes).astype(np.float64)
    rated = counts.sum(axis=1) >= 2
    if not rated.any():
        return []
    raters = len(np.unique(votes.rater[decided][rated[inverse]]))
    sums = sums_by_question(counts[rated], votes.question[items[rated]])
    found = estimate(sums, lambda s: _statistics(s, classes), how)
    mode = mode_of([MODES[m] for m in np.unique(votes.mode[decided][rated[inverse]])])
    rows = []
    for k, coefficient in enumerate(NAMES[setup]):
        value, lower, upper = finite(found.value[k]), finite(found.lower[k]), finite(found.upper[k])
        bounded = lower is not None
        rows.append(
            CoefficientRow(
                name, coefficient, turn, setup, value, lower, upper, raters, int(rated.sum()),
                int(counts[rated].sum()), found.questions, int(counts[~rated].sum()),
                int((mine & (votes.verdict == NONE)).sum()),
                int((mine & (votes.verdict != NONE) & ~votes.latest).sum()), mode,
                how.text() if bounded else None, how.level if bounded else None, how.rounds if bounded else None,
                how.seed if bounded else None, _note(value, bounded, found.questions),
            )
        )  # fmt: skip
    return rows


def sums_by_question(counts: FloatArray, question: np.ndarray) -> FloatArray:
    """(questions × (classes² + 2 + classes)) from (units × classes) counts of raters: coincidences, then Fleiss'
    sums."""
    k = counts.shape[1]
    units = np.concatenate([unit_coincidences(counts).reshape(len(counts), k * k), fleiss_sums(counts)], axis=1)
    code, inverse = np.unique(question, return_inverse=True)
    columns = [np.bincount(inverse, weights=column, minlength=len(code)) for column in units.T]
    return np.stack(columns, axis=1)


def _statistics(sums: FloatArray, classes: int) -> FloatArray:
    """(… × statistics) of ``sums_by_question``: Fleiss' κ, α nominal and, with ties, ordinal and interval."""
    coincidences = sums[..., : classes**2].reshape(*sums.shape[:-1], classes, classes)
    found = [fleiss_from_sums(sums[..., classes**2 :]), alpha_of(coincidences, "nominal")]
    if classes == 3:
        found += [alpha_of(coincidences, "ordinal"), alpha_of(coincidences, "interval")]
    return np.stack(found, axis=-1)


def _note(value: float | None, bounded: bool, questions: int) -> str | None:
    if value is None:
        return "undefined: all votes are the same, and chance alone would give full agreement"
    if questions < FEW_QUESTIONS:
        return f"{questions} questions: too few for a reliable interval"
    return None if bounded else "every question agrees equally: no interval"
