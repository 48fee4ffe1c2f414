"""Where a store and what belongs to it lie.

Beside ``NAME.duckdb``: ``NAME.duckdb.lock`` (the election), ``NAME.duckdb.owner`` (who won) and
``NAME.duckdb.files/`` (job logs, caches). The socket lies in the user's runtime directory, because a
socket's path must stay below 108 characters and off network file systems.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from workbench.errors import BadInput, StoreError

#: Longest path a Unix socket may have on Linux, less the closing zero byte (``man 7 unix``).
MAX_SOCKET_PATH = 107


def default_store_path() -> Path:
    """The store used when neither ``--store`` nor ``WORKBENCH_STORE`` names one."""
    import platformdirs

    return Path(platformdirs.user_data_dir("workbench", appauthor=False)) / "store.duckdb"


def store_path(given: str | Path | None) -> Path:
    """The absolute path of the store to use: given, from the environment, or the default.

    Raises:
        BadInput: the path is a directory.
    """
    chosen = given or os.environ.get("WORKBENCH_STORE") or default_store_path()
    path = Path(chosen).expanduser()
    path = path.resolve() if path.exists() else path.parent.resolve() / path.name
    if path.is_dir():
        raise BadInput("this is a directory, not a store file", file=str(path), hint=f"try --store {path}/store.duckdb")
    return path


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def lock_file(path: Path) -> Path:
    return beside(path, ".lock")


def owner_file(path: Path) -> Path:
    return beside(path, ".owner")


def files_dir(path: Path) -> Path:
    return beside(path, ".files")


def runtime_dir() -> Path:
    """A directory of this user's alone for sockets, made if need be.

    Raises:
        StoreError: it exists but belongs to someone else, or others can enter it.
    """
    base = os.environ.get("WORKBENCH_RUNTIME_DIR") or os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base) / "workbench" if base else Path("/tmp") / f"workbench-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise StoreError(
            f"{folder} is not a directory of yours", hint="set WORKBENCH_RUNTIME_DIR to a private directory"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)
    return folder


def socket_file(path: Path) -> Path:
    """The socket of the store's owner: its name is a hash of the store's real path."""
    digest = hashlib.blake2b(os.fsencode(path), digest_size=10).hexdigest()
    found = runtime_dir() / f"{digest}.sock"
    if len(os.fsencode(found)) > MAX_SOCKET_PATH:
        raise StoreError(f"the socket's path is too long ({found})", hint="set WORKBENCH_RUNTIME_DIR to a shorter path")
    return found
