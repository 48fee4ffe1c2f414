"""Embeddings on disk, so that no text is embedded twice by the same encoder.

``STORE.files/embeddings/ENCODER/`` holds two append-only files: ``vectors.f32`` (rows of float32) and ``keys.bin``
(for each row the text's key and a checksum of the vector), and ``meta.json`` (the encoder's version, dimensions).
A row counts once its key is complete: vectors are written and flushed to disk before their keys, under a lock, and
what a crash left beyond the last whole row is cut off before the next append.

Answers are kept in half precision, instructions (of which selection needs the exact cosines) in single: ``half`` names
the same three files in ``ENCODER/half/``, with ``vectors.i16``, 16 bits a number. They are fixed point, the largest
number of each vector being 32,767: for cosines, where a vector's length does not matter, that is about ten times as
exact as a 16-bit float is, and three times as fast to widen. A cosine is within 1e-5 of that of the exact vectors.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import StoreError
from workbench.records import stable_id

Vectors = npt.NDArray[np.float32]
#: Vectors as they are kept: int16 (each to a scale of its own) or float32.
Kept = npt.NDArray[Any]
#: The largest number of a vector in half precision.
FULL_SCALE = 32767
KEY_BYTES = 16
_CHECK_BYTES = 4
_RECORD = KEY_BYTES + _CHECK_BYTES
#: Rows at the end whose checksums are looked at when a cache is opened: those a crash could have torn.
_CHECKED = 256
#: Rows copied at a time from a cache in single precision.
_COPIED = 4096


def text_key(text: str) -> bytes:
    """The key of a text: the first 16 bytes of its SHA-256 (``sha256()`` of DuckDB gives the same)."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:KEY_BYTES]


