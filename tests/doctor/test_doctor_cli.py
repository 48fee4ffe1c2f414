"""``workbench doctor`` as people run it: in an empty folder, in a store, with a key in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.doctor.fakes import GIB, FakeGpu, nvidia_smi, script
from workbench.models import save_model
from workbench.records import Model
from workbench.store import Store

PROGRAM = str(Path(sys.executable).parent / "workbench")
PLANTED = "sk-PLANTED0123456789abcdef"


def doctor(
    folder: Path, *words: str, path: str = "/usr/bin:/bin", **environment: str
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k.startswith("WORKBENCH_") or k in ("XDG_RUNTIME_DIR", "HOME")}
    env = {**kept, "PATH": path, "LANG": "C.UTF-8", "XDG_DATA_HOME": str(folder / "data"), **environment}
    command = [PROGRAM, "doctor", *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60)


def test_in_an_empty_folder(tmp_path: Path) -> None:
    done = doctor(tmp_path)
    assert "there is none yet" in done.stdout and "NVIDIA" in done.stdout and "Traceback" not in done.stderr
    assert done.returncode == int("0 problems" not in done.stdout)
    assert not list(tmp_path.iterdir()), "looking made something"


def test_in_a_store_with_problems_first(store: Store, tmp_path: Path) -> None:
    save_model(store, Model("gpt", "api", "http://127.0.0.1:9/v1", {"api_key_env": "DOCTOR_UNSET"}))
    save_model(store, Model("other", "api", "http://127.0.0.1:9/v1", {"api_key_env": "DOCTOR_KEY"}))
    words = ("--store", str(store.path))
    done = doctor(tmp_path, *words, DOCTOR_KEY=PLANTED)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "Problems" and lines.index("  Keys") < lines.index("Fine")
    at = next(i for i, line in enumerate(lines) if "DOCTOR_UNSET is not set; needed by gpt" in line)
    assert lines[at + 1].strip() == "→ export DOCTOR_UNSET=…"
    told = json.loads(doctor(tmp_path, *words, "--json", "--probe", DOCTOR_KEY=PLANTED).stdout)
    assert told["counts"]["problem"] >= 2
    states = {f["name"]: f["state"] for f in told["findings"]}
    assert states["key.DOCTOR_UNSET"] == "problem" and states["key.DOCTOR_KEY"] == "ok"
    assert states["endpoint.127.0.0.1:9/v1"] == "problem" and states["endpoint.key"] == "unknown"


def test_no_secret_is_ever_shown(store: Store, tmp_path: Path) -> None:
    save_model(store, Model("gpt", "api", "http://127.0.0.1:9/v1", {"api_key_env": "DOCTOR_KEY"}))
    secrets = {
        "DOCTOR_KEY": PLANTED, "HF_TOKEN": f"hf_{PLANTED}", "https_proxy": f"http://kim:{PLANTED}@localhost:9",
        "OPENAI_API_KEY": f"x{PLANTED}",
    }  # fmt: skip
    for more in ((), ("--json",), ("--probe",), ("--probe", "--json")):
        done = doctor(tmp_path, "--store", str(store.path), *more, **secrets)
        assert "PLANTED" not in done.stdout + done.stderr


def test_gpus_as_json(tmp_path: Path) -> None:
    bin_ = nvidia_smi(
        tmp_path / "bin", FakeGpu(0, used=9 * GIB), FakeGpu(1), processes=((999_999, "x\x1b[2J", 8 * GIB, 0),)
    )
    done = doctor(tmp_path, "--json", path=f"{bin_}:/usr/bin:/bin")
    told = json.loads(done.stdout)
    assert [g["index"] for g in told["gpus"]] == [0, 1] and told["gpus"][0]["cuda"] == "13.0"
    (process,) = told["gpus"][0]["processes"]
    assert process["pid"] == 999_999 and "\x1b" not in process["command"]
    assert "\x1b" not in doctor(tmp_path, path=f"{bin_}:/usr/bin:/bin").stdout


def test_a_hung_driver(tmp_path: Path) -> None:
    bin_ = script(tmp_path / "bin", "sleep 30")
    begin = time.monotonic()
    done = doctor(tmp_path, path=f"{bin_}:/usr/bin:/bin")
    assert time.monotonic() - begin < 12
    assert done.returncode == 1 and "the driver hangs" in done.stdout


def test_a_terminal_that_knows_ascii_only(tmp_path: Path) -> None:
    done = doctor(tmp_path, LANG="C", LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert "Traceback" not in done.stderr and "not UTF-8" in done.stdout


@pytest.mark.parametrize("word", ["--fix", "extra"])
def test_what_it_does_not_take(tmp_path: Path, word: str) -> None:
    assert doctor(tmp_path, word).returncode == 2
