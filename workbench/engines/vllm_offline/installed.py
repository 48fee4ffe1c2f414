"""The vLLM of this environment: whether there is one, its version, and the surroundings it is loaded in."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from workbench.engines.vllm_failures import INSTALL_HINT
from workbench.errors import EngineError

_VERSION = re.compile(r"^__version__ = (?:version = )?['\"]([^'\"]+)", re.MULTILINE)
#: What vLLM is told unless the environment says otherwise. Its log belongs to stderr: stdout is for results. New
#: processes of it are spawned: a fork of a process with threads may hang.
SURROUNDINGS: Mapping[str, str] = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
#: The same on a processor: everything in this process (measured: two more cost memory and bring nothing).
CPU_SURROUNDINGS: Mapping[str, str] = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
#: Set for vLLM's own processes, so that they can be told from others (``orphans.py``).
MARK = "WORKBENCH_VLLM"


def vllm_version() -> str:
    """The version of the package that ``import vllm`` would bring, without importing it (which takes seconds).

    Not from the package's metadata: builds for processors have another name there.

    Raises:
        EngineError: vLLM is not installed.
    """
    try:
        spec = importlib.util.find_spec("vllm")
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin:
        raise EngineError("the vllm engine needs vLLM, which is not installed", hint=INSTALL_HINT)
    try:
        found = _VERSION.search((Path(spec.origin).parent / "_version.py").read_text("utf-8"))
    except OSError:
        found = None
    if found is not None:
        return found[1]
    import vllm

    return str(vllm.__version__)


def cpu_space_gib() -> int:
    """GiB for the KV cache on a processor: a quarter of the memory that is free, from 1 to 4. vLLM itself would take
    nine tenths of the machine's."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return 1
    return max(1, min(4, kib // (4 << 20)))


@contextlib.contextmanager
def surrounded(values: Mapping[str, str], *, always: Mapping[str, str] | None = None) -> Iterator[None]:
    """Environment variables for as long as the block runs: ``values`` where nothing is set, ``always`` in any case."""
    before = {name: os.environ.get(name) for name in (*values, *(always or {}))}
    for name, value in values.items():
        os.environ.setdefault(name, value)
    os.environ.update(always or {})
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = old


@contextlib.contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """What libraries write to file descriptor 1 goes to that of stderr: gloo greets its peers there, and a command's
    results belong to stdout."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # closed
        yield
        return
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
