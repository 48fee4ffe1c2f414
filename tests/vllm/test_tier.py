"""Runs this tier in the environment that ``.ci/vllm-env`` builds: by ``pytest -m vllm`` wherever it can be built, and
in an ordinary run if it is there already, or ``WORKBENCH_VLLM_CI=1`` asks for it."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.conftest import REPOSITORY
from tests.vllm.conftest import HERE

LIMIT_S = 1500


@pytest.mark.vllm
@pytest.mark.timeout(LIMIT_S + 1000)
@pytest.mark.skipif(HERE, reason="vLLM is here: the tests run in this environment")
def test_the_tier_passes_in_its_own_environment(request: pytest.FixtureRequest) -> None:
    asked = "vllm" in str(request.config.getoption("markexpr")) or os.environ.get("WORKBENCH_VLLM_CI") == "1"
    made = subprocess.run(
        [REPOSITORY / ".ci" / "vllm-env", *(() if asked else ("--check",))], capture_output=True, text=True, check=False
    )
    if made.returncode == 3:
        pytest.skip(made.stderr.strip().splitlines()[-1])
    assert made.returncode == 0, made.stderr
    python = f"{made.stdout.strip()}/bin/python"
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "PATH": f"{made.stdout.strip()}/bin:{os.environ['PATH']}",
    }
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-m", "vllm", "tests/vllm"],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
