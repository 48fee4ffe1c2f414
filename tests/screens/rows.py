"""Rows for a small real store: questions, two or more models' answers, and a selection over all pairs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from workbench.records import Model, Question, Response, stable_id, utcnow
from workbench.store import Store

MODELS = ("quartz-7b", "zircon-9b")


def plain(question: int, model: str, turn: int) -> str:
    return f"Answer number {question} of turn {turn}. " + "Some words that say little. " * 12


def fill(
    store: Store,
    *,
    questions: int = 5,
    models: Sequence[str] = MODELS,
    turns: int = 1,
    text: Callable[[int, str, int], str] = plain,
    ask: Callable[[int, int], str] = lambda q, t: f"Question {q}, turn {t}: what is it?",
    name: str = "first",
    selected: bool = True,
) -> str:
    """Insert it all. Returns the selection's id."""
    asked = [
        Question(
            f"q{n:03d}", "bench", tuple(ask(n, t) for t in range(1, turns + 1)), category=("math", "writing")[n % 2]
        )
        for n in range(questions)
    ]
    answers = {
        (q.question_id, model): Response(
            q.question_id, model, tuple(text(n, model, t) for t in range(1, turns + 1)), params_hash="p"
        )
        for n, q in enumerate(asked)
        for model in models
    }
    store.insert_many(
        {
            "questions": [q.row() for q in asked],
            "models": [Model(m, "import").row() for m in models],
            "responses": [r.row() for r in answers.values()],
        }
    )
    selection_id = stable_id("selection", name)
    if selected:
        store.insert("selections", selection_rows(selection_id, name, models, [q.question_id for q in asked], answers))
    return selection_id


def selection_rows(
    selection_id: str,
    name: str,
    models: Sequence[str],
    questions: Sequence[str],
    answers: dict[tuple[str, str], Response],
) -> list[dict[str, object]]:
    return [
        {
            "selection_id": selection_id,
            "name": name,
            "method": "mad",
            "mode": "corrected",
            "metric": "embedding",
            "metric_version": "hashing-1",
            "diversity": 0.0,
            "k": len(questions),
            "arm": "selected",
            "model_a": a,
            "model_b": b,
            "rank": rank,
            "question_id": question,
            "response_a": answers[question, a].response_id,
            "response_b": answers[question, b].response_id,
            "score": rank / 10,
            "similarity": rank / 10,
            "created_at": utcnow(),
        }
        for a, b in itertools.combinations(sorted(models), 2)
        for rank, question in enumerate(questions, 1)
    ]
