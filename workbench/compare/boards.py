"""The leaderboard that each side's verdicts make of the same items, and how far the two go together.

Verdicts are rated by Bradley–Terry (``rate.bradley_terry``, ties as half a win each), scores by their means. The rank
correlations are Spearman's ρ and Kendall's τ-b (``rate.compare``); their bounds are percentiles of boards made from
resampled questions, the same ones for both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from workbench.agree.best_of_n import correlations
from workbench.agree.resampling import DEFINED, Resampling
from workbench.agree.votes import TIE, A, FloatArray, IntArray
from workbench.compare.figures import Figure, few
from workbench.compare.items import QUESTION, Items, Pairs, coded
from workbench.rate.battles import Battles
from workbench.rate.board import ranked
from workbench.rate.bootstrap import bt_interval
from workbench.rate.bradley_terry import fit_bradley_terry
from workbench.rate.compare import compare
from workbench.rate.quantiles import expanded_percentiles
from workbench.rate.win_rates import mean_interval

SECTION = "leaderboards"
#: Boards are made anew for each draw: so many of them at most.
MOST_DRAWS = 200
#: Rank correlations this close are the same.
SAME = 1e-9
METHODS = {"verdict": "Bradley–Terry, ties as half a win each", "score": "mean score"}
RANKS = "{name} of the two boards' ratings"


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One model on the board of one side. ``rank`` counts within its ``component``: models of different ones were never
    compared, even indirectly. ``n``: comparisons, or scores."""

    side: str
    rank: int
    model: str
    rating: float
    lower: float | None
    upper: float | None
    n: int
    component: int
    method: str
    interval: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """A model's rank on two sides' boards; ``move`` is how many places it is higher with ``side`` than with
    ``against``."""

    side: str
    against: str
    model: str
    rank: int
    rank_against: int
    move: int


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """Whose answer each item's score is of: codes of ``models``."""

    models: tuple[str, ...]
    model: IntArray


def board_figures(
    items: Items, pairs: Pairs | None, how: Resampling
) -> tuple[list[Figure], list[BoardRow], list[Move]]:
    """(rank correlations, the boards, models by how far they move); nothing for protocols that rate no models."""
    if items.measure == "verdict":
        if pairs is None or any(key.model_a == key.model_b for key in pairs.keys):
            return [], [], []
        battles = [_battles(pairs, side) for side in range(len(items.sides))]
        boards = [_rated(name, found, how) for name, found in zip(items.names, battles, strict=True)]
        draws = _drawn_ratings(battles, how)
    else:
        if items.keys[0].model_b or items.keys[0].model_a == QUESTION:
            return [], [], []
        whose = _Scores(*coded([key.model_a for key in items.keys]))
        boards = [_means(name, items, whose, side, how) for side, name in enumerate(items.names)]
        draws = _drawn_means(items, whose, how)
    figures: list[Figure] = []
    moves: list[Move] = []
    for i, j in combinations(range(len(boards)), 2):
        figures += _rank_correlations(items, boards[i], boards[j], draws, (i, j), how)
        moves += _moves(boards[i], boards[j])
    return figures, [row for board in boards for row in board], moves


def _battles(pairs: Pairs, side: int) -> Battles:
    verdict = pairs.verdict[side]
    score = np.where(verdict == A, 1.0, np.where(verdict == TIE, 0.5, 0.0))
    return Battles.from_columns(
        [key.model_a for key in pairs.keys],
        [key.model_b for key in pairs.keys],
        score.tolist(),
        pairs.question.tolist(),
    )


def _rated(name: str, battles: Battles, how: Resampling) -> list[BoardRow]:
    found = bt_interval(battles, level=how.level, rounds=how.rounds, seed=how.seed)
    n = np.bincount(np.concatenate([battles.a, battles.b]), minlength=len(found.models))
    return [
        BoardRow(
            name, rank, found.models[k], float(found.rating[k]), _bound(found.lower, k), _bound(found.upper, k),
            int(n[k]), int(found.component[k]), METHODS["verdict"], found.interval,
        )
        for k, rank in ranked(found.rating, found.component)
    ]  # fmt: skip


def _means(name: str, items: Items, whose: _Scores, side: int, how: Resampling) -> list[BoardRow]:
    means = []
    for k in range(len(whose.models)):
        mine = whose.model == k
        means.append(
            mean_interval(
                items.score[side][mine], items.question[mine], level=how.level, rounds=how.rounds, seed=how.seed
            )
        )
    rating = np.array([one.mean for one in means], dtype=np.float64)
    return [
        BoardRow(
            name, rank, whose.models[k], means[k].mean, means[k].lower, means[k].upper, means[k].n, 1, METHODS["score"],
            means[k].interval,
        )
        for k, rank in ranked(rating, np.ones(len(rating), dtype=np.int64))
    ]  # fmt: skip


