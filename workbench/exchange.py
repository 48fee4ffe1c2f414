"""Sending requests to an engine and handing on what comes back, until done, cancelled or interrupted."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from workbench.batches import Saver
from workbench.engines.protocol import Engine, Request, Result, Telling
from workbench.engines.spending import Spending, most_cost, prices
from workbench.engines.workplace import Workplace, at_work, here
from workbench.errors import Incomplete
from workbench.progress import Progress, StageReport
from workbench.store import Store

#: How often a feed that holds back looks whether the store saves again, in seconds.
LOOK_S = 0.2
T = TypeVar("T")


class Feed:
    """The requests an engine pulls: follow-ups of conversations under way first, then fresh ones.

    It ends when nothing fresh is left (or ``stop`` says so) and every conversation has ended: a conversation under way
    when the work is cancelled still gets its last turn, because its first was paid for. While ``hold`` is true (the
    store takes nothing) nothing fresh is sent. Safe to pull from several tasks.

    ``afford`` is asked before a request is handed out. What it refuses waits for others to come back (they may cost
    less than they could have); when none is under way any more, the feed ends and ``refused`` is true.
    """

    def __init__(
        self,
        fresh: Iterator[Request],
        stop: Callable[[], bool],
        hold: Callable[[], bool] = lambda: False,
        afford: Callable[[Request], bool] | None = None,
    ) -> None:
        self._fresh, self._stop, self._hold, self._afford = fresh, stop, hold, afford
        self._follow: deque[Request] = deque()
        self._exhausted = False
        self._open = 0
        self._under_way = 0
        self._refused: Request | None = None
        self._wake: asyncio.Event | None = None

    @property
    def refused(self) -> bool:
        return self._refused is not None

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> Request:
        while True:
            request: Request | None = None
            if self._refused is not None:
                request, self._refused = self._refused, None
            elif self._follow:
                request = self._follow.popleft()
            elif self._exhausted or self._stop():
                if not self._open:
                    raise StopAsyncIteration
                await self._woken()
                continue
            elif self._hold():
                await asyncio.sleep(LOOK_S)
                continue
            elif (request := next(self._fresh, None)) is None:
                self._exhausted = True
                continue
            else:
                self._open += 1
            if self._afford is None or self._afford(request):
                self._under_way += 1
                return request
            self._refused = request
            if not self._under_way:
                raise StopAsyncIteration
            await self._woken()

    async def _woken(self) -> None:
        if self._wake is None:
            self._wake = asyncio.Event()
        await self._wake.wait()

    def answered(self, follow: Sequence[Request]) -> None:
        """A result was handled; with follow-ups its conversation goes on, without it has ended."""
        self._follow.extend(follow)
        self._open += len(follow) - 1
        self._under_way -= 1
        if self._wake is not None:
            self._wake.set()
            self._wake = None


async def exchange(
    engine: Engine,
    fresh: Iterator[Request],
    handle: Callable[[Result], Sequence[Request]],
    progress: Progress,
    saver: Saver,
) -> None:
    """Feed an engine and hand each result to ``handle``, which returns the follow-up requests of its conversation.

    Raises:
        BadInput: there is a limit on cost (``working``), and the model has no prices; nothing was sent.
        EngineError: the engine can answer nothing.
        Incomplete: the next request might have passed the limit on cost. All that came back was handled.
        StoreError: results could not be saved for too long.
    """
    spending = here().spending

    def hold() -> bool:
        saver.check()  # here too: when nothing is in flight, no result comes to check after
        return saver.stuck

    if isinstance(engine, Telling):
        engine.tell(progress)
    feed = Feed(fresh, lambda: progress.cancelled, hold, _afford(engine, spending))
    results = engine.complete(feed)
    try:
        async for result in results:
            if spending is not None:
                spending.settle(result)
            feed.answered(handle(result))
            saver.check()
    finally:
        # An async generator left early ends its requests only when it is closed.
        if (close := getattr(results, "aclose", None)) is not None:
            await close()
        for remark in getattr(engine, "remarks", list)():
            progress.say(remark, level="warning")
    if feed.refused and spending is not None:
        hint = "what came back is stored; run the same again with another --max-cost to go on"
        raise Incomplete(spending.message(), hint=hint)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, the next one made in a thread while the last is used: the store is asked while a model is."""
    with ThreadPoolExecutor(1, "ahead") as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def _afford(engine: Engine, spending: Spending | None) -> Callable[[Request], bool] | None:
    if spending is None:
        return None
    params: Any = getattr(engine, "prices", {})
    prices(params)
    return lambda request: spending.reserve(request.key, most_cost(params, request))


def working(store: Store, spec: Any) -> AbstractContextManager[Workplace]:
    """Engines opened inside work at this store: they share its limits, and obey the spec's ``max_cost`` (US dollars),
    ``log_requests`` and ``log_bodies``.

    Raises:
        BadInput: ``max_cost`` is not above 0.
    """
    return at_work(
        store.files, max_cost=getattr(spec, "max_cost", None),
        log_requests=getattr(spec, "log_requests", False), log_bodies=getattr(spec, "log_bodies", False),
    )  # fmt: skip


@dataclass(slots=True)
class Tally:
    """Running counts of one stage, and the report made of them."""

    stage: str
    total: int = 0
    already: int = 0
    states: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    notes: list[str] = field(default_factory=list)

    def count(self, state: str, prompt: int | None, completion: int | None, cost: float | None) -> None:
        self.states[state] += 1
        self.prompt_tokens += prompt or 0
        self.completion_tokens += completion or 0
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost

    def report(self, *, cancelled: bool = False) -> StageReport:
        done = sum(self.states.values())
        return StageReport(
            self.stage, self.total, done, done - self.states["ok"], self.already, dict(self.states),
            self.prompt_tokens, self.completion_tokens, self.cost,
            # A wish to cancel that came too late to leave anything out cancelled nothing.
            cancelled=cancelled and done < self.total, notes=tuple(self.notes),
        )  # fmt: skip
