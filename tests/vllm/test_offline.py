"""The engine ``vllm`` on real vLLM: what it can do, commands that are killed and go on, models one after another."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.stages.filling import add_questions, all_rows
from tests.vllm import working
from workbench.engines import event_loop
from workbench.engines.protocol import Engine, Message, Request, Result, Sampling
from workbench.engines.registry import open_engine
from workbench.errors import EngineError
from workbench.records import Model
from workbench.store import open_store

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]
SCHEMA = {
    "type": "object", "properties": {"verdict": {"type": "string", "enum": ["A", "B", "tie"]}}, "required": ["verdict"],
    "additionalProperties": False,
}  # fmt: skip
SETTINGS: dict[str, Any] = {"max_model_len": 2048, "temperature": 0.0, "max_tokens": 48}


def ask(key: str, text: str, *, schema: Any = None, logprobs: int = 0, n: int = 1, **sampling: Any) -> Request:
    drawn = Sampling(**{"temperature": 0.0, "max_tokens": 24, **sampling})
    return Request(key, (Message("user", text),), drawn, schema, logprobs, n)


async def stream(requests: list[Request]) -> AsyncIterator[Request]:
    for one in requests:
        yield one


async def asked(engine: Engine, requests: list[Request]) -> dict[str, Result]:
    return {result.key: result async for result in engine.complete(stream(requests))}


def test_everything_a_request_can_ask_for(served_model: Path) -> None:
    """One load: states, sampling, seeds, constraints, log probabilities, the prefix cache."""
    engine = open_engine(Model("m", "vllm", str(served_model), SETTINGS))

    async def work() -> tuple[dict[str, Result], dict[str, Result], dict[str, Any]]:
        try:
            long = " ".join(["word"] * 3000)
            first = await asked(engine, [
                ask("plain", "What is a river?"), ask("cut", "Tell me a long story.", max_tokens=5),
                ask("long", long), ask("n", "Name a colour.", n=3, temperature=1.0, seed=1),
                ask("seed 1", "Tell me a story.", temperature=1.0, seed=7),
                ask("seed 2", "Tell me a story.", temperature=1.0, seed=7),
                ask("seed 3", "Tell me a story.", temperature=1.0, seed=8),
                ask("stop", "Count: one, two, three, four, five.", stop=("e",), max_tokens=60),
                ask("json", "Which is better, A or B?", schema=SCHEMA, logprobs=5),
                ask("bad", "Which?", schema={"type": "no such type"}),
            ])  # fmt: skip
            second = await asked(engine, [ask("plain", "What is a river?")])  # the same load serves the next stream
            return first, second, dict(engine.provenance)  # type: ignore[attr-defined]
        finally:
            await engine.close()

    first, second, told = event_loop.run(work())
    assert len(first) == 10
    plain = first["plain"]
    assert plain.text.strip() and plain.prompt_tokens and plain.completion_tokens and plain.latency
    assert second["plain"].text == plain.text
    assert (first["cut"].state, first["cut"].finish_reason, first["cut"].completion_tokens) == (
        "truncated",
        "length",
        5,
    )
    assert first["long"].state == "too_long" and "maximum context length" in str(first["long"].error)
    assert len({r.text for r in (first["n"], *first["n"].also)}) > 1 and len(first["n"].also) == 2
    assert first["seed 1"].text == first["seed 2"].text != first["seed 3"].text
    assert "e" not in first["stop"].text
    assert json.loads(first["json"].text)["verdict"] in ("A", "B", "tie")
    tokens = first["json"].tokens
    assert tokens and "".join(t.text for t in tokens) == first["json"].text and max(len(t.top) for t in tokens) >= 2
    assert first["bad"].state == "error"
    assert told["vllm"] and told["files"] and told["chat_template"] and told["hardware"]
    assert told["max_model_len"] == 2048


def test_what_cannot_be_loaded_names_the_setting(served_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def load(**params: Any) -> None:
        engine = open_engine(Model("m", "vllm", str(served_model), params))
        try:
            await asked(engine, [ask("k", "hello")])
        finally:
            await engine.close()

    with pytest.raises(EngineError) as caught:
        asyncio.run(load(quantization="no-such-thing"))
    assert "quantization" in caught.value.message + str(caught.value.hint)


@pytest.fixture
def store_path(tmp_path: Path, served_model: Path) -> Path:
    """A store with 32 questions, every fourth of two turns, and two models."""
    path = tmp_path / "store.duckdb"
    with open_store(path) as store:
        texts = working.texts(32)
        add_questions(store, [[t, "Say that in one short sentence."] if i % 4 == 3 else t for i, t in enumerate(texts)])
        for name, system in (("plain", None), ("brief", "Answer in one short sentence.")):
            params = {**SETTINGS, **({"system_prompt": system} if system else {}), "seed": 1}
            store.insert("models", [Model(name, "vllm", str(served_model), params).row()])
    return path


def answered(path: Path, model: str) -> int:
    with open_store(path) as store:
        return int(store.sql(f"SELECT count(*) FROM responses WHERE model_id = '{model}'").rows[0][0])


def test_killed_commands_go_on_and_judges_are_constrained(store_path: Path, served_model: Path) -> None:
    """``generate`` killed by ``kill -9`` in the middle, and again; then ``judge`` with verdicts as JSON and
    probabilities. 32 questions, two models."""
    first = working.start(store_path, "generate", "--models", "plain,brief")
    until = time.monotonic() + 240
    while answered(store_path, "plain") < 4 and first.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    assert first.poll() is None, first.communicate()[1][-3000:]
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    kept = answered(store_path, "plain")
    assert 4 <= kept < 64
    assert not working.processes_that_mention(str(store_path), "generate")

    report = working.as_json(working.run(store_path, "generate", "--models", "plain,brief", "--json"))
    assert report["already"] == answered_before(report, kept)
    judged = working.as_json(
        working.run(store_path, "judge", "--judge", "plain", "--probabilities", "--models", "plain,brief", "--json")
    )
    assert judged["total"] == 64, judged
    with open_store(store_path) as store:
        responses = all_rows(store, "responses")
        judgments = all_rows(store, "judgments")
    assert len({(r["question_id"], r["model_id"]) for r in responses}) == len(responses) == 64
    assert {r["state"] for r in responses} == {"ok"}
    served_by = json.loads(responses[0]["params"])["served_by"]
    assert served_by["vllm"] and served_by["files"] and served_by["hardware"]
    assert len(judgments) == 64 and {j["state"] for j in judgments} <= {"ok", "truncated"}
    good = [j for j in judgments if j["state"] == "ok"]
    assert len(good) >= 60, [j["raw_text"] for j in judgments if j["state"] != "ok"]
    assert all(json.loads(j["probabilities"]) for j in good)
    assert not working.processes_that_mention("vllm", str(served_model))


def answered_before(report: Any, kept: int) -> int:
    """The kept rows are not asked again: some may have been committed after they were counted."""
    found = int(report["already"])
    assert found >= kept
    return found


def test_three_models_one_after_another(tmp_path: Path, served_model: Path) -> None:
    """One plan, one process, one device: each is freed before the next is loaded."""
    questions = tmp_path / "q.jsonl"
    questions.write_text(
        "\n".join(json.dumps({"question_id": i, "turns": [t]}) for i, t in enumerate(working.texts(8)))
    )
    names = ("one", "two", "three")
    tables = "".join(
        f'[[models]]\nname = "{name}"\nengine = "vllm"\npath = "{served_model}"\nmax_model_len = 1024\n'
        f'max_tokens = 24\nsystem_prompt = "You are number {name}."\n'
        for name in names
    )
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'[questions]\nimport = ["q.jsonl"]\nbench = "b"\n{tables}[report]\nleaderboard = []\nagreement = false\n'
    )
    path = tmp_path / "store.duckdb"
    done = working.run(path, "run", str(plan), "--json", timeout=500)
    assert [answered(path, name) for name in names] == [8, 8, 8], done.stderr[-2000:]
    assert json.loads(done.stdout)["ok"]
    assert not working.processes_that_mention("vllm", str(served_model))
