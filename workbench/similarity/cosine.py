"""Cosines of all pairs of a question's answers, as one small matrix product a question.

The vectors of a question's m answers are gathered once, (m × d)·(d × m) gives every two answers' product, and the
diagonal the squared lengths. Gathering for each pair instead would move m − 1 times the bytes. Questions go through
in chunks that stay in the processor's cache, where half precision is widened and multiplied: reading 16-bit numbers
from memory costs half of what 32-bit ones do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import EngineError
from workbench.similarity.cache import Kept, Vectors
from workbench.similarity.metrics import Places, Scores

#: Bytes of widened vectors worked on at a time: what a processor's cache holds beside other things.
CHUNK_BYTES = 4 << 20
#: The same on a GPU, where what counts is that few kernels are started.
GPU_CHUNK_BYTES = 1 << 29


def pair_cosines(matrix: Kept, rows: Places, first: Places, second: Places, device: str = "cpu") -> Scores:
    """Cosine of rows ``rows[first[i]]`` and ``rows[second[i]]`` of ``matrix``, from −1 to 1; 0 where a vector is zeros.

    Pairs of one question must stand together, and its places in ``rows`` be near one another: chunks are cut where no
    pair reaches across. ``device`` other than cpu multiplies by torch there.
    """
    found = np.empty(len(first), np.float64)
    if not len(first):
        return found
    low, high = np.minimum(first, second), np.maximum(first, second)
    begins = _runs(low, high)
    lasts = np.maximum.reduceat(high, begins)
    begins = np.append(begins, len(first))
    most = max(1, (CHUNK_BYTES if device == "cpu" else GPU_CHUNK_BYTES) // (4 * max(matrix.shape[1], 1)))
    widen = Widening(matrix)
    run = 0
    while run < len(lasts):
        upto = max(run + 1, int(np.searchsorted(lasts, low[begins[run]] + most)))
        some = slice(begins[run], begins[upto])
        base = int(low[some].min())
        where = rows[base : int(lasts[upto - 1]) + 1]
        a, b = first[some] - base, second[some] - base
        if device == "cpu":
            found[some] = _by_numpy(widen(where), a, b)
        else:
            found[some] = _by_torch(matrix[where], a, b, device)
        run = upto
    return found


def _runs(low: Places, high: Places) -> Places:
    """Where runs of pairs begin that share no place with any pair before: usually one run a question."""
    apart = low[1:] > np.maximum.accumulate(high)[:-1]
    return np.concatenate([[0], np.flatnonzero(apart) + 1]).astype(np.int64)


def _by_numpy(wide: Vectors, a: Places, b: Places) -> Scores:
    size = _even(a, b)
    if size:
        grams = wide.reshape(-1, size, wide.shape[1])
        return _divided(grams @ grams.transpose(0, 2, 1), a, b, size)
    squares = np.einsum("ij,ij->i", wide, wide, dtype=np.float64)
    dots = np.einsum("ij,ij->i", wide[a], wide[b], dtype=np.float64)
    return _over(dots, np.sqrt(squares[a] * squares[b]))


def _even(a: Places, b: Places) -> int:
    """How many answers a question has if all have as many (places 0 … m − 1, m … 2m − 1, …); 0 where they differ."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    begins = _runs(low, high)
    lasts = np.maximum.reduceat(high, begins)
    size = int(lasts[0]) + 1
    if not np.array_equal(lasts, np.arange(1, len(lasts) + 1) * size - 1):
        return 0
    # A run lies within its question if its first place does.
    return size if (np.minimum.reduceat(low, begins) > lasts - size).all() else 0


def _divided(products: npt.NDArray[Any], a: Places, b: Places, size: int) -> Scores:
    """The products of these pairs over their lengths. ``products`` holds an m × m matrix a question."""
    group = a // size
    lengths = np.sqrt(np.einsum("gii->gi", products).astype(np.float64)).ravel()
    return _over(products.ravel()[a * size + (b - group * size)], lengths[a] * lengths[b])


def _over(dots: npt.NDArray[Any], lengths: npt.NDArray[np.float64]) -> Scores:
    """Products over lengths; a vector of zeros is like nothing, not even itself."""
    lengths[lengths == 0] = np.inf
    found: Scores = np.clip(dots / lengths, -1.0, 1.0)
    return found


class Widening:
    """Rows of a matrix in single precision, into memory that is used again at the next call: taking new memory for each
    chunk costs as long as the products."""

    def __init__(self, matrix: Kept) -> None:
        self._matrix = matrix
        self._taken = np.empty((0, matrix.shape[1]), matrix.dtype)
        self._wide = np.empty((0, matrix.shape[1]), np.float32)

    def __call__(self, rows: Places) -> Vectors:
        n = len(rows)
        if len(self._taken) < n:
            self._taken = np.empty((n, self._matrix.shape[1]), self._taken.dtype)
            self._wide = np.empty((n, self._matrix.shape[1]), np.float32)
        # Rows are checked by whoever made them; "clip" lets numpy write without a copy in between.
        np.take(self._matrix, rows, axis=0, out=self._taken[:n], mode="clip")
        np.copyto(self._wide[:n], self._taken[:n])
        return self._wide[:n]


def check_device(device: str) -> None:
    """Raises EngineError where torch cannot multiply on this device."""
    if device == "cpu":
        return
    try:
        import torch

        torch.zeros(1, device=device)
    except Exception as error:  # torch tells of a missing device in many ways
        said = str(error).strip().splitlines()[:1]
        raise EngineError(
            f"device '{device}' cannot be used: {said[0] if said else type(error).__name__}",
            hint="leave --device out: cosines take seconds on the processor",
        ) from None


def _by_torch(vectors: Kept, a: Places, b: Places, device: str) -> Scores:
    """The same on a GPU; products are in single precision there too."""
    import torch

    wide = torch.from_numpy(np.ascontiguousarray(vectors)).to(device).float()
    if size := _even(a, b):
        grams = wide.reshape(-1, size, wide.shape[1])
        return _divided(torch.bmm(grams, grams.transpose(1, 2)).cpu().numpy(), a, b, size)
    squares = (wide * wide).sum(1).cpu().numpy()
    one, two = (wide[torch.as_tensor(places, device=wide.device)] for places in (a, b))
    return _over((one * two).sum(1).cpu().numpy(), np.sqrt(squares[a].astype(np.float64) * squares[b]))
