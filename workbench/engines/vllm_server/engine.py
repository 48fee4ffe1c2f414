"""The engine ``vllm-server``: requests go to a vLLM server of our own, through ``ApiEngine``.

The server is started when first wanted, shared with whoever wants the same, started again once when it dies under its
requests (which are asked again: nothing that came back is), and ended when its last user closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from workbench.engines.api import ApiEngine, limits_of
from workbench.engines.protocol import Capabilities, Request, Result
from workbench.engines.vllm_server import diagnosis, launch
from workbench.engines.vllm_server.devices import Cancelled
from workbench.engines.vllm_server.replay import Replay
from workbench.engines.vllm_server.server import Server, acquire
from workbench.errors import EngineError
from workbench.progress import Progress, Silent
from workbench.records import Model

#: vLLM batches by itself, as many at once as it has room for; more requests than that wait inside it.
CONCURRENCY = 256
#: Seconds for one request, waiting inside the server included.
TIMEOUT_S = 1800.0
#: Restarts before a server counts as broken, unless it ran for ``STEADY_S`` seconds since the last.
RESTARTS = 1
STEADY_S = 600.0
#: Seconds before a restart: what killed it (a full memory) may need a moment to pass.
BACKOFF_S = 2.0
#: Seconds between two looks whether the server lives; how long a failed request waits for word of its death, and how
#: long when the server itself says that it is dying (it takes its time to shut down).
LOOK_S, WORD_S, DYING_S = 0.25, 2.0, 30.0


class Died(Exception):
    """The server died with requests under way."""


class VllmServerEngine:
    """Serves the model with vLLM on this machine. Belongs to one event loop.

    Raises:
        EngineError: vLLM is not installed for the chosen interpreter.
        BadInput: the model's files cannot be read.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._wanted = launch.wanted(model)
        self._limits = limits_of(model.params, CONCURRENCY, TIMEOUT_S)
        self._capabilities = Capabilities(
            structured_output=bool(model.params.get("structured_output", True)) and not model.params.get("wrap"),
            logprobs=bool(model.params.get("logprobs", True)),
            seed=True,
            choices=True,
            concurrency=self._limits.concurrency,
        )
        self._progress: Progress = Silent()
        self._server: Server | None = None
        self._described: dict[str, Any] = {}
        self._remarks: list[str] = []

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def version(self) -> str:
        return f"vllm {self._wanted.vllm.version} {self._wanted.weights}"

    @property
    def provenance(self) -> Mapping[str, Any]:
        """vLLM's version, the model's revision or a hash of its files, a hash of the chat template, the hardware, and
        the settings that the server runs with. Complete once a server was used."""
        return self._described

    @property
    def prices(self) -> Mapping[str, Any]:
        """The params that hold ``price_in`` and ``price_out``, for a limit on cost."""
        return self._model.params

    def tell(self, progress: Progress) -> None:
        self._progress = progress

    def remarks(self) -> list[str]:
        return self._remarks

    async def complete(self, requests: AsyncIterator[Request]) -> AsyncIterator[Result]:
        """Results in the order they finish.

        Raises:
            EngineError: the server cannot be started, or dies again and again; says which setting to change.
        """
        feed = Replay(requests)
        crashes = 0
        while True:
            try:
                server = await self._running()
            except Cancelled:
                return
            began = time.monotonic()
            try:
                async with contextlib.aclosing(self._ask(server, feed)) as results:
                    async for result in results:
                        yield result
                return
            except Died:
                self._server = None
            crashes = 1 if time.monotonic() - began > STEADY_S else crashes + 1
            cause = server.why("died" if crashes <= RESTARTS else "died again")
            await server.release()  # what is left of it is ended
            if crashes > RESTARTS:
                raise cause
            again = feed.rewind()
            self._progress.say(f"{cause.message}; starting it again, {again:,} requests are repeated", level="warning")
            await asyncio.sleep(BACKOFF_S)

    async def close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.release()

    async def _running(self) -> Server:
        if self._server is None:
            progress = self._progress
            server = await acquire(self._wanted, progress.say, lambda: progress.cancelled)
            self._server = server
            self._described = self._describe(server)
        return self._server

    def _describe(self, server: Server) -> dict[str, Any]:
        params, wanted = self._model.params, self._wanted
        found: dict[str, Any] = {
            "vllm": server.served.version or wanted.vllm.version,
            "model": wanted.name,
            "revision": wanted.revision,
            "files": wanted.weights.rpartition(" ")[2] if wanted.local else None,
            "chat_template": wanted.chat_template,
            "hardware": server.about.get("hardware"),
            "max_model_len": server.served.max_model_len,
            **{key: params.get(key) for key in (*launch.ARGUMENTS, "vllm_args") if key not in _TOLD_OTHERWISE},
        }
        return {key: value for key, value in found.items() if value not in (None, [], ())}

    def _api(self, server: Server) -> ApiEngine:
        params = {**self._model.params, "model": self._wanted.name, "api_key_env": None}
        return ApiEngine(
            dataclasses.replace(self._model, endpoint=server.url, params=params),
            key=server.key, version=self.version, capabilities=self._capabilities, limits=self._limits,
        )  # fmt: skip

    async def _ask(self, server: Server, feed: Replay) -> AsyncGenerator[Result, None]:
        """Results until all are there. Raises Died when the server does: what has no result yet is open in the feed."""
        api = self._api(server)
        watch = asyncio.create_task(self._watch(server, api))
        results = api.complete(feed)
        try:
            async for result in results:
                if result.state == "error" and (failure := diagnosis.of_request(result.error)) is not None:
                    raise failure.error(self._model.model_id)
                if result.state == "error" and _broken(result.error) and await self._died(server, result.error):
                    raise Died  # the server's death, not the request's fault
                feed.answered(result.key)
                yield result
        except EngineError:
            if await self._died(server):
                raise Died from None
            raise
        finally:
            watch.cancel()
            await results.aclose()  # type: ignore[attr-defined]
            self._remarks = api.remarks()
            await api.close()

    async def _watch(self, server: Server, api: ApiEngine) -> None:
        """Stop asking as soon as the server has died."""
        while server.runs():
            await asyncio.sleep(LOOK_S)
        api.endpoint.stop(EngineError(f"vLLM for '{self._wanted.name}' died"))

    async def _died(self, server: Server, error: str | None = None) -> bool:
        """Whether the server has died, waiting a little for word of it."""
        until = time.monotonic() + (DYING_S if "Engine" in (error or "") else WORD_S)
        while server.runs():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(LOOK_S / 2)
        return True


_TOLD_OTHERWISE = ("revision", "chat_template", "max_model_len", "gpu_memory_utilization")


def _broken(error: str | None) -> bool:
    """Whether a request failed as requests do whose server dies."""
    said = error or ""
    return "connection" in said or said.startswith("HTTP 5")
