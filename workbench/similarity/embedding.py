"""Similarity of answers as the cosine of their text embeddings (MAD, formats-and-rules §2).

The first turns of two models' answers to the same question are compared, for every two models, line breaks replaced by
spaces. Embeddings are kept on disk (see ``cache``): a model added later costs only its own answers' embeddings, and
answers that a paid encoder has seen are never sent again.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from workbench.claims import claim
from workbench.engines.protocol import Embedder
from workbench.engines.registry import BUILTIN_EMBEDDERS, open_embedder
from workbench.errors import EngineError, Unknown
from workbench.progress import Estimate, Progress, Silent, StageReport
from workbench.records import Model, Row, utcnow
from workbench.scope import CHARS_PER_TOKEN, NO_LIMIT, answering_models, check_questions, price
from workbench.similarity.cache import EmbeddingCache, Vectors, unit
from workbench.store import Store
from workbench.text import plural

METRIC = "embedding"
#: Texts handed to the encoder between two looks at whether to stop; what is kept when it fails.
TEXTS = 256
#: Pairs compared and saved at a time.
PAIRS = 4_000


@dataclass(frozen=True, slots=True)
class SimilaritySpec:
    """Which models' answers are compared, and by which encoder. Without ``models``, all that have answers."""

    metric: Literal["embedding"] = "embedding"
    embedder: str = "hashing"
    models: tuple[str, ...] = ()
    bench: str | None = None
    limit: int | None = None


@dataclass(slots=True)
class Missing:
    """Pairs without a similarity: numbers of answers, and each answer's id and embedding key."""

    first: array[int]
    second: array[int]
    questions: list[str]
    responses: list[str]
    keys: list[bytes]
    chars: list[int]
    pairs_in_scope: int


def similarity(
    store: Store, spec: SimilaritySpec, progress: Progress | None = None, job_id: str | None = None
) -> StageReport:
    """Compare every two models' answers that have not been compared by this encoder.

    Raises:
        Unknown, BadInput: a model, bench, metric or encoder there is not; fewer than two models with answers.
        BadInput: another job is comparing by the same encoder.
        EngineError: the encoder cannot be used; what it gave so far is kept.
        StoreError: similarities or embeddings could not be saved.
    """
    progress = progress or Silent()
    models, encoder = _check(store, spec)
    what = f"similarities by '{spec.embedder}' are being made"
    with claim(store, "similarity", spec.embedder, what=what, job_id=job_id):
        return asyncio.run(_similarity(store, spec, models, encoder, progress))


def estimate_similarity(store: Store, spec: SimilaritySpec) -> Estimate:
    """Pairs to compare, and the texts that have to be embedded for it (``requests``; none for a local encoder).

    Raises:
        Unknown, BadInput: as ``similarity``.
    """
    models, encoder = _check(store, spec)
    return asyncio.run(_estimate(store, spec, models, encoder))


def named_embedder(store: Store, name: str) -> Model:
    """An encoder by name. Raises Unknown when none is built in or in the store."""
    from workbench.models import known_models

    known = {**known_models(store), **BUILTIN_EMBEDDERS}
    if name not in known:
        raise Unknown("embedder", name, known)
    return known[name]


def embedding_cache(store: Store, embedder: Embedder) -> EmbeddingCache:
    return EmbeddingCache(store.files / "embeddings", embedder.version)


async def embed_missing(
    embedder: Embedder,
    cache: EmbeddingCache,
    wanted: Mapping[bytes, str],
    texts_of: Callable[[Sequence[str]], Mapping[str, str]],
    progress: Progress,
    label: str,
) -> bool:
    """Embed what the cache lacks. ``wanted`` names a source for each key; ``texts_of`` reads the texts of sources.

    Returns whether all is there; False when somebody asked to stop.
    """
    lacking = [(key, source) for key, source in wanted.items() if key not in cache]
    if not lacking:
        return True
    progress.start(label, len(lacking))
    left = iter(lacking)
    while some := list(islice(left, TEXTS)):
        if progress.cancelled:
            return False
        texts = texts_of([source for _, source in some])
        vectors = await embedder.embed([texts[source] for _, source in some])
        if len(vectors) != len(some):
            raise EngineError(f"encoder {embedder.version} gave {len(vectors)} vectors for {len(some)} texts")
        cache.append([key for key, _ in some], vectors)
        progress.advance(len(some))
    return True


