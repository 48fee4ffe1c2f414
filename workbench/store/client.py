"""The client of the store's owner: what everything else calls.

A request that fails because the owner went away is sent again to a new one. That is safe: ids are
made here, inserts ignore what is there already, and named writes say the same thing twice alike.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from workbench import __version__, errors
from workbench.errors import BadInput, StoreError, StoreGone
from workbench.records import Row
from workbench.store import location, queries, wire
from workbench.store.spawn import start_owner

#: Rows and bytes sent in one insert at most: larger ones are cut, so that no single commit holds up the others.
BATCH_ROWS = 5_000
BATCH_BYTES = 16 << 20
#: How long to go on trying to reach an owner.
REACH_S = 30.0


@dataclass(frozen=True, slots=True)
class SqlResult:
    """Rows of an ad-hoc statement. ``truncated`` says that there were more than the limit."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]
    truncated: bool

    def dicts(self) -> list[Row]:
        """Rows as objects; a second column of the same name gets a number."""
        names: list[str] = []
        for name in self.columns:
            n = sum(1 for other in names if other == name or other.startswith(f"{name}_"))
            names.append(f"{name}_{n + 1}" if name in names else name)
        return [dict(zip(names, row, strict=True)) for row in self.rows]


class Store:
    """A store, spoken to through its owner. Safe to use from several threads: each call takes its own connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._free: list[socket.socket] = []
        self._lock = threading.Lock()
        self._closed = False
        self._counters: dict[str, int] = {}
        self._release(self._connect())

    # -- calls -------------------------------------------------------------------------------------

    @property
    def files(self) -> Path:
        """The folder beside the store for logs and caches (made if need be)."""
        found = location.files_dir(self.path)
        found.mkdir(mode=0o700, exist_ok=True)
        return found

    def insert(self, table: str, rows: Iterable[Row]) -> int:
        """Add rows that are not there yet (by primary key). Returns how many were new."""
        return self.insert_many({table: rows})[table]

    def insert_many(self, tables: Mapping[str, Iterable[Row]]) -> dict[str, int]:
        """Add rows to several tables, in one transaction as long as they fit in one batch.

        Raises:
            StoreError: the owner refused them, e.g. a full disk. Nothing of the failing batch is kept.
        """
        counts = dict.fromkeys(tables, 0)
        names: list[str] = []
        parts: list[bytes] = []
        size = 0
        for table, rows in tables.items():
            for chunk in _chunks(rows):
                if parts and size + len(chunk) > BATCH_BYTES:
                    self._send_rows(names, parts, counts)
                    names, parts, size = [], [], 0
                names.append(table)
                parts.append(chunk)
                size += len(chunk)
        if parts:
            self._send_rows(names, parts, counts)
        return counts

    def _send_rows(self, names: list[str], parts: list[bytes], counts: dict[str, int]) -> None:
        header = {"op": "insert", "tables": [[n, len(p)] for n, p in zip(names, parts, strict=True)]}
        reply, _ = self._ask(header, b"".join(parts))
        for name, n in zip(names, reply["inserted"], strict=True):
            counts[name] += n

    def write(self, name: str, **params: Any) -> int:
        """Run the named write ``queries/write/NAME.sql``. Returns rows changed by its last statement."""
        reply, _ = self._ask({"op": "write", "name": name, "params": params})
        return int(reply["changed"])

    def query(self, name: str, **params: Any) -> list[Row]:
        """All rows of the named read ``queries/read/NAME.sql``."""
        return list(self.stream(name, **params))

    def stream(self, name: str, **params: Any) -> Iterator[Row]:
        """Rows of a named read, fetched as they are used.

        A failure before the first rows is retried; one in the middle is not (rows were handed out already).
        """
        request = {"op": "read", "name": name, "params": params}
        reply, body, sock = self._ask_open(request)
        done = False
        try:
            while True:
                names = [column[0] for column in reply["columns"]]
                for row in orjson.loads(body):
                    yield dict(zip(names, row, strict=True))
                if not reply.get("more"):
                    done = True
                    return
                reply, body = wire.receive(sock)
                self._check(reply)
        except (wire.Closed, OSError) as error:
            raise StoreGone(f"the store's owner went away in the middle of a read ({error})") from error
        finally:
            if done:
                self._release(sock)
            else:
                sock.close()

    def sql(self, text: str, *, limit: int = 10_000, timeout_s: float = 60.0) -> SqlResult:
        """One read-only statement of a user's own.

        Raises:
            QueryError: refused, failed, or out of time.
        """
        request = {"op": "sql", "text": text, "limit": limit, "timeout_s": timeout_s}
        reply, body = self._ask(request)
        columns = reply["columns"]
        # orjson makes floats of integers beyond 64 bits; the standard library keeps every digit, but is slower.
        wide = any("HUGEINT" in c[1] or "BIGNUM" in c[1] for c in columns)
        return SqlResult(
            tuple(c[0] for c in columns),
            tuple(c[1] for c in columns),
            json.loads(body) if wide else orjson.loads(body),
            bool(reply["truncated"]),
        )

    def counters(self) -> dict[str, int]:
        """How often each table changed, and which owner says so: compare two for equality."""
        self._ask({"op": "counters"})
        return dict(self._counters)

    def snapshot(self, out: Path, *, force: bool = False) -> int:
        """Write a consistent copy that any DuckDB tool can open. Returns its size in bytes.

        Raises:
            BadInput: the file exists, or its folder does not.
        """
        out = out.expanduser().absolute()
        if out.exists() and out.samefile(self.path):
            raise BadInput("this is the store itself", file=str(out), hint="choose another name for the copy")
        if out.exists() and not force:
            raise BadInput("this file exists", file=str(out), hint="choose another name, or add --force")
        if not out.parent.is_dir():
            raise BadInput(f"there is no folder {out.parent}", file=str(out))
        reply, _ = self._ask({"op": "snapshot", "out": str(out)})
        size = int(reply["bytes"])
        told = {"path": str(out), "made_at": datetime.now(UTC).isoformat(timespec="seconds"), "bytes": size}
        with contextlib.suppress(OSError):  # the copy is there; this only lets `workbench doctor` tell of it
            (self.files / "snapshot.json").write_text(json.dumps(told), "utf-8")
        return size

    def status(self) -> Row:
        """The owner's pid, version, schema, clients and uptime in seconds."""
        reply, _ = self._ask({"op": "status"})
        return {k: reply[k] for k in ("pid", "version", "schema", "clients", "uptime_s")}

    def stop_owner(self) -> int:
        """Ask the owner to leave once its writes are done; the next request starts a new one. Returns its pid."""
        reply, _ = self._ask({"op": "stop"})
        return int(reply["pid"])

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for sock in self._free:
                sock.close()
            self._free.clear()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- connections -------------------------------------------------------------------------------

    def _ask(self, request: wire.Header, body: bytes = b"") -> tuple[wire.Header, bytes]:
        reply, rows, sock = self._ask_open(request, body)
        self._release(sock)
        return reply, rows

    def _ask_open(self, request: wire.Header, body: bytes = b"") -> tuple[wire.Header, bytes, socket.socket]:
        """Send one request, again to a new owner if need be; the connection stays with the caller."""
        deadline = time.monotonic() + REACH_S
        while True:
            sock = self._take()
            try:
                wire.send(sock, request, body)
                reply, rows = wire.receive(sock)
            except (wire.Closed, OSError) as error:
                sock.close()
                if time.monotonic() > deadline:
                    raise StoreGone(f"the store's owner keeps going away ({error})") from error
                time.sleep(0.05)
                continue
            except BaseException:
                sock.close()  # a reply may still be on its way: this connection cannot be used again
                raise
            if not reply.get("ok") and reply.get("kind") == "StoreGone" and time.monotonic() < deadline:
                sock.close()
                time.sleep(0.1)
                continue
            try:
                self._check(reply)
            except BaseException:
                self._release(sock)
                raise
            return reply, rows, sock

    def _check(self, reply: wire.Header) -> None:
        if "counters" in reply:
            self._counters = reply["counters"]
        if reply.get("ok"):
            return
        kind = getattr(errors, str(reply.get("kind")), StoreError)
        if not (isinstance(kind, type) and issubclass(kind, StoreError)):
            kind = StoreError
        raise kind(str(reply.get("message")), hint=reply.get("hint"))

    def _take(self) -> socket.socket:
        with self._lock:
            if self._free:
                return self._free.pop()
        return self._connect()

    def _release(self, sock: socket.socket) -> None:
        with self._lock:
            if not self._closed and len(self._free) < 8:
                self._free.append(sock)
                return
        sock.close()

    def _connect(self) -> socket.socket:
        """A greeted connection, starting an owner if none answers."""
        deadline = time.monotonic() + REACH_S
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(location.socket_file(self.path)))
                wire.send(sock, {"op": "hello", "version": __version__, "protocol": wire.PROTOCOL})
                reply, _ = wire.receive(sock)
            except (wire.Closed, OSError):
                sock.close()
                if time.monotonic() > deadline:
                    raise StoreGone(
                        f"no owner of {self.path} can be reached",
                        hint=f"see {location.files_dir(self.path) / 'owner.log'}",
                    ) from None
                start_owner(self.path)
                continue
            self._check(reply)
            if self._same_program(sock, reply):
                return sock

    def _same_program(self, sock: socket.socket, reply: wire.Header) -> bool:
        """True when the owner runs this program. An older or newer one is replaced if nobody else uses it."""
        same = reply.get("protocol") == wire.PROTOCOL and reply.get("version") == __version__
        alone = reply.get("clients", 2) <= 1
        if same and (not alone or reply.get("views") == queries.files_stamp()):
            return True
        if not alone:
            sock.close()
            raise StoreError(
                f"the owner of {self.path} runs workbench {reply.get('version')}; this is {__version__}",
                hint="close the other workbench programs using this store, then run: workbench store stop",
            )
        with contextlib.suppress(wire.Closed, OSError):
            wire.send(sock, {"op": "stop"})
            wire.receive(sock)
        sock.close()
        time.sleep(0.3)
        return False


def _chunks(rows: Iterable[Row]) -> Iterator[bytes]:
    """JSON objects, one a line: at most BATCH_ROWS rows and about BATCH_BYTES bytes at a time."""
    parts: list[bytes] = []
    size = 0
    for row in rows:
        part = wire.dumps(row)
        if parts and (len(parts) >= BATCH_ROWS or size + len(part) > BATCH_BYTES):
            yield b"\n".join(parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part)
    if parts:
        yield b"\n".join(parts)


def open_store(path: str | Path | None = None, *, create: bool = True) -> Store:
    """The store at a path, from ``WORKBENCH_STORE``, or the default; its owner is started if none runs.

    Raises:
        BadInput: ``create`` is false and there is no such file.
        StoreError: it cannot be opened (too new, not a store, owned on another host, …).
    """
    found = location.store_path(path)
    if not create and not found.exists():
        raise BadInput(
            "there is no store here yet",
            file=str(found),
            hint="make one with: workbench import PATH…, or workbench demo",
        )
    return Store(found)
