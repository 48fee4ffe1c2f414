"""Logistic regression by Newton's method, with clustered intervals: what style and length control share.

The share y of a comparison that its first side won (1, 0, ½ for a tie, or a probability) has the expectation
1 / (1 + exp(−x·β)). A share between 0 and 1 enters the Bernoulli likelihood as it is (fractional logit, Papke &
Wooldridge 1996): a tie then counts as half a win each, exactly like two rows of weight ½ with opposite outcomes.

Rows of one question are not independent. ``sandwich`` takes their variance over questions (Liang & Zeger 1986), with
the usual small-sample factor G/(G−1) · (n−1)/(n−p); ``bootstrap`` draws whole questions with replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.rate.battles import BoolArray, FloatArray, IntArray
from workbench.rate.bootstrap import blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: A Newton step in β is cut to this length: far from the optimum a full one overshoots.
MAX_STEP = 2.0
MAX_STEPS = 60
HALVINGS = 8
TOLERANCE = 1e-9
#: A fitted log-odds beyond this, or a curvature this much flatter one way than another, means there is no maximum.
FAR = 30.0
FLAT = 1e-11
#: Numbers in the largest temporary array of a bootstrap (8 bytes each).
CELLS = 2_000_000
QUICK_STEPS = 25
QUICK_TOLERANCE = 1e-6
QUICK_FAR = 10.0

#: (rows × rounds) weights → per round, whether its likelihood can have a maximum as far as can be told beforehand.
Sound = Callable[[FloatArray], BoolArray]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is fitted. Rows are comparisons, columns of ``design`` parameters.

    ``share`` is y per row; ``weight`` is per row. ``question`` numbers the row's question from 0; −1 marks a row that
    is no data but a prior, which is in every resample once. ``penalty`` is, per parameter, the precision of a normal
    prior with mean 0. ``hold`` (p × p) is added to the Hessian only: it fixes a direction the data leave free (the
    level of ratings) where it starts, at 0. ``reserve`` and ``reserve_penalty`` are the weights of the rows −1 and the
    precisions to be used instead where there is no maximum.
    """

    design: csr_array
    share: FloatArray
    question: IntArray
    weight: FloatArray
    penalty: FloatArray
    hold: FloatArray
    reserve: FloatArray
    reserve_penalty: FloatArray

    @property
    def parameters(self) -> int:
        return int(self.design.shape[1])

    @property
    def questions(self) -> int:
        return int(self.question.max(initial=-1)) + 1

    @property
    def data(self) -> BoolArray:
        return self.question >= 0

    def regularised(self) -> Problem:
        """The same with its prior in force."""
        weight = np.where(self.data, self.weight, self.reserve)
        return replace(self, weight=weight, penalty=self.reserve_penalty, hold=np.zeros_like(self.hold))


