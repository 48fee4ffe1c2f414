"""The engine ``vllm-server`` with a program in vLLM's place (``fake_vllm``): starting, sharing, dying, cleaning up.

``tests/vllm`` does the same with vLLM itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stages.filling import add_questions, all_rows
from workbench.engines.checkpoints import template_hash
from workbench.engines.protocol import Message, Request, Result, Sampling
from workbench.engines.registry import open_engine, params_hash
from workbench.engines.vllm_server import launch, leases, processes
from workbench.engines.vllm_server.engine import VllmServerEngine
from workbench.engines.workplace import at_work
from workbench.errors import BadInput, EngineError
from workbench.generate import GenerateSpec, generate
from workbench.models import save_model
from workbench.records import Model
from workbench.store import Store

REPOSITORY = Path(__file__).resolve().parents[2]
FAKE = Path(__file__).parent / "fake_vllm"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The fake in vLLM's place, servers in a folder of this test's own, and nothing left behind."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FAKE), str(REPOSITORY)]))
    monkeypatch.setenv("WORKBENCH_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))  # no nvidia-smi, whatever this machine has
    monkeypatch.delenv("VLLM_FAKE", raising=False)
    monkeypatch.setattr("workbench.engines.vllm_server.engine.BACKOFF_S", 0.05)
    with at_work(tmp_path / "files"):
        yield tmp_path
    assert eventually(lambda: not left_over(tmp_path)), left_over(tmp_path)


def left_over(place: Path) -> list[str]:
    """Command lines of processes that work for servers of this test."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                ours = f"WORKBENCH_RUNTIME_DIR={place / 'run'}".encode() in environment
                if ours and ("vllm" in command.lower()) and int(entry.name) != os.getpid():
                    found.append(f"{entry.name} {command}")
    return found


def eventually(true: Any, seconds: float = 15.0) -> bool:
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def folder(place: Path, **config: Any) -> Path:
    found = place / "little-model"
    found.mkdir(exist_ok=True)
    (found / "config.json").write_text(
        json.dumps({"num_attention_heads": 9, "max_position_embeddings": 8192, **config})
    )
    (found / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    (found / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    return found


def model(place: Path, **params: Any) -> Model:
    return Model("m", "vllm-server", str(folder(place)), params)


def told(**settings: Any) -> str:
    return json.dumps(settings)


async def requests(n: int) -> AsyncIterator[Request]:
    for i in range(n):
        yield Request(f"k{i}", (Message("user", f"Question {i}?"),), Sampling(temperature=0.0, max_tokens=20, seed=i))


async def ask(engine: Any, n: int) -> list[Result]:
    return [result async for result in engine.complete(requests(n))]


class Said:
    cancelled = False

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, label: str, total: int | None) -> None: ...

    def advance(self, done: int = 1, *, failed: int = 0) -> None: ...

    def say(self, message: str, *, level: str = "info") -> None:
        self.lines.append(message)


async def test_it_starts_answers_and_ends(place: Path) -> None:
    engine = open_engine(model(place, max_model_len=4096, vllm_args=["--enforce-eager"]))
    assert isinstance(engine, VllmServerEngine)
    assert engine.capabilities.structured_output and engine.capabilities.logprobs and engine.capabilities.choices
    said = Said()
    engine.tell(said)
    results = await ask(engine, 5)
    assert sorted(r.key for r in results) == [f"k{i}" for i in range(5)]
    assert {r.state for r in results} == {"ok"}
    assert re.fullmatch(r"vllm 0\.0\.1 little-model [0-9a-f]{16}", engine.version)
    about = dict(engine.provenance)
    assert about["vllm"] == "0.0.1" and about["hardware"].startswith("CPU")
    assert re.fullmatch("[0-9a-f]{16}", about["files"]) and re.fullmatch("[0-9a-f]{16}", about["chat_template"])
    assert len(left_over(place)) == 3  # supervisor, server, its child
    log = next((place / "files" / "logs").glob("vllm-*.log"))
    assert "startup complete" in log.read_text() and str(log) in said.lines[0]
    assert log.stat().st_mode & 0o777 == 0o600
    for line in left_over(place):
        assert next(leases.folders()).about()["key"] not in line  # type: ignore[index]
    await engine.close()
    assert not left_over(place)


async def test_users_share_a_server_and_the_last_one_ends_it(place: Path) -> None:
    first, second = open_engine(model(place)), open_engine(model(place, system_prompt="Be brief.", concurrency=2))
    other = open_engine(model(place, max_model_len=512))
    await asyncio.gather(ask(first, 2), ask(second, 2))
    assert len(left_over(place)) == 3
    await ask(other, 1)
    assert len(left_over(place)) == 6
    await other.close()
    await first.close()
    assert len(left_over(place)) == 3
    assert len(await ask(second, 2)) == 2
    await second.close()
    assert not left_over(place)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("oom", "out of memory.*max_model_len"),
        ("kv", "17184"),
        ("driver", "driver is too old.*update the driver"),
        ("gated", "terms.*HF_TOKEN"),
        ("missing", "hub.*check its path"),
        ("remote-code", "code that comes with it.*trust_remote_code"),
        ("quantization", "quantization"),
        ("dtype", "bfloat16.*dtype to float16"),
        ("heads", "9 attention heads.*tensor_parallel"),
        ("odd", "something nobody has seen before.*its log"),
    ],
)  # fmt: skip
async def test_a_failed_start_names_the_setting(
    place: Path, monkeypatch: pytest.MonkeyPatch, failure: str, words: str
) -> None:
    monkeypatch.setenv("VLLM_FAKE", told(fail=failure))
    engine = open_engine(model(place))
    with pytest.raises(EngineError) as caught:
        await ask(engine, 1)
    assert re.search(words, f"{caught.value.message} {caught.value.hint}"), (caught.value.message, caught.value.hint)
    await engine.close()


