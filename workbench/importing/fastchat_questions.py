"""FastChat ``question.jsonl``: ``question_id``, ``category``, ``turns``, optional ``reference``."""

from __future__ import annotations

from typing import Any

from workbench.importing import fields
from workbench.importing.converting import Converter, Item, bench_of_file
from workbench.importing.fields import BadRecord
from workbench.records import Question

_COLUMNS = ("question_id", "bench", "category", "scenario", "language", "turns", "reference", "parent_id")


class FastchatQuestions(Converter):
    fields = _COLUMNS

    def __post_init__(self) -> None:
        self._bench = bench_of_file(self.context.path, stem_first=False)

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        for name in ("question_id", "turns"):
            if name not in record:
                raise fields.missing(name, record)
        question_id = self.context.id_prefix + fields.text_id(record["question_id"], "question_id")
        bench = self.context.bench or fields.optional_text(record.get("bench"), "bench")
        parent = record.get("parent_id")
        question = Question(
            question_id=question_id,
            bench=bench or self._bench,
            turns=fields.asked(record["turns"], "turns"),
            category=fields.optional_text(record.get("category"), "category"),
            scenario=fields.optional_text(record.get("scenario"), "scenario"),
            language=fields.optional_text(record.get("language"), "language"),
            reference=fields.reference(record.get("reference"), "reference"),
            parent_id=None if parent is None else self.context.id_prefix + fields.text_id(parent, "parent_id"),
            meta=fields.rest(record, _COLUMNS),
            position=ordinal,
        )
        if not self.see_question(line, question):
            first = self.questions[question_id].line
            raise BadRecord(f"{fields.shown(question_id)} is on line {first} already", "question_id")
        return [question]
