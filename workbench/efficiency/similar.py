"""How alike the two answers of each item are: stored similarities, or the wording compared now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.efficiency.pool import FloatArray, Pool
from workbench.efficiency.spec import HASHING
from workbench.engines.hashing import VERSION, hashed_vector
from workbench.errors import Unknown
from workbench.store import Store

#: Response ids sent in one query.
IDS = 20_000


def similarities(store: Store, pool: Pool, metric: str | None) -> tuple[FloatArray, str | None, str | None]:
    """(similarity of each item's answers, NaN where unknown; the metric; its version).

    An item with votes on several pairs of answers has their mean. Without ``metric``: the stored one that covers most
    items, the newest first; where none does, ``hashing`` if the answers are stored. The metric is ``None`` when
    neither is there.

    Raises:
        Unknown: no stored similarity of these items is by that metric.
    """
    pairs = list(dict.fromkeys(pair for some in pool.answers for pair in some))
    stored: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    if metric != HASHING:
        for start in range(0, len(pairs), IDS):
            some = pairs[start : start + IDS]
            rows = store.query("efficiency_similarities", first=[a for a, _ in some], second=[b for _, b in some])
            for row in rows:
                found = stored.setdefault((row["metric"], row["metric_version"]), {})
                found[row["response_a"], row["response_b"]] = row["score"]
    candidates = {key: _of_items(pool, scores) for key, scores in stored.items() if metric in (None, key[0])}
    if candidates:
        (name, version), best = max(candidates.items(), key=lambda entry: int(np.isfinite(entry[1]).sum()))
        return best, name, version
    if metric not in (None, HASHING):
        raise Unknown("metric", str(metric), {HASHING, *(name for name, _ in stored)})
    by_wording = _of_items(pool, _wording(store, pairs))
    if not np.isfinite(by_wording).any():
        return by_wording, None, None
    return by_wording, HASHING, VERSION


def _of_items(pool: Pool, scores: dict[tuple[str, str], float]) -> FloatArray:
    out = np.full(len(pool.pair), np.nan)
    for i, pairs in enumerate(pool.answers):
        known = [scores[pair] for pair in pairs if pair in scores]
        if known:
            out[i] = float(np.mean(known))
    return out


def _wording(store: Store, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """Cosine of the hashed first turns of each pair of answers that is stored."""
    ids = list(dict.fromkeys(response for pair in pairs for response in pair))
    vectors = _embedded(store, "responses", ids)
    return {(a, b): float(vectors[a] @ vectors[b]) for a, b in pairs if a in vectors and b in vectors}


def instruction_vectors(store: Store, pool: Pool) -> Any:
    """(items × dimensions) unit vectors of the items' first turns, by the hashing encoder, in single precision."""
    found = _embedded(store, "questions", list(pool.question_ids))
    if not found:
        return np.zeros((len(pool.pair), 1), dtype=np.float32)
    nothing = np.zeros_like(next(iter(found.values())))
    table = np.stack([found.get(q, nothing) for q in pool.question_ids])
    return table[pool.question].astype(np.float32)


def _embedded(store: Store, kind: str, ids: Sequence[str]) -> dict[str, Any]:
    texts: dict[str, str] = {}
    for start in range(0, len(ids), IDS):
        wanted: dict[str, list[str]] = {"responses": [], "questions": []}
        wanted[kind] = list(ids[start : start + IDS])
        texts |= {row["id"]: row["text"] for row in store.query("efficiency_texts", **wanted) if row["text"]}
    return {name: hashed_vector(text) for name, text in texts.items()}
