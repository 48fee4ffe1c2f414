"""What to label next: the pairs of answers that a person's vote on would teach most.

``ranking`` picks pairs of models by optimal design (``design``): each next comparison is the one that most lowers the
variance of the differences between ratings, first of all where two models' order hangs in the balance. Strengths come
from people's votes, with judges' verdicts as a prior; with neither, all models count as unknown. Within a pair of
models items are drawn at random, new questions first, so that the votes are a fair sample of the pair.

``disagreement`` picks items on which judges contradict each other or themselves (two orders, several judges,
probabilities near a half), spread over the pairs. ``both`` weighs each item's share in the ranking's information by
how open its verdict is by the judges: the closer to certain, the less a vote adds (active inference, arXiv
2403.03208). These two look at verdicts, so that votes on their items are no random sample; a control arm is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import BadInput, Unknown
from workbench.progress import Estimate, Progress, StageReport
from workbench.records import Row, stable_id
from workbench.select.design import (
    SPREAD_JUDGED,
    SPREAD_UNKNOWN,
    FloatArray,
    IntArray,
    Knowledge,
    Pairs,
    choose,
    differences,
    groups,
    learn,
    mean_deviation,
    sigmoid,
)
from workbench.select.rows import CONTROL_SEED, check_name, complete, draw_control
from workbench.select.spec import SelectSpec
from workbench.store import Store
from workbench.text import plural

#: Elo points a natural-log unit of strength.
POINTS = 400.0 / math.log(10.0)
#: How far a judge's verdicts are trusted before any vote, and how many decisive votes that belief is worth.
TRUST, TRUST_WORTH = 0.6, 16.0
#: Each use of a question makes another pick on it this much less attractive.
REUSE = 0.9
#: Of a pair's picks by disagreement, each further fair share counts half as much as the one before.
FURTHER_SHARE = 0.5
#: An item is never taken for more certain than this.
CERTAIN = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """A pair's items that could be picked, in an order drawn at random: places of their questions, and judges' mean
    opinion and dissent (NaN: no verdict)."""

    model_a: str
    model_b: str
    places: IntArray
    opinion: FloatArray
    dissent: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """All that a choice looks at. ``votes`` and ``judged`` are what people and judges decided, pair by pair;
    ``used`` counts the votes on each question; ``trust`` is the slope of people's verdicts on judges'."""

    models: tuple[str, ...]
    questions: list[str]
    used: IntArray
    pools: list[Pool]
    votes: Pairs
    judged: Pairs
    trust: float
    labelled: int

    @property
    def capacity(self) -> IntArray:
        return np.array([len(pool.places) for pool in self.pools], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Choice:
    """One picked item: its pair and its question by number, and how much it is expected to tell."""

    pair: int
    place: int
    score: float


def select_label_next(store: Store, spec: SelectSpec, models: tuple[str, ...], progress: Progress) -> StageReport:
    """Pick and store. Raises BadInput when nothing is left to label, Unknown for a judge there is not."""
    field = read_field(store, spec, models)
    wanted = how_many(spec, field)
    known = strengths(field)
    choices, after = pick(field, known, spec.goal, wanted)
    rows = _rows(store, spec, models, field, choices, wanted)
    progress.start("select", len(rows))
    new = store.insert("selections", rows)
    progress.advance(len(rows))
    notes = [f"selection {spec.shown_name} ({rows[0]['selection_id'][:8]})"]
    notes += remarks(spec, field, known, after, len(choices), wanted)
    return StageReport(
        "select", new, new, already=len(rows) - new, states={"ok": new} if new else {}, notes=tuple(notes)
    )


def estimate_label_next(store: Store, spec: SelectSpec, models: tuple[str, ...]) -> Estimate:
    """Items that would be picked. Raises as ``select_label_next``."""
    field = read_field(store, spec, models)
    free = field.capacity
    picked = min(how_many(spec, field), int(free.sum()))
    control = min(spec.control * int((free > 0).sum()), int(free.sum()) - picked)
    return Estimate("select", picked + control, 0)


def read_field(store: Store, spec: SelectSpec, models: tuple[str, ...]) -> Field:
    """What there is to choose from. Raises as ``select_label_next``."""
    if spec.judges:
        known = {row["name"] for row in store.query("battles_raters") if row["kind"] == "judge"}
        for judge in spec.judges:
            if judge not in known:
                raise Unknown("judge", judge, known)
    rows = store.query(
        "select_next", models=list(models), bench=spec.bench, judges=list(spec.judges) or None, overlap=spec.overlap
    )
    order = store.query("select_order", bench=spec.bench)
    code = {model: i for i, model in enumerate(models)}
    first = np.array([code[row["model_a"]] for row in rows], dtype=np.int64)
    second = np.array([code[row["model_b"]] for row in rows], dtype=np.int64)

    def column(name: str) -> FloatArray:
        return np.array([row[name] for row in rows], dtype=np.float64)

    worth = TRUST_WORTH * 0.25
    trust = (column("shared").sum() + TRUST * worth) / (column("shared_square").sum() + worth)
    field = Field(
        models, [row["question_id"] for row in order], np.array([row["labelled"] for row in order], dtype=np.int64),
        [_pool(row) for row in rows],
        Pairs(len(models), first, second, column("won"), column("votes")),
        Pairs(len(models), first, second, column("judged_won"), column("judged")),
        float(np.clip(trust, 0.0, 1.0)), sum(row["labelled"] for row in rows),
    )  # fmt: skip
    if not rows:
        raise BadInput("no two models answered the same question", hint="make answers with: workbench generate")
    if not field.capacity.sum():
        raise BadInput(
            f"somebody voted on every item ({field.labelled:,}) already", hint="more votes on the same items: --overlap"
        )
    return field


def _pool(row: Row) -> Pool:
    seed = int(stable_id("label-next", CONTROL_SEED, row["model_a"], row["model_b"])[:16], 16)
    order = np.random.default_rng(seed).permutation(len(row["places"]))
    columns = [np.array(row[name], dtype=np.float64)[order] for name in ("opinion", "dissent")]
    return Pool(row["model_a"], row["model_b"], np.array(row["places"], dtype=np.int64)[order], *columns)


def how_many(spec: SelectSpec, field: Field) -> int:
    return spec.items or spec.k * len(field.pools)


def strengths(field: Field) -> Knowledge:
    """What votes tell of the models' strengths. Judges' verdicts, taken with as much trust as they earned, are where a
    model without votes is expected."""
    nothing = np.zeros(len(field.models))
    if not field.judged.games.any():
        return learn(field.votes, nothing, SPREAD_UNKNOWN)
    by_judges = learn(field.judged, nothing, SPREAD_UNKNOWN)
    return learn(field.votes, field.trust * by_judges.theta, SPREAD_JUDGED)


# -- the choice ------------------------------------------------------------------------------------


def pick(field: Field, known: Knowledge, goal: str, n: int) -> tuple[list[Choice], FloatArray | None]:
    """The next ``n`` items (or all there are), best first, and the strengths' expected covariance with votes on them
    (``None`` for disagreement, which does not look at it).

    A score is the expected decrease in the (weighted) mean variance of a rating difference, in points²; by
    disagreement it is the judges' dissent, 0 to 1.
    """
    if goal == "disagreement":
        return by_disagreement(field, n), None
    shares = [
        openness(field, known, p) if goal == "both" else np.ones(len(field.pools[p].places)) for p in _range(field)
    ]
    plan = choose(known, field.votes, field.capacity, n, None if goal == "ranking" else _best_left(shares))
    used = field.used.astype(np.float64)
    free = [np.ones(len(pool.places), dtype=np.bool_) for pool in field.pools]
    choices = []
    for p, gain in zip(plan.pair.tolist(), plan.gain.tolist(), strict=True):
        worth = np.where(free[p], shares[p] * REUSE ** used[field.pools[p].places], -1.0)
        item = int(np.argmax(worth))
        free[p][item] = False
        place = int(field.pools[p].places[item])
        used[place] += 1.0
        choices.append(Choice(p, place, gain * POINTS**2))
    return choices, plan.after


def _range(field: Field) -> range:
    return range(len(field.pools))


def openness(field: Field, known: Knowledge, p: int) -> FloatArray:
    """q (1 − q) of each item over that of the pair, q being the chance that the first model wins the item: the pair's
    own chance, moved by how far the judges' opinion of the item lies from their opinion of the pair."""
    pool = field.pools[p]
    pair = np.array([p])
    first, second = field.votes.first[pair], field.votes.second[pair]
    gap = known.theta[first] - known.theta[second]
    shrink = 1.0 / np.sqrt(1.0 + np.pi * differences(known.covariance, first, second) / 8.0)
    chance = float(np.clip(sigmoid(shrink * gap)[0], CERTAIN, 1.0 - CERTAIN))
    judged = field.judged.won[p] / field.judged.games[p] if field.judged.games[p] else 0.5
    moved = np.where(np.isnan(pool.opinion), 0.0, field.trust * (pool.opinion - judged))
    q = np.clip(chance + moved, CERTAIN, 1.0 - CERTAIN)
    out: FloatArray = q * (1.0 - q) / (chance * (1.0 - chance))
    return out


