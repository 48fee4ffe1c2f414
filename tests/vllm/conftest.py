"""The tier that runs real vLLM. Where vLLM is not installed its tests are skipped, and ``test_tier.py`` runs them in
an environment of their own, if there is one."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

HERE = importlib.util.find_spec("vllm") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mine = [item for item in items if item.path.is_relative_to(REPOSITORY / "tests" / "vllm")]
    for item in mine:
        if not HERE and item.path.name != "test_tier.py":
            item.add_marker(pytest.mark.skip(reason="no vLLM in this environment; see docs/vllm.md"))


@pytest.fixture(scope="session")
def served_model() -> Path:
    """The folder of the small model: what ``.ci/vllm-env`` made, or ``$WORKBENCH_VLLM_MODEL``."""
    import sys

    for place in (os.environ.get("WORKBENCH_VLLM_MODEL"), f"{sys.prefix}/model"):
        if place and (Path(place) / "config.json").is_file():
            return Path(place)
    pytest.skip("no small model in Hugging Face's layout: name one in WORKBENCH_VLLM_MODEL")
