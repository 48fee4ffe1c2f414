"""A server on this machine's loopback that runs in a thread of its own, for fakes that tests talk to."""

from __future__ import annotations

import asyncio
import threading
from typing import TypeVar

T = TypeVar("T", bound="Loopback")


class Loopback:
    """Runs between ``start`` and ``stop``, or as a context manager. Subclasses say how in ``_open`` and ``_shut``."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self: T) -> T:
        self._thread.start()
        assert self._ready.wait(10), "the fake server did not start"
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def __enter__(self: T) -> T:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _open(self, port: int) -> int:
        """Listen; returns the port (0: any that is free)."""
        raise NotImplementedError

    async def _shut(self) -> None:
        """Let everybody go."""

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._port = self._loop.run_until_complete(self._open(self._port))
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._shut())
        self._loop.close()
