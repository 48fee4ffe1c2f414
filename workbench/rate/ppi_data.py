"""Comparisons that a judge decided, with the votes that people cast on some of them, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInput, Unknown
from workbench.rate.scope import Scope, check_scope, mode_of, raters

if TYPE_CHECKING:
    from workbench.store import Store

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Which votes count as labels: all, or only those on items that came before people at random.
LABELS = ("all", "random")
#: How an item came before people (column ``picked`` of ``ppi_comparisons.sql``).
RANDOM, RANDOM_IN_PAIR, BY_RULE = 0, 1, 2
#: Labels that random draws would spread so unevenly over pairs less often than this are not taken for random.
UNEVEN = 0.001


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """One entry a comparison (question, turn, two answers) that the judge decided.

    ``a``, ``b`` index ``models``; ``judged`` is the share that a won by the judge, ``voted`` by people (the mean of
    ``votes`` votes; NaN: none); ``question`` numbers questions from 0; ``picked`` as in ``ppi_comparisons.sql``.
    ``rules``: the selection methods that picked some. ``mode``: by which reading of the rules the verdicts were read.
    ``left_out``: what is not here, by why.
    """

    models: tuple[str, ...]
    a: IntArray
    b: IntArray
    judged: FloatArray
    voted: FloatArray
    votes: IntArray
    question: IntArray
    picked: IntArray
    rules: tuple[str, ...]
    mode: str
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.a)

    @property
    def labelled(self) -> BoolArray:
        return ~np.isnan(self.voted)

    def only(self, where: BoolArray, why: str | None = None) -> Comparisons:
        """Some of the comparisons; the others are counted in ``left_out``."""
        left_out = dict(self.left_out)
        if why and not where.all():
            left_out[why] = left_out.get(why, 0) + int((~where).sum())
        return replace(
            self, a=self.a[where], b=self.b[where], judged=self.judged[where], voted=self.voted[where],
            votes=self.votes[where], question=self.question[where], picked=self.picked[where], left_out=left_out,
        )  # fmt: skip

    def labelled_questions(self) -> int:
        return len(np.unique(self.question[self.labelled]))


def read_comparisons(store: Store, scope: Scope, judge: str, labels: str = "all") -> Comparisons:
    """The comparisons of a scope that the judge decided; ``scope.by`` says whose votes are labels.

    With ``labels`` "random" a vote on an item that a rule picked (MAD, label-next by disagreement) is no label; the
    comparison stays, as one that the judge alone decided.

    Raises:
        Unknown: a judge, annotator, model, bench or category there is not, or another word for ``labels`` or mode.
        BadInput: ``by`` names the judge itself.
    """
    if labels not in LABELS:
        raise Unknown("labels", labels, LABELS)
    check_scope(store, scope)
    kinds = raters(store)
    judges = [name for name, kind in kinds.items() if kind == "judge"]
    if judge not in judges:
        raise Unknown("judge", judge, judges, hint="its pairwise verdicts are the many labels: workbench judge …")
    if kinds.get(scope.by) == "judge":
        raise BadInput(
            f"'{scope.by}' is a judge; the few labels are people's",
            field="by",
            hint="say human, or an annotator's name",
        )
    params = {name: value for name, value in scope.params().items() if name not in ("one_sided", "arm")}
    found = store.query("ppi_comparisons", judge=judge, **params)[0]
    left_out = {row["state"]: row["n"] for row in store.query("ppi_left_out", judge=judge, **params)}

    def whole(name: str) -> IntArray:
        return np.array(found[name] or (), dtype=np.int64)

    def share(name: str) -> FloatArray:
        return np.array(found[name] or (), dtype=np.float64)  # None becomes NaN

    both = Comparisons(
        tuple(found["models"] or ()), whole("a"), whole("b"), share("judged"), share("voted"), whole("votes"),
        whole("question"), whole("picked"), tuple(found["rules"] or ()), mode_of(found["modes"] or (), scope.mode),
        left_out,
    )  # fmt: skip
    judged = both.only(~np.isnan(both.judged), f"voted on without a verdict of {judge}")
    if labels == "random":
        dropped = judged.labelled & (judged.picked == BY_RULE)
        if dropped.any():
            judged = replace(
                judged,
                voted=np.where(dropped, np.nan, judged.voted),
                left_out={**judged.left_out, "votes on items picked by a rule": int(judged.votes[dropped].sum())},
                votes=np.where(dropped, 0, judged.votes),
            )
    return judged


class Spread(NamedTuple):
    """``even``: labels are spread over strata as all comparisons are. ``enough``: on two questions of each stratum."""

    even: bool
    enough: bool


def spread(stratum: IntArray, labelled: BoolArray, question: IntArray) -> Spread:
    """How labels are spread over strata, by Pearson's χ² test of labelled against not, at ``UNEVEN``."""
    _, code = np.unique(stratum, return_inverse=True)
    n = int(code.max(initial=-1)) + 1
    table = np.stack([np.bincount(code[labelled], minlength=n), np.bincount(code[~labelled], minlength=n)])
    pairs = np.unique(np.column_stack([code[labelled], question[labelled]]), axis=0)
    enough = bool((np.bincount(pairs[:, 0], minlength=n) >= 2).all())
    if n < 2 or not table.sum(axis=1).all():
        return Spread(True, enough)
    from scipy.special import chdtrc

    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return Spread(bool(chdtrc(n - 1, statistic) >= UNEVEN), enough)
