"""Rows of the table ``selections``, the control arm among them; and whether a name is free for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.errors import BadInput
from workbench.records import Row, stable_id, utcnow
from workbench.store import Store
from workbench.tables import shown

#: The control arm is the same whenever it is drawn from the same items.
CONTROL_SEED = 42


def draw_control(model_a: str, model_b: str, free: Sequence[int], n: int) -> list[int]:
    """Up to ``n`` of the free places, drawn without replacement, the same ones every time."""
    if n <= 0 or not free:
        return []
    seed = int(stable_id("control", CONTROL_SEED, model_a, model_b)[:16], 16)
    drawn = np.random.default_rng(seed).choice(len(free), size=min(n, len(free)), replace=False)
    return [free[int(i)] for i in drawn]


def complete(
    store: Store, models: Sequence[str], items: list[Row], columns: Mapping[str, Any], options: Mapping[str, Any]
) -> list[Row]:
    """The items of both arms with their answers, what they share, and the selection's id. ``columns`` are the columns
    that all rows have in common (an item's own goes before), ``options`` what else the selection was made with.

    The id is a hash of all these and of the items (by their answers), so that the same call on the same answers gives
    the same selection.
    """
    _add_answers(store, models, items)
    kept = json.dumps(options, sort_keys=True, ensure_ascii=False)
    picked = [[row["arm"], row["rank"], row["response_a"], row["response_b"]] for row in items]
    selection_id = stable_id("selection", dict(columns), kept, picked)
    now = utcnow()
    return [
        {**columns, **row, "options": dict(options), "selection_id": selection_id, "created_at": now} for row in items
    ]


def _add_answers(store: Store, models: Sequence[str], items: list[Row]) -> None:
    """The answers in force, where an item does not name its own."""
    ids = list({row["question_id"] for row in items if "response_a" not in row})
    answers = {
        (row["question_id"], row["model_id"]): row["response_id"]
        for row in store.query("select_answers", ids=ids, models=list(models))
    }
    for row in items:
        for side in ("a", "b"):
            if f"response_{side}" not in row:
                row[f"response_{side}"] = answers[row["question_id"], row[f"model_{side}"]]


def check_name(store: Store, columns: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raises BadInput when a selection of this name was made with other options. Models may differ: they come and
    go."""
    name = columns["name"]
    found = next((row for row in store.query("select_find", wanted=name) if row["name"] == name), None)
    if found is None:
        return
    there: dict[str, Any] = {**{key: found.get(key) for key in columns}, **json.loads(found["options"] or "{}")}
    now = {**columns, **options}
    # How many items all pairs together get (k) may follow from what there is: options say what was asked for.
    free = ("models", "all_models", *(("k",) if found["options"] else ()))
    other = [key for key in now if key in there and key not in free and there[key] != now[key]]
    if not other:
        return
    told = ", ".join(f"{key} {shown(there[key])}, now {shown(now[key])}" for key in other[:3])
    keep = f"--extend {name} keeps its items and adds some; else g" if columns["method"] == "mad" else "G"
    raise BadInput(
        f"there is a selection '{name}' made with other options ({told})", field="name",
        hint=f"{keep}ive this one another --name",
    )  # fmt: skip
