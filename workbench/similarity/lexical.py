"""Metrics ``rouge-l`` and ``chrf``: how much of their wording two texts share. A cheap baseline: no model, no cache.

Both are made symmetric, because neither of two answers is the reference. Scores are from 0 to 1.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from workbench.errors import EngineError
from workbench.similarity.metrics import Footprint, Places, Scores

#: A run of letters and digits; in scripts written without spaces every letter is a word.
_WORD = re.compile(
    "[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]|[^\\W_\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+"
)
#: chrF of the shared task: character sequences up to this length, recall weighing twice as much (Popović 2015).
CHRF_ORDER = 6
CHRF_BETA = 2.0


class Comparison(Protocol):
    """One lexical metric: what it takes from a text, and the score of two such."""

    version: str
    #: Bytes of memory a character of text takes while its block is scored, about.
    bytes_per_char: int

    def take(self, text: str) -> Any: ...

    def score(self, a: Any, b: Any) -> float: ...


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


class RougeL:
    """ROUGE-L F1 (Lin 2004): 2·LCS / (m + n), LCS the longest common subsequence of the words of two texts. That is the
    same in both directions. Unlike the original, any letter counts, not only a to z."""

    bytes_per_char = 30

    def __init__(self) -> None:
        sequences = _library("rapidfuzz.distance.LCSseq", "rapidfuzz")
        self._common = sequences.similarity
        self.version = "rouge-l f1 words v1"

    def take(self, text: str) -> list[str]:
        return words(text)

    def score(self, a: list[str], b: list[str]) -> float:
        return 2.0 * float(self._common(a, b)) / (len(a) + len(b)) if a and b else 0.0


class Chrf:
    """chrF2 (Popović 2015) as sacrebleu's ``CHRF()`` scores one text against the other, the mean of both directions."""

    bytes_per_char = 600

    def __init__(self) -> None:
        self._grams = _library("sacrebleu.metrics.helpers", "sacrebleu").extract_all_char_ngrams
        self.version = f"chrf c{CHRF_ORDER} b{CHRF_BETA:g} both directions v1"

    def take(self, text: str) -> list[Counter[str]]:
        found: list[Counter[str]] = self._grams(text, CHRF_ORDER, False)
        return found

    def score(self, a: list[Counter[str]], b: list[Counter[str]]) -> float:
        counts = [
            (float(sum(one.values())), float(sum(two.values())), float(_shared(one, two)))
            for one, two in zip(a, b, strict=True)
        ]
        return (_chrf(counts) + _chrf([(n, m, shared) for m, n, shared in counts])) / 2


def _shared(one: Counter[str], two: Counter[str]) -> int:
    if len(one) > len(two):
        one, two = two, one
    return sum(min(n, two[gram]) for gram, n in one.items() if gram in two)


def _chrf(counts: Sequence[tuple[float, float, float]]) -> float:
    """Mean precision and recall over the orders that both texts are long enough for, then their F-score."""
    both = [(shared / hypothesis, shared / reference) for hypothesis, reference, shared in counts
            if hypothesis and reference]  # fmt: skip
    if not both:
        return 0.0
    precision = sum(p for p, _ in both) / len(both)
    recall = sum(r for _, r in both) / len(both)
    weight = CHRF_BETA**2
    denominator = weight * precision + recall
    return (1 + weight) * precision * recall / denominator if denominator else 0.0


METRICS: Mapping[str, Callable[[], Comparison]] = {"rouge-l": RougeL, "chrf": Chrf}


class LexicalScorer:
    """``Scorer`` by a lexical metric. Texts are taken apart anew for each block: that is cheaper than keeping it."""

    batch = 1024
    raw_texts = False

    def __init__(self, metric: str) -> None:
        self.names = (metric,)
        self._by: Comparison = METRICS[metric]()
        self._taken: dict[bytes, Any] = {}

    @property
    def version(self) -> str:
        return self._by.version

    def lacking(self, keys: Sequence[bytes]) -> list[bytes]:
        return [key for key in dict.fromkeys(keys) if key not in self._taken]

    async def encode(self, texts: Mapping[bytes, str]) -> None:
        for key, text in texts.items():
            self._taken[key] = self._by.take(text)

    def score(self, keys: Sequence[bytes], first: Places, second: Places) -> Mapping[str, Scores]:
        taken = [self._taken[key] for key in keys]
        found = [self._by.score(taken[a], taken[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
        return {self.names[0]: np.asarray(found, np.float64)}

    def forget(self) -> None:
        self._taken.clear()

    def footprint(self, chars: int) -> Footprint:
        return Footprint(0, 512 + self._by.bytes_per_char * chars)

    async def close(self) -> None:
        self._taken.clear()


def _library(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise EngineError(
            f"the package '{package}' is not installed", hint="pip install 'workbench-llm[lexical]'"
        ) from None
