"""A running server, as one user of it sees it: taken into use (started if nobody runs it yet), watched, let go."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from workbench.engines.vllm_server import devices, diagnosis, leases, processes, readiness
from workbench.engines.vllm_server.devices import Cancelled, Devices, Say
from workbench.engines.vllm_server.launch import HOST, Wanted
from workbench.engines.vllm_server.leases import ServerFolder
from workbench.engines.vllm_server.readiness import Served
from workbench.engines.workplace import here
from workbench.errors import EngineError
from workbench.store.spawn import detached_environment

#: Seconds until a server answers, at most: the largest models load from slow disks for long.
STARTUP_S = 1800.0
#: The same for one that has answered before.
AGAIN_S = 60.0
#: How long a server may take to end by itself (vLLM takes 0.4 s) before it is killed, in seconds.
PATIENCE_S = 10.0
#: How long a server's end is waited for, in seconds: the next one may need its memory.
END_S = 40.0
#: Ports tried where none is given: another program may take a free one first.
PORTS = 3
KEPT_LOGS = 20
LOOK_S = 0.1


@dataclass(slots=True)
class Server:
    """A server in use. It runs at least until ``release``."""

    about: dict[str, Any]
    served: Served
    folder: ServerFolder
    lease: IO[bytes]
    reused: bool = False
    released: bool = field(default=False)

    def __post_init__(self) -> None:
        devices.in_use.update(self.about.get("gpus") or ())

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.about['port']}/v1"

    @property
    def key(self) -> str:
        return str(self.about["key"])

    @property
    def log(self) -> Path:
        return Path(self.about["log"])

    def runs(self) -> bool:
        """Whether this very server (not one started in its place) runs, as far as its supervisor knows."""
        about = self.folder.about()
        return about is not None and about.get("token") == self.about["token"] and self.folder.runs()

    def why(self, doing: str) -> EngineError:
        """Why it ended."""
        ended = self.folder.ended()
        if ended is None:
            return EngineError(
                f"vLLM for '{self.about['model']}' {doing}: the process that watches over it was killed",
                hint=f"its log: {self.log}",
            )
        text = diagnosis.log_tail(self.log, self.about.get("log_from", 0))
        return diagnosis.why(self.about["model"], doing, text, ended.get("returncode"), self.log)

    async def release(self) -> None:
        """Use it no more. If nobody else does, waits until it has ended and its memory is free."""
        if self.released:
            return
        self.released = True
        devices.in_use.subtract(self.about.get("gpus") or ())
        self.lease.close()
        until = time.monotonic() + END_S
        while self.folder.supervised() and time.monotonic() < until:
            if self.folder.runs() and self._others():
                return
            await asyncio.sleep(LOOK_S)

    def _others(self) -> bool:
        """Whether others use it: they share the lock, so that it can be had shared but not alone."""
        if not self.folder.used():
            return False
        held = leases.lock(self.folder.lease, shared=True)
        if held is None:
            return False  # its supervisor has it, and is ending the server
        held.close()
        return True


async def acquire(wanted: Wanted, say: Say, cancelled: Callable[[], bool]) -> Server:
    """The server that is wanted: one that runs already, or a new one. Each call needs one ``release``.

    Raises:
        EngineError: it cannot be started; says which setting to change.
        Cancelled: the work was cancelled before it was ready.
        StoreError: the user's runtime directory is not private.
    """
    folder = leases.folder_of(wanted.digest)
    async with _alone(folder, wanted, say, cancelled):
        for name in await asyncio.to_thread(leases.sweep):
            say(f"ended what a killed run had left of vLLM for '{name}'")
        while True:
            if cancelled():
                raise Cancelled
            lease = leases.lock(folder.lease, shared=True)
            if lease is not None:
                try:
                    if (found := await _use(folder, lease, wanted, say, cancelled)) is not None:
                        return found
                except BaseException:
                    lease.close()
                    raise
                lease.close()
            await asyncio.sleep(LOOK_S)


async def _use(
    folder: ServerFolder, lease: IO[bytes], wanted: Wanted, say: Say, cancelled: Callable[[], bool]
) -> Server | None:
    """The running server or a new one; ``None`` while one that ended is being cleared away."""
    if not folder.supervised():
        return await _start(folder, lease, wanted, say, cancelled)
    about = folder.about()
    if about is None or not folder.runs():
        return None
    ready = folder.is_ready(about["token"])
    # One that is not ready was being started by somebody who was killed meanwhile: it is ours now.
    timeout_s = AGAIN_S if ready else _startup_s(wanted)
    try:
        served = await readiness.wait(
            about["port"], about["key"], wanted.name, log=Path(about["log"]), since=about.get("log_from", 0),
            runs=folder.runs, say=say, cancelled=cancelled, timeout_s=timeout_s,
        )  # fmt: skip
    except readiness.Ended:
        return None
    folder.set_ready(about["token"])
    say(f"using the vLLM that serves '{wanted.name}' already (pid {about['session']})")
    return Server(about, served, folder, lease, reused=True)


async def _start(
    folder: ServerFolder, lease: IO[bytes], wanted: Wanted, say: Say, cancelled: Callable[[], bool]
) -> Server:
    given = wanted.params.get("port")
    for attempt in range(1, PORTS + 1):
        found = await devices.take(wanted.params, say, cancelled)
        try:
            if not found.gpus:
                _check_memory(wanted)
            if given and not readiness.port_is_free(given):
                raise EngineError(
                    f"port {given} is taken by another program",
                    hint="leave out the setting port, and a free one is taken",
                )
            about = _spawn(folder, wanted, found, given or readiness.free_port())
        finally:
            found.close()
        log, since = Path(about["log"]), about["log_from"]
        where = f"GPU {found.setting}" if found.gpus else "the processor"
        say(f"starting vLLM {wanted.vllm.version} for '{wanted.name}' on {where} (log: {log})")
        began = time.monotonic()
        try:
            served = await readiness.wait(
                about["port"], about["key"], wanted.name, log=log, since=since, runs=folder.runs, say=say,
                cancelled=cancelled, timeout_s=_startup_s(wanted),
            )  # fmt: skip
        except readiness.Ended:
            text = diagnosis.log_tail(log, since)
            if diagnosis.port_taken(text) and not given and attempt < PORTS:
                say(f"port {about['port']} was taken meanwhile; trying another")
                while folder.supervised():
                    await asyncio.sleep(LOOK_S)
                continue
            for line in diagnosis.telling(text)[-5:]:
                say(f"vLLM: {line[:300]}")
            code = (folder.ended() or {}).get("returncode")
            raise diagnosis.why(wanted.name, "did not start", text, code, log) from None
        folder.set_ready(about["token"])
        say(f"vLLM serves '{wanted.name}' after {time.monotonic() - began:.0f} s")
        return Server(folder.about() or about, served, folder, lease)
    raise AssertionError  # the last attempt returned or raised


def _startup_s(wanted: Wanted) -> float:
    return float(wanted.params.get("startup_timeout_s") or STARTUP_S)


def _spawn(folder: ServerFolder, wanted: Wanted, on: Devices, port: int) -> dict[str, Any]:
    """Start a supervisor that starts the server, and hand it the locks. Returns what it will tell about the server."""
    with _hold_alive(folder) as alive:
        folder.forget()
        log = _log_path(wanted.name)
        key, token = secrets.token_hex(24), secrets.token_hex(8)
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            about = {
                "model": wanted.name, "source": wanted.source, "vllm": wanted.vllm.version, "port": port, "key": key,
                "token": token, "log": str(log), "log_from": file.tell(), "gpus": [gpu.uuid for gpu in on.gpus],
                "hardware": on.hardware, "started_at": datetime.now().astimezone().isoformat(timespec="seconds"),
            }  # fmt: skip
            environment = {**wanted.environment(key, on.setting), processes.MARK: token}
            order = {
                "command": wanted.command(port), "env": environment, "folder": str(folder.path), "token": token,
                "lease": str(folder.lease), "log": str(log), "about": about,
                "patience_s": PATIENCE_S,
            }  # fmt: skip
            supervisor = subprocess.Popen(
                [sys.executable, "-m", "workbench.engines.vllm_server.supervisor"], stdin=subprocess.PIPE, stdout=file,
                stderr=file, env=detached_environment(), start_new_session=True,
                pass_fds=[alive.fileno(), *(held.fileno() for held in on.locks)],
            )  # fmt: skip
        # One that ends while we live would stay a zombie unless somebody waits for it.
        threading.Thread(target=supervisor.wait, daemon=True).start()
        assert supervisor.stdin is not None
        with contextlib.suppress(BrokenPipeError), supervisor.stdin as pipe:
            pipe.write(json.dumps(order).encode())
    return {**about, "session": None}


def _hold_alive(folder: ServerFolder) -> IO[bytes]:
    """The lock that tells of a supervisor's life. Others hold it for a moment when they look whether there is one."""
    for _ in range(200):
        if (held := leases.lock(folder.alive)) is not None:
            return held
        time.sleep(0.01)
    raise EngineError("another program holds the lock of a server that does not run", hint="try again")