class EmbeddingCache:
    """The stored embeddings of one encoder (``version`` names it and its weights), in single or half precision.

    Any number of processes may read and append at the same time. Raises StoreError when the files cannot be written,
    or were made by another encoder.
    """

    def __init__(self, folder: Path, version: str, *, half: bool = False) -> None:
        self.version = version
        self.folder = folder / stable_id("embeddings", version)[:16]
        if half:
            self.folder /= "half"
        self.kind: np.dtype[Any] = np.dtype(np.int16 if half else np.float32)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rows: dict[bytes, int] = {}
        self._dimensions: int | None = None
        self._count = 0  # rows of the file that were read, those named twice or damaged included
        self._refresh()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    @property
    def dimensions(self) -> int | None:
        """Length of a vector; ``None`` while the cache is empty."""
        return self._dimensions

    def row(self, key: bytes) -> int:
        """Where a text's vector stands in ``matrix()``; −1 if it is not there."""
        return self._rows.get(key, -1)

    def rows(self, keys: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """Where the vectors of these keys stand in ``matrix()``. Raises KeyError for one that is not there."""
        return np.fromiter((self._rows[key] for key in keys), dtype=np.int64, count=len(keys))

    def matrix(self) -> Kept:
        """All vectors, mapped from the file and read as they are used: float32, or int16 to scales of their own."""
        if not self._count or self._dimensions is None:
            return np.empty((0, self._dimensions or 0), self.kind)
        return np.memmap(self._vectors, self.kind, "r", shape=(self._count, self._dimensions))

    def unit_vectors(self, keys: Sequence[bytes]) -> Vectors:
        """The vectors of these keys, one a row, float32, scaled to length 1 (a vector of zeros stays one)."""
        return unit(np.asarray(self.matrix()[self.rows(keys)], np.float32))

    def append(self, keys: Sequence[bytes], vectors: Sequence[Sequence[float]] | Kept) -> int:
        """Add vectors that are not there yet. Returns how many were added; they are on disk when this returns."""
        matrix = np.ascontiguousarray(vectors, dtype=np.float32)
        if matrix.shape[0] != len(keys):
            raise ValueError(f"{len(keys)} keys for {matrix.shape[0]} vectors")
        if not len(keys):
            return 0
        if matrix.ndim != 2 or not np.isfinite(matrix).all():
            raise StoreError(f"encoder {self.version} gave vectors of different lengths, or no numbers")
        kept: Kept = matrix if self.kind == np.float32 else fixed_point(matrix)
        with self._locked():
            self._refresh()  # another process may have added some
            self._fix_dimensions(kept.shape[1])
            new = {key: i for i, key in enumerate(keys) if key not in self._rows}
            if new:
                self._write(list(new), kept[list(new.values())])
        return len(new)

    def adopt(self, other: EmbeddingCache, keys: Sequence[bytes]) -> int:
        """Copy from ``other`` what of these keys is there and not here, so that it need not be embedded again. Returns
        how many were copied."""
        wanted = [key for key in dict.fromkeys(keys) if key in other and key not in self]
        for start in range(0, len(wanted), _COPIED):
            some = wanted[start : start + _COPIED]
            self.append(some, np.asarray(other.matrix()[other.rows(some)], np.float32))
        return len(wanted)

    # -- files -------------------------------------------------------------------------------------

    @property
    def _vectors(self) -> Path:
        return self.folder / ("vectors.f32" if self.kind == np.float32 else "vectors.i16")

    @property
    def _keys(self) -> Path:
        return self.folder / "keys.bin"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            except OSError as error:
                raise StoreError(
                    f"cannot keep embeddings in {self.folder}: {error.strerror or error}",
                    hint="free some space and run the same again: what is there is not embedded again",
                ) from error

    def _fix_dimensions(self, dimensions: int) -> None:
        if self._dimensions is None:
            part = self.folder / "meta.part"
            part.write_text(json.dumps({"version": self.version, "dimensions": dimensions}), "utf-8")
            part.replace(self.folder / "meta.json")
            self._dimensions = dimensions
        elif self._dimensions != dimensions:
            raise StoreError(
                f"encoder {self.version} gave vectors of {dimensions} numbers, before it gave {self._dimensions}"
            )

    def _refresh(self) -> None:
        """Take note of rows that were added since, by whomever."""
        if self._dimensions is None:
            self._dimensions = self._read_meta()
        if self._dimensions is None:
            return
        with contextlib.suppress(FileNotFoundError), self._keys.open("rb") as file:
            file.seek(self._count * _RECORD)
            data = file.read()
            whole = self._vectors.stat().st_size // (self.kind.itemsize * self._dimensions)
            count = min(self._count + len(data) // _RECORD, whole)
            self._take(data, self._count, count)

    def _take(self, data: bytes, first: int, count: int) -> None:
        """Index rows first … count − 1 by their records; the last ones only if their checksums hold."""
        self._count = count
        matrix = self.matrix()
        for row in range(first, count):
            record = data[(row - first) * _RECORD : (row - first + 1) * _RECORD]
            if row >= count - _CHECKED and record[KEY_BYTES:] != _checksum(matrix[row]):
                continue  # torn by a crash: this text is embedded again
            self._rows[record[:KEY_BYTES]] = row

    def _read_meta(self) -> int | None:
        try:
            meta: dict[str, Any] = json.loads((self.folder / "meta.json").read_text("utf-8"))
            version, dimensions = meta["version"], int(meta["dimensions"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{self.folder} is damaged ({error})", hint="delete this folder: it is a cache") from None
        if version != self.version:
            raise StoreError(f"{self.folder} holds embeddings of {version}, not of {self.version}")
        return dimensions

    def _write(self, keys: list[bytes], matrix: Kept) -> None:
        """Append rows; on failure the files are as before, or end in a torn row that is cut off next time."""
        records = b"".join(key + _checksum(row) for key, row in zip(keys, matrix, strict=True))
        for path, size, data in (
            (self._vectors, self._count * matrix.shape[1] * self.kind.itemsize, matrix.tobytes()),
            (self._keys, self._count * _RECORD, records),
        ):
            path.touch(mode=0o600)
            with path.open("r+b") as file:
                file.truncate(size)
                file.seek(size)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for i, key in enumerate(keys):
            self._rows[key] = self._count + i
        self._count += len(keys)


def _checksum(vector: Kept) -> bytes:
    return zlib.crc32(vector.tobytes()).to_bytes(_CHECK_BYTES, "little")


def fixed_point(matrix: Vectors) -> npt.NDArray[np.int16]:
    """Rows scaled so that their largest number is ±32,767, and rounded; rows of zeros stay as they are."""
    largest = np.abs(matrix).max(axis=1, keepdims=True).astype(np.float64)
    largest[largest == 0] = 1.0
    rounded: npt.NDArray[np.int16] = np.rint(matrix * (FULL_SCALE / largest)).astype(np.int16)
    return rounded


def unit(matrix: Vectors) -> Vectors:
    """Rows scaled to length 1; rows of zeros stay as they are. Lengths are taken in double precision."""
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    lengths[lengths == 0] = 1.0
    scaled: Vectors = (matrix / lengths[:, None]).astype(np.float32)
    return scaled
