"""Requests that can be handed out again when a server dies under them."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from workbench.engines.protocol import Request


class Replay:
    """The requests of a stage, with those remembered that have no result yet. Not a generator: one whose ``anext`` is
    cancelled, as happens when a server dies, could not be used again."""

    def __init__(self, requests: AsyncIterator[Request]) -> None:
        self._requests = requests
        self._again: deque[Request] = deque()
        self._open: dict[str, Request] = {}

    def __aiter__(self) -> Replay:
        return self

    async def __anext__(self) -> Request:
        request = self._again.popleft() if self._again else await anext(self._requests)
        self._open[request.key] = request
        return request

    def answered(self, key: str) -> None:
        self._open.pop(key, None)

    def rewind(self) -> int:
        """Hand out again what has no result yet, in its first order, before anything new. Returns how many."""
        self._again = deque(self._open.values())
        return len(self._again)
