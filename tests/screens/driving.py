"""Driving the app in tests: waiting for what threads bring, and reading what is on the screen."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from screens.app import WorkbenchApp

SMALL, LARGE = (80, 24), (140, 40)


@asynccontextmanager
async def running(path: Path, size: tuple[int, int] = SMALL, **options: Any) -> AsyncIterator[Pilot[None]]:
    """The app on a store, once the store is open. Closes the app's connections."""
    app = WorkbenchApp(path, annotator=options.pop("annotator", "ann"), poll_s=0.1, **options)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.store is not None)
        yield pilot
    if app.store is not None:
        app.store.close()


async def until(pilot: Pilot[None], holds: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until a condition holds; fails with what is on the screen."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "\n" + screen_text(pilot)
        await pilot.pause(0.02)


def lines(pilot: Pilot[None]) -> list[str]:
    """The screen as the terminal would show it, line by line."""
    strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
    return ["".join(segment.text for segment in strip) for strip in strips]


def screen_text(pilot: Pilot[None]) -> str:
    return "\n".join(line.rstrip() for line in lines(pilot))


def shows(pilot: Pilot[None], text: str) -> bool:
    return text in screen_text(pilot)
