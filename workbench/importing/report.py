"""What an import did, and what it refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rejected:
    """One bad line: ``line`` counts from 1 (``None``: the file as a whole), ``field`` is its name in the file."""

    file: str
    line: int | None
    field: str | None
    reason: str


@dataclass(slots=True)
class FileReport:
    """One file: ``records`` read from it, ``rejected`` of these, and new rows by table."""

    file: Path
    format: str
    records: int = 0
    rejected: int = 0
    imported: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ImportReport:
    """Sum over the files. ``imported`` counts NEW rows by table: what was there already adds nothing
    (after a dry run: all rows that would be sent).

    ``rejected`` lists at most 1,000 lines a file; ``FileReport.rejected`` has the full number.
    """

    imported: dict[str, int] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    files: list[FileReport] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def n_rejected(self) -> int:
        return sum(f.rejected for f in self.files)
