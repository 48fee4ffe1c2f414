"""One stream of requests through batches: collecting them, matching them with what the journal holds, handing out
results.

A batch is closed when it is full, or when no further request comes for a moment and every result has been handled: a
result may bring a follow-up, and these belong together. Requests are matched by their hash (``lines.digest``), never by
their place, with batches of earlier runs: pending ones are waited for, collected ones answered from their files.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import IO, TYPE_CHECKING, Any

from workbench.engines.api import failed
from workbench.engines.batch import lines
from workbench.engines.batch.asks import Ask, Asks
from workbench.engines.batch.course import Course
from workbench.engines.batch.handing import hand_out, refused
from workbench.engines.batch.journal import Batch, new_id
from workbench.engines.batch.known import ANY_BODY, Known
from workbench.engines.protocol import Request, Result
from workbench.engines.retry import Fault, backoff_s
from workbench.engines.spending import most_cost
from workbench.errors import BadInput, EngineError
from workbench.text import plural

if TYPE_CHECKING:
    from workbench.engines.batch.engine import BatchEngine

#: Nothing further is ready when no request came for so long (seconds).
QUIET_S = 1.0
#: Pauses before failed requests are sent again (seconds): the first at most, and the longest.
AGAIN_S, AGAIN_MOST_S = 5.0, 300.0
_CANCELLING = ("cancelling", "cancelled")


class Run:
    """One call of ``BatchEngine.complete``."""

    def __init__(self, engine: BatchEngine, course: Course, requests: AsyncIterator[Request]) -> None:
        self.engine, self.course, self.api = engine, course, engine.api
        self.journal = course.journal
        self.asks = Asks(self.api)
        self.handed: Counter[str] = Counter()
        #: batches refused one after another, and times the queue was full
        self.refusals = self.full = 0
        #: every request has its result
        self.whole = False
        self._requests = requests
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()
        self._known = Known()
        #: by batch and custom id: who waits for which answer
        self._waiting: dict[str, dict[str, Ask]] = {}
        self._taking: asyncio.Task[Request | None] | None = None
        self._over = False
        self._carried: dict[asyncio.Task[None], str] = {}
        self._turn = asyncio.Lock()
        self._left: Counter[str] = Counter()
        self._failure: BaseException | None = None
        self._driver = asyncio.create_task(self._drive())
        self._driver.add_done_callback(self._ended)

    # -- for the engine ----------------------------------------------------------------------------

    async def next(self) -> Result | None:
        return await self._results.get()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        self._driver.cancel()
        await asyncio.gather(self._driver, return_exceptions=True)

    def remarks(self) -> list[str]:
        if not self._left:
            return []
        under_way = f"{plural(sum(self._left.values()), 'request')} in {plural(len(self._left), 'batch', 'batches')}"
        return [f"{under_way} under way; the same command collects the answers (see: workbench batches)"]

    # -- for the course of a batch -----------------------------------------------------------------

    def emit(self, result: Result) -> None:
        self._results.put_nowait(result)

    def fail(self, error: BaseException) -> None:
        """End the work when what has come is handed out. Batches under way stay in the journal."""
        self._failure = self._failure or error

    def again(self, ask: Ask) -> None:
        """Send a request once more, in a batch to come."""
        self.asks.add(ask)

    def waiting_for(self, batch: str) -> dict[str, Ask]:
        return self._waiting.pop(batch, {})

    def failed(self, ask: Ask, fault: Fault) -> None:
        """A try brought no answer: once more, or that is the result."""
        if self.api.adapt(fault, dict.fromkeys(ask.fields)):
            self.again(ask)
        elif fault.consequence == "fatal":
            self.fail(self.api.endpoint.fatal(fault))
        elif fault.consequence == "retry" and ask.failures + 1 < self.engine.attempts:
            ask.failures += 1
            self.again(ask)
        else:
            fault.retries = ask.failures
            self.emit(failed(ask.request.key, fault))

    # -- the stream --------------------------------------------------------------------------------

    def _ended(self, driver: asyncio.Task[None]) -> None:
        if not driver.cancelled() and (error := driver.exception()) is not None:
            self.fail(self._usable(error))
        self._results.put_nowait(None)

    def _usable(self, error: BaseException) -> BaseException:
        """An error in words that help."""
        if isinstance(error, OSError):
            return EngineError(f"the journal of batches cannot be kept: {error.strerror or error}")
        if not isinstance(error, Fault):
            return error
        url = self.course.client.url
        if error.status in (404, 405):
            return EngineError(f"{url} has no Batch API ({error.message})", hint="leave out --batch")
        if error.consequence == "fatal":
            return self.api.endpoint.fatal(error)
        hint = "what was submitted goes on there; run the same again when it works"
        return EngineError(f"{url} takes no batches now: {error.message}", hint=hint)

    async def _drive(self) -> None:
        try:
            self.journal.sweep()
            await self.course.settle(self.api.endpoint.url, self.api.endpoint.model)
            for batch in self.journal.all():
                if self._ours(batch):
                    self._known.learn(batch, self.journal, self.api)
            while self._failure is None and await self._step():
                pass
            self.whole = self._over and not self._left and not self.course.progress.cancelled
        finally:
            for name in self._carried.values():
                if (there := self.journal.read(name)) is not None and there.state == "made":
                    self._leave(there)
            tasks = [*self._carried, *((self._taking,) if self._taking else ())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _step(self) -> bool:
        """Wait for one event: a request, a batch's end, or silence. False when nothing is left to be done."""
        if self._taking is None and not self._over:
            self._taking = asyncio.create_task(_next(self._requests))
        cancelled = self.course.progress.cancelled
        ready = not cancelled and bool(self.asks or self._resting())
        tasks = {*self._carried, *((self._taking,) if self._taking else ())}
        if self._over and ready:
            self._close()
            return True
        if not tasks:
            return False
        done, _ = await asyncio.wait(tasks, timeout=QUIET_S, return_when=asyncio.FIRST_COMPLETED)
        for task in done & set(self._carried):
            del self._carried[task]
            task.result()
        if self._taking in done:
            self._taken()
        elif not done and self._results.empty():
            if ready:
                self._close()
            elif (self._left or cancelled) and not self._carried:
                return False  # the stream waits for answers that are not waited for here
        return True

    def _taken(self) -> None:
        assert self._taking is not None
        request, self._taking = self._taking.result(), None
        if request is None:
            self._over = True
            return
        body = self.api.body(request)
        ask = Ask(request, lines.digest(self.api.endpoint.url, self.api.path, body, request.name))
        self._place(ask, body)
        if self.asks.full:
            self._close()

    def _place(self, ask: Ask, body: Mapping[str, Any]) -> None:
        """Where a request's answer is to come from: a batch that has it, or the next one."""
        if (slot := self._known.take(ask.digest)) is not None:
            ask.fields = tuple(ANY_BODY)
            self._waiting.setdefault(slot[0], {})[slot[1]] = ask
            return
        failures = self._known.failures.pop(ask.digest, [])
        if len(failures) >= self.engine.attempts:
            failures[-1].retries = len(failures) - 1
            self.emit(failed(ask.request.key, failures[-1]))
            return
        ask.failures = len(failures)
        self.asks.add(ask, body)

    # -- batches -----------------------------------------------------------------------------------

    def _ours(self, batch: Batch) -> bool:
        endpoint = self.api.endpoint
        return (batch.url, batch.path, batch.model) == (endpoint.url, self.api.path, endpoint.model)

    def _resting(self) -> list[str]:
        """Batches whose answers are waited for and that nobody takes along yet."""
        return [batch for batch in self._waiting if batch not in self._carried.values()]

    def _close(self) -> None:
        """Take along what has come together: batches that hold requests of ours already, and a new one."""
        with self.journal.locked():  # another worker may have submitted the same meanwhile
            for batch in self.journal.all() if self.asks else ():
                if batch.id not in self._known.batches and self._ours(batch):
                    self._known.learn(batch, self.journal, self.api)
            asks = self.asks.take()
            if self._known.slots:
                fresh: list[Ask] = []
                for ask in asks:
                    found = self._known.take(ask.digest)
                    if found is None:
                        fresh.append(ask)
                    else:
                        self._waiting.setdefault(found[0], {})[found[1]] = ask
                asks = fresh
            if asks:
                self._start(*self._prepare(asks))
        for name in self._resting():
            there = self.journal.read(name)
            if there is None:  # forgotten meanwhile
                for ask in self.waiting_for(name).values():
                    self.again(ask)
            else:
                self._start(there, None)

    def _prepare(self, asks: list[Ask]) -> tuple[Batch, IO[bytes] | None]:
        """Write a new batch and its input into the journal, and hold it."""
        endpoint = self.api.endpoint
        ids, written = self.asks.lines(asks, endpoint.url)
        try:
            most: float | None = sum(most_cost(self.engine.prices, ask.request) for ask in asks)
        except BadInput:
            most = None
        batch = Batch(
            new_id(), endpoint.url, self.api.path, endpoint.model, self.engine.model_id, self.engine.scope,
            self.engine.job_id, most_cost=most, requests=tuple(ids),
        )  # fmt: skip
        held = self.journal.own(batch.id)
        batch = self.journal.add(batch, written)
        self._known.batches.add(batch.id)
        self._waiting[batch.id] = dict(zip(ids, asks, strict=True))
        return batch, held

    def _start(self, batch: Batch, held: IO[bytes] | None) -> None:
        self._carried[asyncio.create_task(self._carry(batch, held))] = batch.id

    async def _carry(self, batch: Batch, held: IO[bytes] | None) -> None:
        """Take a batch along to its end."""
        if held is None:
            there = await self.course.awaited(batch)
            if there is not None:
                await self._follow(there)
            elif self.journal.read(batch.id) is None:
                for ask in self.waiting_for(batch.id).values():
                    self.again(ask)
            else:
                self._leave(batch)
            return
        async with AsyncExitStack() as stack:
            stack.enter_context(held)
            if self.full:  # the account's queue takes one batch at a time
                await stack.enter_async_context(self._turn)
            made = await self._make(batch)
            held.close()
            if made is not None:
                await self._follow(made)

    async def _make(self, batch: Batch) -> Batch | None:
        tries = max(ask.failures for ask in self._waiting[batch.id].values())
        if tries and await self.course.nap(backoff_s(tries - 1, AGAIN_S, AGAIN_MOST_S)):
            self.journal.remove(batch.id)  # nothing of it was sent
            self.waiting_for(batch.id)
            return None
        return await self.course.make(batch)

    async def _follow(self, batch: Batch) -> None:
        stopped_before = batch.asked_to_cancel or batch.status in _CANCELLING
        ended = await self.course.end_of(batch)
        if ended is None:
            self._leave(batch)
        elif ended.status == "failed":
            await refused(self, ended)
        else:
            self.refusals, self.full = 0, min(self.full, 1)
            await hand_out(self, await self.course.collect(ended), stopped_before)

    def _leave(self, batch: Batch) -> None:
        self._left[batch.id] += len(self.waiting_for(batch.id))


async def _next(requests: AsyncIterator[Request]) -> Request | None:
    return await anext(requests, None)
