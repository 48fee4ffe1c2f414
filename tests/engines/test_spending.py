"""A limit on cost is never passed, and everything paid for is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.engines.fake_openai import FakeOpenAI, Reply
from tests.stages.filling import add_answers, add_model, add_questions
from workbench.engines.protocol import Message, Request, Result, Sampling
from workbench.engines.spending import Spending, most_cost
from workbench.errors import BadInput, Incomplete
from workbench.generate import GenerateSpec, generate
from workbench.judging import JudgeSpec, judge
from workbench.judging.scenarios import ClassifySpec, classify
from workbench.store import Store

PRICES = {"price_in": 10.0, "price_out": 1000.0}


def test_reservations_and_settling() -> None:
    spending = Spending(1.0)
    assert spending.reserve("a", 0.6) and not spending.reserve("b", 0.6)
    spending.settle(Result("a", "ok", cost=0.1))
    assert spending.reserve("b", 0.6) and spending.reserve("c", 0.3)
    spending.settle(Result("b", "ok"))  # answered, but nobody counted its tokens: the most
    assert spending.spent == pytest.approx(0.7)
    spending.settle(Result("c", "error"))
    assert spending.spent == pytest.approx(0.7) and spending.reserved == 0
    with pytest.raises(BadInput, match="above 0"):
        Spending(0)


def test_the_most_a_request_can_cost() -> None:
    request = Request("k", (Message("user", "é" * 100),), Sampling(max_tokens=50))
    assert most_cost(PRICES, request) == pytest.approx(((200 + 16) * 10 + 50 * 1000) / 1e6)
    with pytest.raises(BadInput, match="needs the prices"):
        most_cost({"price_in": 1.0}, request)


def total_cost(store: Store, table: str) -> tuple[int, float]:
    [[n, cost]] = store.sql(f"SELECT count(*), coalesce(sum(cost), 0) FROM {table}").rows
    return int(n), float(cost)


@pytest.mark.parametrize("max_cost", [0.06, 0.5, 1.234])
def test_judging_stops_before_the_limit(store: Store, max_cost: float) -> None:
    add_questions(store, [f"question {i}" for i in range(200)])
    add_answers(store, {"m-a": ["a" * 10] * 200, "m-b": ["b" * 20] * 200})
    with FakeOpenAI(lambda body: Reply("[[A]]", usage=(100, 10))) as server:
        add_model(store, "j", server.url, concurrency=8, max_tokens=20, **PRICES)
        with pytest.raises(Incomplete, match=r"stopped before the limit of \$") as raised:
            judge(store, JudgeSpec("j", max_cost=max_cost, output="text"))
        n, cost = total_cost(store, "judgments")
        assert n == len(server.requests)  # all that was paid for is there
    each = (100 * 10 + 10 * 1000) / 1e6
    assert cost == pytest.approx(n * each) and cost <= max_cost
    # It stopped because the next request might have cost more than is left, not long before.
    assert cost > max_cost - 0.6
    assert raised.value.exit_code == 1 and "--max-cost" in str(raised.value.hint)


def test_a_limit_that_is_enough_changes_nothing_and_prices_are_needed(store: Store) -> None:
    add_questions(store, ["question"])
    with FakeOpenAI() as server:
        add_model(store, "m", server.url, **PRICES)
        add_model(store, "free", server.url)
        assert generate(store, GenerateSpec(("m",), max_cost=100.0)).states == {"ok": 1}
        with pytest.raises(BadInput, match="prices of 'free'"):
            generate(store, GenerateSpec(("free",), max_cost=1.0))
        assert len(server.requests) == 1


def test_conversations_that_did_not_fit_keep_their_first_turn(store: Store) -> None:
    add_questions(store, [["first?", "second?"]] * 3)

    def reply(body: dict[str, Any]) -> Reply:
        return Reply("x" * 40, usage=(50, 20))

    with FakeOpenAI(reply) as server:
        add_model(store, "m", server.url, concurrency=1, max_tokens=30, **PRICES)
        with pytest.raises(Incomplete):
            generate(store, GenerateSpec(("m",), max_cost=0.075))
        sent = len(server.requests)
        [[partial]] = store.sql(
            "SELECT count(*) FROM partial_turns WHERE question_id NOT IN (SELECT question_id FROM responses)"
        ).rows
        [[whole]] = store.sql("SELECT count(*) FROM responses").rows
        assert sent == partial + 2 * whole and partial == 1
        assert generate(store, GenerateSpec(("m",), max_cost=10.0)).states == {"ok": 3 - whole}
        assert len(server.requests) == 6  # nothing was paid for twice


def test_classifying_stops_before_the_limit_and_uses_what_was_paid_for(store: Store) -> None:
    add_questions(store, [f"question {i}" for i in range(30)])
    with FakeOpenAI(lambda body: Reply("chitchat", usage=(100, 10))) as server:
        add_model(store, "j", server.url, concurrency=4, **PRICES)
        add_model(store, "free", server.url)
        with pytest.raises(BadInput, match="prices of 'free'"):
            classify(store, ClassifySpec("free", max_cost=1.0))
        with pytest.raises(Incomplete, match=r"stopped before the limit of \$"):
            classify(store, ClassifySpec("j", max_cost=0.2))
        n, cost = total_cost(store, "judgments")
        assert n == len(server.requests) and 0 < cost <= 0.2
        assert store.sql("SELECT count(*) FROM questions WHERE scenario = 'chitchat'").rows == [[n]]
        assert classify(store, ClassifySpec("j", max_cost=10.0)).states == {"ok": 30 - n}
        assert len(server.requests) == 30


COMMANDS = {
    "generate": (["--models", "m"], "responses"),
    "classify": (["--judge", "m"], "judgments"),
    "evolve": (["--model", "m", "--bench", "b", "--scenario", "Writing"], None),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands(store: Store, command: str) -> None:
    from workbench.cli.main import app

    options, table = COMMANDS[command]
    add_questions(store, [f"question {i}" for i in range(20)])
    with FakeOpenAI(lambda body: Reply("y" * 40, usage=(50, 20))) as server:
        add_model(store, "m", server.url, max_tokens=30, **PRICES)
        arguments = ["--store", str(store.path), command, *options, "--max-cost", "0.2", "--log-requests"]
        found = CliRunner().invoke(app, arguments)
        sent = len(server.requests)
    assert isinstance(found.exception, Incomplete) or found.exit_code == 1, found.output
    if table is None:
        [kept] = (store.files / "evolve").glob("*.answers.jsonl")
        costs = [json.loads(line)["cost"] for line in kept.read_text().splitlines()]
        n, cost = len(costs), sum(costs)
    else:
        n, cost = total_cost(store, table)
    assert n == sent and 0 < cost <= 0.2
    [log] = (store.files / "logs").glob("requests-*.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == sent and all("request" not in line for line in lines)
