"""How far the sides agree: with ties and without, beyond chance, and on scores. Statistics are those of
``workbench.agree``; whole questions are resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from workbench.agree.coefficients import coefficient_rows
from workbench.agree.grades import Grades, grade_rows
from workbench.agree.kappa import joint_table
from workbench.agree.pairs import AgreementRow, agreement_rows
from workbench.agree.resampling import Resampling
from workbench.agree.votes import MODES, VERDICTS, Votes
from workbench.compare.figures import Figure
from workbench.compare.items import Items, Pairs
from workbench.rate.clustered import ratio

SECTION = "agreement"
CORRECTED = MODES.index("corrected")
RATE = {
    1: ("agreement", "share of items with the same verdict, ties count as a verdict"),
    2: ("agreement without ties", "share of items with the same winner, of those that neither side calls a tie"),
}
ALPHAS = {
    "alpha-nominal": ("alpha", "Krippendorff's α of the verdicts a, b, tie"),
    "alpha-ordinal": ("alpha ordinal", "Krippendorff's α with a < tie < b"),
}
GRADES = {
    "pearson": "Pearson's r of the scores",
    "spearman": "Spearman's ρ of the scores",
    "kendall": "Kendall's τ-b of the scores",
    "kappa-linear": "Cohen's κ weighted by the distance of the scores",
    "kappa-quadratic": "Cohen's κ weighted by the squared distance of the scores",
    "alpha-ordinal": "Krippendorff's α of the scores, ordinal",
    "alpha-interval": "Krippendorff's α of the scores, interval",
    "mean-difference": "mean score less the other's",
}


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often ``side`` said ``verdict`` where ``against`` said ``a``, ``b`` or ``tie``."""

    side: str
    against: str
    verdict: str
    a: int
    b: int
    tie: int


def votes_of(items: Items | Pairs, names: Sequence[str], people: Sequence[tuple[str, str, int, int]] = ()) -> Votes:
    """The verdicts of the sides as votes, one judge each, and those of ``people``: (group, annotator, item, verdict's
    code). All items count as of one turn, all judges' verdicts as of one reading."""
    n, sides = len(items), len(names)
    raters = dict.fromkeys((group, who) for group, who, _, _ in people)
    code = {rater: sides + i for i, rater in enumerate(raters)}
    place = np.array([code[group, who] for group, who, _, _ in people], dtype=np.int64)
    item = np.array([i for _, _, i, _ in people], dtype=np.int64)
    verdict = np.array([said for _, _, _, said in people], dtype=np.int64)
    latest: dict[tuple[int, int], int] = {}
    for k, key in enumerate(zip(place.tolist(), item.tolist(), strict=True)):
        latest[key] = k
    is_latest = np.zeros(len(people), dtype=bool)
    is_latest[list(latest.values())] = True
    reading = np.concatenate([np.full(sides * n, CORRECTED), np.zeros(len(people), dtype=np.int64)])
    return Votes(
        items.questions, (None,) * len(items.questions), items.question, np.ones(n, dtype=np.int64),
        (*names, *(group for group, _ in raters)), (*names, *(who for _, who in raters)),
        np.concatenate([np.tile(np.arange(n), sides), item]), np.concatenate([np.repeat(np.arange(sides), n), place]),
        np.concatenate([items.verdict.reshape(-1), verdict]),
        reading,
        np.concatenate([np.ones(sides * n, dtype=bool), is_latest]),
    )  # fmt: skip


def rate_figures(row: AgreementRow, section: str = SECTION) -> list[Figure]:
    """Raw agreement and κ of a row of ``agree.pairs``."""
    rate, method = RATE[row.setup]
    kappa = "kappa" if row.setup == 1 else "kappa without ties"
    if row.judge_b in ("human", "author", "gold"):
        method = method.replace("items", "meetings with a vote").replace("neither side calls", "neither calls")
    both = (row.judge_a, row.judge_b)
    found = [Figure(section, rate, *both, row.rate, row.lower, row.upper, row.total, row.questions, method,
                    row.interval, note=row.note)]  # fmt: skip
    # The rate may have Wilson's interval where κ has none.
    words = row.interval if row.kappa_lower is not None else None
    found.append(
        Figure(section, kappa, *both, row.kappa, row.kappa_lower, row.kappa_upper, row.total, row.questions,
               f"agreement beyond chance ({row.kappa_method})", words, note=row.note)
    )  # fmt: skip
    return found


def agreement_figures(items: Items, how: Resampling) -> list[Figure]:
    """Agreement of every two sides, and of all where there are more."""
    if items.measure == "score":
        return score_figures(items, how)
    votes = votes_of(items, items.names)
    rows = agreement_rows(votes, how)
    out: list[Figure] = []
    for i, j in combinations(range(len(items.names)), 2):
        pair = (items.names[i], items.names[j])
        for row in rows:
            if {row.judge_a, row.judge_b} == set(pair):
                # Named in the order in which the sides were given: the numbers are the same either way.
                out += [replace(figure, side=pair[0], against=pair[1]) for figure in rate_figures(row)]
        two = votes.where((votes.rater == i) | (votes.rater == j))
        out += _alphas(two, pair, how)
    if len(items.names) > 2:
        out += _alphas(votes, ("all sides", None), how)
    return out


def _alphas(votes: Votes, pair: tuple[str, str | None], how: Resampling) -> list[Figure]:
    return [
        Figure(SECTION, ALPHAS[row.coefficient][0], *pair, row.value, row.lower, row.upper, row.items, row.questions,
               ALPHAS[row.coefficient][1], row.interval, note=row.note)
        for row in coefficient_rows(votes, how)
        if row.setup == 1 and row.raters == "judges" and row.coefficient in ALPHAS
    ]  # fmt: skip


def score_figures(items: Items, how: Resampling) -> list[Figure]:
    """Correlations, weighted κ (where all scores are whole numbers), α and the mean difference of the scores."""
    modes = tuple(frozenset(side.modes) for side in items.sides)
    grades = Grades(items.names, modes, items.question, np.ones(len(items), dtype=np.int64), items.score)
    whole = bool((items.score == np.round(items.score)).all())
    out = []
    for row in grade_rows(grades, how):
        if row.coefficient.startswith("kappa") and not whole:
            continue
        together = row.judge_a == row.judge_b
        difference = row.coefficient == "mean-difference"
        side, against = ("all sides", None) if together else (row.judge_a, row.judge_b)
        out.append(
            Figure(SECTION, row.coefficient, side, against, row.value, row.lower, row.upper, row.n, row.questions,
                   GRADES[row.coefficient], row.interval, difference=difference, note=row.note)
        )  # fmt: skip
    same = [_same_score(items, i, j, how) for i, j in combinations(range(len(items.names)), 2)]
    return [*same, *out]


def _same_score(items: Items, i: int, j: int, how: Resampling) -> Figure:
    same = items.by_question(items.score[i] == items.score[j])
    found = ratio(same, items.by_question(np.ones(len(items))), level=how.level)
    return Figure(SECTION, "same score", items.names[i], items.names[j], found.value, found.lower, found.upper, found.n,
                  found.questions, "share of items with the very same score", found.interval)  # fmt: skip


def confusion(items: Items) -> list[Confusion]:
    """Three rows (a, b, tie) for every two sides; none for scores."""
    if items.measure == "score":
        return []
    out = []
    for i, j in combinations(range(len(items.names)), 2):
        table = joint_table(items.verdict[i], items.verdict[j], 3)
        out += [
            Confusion(items.names[i], items.names[j], VERDICTS[k], *(round(float(x)) for x in table[k]))
            for k in range(3)
        ]
    return out
