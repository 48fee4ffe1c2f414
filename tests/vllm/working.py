"""Commands of the workbench as processes of their own, as a user would start them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY

TOPICS = (
    "rivers", "bread", "clocks", "bridges", "whales", "glass", "snow", "maps", "paper", "honey", "tides", "sails",
    "salt", "wool", "stars", "mills",
)  # fmt: skip


def texts(n: int) -> list[str]:
    return [f"Explain in a few sentences what people should know about {TOPICS[i % 16]}, part {i}." for i in range(n)]


def command(store: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "workbench.cli.main", "--store", str(store), *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "WORKBENCH_OWNER_IDLE": "5"}


def run(store: Path, *arguments: str, timeout: float = 280) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(store, *arguments), env=environment(), cwd=store.parent, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


def start(store: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(store, *arguments), env=environment(), cwd=store.parent, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def as_json(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def processes_that_mention(*words: str) -> Sequence[str]:
    """Command lines of processes that hold all of these, this one's left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if all(word in line for word in words):
                found.append(line)
    return found
