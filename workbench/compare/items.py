"""The items that every side has a readable answer to, as arrays; and the comparisons of two answers among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.agree.votes import TIE, VERDICTS, A, B, FloatArray, IntArray
from workbench.compare.reading import ItemKey, Said, SideRead
from workbench.errors import BadInput

#: Stands for the model where a question alone is judged.
QUESTION = "(question)"


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """What is compared: the ``keys`` (in file order) on which all sides are ok.

    ``verdict`` (sides × items): codes of ``agree.votes.VERDICTS`` where ``measure`` is verdict; ``score`` (sides ×
    items) where it is score. ``question`` (items) indexes ``questions``. ``states``: per side, of all items that any
    side looked at, how many are in which state; ``missing``: it was not asked, ``unusable``: ok, but neither.
    ``same``: items on which two sides have the very same judgments.
    """

    sides: tuple[SideRead, ...]
    measure: str
    keys: tuple[ItemKey, ...]
    questions: tuple[str, ...]
    question: IntArray
    verdict: IntArray
    score: FloatArray
    states: tuple[Mapping[str, int], ...]
    same: int

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(side.side.name for side in self.sides)

    def by_question(self, values: Sequence[float] | NDArray[Any]) -> FloatArray:
        """Sums over each question of one number an item."""
        weights = np.asarray(values, dtype=np.float64)
        return np.bincount(self.question, weights=weights, minlength=len(self.questions)).astype(np.float64)

    def said(self, side: int) -> list[Said]:
        """What one side said of each item."""
        found = self.sides[side].said
        return [found[key] for key in self.keys]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Comparisons of two answers to one question, decided by every side: judged as such, or (``derived``) which of two
    answers judged by themselves has the higher score. Arrays as in ``Items``."""

    derived: bool
    keys: tuple[ItemKey, ...]
    questions: tuple[str, ...]
    question: IntArray
    verdict: IntArray

    def __len__(self) -> int:
        return len(self.keys)

    def by_question(self, values: Sequence[float] | NDArray[Any]) -> FloatArray:
        """Sums over each question of one number a comparison."""
        weights = np.asarray(values, dtype=np.float64)
        return np.bincount(self.question, weights=weights, minlength=len(self.questions)).astype(np.float64)


def common_items(sides: Sequence[SideRead]) -> Items:
    """The items that all sides have a readable answer to.

    Raises:
        BadInput: the sides judged different things, or there is no such item.
    """
    kinds = {side.kind for side in sides}
    if len(kinds) > 1:
        raise BadInput(f"judgments of {' and '.join(sorted(kinds))} cannot be compared", field="protocol")
    ok = [said for side in sides for said in side.said.values() if said.state == "ok"]
    measure = "verdict" if any(said.verdict is not None for said in ok) else "score"
    union = sorted({key for side in sides for key in side.said})
    states = [[_state(side.said.get(key), measure) for key in union] for side in sides]
    kept = [key for key, *found in zip(union, *states, strict=True) if set(found) == {"ok"}]
    counts = tuple(dict(sorted(Counter(found).items())) for found in states)
    if not kept:
        told = "; ".join(f"{side.side.name}: {_words(found)}" for side, found in zip(sides, counts, strict=True))
        raise BadInput(
            f"no item was judged by all of them ({told})",
            hint="compare judges on the same questions, turns, answers and protocol; see: workbench sql "
            '"SELECT * FROM judgment_states"',
        )
    questions, question = coded([key.question_id for key in kept])
    said = [[side.said[key] for key in kept] for side in sides]
    none = np.zeros((len(sides), 0))
    verdict = none.astype(np.int64)
    score = none
    if measure == "verdict":
        verdict = np.array([[VERDICTS.index(one.verdict or "none") for one in row] for row in said], dtype=np.int64)
    else:
        score = np.array([[one.score for one in row] for row in said], dtype=np.float64)
    same = sum(any(one.identity[key] == two.identity[key] and one.side.judge == two.side.judge
                   for one, two in combinations(sides, 2)) for key in kept)  # fmt: skip
    return Items(tuple(sides), measure, tuple(kept), questions, question, verdict, score, counts, same)


def _state(said: Said | None, measure: str) -> str:
    if said is None:
        return "missing"
    if said.state != "ok":
        return said.state
    if measure == "verdict":
        return "ok" if said.verdict in ("a", "b", "tie") else "unusable"
    return "ok" if said.score is not None and isfinite(said.score) else "unusable"


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {state}" for state, n in counts.items()) or "nothing judged"


def coded(names: Sequence[str]) -> tuple[tuple[str, ...], IntArray]:
    """(the different names in the order they come, code of each)."""
    code: dict[str, int] = {}
    numbers = [code.setdefault(name, len(code)) for name in names]
    return tuple(code), np.array(numbers, dtype=np.int64)


def pairs_of(items: Items) -> Pairs | None:
    """The comparisons of two answers; ``None`` where the protocol has none (likeness, questions).

    Of answers judged by themselves those of different models to the same turn are compared, the first of each model:
    the higher score wins, equal ones tie.
    """
    if items.measure == "verdict":
        return Pairs(False, items.keys, items.questions, items.question, items.verdict)
    if items.keys[0].model_b or items.keys[0].model_a == QUESTION:
        return None
    places = [i for i, key in enumerate(items.keys) if key.sample_a == 0]
    first, second = [], []
    for _, group in groupby(places, key=lambda i: (items.keys[i].question_id, items.keys[i].turn)):
        for i, j in combinations(sorted(group, key=lambda i: items.keys[i].model_a), 2):
            if items.keys[i].model_a != items.keys[j].model_a:
                first.append(i)
                second.append(j)
    if not first:
        return None
    one, two = items.score[:, first], items.score[:, second]
    verdict = np.where(one > two, A, np.where(one < two, B, TIE)).astype(np.int64)
    keys = tuple(_paired(items.keys[i], items.keys[j]) for i, j in zip(first, second, strict=True))
    questions, question = coded([key.question_id for key in keys])
    return Pairs(True, keys, questions, question, verdict)


def _paired(one: ItemKey, two: ItemKey) -> ItemKey:
    return one._replace(model_b=two.model_a, answer_b=two.answer_a, sample_b=two.sample_a)
