"""Win rates against a baseline if the answers were of equal length (AlpacaEval 2: Dubois et al. 2024, arXiv
2404.04475).

For each model m against the baseline b, the log-odds that m is preferred on instruction x are

    θ_m + φ_m · tanh(Δ_x / sd(Δ)) + ψ_m · γ_x ,

with Δ_x the difference in characters of the two answers and γ_x the difficulty of the instruction. The
length-controlled win rate is the mean over m's instructions of the fitted preference with Δ = 0. Preferences may be
verdicts (a tie is ½) or probabilities; either enters the likelihood as it is.

What differs from the published fit: (1) everything is estimated from the votes in the store; there are no weights from
a public leaderboard. (2) γ_x comes from the votes on the *other* models only (a joint fit with one length slope and a
standard normal prior on γ), so that a model's own results do not explain themselves; with fewer than three other models
it is left out (the published "minimal" form). (3) Maximum likelihood instead of a cross-validated L1 penalty; where
there is no maximum (say a model that always won) a normal prior with standard deviation 2 on all three terms keeps it
finite, and the row is marked ``regularised``. (4) No term for baselines that were gamed by cutting answers short.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import Unknown
from workbench.rate import logistic
from workbench.rate.battles import FloatArray, IntArray, percentiles
from workbench.rate.bias_data import Votes, VoteScope, read_votes
from workbench.rate.bootstrap import LEVEL, ROUNDS, SEED, interval_text
from workbench.rate.style_store import FEW, check_options
from workbench.records import Row
from workbench.text import plural

if TYPE_CHECKING:
    from workbench.store import Store

#: Precision of the normal prior on θ, φ and ψ where there is no maximum.
PRECISION = 0.25
#: Other models needed for an instruction's difficulty, and the precision of the prior on it.
MIN_OTHERS = 3
DIFFICULTY_PRECISION = 1.0
DIFFICULTY_STEPS = 50


@dataclass(frozen=True, slots=True)
class LengthControlledRow:
    """One model against the baseline. Shares lie between 0 and 1; a tie is half a win.

    ``lc_win_rate`` with ``lower`` and ``upper`` is length-controlled, ``win_rate`` with its bounds as counted.
    ``length_effect`` is φ: log-odds won per unit of tanh(Δ/sd). ``None`` values cannot be had: with votes on one
    question there is no interval, and where the difference in length is the same in every vote it cannot be controlled
    for. ``mean_length`` and ``baseline_length`` are characters. ``difficulty``: other models that γ comes from, 0
    without it.
    """

    model: str
    win_rate: float
    win_rate_lower: float | None
    win_rate_upper: float | None
    lc_win_rate: float | None
    lower: float | None
    upper: float | None
    length_effect: float | None
    mean_length: float
    baseline_length: float
    n: int
    questions: int
    difficulty: int
    regularised: bool
    regularised_rounds: int


@dataclass(frozen=True, slots=True)
class LengthControlled:
    """Models against one baseline, best first by controlled win rate. ``preferences``: verdicts, probabilities or
    both."""

    rows: list[LengthControlledRow]
    baseline: str
    scope: VoteScope
    interval: str
    level: float
    rounds: int
    seed: int
    preferences: str
    mode: str
    left_out: dict[str, int]

    def to_json(self) -> list[Row]:
        shared: Row = {
            "baseline": self.baseline, **self.scope.params(), "method": "length-controlled", "interval": self.interval,
            "level": self.level, "rounds": self.rounds, "seed": self.seed, "preferences": self.preferences,
            "mode": self.mode, "left_out": self.left_out,
        }  # fmt: skip
        return [{**asdict(row), **shared} for row in self.rows]

    def footnotes(self) -> list[str]:
        """What a number needs to be read: how many, how, and what was left out."""
        lost = ", ".join(f"{n:,} {state}" for state, n in sorted(self.left_out.items()))
        if not self.rows:
            return [f"{self.baseline} never met another model in these votes (left out: {lost or 'nothing'})"]
        n = sum(row.n for row in self.rows)
        lines = [f"{plural(n, 'vote')} against {self.baseline} ({self.preferences}); left out: {lost or 'nothing'}"]
        lines.append(f"interval: {self.interval}")
        if any(row.difficulty for row in self.rows):
            lines.append("difficulty of an instruction estimated from the votes on the other models")
        else:
            lines.append(f"difficulty left out: it takes votes on {MIN_OTHERS} other models on the same questions")
        if self.mode != "corrected":
            lines.append(f"judges' verdicts read by the rules: {self.mode}")
        bound = [row.model for row in self.rows if row.regularised]
        if bound:
            lines.append(f"kept finite by a weak prior, because the likelihood has no maximum: {', '.join(bound)}")
        few = [row.model for row in self.rows if row.questions < FEW]
        if few:
            lines.append(f"fewer than {FEW} questions, so that the interval is rough: {', '.join(few)}")
        fixed = [row.model for row in self.rows if row.lc_win_rate is None]
        if fixed:
            lines.append(f"the length difference never varies, so that it cannot be controlled for: {', '.join(fixed)}")
        return lines


def length_controlled(
    store: Store,
    baseline: str,
    *,
    by: str = "all",
    turn: int | None = None,
    category: str | None = None,
    bench: str | None = None,
    level: float = LEVEL,
    rounds: int = ROUNDS,
    seed: int = SEED,
) -> LengthControlled:
    """Length-controlled win rates of every model that met ``baseline`` in votes whose answers are stored.

    Intervals are percentiles over resampled questions; difficulties are held at their estimates.

    Raises:
        Unknown: nobody of the name ``by``, or no such model.
        BadInput: level or rounds out of range.
    """
    check_options(level, rounds)
    known = [row["model"] for row in store.query("bias_contestants")]
    if baseline not in known:
        raise Unknown("model", baseline, known)
    scope = VoteScope(by, turn, category, bench)
    votes = read_votes(store, scope, baseline)
    rows = rates(votes, baseline, level=level, rounds=rounds, seed=seed)
    kinds = {0: "verdicts", len(votes): "probabilities"}.get(votes.probable, "verdicts and probabilities")
    interval = interval_text(level, rounds, seed)
    return LengthControlled(
        rows, baseline, scope, interval, level, rounds, seed, kinds, votes.mode, votes.left_out
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Against:
    """One model's comparisons with the baseline: the preference for it, both lengths in characters, the question."""

    model: str
    share: FloatArray
    length: FloatArray
    baseline_length: FloatArray
    question: IntArray

    @property
    def term(self) -> FloatArray | None:
        """tanh(Δ/sd), or ``None`` where Δ is the same, but not 0, in every comparison."""
        delta = self.length - self.baseline_length
        spread = float(delta.std(ddof=1)) if len(delta) > 1 else 0.0
        if spread > 0.0:
            return np.tanh(delta / spread)
        return None if delta.any() else np.zeros(len(delta))