def cosines(vectors: Vectors, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Cosine of rows ``first[i]`` and ``second[i]``, from −1 to 1; 0 where a vector is all zeros."""
    used, inverse = np.unique(np.concatenate([first, second]), return_inverse=True)
    units = unit(np.asarray(vectors[used]))
    a, b = units[inverse[: len(first)]], units[inverse[len(first) :]]
    found: npt.NDArray[np.float64] = np.einsum("ij,ij->i", a, b, dtype=np.float64)
    return np.clip(found, -1.0, 1.0)


# -- the stage -------------------------------------------------------------------------------------


def _check(store: Store, spec: SimilaritySpec) -> tuple[tuple[str, ...], Model]:
    if spec.metric != METRIC:
        raise Unknown("metric", spec.metric, [METRIC])
    encoder = named_embedder(store, spec.embedder)
    check_questions(store, spec.bench, limit=spec.limit)
    return answering_models(store, spec.models, spec.bench), encoder


def _missing(store: Store, spec: SimilaritySpec, models: tuple[str, ...], version: str) -> Missing:
    scope: dict[str, Any] = {
        "bench": spec.bench, "models": list(models), "limit": NO_LIMIT if spec.limit is None else spec.limit,
    }  # fmt: skip
    found = Missing(array("q"), array("q"), [], [], [], [], 0)
    place: dict[str, int] = {}
    question, there = None, 0
    for row in store.stream("similarity_answers", **scope):
        there = there + 1 if row["question_id"] == question else 1
        question = row["question_id"]
        found.pairs_in_scope += there - 1
        place[row["response_id"]] = len(found.responses)
        found.responses.append(row["response_id"])
        found.keys.append(bytes.fromhex(row["key"]))
        found.chars.append(row["chars"])
    for row in store.stream("similarity_missing", **scope, metric=METRIC, metric_version=version):
        if row["response_a"] in place and row["response_b"] in place:  # an answer may have been replaced meanwhile
            found.first.append(place[row["response_a"]])
            found.second.append(place[row["response_b"]])
            found.questions.append(row["question_id"])
    return found


def _sources(missing: Missing) -> dict[bytes, str]:
    """For each key that is needed, an answer with that text."""
    used = sorted({*missing.first, *missing.second})
    return {missing.keys[i]: missing.responses[i] for i in used}


async def _similarity(
    store: Store, spec: SimilaritySpec, models: tuple[str, ...], encoder: Model, progress: Progress
) -> StageReport:
    embedder = open_embedder(encoder)
    try:
        missing = _missing(store, spec, models, embedder.version)
        cache = embedding_cache(store, embedder)
        sources = _sources(missing)
        new = sum(key not in cache for key in sources)

        def texts_of(ids: Sequence[str]) -> dict[str, str]:
            return {r["response_id"]: r["text"] for r in store.query("similarity_texts", ids=list(ids))}

        complete = await embed_missing(embedder, cache, sources, texts_of, progress, "embed")
        version = embedder.version
    finally:
        await embedder.close()
    total = len(missing.first)
    progress.start("similarity", total)
    done = _compare(store, cache, missing, version, progress) if complete else 0
    note = f"embedded {plural(new, 'text')}; {len(sources) - new:,} were embedded before" if complete else ""
    return StageReport(
        "similarity", total, done, already=missing.pairs_in_scope - total, states={"ok": done} if done else {},
        cancelled=done < total, notes=(note,) if note and total else (),
    )  # fmt: skip


def _compare(store: Store, cache: EmbeddingCache, missing: Missing, version: str, progress: Progress) -> int:
    """Compute and save the cosines of all missing pairs. Returns how many; fewer when somebody asked to stop."""
    matrix = cache.matrix()
    place = np.fromiter((cache.row(key) for key in missing.keys), np.int64, len(missing.keys))
    first, second = np.asarray(missing.first, np.int64), np.asarray(missing.second, np.int64)
    done = 0
    for start in range(0, len(first), PAIRS):
        if progress.cancelled:
            break
        a, b = first[start : start + PAIRS], second[start : start + PAIRS]
        scores = cosines(matrix, place[a], place[b]).tolist()
        store.insert("similarities", _rows(missing, start, a.tolist(), b.tolist(), scores, version))
        done += len(a)
        progress.advance(len(a))
    return done


def _rows(
    missing: Missing, start: int, first: list[int], second: list[int], scores: list[float], version: str
) -> Iterator[Row]:
    now = utcnow().isoformat()
    ids = missing.responses
    for i, (a, b, score) in enumerate(zip(first, second, scores, strict=True)):
        yield {
            "question_id": missing.questions[start + i], "response_a": ids[a], "response_b": ids[b],
            "metric": METRIC, "metric_version": version, "score": score, "created_at": now,
        }  # fmt: skip


async def _estimate(store: Store, spec: SimilaritySpec, models: tuple[str, ...], encoder: Model) -> Estimate:
    embedder = open_embedder(encoder)
    try:
        missing = _missing(store, spec, models, embedder.version)
        cache = embedding_cache(store, embedder)
    finally:
        await embedder.close()
    chars = {missing.keys[i]: missing.chars[i] for i in {*missing.first, *missing.second}}
    lacking = [n for key, n in chars.items() if key not in cache]
    total = len(missing.first)
    already = missing.pairs_in_scope - total
    if spec.embedder in BUILTIN_EMBEDDERS:
        return Estimate("similarity", total, 0, already)
    tokens = sum(lacking) // CHARS_PER_TOKEN
    cost = price({**encoder.params, "price_out": 0.0}, tokens, 0)
    return Estimate("similarity", total, len(lacking), already, tokens, 0, cost)
