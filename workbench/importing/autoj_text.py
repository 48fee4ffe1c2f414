"""What the judge wrote in Auto-J's files, as the labels of these files: 0 the first, 1 the second, 2 a tie.

Decisions and options are read by the published rule, which judging follows too (``workbench/verdict_text``). Ratings of
files are read by a rule of their own: unlike a judge's (``judging/parsers/autoj``) the full-width colon counts, and
what stands in the last mark decides, even if it is no number or off the scale. ``None`` is what cannot be read (the
published code's −1, or 0.0 for a rating).
"""

from __future__ import annotations

import math
import re

from workbench import verdict_text
from workbench.verdict_text import HIGHEST_RATING, LOWEST_RATING

_RATING = re.compile(r"(?:Rating: |[评打]分[:：] ?)\[\[")
_LABELS = {"a": 0, "b": 1, "tie": 2}


def decision(text: str) -> int | None:
    """0, 1 or 2 from what follows the last ``final decision is `` (``最终决定是``): case and spaces do not matter."""
    return _LABELS.get(verdict_text.decision(text, "compat") or "")


def option(text: str) -> int | None:
    """0, 1 or 2 from the one of ``A:``, ``B:``, ``C:`` in the first line; ``None`` if there are several or none."""
    return _LABELS.get(verdict_text.option(text, "compat") or "")


def rating(text: str) -> float | None:
    """The number of the last ``Rating: [[x]]`` (``评分:[[x]]``, ``打分:[[x]]``), 1 to 10."""
    marks = list(_RATING.finditer(text))
    if not marks:
        return None
    inside, closed, _ = text[marks[-1].end() :].partition("]]")
    try:
        value = float(inside.strip()) if closed else math.nan
    except ValueError:
        return None
    return value if LOWEST_RATING <= value <= HIGHEST_RATING else None
