"""What each side costs an item: dollars, tokens, seconds.

Tokens and dollars are over all samples and all attempts of what counts, failed ones too: what the verdicts took.
Judgments imported without a price, a count or a time are unknown, never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from workbench.agree.resampling import Resampling
from workbench.agree.votes import FloatArray, IntArray
from workbench.compare.figures import Figure, few, mean_difference
from workbench.compare.items import Items
from workbench.compare.reading import Game, Said
from workbench.rate.clustered import positive_ratio, t_quantile

SECTION = "cost"
SECONDS = "seconds that an item's requests took, one after the other: "
WOODRUFF = "of quantiles from the error of the share below, variance over questions (Woodruff 1952)"
TOO_HIGH = "too few items for an upper bound"
QUANTILES = ((0.5, "median seconds", "median"), (0.95, "p95 seconds", "95th percentile"))
Amount = Callable[[Game], float | None]
AMOUNTS: tuple[tuple[str, Amount, str, float], ...] = (
    ("prompt tokens", lambda game: game.prompt_tokens, "mean of an item", 1.0),
    ("completion tokens", lambda game: game.completion_tokens, "mean of an item", 1.0),
    ("cost US$", lambda game: game.cost, "mean of an item, in US dollars", 1.0),
    ("cost US$ of 1,000 items", lambda game: game.cost, "1,000 × the mean of an item, in US dollars", 1000.0),
)


def cost_figures(items: Items, how: Resampling) -> list[Figure]:
    """Means of tokens and dollars, and quantiles of seconds, of every side; differences of the dollars and tokens. What
    no side tells has no row."""
    out: list[Figure] = []
    for measure, amount, method, times in AMOUNTS:
        found = [_amounts(items, side, amount, times) for side in range(len(items.sides))]
        if all(row is None for row in found):
            continue
        for name, row in zip(items.names, found, strict=True):
            out.append(_mean(items, measure, name, row, method, how))
        for i, j in combinations(range(len(items.sides)), 2):
            one, two = found[i], found[j]
            if one is not None and two is not None:
                n = items.by_question(np.ones(len(items)))
                sums = [(items.by_question(row), n) for row in (one, two)]
                both = (items.names[i], items.names[j])
                out.append(mean_difference(SECTION, measure, both, sums[0], sums[1], method, how))
    latency = [[_latency(said) for said in items.said(side)] for side in range(len(items.sides))]
    if any(x is not None for row in latency for x in row):
        for name, told in zip(items.names, latency, strict=True):
            out += _seconds(items, name, told, how)
    return out


def _amounts(items: Items, side: int, amount: Amount, times: float) -> FloatArray | None:
    """One number an item; ``None`` where no judgment tells. (Of several told by one request, one has it all.)"""
    found = items.sides[side].samples
    given = [[amount(game) for said in found[key] for game in said.games] for key in items.keys]
    if not any(x is not None for row in given for x in row):
        return None
    return np.array([times * sum(x for x in row if x is not None) for row in given], dtype=np.float64)


def _mean(items: Items, measure: str, name: str, row: FloatArray | None, method: str, how: Resampling) -> Figure:
    if row is None:
        note = "not told by any of these judgments"
        return Figure(SECTION, measure, name, None, None, None, None, 0, 0, method, None, note=note)
    n = items.by_question(np.ones(len(items)))
    found = positive_ratio(items.by_question(row), n, level=how.level)
    return Figure(SECTION, measure, name, None, found.value, found.lower, found.upper, found.n, found.questions, method,
                  found.interval, note=few(found.questions))  # fmt: skip


def _latency(said: Said) -> float | None:
    given = [game.latency for game in said.games if game.latency is not None]
    return sum(given) if given else None


def _seconds(items: Items, name: str, latency: Sequence[float | None], how: Resampling) -> list[Figure]:
    known = [i for i, x in enumerate(latency) if x is not None]
    if not known:
        note = "not told by any of these judgments"
        return [Figure(SECTION, measure, name, None, None, None, None, 0, 0, SECONDS + words, None, note=note)
                for _, measure, words in QUANTILES]  # fmt: skip
    value = np.array([latency[i] for i in known], dtype=np.float64)
    question = items.question[known]
    out = []
    for share, measure, words in QUANTILES:
        at = float(np.quantile(value, share))
        lower, upper, questions = quantile_bounds(value, question, at, share, how.level)
        interval = f"{how.level * 100:.4g} % {WOODRUFF}" if lower is not None else None
        out.append(
            Figure(SECTION, measure, name, None, at, lower, upper, len(value), questions, SECONDS + words, interval,
                   note=few(questions) or (TOO_HIGH if lower is not None and upper is None else None))
        )  # fmt: skip
    return out


def quantile_bounds(
    value: FloatArray, question: IntArray, at: float, share: float, level: float
) -> tuple[float | None, float | None, int]:
    """Bounds of the ``share`` quantile ``at`` and on how many questions: the quantiles at ``share`` ± Student's t times
    the standard error of the share of values up to it (Woodruff 1952), whose variance is over questions. No upper
    bound where so few values were seen that it may lie above all of them."""
    _, code = np.unique(question, return_inverse=True)
    bottom = np.bincount(code).astype(np.float64)
    questions = len(bottom)
    if questions < 2:
        return None, None, questions
    top = np.bincount(code, weights=(value <= at).astype(np.float64))
    influence = (top - share * bottom) / len(value)
    influence -= influence.mean()
    error = math.sqrt(questions / (questions - 1.0) * float(influence @ influence))
    reach = t_quantile(level, questions) * error
    lower = float(np.quantile(value, max(share - reach, 0.0)))
    return lower, float(np.quantile(value, share + reach)) if share + reach < 1.0 else None, questions
