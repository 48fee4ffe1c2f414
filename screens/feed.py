"""Work off the UI's thread, and news from the store.

Threads here only post messages. They are daemons on purpose: leaving the program must not wait for a query
that is stuck, and whatever must not be lost (votes) lies in the journal.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.message_pump import MessagePump

from workbench.errors import StoreError, WorkbenchError

if TYPE_CHECKING:
    from workbench.store import Store


class Finished(Message):
    """Work in the background ended: ``then`` wants its value on the UI's thread."""

    def __init__(self, then: Callable[[Any], object], value: Any) -> None:
        super().__init__()
        self.then = then
        self.value = value


class StoreReady(Message):
    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store


class StoreTrouble(Message):
    """The store cannot be opened or reached; the feed goes on trying. ``error`` is ``None`` when it is back."""

    def __init__(self, error: WorkbenchError | None) -> None:
        super().__init__()
        self.error = error


class TablesChanged(Message):
    """``counters`` as the store gives them: a screen compares those of its tables."""

    def __init__(self, counters: dict[str, int]) -> None:
        super().__init__()
        self.counters = counters


class Crashed(Message):
    """A thread failed in a way nobody planned for."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def in_background(
    owner: MessagePump,
    work: Callable[[], Any],
    then: Callable[[Any], object],
    failed: Callable[[WorkbenchError], None],
) -> None:
    """Run ``work`` in a thread; its value goes to ``then``, a WorkbenchError to ``failed``, by message to ``owner``."""

    def body() -> None:
        try:
            message: Message = Finished(then, work())
        except WorkbenchError as error:
            message = Finished(failed, error)
        except Exception as error:
            message = Crashed(error)
        _post(owner, message)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(body,), daemon=True, name="work").start()


def _post(owner: MessagePump, message: Message) -> None:
    # Once the loop has ended there is nobody left to tell.
    with contextlib.suppress(RuntimeError):
        owner.post_message(message)


class Feed:
    """Opens the store after the first paint, then looks for changes every ``poll_s`` seconds."""

    def __init__(self, app: MessagePump, path: Path, poll_s: float) -> None:
        self._app = app
        self._path = path
        self._poll_s = max(poll_s, 0.1)
        self._stopped = threading.Event()
        self._nudged = threading.Event()
        self.store: Store | None = None

    def start(self) -> None:
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), daemon=True, name="feed").start()

    def stop(self) -> None:
        self._stopped.set()
        self._nudged.set()

    def nudge(self) -> None:
        """Look now: something was just written here."""
        self._nudged.set()

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:
            _post(self._app, Crashed(error))

    def _watch(self) -> None:
        seen: dict[str, int] = {}
        trouble = False
        while not self._stopped.is_set():
            try:
                if self.store is None:
                    self._open()
                assert self.store is not None
                counters = self.store.counters()
            except (StoreError, WorkbenchError, OSError) as error:
                told = error if isinstance(error, WorkbenchError) else StoreError(str(error))
                _post(self._app, StoreTrouble(told))
                trouble = True
            else:
                if trouble:
                    _post(self._app, StoreTrouble(None))
                    trouble = False
                if counters != seen:
                    seen = counters
                    _post(self._app, TablesChanged(counters))
            self._nudged.wait(self._poll_s * (5 if trouble else 1))
            self._nudged.clear()

    def _open(self) -> None:
        from workbench.store import open_store

        self.store = open_store(self._path)
        _post(self._app, StoreReady(self.store))
