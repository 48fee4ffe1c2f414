"""The end of a job's log and what the job had to say, as it grows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.widget import Widget

from screens.actions import bindings
from screens.base import WorkbenchScreen
from screens.widgets.pages import Section
from screens.widgets.pane import Pane
from workbench.records import Row
from workbench.text import one_line

if TYPE_CHECKING:
    from workbench.store import Store

#: Bytes from the end of a log that are shown.
TAIL = 32_000


def tail(path: Path) -> str:
    """The last lines of a file that may be growing; empty if there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - TAIL, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= TAIL else text.partition("\n")[2]


class JobLogScreen(WorkbenchScreen):
    """Lies on top of the jobs; scrolls with the table keys and follows the end while it is in view."""

    WHERE = "log"
    TABLES = frozenset({"job_events"})
    BINDINGS = bindings("log", "scroll")
    TOP = "jobs"

    def __init__(self, job_id: str, kind: str) -> None:
        super().__init__()
        self._job_id = job_id
        self._kind = kind
        self._sections: list[Section] = []

    def body(self) -> Iterable[Widget]:
        yield Pane(id="log")

    def on_mount(self) -> None:
        self.query_one(Pane).set_title(f"{self._kind} {self._job_id}")
        # The log is a file: no counter tells that it grew.
        self.set_interval(1.0, self._look)
        self.reload()

    def _look(self) -> None:
        if self.is_current:
            self.reload()

    def load(self, store: Store) -> list[Section]:
        from workbench import jobs

        said: list[Row] = jobs.events(store, self._job_id)
        events = "\n".join(
            f"{row['created_at'][11:19]} {row['level']:<7} {one_line(row['message'], 1000)}" for row in said
        )
        log = tail(jobs.log_path(store, self._job_id)).strip("\n")
        return [
            ("title", "What it said"), ("raw", events or "(nothing)"), ("note", ""),
            ("title", f"End of its log, {jobs.log_path(store, self._job_id)}"), ("raw", log or "(empty)"),
        ]  # fmt: skip

    def show(self, data: list[Section]) -> None:
        if data == self._sections:
            return
        self._sections = data
        pane = self.query_one(Pane)
        place = pane.scroll_offset.y
        at_end = place >= len(pane.page.lines) - pane.scrollable_content_region.height
        pane.set_text(data)
        if at_end:
            pane.move_to_edge(1)
        else:
            pane.move(int(place))

    def action_scroll_lines(self, lines: int) -> None:
        self.query_one(Pane).move(lines)

    def action_scroll_pages(self, pages: int) -> None:
        self.query_one(Pane).move_pages(pages)

    def action_scroll_edge(self, edge: int) -> None:
        self.query_one(Pane).move_to_edge(edge)

    def action_back(self) -> None:
        self.dismiss()
