"""ROUGE-L and chrF: as the libraries that define them score, symmetric, in any script."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.stages.filling import add_answers, add_questions, all_rows
from workbench.errors import BadInput, EngineError
from workbench.similarity import SimilaritySpec, estimate_similarity, lexical, similarity
from workbench.store import Store

TEXTS = (
    "The cat sat on the mat.", "the Cat sat; on a mat", "A dog ran in the park, 3 times!", "x", "!!!",
    "猫坐在垫子上", "狗坐在垫子下", "Stock markets fell sharply today, and the cat sat down.",
)  # fmt: skip


@pytest.fixture(params=["rouge-l", "chrf"])
def metric(request: pytest.FixtureRequest) -> str:
    pytest.importorskip("rapidfuzz" if request.param == "rouge-l" else "sacrebleu")
    return str(request.param)


def longest_common(a: list[str], b: list[str]) -> int:
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, j in itertools.product(range(len(a)), range(len(b))):
        table[i + 1, j + 1] = table[i, j] + 1 if a[i] == b[j] else max(table[i, j + 1], table[i + 1, j])
    return int(table[-1, -1])


def test_rouge_l_is_its_definition() -> None:
    pytest.importorskip("rapidfuzz")
    by = lexical.RougeL()
    for one, two in itertools.product(TEXTS, repeat=2):
        a, b = lexical.words(one), lexical.words(two)
        common = longest_common(a, b)
        p, r = (common / len(a), common / len(b)) if a and b else (0.0, 0.0)
        assert by.score(by.take(one), by.take(two)) == pytest.approx(2 * p * r / (p + r) if p + r else 0.0)
    assert lexical.words("Don't 猫坐, naïve_text") == ["don", "t", "猫", "坐", "naïve", "text"]


def test_chrf_is_sacrebleus_mean_of_both_directions() -> None:
    chrf = pytest.importorskip("sacrebleu.metrics").CHRF()
    by = lexical.Chrf()
    for one, two in itertools.product(TEXTS, repeat=2):
        wanted = (chrf.sentence_score(one, [two]).score + chrf.sentence_score(two, [one]).score) / 200
        assert by.score(by.take(one), by.take(two)) == pytest.approx(wanted, abs=1e-12), (one, two)


def test_the_stage_saves_them(store: Store, metric: str) -> None:
    add_questions(store, ["a", "b", "c"])
    add_answers(store, {"m-a": [TEXTS[0], TEXTS[5], TEXTS[2]], "m-b": [TEXTS[1], TEXTS[6], None]})
    spec = SimilaritySpec(metric=metric)
    assert (estimate_similarity(store, spec).items, estimate_similarity(store, spec).texts) == (2, 0)
    report = similarity(store, spec)
    assert (report.done, report.total) == (2, 2)
    by = lexical.METRICS[metric]()
    rows = {row["question_id"]: row for row in all_rows(store, "similarities")}
    assert rows["q0"]["score"] == pytest.approx(by.score(by.take(TEXTS[0]), by.take(TEXTS[1])))
    assert rows["q1"]["score"] == pytest.approx(by.score(by.take(TEXTS[5]), by.take(TEXTS[6])))
    assert {(row["metric"], row["metric_version"]) for row in rows.values()} == {(metric, by.version)}
    assert similarity(store, spec).already == 2
    add_answers(store, {"m-c": [TEXTS[3], TEXTS[5], TEXTS[2]]})
    assert (similarity(store, spec).done, len(all_rows(store, "similarities"))) == (5, 7)


def test_they_take_no_model_and_name_a_missing_package(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add_questions(store, ["a"])
    add_answers(store, {"m-a": ["x y"], "m-b": ["x z"]})
    with pytest.raises(BadInput, match="chrf takes no model"):
        similarity(store, SimilaritySpec(metric="chrf", embedder="hashing"))
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu.metrics.helpers", None)
    with pytest.raises(EngineError, match="'sacrebleu' is not installed") as caught:
        similarity(store, SimilaritySpec(metric="chrf"))
    assert "workbench-llm[lexical]" in (caught.value.hint or "")
