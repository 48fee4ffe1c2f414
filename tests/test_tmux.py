"""The real program in a real terminal: launched in tmux, three votes with one key each, read back with SQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.records import Question, Response
from workbench.select import SelectSpec, select
from workbench.similarity import SimilaritySpec, similarity
from workbench.store import Store

pytestmark = [pytest.mark.tmux, pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")]
PROGRAM = str(Path(sys.executable).parent / "workbench")
# What a hostile model might answer: clipboard write, clear screen, markup, reordering, one very long line.
NASTY = "\x1b]52;c;aGk=\x07\x1b[2J[@click=app.quit]x[/] \u202eabc \U0001f468\u200d\U0001f469 " + "y" * 100_000
SECRET_NAMES = ("model-anton", "model-berta")


class Terminal:
    """A tmux server of the test's own, so that nobody else's sessions are touched."""

    def __init__(self, name: str, command: str, environment: dict[str, str], size: tuple[int, int]) -> None:
        self.name = name
        words = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), *words, command)

    def tmux(self, *words: str) -> str:
        command = ["tmux", "-L", self.name, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def wait_for(self, words: str, seconds: float = 20) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if words in (shown := self.screen()):
                return shown
            time.sleep(0.1)
        raise AssertionError(f"{words!r} did not appear on:\n{self.screen()}")

    def close(self) -> None:
        self.tmux("kill-server")


@pytest.fixture
def terminal(store: Store) -> Iterator[Terminal]:
    fill(store)
    environment = {k: v for k, v in os.environ.items() if k.startswith("WORKBENCH_") or k == "XDG_RUNTIME_DIR"}
    made = Terminal(
        f"workbench-test-{os.getpid()}",
        f"{PROGRAM} --store {store.path} annotate --annotator kim",
        environment,
        (80, 24),
    )
    yield made
    made.close()


def fill(store: Store) -> None:
    """Five questions, two models, one hostile answer, a selection of all five."""
    texts = [f"A long enough answer about number {i}, " + " ".join(f"word{i}{k}" for k in range(30)) for i in range(5)]
    store.insert("questions", [Question(str(i), "t", (f"What is {i}?",), position=i).row() for i in range(5)])
    for model, extra in zip(SECRET_NAMES, ("", " And more of it."), strict=True):
        store.insert(
            "responses",
            [
                Response(str(i), model, (f"{text}{extra} {NASTY if i == 2 else ''}",), f"hash-{model}").row()
                for i, text in enumerate(texts)
            ],
        )
    similarity(store, SimilaritySpec())
    select(store, SelectSpec(top_k=5))


def votes(store: Store) -> list[dict[str, str]]:
    text = "SELECT annotator, presented_order, verdict FROM annotations WHERE cancels IS NULL ORDER BY decided_at"
    done = subprocess.run(
        [PROGRAM, "--store", str(store.path), "sql", text, "--json"], capture_output=True, text=True, check=True
    )
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def test_from_launch_to_three_votes(terminal: Terminal, store: Store) -> None:
    shown = terminal.wait_for("0/5")
    assert not any(name in shown for name in SECRET_NAMES), "a model's name shows before the vote"
    for done, key in enumerate("abt", start=1):
        terminal.keys(key)
        terminal.wait_for(f"{done}/5")
        terminal.wait_for("saved")
    cast = votes(store)
    assert [vote["annotator"] for vote in cast] == ["kim"] * 3
    for vote, side in zip(cast, "abt", strict=True):
        expected = {"a": vote["presented_order"][0], "b": vote["presented_order"][1], "t": "tie"}[side]
        assert vote["verdict"] == expected
    terminal.keys("u")
    terminal.wait_for("2/5")
    terminal.keys("t")
    terminal.wait_for("3/5")
    terminal.keys("q")
    time.sleep(1)
    with_cancelled = store.sql("SELECT count(*), count(cancels) FROM annotations").rows
    assert with_cancelled == [[5, 1]]


def test_it_survives_a_killed_terminal(terminal: Terminal, store: Store) -> None:
    """As when an SSH line drops: what was voted is there, and the next session goes on after it."""
    terminal.wait_for("0/5")
    terminal.keys("a")
    terminal.wait_for("1/5")
    terminal.wait_for("saved")
    terminal.close()
    again = Terminal(
        f"workbench-again-{os.getpid()}", f"{PROGRAM} --store {store.path} annotate --annotator kim", {}, (120, 40)
    )
    try:
        again.wait_for("1/5")
    finally:
        again.close()
    assert len(votes(store)) == 1
