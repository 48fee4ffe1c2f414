"""Work that may hang, with a limit: a driver, a dead network file system, an owner that does not answer.

A process or thread that waits inside the kernel cannot be killed, only left behind. What is left behind is remembered,
so that a screen that looks again every few seconds does not pile up a thread each time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

T = TypeVar("T")

_left: dict[str, threading.Thread] = {}


class Hangs(Exception):
    """It was not done in time."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program printed, and its exit status."""

    status: int
    out: str
    err: str


class Underway(Generic[T]):
    """Work begun in a thread of its own: ``result`` waits for it."""

    def __init__(self, name: str, work: Callable[[], T]) -> None:
        self._name = name
        self._done = threading.Event()
        self._value: T | None = None
        self._error: BaseException | None = None
        before = _left.get(name)
        self._hung = before is not None and before.is_alive()
        if not self._hung:
            _left.pop(name, None)
            self._thread = threading.Thread(target=self._run, args=(work,), daemon=True, name=f"doctor {name}")
            self._thread.start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._value = work()
        except BaseException as error:
            self._error = error
        self._done.set()

    def result(self, seconds: float) -> T:
        """Its value, or whatever it raised.

        Raises:
            Hangs: it is not done after so many seconds, or work of this name hangs since an earlier time.
        """
        if self._hung or not self._done.wait(max(seconds, 0)):
            if not self._hung:
                _left[self._name] = self._thread
            raise Hangs(self._name)
        if self._error is not None:
            raise self._error
        return cast(T, self._value)


def within(seconds: float, name: str, work: Callable[[], T]) -> T:
    """The value of ``work``, or whatever it raises. Raises Hangs when it takes longer."""
    return Underway(name, work).result(seconds)


def run(command: Sequence[str], seconds: float) -> Said:
    """Run a program without input; it and what it started are killed when time is up.

    Raises:
        Hangs: time is up.
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # One that waits for a driver does not even die: not waited for.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=0.5)
        raise Hangs(command[0]) from None
    return Said(process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
