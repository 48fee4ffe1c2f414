"""The real program in a real terminal."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.screens.rows import MODELS, fill
from tests.screens.test_hostile import EVIL
from workbench.records import utcnow
from workbench.store import Store

pytestmark = [pytest.mark.tmux, pytest.mark.skipif(not shutil.which("tmux"), reason="no tmux here")]
ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """One tmux window that runs the UI, with all bytes it wrote kept in a file."""

    def __init__(self, store: Store, folder: Path, environment: str = "") -> None:
        self.raw = folder / "bytes"
        self._socket = str(folder / "tmux")
        code = (
            f"from screens.app import run; from pathlib import Path; run(Path({str(store.path)!r}), start='annotate')"
        )
        # It waits for a key so that nothing is written before the bytes are kept.
        program = f"{environment} {shlex.quote(sys.executable)} -c {shlex.quote(code)}"
        command = f"read -n1; cd {ROOT} && {program}; echo LEFT $?; read"
        shell = ["bash", "-c", command]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", "80", "-y", "24", *shell)
        self._tmux("pipe-pane", "-t", "t", f"cat > {self.raw}")
        self.press("Enter")

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-S", self._socket, *words]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "t", *keys)

    def screen(self, *options: str) -> str:
        return self._tmux("capture-pane", "-p", *options, "-t", "t")

    def until(self, text: str, seconds: float = 30) -> str:
        end = time.monotonic() + seconds
        while text not in (shown := self.screen()):
            assert time.monotonic() < end, shown
            time.sleep(0.1)
        return shown

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def terminal(store: Store, tmp_path: Path) -> Iterator[Terminal]:
    fill(store, text=lambda q, m, t: f"{EVIL}{m[:1]}")
    found = Terminal(store, tmp_path)
    yield found
    found.close()


def test_three_votes_and_nothing_of_a_model_reaches_the_terminal(store: Store, terminal: Terminal) -> None:
    terminal.until("0/5")
    for i, key in enumerate(("a", "Right", "t"), 1):
        terminal.press(key)
        terminal.until(f"{i}/5")
    terminal.until("✓ saved")
    terminal.press("F5")
    terminal.until("battles on")
    terminal.press("q")
    terminal.until("LEFT 0")
    assert store.sql("SELECT count(*) FROM annotations").rows == [[3]]
    written = terminal.raw.read_bytes()
    for evil in (b"\x1b]52", b"\x1b]0;", b"\xc2\x9b", b"\x00", "\u202e".encode()):
        assert evil not in written


def test_browsing_a_selection_before_annotating_it(store: Store, terminal: Terminal) -> None:
    terminal.until("0/5")
    terminal.press("F8")
    terminal.until("not compared")
    similar = [
        {**row, "metric": "embedding", "metric_version": "hashing-1", "created_at": utcnow()}
        for row in store.sql("SELECT question_id, response_a, response_b, similarity AS score FROM selections").dicts()
    ]
    store.insert("similarities", similar)  # appears by itself
    shown = terminal.until("compared 5, median 0.300")
    assert "█" in shown and "selected 5" in shown
    terminal.press("h")
    terminal.press("Enter")
    shown = terminal.until("similarity 0.500")
    assert not [name for name in MODELS if name in shown]
    terminal.press("Escape")
    terminal.until("everything compared")
    terminal.press("a")
    terminal.until("0/5")
    terminal.press("q")
    terminal.until("LEFT 0")
    written = terminal.raw.read_bytes()
    for evil in (b"\x1b]52", b"\x1b]0;", b"\xc2\x9b", b"\x00", "\u202e".encode()):
        assert evil not in written


def test_no_color_means_none(store: Store, tmp_path: Path) -> None:
    fill(store)
    terminal = Terminal(store, tmp_path, "NO_COLOR=1")
    try:
        terminal.until("0/5")
        terminal.press("F6")
        terminal.until("agreement needs")
        written = terminal.raw.read_bytes()
    finally:
        terminal.close()
    for colour in (b"38;2;", b"48;2;", b"38;5;", b"48;5;", b"[31m", b"[34m"):
        assert colour not in written
