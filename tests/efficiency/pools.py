"""Pools made by hand, and stores that hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import combinations

import numpy as np

from workbench.efficiency.pool import Pool, as_pool
from workbench.records import Annotation, Model, Question, Response, Row, utcnow
from workbench.store import Store

MODELS = ("m0", "m1", "m2", "m3")


def made(
    models: Sequence[str], items: int, won: Callable[[int, int, int], float], votes: int = 1, seed: int | None = None
) -> Pool:
    """Every pair of models has ``items`` items, on questions of its own; ``won(a, b, i)`` is the first one's share of
    each vote on its i-th item. Votes are in random order if there is a seed."""
    rows: list[Row] = []
    pairs = list(combinations(range(len(models)), 2))
    for p, (a, b) in enumerate(pairs):
        for i in range(items):
            place = p * items + i
            rows += [
                {
                    "question_id": f"q{place}", "place": place, "turn": 1, "model_a": models[a], "model_b": models[b],
                    "response_a": f"{place}a", "response_b": f"{place}b", "won": won(a, b, i),
                }
            ] * votes  # fmt: skip
    if seed is not None:
        rows = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    return as_pool(rows)


def fill(
    store: Store,
    models: Sequence[str],
    items: int,
    verdict: Callable[[int, int, int], str],
    similarity: Callable[[int], float] | None = None,
    texts: Callable[[int, int], str] | None = None,
    *,
    linked: bool = True,
) -> None:
    """The same in a store: question i of a pair is voted on by one person; ``similarity(i)`` of its two answers.
    ``texts(model, i)``: the answers; without any none are stored. ``linked``: votes name the answers."""
    tables: dict[str, list[Row]] = {"questions": [], "responses": [], "annotations": [], "similarities": []}
    store.insert("models", [Model(m, "import").row() for m in models])
    for p, (a, b) in enumerate(combinations(range(len(models)), 2)):
        for i in range(items):
            place = p * items + i
            question = Question(f"q{place:03}", "b", (f"ask {place}",), position=place)
            answers = [
                Response(question.question_id, models[m], (texts(m, i),), "import:test") for m in (a, b) if texts
            ]
            ids = [answer.response_id for answer in answers] if answers and linked else [None, None]
            tables["questions"].append(question.row())
            tables["responses"] += [answer.row() for answer in answers]
            tables["annotations"].append(
                Annotation(
                    f"v{place}", "ann", question.question_id, 1, models[a], models[b], "ab", verdict(a, b, i),
                    datetime(2026, 1, 1) + timedelta(seconds=place), response_a=ids[0], response_b=ids[1],
                ).row()
            )  # fmt: skip
            if similarity is not None:
                tables["similarities"].append(
                    {
                        "question_id": question.question_id, "response_a": answers[0].response_id,
                        "response_b": answers[1].response_id, "metric": "hand", "metric_version": "1",
                        "score": similarity(i), "created_at": utcnow(),
                    }
                )  # fmt: skip
    store.insert_many({name: rows for name, rows in tables.items() if rows})
