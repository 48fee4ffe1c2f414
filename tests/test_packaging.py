"""The sdist and the wheel hold everything that is needed. (The tests themselves run from an editable install.)"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.packaging

PROBE = """
import sys, pathlib
import workbench, screens
from workbench.store import queries, open_store
from workbench.demo import sample_questions
home = pathlib.Path(sys.argv[1])
for found in (pathlib.Path(workbench.__file__), queries.folder(), sample_questions(), pathlib.Path(screens.__file__)):
    assert found.is_relative_to(home), (found, home)
with open_store(home / "probe.duckdb") as store:
    assert store.sql("SELECT count(*) FROM battles").rows == [[0]]
    store.stop_owner()
print("fine")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel built from that sdist."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def install(what: Path, folder: Path) -> None:
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
        "--target", str(folder), str(what),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_installed_copy_works(built: Path, pattern: str, tmp_path: Path) -> None:
    home = tmp_path / "site"
    install(next(built.glob(pattern)), home)
    # The installed copy first, then the dependencies of the environment the tests run in. -S leaves out the
    # environment's own site directory, and with it the editable install.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(home), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]),
    }
    command = [sys.executable, "-S", "-c", PROBE, str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=environment)
    assert done.stdout.strip() == "fine", done.stdout + done.stderr
    assert (home / "bin" / "workbench").exists()


def test_archives_hold_no_strangers(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        tops = {name.split("/")[0] for name in wheel.namelist()}
        assert {t for t in tops if not t.endswith(".dist-info")} == {"workbench", "screens"}
        assert any(name.startswith("workbench/queries/migrations/") for name in wheel.namelist())
        assert any(name.endswith(".tcss") for name in wheel.namelist())
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {member.name.split("/", 1)[1] for member in sdist.getmembers() if "/" in member.name}
    assert {"pyproject.toml", "README.md", "LICENSE", "sample_data/questions.jsonl"} <= names
    assert not [n for n in names if ".venv" in n or n.endswith((".duckdb", ".pyc"))]