def against(votes: Votes, baseline: str) -> list[Against]:
    """The comparisons of each other model with the baseline, by name."""
    battles = votes.battles
    if baseline not in battles.models:
        return []
    code = battles.models.index(baseline)
    first = battles.a == code
    other = np.where(first, battles.b, battles.a)
    share = np.where(first, 1.0 - votes.preference, votes.preference)
    chars_a, chars_b = votes.chars[votes.answer_a], votes.chars[votes.answer_b]
    length, own = np.where(first, chars_b, chars_a), np.where(first, chars_a, chars_b)
    out = []
    for i, model in enumerate(battles.models):
        here = other == i
        if i != code and here.any():
            out.append(Against(model, share[here], length[here], own[here], battles.question[here]))
    return out


def rates(
    votes: Votes, baseline: str, *, level: float = LEVEL, rounds: int = ROUNDS, seed: int = SEED
) -> list[LengthControlledRow]:
    """The rows of a board, best first; empty if the baseline met nobody."""
    met = against(votes, baseline)
    rows = []
    for one in met:
        others = [other for other in met if other is not one]
        gamma = None
        if len(others) >= MIN_OTHERS:
            gamma = difficulty(others, votes.battles.questions)[one.question]
        rows.append(_row(one, gamma, len(others) if gamma is not None else 0, level, rounds, seed))
    return sorted(rows, key=lambda row: (-(row.win_rate if row.lc_win_rate is None else row.lc_win_rate), row.model))


