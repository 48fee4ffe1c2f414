"""No process of vLLM outlives the worker that started it, however that one ends.

With several GPUs, and on every GPU by default, vLLM starts processes of its own. They hold the GPU's memory, and do not
notice when their parent is killed. A watcher does: a process of a few megabytes that waits for the end of its standard
input, which the kernel closes with the worker, and then kills every process that carries the worker's mark in its
environment. Run as ``python -S -E orphans.py MARK``: it imports the standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

#: How long marked processes have to end by themselves when the worker has ended, in seconds.
PATIENCE_S = 2.0
#: A process may start another while it is being killed: look again so often.
LOOKS = 5


@contextlib.contextmanager
def watched(mark: str) -> Iterator[None]:
    """A watcher for as long as the block runs; when the block ends, or this process does, marked processes are killed.
    ``mark`` is ``NAME=VALUE``. Only where there is ``/proc``; elsewhere nothing is watched."""
    if not Path("/proc/self/environ").exists():
        yield
        return
    command = [sys.executable, "-S", "-E", __file__, mark]
    try:
        watcher = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError:
        yield
        return
    try:
        yield
    finally:
        assert watcher.stdin is not None
        watcher.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            watcher.wait(PATIENCE_S + 10)


def marked(mark: str) -> list[int]:
    """The processes that were started with ``NAME=VALUE`` in their environment, without this one."""
    wanted = mark.encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end(mark: str) -> None:
    """Kill every marked process that does not end by itself in time."""
    until = time.monotonic() + PATIENCE_S
    while marked(mark) and time.monotonic() < until:
        time.sleep(0.1)
    for _ in range(LOOKS):
        pids = marked(mark)
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1024):
        pass
    end(sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
