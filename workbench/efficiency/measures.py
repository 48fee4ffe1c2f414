"""How far two sets of ratings of the same models go together, for many of them at once.

All from the signs of differences between models: Kendall's τ-b (Kendall 1945), Spearman's ρ as Pearson's correlation of
midranks, and the share of pairs of models in the same order (a tie by one of them is half right; pairs that the
reference ties are left out). Ratings closer than ``SAME`` points are tied.
"""

from __future__ import annotations

import numpy as np

from workbench.efficiency.pool import FloatArray, IntArray
from workbench.efficiency.spec import MEASURES

SAME = 1e-6
#: The best and the worst value of each measure.
RANGE = {"spearman": (-1.0, 1.0), "kendall": (-1.0, 1.0), "order": (0.0, 1.0), "error": (0.0, np.inf)}


def measured(rating: FloatArray, reference: FloatArray) -> FloatArray:
    """(measures × …), in the order of ``MEASURES``, of (models × …) ratings and a reference that broadcasts to them.

    NaN where a rating is missing, and for correlations where one side rates all models alike.
    """
    models = len(rating)
    first, second = (side.astype(np.int64) for side in np.triu_indices(models, 1))
    one, two = _signs(rating, first, second), _signs(reference, first, second)
    with np.errstate(invalid="ignore", divide="ignore"):
        agree = (one * two).sum(axis=0)
        decided = np.abs(two)
        kendall = agree / np.sqrt(np.abs(one).sum(axis=0) * decided.sum(axis=0))
        x, y = (_midranks(signs, models, first, second) for signs in (one, two))
        spearman = (x * y).sum(axis=0) / np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0))
        order = 0.5 + 0.5 * agree / decided.sum(axis=0)
    centred = [values - values.mean(axis=0) for values in (rating, reference)]
    error = np.abs(centred[0] - centred[1]).mean(axis=0)
    found = {"spearman": spearman, "kendall": kendall, "order": order, "error": error}
    return np.stack([np.broadcast_to(found[name], error.shape) for name in MEASURES])


def _signs(rating: FloatArray, first: IntArray, second: IntArray) -> FloatArray:
    """(pairs of models × …) 1, 0 or −1; NaN where a rating is."""
    gap = rating[first] - rating[second]
    out: FloatArray = np.where(np.abs(gap) < SAME, 0.0, np.sign(gap))
    return out


def _midranks(signs: FloatArray, models: int, first: IntArray, second: IntArray) -> FloatArray:
    """(models × …) midranks less their mean: half of (models below − models above)."""
    out = np.zeros((models, *signs.shape[1:]))
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        out[i] += 0.5 * signs[pair]
        out[j] -= 0.5 * signs[pair]
    return out