def _log_path(name: str) -> Path:
    """A new log beside the store, or beside the servers where there is none. The oldest of many are removed."""
    files = here().files
    folder = (files if files is not None else leases.servers_dir()) / "logs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob("vllm-*.log"), key=lambda p: p.stat().st_mtime)[: -KEPT_LOGS + 1]:
        old.unlink(missing_ok=True)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60]
    return folder / f"vllm-{plain}-{datetime.now():%Y%m%d-%H%M%S}.log"


def _check_memory(wanted: Wanted) -> None:
    """Raises EngineError when a local model's weights alone are larger than the memory that is free."""
    if not wanted.local:
        return
    weights = sum(p.stat().st_size for p in Path(wanted.source).glob("*.safetensors"))
    free = available_memory()
    if free is not None and weights > free:
        raise EngineError(
            f"the weights of '{wanted.name}' take {weights / 1e9:.1f} GB, and {free / 1e9:.1f} GB of memory are free",
            hint="free memory, or use a smaller or quantized model",
        )


def available_memory() -> int | None:
    """Bytes that programs can still take on this machine, where that can be told (Linux)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


@asynccontextmanager
async def _alone(folder: ServerFolder, wanted: Wanted, say: Say, cancelled: Callable[[], bool]) -> AsyncIterator[None]:
    """Nobody else looks for this server or starts it while the block runs."""
    told = False
    while (held := leases.lock(folder.start_lock)) is None:
        if not told:
            say(f"another run is starting vLLM for '{wanted.name}'; waiting for it")
            told = True
        if cancelled():
            raise Cancelled
        await asyncio.sleep(LOOK_S)
    with held:
        yield
