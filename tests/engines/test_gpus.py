"""GPUs as nvidia-smi tells of them, and dividing them among servers. The program is one of our own that prints a file.

The texts have the form that the driver's own program prints (580 series)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from workbench.engines import gpus
from workbench.engines.vllm_server import devices, leases
from workbench.engines.vllm_server.devices import Cancelled, take
from workbench.errors import EngineError

A, B = "GPU-8f2d31aa-1111-2222-3333-444455556666", "GPU-90b1c2dd-1111-2222-3333-444455556666"
TWO = f"""0, {A}, NVIDIA H200, 143771, 4, 580.65.06, 9.0
1, {B}, NVIDIA H200, 143771, 90000, 580.65.06, 9.0
"""
USERS = f"{B}, 1, /usr/bin/python, with a comma, 89990\n{B}, 1, python, 89990\n{B}, 999999999, [Not Found], [N/A]\n"
SUMMARY = "| NVIDIA-SMI 580.65.06      Driver Version: 580.65.06      CUDA Version: 13.0     |\n"


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files say what nvidia-smi prints."""
    place = tmp_path / "bin"
    place.mkdir()
    program = place / "nvidia-smi"
    program.write_text(
        f"#!/bin/sh\ncase \"$1\" in --query-gpu*) cat '{tmp_path}/gpus';; --query-compute*) cat '{tmp_path}/users';; "
        f"*) cat '{tmp_path}/summary';; esac\n[ ! -f '{tmp_path}/code' ] || exit 9\n"
    )
    program.chmod(0o755)
    for name, text in (("gpus", TWO), ("users", USERS), ("summary", SUMMARY)):
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("WORKBENCH_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def never() -> bool:
    return False


def test_reading(smi: Path) -> None:
    first, second = gpus.list_gpus()
    assert (first.index, first.uuid, first.name, first.memory_total, first.memory_used) == (
        0,
        A,
        "NVIDIA H200",
        143771,
        4,
    )
    assert (first.driver, first.cuda, first.capability, first.processes) == ("580.65.06", "13.0", "9.0", ())
    assert [(p.pid, p.name, p.memory) for p in second.processes] == [
        (1, "python", 89990),
        (999999999, "[Not Found]", None),
    ]
    assert second.processes[0].user and second.processes[1].user is None
    assert gpus.hardware([first, second]) == "2 × NVIDIA H200 (143771 MiB), driver 580.65.06, CUDA 13.0"
    assert gpus.hardware([]).startswith("CPU: ")
    assert gpus.read_gpus("0, GPU-1, NVIDIA GB10, [N/A], [N/A], 580.1, 12.1\nnonsense\n")[0].memory_total == 0


def test_what_cuda_visible_devices_leaves(smi: Path) -> None:
    two = gpus.list_gpus()
    assert [g.index for g in gpus.visible(two, "1,0")] == [1, 0]
    assert [g.index for g in gpus.visible(two, "GPU-90b1")] == [1]
    assert [g.index for g in gpus.visible(two, "1,7,0")] == [1]
    assert gpus.visible(two, "") == [] and gpus.visible(two, "-1") == []
    assert gpus.visible(two) == two


def test_no_driver_and_a_broken_one(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (smi / "code").touch()
    (smi / "gpus").write_text("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n")
    assert gpus.list_gpus() == []
    (smi / "gpus").write_text("Unable to determine the device handle for GPU0: Unknown Error\n")
    with pytest.raises(EngineError, match="device handle"):
        gpus.list_gpus()
    monkeypatch.setenv("PATH", str(smi / "nothing"))
    assert gpus.list_gpus() == []


async def test_free_ones_are_taken_and_given_back(smi: Path) -> None:
    taken = await take({}, print, never)
    assert taken.setting == "0" and "H200" in taken.hardware
    (smi / "gpus").write_text(TWO.replace("90000", "4"))
    second = await take({"gpus": "auto"}, print, never)
    assert second.setting == "1"
    said: list[str] = []
    waiting = asyncio.create_task(take({"tensor_parallel": 2}, said.append, never))
    await asyncio.sleep(0.3)
    assert not waiting.done() and said == ["waiting for GPU 0, 1"]
    taken.close()
    second.close()
    both = await waiting
    assert both.setting == "0,1"
    both.close()
    assert (await take({"gpus": "cpu"}, print, never)).setting == ""


async def test_half_a_gpu_is_shared(smi: Path) -> None:
    halves = [await take({"gpus": "0", "gpu_memory_utilization": 0.45}, print, never) for _ in range(2)]
    assert [half.setting for half in halves] == ["0", "0"]
    for half in halves:
        half.close()


async def test_what_cannot_be_had(smi: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "SETTLE_S", 0.0)
    with pytest.raises(EngineError, match="3 GPUs are needed, and there are 2"):
        await take({"tensor_parallel": 3}, print, never)
    with pytest.raises(EngineError, match="no GPU 5"):
        await take({"gpus": "5"}, print, never)
    with pytest.raises(EngineError, match=r"GPU 1 has 53,771 of 143,771 MiB free.*python \(pid 1, of ") as caught:
        await take({"gpus": "1"}, print, never)
    assert "gpu_memory_utilization to 0.35" in (caught.value.hint or "")
    held = await take({"gpus": "0"}, print, never)
    with pytest.raises(Cancelled):
        await take({"gpus": "0"}, print, lambda: True)
    devices.in_use[A] += 1  # as a server in use by this process notes
    try:
        with pytest.raises(EngineError, match="another model that this job uses"):
            await take({"gpus": "0"}, print, never)
    finally:
        devices.in_use[A] -= 1
        held.close()
    assert leases.lock(leases.gpu_lock(A)) is not None
