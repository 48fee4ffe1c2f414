"""A thread that vLLM lives in: loading, stepping and closing happen there, because a GPU's context, torch's settings
and processor threads are bound to the thread that made them, and because a step blocks.

Requests join the running batch between two steps; what has finished is handed on after each step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from workbench.engines.protocol import Request, Result
from workbench.engines.vllm_failures import as_engine_error
from workbench.engines.vllm_offline.loaded import Rejected, is_hopeless
from workbench.errors import EngineError, WorkbenchError

#: Requests that vLLM refuses one after another, none of them for its length, before the model counts as of no use.
REFUSED_AFTER = 20
#: How often a thread that waits for requests looks up, in seconds. It is woken anyway.
LOOK_S = 60.0
#: Takes results, or what ended the work. Called in the driver's thread.
Sink = Callable[[Sequence[Result], BaseException | None], None]


class Steps(Protocol):
    """What is driven: ``loaded.LoadedModel``."""

    @property
    def busy(self) -> bool: ...

    def add(self, request: Request) -> None: ...

    def step(self) -> list[Result]: ...

    def abort(self, keys: Sequence[str]) -> None: ...

    def close(self) -> None: ...


class Driver:
    """Drives one model. ``load`` is called in the driver's thread, ``name`` says in messages which model it is."""

    def __init__(self, name: str, load: Callable[[], Steps]) -> None:
        self._name, self._load = name, load
        self._changed = threading.Condition()
        self._waiting: list[Request] = []
        self._abort: list[str] = []
        self._stop = False
        self._sink: Sink | None = None
        self._refused = 0
        self._ready = threading.Event()
        self.failure: WorkbenchError | None = None
        self._thread = threading.Thread(target=self._run, name=f"vllm {name}", daemon=True)

    def start(self, ready: Callable[[], None]) -> None:
        """Begin to load. ``ready`` is called in the driver's thread when the model is loaded, or cannot be (then
        ``failure`` says why)."""
        self._when_ready = ready
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def open(self, sink: Sink) -> None:
        """Hand results to this one from now on."""
        with self._changed:
            self._sink, self._refused = sink, 0

    def give(self, requests: Sequence[Request]) -> None:
        """Add requests to the batch. Returns at once."""
        with self._changed:
            self._waiting.extend(requests)
            self._changed.notify()

    def drop(self, keys: Sequence[str]) -> None:
        """Give up requests. Returns at once; nothing more comes of them."""
        with self._changed:
            self._sink = None
            gone = set(keys)
            self._waiting = [request for request in self._waiting if request.key not in gone]
            self._abort.extend(keys)
            self._changed.notify()

    def stop(self) -> None:
        """Ask the thread to close the model and end, after the step under way. Returns at once."""
        with self._changed:
            self._stop = True
            self._changed.notify()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the thread's end. Whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            steps = self._load()
        except BaseException as error:
            self._fail(error, "cannot be loaded")
            return
        finally:
            self._ready.set()
            self._when_ready()
        try:
            while self._turn(steps):
                pass
        except BaseException as error:
            self._fail(error, "stopped working")
        finally:
            steps.close()

    def _fail(self, error: BaseException, doing: str) -> None:
        known = isinstance(error, WorkbenchError)
        self.failure = error if known else as_engine_error(error, self._name, doing)  # type: ignore[assignment]
        if self._sink is not None:
            self._sink((), self.failure)

    def _turn(self, steps: Steps) -> bool:
        """Take what waits, compute one step, hand on what finished. False when it is time to end."""
        with self._changed:
            while not (self._waiting or self._abort or self._stop or steps.busy):
                self._changed.wait(LOOK_S)
            requests, self._waiting = self._waiting, []
            gone, self._abort = self._abort, []
            if self._stop:
                return False
        if gone:
            steps.abort(gone)
        results = [refused for request in requests if (refused := self._add(steps, request)) is not None]
        if steps.busy:
            finished = steps.step()
            self._refused = 0 if finished else self._refused
            results += finished
        if results and (sink := self._sink) is not None:
            sink(results, None)
        return True

    def _add(self, steps: Steps, request: Request) -> Result | None:
        try:
            steps.add(request)
            return None
        except Rejected as rejected:
            result, cause = rejected.result, rejected.__cause__ or rejected
        if is_hopeless(cause):
            raise as_engine_error(cause, self._name, "refuses every request")
        self._refused += result.state == "error"
        if self._refused >= REFUSED_AFTER:
            raise EngineError(
                f"vLLM refuses one request after another for '{self._name}': {result.error}",
                hint="change the setting that the message names; what came before is kept",
            ) from cause
        return result
