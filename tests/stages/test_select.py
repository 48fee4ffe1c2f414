"""The selection stage on a store: filters in both readings, ties, λ, control arm, and real answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.stages.filling import add_answers, add_questions, all_rows
from workbench.errors import BadInput, Unknown
from workbench.records import utcnow
from workbench.select import SelectSpec, estimate_select, select
from workbench.similarity import SimilaritySpec, similarity
from workbench.store import Store

LONG = "this answer has just enough words in it to get past the filter that wants more than twenty of them in each one"


def put_scores(store: Store, scores: dict[str, float], metric: str = "embedding", version: str = "") -> None:
    """Similarities of models a and b by question."""
    ids = {(r["question_id"], r["model_id"]): r["response_id"] for r in all_rows(store, "responses")}
    store.insert(
        "similarities",
        [
            {
                "question_id": q, "response_a": ids[q, "a"], "response_b": ids[q, "b"], "metric": metric,
                "metric_version": version, "score": score, "created_at": utcnow(),
            }
            for q, score in scores.items()
        ],
    )  # fmt: skip


def picked(store: Store, arm: str = "selected", name: str = "s") -> list[str]:
    rows = all_rows(store, f"selections WHERE name = '{name}' AND arm = '{arm}'", "model_a, model_b, rank")
    return [row["question_id"] for row in rows]


def test_least_similar_first_ties_in_file_order(store: Store) -> None:
    add_questions(store, [f"question {i}" for i in range(12)])
    add_answers(store, {"b": [LONG] * 12, "a": [LONG] * 12})
    put_scores(store, {f"q{i}": 0.5 if i % 2 else 0.9 for i in range(12)} | {"q4": 0.1}, "own", "1")
    report = select(store, SelectSpec(metric="own", name="s", top_k=4))
    assert picked(store) == ["q4", "q1", "q3", "q5"]
    assert (report.done, report.already) == (4, 0)
    rows = all_rows(store, "selections", "rank")
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert {(r["method"], r["mode"], r["metric"], r["metric_version"], r["k"], r["diversity"]) for r in rows} == {
        ("mad", "corrected", "own", "1", 4, 0.0)
    }
    assert [row["score"] for row in rows] == [row["similarity"] for row in rows] == [0.1, 0.5, 0.5, 0.5]


def test_the_same_call_gives_the_same_selection(store: Store) -> None:
    add_questions(store, [f"question {i}" for i in range(12)])
    add_answers(store, {"b": [LONG] * 12, "a": [LONG] * 12})
    put_scores(store, {f"q{i}": i / 12 for i in range(12)}, "own", "1")
    spec = SelectSpec(metric="own", name="s", top_k=3, control=4)
    assert estimate_select(store, spec).items == 7
    assert select(store, spec).done == 7
    again = select(store, spec)
    assert (again.done, again.already) == (0, 7)
    assert len(all_rows(store, "selections")) == 7
    control = picked(store, "control")
    assert len(set(control)) == 4 and not set(control) & set(picked(store))
    for other in ({"control": 5}, {"top_k": 4}, {"mode": "compat"}, {"diversity": 0.1}, {"bench": "b"}):
        with pytest.raises(BadInput, match="made with other options") as caught:
            select(store, replace(spec, **other))  # type: ignore[arg-type]
        assert "--extend s" in (caught.value.hint or "") and "--name" in (caught.value.hint or "")
    select(store, replace(spec, name=None))
    select(store, replace(spec, name=None, control=5))  # names made of the options differ by themselves
    assert len({row["name"] for row in all_rows(store, "selections")}) == 3


def test_filters_and_what_they_dropped(store: Store) -> None:
    words = [f"word{i}" for i in range(40)]
    chinese = "今天天气很好我们一起去公园散步然后回家吃饭看电视睡觉明天再来" * 2
    thai = "วันนี้อากาศดีมากเราไปเดินเล่นที่สวนสาธารณะด้วยกันไหม" * 2
    twenty, twenty_one = " ".join(words[:20]), " ".join(words[:21])
    pairs = [
        (twenty_one, twenty_one),
        (twenty, twenty_one),  # 20 words are too few
        (twenty_one, "  \n"),  # blank
        ("x " * 21 + "y" * 118, "x " * 20 + "y"),  # 160 to 41 characters: under 4 in both
        ("x " * 21 + "y" * 122, "x " * 20 + "y"),  # 164 / 41 = 4: dropped; 164 / 42 is not
        (chinese, chinese),
        (thai, thai),
        ("a\u3000b\u00a0" * 11, "c\x1cd\x85" * 11),  # 22 words by any space there is
        (None, twenty_one),
        (twenty_one, twenty_one),  # not compared
    ]
    add_questions(store, [f"question {i}" for i in range(len(pairs))])
    add_answers(store, {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]})
    put_scores(store, {f"q{i}": i / 100 for i in range(8)}, "own", "1")
    report = select(store, SelectSpec(metric="own", name="s", top_k=10))
    assert picked(store) == ["q0", "q3", "q5", "q6", "q7"]
    notes = " | ".join(report.notes)
    assert "1 item left out: an answer is blank" in notes
    assert "1 item left out: one answer is 4 times" in notes
    assert "1 item left out: an answer has 20 words" in notes
    assert "1 item left out: not compared" in notes
    assert "1 pair of models had fewer than 10 items" in notes
    select(store, SelectSpec(metric="own", name="c", top_k=10, mode="compat"))
    assert picked(store, name="c") == ["q0", "q3", "q4", "q7"]


def test_only_the_first_turn_counts(store: Store) -> None:
    add_questions(store, [["one", "two"], ["one", "two"]])
    add_answers(store, {"a": [[LONG, "x"], ["short", LONG]], "b": [[LONG, "y " * 900], ["short", LONG]]})
    put_scores(store, {"q0": 0.3, "q1": 0.1}, "own", "1")
    select(store, SelectSpec(metric="own", name="s"))
    assert picked(store) == ["q0"]


def test_errors_say_what_to_do(store: Store) -> None:
    add_questions(store, ["q"])
    add_answers(store, {"a": [LONG], "b": [LONG]})
    with pytest.raises(BadInput, match="no answers were compared") as caught:
        select(store, SelectSpec())
    assert "workbench similarity" in (caught.value.hint or "")
    with pytest.raises(Unknown, match="unknown metric 'bert'"):
        select(store, SelectSpec(metric="bert"))
    for wrong in ({"top_k": 0}, {"diversity": -1.0}, {"diversity": float("nan")}, {"control": -1}):
        with pytest.raises(BadInput):
            select(store, SelectSpec(**wrong))  # type: ignore[arg-type]


# -- real answers ----------------------------------------------------------------------------------


def mad_files(folder: Path) -> list[Path]:
    return sorted((folder / "mad").glob("*-vs-*.jsonl"))


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("diversity", [0.0, 0.5])
def test_real_answers_as_the_published_rule_picks_them(
    store: Store, shared_data: Path, which: int, diversity: float
) -> None:
    """Filters and greedy choice of the compat reading against the rule written out plainly in Python."""
    from tests.stages.test_select_rule import published
    from workbench.engines.registry import BUILTIN_EMBEDDERS, open_embedder
    from workbench.similarity.cache import text_key
    from workbench.similarity.embedding import embedding_cache

    path = mad_files(shared_data)[which]
    items: list[dict[str, Any]] = [json.loads(line) for line in path.read_text("utf-8").splitlines()][:400]
    add_questions(store, [item["instruction"] for item in items])
    add_answers(store, {"a": [item["response_1"] for item in items], "b": [item["response_2"] for item in items]})
    similarity(store, SimilaritySpec())
    select(store, SelectSpec(mode="compat", diversity=diversity, name="s"))

    scores = {row["question_id"]: row["score"] for row in all_rows(store, "similarities")}
    kept = []
    for i, item in enumerate(items):
        one, two = item["response_1"], item["response_2"]
        longer, shorter = max(len(one), len(two)), min(len(one), len(two))
        if one.strip() and two.strip() and longer / (shorter + 1) < 4 and min(len(one.split()), len(two.split())) > 20:
            kept.append(i)
    cache = embedding_cache(store, open_embedder(BUILTIN_EMBEDDERS["hashing"]))
    import numpy as np

    vectors = np.zeros((len(kept), 1), np.float32)
    if diversity:
        vectors = cache.unit_vectors([text_key(items[i]["instruction"].replace("\n", " ")) for i in kept])
    chosen = published(np.array([scores[f"q{i}"] for i in kept]), 10, diversity, vectors)
    assert picked(store) == [f"q{kept[i]}" for i in chosen]
