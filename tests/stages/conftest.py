"""Stages against a fake endpoint wait as little as they can between tries."""

from __future__ import annotations

import pytest

from workbench.engines import endpoint


@pytest.fixture(autouse=True)
def _fast_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "BASE_S", 0.01)
