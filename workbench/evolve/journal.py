"""Every answer that came back, in a file, so that nothing that was paid for is asked for again.

``STORE.files/evolve/BENCH.answers.jsonl`` has a line an answer, whatever its state, written before anything is made of
it, and ``BENCH.checks.jsonl`` a line a check. ``BENCH.rejected.jsonl`` lists the answers that became no question, with
the rule and the reason; it is made from the others, and made again by every run. One process at a time writes to them:
the stage holds a claim on the benchmark.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import quote

from workbench.engines.protocol import Result
from workbench.errors import StoreError
from workbench.records import Row, stable_id, utcnow
from workbench.store import Store

#: Longest time a written answer waits to be on the disk, in seconds; a process that dies loses none of them.
SYNC_S = 1.0
_NAME = 80


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer of an earlier request. ``attempt`` counts from 0."""

    state: str
    text: str
    attempt: int = 0
    completion_tokens: int | None = None


def journal_path(store: Store, bench: str, what: str) -> Path:
    """``what`` is ``answers``, ``checks`` or ``rejected``. The benchmark's name is spelled so that it stays a file
    name."""
    name = f"{quote(bench, safe=' ')[:_NAME]}-{stable_id('bench', bench)[:8]}"
    return store.files / "evolve" / f"{name}.{what}.jsonl"


class Journal:
    """The answers of one benchmark, or the ``checks`` of them. As a context manager it may be written to.

    Raises:
        StoreError: it cannot be read or written.
    """

    def __init__(self, store: Store, bench: str, what: str = "answers") -> None:
        self.path = journal_path(store, bench, what)
        self._file: IO[bytes] | None = None
        self._synced = 0.0

    def __enter__(self) -> Journal:
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self._file = self.path.open("a+b", buffering=0)
            end = self._file.seek(0, os.SEEK_END)
            if end:
                self._file.seek(end - 1)
                if self._file.read(1) != b"\n":  # a crash in the middle of a line: do not grow onto it
                    self._file.write(b"\n")
        except OSError as error:
            raise self._failed(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.fsync(file.fileno())
            file.close()

    def add(self, key: str, result: Result, attempt: int, about: Mapping[str, Any]) -> Kept:
        """Keep an answer; ``about`` says what it was asked for. Returns it as it will be read again."""
        if self._file is None:
            raise ValueError("the journal is not open")
        state = "truncated" if result.state == "ok" and result.finish_reason == "length" else result.state
        row = {
            "request": key, "attempt": attempt, "state": state, "text": result.text, "reasoning": result.reasoning,
            "finish_reason": result.finish_reason, "prompt_tokens": result.prompt_tokens,
            "completion_tokens": result.completion_tokens, "latency": result.latency, "cost": result.cost,
            "error": result.error, **about, "created_at": utcnow().isoformat(),
        }  # fmt: skip
        line = json.dumps(row).encode() + b"\n"
        try:
            self._file.write(line)
            if time.monotonic() - self._synced > SYNC_S:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            raise self._failed(error) from None
        return Kept(state, result.text, attempt, result.completion_tokens)

    def read(self) -> dict[str, Kept]:
        """Request → its answer, of several attempts the latest. Torn lines are left out."""
        found: dict[str, Kept] = {}
        for row in read_lines(self.path):
            key, state, text = row.get("request"), row.get("state"), row.get("text")
            if not isinstance(key, str) or not isinstance(state, str) or not isinstance(text, str):
                continue
            tokens, attempt = row.get("completion_tokens"), row.get("attempt")
            kept = Kept(
                state, text, attempt if isinstance(attempt, int) else 0, tokens if isinstance(tokens, int) else None
            )
            before = found.get(key)
            if before is None or kept.attempt >= before.attempt:
                found[key] = kept
        return found

    def _failed(self, error: OSError) -> StoreError:
        return StoreError(
            f"answers cannot be kept in {self.path}: {error.strerror or error}",
            hint="free some space or mend the folder, then run the same again: it goes on where it stopped",
        )


def write_rejected(store: Store, bench: str, rows: Iterable[Row], settled: Iterable[str]) -> Path:
    """Bring the list of rejected answers up to date: ``rows`` by ``request``; those ``settled`` are none any more."""
    path = journal_path(store, bench, "rejected")
    gone = set(settled)
    found = {row["request"]: row for row in read_lines(path) if row.get("request") not in gone and "request" in row}
    found |= {row["request"]: row for row in rows}
    part = path.with_suffix(".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=True) + "\n" for row in found.values())
        part.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from None
    return path


def read_lines(path: Path) -> Iterator[Row]:
    """The objects of a file of JSON lines, without what is no whole line. None when there is no file.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from None
    for line in data.split(b"\n"):
        try:
            row = json.loads(line) if line else None
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row
