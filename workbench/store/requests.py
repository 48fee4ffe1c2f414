"""What the owner answers: one function a request, on a connection's own thread."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from workbench import __version__
from workbench.errors import QueryError, StoreError
from workbench.store import queries, wire
from workbench.store.database import Database
from workbench.store.wire import Header
from workbench.store.writer import Writer

#: Reads at once; more wait. A snapshot takes all the places, so that no read holds back its checkpoint.
READERS = 8
DEFAULT_LIMIT = 10_000
DEFAULT_TIMEOUT_S = 60.0
NAMED_TIMEOUT_S = 600.0


@dataclass(slots=True)
class Running:
    """A read in progress, watched for its deadline and for a client that has gone."""

    sock: socket.socket
    cursor: duckdb.DuckDBPyConnection
    deadline: float
    timed_out: bool = False


@dataclass
class Owner:
    """The parts a request needs, shared by all connections."""

    database: Database
    writer: Writer
    #: of the view files as they were when this owner started
    views: str = field(default_factory=queries.files_stamp)
    started: float = field(default_factory=time.time)
    stopping: threading.Event = field(default_factory=threading.Event)
    readers: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(READERS))
    clients: set[socket.socket] = field(default_factory=set)
    running: dict[int, Running] = field(default_factory=dict)

    def counters(self) -> dict[str, int]:
        # The start time makes counters of two owners differ, so that a screen re-queries after a restart.
        return {"owner": int(self.started * 1000), **self.writer.changed}

    @contextlib.contextmanager
    def watched(self, sock: socket.socket, timeout_s: float) -> Iterator[Running]:
        """A place among the readers, and interruption when time is up or the client hangs up."""
        with self.readers:
            entry = Running(sock, self.database.cursor(), time.monotonic() + timeout_s)
            self.running[id(entry)] = entry
            try:
                yield entry
            except duckdb.InterruptException:
                if entry.timed_out:
                    raise QueryError(
                        f"stopped after {timeout_s:g} s",
                        hint="ask for less, or give more time with --timeout",
                    ) from None
                raise
            finally:
                del self.running[id(entry)]

    def watch(self) -> None:
        """Body of the watching thread."""
        while not self.stopping.wait(0.2):
            now = time.monotonic()
            for entry in list(self.running.values()):
                entry.timed_out = now > entry.deadline
                if entry.timed_out or hung_up(entry.sock):
                    entry.cursor.interrupt()


def hung_up(sock: socket.socket) -> bool:
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def hello(owner: Owner, _sock: socket.socket, _request: Header, _body: bytes) -> tuple[Header, bytes]:
    return {
        "protocol": wire.PROTOCOL,
        "version": __version__,
        "schema": queries.schema_version(),
        "views": owner.views,
        "pid": os.getpid(),
        "clients": len(owner.clients),
    }, b""


def insert(owner: Owner, _sock: socket.socket, request: Header, body: bytes) -> tuple[Header, bytes]:
    """``tables`` lists (table, bytes): the body is their rows (JSON, one a line) one after another, one transaction."""
    parts: list[tuple[str, bytes]] = []
    start = 0
    for table, length in request["tables"]:
        parts.append((table, body[start : start + length]))
        start += length

    def work(database: Database) -> tuple[list[int], dict[str, int]]:
        counts = [database.insert(table, rows) for table, rows in parts]
        changed: dict[str, int] = {}
        for (table, _), n in zip(parts, counts, strict=True):
            changed[table] = changed.get(table, 0) + n
        return counts, changed

    return {"inserted": owner.writer.submit(work).result()}, b""


def write(owner: Owner, _sock: socket.socket, request: Header, _body: bytes) -> tuple[Header, bytes]:
    text = queries.statement("write", request["name"])
    params = request.get("params") or {}

    def work(database: Database) -> tuple[int, dict[str, int]]:
        n = database.write(text, params)
        return n, dict.fromkeys(queries.touched(text), max(n, 1))

    return {"changed": owner.writer.submit(work).result()}, b""


def read(owner: Owner, sock: socket.socket, request: Header, _body: bytes) -> tuple[Header, bytes]:
    text = queries.statement("read", request["name"])
    with owner.watched(sock, NAMED_TIMEOUT_S):
        pending: tuple[Header, bytes] | None = None
        for columns, rows in owner.database.read(text, request.get("params") or {}):
            if pending is not None:
                wire.send(sock, {"ok": True, "more": True, **pending[0]}, pending[1])
            pending = {"columns": columns}, wire.dumps(rows)
        assert pending is not None
        return pending


def sql(owner: Owner, sock: socket.socket, request: Header, _body: bytes) -> tuple[Header, bytes]:
    limit = int(request.get("limit") or DEFAULT_LIMIT)
    timeout_s = float(request.get("timeout_s") or DEFAULT_TIMEOUT_S)
    with owner.watched(sock, timeout_s):
        columns, rows, truncated = owner.database.ad_hoc(str(request["text"]), limit)
    return {"columns": columns, "truncated": truncated}, wire.dumps(rows)


def counters(_owner: Owner, _sock: socket.socket, _request: Header, _body: bytes) -> tuple[Header, bytes]:
    return {}, b""


def snapshot(owner: Owner, _sock: socket.socket, request: Header, _body: bytes) -> tuple[Header, bytes]:
    """A consistent copy: no writes, no reads, everything folded into the file, then a copy by a child process.

    The child matters: opening and closing the database file in this process would drop DuckDB's lock on it.
    """
    out = Path(request["out"])
    part = out.with_name(out.name + ".part")
    taken = 0
    try:
        for _ in range(READERS):
            if not owner.readers.acquire(timeout=60):
                raise StoreError("a long read is going on", hint="try again when it has ended")
            taken += 1

        def work(database: Database) -> tuple[int, dict[str, int]]:
            database.checkpoint()
            done = subprocess.run(
                ["cp", "--reflink=auto", "--", str(database.path), str(part)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                part.unlink(missing_ok=True)
                raise StoreError(f"cannot write {out}: {done.stderr.strip().splitlines()[-1]}")
            return part.stat().st_size, {}

        size = owner.writer.submit(work, alone=True).result()
    finally:
        for _ in range(taken):
            owner.readers.release()
    part.replace(out)
    return {"bytes": size}, b""


def status(owner: Owner, _sock: socket.socket, _request: Header, _body: bytes) -> tuple[Header, bytes]:
    return {
        "pid": os.getpid(),
        "version": __version__,
        "schema": queries.schema_version(),
        "clients": len(owner.clients),
        "uptime_s": round(time.time() - owner.started, 1),
    }, b""


def stop(owner: Owner, _sock: socket.socket, _request: Header, _body: bytes) -> tuple[Header, bytes]:
    owner.stopping.set()
    return {"pid": os.getpid()}, b""


REQUESTS: dict[str, Callable[[Owner, socket.socket, Header, bytes], tuple[Header, bytes]]] = {
    "hello": hello,
    "insert": insert,
    "write": write,
    "read": read,
    "sql": sql,
    "counters": counters,
    "snapshot": snapshot,
    "status": status,
    "stop": stop,
}
