"""What a MAD selection chooses from: the pairs' items with their similarities by one metric, after the filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from workbench.errors import BadInput, Unknown
from workbench.records import Row
from workbench.select.greedy import FloatArray, IntArray
from workbench.select.spec import EMBEDDING, NO_CATEGORY
from workbench.store import Store
from workbench.text import plural

#: Why an item is left out, in the order in which filters are tried.
FILTERS = {
    "empty": "an answer is blank",
    "ratio": "one answer is 4 times as long as the other",
    "few_words": "an answer has 20 words or fewer",
    "uncompared": "not compared yet",
}
#: What a judge's similarity is where it could not be read (formats-and-rules §2): sorts last.
UNREADABLE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Instructions:
    """The questions of the scope in file order: ids, categories, keys of their embeddings, and lengths (characters)."""

    ids: list[str]
    categories: list[str]
    keys: list[bytes]
    chars: list[int]

    def category_codes(self) -> tuple[list[str], IntArray]:
        """(names of the categories in order, the code of each question)."""
        names = sorted(set(self.categories))
        code = {name: i for i, name in enumerate(names)}
        return names, np.array([code[name] for name in self.categories], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """A pair's items in file order after the filters: places of their questions and similarities; how many items there
    were before, and how many each filter dropped."""

    model_a: str
    model_b: str
    places: IntArray
    scores: FloatArray
    items: int
    dropped: dict[str, int]

    @property
    def pair(self) -> tuple[str, str]:
        return self.model_a, self.model_b


def read_instructions(store: Store, bench: str | None) -> Instructions:
    rows = store.query("select_instructions", bench=bench)
    return Instructions(
        [row["question_id"] for row in rows],
        [row["category"] or NO_CATEGORY for row in rows],
        [bytes.fromhex(row["key"]) for row in rows],
        [row["chars"] for row in rows],
    )


def read_candidates(
    store: Store, models: Sequence[str], bench: str | None, mode: str, metric: str, version: str
) -> list[Candidates]:
    """Of every two models that answered a question in common, in name order."""
    rows = store.query(
        "select_pairs", models=list(models), bench=bench, mode=mode, spare=1 if mode == "compat" else 0,
        metric=metric, metric_version=version,
    )  # fmt: skip
    return [
        Candidates(
            row["model_a"], row["model_b"], np.asarray(row["places"], np.int64), np.asarray(row["scores"], np.float64),
            row["items"], {name: row[name] for name in FILTERS},
        )
        for row in rows
    ]  # fmt: skip


def goals(pair: Candidates, mode: str, diversity: float) -> FloatArray:
    """What is minimised beside λ. A judge's similarity that could not be read (no other metric goes that high) sorts
    last: in ``corrected`` mode whatever λ is (as far above all others as λ reaches), in ``compat`` as the 2.0 it is in
    the published files."""
    if mode == "compat":
        return pair.scores
    return np.where(pair.scores == UNREADABLE, UNREADABLE + 2.0 * diversity, pair.scores)


def metric_version(store: Store, metric: str, wanted: str | None, encoder: tuple[str, str] | None) -> tuple[str, str]:
    """(the metric, the version of it to go by). ``encoder``: name and version of the embedder, for the metric
    embedding. Versions are never mixed.

    Raises:
        Unknown: no similarities by this metric, or by this version.
        BadInput: there are several versions; nothing was compared yet.
    """
    there: list[Row] = store.query("select_metrics")
    names = {row["metric"] for row in there}
    if metric == "bertscore" and metric not in names:
        metric = "bertscore-f1"
    versions = [str(row["metric_version"]) for row in there if row["metric"] == metric]
    if wanted is not None and wanted in versions:
        return metric, wanted
    if wanted is not None and versions:
        near = [version for version in versions if wanted in version]
        if len(near) == 1:
            return metric, near[0]
        raise Unknown(f"version of {metric}", wanted, versions)
    if metric == EMBEDDING and encoder is not None:
        return metric, _of_encoder(encoder, versions)
    if not versions:
        raise Unknown(
            "metric", metric, {EMBEDDING, *names}, hint=f"compare answers with: workbench similarity --metric {metric}"
        )
    if len(versions) > 1:
        raise BadInput(
            f"there are similarities of {metric} by {len(versions)} versions: {', '.join(versions)}",
            field="metric_version", hint="choose one: --metric-version VERSION (a part that only one has will do)",
        )  # fmt: skip
    return metric, versions[0]


def _of_encoder(encoder: tuple[str, str], versions: list[str]) -> str:
    name, version = encoder
    if version in versions:
        return version
    others = f" (there are similarities by {', '.join(versions)})" if versions else ""
    raise BadInput(
        f"no answers were compared by '{name}' yet{others}", hint=f"run first: workbench similarity --model {name}"
    )


# -- what is said ----------------------------------------------------------------------------------


def dropped_words(pairs: Sequence[Candidates]) -> list[str]:
    """What each filter dropped, over all pairs."""
    totals = {name: sum(pair.dropped[name] for pair in pairs) for name in FILTERS}
    return [f"{plural(n, 'item')} left out: {FILTERS[name]}" for name, n in totals.items() if n]


def apart(pairs: Sequence[Candidates], models: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of models that answered no question in common."""
    there = {pair.pair for pair in pairs}
    return [pair for pair in combinations(sorted(models), 2) if pair not in there]
