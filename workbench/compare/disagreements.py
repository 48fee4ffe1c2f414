"""The items on which the sides disagree most, and putting them before people as a selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.agree.votes import TIE, VERDICTS, A, FloatArray
from workbench.compare.items import Items, Pairs
from workbench.compare.reading import ItemKey
from workbench.errors import BadInput
from workbench.records import Row, stable_id, utcnow

if TYPE_CHECKING:
    from workbench.store import Store

METHOD = "compare-judges"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item and what each side ``said`` of it (a, b, tie or a score), with ``gap``: 1 for opposite winners and ½ for
    a winner and a tie; or how far scores are apart. ``consistent``: whether a side said it in both orders."""

    question_id: str
    turn: int
    model_a: str
    model_b: str | None
    answer_a: str | None
    answer_b: str | None
    said: Mapping[str, str | float]
    gap: float
    consistent: Mapping[str, bool | None]


def disagreements(items: Items, n: int) -> list[Disagreement]:
    """The ``n`` items with the largest gap; of equal ones first those on which every side is consistent, else drawn by
    a hash of the item."""
    opinion: FloatArray = items.score
    if items.measure == "verdict":
        opinion = np.where(items.verdict == A, 1.0, np.where(items.verdict == TIE, 0.5, 0.0))
    gap = opinion.max(axis=0) - opinion.min(axis=0)
    said = [items.said(side) for side in range(len(items.sides))]

    def doubts(i: int) -> int:
        return sum(one[i].consistent is False for one in said)

    out = []
    for i in _largest(gap, items.keys, n, doubts=[doubts(i) for i in range(len(items))]):
        key = items.keys[i]
        told: dict[str, str | float] = {}
        for side, name in enumerate(items.names):
            verdict = items.measure == "verdict"
            told[name] = VERDICTS[items.verdict[side, i]] if verdict else float(items.score[side, i])
        consistent = {name: one[i].consistent for name, one in zip(items.names, said, strict=True)}
        out.append(
            Disagreement(key.question_id, key.turn, key.model_a, key.model_b or None, key.answer_a or None,
                         key.answer_b or None, told, float(gap[i]), consistent)
        )  # fmt: skip
    return out


def _largest(gap: FloatArray, keys: Sequence[ItemKey], n: int, *, doubts: Sequence[int]) -> list[int]:
    places = [i for i in range(len(keys)) if gap[i] > 0]
    return sorted(places, key=lambda i: (-gap[i], doubts[i], stable_id("disagreement", *keys[i][1:])))[:n]


def keep_selection(store: Store, items: Items, pairs: Pairs | None, name: str, n: int) -> tuple[str, int]:
    """Store the ``n`` pairs of answers that the sides disagree on most as a selection for ``workbench annotate``;
    (its id, how many pairs). The same pairs again are the same selection.

    Of answers judged by themselves the pairs are taken on whose difference in score the sides differ most.

    Raises:
        BadInput: there are no pairs of stored answers that the sides disagree on.
    """
    found = _pairs_by_gap(items, pairs, n)
    if not found:
        raise BadInput(
            "there are no pairs of stored answers on which they disagree", field="select",
            hint="pairs can be selected where two answers to one question were judged",
        )  # fmt: skip
    options = {
        "name": name, "method": METHOD, "mode": "corrected", "metric": "disagreement",
        "metric_version": " · ".join(items.names), "diversity": 0.0, "k": n,
    }  # fmt: skip
    picked = [[key.question_id, key.answer_a, key.answer_b] for key, _ in found]
    selection_id = stable_id("selection", options, picked)
    rows: list[Row] = [
        {
            **options, "selection_id": selection_id, "arm": "selected", "model_a": key.model_a, "model_b": key.model_b,
            "rank": rank, "question_id": key.question_id, "response_a": key.answer_a, "response_b": key.answer_b,
            "score": gap, "similarity": None, "created_at": utcnow(),
        }
        for rank, (key, gap) in enumerate(found, 1)
    ]  # fmt: skip
    store.insert("selections", rows)
    return selection_id, len(rows)


def _pairs_by_gap(items: Items, pairs: Pairs | None, n: int) -> list[tuple[ItemKey, float]]:
    """(pair, gap), the largest first, each two answers once."""
    if pairs is None:
        keys, gap = items.keys, items.score.max(axis=0) - items.score.min(axis=0)
    else:
        keys, gap = pairs.keys, _apart(items, pairs)
    doubts = [0] * len(keys)
    if pairs is not None and not pairs.derived:
        said = [items.said(side) for side in range(len(items.sides))]
        doubts = [sum(one[i].consistent is False for one in said) for i in range(len(keys))]
    out: dict[tuple[str, str], tuple[ItemKey, float]] = {}
    for i in _largest(gap, keys, len(keys), doubts=doubts):
        key = keys[i]
        if key.answer_a and key.answer_b and len(out) < n:
            out.setdefault((key.answer_a, key.answer_b), (key, float(gap[i])))
    return list(out.values())


def _apart(items: Items, pairs: Pairs) -> FloatArray:
    """How far the sides are apart on each pair."""
    if not pairs.derived:
        opinion: FloatArray = np.where(pairs.verdict == A, 1.0, np.where(pairs.verdict == TIE, 0.5, 0.0))
    else:
        place = {(key.question_id, key.turn, key.answer_a, key.model_a): i for i, key in enumerate(items.keys)
                 if key.sample_a == 0}  # fmt: skip
        one = [place[key.question_id, key.turn, key.answer_a, key.model_a] for key in pairs.keys]
        two = [place[key.question_id, key.turn, key.answer_b, key.model_b] for key in pairs.keys]
        opinion = items.score[:, one] - items.score[:, two]
    found: FloatArray = opinion.max(axis=0) - opinion.min(axis=0)
    return found
