"""``workbench evolve`` and what comes after it: own prompts, dry run, what was left out, MAD's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.engines.fake_openai import FakeOpenAI
from tests.stages.evolving import SEEDS, evolved, material
from tests.stages.filling import add_model, add_questions
from workbench import jobs
from workbench.cli.main import app
from workbench.errors import BadInput
from workbench.store import Store

MINE = """
scenario = "Mine"
system = "Answer with JSON."
prompt = "%%%%% seed\\n{{instruction}}\\n%%%%% end\\n{{direction}}"
[[directions]]
name = "x"
text = "Differ."
"""


def test_the_command_line(store: Store, store_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_questions(store, SEEDS)
    (tmp_path / "mine.toml").write_text(MINE)
    monkeypatch.chdir(tmp_path)

    def workbench(*words: str) -> str:
        done = CliRunner().invoke(app, ["--store", str(store_path), *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    with FakeOpenAI(lambda b: "?" if "picnic" in material(b) else evolved(b)) as server:
        add_model(store, "m", server.url, price_in=1.0, price_out=1.0)
        asked = ("evolve", "--model", "m", "--bench", "b", "--scenario", "mine.toml", "--into", "n")
        assert json.loads(workbench(*asked, "--dry-run", "--json"))[0]["requests"] == 3 and server.chats == []
        found = json.loads(workbench(*asked, "--json"))
        assert found["states"] == {"ok": 2, "unparsed": 1}
        assert found["evolution"] == {
            "bench": "n", "accepted": 2, "by_round": {"1": 2}, "left_out": {"unparsed": 1}, "unread_checks": 0,
        }  # fmt: skip
        left = json.loads(workbench("evolve", "--rejected", "--into", "n", "--json"))
        assert [(r["rule"], r["raw"]) for r in left] == [("unparsed", "?")]
        assert "unparsed" in workbench("evolve", "--rejected", "--into", "n")
        job = json.loads(workbench(*asked, "--rounds", "2", "--json", "--detach"))["job_id"]
        ended = jobs.wait(store, job)
        assert (ended["state"], len(server.chats)) == ("done", 6), ended["message"]
    workbench("export", "questions", "--format", "mad-evolved", "--bench", "n", "-o", "evolved.jsonl")
    lines = [json.loads(line) for line in Path("evolved.jsonl").read_text().splitlines()]
    assert [set(line) for line in lines] == [{"id", "instruction", "response"}] * 4
    assert [line["instruction"] for line in lines] == [*SEEDS[:2], *(line["response"] for line in lines[:2])]
    with pytest.raises(BadInput, match="--model is missing"):
        workbench("evolve", "--bench", "b")
