"""Every metric comes out in MAD-Eval's own form; scores of two versions never in one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engines.fake_openai import FakeOpenAI
from tests.stages.filling import add_answers, add_model, add_questions, all_rows
from workbench.errors import BadInput, Unknown
from workbench.exporting import export
from workbench.progress import Silent
from workbench.records import utcnow
from workbench.similarity import SimilaritySpec, estimate_similarity, similarity
from workbench.store import Store


def rated(body: dict) -> str:
    asked = json.dumps(body["messages"])
    if "answer b 1" in asked:
        return "I would rather not say."
    return json.dumps({"score": 0.25 if "answer b 0" in asked else 0.5, "explanation": "both \x1b[31mtalk"})


@pytest.fixture
def answered(store: Store) -> Store:
    add_questions(store, ["q zero", "q one", "q two"])
    add_answers(store, {"m-a": [f"answer a {i}" for i in range(3)], "m-b": [f"answer b {i}" for i in range(3)]})
    return store


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_judged_with_explanations_and_two_for_unread(answered: Store, tmp_path: Path) -> None:
    with FakeOpenAI(reply=rated) as server:
        add_model(answered, "kind", server.url)
        spec = SimilaritySpec(metric="judge", embedder="kind")
        estimate = estimate_similarity(answered, spec)
        assert (estimate.stage, estimate.items, estimate.requests) == ("similarity", 3, 3)
        report = similarity(answered, spec, Silent())
        assert (report.stage, report.done, dict(report.states)) == ("similarity", 3, {"ok": 2, "unparsed": 1})
        assert similarity(answered, spec).already == 3
    assert {row["metric"] for row in all_rows(answered, "similarities")} == {"kind"}
    assert export(answered, "similarities", "mad-similarity", tmp_path / "out", metric="kind") == 3
    found = read(tmp_path / "out" / "m-a-vs-m-b.jsonl")
    assert [row["score"] for row in found] == [0.25, 2.0, 0.5]
    assert [row["explanation"] for row in found] == ["both \x1b[31mtalk", "", "both \x1b[31mtalk"]
    assert set(found[0]) >= {"instruction", "input", "output", "response_1", "response_2", "source"}


@pytest.mark.parametrize("metric", ["bertscore-f1", "bertscore-p", "rouge-l", "chrf", "embedding", "bertscore"])
def test_every_metric_of_rows(answered: Store, tmp_path: Path, metric: str) -> None:
    answers = {(r["model_id"], r["question_id"]): r["response_id"] for r in all_rows(answered, "responses")}
    names = ("bertscore-p", "bertscore-r", "bertscore-f1", "rouge-l", "chrf", "embedding")
    answered.insert(
        "similarities",
        [
            {"question_id": f"q{i}", "response_a": answers["m-a", f"q{i}"], "response_b": answers["m-b", f"q{i}"],
             "metric": name, "metric_version": f"{name} v1", "score": place + i / 8, "created_at": utcnow()}
            for place, name in enumerate(names) for i in range(3)
        ],
    )  # fmt: skip
    with pytest.raises(BadInput, match="similarities by bertscore-f1, bertscore-p"):
        export(answered, "similarities", "mad-similarity", tmp_path / "none")
    with pytest.raises(Unknown, match="unknown metric 'bertscore-f2'"):
        export(answered, "similarities", "mad-similarity", tmp_path / "none", metric="bertscore-f2")
    assert export(answered, "similarities", "mad-similarity", tmp_path / "out", metric=metric) == 3
    place = names.index("bertscore-f1" if metric == "bertscore" else metric)
    found = read(tmp_path / "out" / "m-a-vs-m-b.jsonl")
    assert [row["score"] for row in found] == [place, place + 0.125, place + 0.25]
    assert found[0]["response_1"] == "answer a 0" and found[0]["response_2"] == "answer b 0"


def test_versions_are_not_mixed(answered: Store, tmp_path: Path) -> None:
    similarity(answered, SimilaritySpec())
    with FakeOpenAI() as server:
        add_model(answered, "enc", server.url)
        similarity(answered, SimilaritySpec(embedder="enc", limit=2))
    assert export(answered, "similarities", "mad-similarity", tmp_path / "out", metric="embedding") == 2
