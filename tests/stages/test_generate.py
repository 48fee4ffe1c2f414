"""Generation against an endpoint that answers, fails and dies: nothing is lost, nothing is asked twice."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.engines.fake_openai import FakeOpenAI, Fault, Reply
from tests.stages.filling import add_model, add_questions, all_rows
from workbench.batches import spool_dir
from workbench.claims import claim
from workbench.errors import BadInput, EngineError, StoreError
from workbench.generate import GenerateSpec, estimate_generate, generate, request_seed, sampling_temperature
from workbench.progress import Silent
from workbench.records import Model, Question
from workbench.store import Store, open_store

TEN = [f"question number {i}" for i in range(10)]


def states(store: Store) -> dict[str, int]:
    rows = all_rows(store, "responses")
    return {s: sum(r["state"] == s for r in rows) for s in {r["state"] for r in rows}}


def test_answers_every_question_once(store: Store) -> None:
    add_questions(store, TEN)
    with FakeOpenAI(lambda body: Reply("Because.", usage=(10, 3))) as server:
        add_model(store, "m", server.url, price_in=1.0, price_out=2.0, system_prompt="Be brief.")
        report = generate(store, GenerateSpec(("m",)), job_id="j1")
        again = generate(store, GenerateSpec(("m",)))
        assert len(server.chats) == 10
        first = next(b for b in server.chats if "number 0" in b["messages"][-1]["content"])
        assert first["messages"] == [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": "question number 0"},
        ]  # fmt: skip
    assert (report.total, report.done, report.failed, report.already, report.states) == (10, 10, 0, 0, {"ok": 10})
    assert (report.prompt_tokens, report.completion_tokens) == (100, 30)
    assert report.cost == pytest.approx(10 * 16e-6)
    assert (again.total, again.done, again.already) == (0, 0, 10)
    row = all_rows(store, "responses")[0]
    assert row["turns"] == ["Because."] and row["finish_reason"] == "stop" and row["job_id"] == "j1"
    params = json.loads(row["params"])
    assert params["system_prompt"] == "Be brief." and params["sampling"] == {"temperature": 0.7, "max_tokens": 1024}


def test_changed_settings_ask_anew_and_keep_the_old_answers(store: Store) -> None:
    add_questions(store, TEN[:3])
    with FakeOpenAI() as server:
        add_model(store, "m", server.url)
        generate(store, GenerateSpec(("m",)))
        params = {"model": "remote-m", "temperature": 0.0, "concurrency": 3}
        store.write("model_replace", model_id="m", engine="api", endpoint=server.url, params=json.dumps(params))
        assert generate(store, GenerateSpec(("m",), concurrency=2)).done == 3
        assert generate(store, GenerateSpec(("m",), concurrency=1)).done == 0
        assert len(server.chats) == 6
    assert len(all_rows(store, "responses")) == 6


def test_second_turn_is_asked_with_the_first_answer(store: Store) -> None:
    add_questions(store, [[f"first {i}", f"second {i}", f"third {i}"] for i in range(5)])

    def reply(body: dict[str, Any]) -> str:
        return f"answer to <{body['messages'][-1]['content']}>"

    with FakeOpenAI(reply, delay=0.01) as server:
        add_model(store, "m", server.url, concurrency=3)
        report = generate(store, GenerateSpec(("m",)))
        assert server.most_under_way <= 3
        thirds = [b["messages"] for b in server.chats if len(b["messages"]) == 5]
    assert report.done == 5
    assert sorted(m[-1]["content"] for m in thirds) == [f"third {i}" for i in range(5)]
    for messages in thirds:
        n = messages[-1]["content"].split()[-1]
        assert [m["role"] for m in messages] == ["user", "assistant"] * 2 + ["user"]
        assert messages[1]["content"] == f"answer to <first {n}>"
        assert messages[3]["content"] == f"answer to <second {n}>"
    for row in all_rows(store, "responses"):
        n = row["question_id"][1:]
        assert row["turns"] == [f"answer to <{word} {n}>" for word in ("first", "second", "third")]


def test_a_failing_turn_keeps_the_turns_before_it(store: Store) -> None:
    add_questions(store, [["first", "second"]])

    def reply(body: dict[str, Any]) -> Reply:
        return Reply("one") if len(body["messages"]) == 1 else Reply(refusal="I would rather not.")

    with FakeOpenAI(reply) as server:
        add_model(store, "m", server.url)
        report = generate(store, GenerateSpec(("m",)))
    (row,) = all_rows(store, "responses")
    assert (row["state"], row["turns"][0]) == ("refused", "one")
    assert row["error"].startswith("turn 2: ")
    assert report.failed == 1


def test_a_paid_first_turn_is_not_asked_again(store: Store) -> None:
    """Neither when the second turn is tried again, nor when a worker was killed between the two."""
    add_questions(store, [["one", "and now?"], ["two", "and now?"]])
    broken = True

    def reply(body: dict[str, Any]) -> Reply:
        last = body["messages"][-1]["content"]
        return Reply("", finish_reason="stop") if broken and last == "and now?" else Reply(f"answer to {last}")

    with FakeOpenAI(reply) as server:
        add_model(store, "m", server.url)
        assert generate(store, GenerateSpec(("m",))).states == {"error": 2}
        assert store.sql("SELECT question_id, turn, text FROM partial_turns ORDER BY 1").dicts()[0]["turn"] == 1
        sent = len(server.chats)
        broken = False
        assert generate(store, GenerateSpec(("m",), retry_failed=True)).states == {"ok": 2}
        later = server.chats[sent:]
        assert [body["messages"][-1]["content"] for body in later] == ["and now?"] * 2
        assert all(body["messages"][1]["content"].startswith("answer to ") for body in later)
    rows = [row for row in all_rows(store, "responses") if row["state"] == "ok"]
    assert all(len(row["turns"]) == 2 for row in rows)
    assert store.sql("SELECT count(*) FROM partial_turns").rows == [[0]]


def test_faults_end_as_answers_or_states(store: Store) -> None:
    add_questions(store, TEN)
    faults = [
        Fault(status=429, headers={"Retry-After": "0.05"}), Fault(status=500), Fault(raw="{not json"),
        Fault(disconnect=True), Fault(status=503),
    ]  # fmt: skip
    with FakeOpenAI(faults=faults) as server:
        add_model(store, "m", server.url)
        report = generate(store, GenerateSpec(("m",)))
        assert len(server.chats) == 15
    assert report.states == {"ok": 10}


def test_states_of_answers_that_are_none(store: Store) -> None:
    replies = {
        "cut": Reply("half an answ", finish_reason="length"),
        "thought": Reply("", reasoning="hmm, hmm", finish_reason="length"),
        "refuse": Reply(refusal="no"),
        "filter": Reply("", finish_reason="content_filter"),
        "fine": Reply("<think>let me see</think>Yes."),
    }
    add_questions(store, [*replies, "long " * 3000])
    with FakeOpenAI(lambda body: replies[body["messages"][-1]["content"]], most_tokens=2000) as server:
        add_model(store, "m", server.url)
        report = generate(store, GenerateSpec(("m",)))
        asked = len(server.chats)
        assert generate(store, GenerateSpec(("m",))).done == 0
        assert len(server.chats) == asked  # recorded failures are not asked again …
        replies["refuse"] = Reply("on second thoughts")
        retried = generate(store, GenerateSpec(("m",), retry_failed=True))
        assert len(server.chats) == asked + 4  # … unless one wants it
    found = {r["question_id"]: r for r in all_rows(store, "responses") if r["attempt"] == 0}
    assert [found[f"q{i}"]["state"] for i in range(6)] == ["ok", "truncated", "refused", "refused", "ok", "too_long"]
    assert (found["q0"]["turns"], found["q0"]["finish_reason"]) == (["half an answ"], "length")
    assert found["q1"]["reasoning"] == ["hmm, hmm"] and found["q1"]["turns"] == []
    assert (found["q4"]["turns"], found["q4"]["reasoning"]) == (["Yes."], ["let me see"])
    assert report.states == {"ok": 2, "truncated": 1, "refused": 2, "too_long": 1}
    assert retried.states == {"ok": 1, "truncated": 1, "refused": 1, "too_long": 1}
    assert sorted(r["attempt"] for r in all_rows(store, "responses")) == [0] * 6 + [1] * 4


def test_temperatures_by_category_question_and_force(store: Store) -> None:
    plain, forced = Model("m", "api"), Model("m", "api", params={"temperature": 0.3})
    assert sampling_temperature(plain, "writing", None) == 0.7
    assert sampling_temperature(plain, "math", None) == 0.0
    assert sampling_temperature(plain, "stem", None) == 0.1
    assert sampling_temperature(plain, None, None) == 0.7
    assert sampling_temperature(plain, "math", 0.9) == 0.9
    assert sampling_temperature(forced, "math", 0.9) == 0.3
    rows = [
        Question("a", "b", ("a",), category="math").row(),
        Question("b", "b", ("b",), category="math", meta={"required_temperature": 0.25}).row(),
    ]
    store.insert("questions", rows)
    with FakeOpenAI() as server:
        add_model(store, "m", server.url, seed=5, top_p=0.9)
        generate(store, GenerateSpec(("m",), samples=2))
        sent = {(b["messages"][-1]["content"], b["seed"]): b for b in server.chats}
    assert len(sent) == 4
    assert {b["temperature"] for (text, _), b in sent.items() if text == "a"} == {0.0}
    assert {b["temperature"] for (text, _), b in sent.items() if text == "b"} == {0.25}
    assert {seed for text, seed in sent if text == "a"} == {request_seed(5, "a", 0), request_seed(5, "a", 1)}


def test_scope(store: Store) -> None:
    add_questions(store, TEN)
    with FakeOpenAI() as server:
        add_model(store, "m", server.url)
        assert estimate_generate(store, GenerateSpec(("m",), limit=3)).items == 3
        assert generate(store, GenerateSpec(("m",), limit=3)).done == 3
        assert generate(store, GenerateSpec(("m",), questions=("q7", "q2"))).already == 1
        assert {r["question_id"] for r in all_rows(store, "responses")} == {"q0", "q1", "q2", "q7"}


def test_estimate_counts_turns_and_prices(store: Store) -> None:
    add_questions(store, [["x" * 400, "y" * 400]] * 2)
    add_model(store, "m", "http://127.0.0.1:1/v1", price_in=1.0, price_out=2.0, max_tokens=50)
    found = estimate_generate(store, GenerateSpec(("m",)))
    assert (found.items, found.requests, found.completion_tokens) == (2, 4, 200)
    assert found.prompt_tokens == 2 * (100 + 200 + 50)
    assert found.cost == pytest.approx((700 + 400) / 1e6)
    add_model(store, "free", "http://127.0.0.1:1/v1")
    assert estimate_generate(store, GenerateSpec(("m", "free"))).cost is None


def test_bad_input_is_told_before_anything_is_sent(store: Store) -> None:
    with FakeOpenAI() as server:
        add_model(store, "m", server.url)
        with pytest.raises(BadInput, match="no questions") as caught:
            generate(store, GenerateSpec(("m",)))
        assert "workbench import" in (caught.value.hint or "")
        add_questions(store, TEN)
        for spec, message in (
            (GenerateSpec(("m", "mm")), "unknown model 'mm' .*did you mean 'm'"),
            (GenerateSpec(()), "no model is named"),
            (GenerateSpec(("m",), bench="x"), "unknown bench 'x'"),
            (GenerateSpec(("m",), questions=("q1", "q99")), "unknown question 'q99'"),
            (GenerateSpec(("m",), samples=0), "samples"),
        ):
            with pytest.raises(BadInput, match=message):
                generate(store, spec)
        store.insert("models", [Model("old", "import").row()])
        with pytest.raises(BadInput, match="imported file only"):
            generate(store, GenerateSpec(("m", "old")))
        assert not server.requests


def test_two_jobs_never_answer_for_the_same_model(store: Store) -> None:
    add_questions(store, TEN)
    with FakeOpenAI() as server:
        add_model(store, "m", server.url)
        with (
            claim(store, "generate", "m", what="x", job_id="abc"),
            pytest.raises(BadInput, match="answers of 'm' are being generated already, in job abc"),
        ):
            generate(store, GenerateSpec(("m",)))
        assert not server.requests


def test_a_dead_endpoint_does_not_keep_the_next_model_waiting(store: Store) -> None:
    add_questions(store, TEN)
    with FakeOpenAI(key="right") as server, FakeOpenAI() as other:
        add_model(store, "bad", server.url)
        add_model(store, "good", other.url)
        with pytest.raises(EngineError, match="key"):
            generate(store, GenerateSpec(("bad", "good")))
    assert {r["model_id"] for r in all_rows(store, "responses")} == {"good"}
    assert states(store) == {"ok": 10}


# -- stopping --------------------------------------------------------------------------------------


class Stopping(Silent):
    """Wants to stop once so many are done."""

    def __init__(self, after: int) -> None:
        self.after, self.done = after, 0

    def advance(self, done: int = 1, *, failed: int = 0) -> None:
        self.done += done

    @property
    def cancelled(self) -> bool:  # type: ignore[override]
        return self.done >= self.after


def test_cancel_finishes_what_is_in_flight_and_can_be_continued(store: Store) -> None:
    add_questions(store, [[f"first {i}", f"second {i}"] for i in range(20)])
    with FakeOpenAI(delay=0.01) as server:
        add_model(store, "m", server.url, concurrency=2)
        report = generate(store, GenerateSpec(("m",)), Stopping(5))
        assert report.cancelled and report.total == 20 and 5 <= report.done <= 8
        rows = all_rows(store, "responses")
        assert len(rows) == report.done and all(len(r["turns"]) == 2 for r in rows)
        assert len(server.chats) == 2 * report.done  # conversations under way got their second turn
        rest = generate(store, GenerateSpec(("m",)))
        assert (rest.done, rest.already) == (20 - report.done, report.done)
        assert len(server.chats) == 40


PROGRAM = """
import signal, sys
from workbench.store import open_store
from workbench.generate import GenerateSpec, generate
signal.signal(signal.SIGTERM, signal.default_int_handler)
with open_store(sys.argv[1]) as store:
    try:
        generate(store, GenerateSpec(("m",)))
    except KeyboardInterrupt:
        sys.exit(130)
