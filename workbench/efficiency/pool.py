"""The votes of a store as a pool of items to choose from.

An item is one question (and turn) with the answers of two models: what a person is asked about. Choosing it buys every
vote that was cast on it. Items are in the order of their pairs of models, within a pair in file order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.efficiency.spec import EfficiencySpec
from workbench.errors import BadInput
from workbench.rate.battles import PairTable, components
from workbench.rate.scope import Scope, check_scope, read_left_out
from workbench.store import Store
from workbench.text import plural

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Vectors = NDArray[np.float32]

#: Fewer have no ranking to speak of.
FEWEST_MODELS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Items and the votes on them.

    Pairs: ``first`` < ``second`` index ``models``. Items: ``pair``, ``question`` (a number from 0; the votes of one
    stand or fall together), ``place`` (a number for question and turn), ``similarity`` of the two answers (NaN:
    unknown; higher = more alike) and ``answers``, the response ids of the two, ``None`` where they are not stored.
    Votes, in the order they were decided: ``item``, and ``won``, the share of it that the first model won (1, ½, 0).
    """

    models: tuple[str, ...]
    first: IntArray
    second: IntArray
    pair: IntArray
    question: IntArray
    place: IntArray
    question_ids: tuple[str, ...]
    answers: tuple[tuple[tuple[str, str], ...], ...]
    item: IntArray
    won: FloatArray
    similarity: FloatArray

    @property
    def size(self) -> IntArray:
        """Items of each pair."""
        return np.bincount(self.pair, minlength=len(self.first))

    @property
    def item_games(self) -> FloatArray:
        """Votes on each item."""
        return np.bincount(self.item, minlength=len(self.pair)).astype(np.float64)

    @property
    def item_won(self) -> FloatArray:
        """Votes on each item that the first model won, a tie being half."""
        return np.bincount(self.item, weights=self.won, minlength=len(self.pair)).astype(np.float64)

    @property
    def questions(self) -> int:
        return len(self.question_ids)

    def only(self, keep: BoolArray) -> Pool:
        """The pool of these items alone; models, pairs and questions that are left without any are dropped."""
        pairs, pair = np.unique(self.pair[keep], return_inverse=True)
        asked, question = np.unique(self.question[keep], return_inverse=True)
        _, place = np.unique(self.place[keep], return_inverse=True)
        used, sides = np.unique(np.stack([self.first[pairs], self.second[pairs]]), return_inverse=True)
        sides = sides.reshape(2, -1)
        number = np.cumsum(keep) - 1
        votes = keep[self.item]
        return Pool(
            tuple(self.models[i] for i in used), sides[0], sides[1], pair, question, place,
            tuple(self.question_ids[q] for q in asked),
            tuple(self.answers[i] for i in np.flatnonzero(keep)),
            number[self.item[votes]], self.won[votes], self.similarity[keep],
        )  # fmt: skip


def read_pool(store: Store, spec: EfficiencySpec, by: str) -> tuple[Pool, dict[str, int]]:
    """The votes in scope, similarities unknown yet, and what is no vote of it, by state.

    Raises:
        Unknown: a judge, annotator, model, bench or category that the store does not have.
        BadInput: no votes, or of fewer than three models.
    """
    scope = Scope(by, spec.turn, spec.category, spec.bench, None, spec.models)
    check_scope(store, scope)
    params = scope.params()
    wanted = {name: params[name] for name in ("by", "turn", "category", "bench", "models")}
    rows = store.query("efficiency_votes", **wanted)
    if not rows:
        raise BadInput(
            f"there are no votes to replay (by {by}{scope.words()})",
            hint="import some (workbench import annotation.json), vote (workbench annotate), or name a judge: --by",
        )
    pool = as_pool(rows)
    if len(pool.models) < FEWEST_MODELS:
        raise BadInput(
            f"a ranking needs votes on three models or more, not {len(pool.models)} ({', '.join(pool.models)})",
            hint="widen --models, --by, --turn, --bench or --category",
        )
    left_out, authors = read_left_out(store, scope)
    return pool, {**left_out, **({"author": authors} if authors else {})}


def as_pool(rows: Sequence[dict[str, Any]]) -> Pool:
    """From rows of ``queries/read/efficiency_votes.sql``."""
    models = tuple(sorted({row["model_a"] for row in rows} | {row["model_b"] for row in rows}))
    code = {model: i for i, model in enumerate(models)}
    keys = [(code[r["model_a"]], code[r["model_b"]], r["place"], r["turn"], r["question_id"]) for r in rows]
    items = sorted(set(keys))
    number = {key: i for i, key in enumerate(items)}
    pairs = sorted({key[:2] for key in items})
    pair_number = {key: i for i, key in enumerate(pairs)}
    asked = {q: i for i, (_, q) in enumerate(sorted({(key[2], key[4]) for key in items}))}
    places = {place: i for i, place in enumerate(sorted({key[2:4] for key in items}))}
    answers: list[dict[tuple[str, str], None]] = [{} for _ in items]
    for key, row in zip(keys, rows, strict=True):
        if row["response_a"] is not None and row["response_b"] is not None:
            answers[number[key]][row["response_a"], row["response_b"]] = None

    def column(values: list[int]) -> IntArray:
        return np.array(values, dtype=np.int64)

    return Pool(
        models, column([a for a, _ in pairs]), column([b for _, b in pairs]),
        column([pair_number[key[:2]] for key in items]), column([asked[key[4]] for key in items]),
        column([places[key[2:4]] for key in items]), tuple(asked), tuple(tuple(some) for some in answers),
        column([number[key] for key in keys]), np.array([row["won"] for row in rows], dtype=np.float64),
        np.full(len(items), np.nan),
    )  # fmt: skip


def check_linked(pool: Pool) -> None:
    """Raises BadInput where the votes leave models on several scales, or of fewer than three models."""
    if len(pool.models) < FEWEST_MODELS:
        raise BadInput(f"a ranking needs votes on three models or more, not {len(pool.models)}")
    ones = np.ones(len(pool.first))
    groups = components(PairTable(len(pool.models), pool.first, pool.second, ones, ones))
    if groups.max() > 1:
        least = [m for m, g in zip(pool.models, groups.tolist(), strict=True) if g > 1]
        raise BadInput(
            f"the models are in {plural(int(groups.max()), 'group')} that were never compared: no ranking of all",
            hint=f"leave the smaller out with --models; it is {', '.join(least[:4])}",
        )


def budgets(pool: Pool, asked: tuple[int, ...]) -> IntArray:
    """Items a pair: those asked for, or all up to a dozen, or a dozen from 1 to the largest pair's.

    Raises:
        BadInput: a budget above what any pair has.
    """
    most = int(pool.size.max())
    if asked:
        if max(asked) > most:
            raise BadInput(
                f"{max(asked)} items a pair are more than any pair of models has ({most})", field="items",
                hint=f"ask for {most} at most; at that every strategy takes all there is",
            )  # fmt: skip
        return np.unique(np.array(asked, dtype=np.int64))
    if most <= 12:
        return np.arange(1, most + 1)
    return np.unique(np.round(np.geomspace(1, most, 12)).astype(np.int64))
