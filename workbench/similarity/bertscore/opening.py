"""The BERTScore of a similarity run: its options from the run's settings, and the documents of idf from the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.scope import NO_LIMIT, answering_models
from workbench.similarity.bertscore.scorer import BertScoreOptions, BertScorer, Corpus
from workbench.similarity.spec import SimilaritySpec
from workbench.store import Store


def open_bertscore(store: Store, spec: SimilaritySpec) -> BertScorer:
    """The scorer of a run. Raises as ``BertScorer``."""
    options = BertScoreOptions(
        spec.encoder, spec.layer, spec.idf, spec.rescale, memory=spec.memory_bytes, device=spec.device,
        precision=spec.precision,
    )  # fmt: skip
    corpus = _corpus(store, spec) if spec.idf else None
    return BertScorer(options, store.files / "bertscore", corpus)


def _corpus(store: Store, spec: SimilaritySpec) -> Corpus:
    """All answers in scope, those that have no pair too: a document each."""
    scope: dict[str, Any] = {
        "bench": spec.bench, "models": list(answering_models(store, spec.models, spec.bench)),
        "limit": NO_LIMIT if spec.limit is None else spec.limit,
    }  # fmt: skip
    documents: dict[bytes, int] = {}
    sources: dict[bytes, str] = {}
    for row in store.stream("similarity_documents", **scope):
        key = bytes.fromhex(row["key"])
        documents[key], sources[key] = row["answers"], row["response_id"]

    def texts_of(keys: Sequence[bytes]) -> Mapping[bytes, str]:
        ids = {sources[key]: key for key in keys}
        found = store.query("similarity_texts", ids=list(ids), raw=True)
        return {ids[row["response_id"]]: row["text"] for row in found}

    return Corpus(documents, texts_of)
