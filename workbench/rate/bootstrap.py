"""Percentile intervals by resampling questions (Efron 1979; clusters as in Davison & Hinkley 1997, §3.8).

The battles of one question stand or fall together: a judge's two games, or the votes of several people on one pair of
answers, are no independent evidence. So whole questions are drawn with replacement. What is resampled are counts,
never rows: questions with a single battle differ only in (pair, outcome), so these are drawn as one multinomial.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from workbench.rate.battles import (
    Battles,
    FloatArray,
    IntArray,
    PairTable,
    Ratings,
    check_level,
    pair_codes,
    pair_table,
    percentiles,
)
from workbench.rate.bradley_terry import (
    PRIOR,
    Incidence,
    as_ratings,
    centred,
    fit_table,
    gradient,
    has_maximum,
    hessians,
    newton,
    to_points,
)

ROUNDS = 1000
LEVEL = 0.95
SEED = 42
#: Numbers in the largest temporary array: bounds memory (8 bytes each) and keeps rounds in the processor's cache.
CELLS = 2_000_000
#: Numbers in the largest table of questions × pairs; beyond it, each round is counted battle by battle.
DENSE_CELLS = 20_000_000
#: Beyond this many random counts, those of pairs with many games each are drawn from the normal approximation.
EXACT_DRAWS = 5_000_000
NORMAL_GAMES = 30
#: Steps with the full fit's Hessian before a round is given to Newton's method.
QUICK_STEPS = 12
#: θ of a round is known to this: 2e-4 points, far below what 1000 rounds can tell.
QUICK_TOLERANCE = 1e-6
#: A step this long means that the full fit's Hessian does not fit the round.
FAR = 20.0


def check_rounds(rounds: int) -> None:
    """Raises ValueError unless there is at least one round."""
    if rounds < 1:
        raise ValueError(f"rounds must be positive, not {rounds}")


def interval_text(level: float, rounds: int, seed: int, what: str = "bootstrap by question") -> str:
    """How an interval was made, in words."""
    return f"{level * 100:.4g} % {what}, {rounds} rounds, seed {seed}"


def bt_interval(battles: Battles, *, level: float = LEVEL, rounds: int = ROUNDS, seed: int = SEED) -> Ratings:
    """Bradley–Terry ratings with percentile intervals.

    Battles of fewer than two questions have no interval. A resample whose likelihood has no maximum is fitted with the
    same weak prior as the ratings would be, and counted in ``regularised_rounds``. Very large tables are resampled by
    the normal approximation to their counts, and ``interval`` says so.

    Raises:
        ValueError: level is not between 0 and 1, or rounds is not positive.
    """
    check_level(level)
    check_rounds(rounds)
    table = pair_table(battles)
    theta, component, regularised = fit_table(table)
    fit = as_ratings(battles, theta, component, regularised)
    if battles.questions < 2:
        return fit
    prior = np.where(regularised, PRIOR, 0.0)
    draw = Resampler(battles, table, rounds)
    fitted, regularised_rounds = [], 0
    for won, games in draw.rounds(rounds, np.random.default_rng(seed)):
        thetas, count = fit_rounds(table, won, games, component, theta, prior)
        fitted.append(thetas)
        regularised_rounds += count
    lower, upper = percentiles(to_points(np.concatenate(fitted, axis=1)).T, level)
    what = "bootstrap by question" + (" (normal approximation to the counts)" if draw.normal else "")
    return replace(
        fit,
        lower=lower,
        upper=upper,
        interval=interval_text(level, rounds, seed, what),
        level=level,
        rounds=rounds,
        seed=seed,
        regularised_rounds=regularised_rounds,
    )


class Resampler:
    """Draws battles' questions with replacement, and counts what each pair of models then has."""

    def __init__(self, battles: Battles, table: PairTable, rounds: int) -> None:
        self.pairs = len(table.first)
        code, share = pair_codes(battles)
        place = np.zeros(table.n_models**2, dtype=np.int64)
        place[table.first * table.n_models + table.second] = np.arange(self.pairs)
        pair = place[code]
        size = np.bincount(battles.question)
        self.questions = len(size)
        single = size[battles.question] == 1
        some = slice(None) if single.all() else single
        cells = np.bincount(pair[some] * 3 + (2 * share[some]).astype(np.int64), minlength=3 * self.pairs)
        #: Battles of questions that have one battle, by pair and outcome: lost, tied, won.
        self.cells = cells.reshape(self.pairs, 3)
        self.met = np.flatnonzero(cells)
        several = ~single
        self.several = Several(battles.question[several], pair[several], share[several], self.pairs)
        self.normal = (
            not self.several.n and len(self.met) * rounds > EXACT_DRAWS and len(battles) >= NORMAL_GAMES * self.pairs
        )

    def rounds(self, rounds: int, rng: np.random.Generator) -> Iterator[tuple[FloatArray, FloatArray]]:
        """(won, games) by the first of each pair, both pairs × some rounds."""
        chunk = max(1, CELLS // max(self.pairs, len(self.met), self.several.n))
        for start in range(0, rounds, chunk):
            here = min(chunk, rounds - start)
            if self.normal:
                yield self._draw_normal(here, rng)
                continue
            of_several = rng.binomial(self.questions, self.several.n / self.questions, size=here)
            won, games = self.several.draw(of_several, rng)
            if len(self.met):
                singles = self._draw_singles(self.questions - of_several, rng)
                won += singles[2] + 0.5 * singles[1]
                games += singles.sum(axis=0)
            yield won, games

    def _draw_singles(self, how_many: IntArray, rng: np.random.Generator) -> FloatArray:
        """(3 outcomes × pairs × rounds) of that many single-battle questions a round."""
        flat = self.cells.ravel()
        counts = np.zeros((len(how_many), len(flat)))
        counts[:, self.met] = rng.multinomial(how_many, flat[self.met] / flat.sum())
        return counts.reshape(len(how_many), self.pairs, 3).T

    def _draw_normal(self, rounds: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Normal (won, games) with the means, variances and covariance of independently resampled battles.

        The variance of games is their number, that of won is wins + ties / 4, and their covariance is won.
        """
        lost, tied, wins = self.cells.T[:, :, None].astype(float)
        games = lost + tied + wins
        won = wins + 0.5 * tied
        noise = rng.standard_normal((2, self.pairs, rounds), dtype=np.float32)
        drawn = games + np.sqrt(games) * noise[0]
        # What is left of won when the games are known.
        share = won / games
        rest = np.sqrt(np.maximum(wins + 0.25 * tied - share * won, 0.0))
        np.maximum(drawn, 0.0, out=drawn)
        return np.clip(share * drawn + rest * noise[1], 0.0, drawn), drawn


class Several:
    """Questions with more than one battle, each drawn as a whole."""

    def __init__(self, question: IntArray, pair: IntArray, share: FloatArray, pairs: int) -> None:
        _, self.question = np.unique(question, return_inverse=True)
        self.n = int(self.question.max()) + 1 if len(question) else 0
        self.pair, self.share, self.pairs = pair, share, pairs
        self.dense = self.n * pairs <= DENSE_CELLS
        if self.dense:
            where = self.question * pairs + pair
            shape = (self.n, pairs)
            # Whole and half counts below 2^23: single precision is exact.
            self.games = np.bincount(where, minlength=self.n * pairs).reshape(shape).astype(np.float32)
            self.won = np.bincount(where, weights=share, minlength=self.n * pairs).reshape(shape).astype(np.float32)

    def draw(self, how_many: IntArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """(won, games) of that many questions in each round."""
        won, games = np.zeros((self.pairs, len(how_many))), np.zeros((self.pairs, len(how_many)))
        if not self.n:
            return won, games
        times = draw_uniform(self.n, how_many, rng)
        if self.dense:
            single = times.astype(np.float32)
            return (single @ self.won).T.astype(float), (single @ self.games).T.astype(float)
        for i, row in enumerate(times):
            weight = row[self.question]
            won[:, i] = np.bincount(self.pair, weights=weight * self.share, minlength=self.pairs)
            games[:, i] = np.bincount(self.pair, weights=weight, minlength=self.pairs)
        return won, games


def draw_uniform(n: int, how_many: IntArray, rng: np.random.Generator) -> FloatArray:
    """(rounds × n): how often each of n things comes up in ``how_many[round]`` draws with replacement."""
    rounds = len(how_many)
    drawn = rng.integers(n, size=int(how_many.sum())) + np.repeat(np.arange(rounds) * n, how_many)
    return np.bincount(drawn, minlength=rounds * n).reshape(rounds, n).astype(float)


def blocks(indices: IntArray, size: int) -> Iterator[IntArray]:
    """The indices, at most ``size`` at a time."""
    for first in range(0, len(indices), size):
        yield indices[first : first + size]


def fit_rounds(
    table: PairTable,
    won: FloatArray,
    games: FloatArray,
    component: IntArray,
    theta: FloatArray,
    prior: FloatArray,
) -> tuple[FloatArray, int]:
    """(models × rounds) centred θ, and how many rounds needed a prior that the full data do not.

    Rounds lie near the full fit ``theta``, so they start there and use its inverse Hessian; those that do not settle
    (little data, or no maximum) are fitted by Newton's method.
    """
    k, rounds = table.n_models, won.shape[1]
    sums = Incidence(table)
    start, always = theta[:, None], prior[:, None]
    inverse = np.linalg.inv(hessians(table, (table.won + table.lost)[:, None], start, component, always)[0])
    out = np.repeat(start, rounds, axis=1)
    settled = np.zeros(rounds, dtype=bool)
    for _ in range(QUICK_STEPS):
        step = inverse @ gradient(sums, table, won, games, out, always)
        out += step
        longest = np.abs(step).max(axis=0)
        settled = longest < QUICK_TOLERANCE
        if settled.all() or longest.max() > FAR:
            break
    lost = games - won
    gains = sums.over_first(won) + sums.over_second(lost)
    losses = sums.over_first(lost) + sums.over_second(won)
    # A model that lost (or won) nothing drifts ever further out: it has no maximum, whatever the last step was.
    settled &= ((gains > 0) & (losses > 0) | (always > 0)).all(axis=0)
    size = max(1, CELLS // max(k * k, 1))
    # Where every pair was won both ways the maximum of the full data carries over. Elsewhere the models of a resample
    # may have fallen apart: its steps end somewhere, but where depends on the start.
    for some in blocks(np.flatnonzero(settled & ((won == 0) | (lost == 0)).any(axis=0)), size):
        sound = has_maximum(table, won[:, some], lost[:, some], component) | (always > 0)
        settled[some] = sound.all(axis=0)
    regularised = 0
    for some in blocks(np.flatnonzero(~settled), size):
        lacking = ~has_maximum(table, won[:, some], lost[:, some], component)
        regularised += int((lacking & (always == 0)).any(axis=0).sum())
        priors = np.where(lacking, PRIOR, always)
        out[:, some] = newton(table, won[:, some], games[:, some], component, priors)
    return centred(out, component), regularised
