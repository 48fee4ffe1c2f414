"""FastChat's questions, answers and votes come in by FastChat's rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.importing.files import answer, bench, lines, question, vote
from workbench.errors import BadInput
from workbench.importing import import_paths
from workbench.store import Store


def rows(store: Store, text: str) -> list[dict]:
    return store.sql(text).dicts()


def test_bench_folder_is_imported_as_a_whole_and_only_once(store: Store, tmp_path: Path) -> None:
    folder = bench(tmp_path / "mt_bench")
    report = import_paths(store, [folder])
    assert report.imported == {"questions": 2, "models": 2, "responses": 4}
    assert report.warnings == [] and report.rejected == []
    assert [f.format for f in report.files] == ["fastchat-questions"] + ["fastchat-answers"] * 3
    again = import_paths(store, [folder])
    assert set(again.imported.values()) == {0}
    assert rows(store, "SELECT count(*) AS n FROM imports") == [{"n": 4}]


def test_questions_keep_text_ids_order_reference_and_other_fields(store: Store, tmp_path: Path) -> None:
    import_paths(store, [bench(tmp_path / "mt_bench")])
    first, second = rows(store, "FROM questions ORDER BY position")
    assert (first["question_id"], first["bench"], first["category"]) == ("81", "mt_bench", "writing")
    assert first["turns"] == ["First?", "Second?"] and first["reference"] == ["", "42"]
    assert json.loads(first["meta"]) == {"difficulty": "easy"}
    assert second["position"] == 1 and second["reference"] is None


def test_a_question_file_may_carry_any_other_field(store: Store, tmp_path: Path) -> None:
    file = lines(tmp_path / "b" / "question.jsonl", [question(1, model="who wrote it", answer="x")])
    assert import_paths(store, [file]).imported == {"questions": 1}


def test_vague_folder_names_give_way_to_the_files_name(store: Store, tmp_path: Path) -> None:
    import_paths(store, [lines(tmp_path / "data" / "hard.jsonl", [question(1)])])
    import_paths(store, [lines(tmp_path / "x" / "q.jsonl", [question(2)])], bench="mine")
    assert rows(store, "SELECT bench FROM questions ORDER BY question_id") == [{"bench": "hard"}, {"bench": "mine"}]


def test_file_name_is_the_model_and_the_last_line_wins(store: Store, tmp_path: Path) -> None:
    file = lines(
        tmp_path / "model_answer" / "real-name.jsonl",
        [answer(1, "old"), answer(2, "two"), {**answer(1, "new"), "tstamp": 1.7e9}],
    )
    report = import_paths(store, [file])
    assert report.imported == {"models": 1, "responses": 2}
    assert any("later line" in w for w in report.warnings) and any("model_id differs" in w for w in report.warnings)
    assert any("answers to 2 questions that are not in the store" in w for w in report.warnings)
    found = rows(store, "SELECT model_id, turns, params_hash, created_at FROM responses WHERE question_id = '1'")
    assert found[0]["model_id"] == "real-name" and found[0]["turns"] == ["new"]
    assert found[0]["params_hash"].startswith("import:") and found[0]["created_at"].startswith("2023-11-14T22:13:20")
    assert rows(store, "SELECT engine FROM models") == [{"engine": "import"}]


def test_choices_are_samples_and_reference_answers_are_told_apart(store: Store, tmp_path: Path) -> None:
    several = answer(1)
    several["choices"] = [{"index": 1, "turns": ["b"]}, {"index": 0, "turns": ["a"]}]
    import_paths(store, [lines(tmp_path / "model_answer" / "m.jsonl", [several])])
    assert rows(store, "SELECT sample, turns FROM responses ORDER BY sample") == [
        {"sample": 0, "turns": ["a"]}, {"sample": 1, "turns": ["b"]},
    ]  # fmt: skip
    import_paths(store, [lines(tmp_path / "reference_answer_gpt-4.jsonl", [answer(1, "ref", model_id="gpt-4")])])
    found = rows(store, "SELECT model_id, params_hash, params FROM responses WHERE (params->>'kind') = 'reference'")
    assert found[0]["model_id"] == "gpt-4" and found[0]["params_hash"].startswith("reference:")
    assert rows(store, "SELECT count(*) AS n FROM responses_current") == [{"n": 2}]


def test_an_empty_answer_is_stored_as_a_failure(store: Store, tmp_path: Path) -> None:
    report = import_paths(store, [lines(tmp_path / "model_answer" / "m.jsonl", [answer(1, " ", "")])])
    assert any("1 × empty answer" in w for w in report.warnings)
    assert rows(store, "SELECT state, error, turns FROM responses") == [
        {"state": "error", "error": "empty answer", "turns": [" ", ""]}
    ]


def test_a_changed_answer_is_a_new_row_and_an_appended_file_adds_only_the_rest(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "model_answer" / "m.jsonl"
    import_paths(store, [lines(file, [answer(1, "x", tstamp=1.0)])])
    assert import_paths(store, [lines(file, [answer(1, "x", tstamp=1.0), answer(2, "y")])]).imported["responses"] == 1
    assert import_paths(store, [lines(file, [answer(1, "z", tstamp=2.0)])]).imported["responses"] == 1
    found = rows(store, "SELECT turns FROM responses_current WHERE question_id = '1'")
    assert found == [{"turns": ["z"]}]


def test_human_votes_are_stored_in_name_order_without_questions_or_answers(store: Store, tmp_path: Path) -> None:
    file = lines(
        tmp_path / "human.jsonl",
        [
            vote(1, "zeta", "alpha", "model_a"),
            vote(1, "alpha", "zeta", "model_a", "author_2", turn=2),
            vote(1, "alpha", "zeta", "tie (bothbad)"),
            vote(1, "alpha", "zeta", "tie", language="English"),
            vote(1, "alpha", "zeta", "modedl_b", tstamp=1.7e9),
        ],
    )
    assert import_paths(store, [file]).imported == {"annotations": 5}
    found = rows(store, "FROM annotations ORDER BY position")
    assert {(r["model_a"], r["model_b"]) for r in found} == {("alpha", "zeta")}
    assert [r["verdict"] for r in found] == ["b", "a", "both_bad", "tie", "b"]
    assert [r["presented_order"] for r in found] == ["ba", "ab", "ab", "ab", "ab"]
    assert [r["annotator_kind"] for r in found] == ["human", "author", "human", "human", "human"]
    assert json.loads(found[3]["meta"]) == {"language": "English"}
    assert found[2]["decided_at"] == "1970-01-01T00:00:00.000002"
    assert found[4]["decided_at"].startswith("2023-11-14T22:13:20")


def test_equal_votes_in_one_file_all_stay_and_come_in_once(store: Store, tmp_path: Path) -> None:
    file = lines(tmp_path / "votes.jsonl", [vote(1, "a", "b")] * 3 + [vote(1, "a", "b", "tie")])
    assert import_paths(store, [file]).imported == {"annotations": 4}
    assert import_paths(store, [file]).imported == {"annotations": 0}


@pytest.mark.parametrize(
    ("judge", "name", "template"),
    [
        ("gpt4_pair", "gpt4_pair", "import"),
        (["gpt-4", "pair-v2"], "gpt-4", "pair-v2"),
        ("claude-v1", "claude-v1", "import"),
    ],
)
def test_votes_of_models_are_judgments(store: Store, tmp_path: Path, judge: object, name: str, template: str) -> None:
    file = lines(
        tmp_path / "votes.json",
        [json.dumps([vote(1, "z", "a", "model_a", judge), vote(1, "z", "a", "tie (inconsistent)", judge)])],
    )
    assert import_paths(store, [file]).imported == {"judgments": 2}
    assert import_paths(store, [file]).imported == {"judgments": 0}
    found = rows(store, "FROM judgments ORDER BY verdict")
    assert [(r["judge"], r["template"], r["presented_order"], r["protocol"]) for r in found] == [
        (name, template, "both", "pairwise")
    ] * 2
    assert [(r["verdict"], r["inconsistent"]) for r in found] == [("b", False), ("tie", True)]


def test_who_voted_can_be_said_or_known_from_the_store(store: Store, tmp_path: Path) -> None:
    file = lines(tmp_path / "votes.jsonl", [vote(1, "a", "b", judge="robo")])
    assert import_paths(store, [file], votes_by="judge", dry_run=True).imported == {"judgments": 1}
    store.insert("models", [{"model_id": "robo", "engine": "api", "params": {}, "created_at": "2026-01-01"}])
    assert import_paths(store, [file], dry_run=True).imported == {"judgments": 1}
    assert import_paths(store, [file], votes_by="human").imported == {"annotations": 1}
    with pytest.raises(BadInput, match="votes_by"):
        import_paths(store, [file], votes_by="alien")


def test_votes_are_linked_to_answers_that_are_there(store: Store, tmp_path: Path) -> None:
    folder = bench(tmp_path / "mt_bench")
    votes = lines(folder / "human.jsonl", [vote(81, "vicuna-7b-v1.5", "gpt-4"), vote(82, "vicuna-7b-v1.5", "gpt-4")])
    import_paths(store, [votes, folder])
    linked = rows(
        store,
        "SELECT v.question_id, a.model_id AS a, b.model_id AS b FROM annotations v "
        "LEFT JOIN responses a ON a.response_id = v.response_a LEFT JOIN responses b ON b.response_id = v.response_b "
        "ORDER BY 1",
    )
    assert linked == [
        {"question_id": "81", "a": "gpt-4", "b": "vicuna-7b-v1.5"}, {"question_id": "82", "a": None, "b": None},
    ]  # fmt: skip


def test_arena_and_mad_votes_come_without_question_ids(store: Store, tmp_path: Path) -> None:
    arena = {k: v for k, v in vote(0, "a", "b", anony=True, tstamp=1.0).items() if k != "question_id"}
    mad = {**arena, "judge": "arena_user", "source": "a-vs-b.jsonl", "data": {"instruction": "Why?", "input": ""}}
    report = import_paths(store, [lines(tmp_path / "battles.jsonl", [arena, arena, mad])])
    assert report.imported == {"annotations": 3}
    found = rows(store, "SELECT question_id, meta FROM annotations ORDER BY position")
    assert len({r["question_id"] for r in found}) == 3
    assert json.loads(found[2]["meta"])["data"]["instruction"] == "Why?"
    import_paths(store, [lines(tmp_path / "seeds.jsonl", [{"instruction": "Why?"}])])
    assert rows(store, "SELECT question_id FROM questions") == [{"question_id": found[2]["question_id"]}]


def test_id_prefix_keeps_benches_apart(store: Store, tmp_path: Path) -> None:
    one = lines(tmp_path / "one" / "question.jsonl", [question(1, "A?")])
    two = lines(tmp_path / "two" / "question.jsonl", [question(1, "B?")])
    import_paths(store, [one])
    with pytest.raises(BadInput, match="--id-prefix"):
        import_paths(store, [two])
    import_paths(store, [two], id_prefix="two-")
    assert [r["question_id"] for r in rows(store, "SELECT question_id FROM questions ORDER BY 1")] == ["1", "two-1"]


def test_large_files_go_in_batches(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.importing.writing.ONE_TRANSACTION", 0)
    monkeypatch.setattr("workbench.importing.writing.BATCH_ROWS", 7)
    file = lines(tmp_path / "model_answer" / "m.jsonl", [answer(i, f"{i}") for i in range(100)])
    assert import_paths(store, [file]).imported == {"models": 1, "responses": 100}
    assert import_paths(store, [file]).imported == {"models": 0, "responses": 0}
