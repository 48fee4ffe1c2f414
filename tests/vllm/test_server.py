"""The engine ``vllm-server`` on real vLLM: answers, verdicts, log probabilities; a server shared, killed, and ended."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stages.filling import add_questions, all_rows
from tests.vllm import working
from workbench.engines.vllm_server import leases, processes
from workbench.models import save_model
from workbench.records import Model
from workbench.store import open_store

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
SETTINGS: dict[str, Any] = {
    "max_model_len": 2048, "max_tokens": 48, "vllm_args": ["--enforce-eager", "--block-size", "32"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WORKBENCH_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    yield
    assert eventually(lambda: not left_over(tmp_path)), left_over(tmp_path)


def left_over(place: Path) -> list[str]:
    """Processes of servers of this test: supervisors by their environment, vLLM's by their session."""
    sessions = {about["session"] for folder in leases.folders() if (about := folder.about())}
    found = []
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            session = os.getsid(pid)
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        ours = f"WORKBENCH_RUNTIME_DIR={place / 'run'}".encode() in environment and "vllm_server" in command
        if ours or (session in sessions and command):
            found.append(f"{pid} {command}")
    return found


def eventually(true: Callable[[], Any], seconds: float = 30.0) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def filled(store_path: Path, served_model: Path) -> Path:
    with open_store(store_path) as store:
        add_questions(store, working.texts(8))
        for name, prompt in (("one", None), ("two", "Answer in one short sentence.")):
            params = {**SETTINGS, **({"system_prompt": prompt} if prompt else {})}
            save_model(store, Model(name, "vllm-server", str(served_model), params))
    return store_path


def test_answers_and_verdicts(filled: Path, tmp_path: Path) -> None:
    other = working.start(filled, "generate", "--models", "two")
    working.run(filled, "generate", "--models", "one")
    assert other.wait(200) == 0
    working.run(
        filled, "judge", "--judge", "one", "--models", "one,two", "--protocol", "pairwise-all", "--probabilities"
    )
    assert not left_over(tmp_path)
    with open_store(filled) as store:
        responses, judgments = all_rows(store, "responses"), all_rows(store, "judgments")
    assert len(responses) == 16 and {r["state"] for r in responses} == {"ok"}
    params = json.loads(responses[0]["params"])
    told = params["served_by"]
    assert (
        told["vllm"] and told["files"] and told["chat_template"] and told["hardware"] and told["max_model_len"] == 2048
    )
    assert params["sampling"]["seed"] is not None and told["vllm"] in params["version"]
    good = [j for j in judgments if j["state"] == "ok"]
    assert len(judgments) == 16 and len(good) >= 12
    for row in good:
        assert json.loads(row["raw_text"])["verdict"] in ("A", "B", "tie", "C")
        assert abs(sum(json.loads(row["probabilities"]).values()) - 1) < 1e-6
    logs = list((filled.parent / f"{filled.name}.files" / "logs").glob("vllm-*.log"))
    assert 1 <= len(logs) <= 3 and "startup complete" in logs[0].read_text()


def test_kills(filled: Path, tmp_path: Path) -> None:
    """The engine's own process is killed: the server is started again. Then the worker: everything ends by itself, and
    the same command goes on."""
    run = working.start(filled, "generate", "--models", "one", "--concurrency", "1")
    assert eventually(lambda: answered(filled) >= 1, 200)
    about = next(a for folder in leases.folders() if (a := folder.about()))
    core = [
        pid for pid in processes.members(about["session"], about["since"], about["token"])
        if b"EngineCore" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]  # fmt: skip
    os.kill(core[0], signal.SIGKILL)
    before = answered(filled)
    assert eventually(lambda: answered(filled) > before + 1 or run.poll() is not None, 200)
    run.kill()
    run.wait()
    assert eventually(lambda: not left_over(tmp_path), 15)
    working.run(filled, "generate", "--models", "one")
    with open_store(filled) as store:
        rows = all_rows(store, "responses")
    assert len(rows) == len({row["question_id"] for row in rows}) == 8 and {row["state"] for row in rows} == {"ok"}


def answered(path: Path) -> int:
    with open_store(path) as store:
        return int(store.sql("SELECT count(*) FROM responses").rows[0][0])
