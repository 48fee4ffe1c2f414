"""Processes of this machine: which belong to a server, and ending them all. Standard library only: the supervisor of
every server imports this, and should stay small.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

#: Every process of a server has this variable, with the server's own token, unless it wrote over its environment.
MARK = "WORKBENCH_VLLM_SERVER"
#: Seconds between two looks whether processes have ended.
LOOK_S = 0.05
#: How long the kernel may take to end what was killed (a driver that frees 80 GB is slow).
KILLED_S = 20.0
_PROC = Path("/proc")


def started(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine did; ``None`` when there is none. With the pid it names a
    process for good."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def boot() -> str:
    """Names the machine's last start, where that can be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def members(session: int, since: int | None, token: str) -> list[int]:
    """The processes of a server that live: those of its session, and those that carry its token.

    ``session`` is the pid the server began as, ``since`` when that was (``started``): a session that somebody else's
    process opened under the same number later is told by it.
    """
    leader = started(session)
    same = leader is None or since is None or leader == since
    found = []
    for pid in _pids():
        fields = _stat(pid)
        if fields is None or fields[0] == "Z" or pid == os.getpid():
            continue
        if (same and int(fields[3]) == session and _vllms(pid, token)) or _carries(pid, token):
            found.append(pid)
    return found


def end(session: int, since: int | None, token: str, patience_s: float) -> None:
    """Ask a server's processes to end, and kill those that have not ended ``patience_s`` seconds later."""
    if not _PROC.is_dir():  # macOS
        _signal_group(session, signal.SIGTERM)
        time.sleep(min(patience_s, 2.0))
        _signal_group(session, signal.SIGKILL)
        return
    for pid in members(session, since, token):
        _signal(pid, signal.SIGTERM)
    until = time.monotonic() + patience_s
    while members(session, since, token) and time.monotonic() < until:
        reap()
        time.sleep(LOOK_S)
    until = time.monotonic() + KILLED_S
    while (left := members(session, since, token)) and time.monotonic() < until:
        for pid in left:
            _signal(pid, signal.SIGKILL)
        reap()
        time.sleep(LOOK_S)


def reap() -> dict[int, int]:
    """Take leave of children that have ended: their exit codes by pid, negative for a signal's number."""
    found: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            found[pid] = os.waitstatus_to_exitcode(status)
    return found


def _pids() -> list[int]:
    try:
        return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]
    except OSError:
        return []


def _stat(pid: int) -> list[str] | None:
    """The fields of ``/proc/PID/stat`` from the third on (state, parent, group, session, …); see ``man 5 proc``."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return fields if len(fields) > 20 else None


def _vllms(pid: int, token: str) -> bool:
    """Whether a process of the session is vLLM's: one of a session whose number was used again is not."""
    if _carries(pid, token):
        return True
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes() + (_PROC / str(pid) / "comm").read_bytes()
    except OSError:
        return False
    return b"vllm" in words.lower() or b"multiprocessing" in words


def _carries(pid: int, token: str) -> bool:
    try:
        return f"{MARK}={token}".encode() in (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
