"""Jobs: everything that runs or ran on this store, whoever started it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from screens.actions import bindings
from screens.base import WorkbenchScreen
from screens.help import ConfirmScreen
from screens.widgets.bars import duration, meter
from screens.widgets.pages import steady
from screens.widgets.table import Column, Table
from workbench.records import Row
from workbench.text import one_line

if TYPE_CHECKING:
    from workbench.store import Store

#: A running job that said nothing for this long is pointed out, in seconds.
SILENT_S = 30.0


class JobsScreen(WorkbenchScreen):
    WHERE = "jobs"
    TABLES = frozenset({"jobs"})
    BINDINGS = bindings("jobs")
    CSS_PATH = "jobs.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[str, Row] = {}

    def body(self) -> Iterable[Widget]:
        yield Static(Content("Opening the store …"), id="empty")
        yield Table(
            Column("job"), Column("kind"), Column("state"), Column("", accent=True), Column("done", True),
            Column("failed", True), Column("rate", True), Column("left", True), Column("asked for", most=200),
            id="jobs",
        )  # fmt: skip
        yield Static("", id="detail")

    def load(self, store: Store) -> list[Row]:
        from workbench import jobs

        jobs.bury_the_dead(store)
        return store.query("ui_jobs")

    def show(self, data: list[Row]) -> None:
        table = self.query_one(Table)
        self._jobs = {row["job_id"]: row for row in data}
        table.set_rows([job_cells(row) for row in data], list(self._jobs))
        self.set_class(not data, "-empty")
        if not data:
            self.query_one("#empty", Static).update(
                Content(
                    "No job has run on this store yet.\n\nn: launch one here, or in a shell: workbench generate -d …"
                )
            )
        elif self.focused is None:
            table.focus()
        self._show_detail()

    def _show_detail(self) -> None:
        job = self._chosen()
        parts: list[tuple[str, str]] = []
        if job is not None:
            asked = ", ".join(f"{k} {v}" for k, v in asked_for(job).items())
            parts.append((one_line(f"{job['job_id']}  {steady(asked)}", 400), "$quiet"))
            parts.append(("\n" + one_line(steady(job["message"] or ""), 400), ""))
        self.query_one("#detail", Static).update(Content.assemble(*parts), layout=False)

    def _chosen(self) -> Row | None:
        return self._jobs.get(self.query_one(Table).key or "")

    def on_table_moved(self, message: Table.Moved) -> None:
        self._show_detail()

    def on_table_opened(self, message: Table.Opened) -> None:
        self.action_log()

    # -- actions -----------------------------------------------------------------------------------

    def action_log(self) -> None:
        job = self._chosen()
        if job is not None:
            from screens.job_log import JobLogScreen

            self.app.push_screen(JobLogScreen(job["job_id"], job["kind"]))

    def action_cancel(self) -> None:
        job = self._chosen()
        if job is None:
            return
        if job["state"] not in ("queued", "running"):
            self.say(f"Job {job['job_id']} has ended already: {job['state']}.")
            return
        text = f"{job['kind']} {job['job_id']}: what it has so far stays in the store."
        self.app.push_screen(
            ConfirmScreen("Cancel this job?", text, "cancel it", "let it run"), partial(self._cancel, job["job_id"])
        )

    def _cancel(self, job_id: str, yes: bool | None) -> None:
        store = self.app.store
        if not yes or store is None:
            return

        def cancel() -> str:
            from workbench import jobs

            return jobs.cancel(store, job_id)

        self.background(cancel, lambda state: self.say(f"Asked job {job_id} ({state}) to stop."))

    def action_launch(self) -> None:
        from screens.launch import KindScreen, LaunchScreen

        if self.app.store is None:
            self.say("The store is not open yet.")
            return

        def chosen(kind: str | None) -> None:
            if kind is not None:
                self.app.push_screen(LaunchScreen(kind), launched)

        def launched(job_id: str | None) -> None:
            if job_id is not None:
                self.say(f"Job {job_id} runs in the background; it goes on when you leave.")
                self.app.feed.nudge()

        self.app.push_screen(KindScreen(), chosen)


def asked_for(job: Row) -> dict[str, str]:
    """A job's options that say something, as text."""
    spec: Any = json.loads(job["spec"] or "{}")
    if not isinstance(spec, dict):
        return {}
    shown: dict[str, str] = {}
    for name, value in spec.items():
        if value in (None, "", [], False) or isinstance(value, dict):
            continue
        shown[name] = " ".join(str(v) for v in value) if isinstance(value, list) else str(value)
    return shown


def job_cells(job: Row) -> tuple[str, ...]:
    """The row of one job."""
    done, total, state = job["done"], job["total"], job["state"]
    running = state == "running"
    if running and (job["seconds_since_heartbeat"] or 0) > SILENT_S:
        state = f"silent {duration(job['seconds_since_heartbeat'])}"
    elif running and job["cancel_requested"]:
        state = "stopping"
    bar = "".join(meter(done, total, 8)) if total else ""
    rate = job["rate"]
    speed = "" if not rate else f"{rate:,.{1 if rate < 100 else 0}f}/s" if rate >= 1 else f"{rate * 60:.1f}/min"
    left = duration(job["eta_s"]) if job["eta_s"] is not None else ""
    if not running and job["elapsed_s"] is not None:
        left = f"({duration(job['elapsed_s'])})"
    counted = f"{done:,}/{total:,}" if total is not None else f"{done:,}"
    failed = f"{job['failed']:,}" if job["failed"] else ""
    asked = ", ".join(f"{k}={v}" for k, v in asked_for(job).items())
    return job["job_id"], job["kind"], state, bar, counted, failed, speed, left, asked