"""


def run_and_stop(path: Path, server: FakeOpenAI, sign: int, after: int) -> int:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], env={**os.environ})
    deadline = time.monotonic() + 60
    while len(server.chats) < after and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(sign)
    return process.wait(60)


def times_asked(server: FakeOpenAI) -> Counter[str]:
    """How often each question was asked, by its id."""
    return Counter("q" + body["messages"][-1]["content"].split()[-1] for body in server.chats)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_saves_what_came_back(store: Store, store_path: Path, sign: int) -> None:
    add_questions(store, [f"question {i}" for i in range(60)])
    with FakeOpenAI(delay=0.05) as server:
        add_model(store, "m", server.url, concurrency=2)
        assert run_and_stop(store_path, server, sign, 20) == 130
        asked, saved = len(server.chats), {row["question_id"] for row in all_rows(store, "responses")}
        assert asked - 3 <= len(saved) + 2 <= asked + 2  # all but what was in flight
        report = generate(store, GenerateSpec(("m",)))
        assert report.done == 60 - len(saved)
        times = times_asked(server)
    assert all(times[one] == 1 for one in saved) and max(times.values()) <= 2
    assert states(store) == {"ok": 60}


#: Answers that may be on their way into the store at any moment.
UNSAVED = 32


def test_killed_it_loses_little_and_goes_on(store: Store, store_path: Path) -> None:
    """An answer that the store has taken is never asked for again, and few have not been taken at any moment.

    The endpoint holds an answer back until all but UNSAVED of those before it are in the store: should the worker
    need more than that to save any, it would stand still here. A write that was on its way when the worker died may
    be taken after that: nobody was told so, and counts of that moment say nothing about it.
    """
    given, died = itertools.count(), threading.Event()

    def reply(body: dict[str, Any]) -> str:
        before = next(given)
        while not died.is_set() and store.sql("SELECT count(*) FROM responses").rows[0][0] < before - UNSAVED:
            time.sleep(0.005)
        return "Because."

    add_questions(store, [f"question {i}" for i in range(120)])
    with FakeOpenAI(reply, delay=0.02) as server:
        add_model(store, "m", server.url, concurrency=4)
        try:
            assert run_and_stop(store_path, server, signal.SIGKILL, 80) == -signal.SIGKILL
        finally:
            died.set()
        asked, saved = len(server.chats), {row["question_id"] for row in all_rows(store, "responses")}
        assert asked - len(saved) <= UNSAVED + 4 + 1  # those in flight, and the one that is being answered
        report = generate(store, GenerateSpec(("m",)))
        assert report.done + report.already == 120 and report.already >= len(saved) > 0
        times = times_asked(server)
    assert all(times[one] == 1 for one in saved)
    assert len(times) == 120 and max(times.values()) <= 2
    assert states(store) == {"ok": 120} and len(all_rows(store, "responses")) == 120


@pytest.mark.timeout(40)
def test_a_store_that_takes_nothing_keeps_the_answers(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full for good: answers go to a spool file, and the next run has them."""
    from workbench import batches

    add_questions(store, TEN)
    monkeypatch.setattr(batches, "PATIENCE_S", 0.2)
    monkeypatch.setattr(batches.Saver.__init__, "__kwdefaults__", {"rows": 4, "seconds": 0.1, "patience_s": 0.2})
    real = Store.insert_many

    def full(self: Store, tables: Any) -> Any:
        if "responses" in tables:
            raise StoreError("No space left on device")
        return real(self, tables)

    with FakeOpenAI(delay=0.02) as server:
        add_model(store, "m", server.url, concurrency=2)
        monkeypatch.setattr(Store, "insert_many", full)
        began = time.monotonic()
        with pytest.raises(StoreError, match="kept in"):
            generate(store, GenerateSpec(("m",)))
        assert time.monotonic() - began < 15  # also when nothing is in flight whose result could tell
        paid = len(server.chats)
        assert paid < 10 and not all_rows(store, "responses")
        assert len(list(spool_dir(store).iterdir())) == 1
        monkeypatch.setattr(Store, "insert_many", real)
        report = generate(store, GenerateSpec(("m",)))
        assert (report.done, report.already) == (10 - paid, paid)
        assert len(server.chats) == 10
    assert states(store) == {"ok": 10}


def test_a_slow_store_holds_nobody_up_and_two_threads_share_it(store: Store, store_path: Path) -> None:
    add_questions(store, TEN)
    with FakeOpenAI() as server, open_store(store_path) as second:
        for name in ("m", "n"):
            add_model(store, name, server.url)
        both = [
            threading.Thread(target=generate, args=(s, GenerateSpec((m,)))) for s, m in ((store, "m"), (second, "n"))
        ]
        for one in both:
            one.start()
        for one in both:
            one.join(60)
        assert len(server.chats) == 20
    assert states(store) == {"ok": 20}


@pytest.mark.model
def test_the_bundled_model_answers_two_turns(store: Store) -> None:
    add_questions(store, [["Name a colour.", "Name another one."], "What is two plus two?"], category="writing")
    report = generate(store, GenerateSpec(("smollm2-brief",)))
    assert report.states == {"ok": 2}
    rows = all_rows(store, "responses", "question_id")
    assert [len(row["turns"]) for row in rows] == [2, 1]
    assert all(text.strip() for row in rows for text in row["turns"])
    assert all(row["completion_tokens"] > 0 and row["cost"] == 0 for row in rows)
    assert generate(store, GenerateSpec(("smollm2-brief",))).already == 2
