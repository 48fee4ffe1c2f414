"""``kill -9`` at every point of a batch's life, then the same command again: every item is judged once, and no request
submitted twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests import batch_worker
from tests.engines.fake_batches import FakeBatches
from tests.stages.filling import add_answers, add_model, add_questions, all_rows
from workbench.engines.batch import client, course, run
from workbench.engines.batch.journal import Journal
from workbench.judging import judge
from workbench.judging.spec import JudgeSpec
from workbench.store import Store

pytestmark = pytest.mark.kill

QUESTIONS = 6
#: Both orders; the first questions' verdicts are prose, and asked for once more.
ITEMS, REPAIRS = 2 * QUESTIONS, 2 * 2


def reply(body: dict[str, Any]) -> str:
    text = str(body["messages"])
    return "I like both." if "number 0." in text or "number 1." in text else "[[A]]"


@pytest.fixture
def server() -> Iterator[FakeBatches]:
    with FakeBatches(reply) as started:
        started.polls = 2
        yield started


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner in (run, course, client):
        for name in ("QUIET_S", "AGAIN_S", "FIRST_LOOK_S", "LONGEST_LOOK_S", "LISTED_AFTER_S"):
            if hasattr(owner, name):
                monkeypatch.setattr(owner, name, getattr(owner, name))  # put back afterwards
    batch_worker.quick()


def killed(store: Store, point: str) -> int:
    command = [sys.executable, "-m", "tests.batch_worker", str(store.path), point]
    return subprocess.run(command, timeout=60, check=False, capture_output=True).returncode


@pytest.mark.parametrize("point", [p for p in batch_worker.POINTS if p != "never"])
def test_nothing_is_paid_for_twice(store: Store, server: FakeBatches, point: str) -> None:
    add_questions(store, [f"Answer question number {i}." for i in range(QUESTIONS)])
    add_answers(store, {"m-a": ["a"] * QUESTIONS, "m-b": ["b"] * QUESTIONS})
    add_model(store, "j", server.url, price_in=1.0, price_out=1.0)
    assert killed(store, point) == -9
    stored = len(all_rows(store, "judgments"))
    assert stored == {"while storing": batch_worker.STORED, "before forgetting": ITEMS}.get(point, stored)
    report = judge(store, JudgeSpec(**batch_worker.SPEC))
    rows = all_rows(store, "judgments")
    assert len(rows) == ITEMS and len({(r["question_id"], r["presented_order"]) for r in rows}) == ITEMS
    assert {r["state"] for r in rows} == {"ok"} and sum("repair" in (r["meta"] or "") for r in rows) == REPAIRS
    assert report.already == stored and report.done == ITEMS - stored
    assert len(server.submitted) == ITEMS + REPAIRS and server.chats == []
    assert Journal(store.files).all() == []
    assert sum(r["cost"] for r in rows) > 0