async def test_arguments_that_vllm_does_not_know(place: Path) -> None:
    engine = open_engine(model(place, vllm_args=["--no-such-thing"]))
    with pytest.raises(EngineError, match=r"unrecognized arguments: --no-such-thing"):
        await ask(engine, 1)


async def test_a_taken_port(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        engine = open_engine(model(place, port=listening.getsockname()[1]))
        with pytest.raises(EngineError, match="taken by another program"):
            await ask(engine, 1)
    (place / "taken").touch()  # another program takes the free port first
    monkeypatch.setenv("VLLM_FAKE", told(taken=str(place / "taken")))
    engine, said = open_engine(model(place)), Said()
    assert isinstance(engine, VllmServerEngine)
    engine.tell(said)
    assert len(await ask(engine, 1)) == 1
    assert any("trying another" in line for line in said.lines)
    await engine.close()


async def test_no_chat_template_is_told_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_FAKE", told(template=False))
    engine = open_engine(model(place))
    with pytest.raises(EngineError, match="no chat template"):
        await ask(engine, 50)
    await engine.close()


async def test_a_crash_costs_a_restart_and_no_answer(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_FAKE", told(die_after=5, died=str(place / "died"), slow=0.05))
    engine, said = open_engine(model(place, concurrency=4)), Said()
    assert isinstance(engine, VllmServerEngine)
    engine.tell(said)
    results = await ask(engine, 12)
    assert sorted(r.key for r in results) == sorted(f"k{i}" for i in range(12))  # each once
    assert {r.state for r in results} == {"ok"}
    assert sum("starting it again" in line for line in said.lines) == 1
    await engine.close()


async def test_a_crash_loop_ends_with_what_the_log_says(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_FAKE", told(die_after=2))
    engine = open_engine(model(place, concurrency=1))
    with pytest.raises(EngineError, match=r"died again") as caught:
        await ask(engine, 12)
    assert "log" in (caught.value.hint or "")
    await engine.close()


@pytest.mark.parametrize("whom", ["server", "supervisor", "child"])
async def test_kill_9_of_any_process(place: Path, monkeypatch: pytest.MonkeyPatch, whom: str) -> None:
    monkeypatch.setenv("VLLM_FAKE", told(slow=0.05))
    engine = open_engine(model(place, concurrency=2))
    keys: list[str] = []
    async for result in engine.complete(requests(20)):
        assert result.state == "ok"
        keys.append(result.key)
        if len(keys) == 5:
            about = next(leases.folders()).about()
            assert about is not None
            child = [line for line in left_over(place) if "VLLM::EngineCore" in line]
            pid = {"server": about["session"], "supervisor": about["supervisor"], "child": int(child[0].split()[0])}
            os.kill(pid[whom], signal.SIGKILL)
    assert sorted(keys) == sorted(f"k{i}" for i in range(20))
    await engine.close()


WORKER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.engines.test_vllm_server import ask, model
from workbench.engines.registry import open_engine
from workbench.engines.vllm_server import server

server.PATIENCE_S = 1.0

async def main():
    engine = open_engine(model(Path({place!r})))
    await ask(engine, 1)
    print("up", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("count", [1, 2])
def test_models_of_a_run_take_the_gpus_there_are(
    place: Path, store: Store, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Three models: one after another on one GPU; side by side, as GPUs become free, on two."""
    rows = "".join(f"{i}, GPU-{i}a2b3c4d, NVIDIA H200, 143771, 4, 580.65.06, 9.0\\n" for i in range(count))
    program = place / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncase \"$1\" in --query-gpu*) printf '{rows}';; esac\n")
    program.chmod(0o755)
    monkeypatch.setenv("VLLM_FAKE", told(slow=0.5))
    add_questions(store, ["What is this?", "What is that?"])
    for name in "abc":
        save_model(store, Model(name, "vllm-server", str(folder(place)), {"served_name": name}))
    said = Said()
    report = generate(store, GenerateSpec(("a", "b", "c")), said)
    assert (report.done, report.failed) == (6, 0)
    events = [re.sub(r"starting.*(GPU \d).*", r"\1", line) for line in said.lines if "GPU" in line or "serves" in line]
    if count == 1:
        assert [e for e in events if "GPU" in e] == ["GPU 0"] * 3
        assert [("GPU" in e) for e in events] == [True, False] * 3  # each is up before the next begins
    else:
        assert sorted(events[:2]) == ["GPU 0", "GPU 1"]
    told_of = {json.loads(row["params"])["served_by"]["hardware"] for row in all_rows(store, "responses")}
    assert told_of == {"NVIDIA H200 (143771 MiB), driver 580.65.06"}


@pytest.mark.parametrize("kind", ["plain", "daemon", "stubborn"])
def test_kill_9_of_the_worker_ends_its_server_at_once(place: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("VLLM_FAKE", told(**{kind: True}))
    code = WORKER.format(root=str(REPOSITORY), place=str(place))
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None and worker.stdout.readline() == "up\n"
    assert len(left_over(place)) == 4  # the worker itself has vLLM in its command line
    worker.kill()
    worker.wait()
    assert eventually(lambda: not left_over(place), 5)


async def test_what_two_kills_left_is_ended_at_the_next_start(place: Path) -> None:
    code = WORKER.format(root=str(REPOSITORY), place=str(place))
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None and worker.stdout.readline() == "up\n"
    about = next(leases.folders()).about()
    assert about is not None
    os.kill(about["supervisor"], signal.SIGKILL)
    worker.kill()
    worker.wait()
    assert eventually(lambda: processes.started(about["session"]) is None)  # the kernel ends the server itself
    assert left_over(place)  # but not its child
    engine, said = open_engine(model(place, max_model_len=77)), Said()
    assert isinstance(engine, VllmServerEngine)
    engine.tell(said)
    await ask(engine, 1)
    assert any("killed run had left" in line for line in said.lines)
    await engine.close()


async def test_cancelled_while_it_starts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_FAKE", told(delay=60))
    engine, said = open_engine(model(place)), Said()
    assert isinstance(engine, VllmServerEngine)
    engine.tell(said)
    asyncio.get_running_loop().call_later(0.7, lambda: setattr(said, "cancelled", True))
    assert await ask(engine, 3) == []
    await engine.close()


async def test_a_start_that_takes_too_long(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_FAKE", told(delay=60))
    engine = open_engine(model(place, startup_timeout_s=0.5))
    with pytest.raises(EngineError, match=r"not ready within 0\.5 seconds"):
        await ask(engine, 1)
    await engine.close()


def test_without_vllm(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    if subprocess.run([sys.executable, "-c", "import vllm"], capture_output=True, check=False).returncode == 0:
        pytest.skip("vLLM is installed here")
    with pytest.raises(EngineError, match="not installed") as caught:
        open_engine(model(place))
    assert "workbench-llm[vllm]" in (caught.value.hint or "") and "vllm_python" in (caught.value.hint or "")
    with pytest.raises(EngineError, match="no Python interpreter"):
        open_engine(model(place, vllm_python="/nowhere/python"))


def test_a_model_of_the_hub(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commit and template are those in the hub's cache; the command names what was asked for."""
    monkeypatch.setenv("HF_HOME", str(place / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    params = {"model": "org/name", "revision": "v2", "tensor_parallel": 2, "vllm_args": ["--enforce-eager"]}
    wanted = launch.wanted(Model("m", "vllm-server", None, params))
    assert (wanted.name, wanted.weights, wanted.revision, wanted.chat_template) == (
        "org/name",
        "org/name@v2",
        "v2",
        None,
    )
    command = " ".join(wanted.command(8123))
    assert "--model org/name" in command and "--tensor-parallel-size 2" in command and "--revision v2" in command
    assert command.endswith("--enforce-eager") and "key" not in command
    cache = place / "hf" / "hub" / "models--org--name"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "v2").write_text("0123abcd")
    (cache / "snapshots" / "0123abcd").mkdir(parents=True)
    (cache / "snapshots" / "0123abcd" / "chat_template.jinja").write_text("{{ x }}")
    assert wanted.revision == "0123abcd" and wanted.chat_template == template_hash("{{ x }}")
    environment = wanted.environment("secret", "0,1")
    assert environment["CUDA_VISIBLE_DEVICES"] == "0,1" and environment["VLLM_API_KEY"] == "secret"
    again = launch.wanted(Model("other", "vllm-server", None, {**params, "system_prompt": "x", "seed": 5}))
    assert again.digest == wanted.digest
    assert launch.wanted(Model("m", "vllm-server", None, {**params, "dtype": "half"})).digest != wanted.digest


def test_what_makes_other_answers(place: Path) -> None:
    base = params_hash(model(place))
    for same in (
        {"tensor_parallel": 3}, {"gpus": "0"}, {"port": 9}, {"vllm_args": ["--enforce-eager", "--block-size", "32"]},
        {"max_model_len": 512}, {"gpu_memory_utilization": 0.5}, {"vllm_python": "x"},
        {"vllm_args": ["--max_num_seqs=5"]},
    ):  # fmt: skip
        assert params_hash(model(place, **same)) == base, same
    template = place / "t.jinja"
    template.write_text("{{ a }}")
    others = [
        {"dtype": "half"}, {"quantization": "awq"}, {"revision": "v2"}, {"chat_template": str(template)},
        {"vllm_args": ["--enforce-eager", "--kv-cache-dtype", "fp8"]},
    ]  # fmt: skip
    assert len({base, *(params_hash(model(place, **other)) for other in others)}) == 6


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"tensor_parallel": 2}, "tensor_parallel"), ({"max_model_len": 9000}, "max_model_len"),
        ({"chat_template": "/nowhere.jinja"}, "chat_template"), ({"vllm_args": ["--max_model_len=5"]}, "vllm_args"),
        ({"gpus": "one"}, "gpus"), ({"gpus": "0,1"}, "gpus"), ({"dtype": "int3"}, "dtype"), ({"port": 0}, "port"),
        ({"model": "org/name"}, "model"), ({"vllm_args": ["--api-key", "x"]}, "vllm_args"),
    ],
)  # fmt: skip
def test_wrong_settings_are_told_before_anything_starts(place: Path, params: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        open_engine(model(place, **params))
    assert caught.value.field == field, caught.value.message


def test_wrong_models(place: Path) -> None:
    with pytest.raises(BadInput, match="no folder"):
        open_engine(Model("m", "vllm-server", str(place / "nothing")))
    with pytest.raises(BadInput, match="needs one"):
        open_engine(Model("m", "vllm-server"))
    with pytest.raises(BadInput, match="not the id"):
        open_engine(Model("m", "vllm-server", None, {"model": "./here"}))
    found = folder(place)
    (found / "tokenizer_config.json").write_text("{}")
    with pytest.raises(BadInput, match="no chat template"):
        open_engine(Model("m", "vllm-server", str(found)))
    weights = found / "model.safetensors"
    (found / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"}))
    header = b'{"w": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}'
    whole = len(header).to_bytes(8, "little") + header + b"12345678"
    weights.write_bytes(whole)
    open_engine(Model("m", "vllm-server", str(found)))
    for damaged in (whole[:-1], whole[:20], b"version https://git-lfs.github.com/spec/v1\n", b""):
        weights.write_bytes(damaged)
        with pytest.raises(BadInput, match="damaged or not whole"):
            open_engine(Model("m", "vllm-server", str(found)))
    weights.unlink()
    with pytest.raises(BadInput, match="no weights"):
        open_engine(Model("m", "vllm-server", str(found)))
