"""Engine that runs a model by vLLM inside this process, loaded when first asked and freed when closed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from workbench.engines.checkpoints import fingerprint
from workbench.engines.model_files import file_fingerprint
from workbench.engines.protocol import Capabilities, Request, Result
from workbench.engines.vllm_offline import installed
from workbench.engines.vllm_offline.arguments import check_offline, lora_folder, served
from workbench.engines.vllm_offline.driver import Driver, Steps
from workbench.engines.vllm_offline.loaded import describe, load
from workbench.engines.vllm_offline.placing import placed
from workbench.engines.vllm_server import devices
from workbench.engines.vllm_settings import own_template, template_hash, text_hash
from workbench.errors import EngineError
from workbench.progress import Progress, Silent
from workbench.records import Model

#: Requests handed to vLLM ahead of their results. It runs 256 at once by itself (``--max-num-seqs``); the others wait
#: in its queue, so that no place stays empty while a result is on its way to the store.
AHEAD = 320
#: Requests gathered before they are handed over, at most for so long (seconds).
GATHER_S = 0.05
LOOK_S = 0.2
#: What both vLLM engines call these on responses.
_TOLD_AS = {"weights": "files", "template": "chat_template"}


class VllmEngine:
    """Runs one model in this process. Belongs to one event loop; one stream of requests at a time.

    Raises:
        EngineError: vLLM is not installed, or the model's files cannot be read.
        BadInput: settings that only the server takes, or an adapter's folder that holds none.
    """

    def __init__(self, model: Model) -> None:
        check_offline(model)
        self._model = model
        params = model.params
        self._vllm = installed.vllm_version()
        self._identity = identity(model)
        self._version = " ".join([f"vllm {self._vllm}", *(f"{name} {text}" for name, text in self._identity.items())])
        self._capabilities = Capabilities(
            structured_output=bool(params.get("structured_output", True)) and not params.get("wrap"),
            logprobs=bool(params.get("logprobs", True)) and not params.get("wrap"),
            seed=True,
            choices=True,
            concurrency=int(params.get("concurrency") or AHEAD),
        )
        self._progress: Progress = Silent()
        self._driver: Driver | None = None
        self._found: dict[str, Any] = {}

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def version(self) -> str:
        return self._version

    @property
    def prices(self) -> Mapping[str, Any]:
        """The params that hold ``price_in`` and ``price_out``, for a limit on cost."""
        return self._model.params

    @property
    def provenance(self) -> Mapping[str, Any]:
        """vLLM's version, a hash of the model's files or its hub revision, the chat template's hash, number form,
        context, hardware. Complete once the first result has come."""
        known = {_TOLD_AS.get(name, name): text for name, text in self._identity.items()}
        return {"vllm": self._vllm, **known, **self._found}

    def tell(self, progress: Progress) -> None:
        """Say there how loading goes; nothing is begun once it is cancelled."""
        self._progress = progress

    async def complete(self, requests: AsyncIterator[Request]) -> AsyncIterator[Result]:
        """Results in the order they finish; at most ``concurrency`` requests are taken ahead of them. The model is
        loaded first, if it is not yet.

        Raises:
            EngineError: the model cannot be loaded, or vLLM broke; names the setting to change where it is known.
            BadInput: vLLM's own parser refuses one of ``vllm_args``.
        """
        driver = await self._running()
        if driver is None:  # cancelled meanwhile
            return
        run = _Run(driver, requests, self._capabilities.concurrency)
        try:
            while (result := await run.next()) is not None:
                yield result
            run.raise_failure()
        finally:
            run.close()

    async def close(self) -> None:
        """Free the model's memory. Waits for the step under way, not for a model that is still being loaded."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.stop()
            await asyncio.to_thread(driver.join)

    async def _running(self) -> Driver | None:
        """The loaded model's driver; ``None`` when the work was cancelled meanwhile."""
        if self._driver is None:
            name, progress = self._model.model_id, self._progress
            if progress.cancelled:
                return None
            taken = await devices.take(self._model.params, progress.say, lambda: progress.cancelled)
            progress.say(f"{name}: loading into vLLM {self._vllm}")
            began = time.monotonic()
            driver = await self._loaded(Driver(name, lambda: self._load(taken)))
            if driver is None:
                return None
            self._driver = driver
            progress.say(f"{name}: ready after {time.monotonic() - began:.0f} s")
        if self._driver.failure is not None:
            raise self._driver.failure
        return self._driver

    async def _loaded(self, driver: Driver) -> Driver | None:
        """The driver when its model is loaded, or ``None``. Loading cannot be broken off: a cancelled one is waited for
        and undone."""
        loop, ready, told = asyncio.get_running_loop(), asyncio.Event(), False
        driver.start(lambda: _tell(loop, ready.set))
        while not ready.is_set():
            try:
                await asyncio.wait_for(ready.wait(), LOOK_S)
            except TimeoutError:
                pass
            except asyncio.CancelledError:  # Ctrl-C: whoever pressed it does not want to wait for minutes
                driver.stop()
                raise
            if self._progress.cancelled and not told:
                told = True
                driver.stop()
                self._progress.say(f"{self._model.model_id}: cancelled; vLLM still has to end loading")
        if not told and driver.failure is None:
            return driver
        await asyncio.to_thread(driver.join)
        if driver.failure is not None and not told:
            raise driver.failure
        return None

    def _load(self, taken: devices.Devices) -> Steps:
        """In the driver's thread: what the model needs around it, then the model."""
        with ExitStack() as stack:
            hardware = stack.enter_context(placed(self._model, taken))
            with installed.stdout_kept_clean():
                loaded = load(self._model)
            self._found = {**describe(self._model, loaded), "hardware": hardware}
            return _Held(loaded, stack.pop_all())


