"""Records of a file, whatever holds them: JSON lines, a JSON list, CSV or Parquet (told apart by content).

Nothing here knows what a record means. A bad line is handed over as a ``BadRecord`` in its place, so that
the reader can go on behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from workbench.errors import BadInput
from workbench.importing.fields import BadRecord, kind

Record = dict[str, Any]
#: Line (JSON lines, CSV: where the record begins; JSON list: the same; Parquet: row) and the record.
Numbered = tuple[int, Record | BadRecord]

BOM = b"\xef\xbb\xbf"
#: Columns that hold lists or objects, and in a CSV file their JSON text.
_NESTED = ("turns", "reference", "reasoning", "choices", "flags", "meta", "params", "data", "judge")
_PACKED = {b"\x1f\x8b": "gzip", b"PK": "zip (or a spreadsheet)", b"\x28\xb5": "zstd", b"BZ": "bzip2", b"\xfd7": "xz"}


@dataclass(frozen=True, slots=True)
class Source:
    """A readable file. ``container`` is jsonl, json, csv or parquet; ``columns`` are known for the last two."""

    path: Path
    container: str
    columns: tuple[str, ...] | None = None
    map: Mapping[str, str] | None = None

    @property
    def names(self) -> tuple[str, ...] | None:
        """``columns`` under the names of ``map``."""
        if self.columns is None:
            return None
        return tuple(renamed(dict.fromkeys(self.columns), self.map or {}))

    def records(self) -> Iterator[Numbered]:
        """The records, from the start, with ``map`` applied."""
        read = {"jsonl": _json_lines, "json": _json_list}.get(self.container, _table)
        if not self.map:
            yield from read(self.path)
            return
        for line, record in read(self.path):
            yield line, record if isinstance(record, BadRecord) else renamed(record, self.map)


def open_source(path: Path, map: Mapping[str, str] | None = None) -> Source:
    """Look at a file's beginning.

    Raises:
        BadInput: missing, unreadable, empty, packed, or not text.
    """
    name = str(path)
    try:
        if path.is_dir():
            raise BadInput("this is a directory", file=name)
        if not path.exists():
            raise BadInput("there is no such file", file=name, hint="check the path")
        if not path.is_file():
            raise BadInput("this is no ordinary file", file=name)
        with path.open("rb") as file:
            head = file.read(65536)
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror or error})", file=name) from None
    container = _container(path, head)
    if container in ("csv", "parquet"):
        from workbench.store.tabular import numbered_rows

        columns, _ = numbered_rows(path)
        return Source(path, container, tuple(columns), map)
    return Source(path, container, None, map)


def _container(path: Path, head: bytes) -> str:
    name = str(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    for magic, packed in _PACKED.items():
        if head.startswith(magic) and (b"\0" in head or not head.isascii()):
            raise BadInput(f"this is a {packed} file", file=name, hint="unpack it first")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput("this is UTF-16 text", file=name, hint="save the file as UTF-8")
    body = head.removeprefix(BOM).lstrip()
    if not body:
        raise BadInput("the file is empty", file=name)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return "csv"
    if body.startswith(b"["):
        return "json"
    if suffix in (".jsonl", ".ndjson", ".json") or body.startswith(b"{"):
        return "jsonl"
    if b"\0" in head:
        raise BadInput("this is not a text file", file=name, hint="JSON lines, JSON, CSV and Parquet can be read")
    return "csv"


def renamed(record: Record, map: Mapping[str, str]) -> Record:
    """The record with its columns under the names of ``map`` (field → column)."""
    found = {key: value for key, value in record.items() if key not in map.values()}
    for field, column in map.items():
        if column in record:
            found[field] = record[column]
    return found


# -- JSON ------------------------------------------------------------------------------------------


def parse(raw: bytes, offset: int) -> Record | BadRecord:
    """One JSON object. ``offset`` is where ``raw`` begins in the file, in bytes."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return BadRecord(_why_not_json(raw, offset, error))
    if not isinstance(value, dict):
        return BadRecord(f"must be a JSON object, not {kind(value)}")
    return value


def _why_not_json(raw: bytes, offset: int, error: orjson.JSONDecodeError) -> str:
    """What is wrong with a line, in words."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        return f"not UTF-8 at byte {offset + bad.start} of the file"
    if "depth limit" in str(error):
        return "JSON nested deeper than 1,024 levels"
    constants: list[str] = []
    try:
        json.loads(text, parse_constant=constants.append)
    except (ValueError, RecursionError):
        return f"invalid JSON ({error.msg}, at character {error.pos + 1} of the line)"
    if constants:
        return f"invalid JSON ({constants[0]} is not a JSON number; write null)"
    if "surrogate" in str(error):
        return f"holds half of a surrogate pair, which is no character (at character {error.pos + 1} of the line)"
    return f"invalid JSON ({error.msg}, at character {error.pos + 1} of the line)"


def _json_lines(path: Path) -> Iterator[Numbered]:
    offset = 0
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            body = raw.removeprefix(BOM) if line == 1 else raw
            if not body.isspace():
                yield line, parse(body, offset + len(raw) - len(body))
            offset += len(raw)


def _json_list(path: Path) -> Iterator[Numbered]:
    """Items of one JSON list, each with the line it begins on."""
    raw = path.read_bytes().removeprefix(BOM)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        yield line, BadRecord(f"not UTF-8 at byte {error.start} of the file")
        return
    del raw
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    position = text.index("[") + 1
    first = True
    while True:
        position = _skip_space(text, position)
        line += text.count("\n", counted, position)
        counted = position
        if text.startswith("]", position):
            if text[position + 1 :].strip():
                yield line, BadRecord("there is text behind the end of the JSON list")
            return
        if not first:
            if not text.startswith(",", position):
                yield line, BadRecord("invalid JSON (a comma or the end of the list is missing here)")
                return
            position = _skip_space(text, position + 1)
            line += text.count("\n", counted, position)
            counted = position
        try:
            _, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            at = line + text.count("\n", counted, error.pos)
            yield at, BadRecord(f"invalid JSON ({error.msg}, at character {error.colno} of the line)")
            return
        except RecursionError:
            yield line, BadRecord("JSON nested too deeply")
            return
        # Parsed again by the stricter parser, so that a list takes exactly what JSON lines take.
        yield line, parse(text[position:end].encode("utf-8"), 0)
        position, first = end, False


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


# -- tables ----------------------------------------------------------------------------------------


def _table(path: Path) -> Iterator[Numbered]:
    """Rows of CSV or Parquet as records: empty cells are left out, JSON text of list columns is read."""
    from workbench.store.tabular import numbered_rows

    _, rows = numbered_rows(path)
    for line, row in rows:
        if isinstance(row, BadInput):
            yield line, BadRecord(row.reason)
            continue
        record = {key: value for key, value in row.items() if value is not None and value != ""}
        for name in _NESTED:
            value = record.get(name)
            if isinstance(value, str) and value[:1] in ("[", "{"):
                try:
                    record[name] = orjson.loads(value)
                except orjson.JSONDecodeError:
                    continue  # text that only looks like JSON
        yield line, record
