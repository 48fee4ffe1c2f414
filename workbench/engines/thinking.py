"""Parting what a model thought aloud from what it answered."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPEN = re.compile(r"\s*<(think|thinking)>", re.IGNORECASE)
_ORPHAN_CLOSE = re.compile(r"</think>", re.IGNORECASE)
_ANY_OPEN = re.compile(r"<think>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parted:
    """``answer`` is what may be judged; ``closed`` is false when the thinking never came to an end."""

    answer: str
    reasoning: str | None
    closed: bool = True


def part_thinking(text: str) -> Parted:
    """Take leading ``<think>…</think>`` blocks off a text.

    Only blocks at the beginning count: a tag inside an answer is something the answer says. A text with a closing
    tag and no opening one before it is read as thinking up to that tag, because chat templates of several reasoning
    models put the opening tag into the prompt. Without any thinking the text comes back unchanged.
    """
    thoughts: list[str] = []
    rest = text
    while opened := _OPEN.match(rest):
        closing = re.compile(f"</{opened[1]}>", re.IGNORECASE).search(rest, opened.end())
        if closing is None:
            thoughts.append(rest[opened.end() :])
            return Parted("", _joined(thoughts), closed=False)
        thoughts.append(rest[opened.end() : closing.start()])
        rest = rest[closing.end() :]
    if not thoughts and (orphan := _ORPHAN_CLOSE.search(rest)) and not _ANY_OPEN.search(rest, 0, orphan.start()):
        thoughts.append(rest[: orphan.start()])
        rest = rest[orphan.end() :]
    if not thoughts:
        return Parted(text, None)
    return Parted(rest.lstrip(), _joined(thoughts))


def _joined(thoughts: list[str]) -> str | None:
    return "\n".join(t.strip() for t in thoughts if t.strip()) or None
