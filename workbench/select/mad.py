"""MAD competition (arXiv 2404.08008; formats-and-rules §2): the items on which answers are least alike.

``greedy`` holds the rule. Filters run before; see ``select_pairs.sql`` for them and for how ``compat`` and
``corrected`` read them. A control arm of items drawn at random from the rest shows how much the selection itself tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.engines.registry import BUILTIN_EMBEDDERS, open_embedder
from workbench.errors import BadInput, Unknown
from workbench.progress import Estimate, Progress, StageReport
from workbench.records import Model, Row
from workbench.scope import CHARS_PER_TOKEN, price
from workbench.select.extending import Kept
from workbench.select.greedy import IntArray, Pick, Rooms, Vectors, pick_least_similar
from workbench.select.pool import (
    UNREADABLE,
    Candidates,
    Instructions,
    apart,
    dropped_words,
    goals,
    metric_version,
    read_candidates,
    read_instructions,
)
from workbench.select.rows import check_name, complete, draw_control
from workbench.select.spec import EMBEDDING, SelectSpec, quotas
from workbench.select.vectors import instruction_vectors
from workbench.similarity.embedding import embedding_cache, named_embedder
from workbench.store import Store
from workbench.text import plural


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """All that a selection is made of: the spec with everything settled, models (``every``: all there are), the
    ``pairs`` after the filters and their ``pools`` (without what was selected before), how many items to pick of each
    pair, quotas, and the rows that are kept."""

    spec: SelectSpec
    models: tuple[str, ...]
    metric: str
    version: str
    encoder: str | None
    instructions: Instructions
    pairs: list[Candidates]
    pools: list[Candidates]
    wanted: list[int]
    rooms: list[Rooms]
    kept: Kept
    every: bool

    def columns(self) -> Row:
        """The columns that all rows share."""
        spec = self.spec
        return {
            "name": spec.shown_name, "method": "mad", "mode": spec.mode, "metric": self.metric,
            "metric_version": self.version, "diversity": spec.diversity, "k": self.k,
        }  # fmt: skip

    @property
    def k(self) -> int:
        """Items a pair at most: K, or the sum of the quotas."""
        return sum(self.quotas.values()) if self.quotas else self.spec.k

    @property
    def quotas(self) -> dict[str, int]:
        if self.spec.per_category:
            return dict.fromkeys(sorted(set(self.instructions.categories)), self.spec.per_category)
        return quotas(self.spec)

    def options(self) -> Row:
        """What else it was made with (``selections.options``)."""
        spec = self.spec
        return {
            "bench": spec.bench, "models": list(self.models), "all_models": self.every, "across": spec.across,
            "control": spec.control, "top_k": None if self.quotas else spec.k,
            "embedder": spec.embedder if self.encoder else None, "embedder_version": self.encoder,
            "per_category": spec.per_category, "quota": dict(sorted(quotas(spec).items())),
        }  # fmt: skip


def needs_encoder(spec: SelectSpec) -> bool:
    return bool(spec.diversity) or (spec.metric == EMBEDDING and spec.metric_version is None)


async def select_mad(
    store: Store, spec: SelectSpec, models: tuple[str, ...], kept: Kept, progress: Progress
) -> StageReport:
    """Pick and store. Raises BadInput when nothing is left to select from, the name is taken by a selection made with
    other options, or nothing was compared yet."""
    embedder = open_embedder(named_embedder(store, spec.embedder)) if needs_encoder(spec) else None
    try:
        task = prepare(store, spec, models, kept, embedder.version if embedder else None)
        if not spec.extend:
            check_name(store, task.columns(), task.options())
        if not any(len(pair.places) for pair in task.pairs):
            words = dropped_words(task.pairs)
            raise BadInput("no item is left to select from: " + ("; ".join(words) or "no common questions"))
        vectors: Vectors | None = None
        where = used_places(task)
        if embedder is not None and spec.diversity:
            vectors = await instruction_vectors(store, embedder, task.instructions, where, progress)
            if vectors is None:
                return StageReport("select", sum(task.wanted), 0, cancelled=True)
    finally:
        if embedder is not None:
            await embedder.close()
    picks = choose(task, where, vectors)
    rows = complete(store, task.models, items_of(task, picks), task.columns(), task.options())
    progress.start("select", len(rows))
    new = store.insert("selections", rows)
    progress.advance(len(rows))
    notes = (f"selection {spec.shown_name} ({rows[0]['selection_id'][:8]})", *remarks(task, picks))
    return StageReport("select", new, new, already=len(rows) - new, states={"ok": new} if new else {}, notes=notes)


# -- what there is ---------------------------------------------------------------------------------


def prepare(store: Store, spec: SelectSpec, models: tuple[str, ...], kept: Kept, encoder: str | None) -> Task:
    """Read what there is to select from. Raises BadInput and Unknown as ``select_mad``."""
    named = (spec.embedder, encoder) if encoder is not None else None
    metric, version = metric_version(store, spec.metric, spec.metric_version, named)
    kept.check(spec, version, encoder if spec.diversity else None)
    instructions = read_instructions(store, spec.bench)
    for category in quotas(spec):
        if category not in instructions.categories:
            raise Unknown("category", category, set(instructions.categories))
    pairs = read_candidates(store, models, spec.bench, spec.mode, metric, version)
    names, codes = instructions.category_codes()
    task = Task(
        spec,
        models,
        metric,
        version,
        encoder if spec.diversity else None,
        instructions,
        pairs,
        [],
        [],
        [],
        kept,
        every=not spec.models,
    )
    limits = task.quotas
    full = np.array([limits.get(name, 0) for name in names], np.int64)
    for pair in pairs:
        before = np.array(kept.places(pair.pair), np.int64)
        free = ~np.isin(pair.places, before)
        pool = Candidates(*pair.pair, pair.places[free], pair.scores[free], pair.items, pair.dropped)
        task.pools.append(pool)
        task.wanted.append(max(task.k - kept.count(pair.pair), 0))
        if limits:
            used = np.bincount(codes[before[before >= 0]], minlength=len(names))
            task.rooms.append(Rooms(codes[pool.places], np.maximum(full - used, 0)))
    return task


def used_places(task: Task) -> IntArray:
    """Places of all instructions that any pair can pick, or has picked."""
    before = [place for pair in task.kept.pairs() for place in task.kept.places(pair) if place >= 0]
    return np.unique(np.concatenate([*(pair.places for pair in task.pools), np.array(before, np.int64)]))


# -- the choice ------------------------------------------------------------------------------------


def choose(task: Task, where: IntArray, vectors: Vectors | None) -> list[list[Pick]]:
    """The new picks of each pair. ``where``: the place of each row of ``vectors``."""
    spec = task.spec
    scores = [goals(pair, spec.mode, spec.diversity) for pair in task.pools]
    places = [np.searchsorted(where, pair.places) for pair in task.pools]
    # Pairs that have no items any more still count where λ looks across pairs.
    before = {pair: [int(np.searchsorted(where, p)) for p in task.kept.places(pair) if p >= 0] for pair in
              [*(pool.pair for pool in task.pools), *task.kept.pairs()]}  # fmt: skip
    gone = [pair for pair in before if pair not in {pool.pair for pool in task.pools}] if spec.across else []
    nothing = np.zeros(0)
    picks = pick_least_similar(
        [*scores, *(nothing for _ in gone)], [*task.wanted, *(0 for _ in gone)], spec.diversity,
        [*places, *(nothing.astype(np.int64) for _ in gone)], vectors, across=spec.across,
        before=list(before.values()) if spec.across else [before[pool.pair] for pool in task.pools],
        rooms=[*task.rooms, *(Rooms(nothing.astype(np.int64), np.zeros(1, np.int64)) for _ in gone)]
        if task.rooms else (),
    )  # fmt: skip
    return picks[: len(task.pools)]


def items_of(task: Task, picks: Sequence[Sequence[Pick]]) -> list[Row]:
    """What is kept, then what is new, of every pair and both arms."""
    ids = task.instructions.ids
    items: list[Row] = [dict(row) for row in task.kept.rows]
    for pair, picked in zip(task.pools, picks, strict=True):
        taken = {int(pair.places[pick.place]) for pick in picked} | set(task.kept.places(pair.pair, "control"))
        free = [i for i in range(len(pair.places)) if int(pair.places[i]) not in taken]
        more = task.spec.control - task.kept.count(pair.pair, "control")
        drawn = [Pick(i, float(pair.scores[i])) for i in draw_control(*pair.pair, free, more)]
        for arm, method, some in (("selected", "mad", picked), ("control", "random", drawn)):
            first = task.kept.last_rank(pair.pair, arm) + 1
            items += [
                {
                    "method": method, "arm": arm, "model_a": pair.model_a, "model_b": pair.model_b, "rank": rank,
                    "question_id": ids[pair.places[pick.place]], "score": pick.score,
                    "similarity": float(pair.scores[pick.place]),
                }
                for rank, pick in enumerate(some, first)
            ]  # fmt: skip
    # In one order, however often the selection was added to: its id is a hash of them.
    return sorted(items, key=lambda row: (row["model_a"], row["model_b"], row["arm"], row["rank"]))


# -- what is said ----------------------------------------------------------------------------------


def remarks(task: Task, picks: Sequence[Sequence[Pick]]) -> list[str]:
    """What one should know of the choice."""
    lines = []
    if task.kept.rows:
        lines.append(f"{plural(len(task.kept.rows), 'item')} kept as they were; what was voted on is not asked again")
    lines += dropped_words(task.pairs)
    if alone := apart(task.pairs, task.models):
        some = ", ".join(f"{a} and {b}" for a, b in alone[:3]) + (", …" if len(alone) > 3 else "")
        lines.append(f"{plural(len(alone), 'pair')} of models answered no question in common: {some}")
    short = [n - len(picked) for n, picked in zip(task.wanted, picks, strict=True) if len(picked) < n]
    if short and not task.rooms:
        lines.append(f"{plural(len(short), 'pair')} of models had fewer than {task.spec.k} items left: all are taken")
    lines += _unfilled(task, picks)
    unread = sum(task.pools[i].scores[pick.place] == UNREADABLE for i, some in enumerate(picks) for pick in some)
    if unread:
        lines.append(f"{plural(int(unread), 'item')} picked though the judge's similarity could not be read")
    lines += _equal(task.pools)
    return lines


def _unfilled(task: Task, picks: Sequence[Sequence[Pick]]) -> Iterable[str]:
    """Quotas that pairs could not fill."""
    names, _ = task.instructions.category_codes()
    lacking: dict[str, list[int]] = {}
    for rooms, picked in zip(task.rooms, picks, strict=bool(task.rooms)):
        used = np.bincount(rooms.group[[pick.place for pick in picked]].astype(np.int64), minlength=len(names))
        for name, room, got in zip(names, rooms.room, used, strict=True):
            if got < room:
                lacking.setdefault(name, []).append(int(room - got))
    for name, each in lacking.items():
        yield f"quota of {name} unfilled: {plural(sum(each), 'item')} short over {plural(len(each), 'pair')} of models"


def _equal(pools: Sequence[Candidates]) -> Iterable[str]:
    n = sum(len(pool.scores) > 1 and bool((pool.scores == pool.scores[0]).all()) for pool in pools)
    if n:
        yield f"{plural(n, 'pair')} of models: all similarities are equal, so that file order decided"


async def estimate_mad(store: Store, spec: SelectSpec, models: tuple[str, ...], kept: Kept) -> Estimate:
    """Items that would be selected at most, and instructions to embed. Raises as ``select_mad``."""
    encoder: Model | None = named_embedder(store, spec.embedder) if needs_encoder(spec) else None
    embedder = open_embedder(encoder) if encoder else None
    lacking: list[int] = []
    try:
        task = prepare(store, spec, models, kept, embedder.version if embedder else None)
        if embedder and spec.diversity and spec.embedder not in BUILTIN_EMBEDDERS:
            cache = embedding_cache(store, embedder)
            texts = {task.instructions.keys[place]: task.instructions.chars[place] for place in used_places(task)}
            lacking = [chars for key, chars in texts.items() if key not in cache]
    finally:
        if embedder is not None:
            await embedder.close()
    picked = [len(some) for some in _without_spread(task)]
    control = [
        max(min(spec.control - kept.count(pool.pair, "control"), len(pool.places) - n), 0)
        for pool, n in zip(task.pools, picked, strict=True)
    ]
    tokens = sum(lacking) // CHARS_PER_TOKEN
    cost = price({**encoder.params, "price_out": 0.0}, tokens, 0) if encoder else None
    return Estimate("select", sum(picked) + sum(control), len(lacking), prompt_tokens=tokens, cost=cost)


def _without_spread(task: Task) -> list[list[Pick]]:
    """The choice with λ = 0, which has as many items as with any other."""
    return pick_least_similar([pool.scores for pool in task.pools], task.wanted, rooms=task.rooms)