def _best_left(shares: list[FloatArray]) -> Callable[[IntArray], FloatArray]:
    """Told how often each pair was picked: the share of the best item each has left."""
    length = np.array([max(len(some), 1) for some in shares])
    start = np.cumsum(length) - length
    flat = np.concatenate([np.sort(some)[::-1] if len(some) else np.zeros(1) for some in shares])

    def quality(taken: IntArray) -> FloatArray:
        out: FloatArray = flat[start + np.minimum(taken, length - 1)]
        return out

    return quality


def by_disagreement(field: Field, n: int) -> list[Choice]:
    """Items by the judges' dissent; where it is equal, as drawn. No pair takes much more than its share."""
    pairs = [p for p in _range(field) if len(field.pools[p].places)]
    share = math.ceil(n / len(pairs))
    scores, keys, owner, places, turn = [], [], [], [], []
    for p in pairs:
        pool = field.pools[p]
        score = np.where(np.isnan(pool.dissent), 0.0, np.minimum(4.0 * pool.dissent, 1.0))
        order = np.argsort(-score, kind="stable")
        nth = np.arange(len(order))
        scores.append(score[order])
        keys.append(score[order] * FURTHER_SHARE ** (nth // share))
        owner.append(np.full(len(order), p))
        places.append(pool.places[order])
        turn.append(nth)
    key, nth = np.concatenate(keys), np.concatenate(turn)
    best = np.lexsort((nth, -key))[:n]
    columns = (np.concatenate(part)[best].tolist() for part in (owner, places, scores))
    return [Choice(p, place, score) for p, place, score in zip(*columns, strict=True)]


# -- what is stored and said -----------------------------------------------------------------------


def _rows(
    store: Store, spec: SelectSpec, models: tuple[str, ...], field: Field, choices: list[Choice], wanted: int
) -> list[Row]:
    """Rows of both arms. Ranks run over all pairs: an annotator who follows them labels the most telling item first,
    and meets the control items evenly spread among them."""
    items = [
        {**_item(field, c.pair, c.place), "method": spec.method, "arm": "selected", "rank": rank, "score": c.score}
        for rank, c in enumerate(choices, 1)
    ]
    taken: dict[int, set[int]] = {}
    for c in choices:
        taken.setdefault(c.pair, set()).add(c.place)
    for p, pool in enumerate(field.pools):
        free = [place for place in sorted(pool.places.tolist()) if place not in taken.get(p, ())]
        drawn = draw_control(pool.model_a, pool.model_b, free, spec.control)
        for i, place in enumerate(drawn):
            rank = i * max(len(choices), len(drawn)) // len(drawn) + 1
            items.append({**_item(field, p, place), "method": "random", "arm": "control", "rank": rank, "score": 0.0})
    columns = {
        "name": spec.shown_name, "method": spec.method, "mode": spec.mode, "metric": spec.goal,
        "metric_version": ",".join(sorted(spec.judges)) or None, "diversity": 0.0, "k": wanted,
    }  # fmt: skip
    options: dict[str, Any] = {
        "bench": spec.bench, "models": list(models), "all_models": not spec.models, "items": spec.items,
        "top_k": spec.k, "control": spec.control, "overlap": spec.overlap,
    }  # fmt: skip
    check_name(store, columns, options)
    return complete(store, models, items, columns, options)


def _item(field: Field, p: int, place: int) -> Row:
    pool = field.pools[p]
    return {
        "model_a": pool.model_a, "model_b": pool.model_b, "question_id": field.questions[place], "similarity": None
    }  # fmt: skip


def remarks(
    spec: SelectSpec, field: Field, known: Knowledge, after: FloatArray | None, picked: int, wanted: int
) -> list[str]:
    """What one should know of the choice."""
    lines = []
    if after is not None:
        before, then = (1.96 * POINTS * mean_deviation(matrix) for matrix in (known.covariance, after))
        lines.append(f"expected mean 95 % interval of a rating: ±{before:.0f} points now, ±{then:.0f} with these votes")
    if not field.judged.games.any():
        lines.append(
            "no verdict of a judge to go by" + ("" if spec.goal == "ranking" else ": items are drawn at random")
        )
    apart = len(set(groups(field.votes).tolist())) - 1
    if apart and spec.goal != "disagreement":
        lines.append(f"{plural(apart, 'link')} come first: no votes connect all models yet")
    if field.labelled and not spec.overlap:
        lines.append(f"{plural(field.labelled, 'item')} left out: somebody voted on them")
    if picked < wanted:
        lines.append(f"only {plural(picked, 'item')} were left of {wanted:,} asked for")
    if spec.goal != "ranking" and field.judged.games.any():
        lines.append("picked by verdicts: votes on these items are no random sample (--control N draws one)")
    return lines
