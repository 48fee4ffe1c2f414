"""Engine that asks an endpoint through its Batch API. Opened by ``open_batch_engine``."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from workbench.engines.access import access_of
from workbench.engines.api import ApiEngine
from workbench.engines.batch.client import BatchClient
from workbench.engines.batch.course import Course
from workbench.engines.batch.journal import Journal
from workbench.engines.batch.run import Run
from workbench.engines.pricing import batch_prices
from workbench.engines.protocol import Capabilities, Request, Result
from workbench.engines.workplace import here
from workbench.errors import EngineError
from workbench.progress import Progress, Silent
from workbench.records import Model


class BatchEngine:
    """Asks one model at one endpoint in batches: the requests an ``ApiEngine`` would send, its reading of the answers,
    at the batch's prices. Its version is the ``ApiEngine``'s: the same model answers.

    Raises:
        EngineError: the variable named by ``api_key_env`` is not set.
    """

    def __init__(
        self, model: Model, progress: Progress | None = None, *, wait: bool = True, job_id: str | None = None,
        scope: str = "",
    ) -> None:  # fmt: skip
        params = batch_prices(model.params)
        self.model_id, self.wait, self.job_id, self.scope = model.model_id, wait, job_id, scope
        self.progress: Progress = progress or Silent()
        self.api = ApiEngine(dataclasses.replace(model, params=params))
        self.attempts = self.api.endpoint.limits.max_attempts
        self._params = params
        self._client = BatchClient(self.api.endpoint, access_of(params))
        self._files = here().files
        self._run: Run | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self.api.capabilities

    @property
    def version(self) -> str:
        return self.api.version

    @property
    def prices(self) -> Mapping[str, Any]:
        """The params with the batch's prices, for a limit on cost."""
        return self._params

    async def complete(self, requests: AsyncIterator[Request]) -> AsyncIterator[Result]:
        """Results as batches end. Requests are collected until no more is ready, or a batch is full; follow-ups form
        the next one. Without ``wait``, or when the work is cancelled, it ends before every request has a result: the
        others are in the journal, and come when the same is asked again.

        Raises:
            EngineError: the endpoint is of no use, or a batch was cancelled there.
        """
        if self._files is None:
            raise EngineError("batches need a store to keep their journal beside")
        course = Course(Journal(self._files), self._client, self.progress, self._params, self.wait)
        self._run = run = Run(self, course, requests)
        try:
            while (result := await run.next()) is not None:
                yield result
            run.raise_failure()
        finally:
            await run.close()

    def saved(self) -> None:
        """The stage has ended as it should and everything is stored: forget collected batches of the same command, and
        others all of whose answers were handed out."""
        if self._files is None or (self._run is not None and not self._run.whole):
            return
        journal, handed = Journal(self._files), self._run.handed if self._run else Counter[str]()
        for batch in journal.all():
            mine = bool(self.scope) and (batch.scope, batch.model_id) == (self.scope, self.model_id)
            if batch.state == "collected" and (mine or handed[batch.id] >= len(batch.requests)):
                journal.remove(batch.id)

    def remarks(self) -> list[str]:
        """What a user should know about who answered, and of what is still under way."""
        return [*self.api.remarks(), *(self._run.remarks() if self._run else ())]

    async def close(self) -> None:
        await self._client.close()
        await self.api.close()
