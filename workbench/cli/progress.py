"""Progress of a command, for the person who waits for it: on standard error, so that it never mixes with results."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from workbench.progress import Progress

#: A stage over sooner than this leaves no line behind.
WORTH_A_LINE_S = 1.0


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """A bar with rate and ETA on a terminal, plain lines otherwise; cleared away on leaving."""
    if not sys.stderr.isatty():
        from workbench.worker import LogProgress

        yield LogProgress(patience_s=2.0)
        return
    bar = BarProgress()
    try:
        yield bar
    finally:
        bar.finish()


class BarProgress:
    """One bar a stage, redrawn at most four times a second; a finished one stays as a line."""

    cancelled = False

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._failed = self._done = 0
        self._began = 0.0

    def start(self, label: str, total: int | None) -> None:
        from workbench.text import one_line

        self.finish()
        self._failed = self._done = 0
        self._began = time.monotonic()
        self._bar = self._new_bar()
        self._task = self._bar.add_task(one_line(label, 40), total=total, rate="", failures="")
        self._bar.start()

    def advance(self, done: int = 1, *, failed: int = 0) -> None:
        if self._bar is None or self._task is None:
            return
        self._done += done
        self._failed += failed
        rate = self._done / max(time.monotonic() - self._began, 1e-9)
        failures = f"{self._failed} failed" if self._failed else ""
        self._bar.update(self._task, advance=done, rate=f"{rate:.1f}/s", failures=failures)

    def say(self, message: str, *, level: str = "info") -> None:
        from rich.text import Text

        from workbench.text import clean

        style = {"error": "red", "warning": "yellow"}.get(level, "")
        self._console.print(Text(clean(message), style=style))

    def finish(self) -> None:
        """Stop drawing. The bar of a stage that was over at once is taken away."""
        if self._bar is None or self._task is None:
            return
        if time.monotonic() - self._began < WORTH_A_LINE_S:
            self._bar.update(self._task, visible=False)
        self._bar.stop()
        self._bar = self._task = None

    def _new_bar(self) -> RichProgress:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failures]}", style="red"),
            console=self._console,
            refresh_per_second=4,
        )
