"""Auto-J's rules for reading verdicts (arXiv 2310.05470), which judging and importing both follow.

Pure functions without a state. Readings: ``compat`` is the published one; ``corrected`` sees through marks of bold text
and the like. Results are ``a`` (shown first), ``b`` or ``tie``; ``None`` is what cannot be read.
"""

from __future__ import annotations

import re

#: What stands before a decision, and how the decision begins.
DECISIONS = (
    ("final decision is ", (("response 1", "a"), ("response 2", "b"), ("tie", "tie"))),
    ("最终决定是", (("回应1", "a"), ("回应2", "b"), ("平局", "tie"))),
)
_OPTIONS = (("A:", "a"), ("B:", "b"), ("C:", "tie"))
#: Marks of bold text and quotes that models put around the decision.
_AROUND = " \t\r\n*_:：\"'“”「【[("
#: Auto-J's scale.
LOWEST_RATING, HIGHEST_RATING = 1.0, 10.0


def decision(text: str, mode: str = "corrected") -> str | None:
    """Which of two responses is better, from what follows the last ``final decision is `` (``最终决定是``).

    Case and white space around it do not matter. corrected: ``response 10`` is not response 1.
    """
    place, mark, labels = max(((text.rfind(mark), mark, labels) for mark, labels in DECISIONS), key=lambda one: one[0])
    if place < 0:
        return None
    rest = text[place + len(mark) :]
    if mode == "compat":
        rest = rest.lstrip()[:200].lower()
        return next((verdict for begin, verdict in labels if rest.startswith(begin)), None)
    rest = re.sub(r"\s+", " ", rest[:200].lstrip(_AROUND)).lower()
    if mark.startswith("最"):
        rest = rest.replace(" ", "")
    for begin, verdict in labels:
        if rest.startswith(begin) and not rest[len(begin) : len(begin) + 1].isdigit():
            return verdict
    return None


def option(text: str, mode: str = "corrected") -> str | None:
    """Which of two critiques is better, from the one of ``A:``, ``B:``, ``C:`` (tie) that the first line holds.

    Several options or none there are ``None``. corrected: blank lines before the first do not count, nor do marks of
    bold text; compat takes the text as it is.
    """
    if mode != "compat":
        text = text.lstrip().replace("**", "")
    first = text.split("\n", 1)[0]
    found = [verdict for mark, verdict in _OPTIONS if mark in first]
    return found[0] if len(found) == 1 else None
