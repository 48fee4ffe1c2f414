"""How much is sent at once and how fast: concurrency that adapts, and budgets of requests and tokens a minute."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque


class Gate:
    """At most so many attempts under way, fewer after the endpoint showed that it has too much.

    Additive increase, multiplicative decrease: halved at an overload, plus one for every ``limit`` successes. Overloads
    of attempts that were sent before the last halving do not halve again: they are the same event.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._halved = float("-inf")

    async def __aenter__(self) -> None:
        if self.active < int(self.limit) and not self._waiting:
            self.active += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # Let in and cancelled at the same moment: the place goes to the next one.
                self.active -= 1
                self._wake()
            else:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(place)
            raise

    async def __aexit__(self, *_: object) -> None:
        self.active -= 1
        self._wake()

    def succeeded(self) -> None:
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)
        self._wake()

    def overloaded(self, sent: float) -> None:
        """``sent`` is when the attempt that met the overload was sent (``time.monotonic``)."""
        if sent >= self._halved:
            self.limit = max(1.0, self.limit / 2)
            self._halved = time.monotonic()

    def _wake(self) -> None:
        while self._waiting and self.active < int(self.limit):
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                self.active += 1


class Budget:
    """A token bucket: so much a minute, evenly, with a burst of ``burst_s`` seconds' worth at most.

    Whoever takes more than there is goes into debt and waits until it is paid, in the order of taking.
    """

    def __init__(self, per_minute: float, burst_s: float) -> None:
        self.rate = per_minute / 60
        self.capacity = max(1.0, self.rate * burst_s)
        self._level = self.capacity
        self._filled = time.monotonic()

    def take(self, amount: float) -> float:
        """Take it, and return the seconds to wait before using it."""
        now = time.monotonic()
        self._level = min(self.capacity, self._level + (now - self._filled) * self.rate) - amount
        self._filled = now
        return max(0.0, -self._level / self.rate)

    def give_back(self, amount: float) -> None:
        """What had been taken too much; negative for what had been taken too little."""
        self._level += amount


class Pace:
    """Requests and tokens a minute, and pauses that the endpoint asked for."""

    def __init__(self, rpm: float | None = None, tpm: float | None = None) -> None:
        # Vendors count in windows of a minute; small bursts keep any such window within the limit.
        self._requests = Budget(rpm, burst_s=1) if rpm else None
        self._tokens = Budget(tpm, burst_s=5) if tpm else None
        self._paused_until = 0.0

    def wait_s(self, tokens: float) -> float:
        """Take a request's share; returns the seconds until it may be sent."""
        waits = [self._paused_until - time.monotonic()]
        if self._requests:
            waits.append(self._requests.take(1))
        if self._tokens:
            waits.append(self._tokens.take(tokens))
        return max(0.0, *waits)

    @property
    def paused_s(self) -> float:
        """Seconds left of a pause."""
        return max(0.0, self._paused_until - time.monotonic())

    def pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def used(self, estimated: float, actual: float) -> None:
        """Correct the tokens that were taken by an estimate, now that they are known."""
        if self._tokens:
            self._tokens.give_back(estimated - actual)
