"""Reading a verdict out of what a judge wrote.

Two readings (formats-and-rules §1 and §5). ``compat`` is FastChat's as published: the first match wins, and thinking
text is searched along with the answer. ``corrected``, the default, differs in three points: two different letters in
one verdict are no verdict, a score outside 1–10 is no score, and only the final answer is searched.

Every reader returns ``None`` for what cannot be read; such a judgment is ``unparsed``, never a score or a tie.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

#: The order in which FastChat's reader looks for the letters.
_LETTERS = (("[[A]]", "a"), ("[[B]]", "b"), ("[[C]]", "tie"))
_RATING = re.compile(r"\[\[(\d+\.?\d*)\]\]", re.ASCII)
_RATING_ONE_BRACKET = re.compile(r"\[(\d+\.?\d*)\]", re.ASCII)
_RATINGS = re.compile(r"\[\[(\d+\.?\d*),\s?(\d+\.?\d*)\]\]", re.ASCII)
_RATINGS_ONE_BRACKET = re.compile(r"\[(\d+\.?\d*),\s?(\d+\.?\d*)\]", re.ASCII)
_THINK_OPEN, _THINK_CLOSE = "<think>", "</think>"
_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL | re.IGNORECASE)
LOWEST, HIGHEST = 1.0, 10.0
#: Two scores this close are a tie (FastChat's ``TIE_DELTA``).
TIE_WITHIN = 0.1


def final_answer(text: str, mode: str = "corrected", reasoning: str | None = None) -> str:
    """The text a verdict may stand in.

    corrected: what follows the last ``</think>``; nothing if thinking began and never ended.
    compat: everything, the thinking text first.
    """
    if mode == "compat":
        return f"{reasoning}\n{text}" if reasoning else text
    head, closed, tail = text.rpartition(_THINK_CLOSE)
    answer = tail if closed else head + tail
    return answer.partition(_THINK_OPEN)[0]


def pair_letter(text: str, mode: str = "corrected") -> str | None:
    """``a``, ``b`` or ``tie`` from ``[[A]]``, ``[[B]]``, ``[[C]]``.

    compat: A if it occurs at all, else B, else C. corrected: the one letter that occurs; two different ones → None.
    """
    found = [verdict for mark, verdict in _LETTERS if mark in text]
    if not found or (mode != "compat" and len(found) > 1):
        return None
    return found[0]


def rating(text: str, mode: str = "corrected") -> float | None:
    """The number of the first ``[[number]]``, else of the first ``[number]``.

    corrected: ``None`` outside 1–10. (FastChat writes −1 where this is ``None``.)
    """
    found = _RATING.search(text) or _RATING_ONE_BRACKET.search(text)
    return _on_scale(found.group(1), mode) if found else None


def rating_pair(text: str, mode: str = "corrected") -> tuple[float, float] | None:
    """Both numbers of the first ``[[x,y]]``, else of the first ``[x,y]``."""
    found = _RATINGS.search(text) or _RATINGS_ONE_BRACKET.search(text)
    if not found:
        return None
    first, second = _on_scale(found.group(1), mode), _on_scale(found.group(2), mode)
    return None if first is None or second is None else (first, second)


def winner_of_scores(first: float, second: float) -> str:
    """``a``, ``b``, or ``tie`` when the two are at most 0.1 apart."""
    # The tolerance is for 8.1 − 8.0, which is a little more than 0.1 in binary.
    if abs(first - second) <= TIE_WITHIN + 1e-9:
        return "tie"
    return "a" if first > second else "b"


def json_letter(text: str) -> str | None:
    """``a``, ``b`` or ``tie`` from an object with a ``verdict`` of A, B or tie."""
    verdict = _json_field(text, "verdict")
    if not isinstance(verdict, str):
        return None
    return {"a": "a", "b": "b", "tie": "tie"}.get(verdict.strip().lower())


def json_rating(text: str, mode: str = "corrected") -> float | None:
    """The ``score`` of an object."""
    score = _json_field(text, "score")
    if isinstance(score, bool) or not isinstance(score, int | float):
        return None
    return _on_scale(score, mode)


def _json_field(text: str, name: str) -> Any:
    text = text.strip()
    if fenced := _FENCE.match(text):
        text = fenced.group(1)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value.get(name) if isinstance(value, dict) else None


def _on_scale(value: str | int | float, mode: str) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number) or (mode != "compat" and not LOWEST <= number <= HIGHEST):
        return None
    return number
