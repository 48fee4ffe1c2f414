"""Sending requests to an engine and handing on what comes back, until done, cancelled or interrupted."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from workbench.batches import Saver
from workbench.engines.protocol import Engine, Request, Result
from workbench.progress import Progress, StageReport

#: How often a feed that holds back looks whether the store saves again, in seconds.
LOOK_S = 0.2


class Feed:
    """The requests an engine pulls: follow-ups of conversations under way first, then fresh ones.

    It ends when nothing fresh is left (or ``stop`` says so) and every conversation has ended: a conversation under way
    when the work is cancelled still gets its last turn, because its first was paid for. While ``hold`` is true (the
    store takes nothing) nothing fresh is sent. Safe to pull from several tasks.
    """

    def __init__(
        self, fresh: Iterator[Request], stop: Callable[[], bool], hold: Callable[[], bool] = lambda: False
    ) -> None:
        self._fresh, self._stop, self._hold = fresh, stop, hold
        self._follow: deque[Request] = deque()
        self._exhausted = False
        self._open = 0
        self._wake = asyncio.Event()

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> Request:
        while True:
            if self._follow:
                return self._follow.popleft()
            wake = self._wake
            if self._exhausted or self._stop():
                if not self._open:
                    raise StopAsyncIteration
                await wake.wait()
            elif self._hold():
                await asyncio.sleep(LOOK_S)
            elif (request := next(self._fresh, None)) is None:
                self._exhausted = True
            else:
                self._open += 1
                return request

    def answered(self, follow: Sequence[Request]) -> None:
        """A result was handled; with follow-ups its conversation goes on, without it has ended."""
        self._follow.extend(follow)
        self._open += len(follow) - 1
        self._wake.set()
        self._wake = asyncio.Event()


async def exchange(
    engine: Engine,
    fresh: Iterator[Request],
    handle: Callable[[Result], Sequence[Request]],
    progress: Progress,
    saver: Saver,
) -> None:
    """Feed an engine and hand each result to ``handle``, which returns the follow-up requests of its conversation.

    Raises:
        EngineError: the engine can answer nothing.
        StoreError: results could not be saved for too long.
    """

    def hold() -> bool:
        saver.check()  # here too: when nothing is in flight, no result comes to check after
        return saver.stuck

    feed = Feed(fresh, lambda: progress.cancelled, hold)
    results = engine.complete(feed)
    try:
        async for result in results:
            feed.answered(handle(result))
            saver.check()
    finally:
        # An async generator left early ends its requests only when it is closed.
        if (close := getattr(results, "aclose", None)) is not None:
            await close()


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
