"""CSV, Parquet and JSON lines: what goes in comes out, all or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.errors import BadInput
from workbench.store.tabular import read_rows, write_rows

ROWS = [
    {"n": 1, "x": 1.5, "ok": True, "text": 'a,\n"b"', "list": ["p", "q"], "none": None, "mixed": 1},
    {"n": 2, "x": 2, "ok": None, "text": "=1+1\0", "list": [], "none": None, "mixed": "z"},
]


def test_parquet_keeps_types(tmp_path: Path) -> None:
    file = tmp_path / "odd [1] *.parquet"
    assert write_rows(file, "parquet", None, ROWS) == 2
    columns, rows = read_rows(file)
    assert columns == list(ROWS[0])
    assert list(rows) == [{**ROWS[0], "mixed": "1"}, {**ROWS[1], "mixed": '"z"'}]


def test_csv_is_raw_text(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    assert write_rows(file, "csv", ["n", "ok", "text", "list", "none"], iter(ROWS)) == 2
    _, rows = read_rows(file)
    assert list(rows) == [
        {"n": "1", "ok": "true", "text": 'a,\n"b"', "list": '["p","q"]', "none": ""},
        {"n": "2", "ok": "", "text": "=1+1\0", "list": "[]", "none": ""},
    ]


def test_jsonl(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    write_rows(file, "jsonl", None, ROWS)
    assert [json.loads(line) for line in file.read_text().splitlines()] == ROWS


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
def test_no_rows(tmp_path: Path, format: str) -> None:
    file = tmp_path / f"t.{format}"
    assert write_rows(file, format, ["a", "b"], []) == 0
    if format != "jsonl":
        columns, rows = read_rows(file)
        assert columns == ["a", "b"] and list(rows) == []


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, format: str) -> None:
    def broken() -> object:
        yield ROWS[0]
        raise RuntimeError("gone")

    file = tmp_path / "t"
    file.write_text("old")
    with pytest.raises(RuntimeError):
        write_rows(file, format, None, broken(), force=True)  # type: ignore[arg-type]
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_refusals(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("old")
    with pytest.raises(BadInput, match="exists"):
        write_rows(file, "csv", None, ROWS)
    with pytest.raises(BadInput, match="directory"):
        write_rows(tmp_path, "csv", None, ROWS, force=True)
    with pytest.raises(BadInput, match="cannot be written"):
        write_rows(tmp_path / "no" / "t.csv", "csv", None, ROWS)
    with pytest.raises(BadInput, match="standard output"):
        write_rows("-", "parquet", None, ROWS)
    with pytest.raises(BadInput, match="table format"):
        write_rows(tmp_path / "x", "xlsx", None, ROWS)
    with pytest.raises(BadInput, match="ordinary"):
        write_rows("/dev/null", "csv", None, ROWS, force=True)


def test_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_rows("-", "csv", ["n"], ROWS)
    assert capfdbinary.readouterr().out == b"n\n1\n2\n"


def test_csv_delimiters_and_headers(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    for text in ("a;b\n1;2\n", "a\tb\n1\t2\n", "\ufeffa|b\n1|2\n", "a,b\r\n1,2\r\n"):
        file.write_bytes(text.encode())
        columns, rows = read_rows(file)
        assert (columns, list(rows)) == (["a", "b"], [{"a": "1", "b": "2"}])
    file.write_text("a,a\n1,2\n")
    with pytest.raises(BadInput, match="two columns"):
        read_rows(file)
    file.write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(BadInput, match="byte 6"):
        list(read_rows(file)[1])
