"""Three programs on one store while its owner and the worker are killed twenty times.

A worker generates, a person votes, a reader asks; every row anybody was told is stored must be there in the end, once.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.engines.fake_openai import FakeOpenAI
from workbench import jobs
from workbench.models import save_model
from workbench.records import Annotation, Model, Question, stable_id, utcnow
from workbench.store import Store, open_store

pytestmark = pytest.mark.kill
QUESTIONS = 60
KILLS = 20


class Voter(threading.Thread):
    """Votes as the terminal UI does: one insert a vote, counted when the store has answered."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.acknowledged, self.stop = path, set[str](), threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with open_store(self.path) as store:
                for i in range(1_000_000):
                    if self.stop.is_set():
                        return
                    vote = Annotation(
                        stable_id("vote", i), "kim", f"q{i}", 1, "a", "b", "ab", "a", utcnow(), note="why \x1b[31m not"
                    )
                    store.insert("annotations", [vote.row()])
                    self.acknowledged.add(vote.annotation_id)
                    time.sleep(0.005)
        except BaseException as error:
            self.error = error


class Reader(threading.Thread):
    """Remembers every response it was ever shown."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.seen, self.stop = path, set[str](), threading.Event()
        self.reads = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with open_store(self.path) as store:
                while not self.stop.is_set():
                    rows = store.sql("SELECT response_id FROM responses").rows
                    self.seen |= {row[0] for row in rows}
                    self.reads += 1
                    time.sleep(0.02)
        except BaseException as error:
            self.error = error


def worker_pid(store: Store, job_id: str) -> int | None:
    job = jobs.get(store, job_id)
    return job["pid"] if job["state"] == "running" and jobs.worker_lives(store, job_id) else None


def wait_for_worker(store: Store, job_id: str) -> int | None:
    """The worker's pid once it runs; None when it has ended already."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if pid := worker_pid(store, job_id):
            return pid
        if jobs.get(store, job_id)["state"] in ("done", "failed"):
            return None
        time.sleep(0.05)
    raise AssertionError(f"no worker: {jobs.log_path(store, job_id).read_text()}")


def test_twenty_kills_lose_and_double_nothing(store_path: Path) -> None:
    chance = random.Random(20)
    with FakeOpenAI(delay=0.15) as server, open_store(store_path) as store:
        questions = [Question(f"q{i}", "kills", ("First?", "Second?"), position=i).row() for i in range(QUESTIONS)]
        store.insert("questions", questions)
        save_model(store, Model("served", "api", server.url, {"model": "m", "concurrency": 2}))
        spec: dict[str, Any] = {"models": ["served"], "bench": "kills"}
        job_id = jobs.launch(store, "generate", spec)
        voter, reader = Voter(store_path), Reader(store_path)
        voter.start()
        reader.start()
        for i in range(KILLS):
            wait_for_worker(store, job_id)
            time.sleep(chance.uniform(0.05, 0.4))
            if i % 2:
                os.kill(store.status()["pid"], signal.SIGKILL)
            elif pid := worker_pid(store, job_id):
                os.kill(pid, signal.SIGKILL)
                while jobs.worker_lives(store, job_id):
                    time.sleep(0.01)
                jobs.bury_the_dead(store)
                assert jobs.get(store, job_id)["state"] == "failed"
                job_id = jobs.launch(store, "generate", spec)
        last = jobs.wait(store, job_id)
        if last["state"] != "done":
            job_id = jobs.launch(store, "generate", spec)
            last = jobs.wait(store, job_id)
        assert last["state"] == "done", last
        for thread in (voter, reader):
            thread.stop.set()
            thread.join(timeout=30)
            assert thread.error is None, thread.error

        votes = [row[0] for row in store.sql("SELECT annotation_id FROM annotations", limit=10**6).rows]
        assert len(votes) == len(set(votes))
        assert voter.acknowledged <= set(votes) and len(voter.acknowledged) > 100
        responses = store.sql("SELECT response_id, question_id, turns, state FROM responses", limit=10**6).dicts()
        assert reader.seen <= {row["response_id"] for row in responses} and reader.reads > 20
        assert len(responses) == len({row["question_id"] for row in responses}) == QUESTIONS
        assert all(row["state"] == "ok" and len(row["turns"]) == 2 for row in responses)
        # Each kill of the worker may cost the requests in flight, of which there are two at most, and one or two that
        # had come back but were not stored yet.
        assert len(server.requests) <= 2 * QUESTIONS + 4 * (KILLS // 2)
        assert store.sql("SELECT count(*) FROM partial_turns").rows == [[0]]
        store.stop_owner()
