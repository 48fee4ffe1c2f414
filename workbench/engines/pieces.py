"""An answer's bytes as they come, watched by every transport alike: given up when they stop coming, only trickle, or
are too many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from workbench.engines.retry import Fault
from workbench.engines.transport import MAX_ANSWER, SLOWEST


async def watched(more: Callable[[], Awaitable[bytes]], idle_s: float) -> AsyncIterator[bytes]:
    """The pieces that ``more`` brings, until it brings an empty one. ``idle_s``: longest pause between two (seconds).

    Raises:
        Fault: timeout, disconnect or oversize.
    """
    size, began = 0, None
    while True:
        try:
            async with asyncio.timeout(idle_s):
                piece = await more()
        except TimeoutError:
            raise Fault("timeout", f"the answer stopped coming for {idle_s:g} s") from None
        except RuntimeError:  # aiohttp's word for a connection that was lost after the head had come
            raise Fault("disconnect", "the connection broke off") from None
        if not piece:
            return
        size += len(piece)
        now = time.monotonic()
        if began is None and not piece.isspace():
            began = now  # blank lines are how some gateways say that they still work on it
        if size > MAX_ANSWER:
            raise Fault("oversize", f"the answer is larger than {MAX_ANSWER >> 20} MB")
        if began is not None and now - began >= idle_s and size < SLOWEST * (now - began):
            raise Fault("timeout", f"the answer trickles: {size} bytes in {now - began:.0f} s")
        yield piece
