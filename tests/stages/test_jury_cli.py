"""Juries from the command line and from plans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engines.fake_openai import FakeOpenAI
from tests.stages.filling import add_answers, add_model, add_questions
from tests.test_cli import Cli, cli  # noqa: F401
from workbench.errors import BadInput, Unknown
from workbench.pipeline import check_specs, model_record, steps
from workbench.plan import PlanModel, read_plan
from workbench.store import open_store


def reply(body: dict[str, Any]) -> str:
    if "answer of A" not in str(body["messages"]):
        return f"{body['model']} says: " + " ".join(f"word{i}" for i in range(30))
    return "[[A]]" if body["model"] == "remote-cheap" else "[[C]]"


def test_the_whole_way(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    with FakeOpenAI(reply) as server:
        with open_store(cli.store) as store:
            add_questions(store, ["one", "two"])
            add_answers(store, {"m-a": ["aaa", "aa"], "m-b": ["b", "bb"]})
            add_model(store, "cheap", server.url, price_in=1.0, price_out=1.0)
            add_model(store, "strong", server.url, price_in=10.0, price_out=10.0)
        cli.run("models", "add", "panel", "--engine", "jury", "--members", "cheap,strong", "--rule", "weighted",
                "--weights", "strong=2")  # fmt: skip
        (panel,) = (m for m in cli.json("models") if m["model_id"] == "panel")
        assert panel["params"] == {"members": ["cheap", "strong"], "rule": "weighted", "weights": {"strong": 2.0}}
        (found,) = cli.json("judge", "--judge", "panel", "--dry-run")
        assert found["requests"] == 8 and "sum over cheap, strong" in found["unknown"] and not server.chats
        made = cli.json("judge", "--judge", "panel", "--detach")
        assert cli.json("jobs", "wait", made["job_id"])["state"] == "done" and len(server.chats) == 8
        found = cli.json("judge", "--judge", "panel")
        assert (found["already"], [m["asked"] for m in found["members"]]) == (2, [2, 2])
        cli.run("models", "add", "court", "--members", "cheap,strong", "--rule", "cascade", "--escalate-on",
                "tie,disagreement")  # fmt: skip
        shown = cli.run("judge", "--judge", "court").stderr
        assert "cheap: 2 asked, 0 decided, 2 escalated" in shown and "cost saved: -$" in shown
        assert "annotate --selection court-human" in shown and len(server.chats) == 8
        assert "m-a" in cli.run("leaderboard", "--by", "panel").stdout
        for words, message in (
            (("--members", "cheap"), "2 members or more"),
            (("--members", "cheap,nobody"), "unknown member 'nobody'"),
            (("--members", "cheap,panel"), "is a jury itself"),
            (("--members", "cheap,strong", "--rule", "weighted", "--weights", "cheap=0"), "above 0"),
            (("--members", "cheap,strong", "--rule", "weighted", "--weights", "cheap"), "NAME=NUMBER"),
            (("--engine", "jury"), "members"),
        ):
            assert message in cli.error("models", "add", "bad", *words)
        assert "is a jury" in cli.error("generate", "--models", "panel")


PLAN = """
[[models]]
name = "panel"
members = ["one", "two"]
rule = "weighted"
weights = { two = 3 }

[[models]]
name = "one"
base_url = "URL"

[[models]]
name = "two"
base_url = "URL"

[questions]
import = ["question.jsonl"]

[[judges]]
model = "panel"
"""


def test_a_plan_can_hold_a_jury(cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "question.jsonl").write_text(
        json.dumps({"question_id": 1, "category": "x", "turns": ["Why?"]}), "utf-8"
    )
    path = tmp_path / "plan.toml"
    with FakeOpenAI(reply) as server:
        path.write_text(PLAN.replace("URL", server.url), "utf-8")
        plan = read_plan(path)
        check_specs(plan)
        (generate, judge) = steps(plan)
        assert generate[1]["models"] == ["one", "two"] and judge[1]["judge"] == "panel"
        (found,) = (e for e in cli.json("run", str(path), "--dry-run") if e["stage"] == "judge")
        assert found["requests"] == 4
        summary = cli.json("run", str(path))
        assert summary["ok"] and summary["stages"][1]["jury"] == "panel"
        assert len(server.chats) == 2 + 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('members = ["one", "two"]', 'members = ["one"]'), "2 members or more"),
        (("{ two = 3 }", "{ three = 3 }"), "unknown member 'three'"),
        (("{ two = 3 }", "{ two = 0 }"), "weights"),
        (('rule = "weighted"', 'rule = "loudest"'), "rule"),
        (("weights = { two = 3 }", "waits = { two = 3 }"), "did you mean 'weights'"),
        (("weights = { two = 3 }", 'base_url = "http://h/v1"'), "unknown setting 'members'"),
    ],
)
def test_bad_juries_of_plans(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace(*change).replace("URL", "http://127.0.0.1:1/v1"), "utf-8")
    with pytest.raises((BadInput, Unknown), match=message):
        check_specs(read_plan(path))


def test_the_engine_is_told_from_the_members() -> None:
    assert model_record(PlanModel(name="p", members=["a", "b"])).engine == "jury"
