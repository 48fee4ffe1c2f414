"""Jobs: work that runs detached from whoever asked for it.

A job is a row of ``jobs``. Its worker is a process of its own that holds an ``flock`` on
``STORE.files/jobs/ID.lock`` for as long as it lives: who can take that lock knows that the worker is gone,
whatever its pid may mean by now.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from workbench.errors import BadInput, StoreError, Unknown
from workbench.progress import Progress
from workbench.records import Row, stable_id, utcnow
from workbench.store import Store
from workbench.store.spawn import detached_environment

#: How long a queued job may wait for its worker to take the lock before it counts as lost.
STARTUP_S = 60.0


def create(store: Store, kind: str, spec: Mapping[str, Any]) -> str:
    """Add a queued job. Returns its id: 8 characters, short enough to type."""
    job_id = secrets.token_hex(4)
    store.insert(
        "jobs",
        [
            {
                "job_id": job_id,
                "kind": kind,
                "spec": dict(spec),
                "state": "queued",
                "done": 0,
                "failed": 0,
                "cancel_requested": False,
                "created_at": utcnow(),
            }
        ],
    )
    return job_id


def launch(store: Store, kind: str, spec: Mapping[str, Any]) -> str:
    """Create a job and start its worker in the background. Returns the job's id."""
    job_id = create(store, kind, spec)
    path = log_path(store, job_id)
    with path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench.worker", str(store.path), job_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=Path.cwd(),
            env=detached_environment(),
            start_new_session=True,
        )
    # A worker that ends while its launcher lives would stay a zombie unless somebody waits for it.
    threading.Thread(target=process.wait, daemon=True).start()
    return job_id


def jobs_dir(store: Store) -> Path:
    found = store.files / "jobs"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


def log_path(store: Store, job_id: str) -> Path:
    return jobs_dir(store) / f"{job_id}.log"


def hold(store: Store, job_id: str) -> IO[bytes]:
    """The job's lock, held until the returned file is closed or the process ends.

    Raises:
        BadInput: another process is running this job.
    """
    file = (jobs_dir(store) / f"{job_id}.lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise BadInput(f"job {job_id} is running already") from None
    return file


def worker_lives(store: Store, job_id: str) -> bool:
    path = jobs_dir(store) / f"{job_id}.lock"
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def bury_the_dead(store: Store) -> None:
    """Mark as failed every open job whose worker is gone (killed, or the machine went down)."""
    for row in store.query("jobs_open"):
        fresh = utcnow() - datetime.fromisoformat(row["created_at"]) < timedelta(seconds=STARTUP_S)
        if worker_lives(store, row["job_id"]) or (row["state"] == "queued" and fresh):
            continue
        end(store, row["job_id"], "failed", "the worker died; start it again to continue where it stopped")


def list_jobs(store: Store, limit: int = 100) -> list[Row]:
    """Jobs, newest first; those whose worker is gone are marked first."""
    bury_the_dead(store)
    return store.query("jobs", limit=limit)


def get(store: Store, job_id: str) -> Row:
    """One job. Raises Unknown when there is none of that id."""
    found = store.query("job", job_id=job_id)
    if not found:
        raise Unknown("job", job_id, [row["job_id"] for row in store.query("jobs", limit=50)])
    return found[0]


def cancel(store: Store, job_id: str) -> str:
    """Ask a job to stop; what came back so far is kept. Returns the job's state at that moment."""
    job = get(store, job_id)
    if job["state"] in ("queued", "running"):
        store.write("job_cancel", job_id=job_id)
        if not worker_lives(store, job_id):
            end(store, job_id, "cancelled", "cancelled before it started")
    return str(job["state"])


def end(store: Store, job_id: str, state: str, message: str) -> None:
    store.write("job_end", job_id=job_id, state=state, message=message, now=utcnow().isoformat())


def events(store: Store, job_id: str) -> list[Row]:
    """What the job had to say, oldest first."""
    return store.query("job_events", job_id=job_id)


class JobProgress:
    """Progress that is kept in the job's row and handed on to a second listener.

    A thread of its own writes the counts and reads the wish to cancel once a second, so that a job waiting for
    one slow answer still shows signs of life and can be stopped.
    """

    def __init__(self, store: Store, job_id: str, shown: Progress, every_s: float = 1.0) -> None:
        self._store, self._job_id, self._shown, self._every_s = store, job_id, shown, every_s
        self._done = self._failed = 0
        self._total: int | None = None
        self._message = ""
        self._events = 0
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> JobProgress:
        now = utcnow().isoformat()
        self._store.write("job_start", job_id=self._job_id, pid=os.getpid(), host=socket.gethostname(), now=now)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(timeout=5)
        self._flush()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set() or self._shown.cancelled

    def cancel(self) -> None:
        self._cancelled.set()

    def start(self, label: str, total: int | None) -> None:
        self._done = self._failed = 0
        self._total, self._message = total, label
        self._shown.start(label, total)

    def advance(self, done: int = 1, *, failed: int = 0) -> None:
        self._done += done
        self._failed += failed
        self._shown.advance(done, failed=failed)

    def say(self, message: str, *, level: str = "info") -> None:
        self._shown.say(message, level=level)
        self.keep(message, level=level)

    def keep(self, message: str, *, level: str = "info") -> None:
        """Add a message to the job's events without showing it."""
        now = utcnow()
        self._events += 1
        event_id = stable_id(self._job_id, self._events, now.isoformat())
        row = {"event_id": event_id, "job_id": self._job_id, "level": level, "message": message}
        try:
            self._store.insert("job_events", [{**row, "created_at": now}])
        except StoreError as error:
            print(f"could not keep this message: {error}", file=sys.stderr)

    def _beat(self) -> None:
        while not self._ended.wait(self._every_s):
            self._flush()
            try:
                found = self._store.query("job", job_id=self._job_id)
            except StoreError:
                continue  # the owner is restarting, or the disk is full: the work itself says so
            if found and found[0]["cancel_requested"]:
                self._cancelled.set()

    def _flush(self) -> None:
        try:
            self._store.write(
                "job_progress", job_id=self._job_id, done=self._done, total=self._total,
                failed=self._failed, message=self._message, now=utcnow().isoformat(),
            )  # fmt: skip
        except StoreError as error:
            print(f"could not report progress: {error}", file=sys.stderr)


def wait(store: Store, job_id: str, every_s: float = 0.5) -> Row:
    """Wait until the job has ended. Returns its row."""
    while True:
        bury_the_dead(store)
        job = get(store, job_id)
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(every_s)
