"""Fixtures: a real store with a real owner process in a temporary folder, and the place of the shared data."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import uvloop

from workbench.store import Store, open_store

# Known inputs in CI, so that a landing does not hang on luck; new ones at every other run.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests of engines run on the loop that stages use (``workbench.engines.event_loop``), the rest on asyncio's."""
    if item.path.is_relative_to(REPOSITORY / "tests" / "engines"):
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(autouse=True, scope="session")
def _short_lived_owners() -> Iterator[None]:
    """Owners started by tests leave soon by themselves, and their sockets lie apart from the user's."""
    patch = pytest.MonkeyPatch()
    patch.setenv("WORKBENCH_OWNER_IDLE", "5")
    patch.setenv("WORKBENCH_THREADS", "1")
    patch.delenv("WORKBENCH_STORE", raising=False)
    yield
    patch.undo()


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    with open_store(store_path) as opened:
        yield opened
        with contextlib.suppress(Exception):
            opened.stop_owner()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that some machines have beside the checkout; tests that need it skip elsewhere."""
    found = REPOSITORY.parent / "shared" / "data"
    if not found.is_dir():
        pytest.skip("no shared data beside this checkout")
    return found
