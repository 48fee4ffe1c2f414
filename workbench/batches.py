"""Saving results in small batches, so that little is lost whenever work is stopped.

Results may have cost money. When the store cannot take them (a full disk, an owner that is gone) they are kept in
memory and offered again for a while; then they go to a spool file under ``STORE.files/unsaved``, which the next run
of any stage brings into the store. What could be kept in neither place is said to be lost, with its number.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from workbench.errors import QueryError, StoreError
from workbench.progress import Progress
from workbench.records import Row, utcnow
from workbench.store import Store
from workbench.text import plural

#: A batch is saved when it has this many rows, or its first row is this old: a worker that is killed loses the requests
#: in flight and what came back in this time. A commit costs the store as much as 150 rows do, so where rows come fast
#: (``BUSY_ROWS`` in the last batch) they are waited for a little longer.
ROWS = 256
SECONDS = 0.02
BUSY_ROWS = 16
BUSY_SECONDS = 0.08
#: How long a store that takes nothing is tried again before the rows are spooled.
PATIENCE_S = 300.0
#: The same, after Ctrl-C.
INTERRUPTED_S = 10.0
_Item = tuple[str, Row]


class Saver:
    """Takes rows and saves them from a thread of its own, so that nobody waits for the store.

    Use it as a context manager: leaving the block saves what is left, also when the block was left by an error or by
    Ctrl-C. A second Ctrl-C while a failing store is being retried spools the rest at once.

    Raises (on leaving, or from ``check``):
        StoreError: rows could not be saved in time; the message says where they are.
    """

    def __init__(
        self,
        store: Store,
        progress: Progress,
        *,
        rows: int = ROWS,
        seconds: float = SECONDS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._store, self._progress = store, progress
        self._rows, self._seconds, self._patience_s = rows, seconds, patience_s
        self._linger = seconds
        self._waiting: list[_Item] = []
        self._oldest = 0.0
        self._said: list[tuple[str, str]] = []
        self._changed = threading.Condition()
        self._closing = self._hurry = False
        self._failure: StoreError | None = None
        self._failing_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
        self._then: list[Callable[[], None]] = []

    # -- for the stage -----------------------------------------------------------------------------

    def add(self, table: str, row: Row) -> None:
        """Hand over a row; returns at once."""
        with self._changed:
            if not self._waiting:
                self._oldest = time.monotonic()
            self._waiting.append((table, row))
            if len(self._waiting) in (1, self._rows):
                self._changed.notify()

    def then(self, call: Callable[[], None]) -> None:
        """Have something called when the block was left without an error and everything is saved."""
        self._then.append(call)

    @property
    def stuck(self) -> bool:
        """True while the store takes nothing: a reason to send no more requests."""
        self._relay()
        return self._failing_since is not None

    def check(self) -> None:
        """Raises StoreError once the store has been failing for too long."""
        self._relay()
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Saver:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._patience_s = min(self._patience_s, INTERRUPTED_S)
        interrupted = self._close()
        unsaved = self._waiting
        if unsaved:
            raise self._spool(unsaved) from (error or self._failure)
        if interrupted:
            raise KeyboardInterrupt
        for call in self._then if error is None else ():
            call()

    def _close(self) -> bool:
        """Let the thread finish. Returns whether Ctrl-C came meanwhile (the second one ends the retries)."""
        interrupted = False
        with self._changed:
            self._closing = True
            self._changed.notify()
        while self._thread.is_alive():
            try:
                self._thread.join(0.1)
                self._relay()
            except KeyboardInterrupt:
                with self._changed:
                    self._hurry = interrupted = True
                    self._changed.notify()
        self._relay()
        return interrupted

    def _relay(self) -> None:
        """Say what the thread has to say, in the thread that progress belongs to."""
        with self._changed:
            said, self._said = self._said, []
        for message, level in said:
            self._progress.say(message, level=level)

    def _spool(self, unsaved: list[_Item]) -> StoreError:
        reason = self._failure.message if self._failure else "the store took nothing"
        try:
            path = write_spool(self._store, unsaved)
        except OSError as error:
            return StoreError(
                f"{plural(len(unsaved), 'row')} LOST: {reason}; and no file could be written "
                f"({error.strerror or error})",
                hint="free some space, then run the same again: what is missing is asked for again",
            )
        return StoreError(
            f"{plural(len(unsaved), 'row')} not in the store yet: {reason}; kept in {path}",
            hint="free some space, then run the same again: it reads this file first",
        )

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                while (left := self._due_in()) is None or left > 0:
                    self._changed.wait(left)
                batch = list(self._waiting)
                if not batch:
                    return
            if self._save(batch):
                self._linger = max(self._seconds, BUSY_SECONDS) if len(batch) >= BUSY_ROWS else self._seconds
                with self._changed:
                    del self._waiting[: len(batch)]
                    self._oldest = time.monotonic()
            elif self._failure is not None:
                return

    def _due_in(self) -> float | None:
        """Seconds until a batch is due; ``None`` while there is nothing to save."""
        if self._closing or len(self._waiting) >= self._rows:
            return 0.0
        return self._oldest + self._linger - time.monotonic() if self._waiting else None

    def _save(self, batch: list[_Item]) -> bool:
        """Offer a batch until it is taken. False once patience is over; ``_failure`` says why."""
        pause = 0.5
        while True:
            try:
                self._store.insert_many(by_table(batch))
            except QueryError as error:
                self._failure = error  # the rows themselves are refused: trying again is of no use
                return False
            except StoreError as error:
                now = time.monotonic()
                if self._failing_since is None:
                    self._failing_since = now
                    self._tell(f"cannot save {plural(len(batch), 'row')} yet: {error.message}; trying again")
                if self._hurry or now - self._failing_since >= self._patience_s:
                    self._failure = error
                    return False
            else:
                if self._failing_since is not None:
                    self._failing_since = None
                    self._tell("the store saves again", "info")
                return True
            with self._changed:
                self._changed.wait(pause)
            pause = min(pause * 2, 10.0)

    def _tell(self, message: str, level: str = "warning") -> None:
        with self._changed:
            self._said.append((message, level))


def by_table(items: Iterable[_Item]) -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {}
    for table, row in items:
        tables.setdefault(table, []).append(row)
    return tables


# -- spool files -----------------------------------------------------------------------------------


def spool_dir(store: Store) -> Path:
    return store.files / "unsaved"


def write_spool(store: Store, items: Iterable[_Item]) -> Path:
    """Write rows to a spool file, whole or not at all. Returns its path. Raises OSError."""
    folder = spool_dir(store)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{utcnow():%Y%m%dT%H%M%S%f}-{os.getpid()}.jsonl"
    part = path.with_suffix(".part")
    try:
        with part.open("w", encoding="ascii") as file:
            for table, row in items:
                file.write(json.dumps([table, row], default=_plain) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def recover(store: Store, progress: Progress) -> int:
    """Bring rows of earlier runs that could not be saved then into the store. Returns how many were new.

    A file that cannot be read is set aside as ``.bad`` and reported. Reading one twice does no harm.

    Raises:
        StoreError: the store still takes nothing.
    """
    folder = spool_dir(store)
    count = 0
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        try:
            items: list[_Item] = [(t, row) for t, row in map(json.loads, path.read_text("ascii").splitlines())]
            new = sum(store.insert_many(by_table(items)).values())
        except FileNotFoundError:
            continue  # another run was faster
        except (ValueError, TypeError, AttributeError, OSError, QueryError) as error:
            path.rename(path.with_suffix(".bad"))
            progress.say(f"{path} cannot be read ({error}); set aside as .bad", level="error")
            continue
        path.unlink(missing_ok=True)
        count += new
        progress.say(f"brought in {plural(new, 'row')} that an earlier run could not save")
    return count
