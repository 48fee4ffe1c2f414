"""The small process between workers and a vLLM server: it starts the server, and ends it once nobody uses it.

``python -m workbench.engines.vllm_server.supervisor`` reads what to start from its standard input (``Order``, as JSON).
A worker uses the server as long as it holds a shared ``flock`` on the server's lease file. The kernel drops that lock
when the worker ends, however it ends: then the supervisor gets the exclusive one, and stops the server and whatever the
server started. It is in a session of its own, so nothing that ends a worker's terminal or job ends it.

Locks it was given (on the GPUs, and on ``alive``) are held until it ends, so a GPU is free when nothing runs there.
If the supervisor itself is killed, the kernel kills the server (Linux), and the next start of any server, or the worker
that notices, ends what is left (``leases.sweep``).
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from workbench.engines.vllm_server import processes

#: Seconds between two looks at the server and at the lease.
LOOK_S = 0.2
#: ``prctl``: a signal when the parent dies; children of children come to us when orphaned.
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main() -> int:
    order: dict[str, Any] = json.load(sys.stdin)
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    die_with_parent = _prepare()
    folder = Path(order["folder"])
    with Path(order["log"]).open("ab") as log:
        try:
            server = subprocess.Popen(
                order["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=order["env"],
                start_new_session=True, preexec_fn=die_with_parent,  # noqa: PLW1509 - there is one thread
            )  # fmt: skip
        except OSError as error:
            log.write(f"{order['command'][0]}: {error.strerror}\n".encode())
            write(folder / "ended.json", {"returncode": None, "why": "not started"})
            return 1
    since = processes.started(server.pid)
    about = {
        **order["about"], "supervisor": os.getpid(), "session": server.pid, "since": since,
        "boot": processes.boot(),
    }  # fmt: skip
    write(folder / "server.json", about)
    returncode, why = _watch(server.pid, Path(order["lease"]), lambda: asked)
    # Told before the rest is ended: requests under way should not wait for that.
    write(folder / "ended.json", {"returncode": returncode, "why": why})
    processes.end(server.pid, since, order["token"], order["patience_s"])
    (folder / "server.json").unlink(missing_ok=True)
    return 0


def _watch(pid: int, lease: Path, asked: Callable[[], bool]) -> tuple[int | None, str]:
    """Wait for the server's end, the end of its use, or a signal. Returns the exit code, if it ended, and why."""
    with lease.open("ab") as file:
        while True:
            if (code := processes.reap().get(pid)) is not None:
                return code, "ended"
            if asked():
                return None, "asked"
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(LOOK_S)
            else:
                # Held until we end, by the inherited file: who comes now must start a server anew.
                os.dup(file.fileno())
                return None, "unused"


def _prepare() -> Callable[[], None] | None:
    """Become the parent of orphans among our descendants. Returns what ties a child's life to ours; Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def write(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON file that is there whole or not at all, readable by its owner only."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(values, file)
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
