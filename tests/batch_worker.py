"""A worker that judges through batches and kills itself at a named point: ``python -m tests.batch_worker STORE POINT``.

Used by ``test_batch_kills.py``. Waits are made short; nothing else is changed but the kill.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from workbench import batches
from workbench.engines.batch import client, course, engine, journal, run
from workbench.judging import judge
from workbench.judging.spec import JudgeSpec
from workbench.store import open_store

SPEC: dict[str, Any] = {"judge": "j", "protocol": "pairwise-all", "output": "text", "batch": True}
#: Rows that are stored before a worker dies at the point ``storing``.
STORED = 5


def quick() -> None:
    run.QUIET_S, run.AGAIN_S = 0.1, 0.01
    course.FIRST_LOOK_S, course.LONGEST_LOOK_S = 0.05, 0.1
    client.LISTED_AFTER_S = 0.3


def die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def after(owner: Any, name: str, calls: int = 1) -> None:
    """Die when a function has done its work so many times."""
    real = getattr(owner, name)
    left = [calls]

    async def doomed(*args: Any, **options: Any) -> Any:
        found = await real(*args, **options)
        left[0] -= 1
        if not left[0]:
            die()
        return found

    setattr(owner, name, doomed)


def before(owner: Any, name: str, calls: int = 1) -> None:
    """Die instead of calling a function for the n-th time."""
    real = getattr(owner, name)
    left = [calls]

    def doomed(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            die()
        return real(*args, **options)

    setattr(owner, name, doomed)


def storing() -> None:
    def some(self: Any, batch: Any) -> bool:
        self._store.insert_many(batches.by_table(batch[:STORED]))
        die()
        return True

    batches.Saver._save = some  # type: ignore[method-assign]


POINTS = {
    "before the journal": lambda: before(journal.Journal, "add"),
    "before the upload": lambda: before(client.BatchClient, "upload"),
    "after the upload": lambda: after(client.BatchClient, "upload"),
    "before it is made": lambda: before(client.BatchClient, "make"),
    "after it is made": lambda: after(client.BatchClient, "make"),
    "while polling": lambda: after(client.BatchClient, "look"),
    "after the download": lambda: after(client.BatchClient, "download"),
    "when collected": lambda: before(run, "hand_out"),
    "while storing": storing,
    "before the second is made": lambda: before(client.BatchClient, "make", 2),
    "after the second is made": lambda: after(client.BatchClient, "make", 2),
    "when the second is collected": lambda: before(run, "hand_out", 2),
    "before forgetting": lambda: before(engine.BatchEngine, "saved"),
    "never": lambda: None,
}


def main() -> None:
    path, point = sys.argv[1:3]
    quick()
    POINTS[point]()
    with open_store(path, create=False) as store:
        judge(store, JudgeSpec(**SPEC))


if __name__ == "__main__":
    main()
