"""Inverse document frequencies of word pieces (BERTScore, arXiv 1904.09675, eq. (5); as the package computes them).

A piece that stands in c of N documents weighs log((N + 1) / (c + 1)). Here the documents are all answers in scope, each
once. So scores weighted by idf hold for one set of answers: a model added later changes them all (nothing has to be
encoded again for that), and the set is part of the metric's version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.uint32]
Weights = npt.NDArray[np.float64]


def corpus_hash(corpus: Mapping[bytes, int]) -> str:
    """Names a set of documents: for each text's key, how many documents have that text."""
    digest = hashlib.sha256()
    for key in sorted(corpus):
        digest.update(key + corpus[key].to_bytes(8, "little"))
    return digest.hexdigest()[:12]


def idf_weights(documents: Iterable[tuple[Ids, int]]) -> Weights:
    """Weight of each piece by its id, up to the largest one seen, and last the weight of a piece never seen.

    ``documents``: each distinct text's pieces, special ones included, and how many documents have that text.
    """
    counts, total = np.zeros(1, np.int64), 0
    for pieces, times in documents:
        ids = np.unique(pieces)
        if ids.size and ids[-1] >= counts.size:
            more = np.zeros(max(int(ids[-1]) + 1, 2 * counts.size) - counts.size, np.int64)
            counts = np.concatenate([counts, more])
        counts[ids] += times
        total += times
    return np.log((total + 1) / (np.append(counts, 0) + 1))


def weigh(ids: Ids, weights: Weights) -> Weights:
    """The weight of each of these pieces, by what ``idf_weights`` gave."""
    return weights[np.minimum(ids, weights.size - 1)]
