"""Bradley–Terry ratings by maximum likelihood.

The chance that i beats j is 1 / (1 + exp(θ_j − θ_i)) (Bradley & Terry 1952); a tie counts as half a win for each.
Ratings are 1000 + 400 / ln 10 · θ, with a mean of 1000 in each component. The fit needs the table of pairs only.
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
TOLERANCE = 1e-10
MAX_STEPS = 200


def strongly_connected(table: PairTable, component: IntArray) -> BoolArray:
    """Per model: does the likelihood of its component have a maximum?

    It has one exactly when from every model there is a chain "won or tied" to every other (Ford 1957). Without one,
    some models never lost to the rest, and the estimate of the gap runs away.
    """
    k = table.n_models
    beats = np.zeros((k, k), dtype=bool)
    beats[table.first, table.second] = table.won > 0
    beats[table.second, table.first] = table.lost > 0
    good = np.ones(k, dtype=bool)
    for number in np.unique(component):
        members = np.flatnonzero(component == number)
        inside = beats[np.ix_(members, members)]
        good[members] = _reached(inside).all() and _reached(inside.T).all()
    return good


def _reached(edges: BoolArray) -> BoolArray:
    """Nodes that can be reached from node 0."""
    reached = np.zeros(len(edges), dtype=bool)
    reached[0] = True
    frontier = reached
    while frontier.any():
        frontier = edges[frontier].any(axis=0) & ~reached
        reached = reached | frontier
    return reached


def centred(theta: FloatArray, component: IntArray) -> FloatArray:
    """θ with a mean of 0 in each component; any further axes (rounds) are kept."""
    out = theta.copy()
    for number in np.unique(component):
        members = component == number
        out[members] -= out[members].mean(axis=0)
    return out


def gradient_and_hessian(table: PairTable, theta: FloatArray, prior: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of the log-likelihood at θ: the gradient, and minus the second derivatives.

    ``prior`` is per model the half-wins (and half-losses) against a virtual model with θ = 0.
    """
    k = table.n_models
    games = table.won + table.lost
    p = 1.0 / (1.0 + np.exp(theta[table.second] - theta[table.first]))
    residual = table.won - games * p
    gradient = np.bincount(table.first, weights=residual, minlength=k)
    gradient -= np.bincount(table.second, weights=residual, minlength=k)
    information = games * p * (1.0 - p)
    hessian = np.zeros((k, k))
    hessian[table.first, table.second] = hessian[table.second, table.first] = -information
    q = 1.0 / (1.0 + np.exp(-theta))
    gradient += prior * (1.0 - 2.0 * q)
    np.fill_diagonal(hessian, 2.0 * prior * q * (1.0 - q) - hessian.sum(axis=1))
    return gradient, hessian


def level_fix(component: IntArray, prior: FloatArray) -> FloatArray:
    """What to add to the Hessian so that it can be inverted.

    A component's mean is free unless its models have a prior: this holds it where it is.
    """
    free = prior == 0.0
    same = (component[:, None] == component[None, :]) & free[:, None] & free[None, :]
    return np.where(same, 1.0, 0.0)


def solve(table: PairTable, component: IntArray, prior: FloatArray, start: FloatArray | None = None) -> FloatArray:
    """θ that maximises the likelihood, by Newton's method. Every component must have a maximum or a prior."""
    theta = np.zeros(table.n_models) if start is None else start.copy()
    fix = level_fix(component, prior)
    for _ in range(MAX_STEPS):
        gradient, hessian = gradient_and_hessian(table, theta, prior)
        # The level's weight follows the data's, so that the system is well conditioned for any number of battles.
        scale = max(float(np.abs(np.diagonal(hessian)).max()), 1e-300)
        step = np.linalg.solve(hessian + fix * scale / table.n_models, gradient)
        longest = float(np.abs(step).max())
        theta += step * min(1.0, MAX_STEP / longest) if longest else 0.0
        if longest < TOLERANCE:
            break
    return theta


def fit_table(table: PairTable) -> tuple[FloatArray, IntArray, BoolArray]:
    """(θ centred per component, component per model, which models needed the prior)."""
    component = components(table)
    if not table.n_models:
        return np.zeros(0), component, np.zeros(0, dtype=bool)
    regularised = ~strongly_connected(table, component)
    theta = solve(table, component, np.where(regularised, PRIOR, 0.0))
    return centred(theta, component), component, regularised


def to_points(theta: FloatArray) -> FloatArray:
    return MEAN + POINTS * theta


def fit_bradley_terry(battles: Battles) -> Ratings:
    """Ratings without intervals; ``bootstrap.bt_interval`` adds those.

    Models of different components are never put on one scale. Where a component's likelihood has no maximum (say a model
    won every battle), each of its models gets one virtual tie against an average model, and is marked
    ``regularised``: its rating is finite, but says little more than "higher than the rest".
    """
    theta, component, regularised = fit_table(pair_table(battles))
    return Ratings(
        "bt",
        battles.models,
        to_points(theta),
        len(battles),
        battles.questions,
        component,
        regularised=regularised,
    )
