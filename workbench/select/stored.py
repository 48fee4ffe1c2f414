"""Selections that are stored, and what one covers of what it could choose from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from workbench.errors import Unknown
from workbench.records import Row
from workbench.select.pool import (
    FILTERS,
    UNREADABLE,
    Candidates,
    Instructions,
    read_candidates,
    read_instructions,
)
from workbench.select.spec import NO_CATEGORY
from workbench.store import Store

#: Bars of a histogram.
BINS = 20


@dataclass(frozen=True, slots=True)
class PairCoverage:
    """One pair of models: ``items`` both answered, how many of them each filter ``dropped``, the ``pool`` that was
    left, and how many were ``selected`` and drawn as ``control``. ``items``, ``pool`` and ``dropped`` are ``None``
    where the method has no filters."""

    model_a: str
    model_b: str
    items: int | None
    dropped: Mapping[str, int] | None
    pool: int | None
    selected: int
    control: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Similarities in equal bins, all pairs together: ``edges`` (bins + 1), and how many of the pool, of the selected
    and of the control items lie in each. ``unread``: similarities of a judge that could not be read; they are in none.
    """

    edges: tuple[float, ...]
    pool: tuple[int, ...]
    selected: tuple[int, ...]
    control: tuple[int, ...]
    unread: int


