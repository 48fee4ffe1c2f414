"""Filling a store with questions, models and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.records import Model, Question, Response
from workbench.store import Store


def add_questions(store: Store, texts: Sequence[str | Sequence[str]], bench: str = "b", **more: Any) -> None:
    """Questions q0, q1, … of one turn (text) or several (a list)."""
    store.insert(
        "questions",
        [
            Question(f"q{i}", bench, (text,) if isinstance(text, str) else tuple(text), position=i, **more).row()
            for i, text in enumerate(texts)
        ],
    )


def add_answers(store: Store, answers: Mapping[str, Sequence[str | Sequence[str] | None]]) -> None:
    """Each model's answers to q0, q1, …; ``None`` is a recorded failure."""
    rows = []
    for model, texts in answers.items():
        store.insert("models", [Model(model, "import").row()])
        for i, text in enumerate(texts):
            turns = () if text is None else (text,) if isinstance(text, str) else tuple(text)
            state = "error" if text is None else "ok"
            rows.append(Response(f"q{i}", model, turns, "import:test", state=state).row())
    store.insert("responses", rows)


def all_rows(store: Store, table: str, order: str = "ALL") -> list[dict[str, Any]]:
    return store.sql(f"SELECT * FROM {table} ORDER BY {order}", limit=100_000).dicts()


def add_model(store: Store, name: str, url: str, **params: Any) -> Model:
    """A model at a (fake) endpoint."""
    model = Model(name, "api", url, {"model": f"remote-{name}", "timeout_s": 5, **params})
    store.insert("models", [model.row()])
    return model
