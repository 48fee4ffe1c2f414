"""Reading a new instruction out of a model's answer: strictly, because half an instruction is worse than none."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*)\n[ \t]*```", re.DOTALL | re.IGNORECASE)
_FIELDS = ("instruction", "answer")


class Unreadable(Exception):
    """An answer is not the JSON object that was asked for; says why."""


@dataclass(frozen=True, slots=True)
class Evolved:
    """What an answer holds. ``answer`` is the model's own and was checked by nobody."""

    instruction: str
    answer: str | None = None


def read_answer(text: str) -> Evolved:
    """The answer as one JSON object with ``instruction`` and, at most, ``answer``.

    The object must be the whole text; only a Markdown code fence around all of it is taken off. Nothing is searched for
    and nothing mended. Thinking was parted from the text by the engine.

    Raises:
        Unreadable: anything else.
    """
    found = read_object(text)
    if unknown := [name for name in found if name not in _FIELDS]:
        raise Unreadable(f"a field that was not asked for: {unknown[0][:40]!r}")
    instruction = found.get("instruction")
    if not isinstance(instruction, str) or not instruction.strip():
        raise Unreadable("'instruction' is missing, empty or no text")
    return Evolved(whole_text(instruction).strip(), _answer(found.get("answer")))


def read_object(text: str) -> dict[str, Any]:
    """The whole text as one JSON object, or one in a Markdown code fence.

    Raises:
        Unreadable: it is none.
    """
    whole = text.strip()
    if fenced := _FENCED.fullmatch(whole):
        whole = fenced.group(1)
    try:
        found = json.loads(whole, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON object: {error}") from None
    if not isinstance(found, dict):
        raise Unreadable("JSON, but no object")
    return found


def _answer(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unreadable("'answer' is no text")
    return whole_text(str(value)).strip() or None


def whole_text(text: str) -> str:
    """The text without lone halves of surrogate pairs, which JSON can spell and nothing can store."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field stands there twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
