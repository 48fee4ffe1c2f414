"""The command line as a script sees it: the contract, and one clear line for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engines.fake_openai import FakeOpenAI, Reply

PROGRAM = str(Path(sys.executable).parent / "workbench")


@dataclass
class Cli:
    store: Path
    environment: dict[str, str]

    def run(self, *words: str, code: int = 0, input: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PROGRAM, "--store", str(self.store), *words],
            capture_output=True, text=True, check=False, env=self.environment, input=input,
        )  # fmt: skip
        assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", code=code).stdout)

    def error(self, *words: str) -> str:
        """Standard error of a command that must fail as bad input: no traceback, nothing on standard output."""
        done = self.run(*words, code=2)
        assert not done.stdout.strip() and "Traceback" not in done.stderr, done.stderr
        return done.stderr


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    made = Cli(tmp_path / "s.duckdb", {**os.environ, "NO_COLOR": "1"})
    yield made
    if made.store.exists():
        made.run("store", "stop")


def reply(body: dict[str, Any]) -> str | Reply:
    """Answers at length; as a judge, prefers the answer that was shown first half of the time."""
    text = body["messages"][-1]["content"]
    if "Which answer is better" in text or "Which is better" in text:
        return "The first says more.\n[[A]]" if len(text) % 2 else "They differ little.\n[[C]]"
    if "answer of A" in text:
        return "[[C]]"
    return f"{body['model']} says: " + " ".join(f"word{i}" for i in range(30 + len(text) % 9))


@pytest.fixture
def served(cli: Cli, tmp_path: Path) -> Iterator[Cli]:
    """A store with four two-turn questions and three models behind a loopback server."""
    questions = tmp_path / "bench" / "question.jsonl"
    questions.parent.mkdir()
    rows = [
        {"question_id": i, "category": "writing", "turns": [f"Tell me about number {i}.", "And its square?"]}
        for i in range(4)
    ]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with FakeOpenAI(reply=reply) as server:
        assert cli.json("import", str(questions))["imported"] == {"questions": 4}
        for name in ("one", "two", "judge"):
            cli.run("models", "add", name, "--engine", "api", "--base-url", server.url, "--model", name)
        yield cli


def test_the_whole_path(served: Cli, tmp_path: Path) -> None:
    assert served.json("generate", "--models", "one,two", "--bench", "bench")["states"] == {"ok": 8}
    again = served.json("generate", "--models", "one,two", "--bench", "bench")
    assert again["total"] == 0 and again["already"] == 8
    assert served.json("similarity", "--metric", "embedding", "--model", "hashing")["done"] == 4
    assert served.json("select", "--method", "mad", "--top-k", "3", "--diversity", "0.1")["done"] == 3
    judged = served.json("judge", "--protocol", "pairwise-all", "--judge", "judge")
    assert judged["total"] == judged["done"] == 8
    assert served.json("judge", "--protocol", "pairwise-all", "--judge", "judge")["total"] == 0
    baseline = served.json("judge", "--protocol", "pairwise-baseline", "--baseline", "one", "--judge", "judge")
    assert baseline["total"] == 0, "the same pairs were judged already"
    for method in ("bt", "elo"):
        board = served.json("leaderboard", "--method", method)
        assert {row["model"] for row in board} == {"one", "two"}
        assert all({"rating", "lower", "upper", "n", "interval"} <= row.keys() for row in board)
    assert served.json("leaderboard", "--by", "human") == []
    assert isinstance(served.json("agreement"), list)
    counts = served.json("sql", "SELECT model_id, count(*) AS n FROM responses GROUP BY ALL ORDER BY 1")
    assert counts == [{"model_id": "one", "n": 4}, {"model_id": "two", "n": 4}]
    for kind in ("responses", "judgments", "annotations", "battles"):
        for form in ("jsonl", "csv", "parquet"):
            out = tmp_path / f"{kind}.{form}"
            served.run("export", kind, "--format", form, "-o", str(out))
            assert out.exists()
    assert [job["kind"] for job in served.json("jobs", "list")][-1] == "generate"
    served.run("snapshot", str(tmp_path / "copy.duckdb"))


def test_second_turn_saw_the_first_answer(served: Cli) -> None:
    served.run("generate", "--models", "one", "--limit", "1")
    turns = served.json("sql", "SELECT turns FROM responses")[0]["turns"]
    assert len(turns) == 2 and turns[0] != turns[1]


def test_a_detached_job_runs_and_can_be_followed(served: Cli) -> None:
    job_id = served.json("generate", "--models", "one", "--detach")["job_id"]
    assert served.json("jobs", "wait", job_id)["state"] == "done"
    log = served.run("jobs", "log", job_id, "--follow")
    assert "done" in log.stderr
    assert served.json("sql", "SELECT count(*) AS n FROM responses") == [{"n": 4}]


def test_dry_runs_send_nothing(served: Cli) -> None:
    estimate = served.json("generate", "--models", "one,two", "--dry-run")[0]
    assert estimate["items"] == 8 and estimate["requests"] == 16
    assert served.json("sql", "SELECT count(*) AS n FROM responses") == [{"n": 0}]


def plan_for(url: str, folder: Path) -> Path:
    (folder / "q.jsonl").write_text(
        "".join(json.dumps({"question_id": i, "turns": [f"What is {i}?"]}) + "\n" for i in range(3))
    )
    path = folder / "plan.toml"
    models = "".join(
        f'[[models]]\nname = "{m}"\nengine = "api"\nbase_url = "{url}"\nmodel = "{m}"\n' for m in ("one", "two")
    )
    path.write_text(
        f'[questions]\nimport = ["q.jsonl"]\nbench = "plan"\n{models}[similarity]\n[select]\ntop_k = 2\n'
        '[[judges]]\nmodel = "one"\n[report]\nleaderboard = ["bt", "elo"]\n'
    )
    return path


def test_a_plan_runs_to_the_end_and_again(cli: Cli, tmp_path: Path) -> None:
    with FakeOpenAI(reply=reply) as server:
        path = plan_for(server.url, tmp_path)
        dry = cli.json("run", str(path), "--dry-run")
        assert {e["stage"]: e["requests"] for e in dry} == {"generate": 6, "similarity": 0, "select": 0, "judge": 6}
        assert not server.requests and not cli.store.exists()
        summary = cli.json("run", str(path))
        assert summary["ok"] and summary["failed"] == 0
        assert [s["stage"] for s in summary["stages"]] == ["generate", "similarity", "select", "judge"]
        assert len(summary["leaderboards"]["bt"]) == 2
        sent = len(server.requests)
        assert cli.json("run", str(path))["ok"]
        assert len(server.requests) == sent, "a second run asked again for what was stored"


def test_a_plan_that_fails_beyond_its_tolerance_says_so(cli: Cli, tmp_path: Path) -> None:
    def broken(body: dict[str, Any]) -> str | Reply:
        return "I have no verdict." if "which answer is better" in str(body).lower() else reply(body)

    with FakeOpenAI(reply=broken) as server:
        path = plan_for(server.url, tmp_path)
        summary = cli.json("run", str(path), code=1)
        assert not summary["ok"] and summary["failed"] == 6
        path.write_text(path.read_text() + "[run]\ntolerance = 0.9\n")
        summary = cli.json("run", str(path))
        assert summary["ok"]


def test_mistakes_get_one_clear_line(cli: Cli, tmp_path: Path) -> None:
    assert "no store here yet" in cli.error("leaderboard")
    assert "no such file" in cli.error("import", str(tmp_path / "none.jsonl"))
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"question_id": 1, "turns": ["a"]}\n{"question_id": 2}\n')
    assert f"{bad}:2" in cli.error("import", str(bad))
    assert cli.json("sql", "SELECT count(*) AS n FROM questions") == [{"n": 0}]
    assert cli.json("import", str(bad), "--skip-bad")["rejected"][0]["line"] == 2
    assert "did you mean 'fastchat" in cli.error("import", str(bad), "--format", "fastchat-question")
    assert "unknown model 'smollm2-plane' (did you mean 'smollm2-plain'?)" in cli.error(
        "generate", "--models", "smollm2-plane"
    )
    assert "unknown" in cli.error("judge", "--judge", "nobody")
    assert "Traceback" not in cli.error("judge", "--judge", "smollm2-plain", "--protocol", "pairwise")
    assert "only SELECT" in cli.error("sql", "DROP TABLE questions")
    assert "exists" in cli.error("snapshot", str(bad))
    assert "unknown job" in cli.error("jobs", "log", "cafe")
    assert "base" in cli.error("models", "add", "m", "--engine", "api")
    assert "did you mean 'api'" in cli.error("models", "add", "m", "--engine", "apy", "--base-url", "http://x/v1")
    assert "needs a terminal" in cli.error("ui")
    text = tmp_path / "notes.txt"
    text.write_text("no store\n" * 1000)
    done = subprocess.run(
        [PROGRAM, "--store", str(text), "sql", "SELECT 1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "not a DuckDB file" in done.stderr


def test_endpoints_that_cannot_be_used(served: Cli) -> None:
    served.run("models", "add", "gone", "--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--timeout", "5")
    assert "127.0.0.1:9" in served.error("generate", "--models", "gone", "--limit", "1")
    served.run(
        "models", "add", "keyless", "--base-url", "http://127.0.0.1:9/v1", "--api-key-env", "NO_SUCH_KEY_VARIABLE"
    )
    assert "NO_SUCH_KEY_VARIABLE" in served.error("generate", "--models", "keyless")
    with FakeOpenAI(key="right", reply=reply) as server:
        served.environment["SECRET_FOR_TEST"] = "sk-wrong-key-123"
        served.run(
            "models", "add", "locked", "--base-url", server.url, "--model", "m", "--api-key-env", "SECRET_FOR_TEST"
        )
        told = served.error("generate", "--models", "locked")
        assert "SECRET_FOR_TEST" in told and "sk-wrong-key-123" not in told
    assert served.json("sql", "SELECT count(*) AS n FROM responses WHERE state = 'ok'") == [{"n": 0}]
    for path in served.store.parent.rglob("*"):
        if path.is_file():
            assert b"sk-wrong-key-123" not in path.read_bytes(), f"the key was written to {path.name}"


def test_an_error_is_said_once_and_groups_take_json(served: Cli) -> None:
    assert served.error("generate", "--models", "nope").count("unknown model") == 1
    assert served.json("jobs")[0]["state"] == "failed"
    assert served.json("store")["rows"]["jobs"] == 1
    assert [m["model_id"] for m in served.json("models")] == [m["model_id"] for m in served.json("models", "list")]
    assert "name too long" in served.error("import", "a" * 300).lower()
    assert served.json("sql", "-- how many\nSELECT 1 AS one;") == [{"one": 1}]
    assert "--jsno" in served.error("sql", "SELECT 1", "--jsno")
    assert "jobs list --json" in served.error("jobs", "--json", "list")
    assert "comma" in served.error("models", "add", "a,b", "--base-url", "http://localhost/v1")


def test_store_option_may_stand_anywhere(cli: Cli) -> None:
    cli.run("models", "list")
    done = subprocess.run(
        [PROGRAM, "sql", "SELECT 1 AS a", "--json", "--store", str(cli.store)], capture_output=True, check=False
    )
    assert json.loads(done.stdout) == [{"a": 1}]
    environment = {**cli.environment, "WORKBENCH_STORE": str(cli.store)}
    done = subprocess.run([PROGRAM, "store", "path"], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == str(cli.store)


def test_hostile_text_does_not_reach_the_terminal(cli: Cli, tmp_path: Path) -> None:
    nasty = "\x1b]52;c;aGFja2Vk\x07\x1b[2J[red]no[/red]\u202egnp.exe \x9b31m"
    file = tmp_path / "q.jsonl"
    file.write_text(json.dumps({"question_id": "1", "turns": [nasty], "category": nasty}) + "\n")
    cli.run("import", str(file))
    shown = cli.run("sql", "SELECT turns, category FROM questions").stdout
    assert not any(c in shown for c in "\x1b\x07\x9b\u202e") and "[red]no[/red]" in shown
    assert cli.json("sql", "SELECT turns FROM questions")[0]["turns"] == [nasty]
