"""Running a stage that asks engines: the event loop and the garbage collector as thousands of requests a second need
them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
#: New objects, less those freed, between two looks for garbage (Python's own: 700). Requests leave none by themselves.
LOOK_AFTER = 20_000


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` on uvloop's loop, where it is installed. Raises what ``main`` raises."""
    try:
        import uvloop
    except ImportError:
        loop_factory = None
    else:
        loop_factory = uvloop.new_event_loop
    with _rare_collections(), asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """What is there already (modules, mostly) is not looked through again while requests come and go: a third of a
    request's processor time went there."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(LOOK_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
