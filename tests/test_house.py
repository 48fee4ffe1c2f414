"""Rules of the house that a machine can check: style, types, who imports whom, what a command loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--no-cache", "."),
        ("ruff", "format", "--no-cache", "--check", "."),
        ("mypy", "--strict", "-p", "workbench"),
        ("lint-imports", "--no-cache"),
    ],
    ids=" ".join,
)
def test_tool_is_content(command: tuple[str, ...]) -> None:
    done = run(str(BIN / command[0]), *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr


HEAVY = ("textual", "torch", "vllm", "duckdb", "numpy", "openai", "aiohttp", "pydantic", "xllamacpp", "rich")


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = run(sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import workbench",
        "import workbench.cli.main",
        "import workbench.store",
        "import workbench.jobs, workbench.worker, workbench.stages",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert not loaded_by(code) & set(HEAVY)


def test_only_the_screens_import_textual() -> None:
    """Also lazily, inside functions: every module of the core is imported here."""
    code = (
        "import pkgutil, importlib, workbench\n"
        "for m in pkgutil.walk_packages(workbench.__path__, 'workbench.'):\n"
        "    importlib.import_module(m.name)"
    )
    assert not loaded_by(code) & {"textual", "torch", "vllm", "screens"}


def test_product_files_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): n
        for folder in ("workbench", "screens")
        for path in (ROOT / folder).rglob("*.py")
        if (n := len(path.read_text("utf-8").splitlines())) > 500
    }
    assert not long


def test_every_command_has_help_and_an_example() -> None:
    from typer.main import get_command

    from workbench.cli.main import app

    command = get_command(app)
    found = getattr(command, "commands", {})
    assert len(found) > 15
    readme = (ROOT / "README.md").read_text("utf-8")
    for name, sub in found.items():
        assert sub.help, f"{name} has no help"
        assert f"workbench {name}" in readme, f"the README does not mention: workbench {name}"


def test_top_level_holds_what_it_should() -> None:
    done = run("git", "ls-files")
    if done.returncode:
        pytest.skip("not a git checkout")
    tops = {line.split("/")[0] for line in done.stdout.splitlines()}
    allowed = {
        "pyproject.toml", "workbench", "screens", "queries", "sample_data", "tests", "README.md", "docs", ".ci",
        "LICENSE", "CHANGELOG.md", ".gitignore",
    }  # fmt: skip
    assert tops <= allowed, tops - allowed
