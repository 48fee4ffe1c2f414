"""Rows on their way into the store survive a store that fails for a while, for good, and with the disk full."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from workbench import batches
from workbench.batches import Saver, recover, spool_dir
from workbench.claims import claim
from workbench.errors import BadInput, QueryError, StoreError
from workbench.progress import Silent
from workbench.records import Row, utcnow
from workbench.store import Store


def event(n: int) -> Row:
    return {"event_id": f"e{n}", "job_id": "j", "level": "info", "message": "\ud800 x", "created_at": utcnow()}


class Failing:
    """A store whose inserts fail for the first ``times`` calls; the rest goes to a real one."""

    def __init__(self, real: Store, times: int, error: type[StoreError] = StoreError) -> None:
        self.real, self.times, self.error = real, times, error
        self.calls: list[int] = []

    @property
    def files(self) -> Path:
        return self.real.files

    def insert_many(self, tables: Mapping[str, Iterable[Row]]) -> dict[str, int]:
        rows = {name: list(some) for name, some in tables.items()}
        self.calls.append(sum(map(len, rows.values())))
        if len(self.calls) <= self.times:
            raise self.error("No space left on device")
        return self.real.insert_many(rows)


class Told(Silent):
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def say(self, message: str, *, level: str = "info") -> None:
        self.said.append((level, message))


def count(store: Store) -> int:
    return len(store.query("job_events", job_id="j"))


def test_saves_in_batches_and_what_is_left(store: Store) -> None:
    spy = Failing(store, 0)
    with Saver(spy, Silent(), rows=10, seconds=0.2) as saver:  # type: ignore[arg-type]
        saver.add("job_events", event(0))
        time.sleep(0.6)
        assert count(store) == 1  # by its age
        for n in range(1, 35):
            saver.add("job_events", event(n))
    assert count(store) == 35
    assert len(spy.calls) >= 2


def test_keeps_rows_while_the_store_fails(store: Store) -> None:
    told = Told()
    with Saver(Failing(store, 2), told, rows=5, patience_s=30) as saver:  # type: ignore[arg-type]
        for n in range(20):
            saver.add("job_events", event(n))
        time.sleep(0.2)
        assert saver.stuck
    assert count(store) == 20 and not saver.stuck
    assert [level for level, _ in told.said] == ["warning", "info"]
    assert not spool_dir(store).exists()


def test_spools_when_patience_is_over_and_the_next_run_brings_it_in(store: Store) -> None:
    with (
        pytest.raises(StoreError, match=r"7 rows not in the store yet: No space left.*unsaved"),
        Saver(Failing(store, 99), Silent(), patience_s=0.1) as saver,  # type: ignore[arg-type]
    ):
        for n in range(7):
            saver.add("job_events", event(n))
    assert count(store) == 0
    told = Told()
    assert recover(store, told) == 7
    assert count(store) == 7 and not list(spool_dir(store).iterdir())
    assert "7 rows" in told.said[0][1]
    assert recover(store, told) == 0


def test_check_stops_the_work_once_patience_is_over(store: Store) -> None:
    with (
        pytest.raises(StoreError, match="not in the store yet"),
        Saver(Failing(store, 99), Silent(), patience_s=0) as s,
    ):  # type: ignore[arg-type]
        s.add("job_events", event(0))
        for _ in range(100):
            time.sleep(0.05)
            s.check()
        raise AssertionError("check never raised")


def test_says_what_is_lost_when_not_even_a_file_can_be_written(store: Store, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batches.os, "fsync", full)
    with pytest.raises(StoreError, match="3 rows LOST"), Saver(Failing(store, 99), Silent(), patience_s=0) as saver:  # type: ignore[arg-type]
        for n in range(3):
            saver.add("job_events", event(n))
    assert not list(spool_dir(store).iterdir())


def test_refused_rows_are_not_tried_for_five_minutes(store: Store) -> None:
    began = time.monotonic()
    with pytest.raises(StoreError, match="kept in"), Saver(Failing(store, 99, QueryError), Silent()) as saver:  # type: ignore[arg-type]
        saver.add("job_events", event(0))
    assert time.monotonic() - began < 5


def test_ctrl_c_saves_what_came_back(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), Saver(store, Silent(), seconds=60) as saver:
        saver.add("job_events", event(0))
        raise KeyboardInterrupt
    assert count(store) == 1


def test_a_spoiled_spool_file_is_set_aside(store: Store) -> None:
    spool_dir(store).mkdir()
    (spool_dir(store) / "a.jsonl").write_text('["job_events", {"event_')
    good = {**event(5), "created_at": utcnow().isoformat()}
    (spool_dir(store) / "b.jsonl").write_text(json.dumps(["job_events", good]) + "\n")
    told = Told()
    assert recover(store, told) == 1
    assert [p.name for p in spool_dir(store).iterdir()] == ["a.bad"]
    assert told.said[0][0] == "error"


def test_a_claim_is_held_by_one(store: Store) -> None:
    with claim(store, "generate", "m", what="answers of 'm' are being generated", job_id="j1"):
        with (
            pytest.raises(BadInput, match="answers of 'm' are being generated already, in job j1"),
            claim(store, "generate", "m", what="answers of 'm' are being generated"),
        ):
            pass
        with claim(store, "generate", "other", what="x"), claim(store, "judge", "m", what="x"):
            pass
    with claim(store, "generate", "m", what="x"):
        pass
