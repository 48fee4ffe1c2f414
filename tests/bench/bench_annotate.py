"""How long a vote takes: from the key until the next pair is on the terminal, on a store with 100,000 responses.

A real store with its owner process, the real program in annotate mode on a pty, at 80×24 and 120×40. A vote's time
runs from the write of its key into the pty until the bytes that name the next question, and both its answers, were
read from it. ``saved`` runs from the key until the line at the top says that this vote is in the store. ``first_paint``
and ``first_pair`` run from the start of the process. Between votes it waits 0.1 to 0.4 seconds, as people do, so that
votes fall together with polls and with reading ahead now and then. ``--writer``: meanwhile another process writes 200
responses a second.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from workbench.records import Model, Question, Response, stable_id, utcnow
from workbench.store import Store, open_store

MODELS = [f"model-{n}" for n in range(10)]
SIZES = ((80, 24), (120, 40))
ESCAPES = re.compile(r"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|[PX^_\]][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\])")
ASKED = re.compile(r"Question (\d{5})")
RUN = """import sys
from pathlib import Path
from screens.app import run
run(Path(sys.argv[1]), start='annotate', annotator=sys.argv[2])"""
WRITE = """import sys, time
from workbench.records import Response
from workbench.store import open_store
store, n = open_store(sys.argv[1]), 0
while True:
    rows = [Response(f'q{i % 10000:05d}', f'w{i // 10000}', ('word ' * 200,), params_hash=sys.argv[2]).row()
            for i in range(n, n + 20)]
    n += store.insert('responses', rows)
    time.sleep(0.1)"""


def fill(store: Store, responses: int, pairs: int) -> None:
    """Answers of about 200 words, every fifth question with two turns; each pair is about another question."""
    words = random.Random(0).choices(["some", "words", "that", "say", "very", "little"], k=5000)
    count = responses // len(MODELS)
    turns = [2 if n % 5 == 0 else 1 for n in range(count)]
    store.insert("models", [Model(m, "import").row() for m in MODELS])
    store.insert(
        "questions",
        [
            Question(f"q{n:05d}", "bench", tuple(f"Question {n:05d}: what of it?" for _ in range(turns[n]))).row()
            for n in range(count)
        ],
    )
    ids: dict[tuple[int, str], str] = {}
    for model in MODELS:
        rows = []
        for n in range(count):
            at = (n * 7) % 4700
            text = f"Answer {n:05d}. " + " ".join(words[at : at + 200])
            answer = Response(f"q{n:05d}", model, (text, text.replace("Answer", "Again"))[: turns[n]], params_hash="p")
            ids[n, model] = answer.response_id
            rows.append(answer.row())
        store.insert("responses", rows)
    chosen = []
    for n in range(pairs):
        a, b = sorted(random.Random(n).sample(MODELS, 2))
        chosen.append(
            {
                "selection_id": stable_id("selection", "bench"), "name": "bench", "method": "mad", "mode": "corrected",
                "metric": "embedding", "metric_version": "hashing-1", "diversity": 0.0, "k": pairs, "arm": "selected",
                "model_a": a, "model_b": b, "rank": n + 1, "question_id": f"q{n:05d}",
                "response_a": ids[n, a], "response_b": ids[n, b], "score": n / pairs, "similarity": n / pairs,
                "created_at": utcnow(),
            }
        )  # fmt: skip
    store.insert("selections", chosen)


class Terminal:
    """The program on a pty; ``text`` is what it wrote since the last key, without escape sequences."""

    def __init__(self, path: Path, annotator: str, size: tuple[int, int]) -> None:
        self.began = time.perf_counter()
        self.bytes = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(size[0]), "LINES": str(size[1])}
            os.execve(sys.executable, [sys.executable, "-c", RUN, str(path), annotator], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self.bytes.decode("utf-8", "replace"))

    def key(self, key: str) -> None:
        self.read(0.0)
        self.bytes, self.began = b"", time.perf_counter()
        os.write(self.fd, key.encode())

    def read(self, seconds: float) -> None:
        while select.select([self.fd], [], [], seconds)[0]:
            self.bytes += os.read(self.fd, 1 << 16)
            seconds = 0.0

    def until(self, holds: Callable[[str], object], seconds: float = 30.0) -> float:
        """Milliseconds from the last key until it held."""
        while not holds(self.text):
            if time.perf_counter() > self.began + seconds:
                raise SystemExit(f"nothing after {seconds} s; on the terminal: {self.text[-2000:]}")
            self.read(0.5)
        return 1000 * (time.perf_counter() - self.began)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def pair_in(text: str) -> str:
    """The number of the question that is on the screen with both its answers; empty before that."""
    found = ASKED.findall(text)
    return found[-1] if found and text.count(f"Answer {found[-1]}") >= 2 else ""


def next_in(last: str, text: str) -> bool:
    return pair_in(text) not in ("", last)


def measure(path: Path, annotator: str, size: tuple[int, int], votes: int) -> dict[str, object]:
    terminal = Terminal(path, annotator, size)
    try:
        first_paint = terminal.until(lambda text: "Annotate" in text)
        first_pair = terminal.until(pair_in)
        shown, painted, saved = pair_in(terminal.text), [], []
        for n in range(1, votes + 1):
            time.sleep(random.uniform(0.1, 0.4))
            terminal.key(random.choice("abt"))
            painted.append(terminal.until(partial(next_in, shown)))
            shown = pair_in(terminal.text)
            saved.append(terminal.until(re.compile(rf"\b{n}/\d+.*✓ saved", re.DOTALL).search))
    finally:
        terminal.close()
    return {
        "size": "×".join(map(str, size)), "votes": votes, "first_paint_ms": round(first_paint),
        "first_pair_ms": round(first_pair), "next_pair_ms": figures(painted), "saved_ms": figures(saved),
    }  # fmt: skip


def figures(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    named = {"median": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": max(times)}
    return {name: round(value, 1) for name, value in named.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--votes", type=int, default=80)
    parser.add_argument("--writer", action="store_true", help="another process writes 200 rows a second meanwhile")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.duckdb"
        with open_store(path) as store:
            began = time.perf_counter()
            fill(store, given.responses, given.pairs)
            filled = round(time.perf_counter() - began, 1)
            writer = subprocess.Popen([sys.executable, "-c", WRITE, str(path), "w"]) if given.writer else None
            try:
                stored = store.sql("SELECT count(*), avg(len(string_split(turns[1], ' '))) FROM responses").rows[0]
                runs = [measure(path, f"ann-{size[0]}", size, given.votes) for size in SIZES]
            finally:
                if writer:
                    writer.terminate()
                    writer.wait()
                store.stop_owner()
    found = {"responses": stored[0], "words": stored[1], "fill_s": filled, "writer": given.writer, "runs": runs}
    print(json.dumps(found, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
