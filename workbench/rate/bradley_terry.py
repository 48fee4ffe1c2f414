"""Bradley–Terry ratings by maximum likelihood.

The chance that i beats j is 1 / (1 + exp(θ_j − θ_i)) (Bradley & Terry 1952); a tie counts as half a win for each.
Ratings are 1000 + 400 / ln 10 · θ, with a mean of 1000 in each component. The fit needs the table of pairs only.

Functions here fit many tables at once, one a column ("round"): those of a bootstrap share their pairs and differ in
their counts. A single fit is one round.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.rate.battles import (
    Battles,
    BoolArray,
    FloatArray,
    IntArray,
    PairTable,
    Ratings,
    components,
    pair_table,
)

#: Elo points a natural-log unit of strength.
POINTS = 400.0 / math.log(10.0)
MEAN = 1000.0
#: Half-wins of the virtual tie against an average model that a model gets where the likelihood has no maximum.
PRIOR = 0.5
#: A Newton step in θ is cut to this length: far from the optimum a full one overshoots.
MAX_STEP = 2.0
TOLERANCE = 1e-9
MAX_STEPS = 100


class Incidence:
    """Sums over the pairs of each model, for (pairs × rounds) values of one table."""

    def __init__(self, table: PairTable) -> None:
        self.n_models = table.n_models
        # Pairs are ordered by their first model, so that each model's are one run.
        self._first, self._first_starts = np.unique(table.first, return_index=True)
        self._order = np.argsort(table.second, kind="stable")
        self._second, self._second_starts = np.unique(table.second[self._order], return_index=True)

    def over_first(self, values: FloatArray) -> FloatArray:
        """(models × rounds): the sum over the pairs in which the model is first."""
        out = np.zeros((self.n_models, values.shape[1]))
        if len(values):
            out[self._first] = np.add.reduceat(values, self._first_starts, axis=0)
        return out

    def over_second(self, values: FloatArray) -> FloatArray:
        """(models × rounds): the sum over the pairs in which the model is second."""
        out = np.zeros((self.n_models, values.shape[1]))
        if len(values):
            out[self._second] = np.add.reduceat(values[self._order], self._second_starts, axis=0)
        return out


def chances(table: PairTable, theta: FloatArray) -> FloatArray:
    """(pairs × rounds) chance that the first model wins."""
    p = theta[table.second]
    p -= theta[table.first]
    np.exp(p, out=p)
    p += 1.0
    return np.reciprocal(p, out=p)


def has_maximum(table: PairTable, won: FloatArray, lost: FloatArray, component: IntArray) -> BoolArray:
    """(models × rounds): does the likelihood of the model's component have a maximum?

    It has one exactly when from every model there is a chain "won or tied" to every other (Ford 1957). Without one,
    some models never lost to the rest, and the estimate of the gap runs away.
    """
    k, rounds = table.n_models, won.shape[1]
    reach = np.zeros((rounds, k, k), dtype=np.float32)
    reach[:, table.first, table.second] = won.T > 0
    reach[:, table.second, table.first] = lost.T > 0
    reach[:, np.arange(k), np.arange(k)] = 1.0
    for _ in range(max(k - 1, 1).bit_length()):
        reach = np.minimum(reach @ reach, 1.0)
    good = np.ones((k, rounds), dtype=bool)
    for number in np.unique(component):
        members = np.flatnonzero(component == number)
        good[members] = (reach[:, members][:, :, members] > 0).all(axis=(1, 2))
    return good


def hessians(
    table: PairTable, games: FloatArray, theta: FloatArray, component: IntArray, prior: FloatArray
) -> FloatArray:
    """(rounds × models × models) minus the second derivatives of the log-likelihood, made invertible.

    A component's level is free unless its models have a prior: an added term holds it where it is.
    """
    p = chances(table, theta)
    q = 1.0 / (1.0 + np.exp(-theta))
    diagonal = np.arange(table.n_models)
    out = np.zeros((theta.shape[1], table.n_models, table.n_models))
    information = (games * p * (1.0 - p)).T
    out[:, table.first, table.second] = out[:, table.second, table.first] = -information
    out[:, diagonal, diagonal] = (2.0 * prior * q * (1.0 - q)).T - out.sum(axis=2)
    free = (prior == 0.0).T
    level = (component[:, None] == component[None, :]) & free[:, :, None] & free[:, None, :]
    out += level * out[:, diagonal, diagonal].mean(axis=1)[:, None, None]
    return out


def gradient(
    sums: Incidence, table: PairTable, won: FloatArray, games: FloatArray, theta: FloatArray, prior: FloatArray
) -> FloatArray:
    """(models × rounds) first derivatives of the log-likelihood."""
    residual = chances(table, theta)
    residual *= -games
    residual += won
    out = sums.over_first(residual)
    out -= sums.over_second(residual)
    if prior.any():
        out += prior * (1.0 - 2.0 / (1.0 + np.exp(-theta)))
    return out


def newton(table: PairTable, won: FloatArray, games: FloatArray, component: IntArray, prior: FloatArray) -> FloatArray:
    """(models × rounds) θ that maximises each round's likelihood.

    ``won`` and ``games`` are pairs × rounds; ``prior`` is, models × rounds, the half-wins and half-losses against a
    virtual model with θ = 0. Each component of each round must have a maximum or a prior.
    """
    sums = Incidence(table)
    theta = np.zeros_like(prior)
    for _ in range(MAX_STEPS):
        slope = gradient(sums, table, won, games, theta, prior)
        hessian = hessians(table, games, theta, component, prior)
        step = np.linalg.solve(hessian, slope.T[:, :, None])[:, :, 0].T
        longest = np.abs(step).max(axis=0)
        theta += step * np.minimum(1.0, MAX_STEP / np.maximum(longest, MAX_STEP))
        if longest.max() < TOLERANCE:
            break
    return theta


def centred(theta: FloatArray, component: IntArray) -> FloatArray:
    """θ with a mean of 0 in each component of each round."""
    out = theta.copy()
    for number in np.unique(component):
        members = component == number
        out[members] -= out[members].mean(axis=0)
    return out


def fit_table(table: PairTable) -> tuple[FloatArray, IntArray, BoolArray]:
    """(θ centred per component, component per model, which models needed the prior)."""
    component = components(table)
    if not table.n_models:
        return np.zeros(0), component, np.zeros(0, dtype=bool)
    won, lost = table.won[:, None], table.lost[:, None]
    regularised = ~has_maximum(table, won, lost, component)
    prior = np.where(regularised, PRIOR, 0.0)
    theta = newton(table, won, won + lost, component, prior)
    return centred(theta, component)[:, 0], component, regularised[:, 0]


def to_points(theta: FloatArray) -> FloatArray:
    return MEAN + POINTS * theta


def as_ratings(battles: Battles, theta: FloatArray, component: IntArray, regularised: BoolArray) -> Ratings:
    """A fit of the battles in points, without an interval."""
    questions = battles.questions
    return Ratings("bt", battles.models, to_points(theta), len(battles), questions, component, regularised=regularised)


def fit_bradley_terry(battles: Battles) -> Ratings:
    """Ratings without intervals; ``bootstrap.bt_interval`` adds those.

    Models of different components are never put on one scale. Where a component's likelihood has no maximum (say a
    model won every battle), each of its models gets one virtual tie against an average model, and is marked
    ``regularised``: its rating is finite, but says little more than "higher than the rest".
    """
    return as_ratings(battles, *fit_table(pair_table(battles)))