def _row(
    one: Against, gamma: FloatArray | None, others: int, level: float, rounds: int, seed: int
) -> LengthControlledRow:
    n, term = len(one.share), one.term
    _, question = np.unique(one.question, return_inverse=True)
    # A column without any variation tells nothing.
    varies = gamma is not None and float(np.ptp(gamma)) > 0.0
    columns = [np.ones(n), *([gamma] if gamma is not None and varies else [])]
    fixed = len(columns)
    if term is not None and term.any():
        columns.append(term)
    task = logistic.problem(np.stack(columns, axis=1), one.share, question, PRECISION)
    fitted = logistic.fit(task)
    regularised = not fitted.found
    if regularised:
        task = task.regularised()
        fitted = logistic.fit(task)
    controlled = float(_without_length(task, fitted.beta[:, None], fixed).mean())
    bounds: list[float | None] = [None] * 4
    regularised_rounds = 0
    if task.questions >= 2:
        lower, upper, regularised_rounds = _bounds(task, fitted, fixed, level, rounds, seed)
        bounds = [float(lower[0]), float(upper[0]), float(lower[1]), float(upper[1])]
    return LengthControlledRow(
        one.model,
        float(one.share.mean()),
        bounds[0],
        bounds[1],
        None if term is None else controlled,
        None if term is None else bounds[2],
        None if term is None else bounds[3],
        float(fitted.beta[fixed]) if len(fitted.beta) > fixed else None,
        float(one.length.mean()),
        float(one.baseline_length.mean()),
        n,
        task.questions,
        others if varies else 0,
        regularised,
        regularised_rounds,
    )


def _without_length(task: logistic.Problem, beta: FloatArray, fixed: int) -> FloatArray:
    """(comparisons × rounds) fitted preference with only the first ``fixed`` terms; ``beta`` is terms × rounds."""
    return logistic.chance(task.design[:, :fixed] @ beta[:fixed])


def _bounds(
    task: logistic.Problem, fitted: logistic.Fit, fixed: int, level: float, rounds: int, seed: int
) -> tuple[FloatArray, FloatArray, int]:
    """(lower, upper) of the win rate and the controlled one over resampled questions, and rounds that needed the
    prior."""
    draws = np.empty((rounds, 2))
    weak = 0
    for some in logistic.fitted_rounds(task, fitted, rounds, seed):
        total = some.weight.sum(axis=0)
        draws[some.numbers, 0] = task.share @ some.weight / total
        draws[some.numbers, 1] = (some.weight * _without_length(task, some.beta, fixed)).sum(axis=0) / total
        weak += int(some.regularised.sum())
    lower, upper = percentiles(draws, level)
    return lower, upper, weak


def difficulty(others: list[Against], questions: int) -> FloatArray:
    """(questions) γ: how much more these models win on a question than their strength and length tell, in log-odds.

    Joint maximum a posteriori of one θ a model, one length slope and a standard normal γ a question, by Newton's
    method. γ's own block of the Hessian is diagonal, so that it is eliminated first: time is linear in comparisons and
    questions.
    """
    sizes = [len(one.share) for one in others]
    model = np.repeat(np.arange(len(others)), sizes)
    share = np.concatenate([one.share for one in others])
    question = np.concatenate([one.question for one in others])
    terms = [one.term for one in others]
    slope = np.concatenate([np.zeros(n) if t is None else t for t, n in zip(terms, sizes, strict=True)])
    x = np.zeros((len(share), len(others) + 1))
    x[np.arange(len(share)), model] = 1.0
    x[:, -1] = slope
    beta, gamma = np.zeros(x.shape[1]), np.zeros(questions)
    # The weak prior on θ and the slope keeps models that always won finite.
    prior = np.full(x.shape[1], PRECISION)
    for _ in range(DIFFICULTY_STEPS):
        p = logistic.chance(x @ beta + gamma[question])
        residual, w = share - p, p * (1.0 - p)
        for_gamma = np.bincount(question, residual, questions) - DIFFICULTY_PRECISION * gamma
        for_beta = x.T @ residual - prior * beta
        own = np.bincount(question, w, questions) + DIFFICULTY_PRECISION
        cross = np.stack([np.bincount(question, w * column, questions) for column in x.T])
        block = (x * w[:, None]).T @ x + np.diag(prior) - (cross / own) @ cross.T
        step = np.linalg.solve(block, for_beta - cross @ (for_gamma / own))
        change = (for_gamma - cross.T @ step) / own
        longest = max(float(np.abs(step).max()), float(np.abs(change).max(initial=0.0)))
        cut = min(1.0, logistic.MAX_STEP / max(longest, logistic.MAX_STEP))
        beta, gamma = beta + cut * step, gamma + cut * change
        if longest < logistic.TOLERANCE:
            break
    return gamma
