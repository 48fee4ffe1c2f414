"""The journal of batches: what was handed to an endpoint, so that no restart hands it over again.

One file a batch, ``STORE.files/batches/ID.json``, readable by its owner only, written whole and synced to the disk
before and after the batch is made. Beside it lie ``ID.input.jsonl`` until the batch is made, and ``ID.output.jsonl``
and ``ID.errors.jsonl`` once it has been collected. No key is in any of them.

Several processes may use the folder: changes are made under an ``flock`` on the folder's lock file, and who is about to
make a batch holds another on ``ID.lock`` meanwhile. The kernel drops both when their holder dies.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from workbench.records import utcnow

#: Collected answers that nobody asked for again are kept so long; endpoints keep their files as long.
KEEP = timedelta(days=30)
#: Where a batch may stand. ``prepared``: nothing was sent; ``uploaded``: its file was, and it may or may not have been
#: made; ``made``: the endpoint has it; ``collected``: its answers are here.
STATES = ("prepared", "uploaded", "made", "collected")


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. ``id`` is our name for it, which the endpoint keeps in the batch's metadata; ``batch_id`` the
    endpoint's. ``status`` is the endpoint's word, ``requests`` lists the requests' custom ids (their hash and a
    number). ``most_cost`` and ``cost`` are US dollars, ``None`` without prices. ``asked_to_cancel``: by ``batches
    cancel``. ``errors`` are the endpoint's about the file as a whole: (code, message, line). Times are ISO 8601, UTC.
    """

    id: str
    url: str
    path: str
    model: str
    model_id: str
    scope: str = ""
    job_id: str | None = None
    state: str = "prepared"
    status: str = ""
    batch_id: str | None = None
    input_file: str | None = None
    output_file: str | None = None
    error_file: str | None = None
    completed: int = 0
    failed: int = 0
    most_cost: float | None = None
    cost: float | None = None
    asked_to_cancel: bool = False
    errors: tuple[tuple[str, str, int | None], ...] = field(default=(), repr=False)
    created_at: str = ""
    updated_at: str = ""
    requests: tuple[str, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """What a person calls it: the endpoint's id where there is one."""
        return self.batch_id or self.id


class Journal:
    """The batches of a store. ``files`` is the folder beside the store. Raises OSError where the disk does."""

    def __init__(self, files: Path) -> None:
        self.folder = files / "batches"

    # -- reading -----------------------------------------------------------------------------------

    def all(self) -> list[Batch]:
        """Every batch, oldest first. What is no journal is left alone."""
        found = [self.read(path.stem) for path in self.folder.glob("*.json")] if self.folder.is_dir() else []
        return sorted((b for b in found if b is not None), key=lambda b: (b.created_at, b.id))

    def read(self, batch: str) -> Batch | None:
        """A batch by our id for it, or ``None``."""
        try:
            values = json.loads((self.folder / f"{batch}.json").read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(values, dict) or values.get("state") not in STATES:
            return None
        known = {f.name for f in dataclasses.fields(Batch)}
        values = {name: value for name, value in values.items() if name in known}
        errors = tuple((code, message, line) for code, message, line in values.get("errors", ()))
        return Batch(**{**values, "errors": errors, "requests": tuple(values.get("requests", ()))})

    def input_path(self, batch: str) -> Path:
        return self.folder / f"{batch}.input.jsonl"

    def output_path(self, batch: str) -> Path:
        return self.folder / f"{batch}.output.jsonl"

    def errors_path(self, batch: str) -> Path:
        return self.folder / f"{batch}.errors.jsonl"

    # -- changing ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the folder meanwhile. For moments, and not to be nested."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        file = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def add(self, batch: Batch, lines: list[bytes]) -> Batch:
        """Keep a new batch and its input. Call it ``locked``."""
        batch = dataclasses.replace(batch, created_at=_now(), updated_at=_now())
        self.write_file(self.input_path(batch.id), lines)
        self._write(batch)
        return batch

    def update(self, batch: str, **changes: Any) -> Batch | None:
        """Change a batch on the disk; returns it as it is then, or ``None`` when it is gone."""
        with self.locked():
            found = self.read(batch)
            if found is None:
                return None
            changed = dataclasses.replace(found, **changes)
            if changed != found:
                changed = dataclasses.replace(changed, updated_at=_now())
                self._write(changed)
            return changed

    def remove(self, batch: str) -> None:
        """Forget a batch and its files."""
        with self.locked():
            # The journal first: answers without one are rubbish, one without answers would be a lie.
            for name in ("json", "input.jsonl", "output.jsonl", "errors.jsonl", "lock"):
                (self.folder / f"{batch}.{name}").unlink(missing_ok=True)
            self._sync_folder()

    def sweep(self) -> None:
        """Forget what was collected too long ago."""
        for batch in self.all():
            if batch.state == "collected" and utcnow() - datetime.fromisoformat(batch.updated_at) > KEEP:
                self.remove(batch.id)

    def own(self, batch: str) -> IO[bytes] | None:
        """Hold a batch that is being made; closing the file lets go. ``None``: another process (or thread) holds it."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / f"{batch}.lock"
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        return file

    def write_file(self, path: Path, pieces: list[bytes]) -> None:
        """Write a file whole or not at all, and be sure that it is on the disk."""
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with self.open_part(part) as file:
                file.writelines(pieces)
                keep(file)
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self._sync_folder()

    @staticmethod
    def open_part(path: Path) -> IO[bytes]:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")

    def _write(self, batch: Batch) -> None:
        text = json.dumps(dataclasses.asdict(batch), ensure_ascii=False)
        self.write_file(self.folder / f"{batch.id}.json", [text.encode("utf-8", "replace")])

    def _sync_folder(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def keep(file: IO[bytes]) -> None:
    """Wait until what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def new_id() -> str:
    return f"wb-{utcnow():%Y%m%d}-{secrets.token_hex(6)}"


def _now() -> str:
    return utcnow().isoformat()