def _bound(values: FloatArray | None, k: int) -> float | None:
    return None if values is None or not np.isfinite(values[k]) else float(values[k])


def _times(questions: int, how: Resampling) -> IntArray:
    """(rounds × questions) how often each question is drawn; none with fewer than two."""
    rounds = min(how.rounds, MOST_DRAWS) if questions > 1 else 0
    drawn = np.random.default_rng(how.seed).integers(questions, size=(rounds, questions))
    return np.array([np.bincount(row, minlength=questions) for row in drawn], dtype=np.int64).reshape(rounds, questions)


def _drawn_ratings(battles: Sequence[Battles], how: Resampling) -> FloatArray:
    """(rounds × sides × models) ratings of the same draws of questions; NaN for a model that was not drawn."""
    times = _times(battles[0].questions, how)
    out = np.full((len(times), len(battles), len(battles[0].models)), np.nan)
    for r, drawn in enumerate(times):
        for s, one in enumerate(battles):
            often = np.repeat(np.arange(len(one)), drawn[one.question])
            some = Battles(one.models, one.a[often], one.b[often], one.score[often], one.question[often])
            found = fit_bradley_terry(some).rating.copy()
            found[np.setdiff1d(np.arange(len(one.models)), np.concatenate([some.a, some.b]))] = np.nan
            out[r, s] = found
    return out


def _drawn_means(items: Items, whose: _Scores, how: Resampling) -> FloatArray:
    """The same of mean scores."""
    times = _times(len(items.questions), how).astype(np.float64)
    models, questions = len(whose.models), len(items.questions)
    cell = whose.model * questions + items.question
    count = np.bincount(cell, minlength=models * questions).reshape(models, questions)
    out = np.full((len(times), len(items.sides), models), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        for s in range(len(items.sides)):
            total = np.bincount(cell, weights=items.score[s], minlength=models * questions).reshape(models, questions)
            out[:, s] = (times @ total.T) / (times @ count.T)
    return out


def _rank_correlations(
    items: Items, one: list[BoardRow], two: list[BoardRow], draws: FloatArray, sides: tuple[int, int], how: Resampling
) -> list[Figure]:
    names = (items.names[sides[0]], items.names[sides[1]])
    found = compare(one, two, level=how.level)
    questions = len(items.questions)
    apart = max(row.component for row in one)
    note = f"models in {apart} groups that were never compared: no common scale" if apart > 1 else None
    values = {"Spearman's ρ": found.spearman, "Kendall's τ-b": found.kendall}
    if apart > 1:
        values = dict.fromkeys(values)
    drawn = np.array([_both(row[sides[0]], row[sides[1]]) for row in draws], dtype=np.float64).reshape(-1, 2)
    out = []
    for k, (name, value) in enumerate(values.items()):
        lower = upper = interval = None
        known = drawn[:, k][np.isfinite(drawn[:, k])]
        if value is not None and len(known) > DEFINED * len(drawn) and np.ptp(known) > SAME:
            bounds = expanded_percentiles(drawn[:, k : k + 1], how.level, np.array([float(questions)]))
            lower, upper = (float(np.clip(bound[0], -1.0, 1.0)) for bound in bounds)
            what = "bootstrap by question (expanded percentiles)"
            interval = f"{how.level * 100:.4g} % {what}, {len(draws)} rounds, seed {how.seed}"
        why = note or ("fewer than three models, or all rated alike" if value is None else few(questions))
        if why is None and lower is None:
            why = "no interval: too few draws differ"
        out.append(
            Figure(
                SECTION,
                name,
                *names,
                value,
                lower,
                upper,
                found.n,
                questions,
                RANKS.format(name=name),
                interval,
                note=why,
            )
        )
    return out


def _both(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """(Spearman's ρ, Kendall's τ-b) over the models that both have; NaN where there are none."""
    from scipy.stats import kendalltau

    known = np.isfinite(x) & np.isfinite(y)
    _, rho = correlations(x[known], y[known])
    if rho is None:
        return float("nan"), float("nan")
    return rho, float(kendalltau(x[known], y[known]).statistic)


def _moves(one: list[BoardRow], two: list[BoardRow]) -> list[Move]:
    """Models by how many ranks lie between the boards, the most first; within a component only."""
    there = {row.model: row.rank for row in two}
    found = [
        Move(row.side, two[0].side, row.model, row.rank, there[row.model], there[row.model] - row.rank)
        for row in one if row.model in there
    ]  # fmt: skip
    return sorted(found, key=lambda move: (-abs(move.move), move.rank, move.model))
