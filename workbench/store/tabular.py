"""Rows of CSV and Parquet files in and out, and of JSON lines out.

Parquet goes through an in-memory DuckDB connection of this process, which has nothing to do with any
store. CSV is read here line by line, so that every row knows the line it began on.

CSV has text only: lists and objects are written as JSON text, nothing as an empty cell. Cells are raw:
text of a model that begins with ``=``, ``+``, ``-`` or ``@`` stays as it is, and a spreadsheet program
may take it for a formula. Open such a file as text columns.
"""

from __future__ import annotations

import contextlib
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from workbench.errors import BadInput

if TYPE_CHECKING:
    import duckdb

TABULAR = ("jsonl", "csv", "parquet")
_FETCH = 1_000

Rows = Iterable[Mapping[str, Any]]


def read_rows(path: Path) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Columns and rows of a CSV or Parquet file (told apart by content), a few at a time.

    CSV cells are text. Parquet values are plain JSON types: times become ISO 8601 text.

    Raises:
        BadInput: unreadable, or (while iterating) a bad row, with its line.
    """
    columns, rows = numbered_rows(path)
    return columns, _unnumbered(rows)


def _unnumbered(rows: Iterator[tuple[int, dict[str, Any] | BadInput]]) -> Iterator[dict[str, Any]]:
    for _, row in rows:
        if isinstance(row, BadInput):
            raise row
        yield row


def numbered_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, Any] | BadInput]]]:
    """As ``read_rows``, each row with its line (CSV) or number (Parquet) from 1; a bad row is handed over, not raised.

    Raises:
        BadInput: the file cannot be read at all.
    """
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            return _parquet_rows(path)
    return _csv_rows(path)


# -- CSV -------------------------------------------------------------------------------------------


def _csv_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, Any] | BadInput]]]:
    csv.field_size_limit(2**31 - 1)  # answers are longer than the 128 kB that the module allows by itself
    with path.open("rb") as file:
        head = file.readline().decode("utf-8-sig", "replace")
    reader = csv.reader(_decoded(path), delimiter=_delimiter(path, head), strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise BadInput(f"the header is no CSV ({error})", file=str(path), line=1) from None
    if not columns:
        raise BadInput("the file is empty", file=str(path))
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise BadInput("two columns have this name", file=str(path), line=1, field=twice[0])
    return columns, _csv_body(path, reader, columns)


def _decoded(path: Path) -> Iterator[str]:
    """Lines of a UTF-8 file; a byte order mark is left out."""
    offset = 0
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            try:
                yield raw.decode("utf-8-sig" if line == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise BadInput(
                    f"not UTF-8 at byte {offset + error.start} of the file",
                    file=str(path),
                    line=line,
                    hint="save the file as UTF-8",
                ) from None
            offset += len(raw)


def _delimiter(path: Path, head: str) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    # max() keeps the first of equals: a comma unless another occurs more often.
    return max(",\t;|", key=head.count)


def _csv_body(
    path: Path, reader: Iterator[list[str]], columns: list[str]
) -> Iterator[tuple[int, dict[str, Any] | BadInput]]:
    while True:
        line = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # What follows cannot be told apart into rows any more.
            yield line, BadInput(f"no CSV row begins here ({error})", file=str(path), line=line)
            return
        except BadInput as error:
            yield line, error
            return
        if not cells:
            continue
        if len(cells) != len(columns):
            reason = f"the row has {len(cells)} cells, the header {len(columns)}"
            yield line, BadInput(reason, file=str(path), line=line)
            continue
        yield line, dict(zip(columns, cells, strict=True))


# -- Parquet ---------------------------------------------------------------------------------------


def _memory() -> duckdb.DuckDBPyConnection:
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "memory_limit": "1GB",
        "threads": "2",
    }
    return duckdb.connect(":memory:", config=config)


def _literal_path(path: Path) -> str:
    """A path in which DuckDB sees no wildcards."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path.absolute()))


