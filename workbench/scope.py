"""What a stage works on: models and questions by name, with errors that say what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workbench.errors import BadInput, Unknown
from workbench.models import known_models
from workbench.records import Model
from workbench.store import Store

#: Stands for "all" where a statement has a LIMIT.
NO_LIMIT = 2**62
#: English text is about this many characters a token; what estimates use when nothing better is known.
CHARS_PER_TOKEN = 4


def named_model(store: Store, name: str, role: str = "model") -> Model:
    """A model that can be asked.

    Raises:
        Unknown: none of that name is built in or in the store.
        BadInput: its answers came from a file and nothing says how to ask it.
    """
    known = known_models(store)
    if name not in known:
        raise Unknown(role, name, known, hint="add it with: workbench models add, or see: workbench models list")
    if known[name].engine == "import":
        raise BadInput(
            f"{role} '{name}' is known from an imported file only; nothing says how to ask it",
            hint=f"say how: workbench models add {name} --replace …",
        )
    return known[name]


def check_questions(
    store: Store,
    bench: str | None = None,
    category: str | None = None,
    limit: int | None = None,
    questions: Iterable[str] = (),
) -> None:
    """Raises BadInput when there are no questions at all, Unknown for a bench, category or question there is not."""
    if limit is not None and limit < 1:
        raise BadInput(f"must be at least 1, not {limit}", field="limit")
    there = store.query("scope_benches")
    if not there:
        raise BadInput("there are no questions in the store", hint="add some with: workbench import PATH…")
    if bench is not None and bench not in {row["bench"] for row in there}:
        raise Unknown("bench", bench, {row["bench"] for row in there})
    inside = [row for row in there if bench is None or row["bench"] == bench]
    if category is not None and category not in {row["category"] for row in inside}:
        raise Unknown("category", category, {row["category"] for row in inside if row["category"]})
    wanted = list(dict.fromkeys(questions))
    if wanted:
        found = {row["question_id"] for row in store.query("scope_questions", ids=wanted)}
        if absent := [q for q in wanted if q not in found]:
            raise Unknown("question", absent[0], found)


def answering_models(
    store: Store, names: tuple[str, ...], bench: str | None = None, *, least: int = 2
) -> tuple[str, ...]:
    """The models whose answers can be compared, in name order: those named, or all that have answers.

    Raises:
        Unknown: a named model is neither known nor has answers.
        BadInput: a named model has no answers here, or there are fewer than ``least`` models.
    """
    counts = {row["model_id"]: row["answers"] for row in store.query("scope_answers", bench=bench)}
    where = f" to '{bench}'" if bench else ""
    for name in names:
        if name in counts:
            continue
        known = {*known_models(store), *counts}
        if name not in known:
            raise Unknown("model", name, known)
        raise BadInput(
            f"model '{name}' has no answers{where} yet", hint=f"make some with: workbench generate --models {name}"
        )
    chosen = tuple(sorted(set(names) or set(counts)))
    if len(chosen) < least:
        has = f"only '{chosen[0]}' has" if chosen else "no model has"
        raise BadInput(
            f"{has} answers{where}; {'two models are' if least == 2 else 'one is'} needed",
            hint="make answers with: workbench generate, or add some with: workbench import",
        )
    return chosen


def price(params: Mapping[str, Any], prompt_tokens: float, completion_tokens: float) -> float | None:
    """US dollars by the model's prices a million tokens; ``None`` unless both are known."""
    into, out = params.get("price_in"), params.get("price_out")
    if into is None or out is None:
        return None
    return (prompt_tokens * float(into) + completion_tokens * float(out)) / 1e6
