"""Rubrics: one quality described at five levels, from a TOML file or from a question's ``meta``.

A file::

    name = "helpfulness"
    criterion = "Does the answer help the user to do what they set out to do?"

    [levels]
    1 = "It is of no help."
    …
    5 = "The user needs nothing else."

A question's meta: ``rubric`` with the same keys, or the columns of Prometheus's data (``orig_criteria``,
``orig_score1_description`` … ``orig_score5_description``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.records import Row
from workbench.toml_files import File, read_toml

LEVELS = ("1", "2", "3", "4", "5")
_KEYS = ("name", "criterion", "levels")


@dataclass(frozen=True, slots=True)
class Rubric:
    """``levels``: what each of 1 to 5 looks like, in that order."""

    name: str
    criterion: str
    levels: tuple[str, ...]

    @property
    def text(self) -> str:
        """The rubric as a judge is shown it."""
        return "\n".join([self.criterion, *(f"Level {n}: {text}" for n, text in zip(LEVELS, self.levels, strict=True))])


def read_rubric(path: str | Path) -> Rubric:
    """The rubric of a TOML file.

    Raises:
        BadInput: it cannot be read or is none; names file and key.
    """
    return parse(read_toml(Path(path)), str(path), Path(path).stem)


def parse(data: Mapping[str, Any], path: str, name: str) -> Rubric:
    """The rubric of a file's (or meta's) data; ``name`` if it has none.

    Raises:
        BadInput: a key is missing, unknown or no text.
    """
    file = File(path, data)
    file.only(_KEYS)
    levels = file.table("levels")
    levels.only(LEVELS)
    return Rubric(file.text("name", name), file.text("criterion"), tuple(levels.text(level) for level in LEVELS))


def of_question(question: Row) -> Rubric | None:
    """The rubric of a question's ``meta``; ``None`` if it has none.

    Raises:
        BadInput: it has one that is none.
    """
    meta = question.get("meta") or {}
    if isinstance(meta, str):
        meta = json.loads(meta)
    where = f"question {question['question_id']}"
    if isinstance(meta.get("rubric"), Mapping):
        return parse(meta["rubric"], f"{where}, meta.rubric", "rubric")
    if "orig_criteria" in meta:
        texts = {level: meta.get(f"orig_score{level}_description") for level in LEVELS}
        levels = {level: text for level, text in texts.items() if text is not None}
        return parse({"criterion": meta["orig_criteria"], "levels": levels}, f"{where}, meta", "orig_criteria")
    return None
