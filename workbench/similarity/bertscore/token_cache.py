"""Token vectors on disk, so that no text is encoded twice by the same encoder.

``STORE.files/bertscore/ENCODER/`` holds ``tokens.i16`` (a packed row a token, see ``packing``), ``pieces.u32`` (each
token's piece of the vocabulary, which idf weights go by), ``index.bin`` (a record a text: key, first token, number of
tokens, checksum) and ``meta.json``. All but the last only grow. A text counts once its record is whole: vectors and
pieces are on disk before it. What a crash left behind is cut off before the next text is added.

Vectors are read, not mapped: mapped pages count as the process's memory, and files may be larger than memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import StoreError
from workbench.records import stable_id
from workbench.similarity.bertscore.idf import Ids
from workbench.similarity.bertscore.packing import EXTRA, Packed
from workbench.similarity.cache import KEY_BYTES

_RECORD = struct.Struct(f"<{KEY_BYTES}sQII")  # key, first token, tokens, checksum
#: Records at the end whose checksums are looked at when a cache is opened: those a crash could have torn.
_CHECKED = 256


class TokenCache:
    """The stored token vectors of one encoder (``version`` names its weights, layer and precision).

    Any number of processes may read and append at the same time. Raises StoreError when the files cannot be written,
    are damaged, or were made by another encoder.
    """

    def __init__(self, folder: Path, version: str) -> None:
        self.version = version
        self.folder = folder / stable_id("bertscore", version)[:16]
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.dimensions: int | None = None  # none while it is empty
        #: pieces that weigh nothing without idf; to be set before the first text is added, and kept
        self.special: tuple[int, ...] = ()
        self._rows: dict[bytes, int] = {}
        self._first = array("Q")
        self._length = array("I")
        self._tokens = 0  # of all whole records
        self._files: dict[str, int] = {}
        self._refresh()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def lacking(self, keys: Sequence[bytes]) -> list[bytes]:
        """Those that are not there, each once."""
        return [key for key in dict.fromkeys(keys) if key not in self._rows]

    def length(self, key: bytes) -> int:
        """Tokens of a text, special ones included. Raises KeyError if it is not there."""
        return self._length[self._rows[key]]

    def pieces(self, key: bytes) -> Ids:
        """The pieces of a text, (n) uint32."""
        row = self._rows[key]
        ids = np.empty(self._length[row], np.uint32)
        self._read("pieces.u32", self._first[row] * 4, ids)
        return ids

    def read(self, keys: Sequence[bytes]) -> tuple[Packed, Ids]:
        """Packed vectors (T, d + 8) and pieces (T) of these texts, one text after the other."""
        rows = [self._rows[key] for key in keys]
        total = sum(self._length[row] for row in rows)
        packed = np.empty((total, (self.dimensions or 0) + EXTRA), np.int16)
        ids = np.empty(total, np.uint32)
        at = 0
        for row in rows:
            first, end = self._first[row], at + self._length[row]
            self._read("tokens.i16", first * packed.shape[1] * 2, packed[at:end])
            self._read("pieces.u32", first * 4, ids[at:end])
            at = end
        return packed, ids

    def append(self, keys: Sequence[bytes], pieces: Sequence[Ids], packed: Sequence[Packed]) -> int:
        """Add texts that are not there yet: for each its pieces (n) and packed vectors (n, d + 8). Returns how many
        were added; they are on disk when this returns."""
        if not len(keys) == len(pieces) == len(packed):
            raise ValueError(f"{len(keys)} keys, pieces of {len(pieces)}, vectors of {len(packed)} texts")
        if not keys:
            return 0
        with self._locked():
            self._refresh()  # another process may have added some
            self._fix_dimensions(packed[0].shape[1] - EXTRA)
            new = {key: i for i, key in enumerate(keys) if key not in self._rows}
            if new:
                places = list(new.values())
                self._write(list(new), [pieces[i] for i in places], [packed[i] for i in places])
        return len(new)

    def close(self) -> None:
        while self._files:
            os.close(self._files.popitem()[1])

    # -- files -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.folder / "lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            except OSError as error:
                raise StoreError(
                    f"cannot keep encoded texts in {self.folder}: {error.strerror or error}",
                    hint="free some space and run the same again: what is there is not encoded again",
                ) from error

    def _fix_dimensions(self, dimensions: int) -> None:
        if self.dimensions is None:
            part = self.folder / "meta.part"
            meta = {"version": self.version, "dimensions": dimensions, "special": self.special}
            part.write_text(json.dumps(meta), "utf-8")
            part.replace(self.folder / "meta.json")
            self.dimensions = dimensions
        elif self.dimensions != dimensions:
            raise StoreError(
                f"encoder {self.version} gave vectors of {dimensions} numbers, before it gave {self.dimensions}"
            )

    def _read_meta(self) -> int | None:
        try:
            meta: dict[str, Any] = json.loads((self.folder / "meta.json").read_text("utf-8"))
            version, dimensions = meta["version"], int(meta["dimensions"])
            special = tuple(map(int, meta["special"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged(str(error)) from None
        if version != self.version:
            raise StoreError(f"{self.folder} holds texts encoded by {version}, not by {self.version}")
        self.special = special
        return dimensions

    def _damaged(self, why: str) -> StoreError:
        return StoreError(f"{self.folder} is damaged ({why})", hint="delete this folder: it is a cache")

    def _refresh(self) -> None:
        """Take note of texts that were added since, by whomever."""
        if self.dimensions is None:
            self.dimensions = self._read_meta()
        if self.dimensions is None:
            return
        with contextlib.suppress(FileNotFoundError), (self.folder / "index.bin").open("rb") as file:
            file.seek(len(self._first) * _RECORD.size)
            data = file.read()
            self._take(data)

    def _take(self, data: bytes) -> None:
        """Index these records up to the first that is torn; checksums are made of the last ones only."""
        row_bytes = ((self.dimensions or 0) + EXTRA) * 2
        whole = min(self._size("tokens.i16") // row_bytes, self._size("pieces.u32") // 4)
        count = len(data) // _RECORD.size
        for i, record in enumerate(_RECORD.iter_unpack(data[: count * _RECORD.size])):
            key, first, length, checksum = record
            if first != self._tokens or first + length > whole:
                break
            self._first.append(first)
            self._length.append(length)
            before = self._rows.get(key)
            self._rows[key] = len(self._first) - 1
            if i >= count - _CHECKED and checksum != self._checksum(key):
                self._first.pop()
                self._length.pop()
                self._rows.pop(key)
                if before is not None:
                    self._rows[key] = before
                break
            self._tokens = first + length

    def _checksum(self, key: bytes) -> int:
        packed, ids = self.read([key])
        return _checksum(key, self._first[self._rows[key]], ids, packed)

    def _size(self, name: str) -> int:
        try:
            return (self.folder / name).stat().st_size
        except FileNotFoundError:
            return 0

    def _read(self, name: str, position: int, into: npt.NDArray[Any]) -> None:
        """Fill an array from a file."""
        descriptor = self._files.get(name)
        if descriptor is None:
            descriptor = self._files[name] = os.open(self.folder / name, os.O_RDONLY | os.O_CLOEXEC)
        view, done = memoryview(into.data).cast("B") if into.size else memoryview(b""), 0
        while done < len(view):
            count = os.preadv(descriptor, [view[done:]], position + done)
            if not count:
                raise self._damaged(f"{name} ends too early")
            done += count

    def _write(self, keys: list[bytes], pieces: list[Ids], packed: list[Packed]) -> None:
        """Append texts; on failure the files are as before, or end in a torn part that is cut off next time."""
        records, firsts, first = [], [], self._tokens
        for key, ids, rows in zip(keys, pieces, packed, strict=True):
            records.append(_RECORD.pack(key, first, len(ids), _checksum(key, first, ids, rows)))
            firsts.append(first)
            first += len(ids)
        row_bytes = packed[0].shape[1] * 2
        for name, size, data in (
            ("tokens.i16", self._tokens * row_bytes, packed),
            ("pieces.u32", self._tokens * 4, pieces),
            ("index.bin", len(self._first) * _RECORD.size, [b"".join(records)]),
        ):
            path = self.folder / name
            path.touch(mode=0o600)
            with path.open("r+b") as file:
                file.truncate(size)
                file.seek(size)
                for part in data:
                    file.write(part if isinstance(part, bytes) else np.ascontiguousarray(part).data)
                file.flush()
                os.fsync(file.fileno())
        for key, start, ids in zip(keys, firsts, pieces, strict=True):
            self._rows[key] = len(self._first)
            self._first.append(start)
            self._length.append(len(ids))
        self._tokens = first


def _checksum(key: bytes, first: int, ids: Ids, packed: Packed) -> int:
    total = zlib.crc32(key + first.to_bytes(8, "little") + len(ids).to_bytes(4, "little"))
    total = zlib.crc32(np.ascontiguousarray(ids).data, total)
    return zlib.crc32(np.ascontiguousarray(packed).data, total)
