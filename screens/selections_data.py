"""What the select screen reads: how alike answers are, and selections. In threads; nothing here touches the screen."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from screens.widgets.histogram import BINS, axis
from workbench.records import Row

if TYPE_CHECKING:
    from workbench.store import Store

#: Rows of items that are read; filters show the others.
ITEMS = 1_000
#: Pairs of answers shown of everything compared, from either end.
ENDS = 200
#: While similarities are being written they are summed up again after this many seconds, and no more than a sixth of
#: the time is spent on that.
PATIENCE_S = 3.0
PATIENCE_TIMES = 5.0
#: The newest selection, whichever it is; ``None`` stands for everything compared.
NEWEST = "newest"
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is asked for. ``metric`` is name and version; ``selection`` an id, ``None`` (everything compared) or
    ``NEWEST``; ``highest``: of everything compared, the most alike."""

    metric: Pair | None = None
    pair: Pair | None = None
    category: str | None = None
    selection: str | None = NEWEST
    highest: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything compared by one metric: its rows by pair of models (``None``: all), between ``low`` and ``high``.

    Where nothing was compared (``compared`` is false) its rows are a selection's pairs, with their items in ``n``.
    """

    low: float
    high: float
    broken: int
    pairs: Mapping[Pair | None, Row]
    compared: bool = True


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was asked for, what it came to, and what there is. ``stale_s``: similarities were written meanwhile, and
    are to be read again in so many seconds."""

    asked: Chosen
    chosen: Chosen
    metrics: Sequence[Row]
    categories: Sequence[Row]
    selections: Sequence[Row]
    pool: Pool
    picked: Mapping[str, Sequence[int]]  # by arm, how often each bin is hit
    unplaced: int  # items of the selection without a similarity by this metric
    items: Sequence[Row]
    total: int
    stale_s: float | None = None

    @property
    def selection(self) -> Row | None:
        return next((row for row in self.selections if row["selection_id"] == self.chosen.selection), None)


@dataclass(slots=True)
class _Kept:
    rows: list[Row]
    seen: tuple[Any, ...]
    read_at: float
    took: float


