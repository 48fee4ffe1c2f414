"""Running one job to its end: in the foreground of a command, or as a detached process.

``python -m workbench.worker STORE JOB_ID`` is what ``jobs.launch`` starts. Its output is the job's log.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from workbench import jobs
from workbench.errors import WorkbenchError
from workbench.progress import Progress, StageReport
from workbench.stages import make_spec, run_stage, spec_values
from workbench.store import Store, open_store
from workbench.text import clean


def execute(store: Store, job_id: str, shown: Progress) -> list[StageReport]:
    """Run a queued job here and now, keeping its row up to date whatever happens.

    Raises:
        WorkbenchError: what stopped it; the job's row says the same.
    """
    job = jobs.get(store, job_id)
    with jobs.hold(store, job_id), jobs.JobProgress(store, job_id, shown) as progress:
        try:
            reports = _run(store, job["kind"], json.loads(job["spec"]), progress, job_id)
        except KeyboardInterrupt:
            jobs.end(store, job_id, "cancelled", "interrupted; run it again to continue")
            raise
        except WorkbenchError as error:
            progress.keep(error.message, level="error")  # whoever called says it
            jobs.end(store, job_id, "failed", error.message)
            raise
        except BaseException as error:
            jobs.end(store, job_id, "failed", f"{type(error).__name__}: {error}")
            raise
    state = "cancelled" if any(r.cancelled for r in reports) else "done"
    jobs.end(store, job_id, state, summary(reports))
    return reports


def _run(
    store: Store, kind: str, values: Mapping[str, Any], progress: jobs.JobProgress, job_id: str
) -> list[StageReport]:
    if kind == "run":
        # A plan is above the stages: imported only here, where one is asked for.
        import importlib

        reports: list[StageReport] = importlib.import_module("workbench.pipeline").run_steps(
            store, values, progress, job_id
        )
        return reports
    return [run_stage(store, kind, make_spec(kind, values), progress, job_id)]


def run_here(store: Store, kind: str, spec: Any, shown: Progress) -> StageReport:
    """A stage as a job in this process: what the CLI's commands do."""
    job_id = jobs.create(store, kind, spec_values(spec))
    return execute(store, job_id, shown)[0]


def summary(reports: list[StageReport]) -> str:
    parts = []
    for report in reports:
        states = ", ".join(f"{n} {state}" for state, n in sorted(report.states.items()) if n)
        parts.append(f"{report.stage}: {states or f'{report.done} of {report.total}'}")
    return "; ".join(parts) or "nothing to do"


class LogProgress:
    """Progress as lines of a log, at most one count every ``every_s`` seconds.

    Work that ends within ``patience_s`` seconds is not worth a line.
    """

    cancelled = False

    def __init__(self, every_s: float = 10.0, patience_s: float = 0.0) -> None:
        self._every_s, self._patience_s = every_s, patience_s
        self._label = ""
        self._total: int | None = None
        self._done = self._failed = 0
        self._next = self._began = 0.0
        self._told = False

    def start(self, label: str, total: int | None) -> None:
        self._label, self._total, self._done, self._failed = label, total, 0, 0
        self._began = time.monotonic()
        self._next = self._began + (self._patience_s or self._every_s)
        self._told = not self._patience_s
        if self._told:
            self._line(f"{label}: {total if total is not None else '?'} to do")

    def advance(self, done: int = 1, *, failed: int = 0) -> None:
        self._done += done
        self._failed += failed
        now = time.monotonic()
        if now >= self._next or (self._told and self._done == self._total):
            self._next, self._told = now + self._every_s, True
            self._line(self._count(now))

    def _count(self, now: float) -> str:
        rate = self._done / max(now - self._began, 1e-9)
        text = f"{self._label}: {self._done}/{self._total if self._total is not None else '?'}, {rate:.1f}/s"
        if self._failed:
            text += f", {self._failed} failed"
        if self._total is not None and self._done < self._total and rate:
            left = int((self._total - self._done) / rate)
            text += f", ETA {left // 60}:{left % 60:02d}"
        return text

    def say(self, message: str, *, level: str = "info") -> None:
        self._line(message if level == "info" else f"{level}: {message}")

    def _line(self, text: str) -> None:
        print(f"{datetime.now():%H:%M:%S} {clean(text)}", file=sys.stderr, flush=True)


def main() -> int:
    path, job_id = sys.argv[1:3]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # SIGTERM ends as Ctrl-C does: results that came back are saved first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with open_store(path, create=False) as store:
        try:
            execute(store, job_id, LogProgress())
        except KeyboardInterrupt:
            return 130
        except WorkbenchError as error:
            LogProgress().say(error.message + (f" — {error.hint}" if error.hint else ""), level="error")
            return error.exit_code
        except Exception:
            traceback.print_exc()
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
