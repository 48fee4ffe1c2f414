"""A study of sample efficiency: read the votes, replay every strategy, measure, and say what it comes to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workbench.efficiency.curves import Replays, curve, halved, whole
from workbench.efficiency.pool import BoolArray, FloatArray, IntArray, Pool, Vectors, budgets, check_linked, read_pool
from workbench.efficiency.remarks import remarks
from workbench.efficiency.similar import instruction_vectors, similarities
from workbench.efficiency.spec import REFERENCES, STRATEGIES, EfficiencySpec, check_spec
from workbench.efficiency.summary import Difference, Point, differences, interval_words, points
from workbench.errors import BadInput
from workbench.store import Store


@dataclass(frozen=True, slots=True)
class Efficiency:
    """A study. ``points`` and ``differences`` say what they are of; ``left_out``: comparisons that are no vote, by
    state, and items without a similarity, which no strategy was given. ``metric``: what MAD went by. ``notes``: what
    one has to know to read it."""

    by: str
    models: tuple[str, ...]
    pairs: int
    questions: int
    items: int
    votes: int
    left_out: dict[str, int]
    strategies: tuple[str, ...]
    methods: tuple[str, ...]
    metric: str | None
    metric_version: str | None
    diversity: float
    budgets: tuple[int, ...]
    draws: int
    rounds: int
    seed: int
    level: float
    interval: str | None
    points: tuple[Point, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


def efficiency(store: Store, spec: EfficiencySpec) -> Efficiency:
    """Replay the votes of a store.

    Raises:
        Unknown: a strategy, method, metric, judge, annotator, model, bench or category that there is not.
        BadInput: a number out of range, no votes, fewer than three models, models that were never compared, a budget
            above the pool, or MAD asked for where no similarity is known.
    """
    check_spec(spec)
    by = spec.by or ("human" if store.query("report_people")[0]["voted"] else "all")
    pool, left_out = read_pool(store, spec, by)
    strategies = tuple(s for s in STRATEGIES if not spec.strategies or s in spec.strategies)
    metric = version = None
    if "mad" in strategies:
        scores, metric, version = similarities(store, pool, spec.metric)
        strategies, keep = _playable(strategies, spec, scores)
        if not keep.all():
            left_out = {**left_out, "uncompared items": int((~keep).sum())}
        pool = replace(pool, similarity=scores).only(keep)
    check_linked(pool)
    vectors = instruction_vectors(store, pool) if spec.diversity and "mad" in strategies else None
    found = replayed(pool, spec, strategies, vectors)
    asked = tuple(budgets(pool, spec.items).tolist())
    report = Efficiency(
        by, pool.models, len(pool.first), pool.questions, len(pool.pair), len(pool.item), left_out, strategies,
        spec.methods, metric, version, spec.diversity, asked, spec.draws, spec.rounds, spec.seed, spec.level,
        interval_words(spec, pool.questions), tuple(found[0]), tuple(found[1]), (),
    )  # fmt: skip
    return replace(report, notes=tuple(remarks(report, spec, pool)))


def _playable(
    strategies: tuple[str, ...], spec: EfficiencySpec, scores: FloatArray
) -> tuple[tuple[str, ...], BoolArray]:
    """The strategies that can be played, and the items they all choose from: with MAD those with a similarity."""
    known: BoolArray = np.isfinite(scores)
    if known.any():
        return strategies, known
    if "mad" in spec.strategies or spec.metric is not None:
        raise BadInput(
            "MAD cannot be replayed: the voted answers have no similarity, and are not stored to be compared",
            hint="import the answers (workbench import model_answer/), or --strategies random,label-next",
        )
    return tuple(s for s in strategies if s != "mad"), np.ones_like(known)


def replayed(
    pool: Pool, spec: EfficiencySpec, strategies: tuple[str, ...], vectors: Vectors | None = None
) -> tuple[list[Point], list[Difference]]:
    """Points and differences of a pool whose similarities are known, for every method and reference."""
    asked = budgets(pool, spec.items)
    most = int(asked.max())
    weights = np.random.default_rng([spec.seed, 0]).exponential(size=(spec.rounds, pool.questions))
    weights /= weights.mean(axis=1, keepdims=True) if spec.rounds else 1.0
    replays: dict[str, dict[str, Replays]] = {}
    every = whole(pool, spec, strategies, most, vectors)
    largest = {against: int(pool.size.max()) for against in REFERENCES}
    largest["half"] = (largest["half"] + 1) // 2
    half = asked[asked <= largest["half"]]
    for against in REFERENCES:
        some = every if against != "half" else halved(pool, spec, strategies, most, vectors) if len(half) else []
        replays[against] = {one.strategy: one for one in some}
    out: tuple[list[Point], list[Difference]] = ([], [])
    for method in spec.methods:
        for against in REFERENCES:
            here: IntArray = half if against == "half" else asked
            found = {name: curve(pool, one, against, method, here, weights) for name, one in replays[against].items()}
            out[0].extend(points(pool, spec, method, against, replays[against], found, here))
            out[1].extend(differences(pool, spec, method, against, found, here, largest[against]))
    return out