def problem(design: FloatArray, share: FloatArray, question: IntArray, precision: float) -> Problem:
    """Without free directions or rows that are a prior; ``precision`` is that of the prior used where there is no
    maximum."""
    n, p = design.shape
    zeros = np.zeros(p)
    return Problem(
        sparse(design), share, question, np.ones(n), zeros, np.zeros((p, p)), np.zeros(n), np.full(p, precision)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """``beta`` maximises the penalised likelihood if ``found``; else there is no maximum, or more than one.

    ``hessian`` is minus the second derivatives at ``beta``, with ``hold``.
    """

    beta: FloatArray
    hessian: FloatArray
    found: bool


def sparse(rows: FloatArray) -> csr_array:
    """A design matrix from rows of numbers."""
    from scipy.sparse import csr_array

    return csr_array(rows)


def chance(log_odds: FloatArray) -> FloatArray:
    from scipy.special import expit

    found: FloatArray = expit(log_odds)
    return found


def likelihood(problem: Problem, beta: FloatArray, log_odds: FloatArray, weight: FloatArray) -> FloatArray:
    """(rounds) penalised log-likelihood of β (p × rounds), given the log-odds and weights of the rows (× rounds)."""
    # log(1 + exp(x)) without overflow
    each = problem.share[:, None] * log_odds - np.logaddexp(0.0, log_odds)
    found: FloatArray = np.einsum("nr,nr->r", weight, each) - 0.5 * (problem.penalty @ beta**2)
    return found


class Curvature:
    """Hessians of many rounds at once: row i of the data adds to each a number times x_i x_iᵀ, made once for all.

    Where these would fill more than ``CELLS`` numbers, rounds take turns: what each takes then dwarfs the overhead.
    """

    def __init__(self, problem: Problem, rounds: int) -> None:
        self.problem = problem
        design = problem.design
        in_row = np.diff(design.indptr)
        self.products: csr_array | None = None
        if rounds > 1 and int((in_row.astype(np.int64) ** 2).sum()) <= CELLS:
            self.products = _outer_rows(design, in_row)

    def __call__(self, log_odds: FloatArray, weight: FloatArray) -> FloatArray:
        """(rounds × p × p) minus the second derivatives of the penalised log-likelihood, with ``hold``."""
        problem, p = self.problem, self.problem.parameters
        chances = chance(log_odds)
        scaled = weight * chances * (1.0 - chances)
        if self.products is not None:
            found: FloatArray = (self.products @ scaled).T.reshape(-1, p, p)
        else:
            design = problem.design
            found = np.stack([(design.T @ design.multiply(one[:, None]).tocsr()).toarray() for one in scaled.T])
        return found + np.diag(problem.penalty) + problem.hold


def _outer_rows(design: csr_array, in_row: IntArray) -> csr_array:
    """(p² × rows): column i is x_i x_iᵀ of the design's row i."""
    from scipy.sparse import csr_array

    n, p = design.shape
    start = np.repeat(design.indptr[:-1], in_row)
    width = np.repeat(in_row, in_row)
    # Each entry of a row meets all entries of that row.
    one = np.repeat(np.arange(len(design.data)), width)
    two = np.arange(len(one)) - np.repeat(np.cumsum(width) - width, width) + np.repeat(start, width)
    cell = design.indices[one].astype(np.int64) * p + design.indices[two]
    row = np.repeat(np.repeat(np.arange(n), in_row), width)
    return csr_array((design.data[one] * design.data[two], (cell, row)), shape=(p * p, n))


def fit(problem: Problem, weight: FloatArray | None = None) -> Fit:
    """Newton's method. With complete separation the steps never get short, and ``found`` is false."""
    weight = problem.weight if weight is None else weight
    beta, curvature, found = newton(problem, weight[:, None])
    return Fit(beta[:, 0], curvature[0], bool(found[0]))


def newton(problem: Problem, weight: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Fits of many rounds side by side: (β, p × rounds; their Hessians, rounds × p × p; which have a maximum).

    ``weight`` is rows × rounds. A round without a maximum is left where that showed.
    """
    rounds, p = weight.shape[1], problem.parameters
    curved = Curvature(problem, rounds)
    beta, log_odds = np.zeros((p, rounds)), np.zeros(weight.shape)
    curvature = curved(log_odds, weight)
    if not p:
        return beta, curvature, np.ones(rounds, dtype=bool)
    found = np.zeros(rounds, dtype=bool)
    height = likelihood(problem, beta, log_odds, weight)
    active = np.arange(rounds)
    for _ in range(MAX_STEPS):
        near = np.abs(np.where(weight > 0, log_odds, 0.0)).max(axis=0, initial=0.0) <= FAR
        active, weight, log_odds, height = active[near], weight[:, near], log_odds[:, near], height[near]
        slope = problem.design.T @ (weight * (problem.share[:, None] - chance(log_odds)))
        step = solved(curvature[active], slope - problem.penalty[:, None] * beta[:, active])
        longest = np.abs(step).max(axis=0)
        short = longest < TOLERANCE
        found[active[short]] = well_conditioned(curvature[active[short]])
        # Only rounds that are not done are carried on: a few take many more steps than most.
        active, weight, height = active[~short], weight[:, ~short], height[~short]
        if not len(active):
            break
        step = step[:, ~short] * np.minimum(1.0, MAX_STEP / longest[~short])
        beta[:, active], log_odds, height = _climbed(problem, beta[:, active], step, weight, height)
        curvature[active] = curved(log_odds, weight)
    return beta, curvature, found


def _climbed(
    problem: Problem, beta: FloatArray, step: FloatArray, weight: FloatArray, height: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(β, log-odds, log-likelihood) after a step that is halved in each round until the likelihood does not fall."""
    log_odds = problem.design @ (beta + step)
    higher = likelihood(problem, beta + step, log_odds, weight)
    for _ in range(HALVINGS):
        low = np.flatnonzero(~(higher >= height - 1e-9 * np.abs(height)))
        if not len(low):
            break
        step[:, low] *= 0.5
        log_odds[:, low] = problem.design @ (beta + step)[:, low]
        higher[low] = likelihood(problem, (beta + step)[:, low], log_odds[:, low], weight[:, low])
    return beta + step, log_odds, higher


def solved(curvature: FloatArray, slope: FloatArray) -> FloatArray:
    """(p × rounds) the shortest least-squares solutions of (rounds × p × p) symmetric systems."""
    values, vectors = np.linalg.eigh(curvature)
    size = np.abs(values)
    kept = size > np.finfo(float).eps * values.shape[1] * size.max(axis=1, keepdims=True)
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=kept)
    along = inverse * np.einsum("rij,ir->rj", vectors, slope)
    found: FloatArray = np.einsum("rij,rj->ir", vectors, along)
    return found


def well_conditioned(curvature: FloatArray) -> BoolArray:
    """(rounds) whether the data tell every parameter from every other (columns on one scale first)."""
    diagonal = np.sqrt(np.maximum(np.einsum("rii->ri", curvature), 0.0))
    full = diagonal.all(axis=1)
    scale = np.where(full[:, None], diagonal, 1.0)
    values = np.linalg.eigvalsh(curvature / (scale[:, :, None] * scale[:, None, :]))
    told: BoolArray = full & (values[:, 0] > FLAT * values.shape[1])
    return told


def sandwich(problem: Problem, fitted: Fit) -> FloatArray | None:
    """(p × p) covariance of β with rows clustered by question; ``None`` with fewer than two questions."""
    from scipy.sparse import csr_array

    data = problem.data
    n, questions = int(data.sum()), problem.questions
    if questions < 2:
        return None
    residual = problem.weight * (problem.share - chance(problem.design @ fitted.beta))
    scores = problem.design.multiply(residual[:, None]).tocsr()[data]
    member = csr_array((np.ones(n), (problem.question[data], np.arange(n))), shape=(questions, n))
    by_question = (member @ scores).toarray()
    bread = np.linalg.inv(fitted.hessian)
    free = problem.parameters - int(np.linalg.matrix_rank(problem.hold))
    factor = questions / (questions - 1.0) * (n - 1.0) / max(n - free, 1)
    covariance: FloatArray = factor * bread @ (by_question.T @ by_question) @ bread
    return covariance


def resamples(problem: Problem, rounds: int, seed: int) -> Iterator[tuple[IntArray, FloatArray]]:
    """(numbers of some rounds, weights of the rows in them: rows × these rounds), questions drawn with replacement."""
    rng = np.random.default_rng(seed)
    data, questions = problem.data, problem.questions
    chunk = max(1, CELLS // max(len(problem.share), 1))
    for first in range(0, rounds, chunk):
        numbers = np.arange(first, min(first + chunk, rounds))
        times = rng.multinomial(questions, np.full(questions, 1.0 / questions), size=len(numbers)).T.astype(np.float64)
        weight = np.repeat(problem.weight[:, None], len(numbers), axis=1)
        weight[data] *= times[problem.question[data]]
        yield numbers, weight


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """Some rounds of a bootstrap: their ``numbers``, the weights of the rows in them (rows × rounds), β (p × rounds),
    and which have no maximum, so that the prior came in."""

    numbers: IntArray
    weight: FloatArray
    beta: FloatArray
    regularised: BoolArray


def bootstrap(
    problem: Problem, fitted: Fit, rounds: int, seed: int, sound: Sound | None = None
) -> tuple[FloatArray, BoolArray]:
    """(rounds × p) β of resamples of questions, and which of them have no maximum, so that the prior came in."""
    some = list(fitted_rounds(problem, fitted, rounds, seed, sound))
    return np.concatenate([one.beta.T for one in some]), np.concatenate([one.regularised for one in some])


def fitted_rounds(
    problem: Problem, fitted: Fit, rounds: int, seed: int, sound: Sound | None = None
) -> Iterator[Rounds]:
    """Resamples of questions with their fits, as many at a time as memory allows.

    Rounds start at the full fit and take steps with its Hessian; those that do not settle, or that ``sound`` doubts,
    are fitted by Newton's method, many side by side.
    """
    inverse: FloatArray = np.linalg.inv(fitted.hessian).astype(np.float64)
    reserve = problem.regularised()
    prior = ~problem.data
    size = max(1, CELLS // max(problem.parameters**2, 1))
    for numbers, weight in resamples(problem, rounds, seed):
        beta, settled = _quick(problem, fitted.beta, inverse, weight)
        regularised = np.zeros(len(numbers), dtype=bool)
        if sound is not None:
            settled &= sound(weight)
        for some in blocks(np.flatnonzero(~settled), size):
            beta[:, some], _, found = newton(problem, weight[:, some])
            lacking = some[~found]
            if len(lacking):
                weight[np.ix_(prior, lacking)] = reserve.weight[prior, None]
                beta[:, lacking] = newton(reserve, weight[:, lacking])[0]
                regularised[lacking] = True
        yield Rounds(numbers, weight, beta, regularised)


def _quick(
    problem: Problem, start: FloatArray, inverse: FloatArray, weight: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """(p × rounds) β by steps with the full fit's Hessian, and which rounds settled."""
    beta = np.repeat(start[:, None], weight.shape[1], axis=1)
    settled = np.zeros(weight.shape[1], dtype=bool)
    for _ in range(QUICK_STEPS):
        log_odds = problem.design @ beta
        lost = np.abs(log_odds).max(axis=0, initial=0.0) > QUICK_FAR
        residual = weight * (problem.share[:, None] - chance(log_odds))
        step = inverse @ (problem.design.T @ residual - problem.penalty[:, None] * beta)
        longest = np.abs(step).max(axis=0, initial=0.0)
        settled = (longest < QUICK_TOLERANCE) & ~lost
        if (settled | lost).all():
            break
        beta += np.where(lost, 0.0, step)
    return beta, settled
