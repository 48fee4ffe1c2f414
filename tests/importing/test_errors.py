"""A bad file is told by file, line, field and reason, and nothing of the import is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.importing.files import answer, lines, question, vote
from workbench.errors import BadInput, Incomplete
from workbench.importing import import_paths
from workbench.progress import Silent
from workbench.store import Store


def count(store: Store, table: str) -> int:
    return store.sql(f"SELECT count(*) FROM {table}").rows[0][0]


BAD_QUESTIONS = [
    ({"category": "x", "turns": ["a"]}, "question_id", "missing"),
    ({"question_id": 2}, "turns", "missing"),
    ({"question_id": None, "turns": ["a"]}, "question_id", "null"),
    ({"question_id": " ", "turns": ["a"]}, "question_id", "empty"),
    ({"question_id": 1.5, "turns": ["a"]}, "question_id", "whole number"),
    ({"question_id": True, "turns": ["a"]}, "question_id", "true/false"),
    ({"question_id": 2, "turns": []}, "turns", "empty list"),
    ({"question_id": 2, "turns": "a"}, "turns", "list of texts"),
    ({"question_id": 2, "turns": ["a", 3]}, "turns", "turn 2"),
    ({"question_id": 2, "turns": ["a", "  "]}, "turns", "turn 2 is empty"),
    ({"question_id": 2, "turns": ["a"], "reference": [1]}, "reference", "turn 1"),
    ({"question_id": 2, "turns": ["a"], "category": ["x"]}, "category", "text"),
    ({"question_id": 1, "turns": ["First?"]}, "question_id", "line 1"),
    ("[1, 2]", None, "JSON object"),
    ("{nope}", None, "invalid JSON"),
    ('{"question_id": 2, "turns": ["a"], "x": NaN}', None, "NaN is not a JSON number"),
    ('{"question_id": 2, "turns": ["\\ud800"]}', None, "surrogate"),
    ("[" * 5000, None, "nested deeper"),
    ('{"question_id": 2, "turns": ["a"], "x": ' + "[" * 300 + "]" * 300 + "}", "x", "nested deeper"),
]


@pytest.mark.parametrize(("bad", "field", "reason"), BAD_QUESTIONS, ids=range(len(BAD_QUESTIONS)))
def test_bad_questions(store: Store, tmp_path: Path, bad: object, field: str | None, reason: str) -> None:
    file = lines(tmp_path / "bench" / "question.jsonl", [question(1, "First?"), bad, question(3)])
    with pytest.raises(BadInput) as caught:
        import_paths(store, [file])
    error = caught.value
    assert (error.file, error.line, error.field) == (str(file), 2, field) and reason in error.reason
    assert "--skip-bad" in (error.hint or "") and error.exit_code == 2
    assert count(store, "questions") == 0
    report = import_paths(store, [file], skip_bad=True)
    assert report.imported == {"questions": 2} and report.n_rejected == 1
    assert [(r.line, r.field) for r in report.rejected] == [(2, field)]
    assert store.sql("SELECT rows, rejected FROM imports").rows == [[3, 1]]


BAD_ANSWERS = [
    ({"choices": []}, "choices", "empty list"),
    ({"choices": "x"}, "choices", "list of objects"),
    ({"choices": [["x"]]}, "choices", "entry 1 must be an object"),
    ({"choices": [{"index": 0}]}, "choices", "no turns"),
    ({"choices": [{"index": -1, "turns": ["x"]}]}, "choices[0].index", "at least 0"),
    ({"choices": [{"index": 0, "turns": ["x"]}] * 2}, "choices", "twice"),
    ({"choices": [{"index": 0, "turns": [None]}]}, "choices[0].turns", "turn 1"),
    ({"tstamp": "yesterday"}, "tstamp", "ISO 8601"),
    ({"tstamp": 1.7e12}, "tstamp", "seconds"),
    ({"model_id": ["x"]}, "model_id", "text"),
]


@pytest.mark.parametrize(("change", "field", "reason"), BAD_ANSWERS, ids=range(len(BAD_ANSWERS)))
def test_bad_answers(store: Store, tmp_path: Path, change: dict, field: str, reason: str) -> None:
    file = lines(tmp_path / "model_answer" / "m.jsonl", [answer(1), {**answer(2), **change}])
    with pytest.raises(BadInput, match=reason) as caught:
        import_paths(store, [file])
    assert (caught.value.line, caught.value.field) == (2, field)
    assert count(store, "responses") == count(store, "models") == 0


BAD_VOTES = [
    ({"winner": "model_c"}, "winner", "must be one of model_a, model_b, tie"),
    ({"winner": 1}, "winner", "must be one of"),
    ({"model_b": "a"}, "model_b", "same as model_a"),
    ({"model_a": None}, "model_a", "null"),
    ({"turn": 0}, "turn", "positive"),
    ({"turn": "first"}, "turn", "positive"),
    ({"turn": 1.5}, "turn", "positive"),
    ({"turn": 2**40}, "turn", "positive"),
    ({"judge": {}}, "judge", "text"),
    ({"judge": []}, "judge", "empty list"),
    ({"tstamp": -1}, "tstamp", "seconds"),
]


@pytest.mark.parametrize(("change", "field", "reason"), BAD_VOTES, ids=range(len(BAD_VOTES)))
def test_bad_votes(store: Store, tmp_path: Path, change: dict, field: str, reason: str) -> None:
    text = json.dumps([vote(1, "a", "b"), {**vote(2, "a", "b"), **change}], indent=2)
    file = tmp_path / "votes.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=reason) as caught:
        import_paths(store, [file])
    # A list is told by the line on which the item begins.
    assert (caught.value.line, caught.value.field) == (2 + text[: text.rindex("{")].count("\n") - 1, field) or (
        change == {"judge": {}}
    )
    assert count(store, "annotations") == 0


def test_encodings(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "question.jsonl"
    good = json.dumps(question(1)).encode()
    file.write_bytes(b"\xef\xbb\xbf" + good + b"\r\n\r\n" + json.dumps(question(2)).encode())
    assert import_paths(store, [file], dry_run=True).imported == {"questions": 2}
    file.write_bytes(good + b'\n{"question_id": "\xff"}\n')
    with pytest.raises(BadInput, match=f"not UTF-8 at byte {len(good) + 18}") as caught:
        import_paths(store, [file])
    assert caught.value.line == 2
    file.write_bytes("[]".encode("utf-16"))
    with pytest.raises(BadInput, match="UTF-16"):
        import_paths(store, [file])
    file.write_bytes(b"\x1f\x8b\x08\x00 packed")
    with pytest.raises(BadInput, match="gzip"):
        import_paths(store, [file])


def test_zero_bytes_in_text_are_kept(store: Store, tmp_path: Path) -> None:
    import_paths(store, [lines(tmp_path / "b" / "question.jsonl", [question(1, "a\0b")])])
    assert store.query("import_questions", ids=["1"])[0]["turns"] == ["a\0b"]


def test_files_that_cannot_be_read_at_all(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        import_paths(store, [tmp_path / "nope.jsonl"])
    with pytest.raises(BadInput, match="nothing in this folder"):
        import_paths(store, [tmp_path])
    with pytest.raises(BadInput, match="nothing to import"):
        import_paths(store, [])
    (tmp_path / "e.jsonl").write_text(" \n")
    with pytest.raises(BadInput, match="the file is empty"):
        import_paths(store, [tmp_path / "e.jsonl"])
    (tmp_path / "l.json").write_text("[]")
    with pytest.raises(BadInput, match="no records"):
        import_paths(store, [tmp_path / "l.json"])
    (tmp_path / "t.json").write_text('[{"prompt": "a"} {"prompt": "b"}]')
    with pytest.raises(BadInput, match="comma"):
        import_paths(store, [tmp_path / "t.json"])


def test_bad_csv_rows_are_told_by_line(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text('id,prompt\n1,"two\nlines"\n2\n3,fine\n')
    with pytest.raises(BadInput, match="1 cells, the header 2") as caught:
        import_paths(store, [file])
    assert caught.value.line == 4
    assert import_paths(store, [file], skip_bad=True).imported == {"questions": 2}
    file.write_text('id,prompt\n1,"never closed\n')
    with pytest.raises(BadInput, match="no CSV row"):
        import_paths(store, [file])
    (tmp_path / "p.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(BadInput, match="Parquet"):
        import_paths(store, [tmp_path / "p.parquet"])


def test_one_bad_file_refuses_all_files_of_the_command(store: Store, tmp_path: Path) -> None:
    good = lines(tmp_path / "a" / "question.jsonl", [question(1)])
    bad = lines(tmp_path / "b" / "question.jsonl", [question(2, ""), question(3, ""), question(4)])
    with pytest.raises(BadInput, match=r"and 1 more bad line\)"):
        import_paths(store, [good, bad])
    assert count(store, "questions") == 0
    clash = lines(tmp_path / "c" / "question.jsonl", [question(1, "Other?")])
    with pytest.raises(BadInput, match="is another question in"):
        import_paths(store, [good, clash])


def test_a_file_of_bad_lines_only_is_an_error_even_when_they_may_be_skipped(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="1 more"):
        import_paths(
            store, [lines(tmp_path / "question.jsonl", ["{", "{"])], skip_bad=True, format="fastchat-questions"
        )


def test_a_cancelled_import_stores_nothing_half(store: Store, tmp_path: Path) -> None:
    class Stopped(Silent):
        cancelled = True

    file = lines(tmp_path / "b" / "question.jsonl", [question(1)])
    with pytest.raises(Incomplete, match="nothing was stored"):
        import_paths(store, [file], progress=Stopped())
    assert count(store, "questions") == 0
