"""GPUs through an ``nvidia-smi`` of the tests' own: whole, cut up, taken, hung, broken, absent."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.fakes import GIB, FakeGpu, nvidia_smi, on_path, script
from workbench.doctor import deadlines
from workbench.doctor.devices import check_devices, look, slices_in
from workbench.doctor.findings import Finding


def found(seconds: float = 4.0) -> dict[str, Finding]:
    """Findings by name; the worst of each."""
    by_name: dict[str, Finding] = {}
    for finding in check_devices(look(seconds)):
        if finding.state != "ok" or finding.name not in by_name:
            by_name[finding.name] = finding
    return by_name


@pytest.fixture
def somebody() -> Iterator[tuple[int, str]]:
    """A process of another user's: its pid and user."""
    if os.getuid() == 0:
        user = "nobody"
        command = ["/bin/sh", "-c", "sleep 60; :", "sh", "--api-key", "sk-PLANTEDplanted0123"]
        process = subprocess.Popen(command, user=pwd.getpwnam(user).pw_uid, cwd="/", start_new_session=True)
        time.sleep(0.1)
        yield process.pid, user
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    elif Path("/proc/1").stat().st_uid != os.getuid():
        yield 1, pwd.getpwuid(Path("/proc/1").stat().st_uid).pw_name
    else:
        pytest.skip("no process of another user's here")


def test_no_driver_is_nothing_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch, None)
    if Path("/dev/nvidia0").exists():
        pytest.skip("there are GPUs here")
    assert look().gpus == ()
    assert {f.state for f in found().values()} == {"ok"}


def test_two_gpus_one_of_them_mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = FakeGpu(0, used=60 * GIB), FakeGpu(1)
    on_path(monkeypatch, nvidia_smi(tmp_path, *gpus, processes=((os.getpid(), "python", 59 * GIB, 0),)))
    seen = found()
    assert seen["gpu.driver"].what == "driver 580.65.06, runs CUDA up to 13.0"
    assert seen["gpu.0"].state == seen["gpu.1"].state == "ok"
    assert "20.0 GiB of 80.0 GiB free" in seen["gpu.0"].what and f"pid {os.getpid()}" in seen["gpu.0"].what
    assert "yours" not in seen["gpu.1"].what


def test_a_full_gpu_of_my_own_says_what_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = ((os.getpid(), "python", 79 * GIB, 0),)
    on_path(monkeypatch, nvidia_smi(tmp_path, FakeGpu(0, used=79 * GIB), processes=processes))
    full = found()["gpu.0"]
    assert full.state == "warning" and f"kill {os.getpid()}" in full.fix


def test_another_users_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, somebody: tuple[int, str]) -> None:
    pid, user = somebody
    gpus = FakeGpu(0, used=31 * GIB), FakeGpu(1), FakeGpu(2, slices=("3g.40gb",))
    on_path(monkeypatch, nvidia_smi(tmp_path, *gpus, processes=((pid, "python", 30 * GIB, 0),)))
    taken = found()["gpu.0"]
    assert taken.state == "warning"
    assert f"{user} (pid {pid}, 30.0 GiB): sh" in taken.what
    assert f"ask {user}" in taken.fix and taken.fix.endswith("CUDA_VISIBLE_DEVICES=1")
    assert "PLANTED" not in taken.what + taken.fix, "a key on a command line is shown"


def test_memory_held_by_nobody_in_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, which does not see the host's processes."""
    on_path(monkeypatch, nvidia_smi(tmp_path, FakeGpu(0, used=40 * GIB)))
    held = found()["gpu.0"]
    assert held.state == "warning" and "nobody seen from here" in held.what


def test_a_hung_driver_is_told_soon_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch, script(tmp_path, "sleep 30"))
    begin = time.monotonic()
    hung = found(0.3)["gpu.driver"]
    assert time.monotonic() - begin < 3
    assert hung.state == "problem" and "does not answer" in hung.what and hung.fix


