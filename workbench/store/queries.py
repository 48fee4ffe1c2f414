"""The SQL files: ``queries/{migrations,views,derived,read,write}/*.sql``.

In a wheel they lie in the package (``workbench/queries``); in a checkout, beside it.
"""

from __future__ import annotations

import functools
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import StoreError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TOUCHES = re.compile(r"^--\s*touches:\s*(.+)$", re.MULTILINE)


@functools.cache
def folder() -> Path:
    """Where the SQL files are. Raises StoreError when the installation lacks them."""
    package = Path(__file__).resolve().parent.parent
    for found in (package / "queries", package.parent / "queries"):
        if (found / "migrations").is_dir():
            return found
    raise StoreError("the SQL files are missing from this installation", hint="install workbench again")


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    text: str


@functools.cache
def migrations() -> tuple[Migration, ...]:
    found = []
    for path in sorted((folder() / "migrations").glob("*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(int(number), name, path.read_text("utf-8")))
    return tuple(found)


def schema_version() -> int:
    return migrations()[-1].version


@functools.cache
def views() -> dict[str, str]:
    return {p.stem: p.read_text("utf-8") for p in sorted((folder() / "views").glob("*.sql"))}


@functools.cache
def derived() -> dict[str, str]:
    """Derived table → the statement that makes it."""
    return {p.stem: p.read_text("utf-8") for p in sorted((folder() / "derived").glob("*.sql"))}


def files_stamp() -> str:
    """Changes whenever a statement's file does: cheap to compare, unlike the texts' hash. An owner that runs while the
    program is updated knows the old ones only."""
    found = sorted((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in folder().rglob("*.sql"))
    return hashlib.blake2b(repr(found).encode(), digest_size=16).hexdigest()


def views_hash() -> str:
    return text_hash("\0".join(f"{k}\0{v}" for k, v in views().items()))


def text_hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@functools.cache
def statement(kind: str, name: str) -> str:
    """The text of ``queries/KIND/NAME.sql``; kind is read or write. Raises StoreError if there is none."""
    path = folder() / kind / f"{name}.sql"
    if kind not in ("read", "write") or not _NAME.fullmatch(name) or not path.is_file():
        raise StoreError(f"no {kind} statement is named '{name}'")
    return path.read_text("utf-8")


def touched(text: str) -> tuple[str, ...]:
    """Tables a write statement changes, from its ``-- touches: a, b`` line."""
    found = _TOUCHES.search(text)
    return tuple(t.strip() for t in found.group(1).split(",")) if found else ()
