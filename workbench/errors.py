"""Errors a user can act on.

The tree::

    WorkbenchError            exit code 2 unless said; str() is the one line a user reads
    ├── BadInput              a file, a field, an option or a plan is wrong
    │   └── Unknown           a name that is not in the store (model, judge, job, …); carries the nearest one
    ├── StoreError            the store cannot be opened or asked
    │   ├── StoreTooNew       written by a newer workbench
    │   ├── StoreElsewhere    owned by a process on another host
    │   ├── StoreGone         the owner went away in the middle and could not be brought back
    │   └── QueryError        the statement was refused or failed
    ├── EngineError           a model endpoint or a local model cannot be used at all
    └── Incomplete            exit code 1: work ended with more failures than were tolerated
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class WorkbenchError(Exception):
    """Base of every error shown to a user as one line.

    ``hint`` is the next step, printed on a line of its own; ``exit_code`` is what the CLI returns.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadInput(WorkbenchError):
    """Something the user gave is wrong; names file, line and field where there are any."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        where = ""
        if file is not None:
            where = f"{file}:{line}: " if line is not None else f"{file}: "
        if field is not None:
            where += f"field '{field}': "
        super().__init__(where + message, hint=hint)
        self.reason = message
        self.file = file
        self.line = line
        self.field = field


class Unknown(BadInput):
    """A name that the store does not have, with the nearest one that it has."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        message = f"unknown {kind} '{name}'"
        if near:
            message += f" (did you mean '{near[0]}'?)"
        elif names:
            listed = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
            message += f" (known: {listed})"
        super().__init__(message, hint=hint)
        self.name = name


class StoreError(WorkbenchError):
    """The store cannot be opened, reached or asked."""


class StoreTooNew(StoreError):
    """The file's schema is newer than this program."""


class StoreElsewhere(StoreError):
    """Another host's process owns the file."""


class StoreGone(StoreError):
    """The owner vanished and could not be started again in time."""


class QueryError(StoreError):
    """The statement was refused (not read-only, more than one) or failed."""


class EngineError(WorkbenchError):
    """No answer can be had from this engine at all: wrong URL, bad key, missing extra, missing file."""


class Incomplete(WorkbenchError):
    """Work ended, but with more failures than tolerated; everything that succeeded is stored."""

    exit_code = 1
