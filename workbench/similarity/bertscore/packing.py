"""Token vectors in two bytes a number, without leaving BERTScore's 1e-5.

Plain half precision does not do: its steps are relative, and sentence encoders have one or two coordinates near 1 whose
rounding alone moves a score of a short text by up to 8e-5 (4e-4 where all tokens share such a coordinate, as in
RoBERTa). So a unit vector is kept as 16-bit whole numbers with a scale of its own, and its two largest coordinates are
kept in single precision. A row of ``d`` coordinates takes 2 d + 16 bytes:

    int16[d]    round(x / scale), 0 at the two peaks
    float32     scale = the largest of the other coordinates / 32767
    float32[2]  the peaks
    uint16[2]   where they are
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Packed = npt.NDArray[np.int16]  # (tokens, dimensions + EXTRA)

PEAKS = 2
#: 16-bit numbers of a row beside its coordinates: the scale, the peaks, their places.
EXTRA = 2 + 2 * PEAKS + PEAKS
LARGEST = 32767
MOST_DIMENSIONS = 65_535


def pack(vectors: Vectors) -> Packed:
    """Rows (n, d) of finite numbers, d from 2 to 65,535, as (n, d + 8) 16-bit numbers."""
    count, dimensions = vectors.shape
    rest = np.array(vectors, np.float32)
    places = np.argpartition(np.abs(rest), dimensions - PEAKS, axis=1)[:, -PEAKS:]
    peaks = np.take_along_axis(rest, places, axis=1)
    np.put_along_axis(rest, places, 0.0, axis=1)
    scale = (np.abs(rest).max(axis=1, initial=0.0) / np.float32(LARGEST)).astype(np.float32)
    coordinates = np.rint(rest / np.where(scale > 0, scale, 1)[:, None]).astype(np.int16)
    return join(coordinates, scale, peaks, places.astype(np.uint16)) if count else empty(dimensions)


def join(coordinates: Packed, scale: Vectors, peaks: Vectors, places: npt.NDArray[np.uint16]) -> Packed:
    """The parts of rows, each as in the module's table, side by side."""
    parts = (coordinates, scale.reshape(-1, 1).view(np.int16), peaks.view(np.int16), places.view(np.int16))
    return np.concatenate([np.ascontiguousarray(part) for part in parts], axis=1)


def split(packed: Packed) -> tuple[Packed, Vectors, Vectors, npt.NDArray[np.uint16]]:
    """Coordinates (n, d), scale (n), peaks (n, 2) and their places (n, 2)."""
    dimensions = packed.shape[1] - EXTRA
    tail = np.ascontiguousarray(packed[:, dimensions:])
    numbers = tail[:, : 2 + 2 * PEAKS].copy().view(np.float32)
    return packed[:, :dimensions], numbers[:, 0], numbers[:, 1:], tail[:, 2 + 2 * PEAKS :].view(np.uint16)


def unpack(packed: Packed) -> Vectors:
    """The rows (n, d) again; each coordinate within half a scale of what it was, the peaks exactly."""
    coordinates, scale, peaks, places = split(packed)
    vectors = np.multiply(coordinates, scale[:, None], dtype=np.float32)
    np.put_along_axis(vectors, places.astype(np.intp), peaks, axis=1)
    return vectors


def empty(dimensions: int) -> Packed:
    return np.empty((0, dimensions + EXTRA), np.int16)
