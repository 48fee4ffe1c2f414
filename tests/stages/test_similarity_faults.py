"""Bad input of the similarity stage: each a clear line, nothing mixed, what was encoded kept."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.engines.fake_openai import FakeOpenAI
from tests.stages.filling import add_answers, add_model, add_questions, all_rows
from workbench.engines.hashing import HashingEmbedder
from workbench.errors import BadInput, EngineError, Incomplete, Unknown
from workbench.models import save_model
from workbench.progress import Silent
from workbench.records import Model
from workbench.similarity import SimilaritySpec, blocks, embedding, similarity
from workbench.similarity.cache import EmbeddingCache, text_key
from workbench.store import Store


@pytest.fixture
def answered(store: Store) -> Store:
    add_questions(store, [f"q {i}" for i in range(6)])
    add_answers(store, {m: [f"answer {m} number {i}" for i in range(6)] for m in ("m-a", "m-b", "m-c")})
    return store


def test_different_question_sets_and_empty_answers_are_counted(store: Store) -> None:
    add_questions(store, ["a", "b", "c", "d"])
    add_answers(
        store,
        {"m-a": ["x", "y", "z", "w"], "m-b": ["x", None, "z"], "m-c": ["  \n\t ", "\u00a0\u3000", "z"], "m-d": ["x"]},
    )
    report = similarity(store, SimilaritySpec())
    assert (report.total, report.done) == (6, 6)  # q0: a b d; q2: a b c
    said = "\n".join(report.notes)
    assert "m-b: left out of 4 questions: 1 not answered, 1 failed" in said
    assert "m-c: left out of 4 questions: 1 not answered, 2 blank" in said
    assert "m-d: left out of 4 questions: 3 not answered" in said and "m-a:" not in said
    assert "6 of 24 pairs can be compared" in said


def test_models_without_a_common_question(store: Store) -> None:
    add_questions(store, ["a", "b"])
    add_answers(store, {"m-a": ["x", None], "m-b": [None, "y"]})
    report = similarity(store, SimilaritySpec())
    assert (report.total, report.done) == (0, 0) and "0 of 2 pairs can be compared" in report.notes[-1]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (SimilaritySpec(metric="bertscor"), r"unknown metric 'bertscor' \(did you mean 'bertscore'\?\)"),
        (SimilaritySpec(layer=3), "field 'layer': is for bertscore; embedding has no such option"),
        (SimilaritySpec(metric="chrf", idf=True), "field 'idf': is for bertscore"),
        (SimilaritySpec(metric="judge"), "field 'model': must name the judge"),
        (SimilaritySpec(memory=0.0), "field 'memory': must be at least 0.05"),
        (SimilaritySpec(memory=math.nan), "field 'memory'"),
        (SimilaritySpec(metric="bertscore", precision="f8"), "unknown precision 'f8'"),
        (SimilaritySpec(limit=0), "field 'limit'"),
        (SimilaritySpec(device="gpu"), "field 'device': must be auto, cpu, cuda"),
        (SimilaritySpec(embedder="/no/such/folder"), "unknown embedder '/no/such/folder'"),
    ],
)
def test_wrong_options(answered: Store, spec: SimilaritySpec, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        similarity(answered, spec)
    assert not all_rows(answered, "similarities")


def test_numbers_that_are_none_name_the_text(answered: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = HashingEmbedder.embed

    async def broken(self: HashingEmbedder, texts: list[str]) -> np.ndarray:
        vectors = np.array(await real(self, texts))
        vectors[[text.endswith("m-b number 4") for text in texts]] = math.inf
        return vectors

    monkeypatch.setattr(HashingEmbedder, "embed", broken)
    monkeypatch.setattr(embedding, "TEXTS", 6)
    with pytest.raises(EngineError, match="no finite numbers for 1 of 6 texts, such as: answer m-b number 4") as caught:
        similarity(answered, SimilaritySpec())
    assert "kept" in (caught.value.hint or "")
    monkeypatch.setattr(HashingEmbedder, "embed", real)
    report = similarity(answered, SimilaritySpec())
    assert report.done == 18 and "encoded 6 texts; 12 were encoded before" in report.notes[0]


def test_an_endpoint_that_gives_no_numbers_names_the_text(answered: Store) -> None:
    with FakeOpenAI() as server:
        real = server.vector
        server.vector = lambda text: [] if "m-c number 2" in text else real(text)  # type: ignore[method-assign]
        add_model(answered, "enc", server.url)
        with pytest.raises(EngineError, match="none of finite numbers for 'answer m-c number 2'"):
            similarity(answered, SimilaritySpec(embedder="enc"))


def test_another_dimension_than_before(answered: Store) -> None:
    with FakeOpenAI() as server:
        add_model(answered, "enc", server.url)
        similarity(answered, SimilaritySpec(embedder="enc", models=("m-a", "m-b")))
        server.dimensions += 3
        with pytest.raises(
            EngineError, match=rf"vectors of {server.dimensions} numbers; those it gave before"
        ) as caught:
            similarity(answered, SimilaritySpec(embedder="enc"))
        assert "--revision" in (caught.value.hint or "")
        assert len(all_rows(answered, "similarities")) == 6


def test_another_encoder_under_the_same_name_is_noticed_and_kept_apart(answered: Store) -> None:
    with FakeOpenAI() as server:
        model = Model("enc", "api", server.url, {"model": "remote"})
        save_model(answered, model)
        similarity(answered, SimilaritySpec(embedder="enc", models=("m-a", "m-b")))
        real = server.vector
        server.vector = lambda text: real(text[::-1])  # type: ignore[method-assign]
        with pytest.raises(EngineError, match=r"gives other vectors than before \(cosine 0\.") as caught:
            similarity(answered, SimilaritySpec(embedder="enc"))
        assert "models add enc --replace … --revision TEXT" in (caught.value.hint or "")
        assert len(all_rows(answered, "similarities")) == 6
        save_model(answered, Model("enc", "api", server.url, {"model": "remote", "revision": "2"}), replace=True)
        assert similarity(answered, SimilaritySpec(embedder="enc")).done == 18
    versions = {row["metric_version"] for row in all_rows(answered, "similarities")}
    assert len(versions) == 2 and any(version.endswith(" remote 2") for version in versions)


def test_vectors_of_zeros_are_like_nothing(store: Store) -> None:
    add_questions(store, ["a", "b"])
    add_answers(store, {"m-a": ["!?", "x y"], "m-b": ["!?", "x y"]})
    report = similarity(store, SimilaritySpec())
    assert [row["score"] for row in all_rows(store, "similarities", "question_id")] == [0.0, pytest.approx(1.0)]
    assert "1 texts have a vector of zeros" in "\n".join(report.notes)


def test_stops_before_the_limit_on_cost(answered: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "TEXTS", 4)
    monkeypatch.setattr(embedding, "PROBE", "p")
    with FakeOpenAI() as server:
        add_model(answered, "enc", server.url)
        with pytest.raises(BadInput, match="needs the price of 'enc'"):
            similarity(answered, SimilaritySpec(embedder="enc", max_cost=1.0))
        save_model(answered, Model("enc", "api", server.url, {"model": "remote-enc", "price_in": 1e4}), replace=True)
        with pytest.raises(Incomplete, match="stopped before the limit of"):
            similarity(answered, SimilaritySpec(embedder="enc", max_cost=1.0))
        assert len(server.requests) == 2  # a byte counts as a token beforehand, a word afterwards
        report = similarity(answered, SimilaritySpec(embedder="enc", max_cost=100.0))
        assert report.done == 18 and report.cost is not None and report.cost <= 100
        assert report.prompt_tokens == round(report.cost * 100)
        texts = [text for r in server.requests for text in r.body["input"] if text != embedding.PROBE]
        assert len(texts) == len(set(texts)) == 18


def test_stopped_between_batches_keeps_what_was_encoded(answered: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "TEXTS", 4)

    class Impatient(Silent):
        left = 3

        @property
        def cancelled(self) -> bool:  # type: ignore[override]
            self.left -= 1
            return self.left < 0

    report = similarity(answered, SimilaritySpec(), Impatient())
    assert report.cancelled and report.done == 0
    (folder,) = (answered.files / "embeddings").glob("*/half")
    assert (folder / "keys.bin").stat().st_size == 2 * 4 * 20
    assert similarity(answered, SimilaritySpec()).done == 18


def test_embeddings_in_single_precision_are_copied_not_made_again(answered: Store) -> None:
    """As stores of earlier versions hold them."""
    with FakeOpenAI() as server:
        add_model(answered, "enc", server.url)
        similarity(answered, SimilaritySpec(embedder="enc"))
        scores = [row["score"] for row in all_rows(answered, "similarities", "response_a, response_b")]
        (folder,) = (answered.files / "embeddings").iterdir()
        version = all_rows(answered, "similarities")[0]["metric_version"]
        texts = [f"answer {m} number {i}" for i in range(6) for m in ("m-a", "m-b", "m-c")]
        EmbeddingCache(answered.files / "embeddings", version).append(
            [text_key(t) for t in texts], [server.vector(t) for t in texts]
        )
        for path in (folder / "half").iterdir():
            path.unlink()
        answered.write("model_remove", model_id="none")  # a write, so that the store is known to be in use
        sent = len(server.requests)
        add_answers(answered, {"m-d": [f"answer m-a number {i}" for i in range(6)]})
        assert similarity(answered, SimilaritySpec(embedder="enc")).done == 18
        assert len(server.requests) == sent
        added = {r["response_a"] + r["response_b"]: r["score"] for r in all_rows(answered, "similarities")}
        assert len(added) == 36 and sum(score == pytest.approx(1.0) for score in added.values()) >= 6
    assert scores and all(-1 <= score <= 1 for score in scores)


def test_small_blocks_give_the_same_rows(answered: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add_answers(answered, {"m-d": ["one", None, "two", "", "three"]})
    similarity(answered, SimilaritySpec())
    whole = {(r["response_a"], r["response_b"]): r["score"] for r in all_rows(answered, "similarities")}
    # As another version: nothing is there yet.
    monkeypatch.setattr("workbench.engines.hashing.VERSION", "hashing-1024-v1 again")
    monkeypatch.setattr(HashingEmbedder, "version", property(lambda self: "hashing-1024-v1 again"))
    monkeypatch.setattr(blocks, "QUESTIONS", 2)
    monkeypatch.setattr(blocks, "SAVED_BYTES", 300)
    report = similarity(answered, SimilaritySpec(memory=0.05))
    again = {
        (r["response_a"], r["response_b"]): r["score"]
        for r in all_rows(answered, "similarities")
        if r["metric_version"].endswith("again")
    }
    assert report.done == len(whole) == len(again) and again == pytest.approx(whole)


def test_unknown_embedder_folder_without_an_encoder(answered: Store, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInput, match=r"holds neither modules\.json nor config\.json"):
        similarity(answered, SimilaritySpec(embedder=str(tmp_path) + "/"))
    with pytest.raises(Unknown, match="unknown embedder 'hashin'"):
        similarity(answered, SimilaritySpec(embedder="hashin"))