def test_one_that_hangs_only_when_asked_for_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = 'test "$1" = -L || exec sleep 1\necho "GPU 0: NVIDIA H100 (UUID: GPU-00aa-4bf7)"'
    on_path(monkeypatch, script(tmp_path, body))
    begin = time.monotonic()
    assert found(0.2)["gpu.driver"].state == "problem"
    assert found(0.2)["gpu.driver"].state == "problem"  # the first still hangs: no second one is begun
    assert time.monotonic() - begin < 4.5
    deadlines._left["nvidia-smi"].join()


@pytest.mark.parametrize(
    ("body", "state", "words"),
    [
        ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18", "problem", "updated while"),
        (
            'echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9',
            "problem",
            "does not run",
        ),
        ("echo 'No devices were found'; exit 6", "problem", "finds no GPU"),
        ("printf '\\033]52;c;aGk=\\007\\377 nonsense'", "unknown", "nothing that can be read"),
        ("exit 0", "unknown", "(nothing)"),
        ("exit 3", "problem", "exit code 3"),
        ("printf 'GPU 0: X (UUID: GPU-1)\\n'", "problem", "only 0 can be read"),
    ],
    ids=["mismatch", "no driver", "no devices", "garbage", "silence", "failure", "half"],
)
def test_broken_drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, state: str, words: str) -> None:
    on_path(monkeypatch, script(tmp_path, body))
    seen = found()["gpu.driver"]
    assert (seen.state, words in seen.what) == (state, True), seen
    assert seen.fix and "\x1b" not in seen.what


def test_one_that_cannot_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (script(tmp_path, "") / "nvidia-smi").write_text("not a program", "utf-8")
    on_path(monkeypatch, tmp_path)
    assert found()["gpu.driver"].state == "problem"


def test_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch, nvidia_smi(tmp_path, FakeGpu(0, slices=("3g.40gb", "4g.40gb")), FakeGpu(1)))
    seen = found()
    assert seen["gpu.0.mig"].state == "warning" and "2 MIG slices: 3g.40gb" in seen["gpu.0.mig"].what
    assert "CUDA_VISIBLE_DEVICES=MIG-00cc-55" in seen["gpu.0.mig"].fix
    assert "gpu.1.mig" not in seen
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-01cc-55")
    assert found()["gpu.visible"].state == "ok"


def test_slices_are_below_their_gpus() -> None:
    text = (
        "GPU 0: A100 (UUID: GPU-a)\nGPU 3: A100 (UUID: GPU-b)\n  MIG 1g.5gb     Device  0: (UUID: MIG-x)\n"
        "  MIG 1g.5gb+me  Device  1: (UUID: MIG-y)\n"
    )
    assert [(s.gpu, s.profile, s.uuid) for s in slices_in(text)] == [(3, "1g.5gb", "MIG-x"), (3, "1g.5gb+me", "MIG-y")]


@pytest.mark.parametrize(
    ("given", "state", "words"),
    [
        ("1", "ok", "1 of 2 GPUs"),
        ("", "warning", "hides every GPU"),
        ("-1", "warning", "hides"),
        ("0,7", "problem", "7"),
    ],
)
def test_visible_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, state: str, words: str) -> None:
    on_path(monkeypatch, nvidia_smi(tmp_path, FakeGpu(0), FakeGpu(1)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    seen = found()["gpu.visible"]
    assert seen.state == state and words in seen.what


@pytest.mark.parametrize(("capability", "words"), [("6.1", "vLLM needs 7.0"), ("7.5", "no bfloat16")])
def test_old_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capability: str, words: str) -> None:
    on_path(monkeypatch, nvidia_smi(tmp_path, FakeGpu(0, capability=capability)))
    assert words in found()["gpu.0.capability"].what


def test_a_board_without_memory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = nvidia_smi(tmp_path, FakeGpu(0)) / "nvidia-smi"
    body.write_text(body.read_text("utf-8").replace(f"{80 * GIB}, 4", "[N/A], [N/A]"), "utf-8")
    on_path(monkeypatch, tmp_path)
    assert found()["gpu.0"].state == "unknown"
