"""Votes on their way to the store, kept in a file so that a crash loses none."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from workbench.records import Row
from workbench.store import Store

FILE = "pending-annotations.jsonl"


class Journal:
    """JSON lines in ``STORE.files``: one a row of ``annotations``, then ``{"saved": id}`` when it arrived.

    Several processes may write to it; each access holds an ``flock``. Emptied when nothing is on its way.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def append(self, row: Row) -> None:
        """Raises OSError when it cannot be written."""
        with self._locked() as file:
            self._add(file, row)

    def settle(self, ids: Sequence[str]) -> None:
        """These rows are in the store."""
        with self._locked() as file:
            if all(annotation_id in ids for annotation_id in self._read(file)):
                file.truncate(0)
                return
            for annotation_id in ids:
                self._add(file, {"saved": annotation_id})

    def pending(self) -> list[Row]:
        """Rows not known to be in the store, oldest first. Half-written lines are left out."""
        if not self.path.exists():
            return []
        with self._locked() as file:
            return list(self._read(file).values())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        with self.path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    @staticmethod
    def _add(file: IO[bytes], row: Row) -> None:
        line = json.dumps(row, default=_plain).encode() + b"\n"
        end = file.seek(0, 2)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":  # a crash in the middle of a line: do not grow onto it
                line = b"\n" + line
        file.write(line)

    @staticmethod
    def _read(file: IO[bytes]) -> dict[str, Row]:
        file.seek(0)
        found: dict[str, Row] = {}
        for line in file.read().splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and "saved" in row:
                found.pop(row["saved"], None)
            elif isinstance(row, dict) and "annotation_id" in row:
                found[row["annotation_id"]] = row
        return found


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def replay(store: Store) -> int:
    """Send what an earlier session left behind. Returns how many rows the store did not have yet.

    Safe while another session writes: rows are known by their ids, so sending one twice adds it once.
    """
    journal = Journal(store.files)
    rows = journal.pending()
    if not rows:
        return 0
    new = store.insert("annotations", rows)
    journal.settle([row["annotation_id"] for row in rows])
    return new
