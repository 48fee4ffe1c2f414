"""Laying out a text for a pane: cleaned, cut into screen lines, once; drawing a line later costs nearly nothing.

A page keeps its text in one string; its lines are slices of it. So a pane of a megabyte scrolls as fast as a
short one, marks for a diff are positions in the text, and pages are made ahead of time in another thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import get_character_cell_size

from workbench.text import clean

#: Characters of a section shown at once; the rest is said to exist and shown by the raw view.
SHOWN = 40_000
#: Characters of a section the raw view shows at most.
RAW_SHOWN = 1_000_000

# What terminals disagree on how wide to draw: joiners, variation selectors, skin tones, invisible characters.
# Dropping them shows 👩‍💻 as 👩💻 and keeps every line in its pane; the raw view names them instead.
_UNSTEADY = re.compile(
    "[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2064\u20e3\u3164\ufe00-\ufe0f\ufeff\uffa0\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
)
_FLAGS = re.compile("[\U0001f1e6-\U0001f1ff]")

_LIST = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+|\s+")
_FENCE = re.compile(r"\s*(```|~~~)")


class Line(NamedTuple):
    """Characters ``start`` to ``end`` of the page's text, drawn after ``indent`` blanks."""

    start: int
    end: int
    indent: int
    kind: str


@dataclass(frozen=True, slots=True)
class Page:
    """A laid-out text. ``width`` is the cells it was cut for, ``left_out`` the characters not shown."""

    text: str
    lines: tuple[Line, ...]
    width: int
    left_out: int = 0


#: A part of a page: its kind (text, asked, title, note) and its raw text.
Section = tuple[str, str]


def steady(text: str) -> str:
    """Cleaned text every terminal draws equally wide; tabs become four blanks."""
    text = clean(text).replace("\t", "    ")
    if text.isascii():
        return text
    text = _UNSTEADY.sub("", text)
    return _FLAGS.sub(lambda m: chr(ord(m.group()) - 0x1F1E6 + ord("A")), text)


def bare(text: str) -> str:
    """Cleaned text with what ``steady`` drops named by its number, and tabs drawn."""
    text = clean(text).replace("\t", "␉   ")
    if text.isascii():
        return text
    return _UNSTEADY.sub(lambda m: f"\\u{ord(m.group()):04x}", text)


def lay_out(sections: Iterable[Section], width: int, *, raw: bool = False) -> Page:
    """Cut sections into lines of at most ``width`` cells (4 at least)."""
    width = max(width, 4)
    show, limit = (bare, RAW_SHOWN) if raw else (steady, SHOWN)
    texts: list[str] = []
    lines: list[Line] = []
    start = left_out = 0
    for kind, section in sections:
        shown = show(section[:limit])
        hidden = len(section) - limit
        _cut(shown, start, width, "raw" if raw and kind == "text" else kind, lines)
        texts.append(shown)
        start += len(shown)
        if hidden > 0:
            left_out += hidden
            note = f"… {hidden:,} more characters (r: raw, y: copy)"
            _cut(note, start, width, "note", lines)
            texts.append(note)
            start += len(note)
    return Page("".join(texts), tuple(lines), width, left_out)


def _cut(text: str, offset: int, width: int, kind: str, lines: list[Line]) -> None:
    """Append the lines of one section that begins at ``offset`` in the page's text."""
    fenced = False
    at = 0
    for logical in text.split("\n"):
        this, fenced = _kind(logical, kind, fenced)
        _wrap(logical, offset + at, width, this, lines)
        at += len(logical) + 1


def _kind(logical: str, kind: str, fenced: bool) -> tuple[str, bool]:
    """How a line of an answer is drawn: a very light reading of Markdown. Other sections keep their kind."""
    if kind != "text":
        return kind, False
    if _FENCE.match(logical):
        return "fence", not fenced
    if fenced:
        return "code", True
    if logical.startswith("#") and logical.lstrip("#")[:1] == " ":
        return "heading", False
    if logical.startswith(">"):
        return "quote", False
    return "text", False


def _wrap(logical: str, offset: int, width: int, kind: str, lines: list[Line]) -> None:
    """Cut one line at blanks where possible; what follows hangs below the text of a list item."""
    hang = _LIST.match(logical) if kind in ("text", "quote") else None
    hang_width = min(hang.end(), width // 2) if hang else 0
    breakable = kind not in ("code", "raw")
    at, n, indent = 0, len(logical), 0
    find = _ascii_end if logical.isascii() else _cell_end
    while True:
        end = find(logical, at, width - indent)
        if end >= n:
            lines.append(Line(offset + at, offset + n, indent, kind))
            return
        nxt = end
        if breakable and logical[end] != " ":
            blank = _break(logical, at, end)
            if blank > at and logical[at:blank].strip():
                end = nxt = blank
        while breakable and nxt < n and logical[nxt] == " ":
            nxt += 1
        lines.append(Line(offset + at, offset + end, indent, kind))
        at, indent = nxt, hang_width
        if at >= n:
            return


def _ascii_end(logical: str, at: int, room: int) -> int:
    return at + room


def _cell_end(logical: str, at: int, room: int) -> int:
    """Where the cells run out. A line takes one character at least, whatever its width."""
    size = get_character_cell_size
    used = 0
    for i in range(at, len(logical)):
        used += 1 if (c := logical[i]) < "\u0300" else size(c)
        if used > room and i > at:
            return i
    return len(logical)


def _break(logical: str, at: int, end: int) -> int:
    """The last place before ``end`` where a line may be broken: after a blank or a wide character."""
    blank = logical.rfind(" ", at, end) + 1
    if logical.isascii() or logical[end - 1] < "\u1100":
        return blank
    for i in range(end, blank, -1):
        if logical[i - 1] >= "\u1100" and get_character_cell_size(logical[i - 1]) == 2:
            return i
    return blank


def conversation(question: Sequence[str], answer: Sequence[str]) -> list[Section]:
    """An answer's sections: with several turns, the user's later turns between the answers."""
    sections: list[Section] = []
    for i, text in enumerate(answer):
        if i:
            asked = question[i] if i < len(question) else ""
            sections += [("note", ""), ("title", f"User, turn {i + 1}"), ("asked", asked), ("note", "")]
        sections.append(("text", text) if text.strip() else ("note", "(an empty answer)"))
    return sections or [("note", "(no answer is stored)")]
