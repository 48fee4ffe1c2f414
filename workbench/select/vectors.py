"""Embeddings of instructions, by which λ spreads a selection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.engines.protocol import Embedder
from workbench.progress import Progress
from workbench.select.greedy import IntArray, Vectors
from workbench.select.pool import Instructions
from workbench.similarity.cache import EmbeddingCache
from workbench.similarity.embedding import embed_missing, embedding_cache
from workbench.store import Store


async def instruction_vectors(
    store: Store, embedder: Embedder, instructions: Instructions, where: IntArray, progress: Progress
) -> Vectors | None:
    """(places × dimensions) unit vectors of the instructions at these places, embedded where they are not yet; ``None``
    when somebody asked to stop. Raises EngineError when the encoder cannot be used; what it gave is kept."""
    cache = embedding_cache(store, embedder)
    keys = [instructions.keys[place] for place in where]
    sources = {key: instructions.ids[place] for key, place in zip(keys, where, strict=True)}

    def texts_of(ids: Sequence[str]) -> dict[str, str]:
        return {row["question_id"]: row["text"] for row in store.query("select_texts", ids=list(ids))}

    if not await embed_missing(embedder, cache, sources, texts_of, progress, "embed instructions"):
        return None
    return unit_rows(cache, keys)


def unit_rows(cache: EmbeddingCache, keys: Sequence[bytes], at_once: int = 2048) -> Vectors:
    """(keys × dimensions) vectors of length 1, a block at a time, so that no second copy of all is needed."""
    out = np.empty((len(keys), cache.dimensions or 0), np.float32)
    for start in range(0, len(keys), at_once):
        out[start : start + at_once] = cache.unit_vectors(keys[start : start + at_once])
    return out
