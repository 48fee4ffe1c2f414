"""Judging and generating through batches: rows, costs, follow-ups, limits, and the command ``batches``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests import batch_worker
from tests.engines.fake_batches import FakeBatches, Plan
from tests.stages.filling import add_answers, add_model, add_questions, all_rows
from workbench.cli.main import app
from workbench.engines.batch import client, course, run
from workbench.engines.batch.journal import Journal
from workbench.errors import BadInput, Incomplete
from workbench.generate import GenerateSpec, estimate_generate, generate
from workbench.judging import estimate_judge, judge
from workbench.judging.spec import JudgeSpec
from workbench.store import Store

N = 4


def reply(body: dict[str, Any]) -> str:
    text = str(body["messages"])
    if "MARK" in text:
        return "[[A]]" if "number 3" not in text else "both are fine"
    return f"said {len(body['messages'])}: {body['messages'][-1]['content'][:60]}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBatches]:
    for owner in (run, course, client):
        for name in ("QUIET_S", "AGAIN_S", "FIRST_LOOK_S", "LONGEST_LOOK_S", "LISTED_AFTER_S"):
            if hasattr(owner, name):
                monkeypatch.setattr(owner, name, getattr(owner, name))
    batch_worker.quick()
    with FakeBatches(reply) as started:
        yield started


def fill(store: Store, server: FakeBatches, **params: Any) -> None:
    add_questions(store, [f"MARK number {i}" for i in range(N)])
    add_answers(store, {"m-a": ["a" * 30] * N, "m-b": ["b" * 30] * N})
    add_model(store, "j", server.url, price_in=1.0, price_out=2.0, **params)


def spec(**more: Any) -> JudgeSpec:
    return JudgeSpec("j", output="text", batch=True, **more)


def test_judging_costs_half_and_is_the_same_judge(store: Store, server: FakeBatches) -> None:
    fill(store, server)
    dear, cheap = estimate_judge(store, JudgeSpec("j", output="text")), estimate_judge(store, spec())
    assert cheap.cost == pytest.approx(dear.cost / 2) and cheap.seconds is None  # type: ignore[operator]
    report = judge(store, spec())
    rows = all_rows(store, "judgments")
    assert report.done == len(rows) == 2 * N and server.chats == []
    for row in rows:
        full = row["prompt_tokens"] * 1.0 + row["completion_tokens"] * 2.0
        assert row["cost"] == pytest.approx(full / 2e6)
    assert sum("repair" in (row["meta"] or "") for row in rows) == 2
    assert judge(store, JudgeSpec("j", output="text")).already == 2 * N  # without batches there is nothing left
    assert Journal(store.files).all() == []


def test_samples_are_single_requests(store: Store, server: FakeBatches) -> None:
    fill(store, server)
    assert judge(store, spec(samples=3)).done == 6 * N
    assert len(all_rows(store, "judgments")) == 6 * N
    assert all(line["body"].get("n", 1) == 1 for line in server.submitted)


def test_retry_asks_anew(store: Store, server: FakeBatches) -> None:
    fill(store, server)
    judge(store, spec(repair=False))
    before = len(server.submitted)
    judge(store, spec(repair=False, retry_failed=True))
    assert len(server.submitted) == before + 2


def test_limit_on_cost_is_by_the_batch_price(store: Store, server: FakeBatches) -> None:
    fill(store, server)
    with pytest.raises(Incomplete):
        judge(store, spec(max_cost=0.0001))
    assert server.submitted == []
    judge(store, spec(max_cost=0.0045))  # only so many at once as could cost that much together
    assert len(server.batches) > 3
    assert len(all_rows(store, "judgments")) == 2 * N and len(server.submitted) == 2 * N + 2


def test_generating_turn_by_turn_with_two_models(store: Store, server: FakeBatches) -> None:
    add_questions(store, [["first", "second"], ["only"]])
    for name in ("x", "y"):
        add_model(store, name, server.url, price_in=1.0, price_out=1.0)
    asked = GenerateSpec(("x", "y"), batch=True)
    assert estimate_generate(store, asked).requests == 6
    report = generate(store, asked)
    assert report.done == 4 and report.states == {"ok": 4}
    rows = all_rows(store, "responses")
    assert sorted(len(row["turns"]) for row in rows) == [1, 1, 2, 2]
    assert sorted(b["request_counts"]["total"] for b in server.batches.values()) == [1, 1, 2, 2]
    assert Journal(store.files).all() == []


def test_other_engines_are_refused(store: Store) -> None:
    add_questions(store, ["a"])
    add_answers(store, {"m-a": ["a"], "m-b": ["b"]})
    with pytest.raises(BadInput, match="only endpoints"):
        generate(store, GenerateSpec(("smollm2-plain",), batch=True))
    with pytest.raises(BadInput, match="only endpoints"):
        judge(store, JudgeSpec("smollm2-plain", batch=True))
    with pytest.raises(BadInput, match="only batches"):
        judge(store, JudgeSpec("smollm2-plain", wait=False))


def call(path: Path, *words: str) -> Any:
    return CliRunner().invoke(app, ["--store", str(path), *words])


def test_command_line(store: Store, server: FakeBatches) -> None:
    fill(store, server)
    server.polls = None
    path = store.path
    done = call(path, "judge", "--judge", "j", "--output", "text", "--batch", "--no-wait")
    assert done.exit_code == 0, done.output
    assert "8 requests in 1 batch under way" in done.output
    [row] = json.loads(call(path, "batches", "--json").stdout)
    assert (row["batch"], row["model"], row["requests"], row["state"]) == ("batch_1", "j", 2 * N, "made")
    assert row["most_cost"] > 0 and "collect" in row["next"]
    assert json.loads(call(path, "batches", "show", "batch_1", "--json").stdout)["status"] == "in_progress"
    server.finish("batch_1")
    assert call(path, "batches", "collect").exit_code == 0
    # Those that could be read are stored; the repairs are a batch of their own.
    assert len(all_rows(store, "judgments")) == 2 * N - 2 and len(server.batches) == 2
    server._plan_of["batch_2"] = Plan()
    server.finish("batch_2")
    assert call(path, "batches", "collect").exit_code == 0
    assert len(all_rows(store, "judgments")) == 2 * N and len(server.submitted) == 2 * N + 2
    assert json.loads(call(path, "batches", "list", "--json").stdout) == []


def test_cancelling_by_command(store: Store, server: FakeBatches) -> None:
    fill(store, server)
    server.polls = None
    server.plans.append(Plan(cancel_after=3, polls=None))
    call(store.path, "judge", "--judge", "j", "--output", "text", "--batch", "--no-wait")
    cancelled = call(store.path, "batches", "cancel", "batch_1")
    assert cancelled.exit_code == 0 and "cancelled" in cancelled.output
    server.polls = 0
    judge(store, spec())
    assert len(all_rows(store, "judgments")) == 2 * N
    assert [b["request_counts"]["total"] for b in server.batches.values()][:2] == [2 * N, 2 * N - 3]


def test_unknown_batch_and_forgetting(store: Store, server: FakeBatches) -> None:
    fill(store, server)
    server.polls = None
    judge(store, spec(wait=False))
    unknown = call(store.path, "batches", "show", "batch_9")
    assert "unknown batch 'batch_9'" in str(unknown.exception)
    assert call(store.path, "batches", "forget", "batch_1", "--yes").exit_code == 0
    assert Journal(store.files).all() == []


def test_a_jury_is_asked_in_batches(store: Store, server: FakeBatches) -> None:
    from workbench.models import save_model
    from workbench.records import Model

    fill(store, server)
    add_model(store, "k", server.url)
    save_model(store, Model("both", "jury", None, {"members": ["j", "k"], "rule": "majority"}))
    report = judge(store, JudgeSpec("both", output="text", batch=True))
    assert report.states.get("ok") and server.chats == []
    assert sorted({row["judge"] for row in all_rows(store, "judgments")}) == ["both", "j", "k"]
