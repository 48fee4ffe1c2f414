"""Starting the owner process, detached from the terminal and from the client that starts it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

from workbench import errors
from workbench.errors import StoreError
from workbench.store import location

#: How long a new owner may take to open its file (replaying a log, upgrading a large store).
READY_S = 120.0


def detached_environment() -> dict[str, str]:
    """This process's environment, with the code it runs findable from any folder."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)), "PYTHONSAFEPATH": "1"}


def start_owner(path: Path) -> None:
    """Start an owner and wait until it serves, or another one does.

    Raises:
        StoreError: it could not open the store; the owner's own words, as the error class it raised.
    """
    try:
        folder = location.files_dir(path)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = (folder / "owner.log").open("ab")
    except OSError as error:
        raise StoreError(f"cannot make {path}: {error.strerror}", hint="name another file with --store") from None
    with log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench.store.owner", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env=detached_environment(),
            start_new_session=True,
        )
    assert process.stdout is not None
    with process.stdout as pipe:
        ready, _, _ = select.select([pipe], [], [], READY_S)
        if not ready:
            raise StoreError(
                f"the owner of {path} is still not ready after {READY_S:g} s",
                hint=f"see {folder / 'owner.log'}",
            )
        line = pipe.readline()
    try:
        told = json.loads(line)
    except ValueError:
        # It died without a word (killed, or out of memory): the caller tries again until its time is up.
        return
    if not told.get("ready"):
        kind = getattr(errors, str(told.get("kind")), StoreError)
        raise kind(told["message"], hint=told.get("hint"))