class _Held:
    """A loaded model with what was put around it, which goes when the model does."""

    def __init__(self, loaded: Steps, around: ExitStack) -> None:
        self._loaded, self._around = loaded, around
        self.add, self.step, self.abort = loaded.add, loaded.step, loaded.abort

    @property
    def busy(self) -> bool:
        return self._loaded.busy

    def close(self) -> None:
        try:
            self._loaded.close()
        finally:
            self._around.close()


class _Run:
    """One call of ``complete``: a pump that takes requests, and a queue of results."""

    def __init__(self, driver: Driver, requests: AsyncIterator[Request], most: int) -> None:
        self._driver, self._requests = driver, requests
        self._loop = asyncio.get_running_loop()
        self._places = asyncio.Semaphore(most)
        self._gathered: list[Request] = []
        self._since = 0.0
        self._open: set[str] = set()
        self._results: deque[Result] = deque()
        self._news = asyncio.Event()
        self._failure: BaseException | None = None
        driver.open(self._sink)
        self._pump = asyncio.create_task(self._take())
        self._pump.add_done_callback(self._pumped)

    async def next(self) -> Result | None:
        while True:
            if self._results:
                result = self._results.popleft()
                self._places.release()
                return result
            if self._failure is not None or (self._pump.done() and not self._open):
                return None
            self._news.clear()
            await self._news.wait()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._pump.cancel()
        self._driver.drop(tuple(self._open))

    async def _take(self) -> None:
        while True:
            await self._places.acquire()
            try:
                request = await anext(self._requests)
            except StopAsyncIteration:
                return
            self._open.add(request.key)
            if not self._gathered:
                # Runs when nothing more is ready: what is goes to vLLM together, as one batch.
                self._since = time.monotonic()
                self._loop.call_soon(self._hand_over)
            self._gathered.append(request)
            if time.monotonic() - self._since > GATHER_S:
                self._hand_over()

    def _hand_over(self) -> None:
        if self._gathered:
            requests, self._gathered = self._gathered, []
            self._driver.give(requests)

    def _pumped(self, pump: asyncio.Task[None]) -> None:
        if not pump.cancelled() and (error := pump.exception()) is not None:
            self._failure = self._failure or error
        self._news.set()

    def _sink(self, results: Sequence[Result], failure: BaseException | None) -> None:
        _tell(self._loop, lambda: self._arrived(results, failure))

    def _arrived(self, results: Sequence[Result], failure: BaseException | None) -> None:
        for result in results:
            if result.key in self._open:
                self._open.discard(result.key)
                self._results.append(result)
        if failure is not None:
            self._failure = self._failure or failure
            self._pump.cancel()
        self._news.set()


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
        loop.call_soon_threadsafe(what)


def identity(model: Model) -> dict[str, str]:
    """What shapes the model's text, by name: weights, chat template, adapter. Known before it is loaded.

    Raises:
        EngineError: a file of it cannot be read.
    """
    params = model.params
    try:
        if model.endpoint:
            path = Path(served(model))
            found = {"weights": fingerprint(path) if path.is_dir() else file_fingerprint(path)}
            template = own_template(path)
        else:
            # What a name stands for may change: ``revision`` pins it. The commit that was used is in ``provenance``.
            found, template = {"model": f"{served(model)}@{params.get('revision') or 'main'}"}, None
        if given := template_hash(params.get("chat_template")):
            found["template"] = given
        elif template is not None:
            found["template"] = text_hash(template)
        if adapter := lora_folder(model):
            found["adapter"] = fingerprint(adapter)
    except OSError as error:
        raise EngineError(f"the files of '{model.model_id}' cannot be read: {error.strerror or error}") from None
    return found
