"""The store's owner: the one process that has the database file open.

``python -m workbench.store.owner PATH`` is started by the first client, detached like a tmux server.
An ``flock`` on a file of its own elects it; it serves clients on a Unix socket and leaves when nobody
has asked for anything for a while. On standard output it says one line of JSON, ready or why not, and
closes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import IO

import duckdb

from workbench import __version__
from workbench.errors import StoreElsewhere, StoreError, WorkbenchError
from workbench.store import location, wire
from workbench.store.database import Database
from workbench.store.requests import REQUESTS, Owner
from workbench.store.writer import Fatal, Writer

IDLE_S = 600.0
#: The owner file is touched this often; a foreign one older than STALE_S belongs to a machine that is gone.
TOUCH_S = 60.0
STALE_S = 600.0
#: A client that does not take its reply for this long is dropped, so that it cannot hold a read open for ever.
SEND_TIMEOUT_S = 120.0


def elect(path: Path) -> IO[bytes] | None:
    """The open lock file if this process is now the owner, or None when somebody else is and answers.

    Waits a moment for an owner on its way out.

    Raises:
        StoreElsewhere: a process on another host owns the store.
        StoreError: the lock is held, but nobody answers.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = location.lock_file(path).open("ab")
    deadline = time.monotonic() + 10
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if answers(path):
                return None
            if time.monotonic() > deadline:
                foreign_owner(path)
                raise StoreError(
                    f"another process holds {location.lock_file(path)} but does not answer",
                    hint=f"see {location.files_dir(path) / 'owner.log'}",
                ) from None
            time.sleep(0.05)
    foreign_owner(path)
    return lock


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(location.socket_file(path)))
        except OSError:
            return False
        return True


def foreign_owner(path: Path) -> None:
    """Raise StoreElsewhere when the owner file names another host and is fresh."""
    file = location.owner_file(path)
    try:
        told = json.loads(file.read_text("utf-8"))
        age = time.time() - file.stat().st_mtime
        host = str(told["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if host != socket.gethostname() and age < STALE_S:
        raise StoreElsewhere(
            f"{path} is in use on host {host} (process {told.get('pid')})",
            hint=f"run workbench there, or, if that machine is down, delete {file}",
        )


def peer_uid(sock: socket.socket) -> int:
    """The user at the other end, as the kernel tells it."""
    creds = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", creds)[1])


class Server:
    """Accepts clients until told to stop or idle for too long."""

    def __init__(self, path: Path, owner: Owner, idle_s: float) -> None:
        self.path = path
        self.owner = owner
        self.idle_s = idle_s
        self.last_used = time.monotonic()
        self.socket_path = location.socket_file(path)
        self.socket_path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.socket_path))
        self.socket_path.chmod(0o600)
        self.listener.listen(128)
        self.listener.settimeout(0.25)

    def serve(self) -> None:
        touched = time.monotonic()
        while not self.owner.stopping.is_set():
            now = time.monotonic()
            if self.owner.clients:
                self.last_used = now
            elif now - self.last_used > self.idle_s:
                break
            if now - touched > TOUCH_S:
                touched = now
                with contextlib.suppress(OSError):
                    os.utime(location.owner_file(self.path))
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            if peer_uid(client) != os.getuid():
                client.close()
                continue
            self.last_used = now
            self.owner.clients.add(client)
            threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, sock: socket.socket) -> None:
        """One client's requests, in order, until it hangs up."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(SEND_TIMEOUT_S), 0))
        try:
            while True:
                request, body = wire.receive(sock)
                header, rows = self._answer(sock, request, body)
                wire.send(sock, {"counters": self.owner.counters(), **header}, rows)
        except (OSError, ValueError, duckdb.InterruptException):
            pass  # gone, or not speaking our language: nothing is owed to it
        finally:
            self.owner.clients.discard(sock)
            self.last_used = time.monotonic()
            sock.close()

    def _answer(self, sock: socket.socket, request: wire.Header, body: bytes) -> tuple[wire.Header, bytes]:
        try:
            handler = REQUESTS.get(str(request.get("op")))
            if handler is None:
                raise StoreError(f"unknown request '{request.get('op')}'")
            header, rows = handler(self.owner, sock, request, body)
            return {"ok": True, **header}, rows
        except Fatal as error:
            # The engine must reopen the file. Reply, then leave: the client starts a new owner and sends again.
            self.owner.stopping.set()
            return {
                "ok": False,
                "kind": "StoreGone",
                "message": f"the store had to be reopened: {error}",
            }, b""
        except WorkbenchError as error:
            kind = type(error).__name__
            return {"ok": False, "kind": kind, "message": error.message, "hint": error.hint}, b""
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            return {"ok": False, "kind": "StoreError", "message": plain(error)}, b""
        except (KeyError, TypeError, ValueError) as error:
            return {"ok": False, "kind": "StoreError", "message": f"bad request: {error!r}"}, b""

    def close(self) -> None:
        """Hang up on everyone; nobody can come back to this socket."""
        self.socket_path.unlink(missing_ok=True)
        self.listener.close()
        for client in list(self.owner.clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


def plain(error: duckdb.Error) -> str:
    text = str(error).strip()
    if "No space left on device" in text:
        return "the disk is full: nothing was written"
    return text


def say(line: dict[str, object]) -> None:
    """Tell the client that started us, once, and let go of its pipe."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(line).encode() + b"\n")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.close(null)


def run(path: Path, idle_s: float) -> None:
    os.umask(0o077)
    lock = elect(path)
    if lock is None:
        say({"ready": True})
        return
    location.owner_file(path).write_text(
        json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "version": __version__}), "utf-8"
    )
    try:
        database = Database(path)
        owner = Owner(database, Writer(database))
        owner.writer.start()
        server = Server(path, owner, idle_s)
        signal.signal(signal.SIGTERM, lambda *_: owner.stopping.set())
        threading.Thread(target=owner.watch, daemon=True).start()
        say({"ready": True})
        try:
            server.serve()
        finally:
            server.close()
            owner.stopping.set()
            for entry in list(owner.running.values()):
                entry.cursor.interrupt()
            owner.writer.stop()
            database.close()
    finally:
        location.owner_file(path).unlink(missing_ok=True)
        lock.close()


def main() -> int:
    path = Path(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run(path, float(os.environ.get("WORKBENCH_OWNER_IDLE", IDLE_S)))
    except WorkbenchError as error:
        say({"ready": False, "kind": type(error).__name__, "message": error.message, "hint": error.hint})
        return error.exit_code
    except OSError as error:
        say({"ready": False, "kind": "StoreError", "message": f"cannot open {path}: {error.strerror}"})
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
