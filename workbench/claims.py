"""Claims: one process at a time works on the same thing (answers of a model, verdicts of a judge).

A claim is an ``flock`` on a file under ``STORE.files/locks``. The kernel drops it when its process ends, however it
ends, so a claim never outlives its work; the file only says who holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import BadInput
from workbench.records import stable_id
from workbench.store import Store


@contextlib.contextmanager
def claim(store: Store, kind: str, *names: str, what: str, job_id: str | None = None) -> Iterator[None]:
    """Hold the claim on (kind, names) while the block runs.

    ``what`` completes "… in job X" for whoever comes second, e.g. ``answers of 'm' are being generated``.

    Raises:
        BadInput: another process (or another thread of this one) holds it.
    """
    folder = store.files / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{kind}-{stable_id(kind, *names)[:16]}.lock"
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(
                f"{what} already, {_holder(path)}",
                hint="wait for it to end, or cancel it: workbench jobs",
            ) from None
        file.truncate(0)
        file.write(json.dumps({"job": job_id, "pid": os.getpid()}).encode())
        file.flush()
        yield


def _holder(path: Path) -> str:
    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return "by another process"
    return f"in job {held['job']}" if held.get("job") else f"by process {held.get('pid')}"
