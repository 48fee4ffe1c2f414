"""The similarity stage: every pair once, embeddings kept, only what is missing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.engines.fake_openai import FakeOpenAI, Fault
from tests.stages.filling import add_answers, add_model, add_questions, all_rows
from workbench.engines.registry import BUILTIN_EMBEDDERS, open_embedder
from workbench.errors import BadInput, EngineError, Unknown
from workbench.progress import Silent
from workbench.similarity import SimilaritySpec, estimate_similarity, similarity
from workbench.similarity.cache import EmbeddingCache, text_key
from workbench.store import Store

TEXTS = ("the cat sat on the mat", "a dog ran\nin the park", "stock markets fell sharply today", "猫坐在垫子上")


@pytest.fixture
def answered(store: Store) -> Store:
    add_questions(store, ["What now?", "And then?", "Why?"])
    add_answers(
        store,
        {
            "m-b": [TEXTS[0], TEXTS[1], None],
            "m-a": [TEXTS[0], TEXTS[2], TEXTS[3]],
            "m-c": [TEXTS[1], "   ", TEXTS[3]],
        },
    )
    return store


async def test_cosines_are_those_of_the_encoder(answered: Store) -> None:
    embedder = open_embedder(BUILTIN_EMBEDDERS["hashing"])
    import asyncio

    report = await asyncio.to_thread(similarity, answered, SimilaritySpec())
    assert (report.total, report.done, report.already) == (5, 5, 0)
    models = {
        r["response_id"]: (r["question_id"], r["model_id"], r["turns"][0])
        for r in all_rows(answered, "responses")
        if r["turns"]
    }
    rows = all_rows(answered, "similarities")
    assert len(rows) == 5
    for row in rows:
        question, first, text_a = models[row["response_a"]]
        same, second, text_b = models[row["response_b"]]
        assert question == same == row["question_id"] and first < second
        assert (row["metric"], row["metric_version"]) == ("embedding", embedder.version)
        a, b = (np.asarray(v, float) for v in await embedder.embed([t.replace("\n", " ") for t in (text_a, text_b)]))
        wanted = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
        assert math.isclose(row["score"], wanted, abs_tol=1e-5)
        assert -1 <= row["score"] <= 1
    await embedder.close()


def test_nothing_is_done_twice_and_a_new_model_costs_its_own_texts(answered: Store) -> None:
    similarity(answered, SimilaritySpec())
    again = similarity(answered, SimilaritySpec())
    assert (again.total, again.done, again.already) == (0, 0, 5)
    (folder,) = (answered.files / "embeddings").glob("*/half")
    size = (folder / "keys.bin").stat().st_size
    add_answers(answered, {"m-d": [TEXTS[0], "something new altogether", TEXTS[3]]})
    found = estimate_similarity(answered, SimilaritySpec())
    assert (found.items, found.texts, found.disk) == (7, 1, 2 * 1024 + 20)
    assert "1 texts to encode" in found.remark
    report = similarity(answered, SimilaritySpec())
    assert (report.done, report.already) == (7, 5)
    assert report.notes[0].startswith("encoded 1 text; 4 were")
    assert (folder / "keys.bin").stat().st_size == size + 20


def test_embeddings_outlive_the_rows(answered: Store) -> None:
    similarity(answered, SimilaritySpec(models=("m-a", "m-b")))
    version = all_rows(answered, "similarities")[0]["metric_version"]
    cache = EmbeddingCache(answered.files / "embeddings", version, half=True)
    assert text_key(TEXTS[1].replace("\n", " ")) in cache
    assert text_key(TEXTS[0]) in cache


def test_stops_when_asked_to(answered: Store) -> None:
    class Impatient(Silent):
        cancelled = True

    report = similarity(answered, SimilaritySpec(), Impatient())
    assert report.cancelled and report.done == 0 and report.total == 5


def test_errors_name_what_there_is(answered: Store) -> None:
    with pytest.raises(Unknown, match="unknown model 'm-x'"):
        similarity(answered, SimilaritySpec(models=("m-a", "m-x")))
    with pytest.raises(Unknown, match=r"unknown embedder 'hashin' .*'hashing'"):
        similarity(answered, SimilaritySpec(embedder="hashin"))
    with pytest.raises(Unknown, match="unknown bench"):
        similarity(answered, SimilaritySpec(bench="x"))
    with pytest.raises(BadInput, match="only 'm-a' has answers"):
        similarity(answered, SimilaritySpec(models=("m-a",)))


def test_without_answers_it_says_what_to_do(store: Store) -> None:
    with pytest.raises(BadInput, match="no questions") as caught:
        similarity(store, SimilaritySpec())
    assert "workbench import" in (caught.value.hint or "")
    add_questions(store, ["q"])
    with pytest.raises(BadInput, match="no model has answers"):
        similarity(store, SimilaritySpec())


def test_a_paid_encoder_never_sees_a_text_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint fails for good in the middle: what it gave is kept, the next run asks for the rest."""
    from workbench.similarity import embedding

    monkeypatch.setattr(embedding, "TEXTS", 4)
    add_questions(store, [f"q {i}" for i in range(5)])
    add_answers(store, {m: [f"answer {m} {i}" for i in range(5)] for m in ("m-a", "m-b")})
    with FakeOpenAI() as server:
        add_model(store, "enc", server.url, price_in=0.5)
        spec = SimilaritySpec(embedder="enc")
        found = estimate_similarity(store, spec)
        assert (found.items, found.requests) == (5, 10) and found.cost is not None and found.cost > 0
        server.faults.extend([Fault(delay=0), Fault(status=400)])
        with pytest.raises(EngineError, match="could not embed"):
            similarity(store, spec)
        assert not all_rows(store, "similarities")
        assert estimate_similarity(store, spec).requests == 6
        assert similarity(store, spec).done == 5
        texts = [text for r in server.requests for text in r.body["input"] if text != embedding.PROBE]
        assert len(texts) == 4 + 4 + 6 and len(set(texts)) == 10
        assert len(set(texts[:4] + texts[8:])) == 10  # only the refused request was sent again
