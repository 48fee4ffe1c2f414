"""Filling a store with answers and similarities, and reading what was selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from tests.stages.filling import add_answers, add_questions, all_rows
from workbench.records import utcnow
from workbench.store import Store

LONG = "this answer has just enough words in it to get past the filter that wants more than twenty of them in each one"


def fill(store: Store, models: Sequence[str], n: int) -> None:
    """Questions q0 … and an answer of each model to each of them."""
    add_questions(store, [f"question {i}: {chr(97 + i % 26) * (1 + i % 5)}" for i in range(n)])
    add_answers(store, {model: [LONG] * n for model in models})


def add_categorised(store: Store, categories: Sequence[str | None]) -> None:
    """Questions q0 … with these categories."""
    from workbench.records import Question

    store.insert(
        "questions",
        [
            Question(f"q{i}", "b", (f"question {i} of {name}",), category=name, position=i).row()
            for i, name in enumerate(categories)
        ],
    )


def put_similarities(
    store: Store, scores: Mapping[tuple[str, str], Mapping[int, float]], metric: str = "own", version: str = "1"
) -> None:
    """(model, model) → number of the question → similarity."""
    ids = {(r["question_id"], r["model_id"]): r["response_id"] for r in all_rows(store, "responses")}
    now = utcnow()
    store.insert(
        "similarities",
        [
            {
                "question_id": f"q{i}", "response_a": ids[f"q{i}", a], "response_b": ids[f"q{i}", b], "metric": metric,
                "metric_version": version, "score": score, "created_at": now,
            }
            for (a, b), some in scores.items() for i, score in some.items()
        ],
    )  # fmt: skip


def spread_scores(models: Sequence[str], n: int, seed: int = 0) -> dict[tuple[str, str], dict[int, float]]:
    import numpy as np

    rng = np.random.default_rng(seed)
    return {pair: {i: float(s) for i, s in enumerate(rng.uniform(0, 1, n))} for pair in combinations(models, 2)}


def newest(store: Store, name: str) -> list[dict[str, Any]]:
    """Rows of the newest selection of a name."""
    found = store.query("select_find", wanted=name)[0]["selection_id"]
    return all_rows(store, f"selections WHERE selection_id = '{found}'", "model_a, model_b, arm DESC, rank")


def picked(store: Store, name: str, arm: str = "selected") -> dict[tuple[str, str], list[str]]:
    """(model_a, model_b) → questions by rank."""
    out: dict[tuple[str, str], list[str]] = {}
    for row in newest(store, name):
        if row["arm"] == arm:
            out.setdefault((row["model_a"], row["model_b"]), []).append(row["question_id"])
    return out
