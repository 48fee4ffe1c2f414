"""The engine ``vllm`` on a GPU: what differs there is that vLLM runs in processes of its own, which must go."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.stages.filling import add_questions
from tests.vllm import working
from tests.vllm.test_offline import answered
from workbench.engines.gpus import list_gpus
from workbench.records import Model
from workbench.store import open_store

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="no GPU here"),
]


def used_mib() -> int:
    return sum(gpu.memory_used for gpu in list_gpus())


def freed(before: int, patience_s: float = 60) -> bool:
    until = time.monotonic() + patience_s
    while used_mib() > before + 500 and time.monotonic() < until:
        time.sleep(0.5)
    return used_mib() <= before + 500


@pytest.fixture
def store_path(tmp_path: Path, served_model: Path) -> Path:
    path = tmp_path / "store.duckdb"
    with open_store(path) as store:
        add_questions(store, working.texts(256))
        params = {"max_model_len": 2048, "max_tokens": 256, "gpu_memory_utilization": 0.3}
        for name in ("one", "two"):
            store.insert("models", [Model(name, "vllm", str(served_model), {**params, "system_prompt": name}).row()])
    return path


def test_models_take_turns_on_a_gpu_and_leave_it(store_path: Path) -> None:
    before = used_mib()
    working.run(store_path, "generate", "--models", "one,two", timeout=900)
    assert [answered(store_path, name) for name in ("one", "two")] == [256, 256]
    assert freed(before)


def test_a_killed_worker_leaves_the_gpu_free(store_path: Path) -> None:
    before = used_mib()
    process = working.start(store_path, "generate", "--models", "one,two")
    until = time.monotonic() + 600
    while answered(store_path, "one") < 4 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)  # the worker alone: what it started must notice
    process.communicate()
    assert freed(before)
    working.run(store_path, "generate", "--models", "one,two", timeout=900)
    assert [answered(store_path, name) for name in ("one", "two")] == [256, 256]
