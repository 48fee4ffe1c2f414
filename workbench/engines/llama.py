"""llama.cpp's server inside this process (package ``xllamacpp``), shared by all engines that need the same one.

The server answers on a loopback port of the kernel's choice, behind a key that only this process knows.
"""

from __future__ import annotations

import atexit
import importlib.metadata
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.errors import BadInput, EngineError

INSTALL_HINT = 'pip install "workbench-llm[demo]"'


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``context`` is tokens for each of ``parallel`` requests at once."""

    path: Path
    context: int
    parallel: int
    threads: int
    embedding: bool = False


@dataclass(slots=True)
class LlamaServer:
    """A running server: OpenAI-compatible at ``url``, with ``key``."""

    url: str
    key: str
    _server: Any
    _settings: ServerSettings
    _users: int = field(default=0)


_running: dict[ServerSettings, LlamaServer] = {}
_lock = threading.Lock()


def xllamacpp_version() -> str:
    """Raises EngineError when the package is not installed."""
    try:
        return importlib.metadata.version("xllamacpp")
    except importlib.metadata.PackageNotFoundError:
        raise EngineError(
            "the bundled engine needs the package xllamacpp, which is not installed", hint=INSTALL_HINT
        ) from None


def cores() -> int:
    """Processor cores this process may use."""
    try:
        return len(os.sched_getaffinity(0)) or 1
    except AttributeError:  # macOS
        return os.cpu_count() or 1


def idle_cores(sample_s: float = 0.3) -> int:
    """Cores that were idle during a short look, to the nearest whole one; all but one where that cannot be told."""
    try:
        before = _idle_ticks()
        time.sleep(sample_s)
        return round((_idle_ticks() - before) / os.sysconf("SC_CLK_TCK") / sample_s)
    except (OSError, ValueError, IndexError):
        return cores() - 1


def _idle_ticks() -> int:
    """Clock ticks all cores together have spent idle or waiting for a disk (``man 5 proc``)."""
    fields = Path("/proc/stat").read_text("ascii").splitlines()[0].split()
    return int(fields[4]) + int(fields[5])


def thread_count() -> int:
    """``$WORKBENCH_THREADS``, or as many as there are cores with nothing to do, but one at least.

    llama.cpp's threads wait for one another at every layer: one that shares its core with another program slows all
    of them (decoding on two cores, one of them busy: 53 tokens/s with two threads, 122 with one; both free: 204, 124).
    """
    given = os.environ.get("WORKBENCH_THREADS")
    if not given:
        return max(1, min(cores(), idle_cores()))
    if not given.isdecimal() or int(given) < 1:
        raise BadInput(f"must be a number of threads, not '{given}'", field="WORKBENCH_THREADS")
    return int(given)


def acquire(settings: ServerSettings) -> LlamaServer:
    """A running server of these settings, started if none is there. Blocks; each call needs one ``release``.

    Raises:
        EngineError: the package is missing or cannot run here, or the model cannot be loaded.
    """
    with _lock:
        server = _running.get(settings)
        if server is None:
            server = _running[settings] = _start(settings)
        server._users += 1
        return server


def release(server: LlamaServer) -> None:
    """One user less; the last one stops the server."""
    with _lock:
        server._users -= 1
        if server._users <= 0 and _running.get(server._settings) is server:
            del _running[server._settings]
            server._server = None


def _start(settings: ServerSettings) -> LlamaServer:
    xllamacpp_version()
    try:
        import xllamacpp
    except ImportError as error:
        raise EngineError(f"the package xllamacpp does not load here: {error}", hint=INSTALL_HINT) from None
    key = secrets.token_hex(16)
    params = xllamacpp.CommonParams()
    params.model.path = str(settings.path)
    params.n_parallel = settings.parallel
    params.n_ctx = settings.parallel * settings.context
    params.cpuparams.n_threads = settings.threads
    params.cpuparams_batch.n_threads = settings.threads
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.ui = False
    params.endpoint_slots = False
    # It writes to stdout otherwise, which belongs to results.
    params.verbosity = 0
    # By default it would keep up to 8 GiB of earlier prompts in memory.
    params.cache_ram_mib = 0
    if settings.embedding:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        # A text that is pooled has to fit into one batch.
        params.n_batch = params.n_ubatch = settings.context
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        raise EngineError(
            f"{settings.path.name} cannot be loaded: {error}",
            hint="the file may be damaged or of an unknown kind, or memory too small: "
            "lower the model's concurrency or context",
        ) from None
    return LlamaServer(f"{server.listening_address}/v1", key, server, settings)


@atexit.register
def _stop_all() -> None:
    """Stop what was left running before the interpreter is torn down under it."""
    with _lock:
        for server in _running.values():
            server._server = None
        _running.clear()
