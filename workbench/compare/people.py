"""Which side is nearer to people, or to gold labels, on the same items: agreement by FastChat's rule, and the paired
difference of two sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from workbench.agree.pairs import agreement_rows
from workbench.agree.resampling import FEW_QUESTIONS, Resampling
from workbench.agree.votes import TIE, VERDICTS, FloatArray, IntArray
from workbench.compare.agreement import rate_figures, votes_of
from workbench.compare.figures import Figure, Share, difference_figure
from workbench.compare.items import Pairs
from workbench.compare.spec import GROUPS

if TYPE_CHECKING:
    from workbench.store import Store

SECTION = "people"
#: (group, annotator, item, verdict's code)
Vote = tuple[str, str, int, int]
DIFFERENCE = {
    1: ("agreement", "agreement with their votes less the other side's; ties count as a verdict"),
    2: ("agreement without ties", "the same without meetings in which either calls a tie"),
}
CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Nearer:
    """Which of two sides is ``nearer`` to a ``group`` (human, author, gold): a side's name, or ``cannot tell`` where
    the interval of the difference of their agreement holds 0, or rests on too few questions."""

    group: str
    side: str
    against: str
    nearer: str
    difference: float | None
    lower: float | None
    upper: float | None
    votes: int
    questions: int


def people_figures(
    store: Store, pairs: Pairs | None, names: Sequence[str], how: Resampling
) -> tuple[list[Figure], list[Nearer]]:
    """Agreement of every side with each group that voted on the same items, of people among themselves, and the paired
    differences; nothing where nobody voted."""
    if pairs is None:
        return [], []
    votes = read_votes(store, pairs)
    figures: list[Figure] = []
    nearer: list[Nearer] = []
    if votes:
        for row in agreement_rows(votes_of(pairs, names, votes), how):
            if row.judge_b in GROUPS:
                figures += rate_figures(row, SECTION)
    for group in GROUPS:
        mine = [vote for vote in votes if vote[0] == group]
        for i, j in combinations(range(len(names)), 2) if mine else ():
            for setup in (1, 2):
                found = _difference(pairs, mine, (i, j), names, setup, how)
                figures.append(found)
                if setup == 1:
                    nearer.append(_nearer(group, found, len(mine)))
    return figures, nearer


def read_votes(store: Store, pairs: Pairs) -> list[Vote]:
    """The votes that stand on these comparisons."""
    place = {
        (key.question_id, key.turn, key.model_a, key.model_b, key.answer_a, key.answer_b): i
        for i, key in enumerate(pairs.keys)
        if key.sample_a == key.sample_b == 0 and not key.about
    }
    out = []
    for row in store.query("compare_votes", questions=list(pairs.questions)):
        key = tuple(row[name] for name in ("question_id", "turn", "model_a", "model_b", "answer_a", "answer_b"))
        if key in place:
            out.append((row["kind"], row["annotator"], place[key], VERDICTS.index(row["verdict"])))
    return out


def _difference(
    pairs: Pairs, votes: Sequence[Vote], sides: tuple[int, int], names: Sequence[str], setup: int, how: Resampling
) -> Figure:
    item = np.array([i for _, _, i, _ in votes], dtype=np.int64)
    said = np.array([verdict for *_, verdict in votes], dtype=np.int64)
    question = pairs.question[item]

    def sums(values: FloatArray | IntArray | np.ndarray) -> FloatArray:
        weights = np.asarray(values, dtype=np.float64)
        return np.bincount(question, weights=weights, minlength=len(pairs.questions)).astype(np.float64)

    shares = []
    for side in sides:
        mine = pairs.verdict[side][item]
        met = np.ones(len(votes), dtype=bool) if setup == 1 else (mine != TIE) & (said != TIE)
        shares.append(Share(sums(met & (mine == said)), sums(met)))
    measure, method = DIFFERENCE[setup]
    both = (names[sides[0]], names[sides[1]])
    group = votes[0][0]
    return difference_figure(SECTION, f"{measure} with {group}", both, (shares[0], shares[1]), method, how)


def _nearer(group: str, found: Figure, votes: int) -> Nearer:
    assert found.against is not None
    nearer = CANNOT_TELL
    if found.questions < FEW_QUESTIONS:
        pass  # the interval holds too seldom to go by it
    elif found.lower is not None and found.lower > 0:
        nearer = found.side
    elif found.upper is not None and found.upper < 0:
        nearer = found.against
    return Nearer(
        group, found.side, found.against, nearer, found.value, found.lower, found.upper, votes, found.questions
    )
