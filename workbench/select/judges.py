"""MAD competition of judges: the pairs of answers on which two judges disagree most, for people to decide.

As answers are compared in a MAD competition of models (Wang & Simoncelli 2008; arXiv 2404.08008), so are verdicts here:
for every two judges the item is picked on which what they say is least alike, 1 − |difference of the shares that the
first model wins| (see ``select_judged.sql``), and further items by the same greedy rule, λ spreading them over
instructions. Items on which two judges agree are never picked. Equal items keep file order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from workbench.engines.registry import open_embedder
from workbench.errors import BadInput, Unknown
from workbench.progress import Estimate, Progress, StageReport
from workbench.records import Row
from workbench.select.greedy import FloatArray, IntArray, Pick, Vectors, pick_least_similar
from workbench.select.pool import read_instructions
from workbench.select.rows import check_name, complete
from workbench.select.spec import SelectSpec
from workbench.select.vectors import instruction_vectors
from workbench.similarity.embedding import named_embedder
from workbench.store import Store
from workbench.text import plural

METRIC = "disagreement"


@dataclass(frozen=True, slots=True, eq=False)
class Contested:
    """Items on which two judges say different things, in file order: rows of ``select_judged``, how alike the verdicts
    are (1 − gap), and the places of the questions. ``judged`` counts all items that both judged."""

    judge_a: str
    judge_b: str
    items: list[Row]
    scores: FloatArray
    places: IntArray
    judged: int

    @property
    def name(self) -> str:
        return f"{self.judge_a} · {self.judge_b}"


def read_contested(store: Store, spec: SelectSpec, models: Sequence[str]) -> list[Contested]:
    """Of every two judges, in the order they are named.

    Raises:
        Unknown: a judge without pairwise verdicts.
        BadInput: no pair of answers was judged by two of them.
    """
    known = {row["name"] for row in store.query("battles_raters") if row["kind"] == "judge"}
    for judge in spec.judges:
        if judge not in known:
            raise Unknown("judge", judge, known, hint=f"have it judge: workbench judge --judge {judge}")
    found: dict[tuple[str, str], list[Row]] = {pair: [] for pair in combinations(spec.judges, 2)}
    for row in store.stream("select_judged", judges=list(spec.judges), models=list(models), bench=spec.bench):
        found[row["judge_a"], row["judge_b"]].append(row)
    if not any(found.values()):
        raise BadInput(
            f"no two of {', '.join(spec.judges)} judged the same pair of stored answers", field="judges",
            hint="have both judge by a pairwise protocol: workbench judge --protocol pairwise-all",
        )  # fmt: skip
    out = []
    for (judge_a, judge_b), rows in found.items():
        apart = [row for row in rows if row["gap"] > 0]
        scores = np.array([1.0 - row["gap"] for row in apart], np.float64)
        places = np.array([row["place"] for row in apart], np.int64)
        out.append(Contested(judge_a, judge_b, apart, scores, places, len(rows)))
    return out


async def select_judges(store: Store, spec: SelectSpec, models: tuple[str, ...], progress: Progress) -> StageReport:
    """Pick and store. Raises BadInput when the judges agree on everything, or the name is taken; and as
    ``read_contested``."""
    contested = read_contested(store, spec, models)
    if not any(len(one.items) for one in contested):
        raise BadInput(f"{', '.join(spec.judges)} agree on everything that two of them judged")
    columns: Row = {
        "name": spec.shown_name, "method": "mad-judges", "mode": "corrected", "metric": METRIC,
        "diversity": spec.diversity, "k": spec.k,
    }  # fmt: skip
    options: Row = {
        "bench": spec.bench, "models": list(models), "all_models": not spec.models, "judges": list(spec.judges),
        "top_k": spec.k, "embedder": spec.embedder if spec.diversity else None,
    }  # fmt: skip
    check_name(store, columns, options)
    where, vectors = np.unique(np.concatenate([one.places for one in contested])), None
    if spec.diversity:
        embedder = open_embedder(named_embedder(store, spec.embedder))
        try:
            vectors = await instruction_vectors(store, embedder, read_instructions(store, spec.bench), where, progress)
        finally:
            await embedder.close()
        if vectors is None:
            return StageReport("select", spec.k * len(contested), 0, cancelled=True)
    picks = _pick(spec, contested, where, vectors)
    rows = complete(store, models, _items(contested, picks), columns, options)
    progress.start("select", len(rows))
    new = store.insert("selections", rows)
    progress.advance(len(rows))
    notes = (
        f"selection {spec.shown_name} ({rows[0]['selection_id'][:8]})",
        *_remarks(spec, contested, picks, len(rows)),
    )
    return StageReport("select", new, new, already=len(rows) - new, states={"ok": new} if new else {}, notes=notes)


def estimate_judges(store: Store, spec: SelectSpec, models: tuple[str, ...]) -> Estimate:
    """Items that would be selected at most; one that several pairs of judges contest is counted for each. Raises as
    ``select_judges``."""
    return Estimate("select", sum(min(spec.k, len(one.items)) for one in read_contested(store, spec, models)), 0)


def _pick(
    spec: SelectSpec, contested: Sequence[Contested], where: IntArray, vectors: Vectors | None
) -> list[list[Pick]]:
    places = [np.searchsorted(where, one.places) for one in contested]
    return pick_least_similar([one.scores for one in contested], spec.k, spec.diversity, places, vectors)


def _items(contested: Sequence[Contested], picks: Sequence[Sequence[Pick]]) -> list[Row]:
    """Best first, pairs of judges in turn. An item that several pairs of judges contest is there once, at its first
    place, and names them all."""
    items: dict[tuple[str, str], Row] = {}
    for rank in range(max(map(len, picks))):
        for one, picked in zip(contested, picks, strict=True):
            if rank >= len(picked):
                continue
            row = one.items[picked[rank].place]
            answers = (row["response_a"], row["response_b"])
            if answers in items:
                items[answers]["metric_version"] += f"; {one.name}"
                continue
            items[answers] = {
                "arm": "selected", "model_a": row["model_a"], "model_b": row["model_b"], "rank": len(items) + 1,
                "question_id": row["question_id"], "response_a": row["response_a"], "response_b": row["response_b"],
                "score": picked[rank].score, "similarity": None, "metric_version": one.name,
            }  # fmt: skip
    return list(items.values())


def _remarks(
    spec: SelectSpec, contested: Sequence[Contested], picks: Sequence[Sequence[Pick]], stored: int
) -> list[str]:
    lines = []
    for one, picked in zip(contested, picks, strict=True):
        words = f"{one.name}: {len(one.items):,} of {plural(one.judged, 'common item')} contested"
        if len(picked) < spec.k:
            words += f"; all {len(picked):,} taken, fewer than {spec.k}"
        if picked:
            gaps = 1.0 - one.scores[[pick.place for pick in picked]]
            words += f"; those picked are {gaps.min():.2f} to {gaps.max():.2f} apart"
        lines.append(words)
    if shared := sum(map(len, picks)) - stored:
        lines.append(f"{plural(shared, 'item')} counted once though several pairs of judges contest them")
    lines.append("picked by verdicts: votes on these items are no random sample")
    return lines