class Reads:
    """Named reads, kept until one of their tables changed. One thread at a time asks; a late one does no harm."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], _Kept] = {}
        self.stale_s: float | None = None

    def rows(
        self, store: Store, counters: Mapping[str, int], tables: Iterable[str], name: str, *, patient: bool = False,
        **params: Any,
    ) -> list[Row]:  # fmt: skip
        """``patient``: rows that cost much to read may be a little old; ``stale_s`` then says for how long."""
        key = (name, *sorted(params.items()))
        seen = tuple(counters.get(table) for table in ("owner", *tables))
        kept, now = self._kept.get(key), time.monotonic()
        if kept is not None and kept.seen == seen:
            return kept.rows
        if kept is not None and patient:
            left = kept.read_at + max(PATIENCE_S, PATIENCE_TIMES * kept.took) - now
            if left > 0:
                self.stale_s = max(left, self.stale_s or 0.0)
                return kept.rows
        found = store.query(name, **params)
        while len(self._kept) >= 64:
            self._kept.pop(next(iter(self._kept)), None)
        ended = time.monotonic()
        self._kept[key] = _Kept(found, seen, ended, ended - now)
        return found


def load(store: Store, reads: Reads, counters: Mapping[str, int], asked: Chosen, annotator: str) -> Loaded:
    """Read what is asked for. A selection brings its own metric along until another one is chosen."""
    reads.stale_s = None

    def read(name: str, *tables: str, patient: bool = False, **params: Any) -> list[Row]:
        return reads.rows(store, counters, tables, name, patient=patient, **params)

    metrics = read("ui_similarity_metrics", "similarities", patient=True)
    categories = read("ui_selection_categories", "questions")
    selections = read("ui_selection_list", "selections", "annotations", annotator=annotator)
    chosen = settle(asked, metrics, selections, [row["name"] for row in categories])
    pool = _pool(read, metrics, chosen)
    if chosen.pair not in pool.pairs:
        chosen = replace(chosen, pair=None)
    models = chosen.pair or (None, None)
    scope: dict[str, Any] = {
        "category": chosen.category, "model_a": models[0], "model_b": models[1], "annotator": annotator,
    }  # fmt: skip
    metric, version = chosen.metric or (None, None)
    picked: dict[str, list[int]] = {}
    items: list[Row] = []
    unplaced = total = 0
    if chosen.selection not in (None, NEWEST):
        if pool.compared:
            bounds = {"metric": metric, "metric_version": version, "low": pool.low, "high": pool.high, "bins": BINS}
            rows = read(
                "ui_selection_bins", "selections", "similarities", "questions", patient=True,
                selection_id=chosen.selection, category=chosen.category, **bounds,
            )  # fmt: skip
            picked, unplaced = _by_arm(rows, chosen.pair)
        items = read(
            "ui_selection_items", "selections", "annotations", "similarities", "questions", patient=True,
            selection_id=chosen.selection, metric=metric, metric_version=version, limit=ITEMS, **scope,
        )  # fmt: skip
        total = items[0]["total"] if items else 0
    elif pool.compared:
        items = read(
            "ui_similarity_items", "similarities", "selections", "annotations", "questions", patient=True,
            metric=metric, metric_version=version, highest=chosen.highest, limit=ENDS, **scope,
        )  # fmt: skip
        total = (pool.pairs.get(chosen.pair) or {"n": 0})["n"]
    return Loaded(
        asked, chosen, metrics, categories, selections, pool, picked, unplaced, items, total, reads.stale_s
    )  # fmt: skip


def settle(asked: Chosen, metrics: Sequence[Row], selections: Sequence[Row], categories: Sequence[str]) -> Chosen:
    """What is asked for in terms of what there is: names that are gone give way to the newest, or to all."""
    ids = [row["selection_id"] for row in selections]
    selection = asked.selection
    if selection == NEWEST and ids:
        selection = ids[0]
    elif selection not in (None, NEWEST) and selection not in ids:
        selection = NEWEST if not ids else ids[0]
    known = [(row["metric"], row["metric_version"]) for row in metrics]
    metric = asked.metric
    if metric not in known:
        row = next((row for row in selections if row["selection_id"] == selection), None)
        own = (row["metric"], row["metric_version"]) if row else None
        metric = own if own in known else known[0] if known else None
    category = asked.category if asked.category in categories else None
    return replace(asked, selection=selection, metric=metric, category=category)


def _pool(read: Any, metrics: Sequence[Row], chosen: Chosen) -> Pool:
    """The distribution by the metric chosen; a selection's pairs when nothing was compared."""
    row = next((row for row in metrics if (row["metric"], row["metric_version"]) == chosen.metric), None)
    if row is None:
        return _own_pairs(read, chosen)
    if row["least"] is None:  # not one of its values is a number
        return Pool(0.0, 1.0, row["broken"], {})
    low, high = axis(row["least"], row["greatest"])
    rows = read(
        "ui_similarity_pairs", "similarities", "questions", patient=True, metric=row["metric"],
        metric_version=row["metric_version"], category=chosen.category, low=low, high=high, bins=BINS,
    )  # fmt: skip
    pairs = {None if one["model_a"] is None else (one["model_a"], one["model_b"]): one for one in rows}
    return Pool(low, high, row["broken"], pairs)


def _own_pairs(read: Any, chosen: Chosen) -> Pool:
    """The pairs of models of a selection whose items were not compared (label-next needs no similarity)."""
    if chosen.selection in (None, NEWEST):
        return Pool(0.0, 1.0, 0, {}, compared=False)
    rows = read(
        "ui_selection_bins", "selections", "questions", selection_id=chosen.selection, category=chosen.category,
        metric=None, metric_version=None, low=0.0, high=1.0, bins=BINS,
    )  # fmt: skip
    totals: dict[Pair | None, int] = {None: 0} if rows else {}
    for row in rows:
        pair = (row["model_a"], row["model_b"])
        totals[pair] = totals.get(pair, 0) + row["n"]
        totals[None] += row["n"]
    empty: dict[str, Any] = {"middle": None, "least": None, "places": [], "counts": []}
    return Pool(0.0, 1.0, 0, {pair: {"n": n, **empty} for pair, n in totals.items()}, compared=False)


def counts_of(row: Row | None) -> list[int]:
    """A pool row's bins, the empty ones among them."""
    counts = [0] * BINS
    if row is not None:
        for place, n in zip(row["places"], row["counts"], strict=True):
            counts[place] = n
    return counts


def _by_arm(rows: Iterable[Row], pair: Pair | None) -> tuple[dict[str, list[int]], int]:
    """How often each bin is hit, by arm, and how many items have no similarity by this metric."""
    arms: dict[str, list[int]] = {}
    unplaced = 0
    for row in rows:
        if pair not in (None, (row["model_a"], row["model_b"])):
            continue
        if row["place"] is None:
            unplaced += row["n"]
        else:
            arms.setdefault(row["arm"], [0] * BINS)[row["place"]] += row["n"]
    return arms, unplaced
