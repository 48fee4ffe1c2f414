"""The store: its file, who has it open, and what in it waits for a hand. Looking changes nothing in it."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import __version__
from workbench.doctor.findings import Finding, State, bytes_text
from workbench.errors import WorkbenchError
from workbench.records import Model
from workbench.store import location

if TYPE_CHECKING:
    from workbench.store import Store

#: A log larger than this makes the next open after a crash slow (bytes). The owner merges it at 128 MB.
WAL_WARN = 1 << 30
#: Free pages worth a word: this share of the file, and so many bytes.
FREE_SHARE, FREE_BYTES = 0.5, 256 << 20
#: What the latest snapshot was, written beside the store when one is made.
SNAPSHOT_FILE = "snapshot.json"
#: Days of work without a snapshot before it is pointed out.
SNAPSHOT_DAYS = 14


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that has the store open, as its own file tells: ``answers`` when its socket takes connections."""

    pid: int | None = None
    host: str = ""
    version: str = ""
    answers: bool = False
    locked: bool = False

    @property
    def elsewhere(self) -> bool:
        return bool(self.host) and self.host != socket.gethostname()


def owner_of(path: Path) -> Owner:
    """Who owns a store, without asking for it to be opened."""
    told: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        told = json.loads(location.owner_file(path).read_text("utf-8"))
    if not isinstance(told, dict):
        told = {}
    pid = told.get("pid")
    return Owner(
        pid if isinstance(pid, int) else None, str(told.get("host") or ""), str(told.get("version") or ""),
        _answers(path), _locked(location.lock_file(path)),
    )  # fmt: skip


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(location.socket_file(path)))
        except (OSError, WorkbenchError):
            return False
        return True


def _locked(lock: Path) -> bool:
    """Whether some process holds the election's lock. Tried for an instant: an owner that starts tries again."""
    import fcntl

    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def check_file(path: Path) -> tuple[list[Finding], bool]:
    """The file and its owner; and whether it makes sense to ask the owner for more."""
    if not path.exists():
        what = f"there is none yet at {path}"
        return [Finding("store.file", "ok", what, "made by: workbench import PATH…, or workbench demo")], False
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        what = f"{path} cannot be read: {error.strerror}"
        return [Finding("store.file", "problem", what, f"ls -l {path}; or name another with --store")], False
    if start and start[8:] != b"DUCK":
        return [Finding("store.file", "problem", f"{path} is not a DuckDB file", "name another with --store")], False
    found = [Finding("store.file", "ok", f"{path}, {bytes_text(size)}")]
    with contextlib.suppress(OSError):
        wal = location.beside(path, ".wal").stat().st_size
        state: State = "warning" if wal > WAL_WARN else "ok"
        fix = "workbench store stop; the next command merges it" if wal > WAL_WARN else ""
        found.append(Finding("store.log", state, f"{bytes_text(wal)} of changes are not merged into the file yet", fix))
    owner, ask = _owner(owner_of(path), path)
    return [*found, owner], ask


def _owner(owner: Owner, path: Path) -> tuple[Finding, bool]:
    who = f"process {owner.pid}" + (f", workbench {owner.version}" if owner.version else "")
    log = f"tail {location.files_dir(path) / 'owner.log'}"
    if owner.answers:
        if owner.version and owner.version != __version__:
            what = f"owned by {who}; this is {__version__}"
            fix = "close the other programs that use the store, then: workbench store stop"
            return Finding("store.owner", "warning", what, fix), False
        return Finding("store.owner", "ok", f"owned by {who}"), True
    if owner.elsewhere and _age(location.owner_file(path)) < 600:
        what = f"in use on host {owner.host} ({who})"
        fix = f"run workbench there; if that machine is down: rm {location.owner_file(path)}"
        return Finding("store.owner", "problem", what, fix), False
    if owner.locked:
        alive = f"{who} holds its lock but does not answer"
        return Finding("store.owner", "problem", alive, f"{log}; if it hangs: kill {owner.pid or 'PID'}"), False
    return Finding("store.owner", "ok", "no owner runs; the next command starts one"), True


def _age(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except OSError:
        return float("inf")


# -- asked of the owner ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contents:
    """What the checks need to know of a store."""

    models: tuple[Model, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_contents(store: Store) -> Contents:
    """Models, pages and snapshots, as the owner tells. Raises StoreError, or TypeError and the like for what other
    versions wrote."""
    models = tuple(
        Model(row["model_id"], row["engine"], row["endpoint"], json.loads(row["params"] or "{}"))
        for row in store.query("models")
    )
    return Contents(models, (*_pages(store), _snapshot(store.path)))


def read_at(path: Path) -> Contents:
    """The same of the store at a path; its owner is started if none runs."""
    from workbench.store import open_store

    with open_store(path, create=False) as store:
        return read_contents(store)


def _pages(store: Store) -> list[Finding]:
    row = store.query("doctor_pages")[0]
    free, total = row["free_blocks"] * row["block_size"], row["total_blocks"] * row["block_size"]
    what = f"{bytes_text(free)} of {bytes_text(total)} in its pages are free"
    if free > FREE_BYTES and free > FREE_SHARE * total:
        fix = "used again as it grows; for a smaller file: workbench snapshot SMALLER.duckdb, and use that"
        return [Finding("store.pages", "ok", what, fix)]
    return [Finding("store.pages", "ok", what)]


def _snapshot(path: Path) -> Finding:
    """The latest copy made with ``workbench snapshot``."""
    make = "workbench snapshot COPY.duckdb"
    try:
        told = json.loads((location.files_dir(path) / SNAPSHOT_FILE).read_text("utf-8"))
        made, out = datetime.fromisoformat(told["made_at"]), str(told["path"])
    except (OSError, ValueError, KeyError, TypeError):
        return Finding("store.snapshot", "ok", "no snapshot of it is known", f"a copy, while work goes on: {make}")
    days = (time.time() - made.timestamp()) / 86400
    what = f"last snapshot {made:%Y-%m-%d %H:%M}: {out}"
    if not Path(out).exists():
        return Finding("store.snapshot", "warning", f"{what}, which is not there any more", make)
    fix = make if days > SNAPSHOT_DAYS and _age(path) < days * 86400 else ""
    return Finding("store.snapshot", "warning" if fix else "ok", what, fix)
