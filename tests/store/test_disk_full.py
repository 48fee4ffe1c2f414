"""A full disk: a clear error, nothing acknowledged is lost, and work goes on once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.errors import StoreError
from workbench.records import Response
from workbench.store import open_store


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], check=False)
    if made.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def batch(i: int) -> list[dict[str, object]]:
    return [Response(f"q{i}-{k}", "m", (os.urandom(150).hex(),), "h").row() for k in range(100)]


def test_full_disk_loses_nothing_acknowledged(small_disk: Path) -> None:
    path = small_disk / "store.duckdb"
    acknowledged = 0
    with open_store(path) as store:
        with pytest.raises(StoreError, match="disk is full"):
            for i in range(400):
                acknowledged += store.insert("responses", batch(i))
        assert acknowledged > 0
        assert store.sql("SELECT count(*) FROM responses").rows == [[acknowledged]]
        subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
        assert store.insert("responses", batch(1000)) == 100
        assert store.sql("SELECT count(*) FROM responses").rows == [[acknowledged + 100]]
        store.stop_owner()
        assert store.sql("SELECT count(*) FROM responses").rows == [[acknowledged + 100]]
        store.stop_owner()
