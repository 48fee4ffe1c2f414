"""Verdicts in the words of Auto-J (arXiv 2310.05470; formats-and-rules §3), English and Chinese.

Pairwise: how the text after the LAST ``final decision is `` (``最终决定是``) begins. Alone: the LAST ``Rating: [[x]]``,
in Chinese ``评分:[[x]]`` or ``打分:[[x]]``. ``compat`` is the published reading. ``corrected`` differs in three points:
``response 10`` is not response 1, the full-width colon and marks of bold text are seen through, and a rating outside
1–10 is none.
"""

from __future__ import annotations

import re

from workbench.judging.parsers.reading import json_object, number
from workbench.verdict_text import DECISIONS, HIGHEST_RATING, LOWEST_RATING, decision

__all__ = ["decision", "json_decision", "rating"]

_RATING_COMPAT = re.compile(r"(?:Rating: |[评打]分:)\[\[([^\[\]]{1,40})\]\]")
_RATING = re.compile(r"(?:\brating\s?:|[评打]分\s?[:：])\s?\[\[([^\[\]]{1,40})\]\]", re.IGNORECASE)


def json_decision(text: str) -> str | None:
    """``a``, ``b`` or ``tie`` from an object with a ``decision`` of Response 1, Response 2 or Tie."""
    said = (json_object(text) or {}).get("decision")
    return dict(DECISIONS[0][1]).get(said.strip().lower()) if isinstance(said, str) else None


def rating(text: str, mode: str = "corrected") -> float | None:
    """The number of the last rating. ``corrected``: 1 to 10 only."""
    if mode == "compat":
        found = _RATING_COMPAT.findall(text)
        return number(found[-1].strip()) if found else None
    found = _RATING.findall(text)
    return number(found[-1].strip(), LOWEST_RATING, HIGHEST_RATING) if found else None