def _parquet_rows(path: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, Any] | BadInput]]]:
    import duckdb

    connection = _memory()
    try:
        cursor = connection.execute("SELECT * FROM read_parquet($path)", {"path": _literal_path(path)})
    except duckdb.Error as error:
        raise BadInput(f"cannot be read as Parquet ({_short(error)})", file=str(path)) from None
    columns = [str(column[0]) for column in cursor.description or []]
    return columns, _parquet_body(path, cursor, columns)


def _parquet_body(
    path: Path, cursor: duckdb.DuckDBPyConnection, columns: list[str]
) -> Iterator[tuple[int, dict[str, Any] | BadInput]]:
    import duckdb

    number = 0
    while True:
        try:
            rows = cursor.fetchmany(_FETCH)
        except duckdb.Error as error:
            reason = f"damaged after row {number} ({_short(error)})"
            yield number + 1, BadInput(reason, file=str(path), line=number + 1)
            return
        for row in rows:
            number += 1
            yield number, {name: _plain(value) for name, value in zip(columns, row, strict=True)}
        if len(rows) < _FETCH:
            return


def _short(error: Exception) -> str:
    return str(error).split("\n")[0][:200]


def _plain(value: Any) -> Any:
    """A Parquet value as JSON would hold it."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, bytes | bytearray):
        # Text columns of older writers carry no text mark.
        return bytes(value).decode("utf-8") if _is_utf8(bytes(value)) else bytes(value).hex()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return float(value) if hasattr(value, "__float__") else str(value)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


# -- writing ---------------------------------------------------------------------------------------


def write_rows(path: Path | str, format: str, columns: Sequence[str] | None, rows: Rows, *, force: bool = False) -> int:
    """Write rows as ``jsonl``, ``csv`` or ``parquet``; all or nothing. Returns how many.

    ``path`` ``"-"`` is standard output (not for Parquet). ``columns`` names and orders them; ``None`` takes those
    of the first row. A Parquet column holds the narrowest of BOOLEAN, BIGINT, DOUBLE, VARCHAR and VARCHAR[] that
    fits its values; other values become JSON text.

    Raises:
        BadInput: unknown format, the file exists and ``force`` is not set, or it cannot be written.
    """
    if format not in TABULAR:
        raise BadInput(f"no such table format: '{format}'", hint="formats: " + ", ".join(TABULAR))
    if str(path) == "-":
        if format == "parquet":
            raise BadInput("Parquet cannot go to standard output", hint="name a file, or use --format jsonl")
        count = _write_text(sys.stdout.buffer, format, columns, rows)
        sys.stdout.buffer.flush()
        return count
    with replacing(Path(path), force=force) as part:
        if format == "parquet":
            return _write_parquet(part, columns, rows)
        with part.open("wb") as out:
            return _write_text(out, format, columns, rows)


@contextlib.contextmanager
def replacing(path: Path, *, force: bool = False) -> Iterator[Path]:
    """A new file beside ``path`` to write to, which takes its place when the block ends without an error.

    Raises:
        BadInput: ``path`` exists and ``force`` is not set, is a directory, or cannot be written.
    """
    if path.is_dir():
        raise BadInput("this is a directory", file=str(path), hint="name a file in it")
    if path.exists() and not path.is_file():
        raise BadInput("this is no ordinary file", file=str(path), hint="'-' is standard output")
    if path.exists() and not force:
        raise BadInput("this file exists", file=str(path), hint="choose another name, or add --force")
    part: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=".export-", suffix=".part", dir=path.parent)
        part = Path(name)
        os.close(handle)
        # mkstemp makes files private; an export is an ordinary file.
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        yield part
        part.replace(path)
    except OSError as error:
        raise BadInput(f"cannot be written ({error.strerror or error})", file=str(path)) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _write_text(out: IO[bytes], format: str, columns: Sequence[str] | None, rows: Rows) -> int:
    return _write_csv(out, columns, rows) if format == "csv" else _write_jsonl(out, columns, rows)


def _write_jsonl(out: IO[bytes], columns: Sequence[str] | None, rows: Rows) -> int:
    from workbench.store.wire import dumps

    count = 0
    for row in rows:
        out.write(dumps(row if columns is None else {name: row.get(name) for name in columns}) + b"\n")
        count += 1
    return count


def _write_csv(out: IO[bytes], columns: Sequence[str] | None, rows: Rows) -> int:
    class Encoded:
        """What ``csv`` writes to: text in, UTF-8 out."""

        def write(self, text: str) -> int:
            return out.write(text.encode("utf-8", "replace"))

    writer = csv.writer(Encoded(), lineterminator="\n")
    names = columns
    if names is not None:
        writer.writerow(names)
    count = 0
    for row in rows:
        if names is None:
            names = list(row)
            writer.writerow(names)
        writer.writerow([_cell(row.get(name)) for name in names])
        count += 1
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else _json_text(value)


def _json_text(value: Any) -> str:
    from workbench.store.wire import dumps

    return dumps(value).decode("utf-8")


#: Test of a value → DuckDB type, narrowest first. ``bool`` is an ``int`` to Python, so it comes before.
_TYPES: tuple[tuple[str, Callable[[Any], bool]], ...] = (
    ("BOOLEAN", lambda v: isinstance(v, bool)),
    ("BIGINT", lambda v: isinstance(v, int) and not isinstance(v, bool) and -(2**63) <= v < 2**63),
    ("DOUBLE", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    ("VARCHAR", lambda v: isinstance(v, str)),
    ("VARCHAR[]", lambda v: isinstance(v, list) and all(isinstance(entry, str) for entry in v)),
)


def _write_parquet(part: Path, columns: Sequence[str] | None, rows: Rows) -> int:
    """Two steps, because a column's type is known only after its last row: JSON lines, then Parquet."""
    import duckdb

    with tempfile.NamedTemporaryFile(dir=part.parent, prefix=".export-", suffix=".jsonl") as spool:
        names, types, longest, count = _spool(spool, columns, rows)
        spool.flush()
        if not names:
            raise BadInput("there are no rows and no columns to write as Parquet", file=str(part))
        quoted = [name.replace('"', '""') for name in names]
        # A column that cannot have one type is read as JSON, which keeps each value, and written as text.
        select = ", ".join(
            f'CAST("{q}" AS VARCHAR) AS "{q}"' if types[name] == "JSON" else f'"{q}"'
            for q, name in zip(quoted, names, strict=True)
        )
        source = "read_json($path, format := 'newline_delimited', columns := $columns, maximum_object_size := $size)"
        params = {"path": _literal_path(Path(spool.name)), "columns": types, "size": max(longest * 2, 16 << 20)}
        try:
            _memory().sql(f"SELECT {select} FROM {source}", params=params).write_parquet(
                str(part), compression="zstd", overwrite=True
            )
        except duckdb.Error as error:
            raise BadInput(f"cannot be written as Parquet ({_short(error)})", file=str(part)) from error
    return count


def _spool(spool: IO[bytes], columns: Sequence[str] | None, rows: Rows) -> tuple[list[str], dict[str, str], int, int]:
    """Rows as JSON lines, with the type that fits each column. Returns names, types, longest line, rows."""
    from workbench.store.wire import dumps

    names = list(columns) if columns is not None else []
    fitting: dict[str, set[str]] = {}
    longest = count = 0
    for row in rows:
        if not names:
            names = list(row)
        for name in names:
            value = row.get(name)
            if value is not None:
                fits = {kind for kind, test in _TYPES if test(value)}
                fitting[name] = fitting[name] & fits if name in fitting else fits
        line = dumps({name: row.get(name) for name in names}) + b"\n"
        spool.write(line)
        longest = max(longest, len(line))
        count += 1
    order = [kind for kind, _ in _TYPES]
    types = {
        name: min(fitting[name], key=order.index, default="JSON") if name in fitting else "VARCHAR" for name in names
    }
    return names, types, longest, count
