"""Greedy matching of tokens by cosine (BERTScore, arXiv 1904.09675, eq. (1)–(4)), many pairs by one matrix product.

With unit vectors x of the reference, y of the candidate and a weight w for each token:
recall = Σᵢ wᵢ maxⱼ xᵢ·yⱼ / Σ wᵢ over the reference's tokens, precision the same over the candidate's, F1 their harmonic
mean. Special tokens may be matched but weigh nothing. As in the package wherever it pads, a token that is like none of
the other text's (all cosines negative) counts as 0; texts whose tokens weigh nothing together score 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workbench.similarity.bertscore.packing import Vectors

Scores = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
#: Numbers of one similarity matrix at most: keeps it in reach of the processor's cache.
PRODUCT = 4_000_000


@dataclass(frozen=True, slots=True)
class Texts:
    """Token vectors of several texts, one text after the other.

    ``tokens`` (T, d) float32, rows of length 1; text i has rows ``starts[i]`` to ``starts[i + 1]``, at least one.
    ``weights`` (T) float64, none negative.
    """

    tokens: Vectors
    starts: Places
    weights: Scores

    @property
    def lengths(self) -> Places:
        return np.diff(self.starts)

    def sums(self) -> Scores:
        """Weight of each text's tokens together."""
        found: Scores = np.add.reduceat(self.weights, self.starts[:-1])
        return found


def match(texts: Texts, first: Places, second: Places) -> tuple[Scores, Scores]:
    """Precision and recall of pairs: ``first[i]`` is the candidate, ``second[i]`` the reference (places of texts).

    All pairs of one first text that are neighbours in ``texts`` come from one product. Returns (n) and (n).
    """
    precision, recall = np.zeros(len(first)), np.zeros(len(first))
    order = np.lexsort((second, first))
    sums = texts.sums()
    for pairs in _runs(first[order], second[order], texts.lengths):
        at = order[pairs]
        i, left, right = int(first[at[0]]), int(second[at[0]]), int(second[at[-1]]) + 1
        precision[at], recall[at] = _one_to_many(texts, i, left, right)
    hollow = (sums[first] == 0) | (sums[second] == 0)
    precision[hollow] = recall[hollow] = 0.0
    return precision, recall


def f1(precision: Scores, recall: Scores) -> Scores:
    """Harmonic mean; 0 where both are 0."""
    total = precision + recall
    found: Scores = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    return found


def _runs(first: Places, second: Places, lengths: Places) -> Iterator[slice]:
    """Stretches of the sorted pairs with one first text and consecutive second ones, each of bounded size."""
    start, numbers = 0, 0
    for k in range(len(first)):
        size = int(lengths[first[k]] * lengths[second[k]])
        follows = k > start and first[k] == first[k - 1] and second[k] == second[k - 1] + 1
        if k > start and (not follows or numbers + size > PRODUCT):
            yield slice(start, k)
            start, numbers = k, 0
        numbers += size
    if len(first):
        yield slice(start, len(first))


def _one_to_many(texts: Texts, i: int, left: int, right: int) -> tuple[Scores, Scores]:
    """Candidate i against the references left … right − 1."""
    mine = slice(int(texts.starts[i]), int(texts.starts[i + 1]))
    theirs = slice(int(texts.starts[left]), int(texts.starts[right]))
    bounds = texts.starts[left:right] - texts.starts[left]
    cosines = texts.tokens[theirs] @ texts.tokens[mine].T  # (their tokens, my tokens)
    best_mine = np.maximum(np.maximum.reduceat(cosines, bounds, axis=0), 0)  # (references, my tokens)
    best_theirs = np.maximum(cosines.max(axis=1), 0)
    weights, weighed = texts.weights[mine], texts.weights[theirs]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = best_mine @ weights / weights.sum()
        recall = np.add.reduceat(best_theirs * weighed, bounds) / np.add.reduceat(weighed, bounds)
    return precision, recall


def concatenated(parts: Sequence[Vectors]) -> tuple[Vectors, Places]:
    """Texts' vectors one after the other, and where each begins (and the last ends)."""
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return np.concatenate(parts), starts
