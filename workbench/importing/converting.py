"""What every format's reader has in common: from records of a file to records of the store.

A converter is made afresh for each pass over a file and sees its records in order. The first pass
checks, the second writes, so that a large file is never held in memory as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

from workbench.importing.fields import BadRecord, shown
from workbench.records import Annotation, Judgment, Question, Response, stable_id

Item = Question | Response | Annotation | Judgment


@dataclass(frozen=True, slots=True)
class Context:
    """What a converter knows besides the records.

    ``modified`` is the file's time (UTC, without a zone): the time of answers that carry none.
    ``known_models`` are model names of the store and of this import: a vote by one of them is a judge's.
    """

    path: Path
    columns: tuple[str, ...] | None
    modified: datetime
    bench: str | None = None
    model: str | None = None
    id_prefix: str = ""
    votes_by: str | None = None
    known_models: frozenset[str] = frozenset()


@dataclass(slots=True)
class SeenQuestion:
    """Where a question stands in the file, and digests of its turns and of its other columns."""

    line: int
    turns: int
    details: int


@dataclass
class Converter:
    """Base of the formats. ``fields`` are the names that ``--map`` may give.

    After a pass over the file: ``questions`` it defines, ``answered`` and ``models`` it speaks of,
    ``superseded`` ordinals of records that a later one replaces, ``notes`` counts of things worth a warning.
    """

    context: Context
    questions: dict[str, SeenQuestion] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    models: set[str] = field(default_factory=set)
    superseded: set[int] = field(default_factory=set)
    notes: Counter[str] = field(default_factory=Counter)

    fields: ClassVar[Sequence[str]] = ()

    def __post_init__(self) -> None:
        """Where a format makes what it keeps between records."""

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        """What the record becomes in the store. ``ordinal`` counts the file's records from 0.

        Raises:
            BadRecord: it cannot be imported.
        """
        raise NotImplementedError

    def see_question(self, line: int, question: Question) -> bool:
        """Note a question; True when it is new in this file.

        Raises:
            BadRecord: the id stands for another question already.
        """
        seen = self.questions.get(question.question_id)
        turns, details = question_digests(question.turns, question.category, question.reference)
        if seen is None:
            self.questions[question.question_id] = SeenQuestion(line, turns, details)
            return True
        if seen.turns != turns:
            raise BadRecord(
                f"{shown(question.question_id)} is the id of another question on line {seen.line}", "question_id"
            )
        return False


def question_digests(turns: Sequence[str], category: str | None, reference: Sequence[str] | None) -> tuple[int, int]:
    """Digests (of this process only) that tell whether two questions are the same."""
    return hash(tuple(turns)), hash((category, tuple(reference) if reference is not None else None))


def text_question_id(turns: Sequence[str]) -> str:
    """The id of a question that came without one: the same text has the same id in every file."""
    return "q-" + stable_id("question", *turns)[:16]


def model_of_file(path: Path) -> str | None:
    """The model an answer file is named for; ``None`` for a bare ``reference_answer.jsonl``."""
    stem = path.stem
    for prefix in ("reference_answer_", "reference_answer-"):
        stem = stem.removeprefix(prefix)
    return None if stem in ("reference_answer", "") else stem


def is_reference(path: Path) -> bool:
    """True for FastChat's reference answers, which a judge reads and nobody rates."""
    return path.resolve().parent.name == "reference_answer" or path.name.startswith("reference_answer")


def file_model(named: str | None, in_line: str | None) -> str | None:
    """FastChat's rule: the file's name (``model_of_file``) wins over the line's ``model_id``.

    Except that a name of which a file name had to be made (``%2F`` for a slash, as our export
    writes it) is the line's own.
    """
    if named is None or (in_line is not None and unquote(named) == in_line):
        return in_line
    return named


#: Folder names that say nothing about what is in them.
_VAGUE = frozenset(
    {"data", "dataset", "datasets", "question", "questions", "prompts", "input", "inputs", "files", "downloads",
     "documents", "desktop", "tmp", "temp", "home", "root", "src", "eval", "evals", "benchmark", "benchmarks"}
)  # fmt: skip


def bench_of_file(path: Path, *, stem_first: bool) -> str:
    """The benchmark a question file belongs to: its folder's name, or its own when the folder's is vague.

    ``stem_first`` prefers the file's own name: FastChat calls every file ``question.jsonl``, others do not.
    """
    stem, folder = path.stem, path.resolve().parent.name
    vague_folder = not folder or folder.lower() in _VAGUE
    vague_stem = stem.lower() in _VAGUE
    if stem_first and not vague_stem:
        return stem
    return stem if vague_folder else folder


def first_of(names: Sequence[str], record: Mapping[str, Any]) -> str | None:
    """The first of some names that the record has a value for."""
    return next((name for name in names if record.get(name) is not None), None)
