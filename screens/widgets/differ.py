"""Which words of two texts differ."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from screens.widgets.pages import Page

_WORD = re.compile(r"\w+|[^\w\s]")
#: Words of each side that are compared: the matcher's time grows with the product.
COMPARED = 3_000
Marks = list[tuple[int, int]]


def different_words(left: Page, right: Page) -> tuple[Marks, Marks]:
    """Positions, in each page's text, of runs of words that the other side does not have there.

    Only the first 3,000 words of a side are compared.
    """
    a, b = (_words(page) for page in (left, right))
    matcher = SequenceMatcher(None, [w for w, _, _ in a], [w for w, _, _ in b], autojunk=True)
    marks: tuple[Marks, Marks] = ([], [])
    for what, a1, a2, b1, b2 in matcher.get_opcodes():
        if what == "equal":
            continue
        if a2 > a1:
            marks[0].append((a[a1][1], a[a2 - 1][2]))
        if b2 > b1:
            marks[1].append((b[b1][1], b[b2 - 1][2]))
    return marks


def _words(page: Page) -> list[tuple[str, int, int]]:
    found = []
    for match in _WORD.finditer(page.text):
        found.append((match.group(), match.start(), match.end()))
        if len(found) == COMPARED:
            break
    return found
