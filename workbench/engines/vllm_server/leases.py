"""Who uses which server, by locks that the kernel drops when their holder dies.

Each kind of server (a model with its settings) has a folder in the user's runtime directory, so that every store's
workers share it:

- ``start.lock``: held by the worker that looks for the server, or starts it.
- ``lease``: a shared lock by every worker that uses the server; the supervisor ends the server when it gets the
  exclusive one.
- ``alive``: held by the supervisor as long as it lives.
- ``server.json``: where the server is, by whom it was started, the key (readable by its owner only).
- ``ended.json``: that it has ended, and how.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from workbench.engines.vllm_server import processes
from workbench.store.location import runtime_dir

#: How long what a killed supervisor left behind may take to end by itself, in seconds.
SWEEP_PATIENCE_S = 3.0


def servers_dir() -> Path:
    """The folder of all servers of this user. Raises StoreError when it is not private."""
    found = runtime_dir() / "vllm"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


def gpu_lock(uuid: str) -> Path:
    folder = runtime_dir() / "gpus"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{uuid}.lock"


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """One kind of server's folder."""

    path: Path

    @property
    def start_lock(self) -> Path:
        return self.path / "start.lock"

    @property
    def lease(self) -> Path:
        return self.path / "lease"

    @property
    def alive(self) -> Path:
        return self.path / "alive"

    def about(self) -> dict[str, Any] | None:
        """What the supervisor wrote about the server, once it has started it."""
        return read(self.path / "server.json")

    def ended(self) -> dict[str, Any] | None:
        """How the server ended, once it has: ``returncode`` (``None``: it was stopped) and ``why``."""
        return read(self.path / "ended.json")

    def is_ready(self, token: str) -> bool:
        """Whether somebody saw the server answer."""
        try:
            return (self.path / "ready").read_text("ascii") == token
        except OSError:
            return False

    def set_ready(self, token: str) -> None:
        (self.path / "ready").write_text(token, "ascii")

    def forget(self) -> None:
        """Remove what an ended server left here."""
        for name in ("server.json", "ended.json", "ready"):
            (self.path / name).unlink(missing_ok=True)

    def supervised(self) -> bool:
        """Whether a supervisor lives."""
        held = lock(self.alive, shared=True)
        if held is None:
            return True
        held.close()
        return False

    def runs(self) -> bool:
        """Whether the server runs, as far as its supervisor knows."""
        return not (self.path / "ended.json").exists() and self.supervised()

    def used(self) -> bool:
        """Whether anybody uses the server, or the supervisor is about to end it."""
        held = lock(self.lease)
        if held is None:
            return True
        held.close()
        return False


def folder_of(digest: str) -> ServerFolder:
    found = servers_dir() / digest
    found.mkdir(mode=0o700, exist_ok=True)
    return ServerFolder(found)


def folders() -> Iterator[ServerFolder]:
    with contextlib.suppress(OSError):
        for path in sorted(servers_dir().iterdir()):
            if path.is_dir():
                yield ServerFolder(path)


def lock(path: Path, *, shared: bool = False) -> IO[bytes] | None:
    """The file with its lock held until it is closed, or ``None`` when somebody else holds it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def sweep() -> list[str]:
    """End what killed supervisors left behind. Returns the names of the models whose servers these were.

    A folder without a supervisor, of this start of the machine, names a session of processes; those that live are
    ended. Blocks for some seconds if there are any.
    """
    swept = []
    for folder in folders():
        about = folder.about()
        if about is None or folder.supervised():
            continue
        guard = lock(folder.alive)  # nobody starts it meanwhile
        if guard is None:
            continue
        with guard:
            session: Any = about.get("session")
            token: Any = about.get("token")
            known = about.get("boot") == processes.boot() and isinstance(session, int) and isinstance(token, str)
            if known and processes.members(session, about.get("since"), token):
                processes.end(session, about.get("since"), token, SWEEP_PATIENCE_S)
                swept.append(str(about.get("model")))
            folder.forget()
    return swept


def stop_all(patience_s: float = 15.0) -> list[str]:
    """Ask every supervisor of this user to end its server now. Returns the models' names. Does not wait."""
    asked = []
    for folder in folders():
        about = folder.about()
        if about is not None and folder.supervised():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(int(about["supervisor"]), signal.SIGTERM)
                asked.append(str(about.get("model")))
    return asked


def read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
