"""Whether each side says the same again: in both orders, in repeated samples; and how often nothing could be read."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np

from workbench.agree.resampling import Resampling
from workbench.agree.votes import FloatArray
from workbench.compare.figures import Figure, Share, compared, few
from workbench.compare.items import Items, coded
from workbench.compare.reading import ItemKey, Said, SideRead
from workbench.rate.clustered import positive_ratio

SECTION = "consistency"
ORDERS = "share of pairs with the same verdict in both orders"
REPEATS = "share of pairs of samples of the very same question with the same {what}"
SPREAD = "standard deviation of repeated scores, pooled over what was scored"
#: A share of items in one of these states is told for every side.
FAILURES = ("unparsed", "refused", "truncated", "too_long", "error", "pending", "unusable")
EXACT = (
    "McNemar's exact test that as many pairs are consistent with only the one side as with only the other; takes pairs "
    "as independent"
)


def consistency_figures(items: Items, how: Resampling) -> list[Figure]:
    """Orders, repeats and failures of every side and their differences; McNemar's exact test of the orders."""
    return [*_orders(items, how), *_repeats(items, how), *_failures(items, how)]


def _orders(items: Items, how: Resampling) -> list[Figure]:
    said = [[one.consistent for one in items.said(side)] for side in range(len(items.sides))]
    if not any(found is not None for row in said for found in row):
        return []
    shares = [
        Share(items.by_question([x is True for x in row]), items.by_question([x is not None for x in row]))
        for row in said
    ]
    out = compared(SECTION, "orders agreeing", items.names, shares, ORDERS, how)
    for i, j in combinations(range(len(said)), 2):
        both = [(x, y) for x, y in zip(said[i], said[j], strict=True) if x is not None and y is not None]
        if both:
            out.append(_mcnemar((items.names[i], items.names[j]), both, shares[i]))
    return out


def _mcnemar(names: tuple[str, str], both: list[tuple[bool, bool]], share: Share) -> Figure:
    """Exact two-sided p-value (McNemar 1947, binomial form) of the discordant pairs."""
    from scipy.stats import binomtest

    only_one, only_two = sum(x and not y for x, y in both), sum(y and not x for x, y in both)
    p = float(binomtest(only_one, only_one + only_two, 0.5).pvalue) if only_one + only_two else 1.0
    note = f"only {names[0]} consistent: {only_one:,}; only {names[1]}: {only_two:,}"
    questions = int((share.bottom > 0).sum())
    return Figure(SECTION, "mcnemar p", *names, p, None, None, len(both), questions, EXACT, None, note=note)


def _repeats(items: Items, how: Resampling) -> list[Figure]:
    """Pairs of samples that say the same, of items that were asked several times."""
    found = [[_repeated(side.samples[key], items.measure) for key in items.keys] for side in items.sides]
    if not any(total for row in found for _, total, _, _ in row):
        return []
    what = "verdict" if items.measure == "verdict" else "score"
    shares = [
        Share(items.by_question([same for same, *_ in row]), items.by_question([total for _, total, *_ in row]))
        for row in found
    ]
    out = compared(SECTION, "repeats agreeing", items.names, shares, REPEATS.format(what=what), how)
    if items.measure == "score":
        out += [_spread(items, name, row, how) for name, row in zip(items.names, found, strict=True)]
    return out


def _spread(items: Items, name: str, row: list[tuple[float, float, float, float]], how: Resampling) -> Figure:
    squares, freedom = ([one[k] for one in row] for k in (2, 3))
    found = positive_ratio(items.by_question(squares), items.by_question(freedom), level=how.level)
    value, lower, upper = (None if x is None else x**0.5 for x in (found.value, found.lower, found.upper))
    return Figure(
        SECTION, "score spread", name, None, value, lower, upper, found.n, found.questions, SPREAD, found.interval,
        note=few(found.questions),
    )  # fmt: skip


def _repeated(samples: tuple[Said, ...], measure: str) -> tuple[float, float, float, float]:
    """(pairs of samples that say the same, pairs, sum of squares about the mean, degrees of freedom), game by game."""
    same = total = squares = freedom = 0.0
    by_order: dict[str, list[object]] = {}
    for said in samples:
        for game in said.games:
            given: object = game.verdict if measure == "verdict" else game.score
            if game.state == "ok" and given is not None:
                by_order.setdefault(game.order, []).append(given)
    for given_all in by_order.values():
        n = len(given_all)
        total += n * (n - 1) / 2
        same += sum(m * (m - 1) / 2 for m in Counter(given_all).values())
        if measure == "score" and n > 1:
            scores: FloatArray = np.array(given_all, dtype=np.float64)
            squares += float(((scores - scores.mean()) ** 2).sum())
            freedom += n - 1
    return same, total, squares, freedom


def _failures(items: Items, how: Resampling) -> list[Figure]:
    """Of all items that a side was asked about, the share in each state that is no verdict, where there are any."""
    union = sorted({key for side in items.sides for key in side.said})
    questions, question = coded([key.question_id for key in union])

    def sums(values: list[bool]) -> FloatArray:
        weights = np.array(values, dtype=np.float64)
        return np.bincount(question, weights=weights, minlength=len(questions)).astype(np.float64)

    states = [[_state(side, key) for key in union] for side in items.sides]
    asked = [sums([state is not None for state in row]) for row in states]
    out: list[Figure] = []
    for name in FAILURES:
        if not any(name in row for row in states):
            continue
        shares = [Share(sums([state == name for state in row]), n) for row, n in zip(states, asked, strict=True)]
        method = f"share of the items it was asked about that are {name.replace('_', ' ')}"
        out += compared(SECTION, name.replace("_", " "), items.names, shares, method, how)
    return out


def _state(side: SideRead, key: ItemKey) -> str | None:
    found = side.said.get(key)
    return None if found is None else found.state