@dataclass(frozen=True, slots=True)
class CategoryCoverage:
    """``questions`` in scope, how many of them are in some pair's ``pool``, how many some pair ``selected``; ``items``
    counts a question once for each pair that selected it."""

    category: str
    questions: int
    pool: int | None
    selected: int
    items: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """Questions that two pairs of models both selected."""

    pair_a: tuple[str, str]
    pair_b: tuple[str, str]
    shared: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a selection covers. Filters, pool and histogram are of the answers and similarities as they are now.

    ``questions`` in scope, ``pool_questions`` in some pair's pool, ``selected_questions`` that some pair selected;
    ``share`` is the latter over the former (of ``questions`` where there is no pool). ``repeated``: questions that two
    pairs or more selected; ``overlaps``: which, where they share any.
    """

    selection_id: str
    name: str
    method: str
    mode: str
    metric: str | None
    metric_version: str | None
    diversity: float
    k: int
    options: Mapping[str, Any]
    items: int
    pairs: tuple[PairCoverage, ...]
    histogram: Histogram | None
    questions: int
    pool_questions: int | None
    selected_questions: int
    share: float | None
    repeated: int
    categories: tuple[CategoryCoverage, ...]
    overlaps: tuple[Overlap, ...]


def list_selections(store: Store) -> list[Row]:
    """Selections, newest first (rows of ``select_list``); ``options`` as an object."""
    rows = store.query("select_list")
    for row in rows:
        row["options"] = json.loads(row["options"] or "{}")
    return rows


def find(store: Store, wanted: str) -> Row:
    """The newest selection of a name, the one of an id (or its beginning, 8 characters or more), or the ``latest``.

    Raises Unknown for one there is not.
    """
    rows = store.query("select_find", wanted=wanted)
    if not rows and len(wanted) >= 8:
        rows = [row for row in store.query("select_find", wanted="latest") if row["selection_id"].startswith(wanted)]
    if not rows:
        names = {row["name"] for row in store.query("select_names")}
        raise Unknown("selection", wanted, names, hint="make one with: workbench select")
    found: Row = {**rows[0], "options": json.loads(rows[0]["options"] or "{}")}
    return found


def coverage(store: Store, wanted: str = "latest") -> Coverage:
    """What a selection (name, id, or ``latest``) covers. Raises Unknown for one there is not."""
    head = find(store, wanted)
    bench = head["options"].get("bench")
    rows = store.query("select_rows", selection_id=head["selection_id"], bench=bench)
    instructions = read_instructions(store, bench)
    pools: list[Candidates] | None = None
    if head["method"] in ("mad", "random") and head["metric"] and head["metric_version"]:
        models = {row[side] for row in rows for side in ("model_a", "model_b")} | set(
            head["options"].get("models") or ()
        )
        pools = read_candidates(
            store, sorted(models), bench, head["mode"], head["metric"], head["metric_version"]
        )  # fmt: skip
    chosen = [row for row in rows if row["arm"] == "selected"]
    pooled = None if pools is None else {int(place) for pool in pools for place in pool.places}
    questions = {row["question_id"] for row in chosen}
    times = Counter(row["question_id"] for row in {(_pair(r), r["question_id"]): r for r in chosen}.values())
    whole = len(instructions.ids) if pooled is None else len(pooled)
    return Coverage(
        **{name: head[name] for name in ("selection_id", "name", "method", "mode", "metric", "metric_version")},
        diversity=head["diversity"], k=head["k"], options=head["options"],
        items=len({(row["question_id"], row["response_a"], row["response_b"]) for row in rows}),
        pairs=tuple(_pairs(rows, pools)),
        histogram=_histogram(rows, pools) if pools else None,
        questions=len(instructions.ids), pool_questions=None if pooled is None else len(pooled),
        selected_questions=len(questions), share=len(questions) / whole if whole else None,
        repeated=sum(n > 1 for n in times.values()),
        categories=tuple(_categories(chosen, instructions, pooled)), overlaps=tuple(_overlaps(chosen)),
    )  # fmt: skip


def _pair(row: Row) -> tuple[str, str]:
    return row["model_a"], row["model_b"]


def _pairs(rows: Sequence[Row], pools: Sequence[Candidates] | None) -> list[PairCoverage]:
    counts = Counter((_pair(row), row["arm"]) for row in rows)
    by_pair = {pool.pair: pool for pool in pools or ()}
    out = []
    for pair in sorted({pair for pair, _ in counts} | by_pair.keys()):
        pool = by_pair.get(pair)
        out.append(
            PairCoverage(
                *pair, pool.items if pool else None, pool.dropped if pool else None, len(pool.places) if pool else None,
                counts[pair, "selected"], counts[pair, "control"],
            )
        )  # fmt: skip
    return out


def _histogram(rows: Sequence[Row], pools: Sequence[Candidates]) -> Histogram | None:
    """Bins are from the least to the greatest similarity of the pool."""
    every = np.concatenate([pool.scores for pool in pools])
    readable = every != UNREADABLE
    kept = every[readable]
    if not len(kept):
        return None
    low, high = float(kept.min()), float(kept.max())
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)

    def count(values: Sequence[float | None]) -> tuple[int, ...]:
        # What was selected before an answer changed may lie outside: it counts in the outermost bin.
        some = np.clip(np.array([v for v in values if v is not None], np.float64), edges[0], edges[-1])
        return tuple(int(n) for n in np.histogram(some, edges)[0])

    arms: dict[str, list[float | None]] = {"selected": [], "control": []}
    for row in rows:
        if row["similarity"] != UNREADABLE:
            arms[row["arm"]].append(row["similarity"])
    return Histogram(
        tuple(float(edge) for edge in edges), tuple(int(n) for n in np.histogram(kept, edges)[0]),
        count(arms["selected"]), count(arms["control"]), int((~readable).sum()),
    )  # fmt: skip


def _categories(chosen: Sequence[Row], instructions: Instructions, pooled: set[int] | None) -> list[CategoryCoverage]:
    questions = Counter(instructions.categories)
    pool = None if pooled is None else Counter(instructions.categories[place] for place in pooled)
    items = Counter(row["category"] or NO_CATEGORY for row in chosen)
    selected = Counter({row["question_id"]: row["category"] or NO_CATEGORY for row in chosen}.values())
    return [
        CategoryCoverage(name, questions[name], None if pool is None else pool[name], selected[name], items[name])
        for name in sorted(questions.keys() | items.keys())
    ]


def _overlaps(chosen: Sequence[Row]) -> list[Overlap]:
    by_pair: dict[tuple[str, str], set[str]] = {}
    for row in chosen:
        by_pair.setdefault(_pair(row), set()).add(row["question_id"])
    found = [Overlap(one, two, len(by_pair[one] & by_pair[two])) for one, two in combinations(sorted(by_pair), 2)]
    return sorted((o for o in found if o.shared), key=lambda o: (-o.shared, o.pair_a, o.pair_b))


def why_dropped(name: str) -> str:
    """What a filter drops, in words."""
    return FILTERS[name]
