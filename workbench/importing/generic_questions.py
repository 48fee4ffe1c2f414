"""Questions of no particular format: columns by name, or by ``--map field=column``.

A question is a text or a list of texts (turns). Text in a column ``input`` follows the instruction on a line
of its own, as MAD-Eval's and Alpaca's files mean it. Without an id column the id is a hash of the text; the
same text twice is then one question. A column ``answer`` is the right answer. Questions that ``workbench
export`` wrote come back as they were.
"""

from __future__ import annotations

from typing import Any

from workbench.importing import fields
from workbench.importing.converting import Converter, Item, bench_of_file, text_question_id
from workbench.importing.fields import BadRecord
from workbench.importing.synonyms import QUESTION, Resolver
from workbench.records import Question

#: Columns of our own export that are made anew.
_MADE = ("position", "created_at")


class GenericQuestions(Converter):
    fields = tuple(QUESTION)

    def __post_init__(self) -> None:
        self._bench = bench_of_file(self.context.path, stem_first=True)
        self._resolver = Resolver(QUESTION)

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        columns = self._resolver.columns(record)
        value = {field: record[column] for field, column in columns.items()}
        turns = question_turns(record, columns, "turns", QUESTION["turns"])
        prefix = self.context.id_prefix
        given = value.get("question_id")
        found = text_question_id(turns) if given is None else fields.text_id(given, columns["question_id"])
        bench = self.context.bench or fields.optional_text(value.get("bench"), "bench")
        parent = value.get("parent_id")
        own = value.get("meta")
        meta = fields.rest(record, set(columns.values()) | ({*_MADE} if own is not None else set()))
        if own is not None:
            kept = fields.rest({"meta": own}, ())["meta"]
            meta |= kept if isinstance(kept, dict) else {"meta": kept}
        question = Question(
            question_id=prefix + found,
            bench=bench or self._bench,
            turns=turns,
            category=fields.optional_text(value.get("category"), columns.get("category", "")),
            scenario=fields.optional_text(value.get("scenario"), "scenario"),
            language=fields.optional_text(value.get("language"), columns.get("language", "")),
            reference=fields.reference(value.get("reference"), columns.get("reference", "")),
            parent_id=None if parent is None else prefix + fields.text_id(parent, "parent_id"),
            meta=meta,
            position=ordinal,
        )
        if self.see_question(line, question):
            return [question]
        if given is not None:
            first = self.questions[question.question_id].line
            raise BadRecord(f"{fields.shown(question.question_id)} is on line {first} already", columns["question_id"])
        self.superseded.add(ordinal)
        self.notes["left out: the same question again"] += 1
        return []


def question_turns(
    record: dict[str, Any], columns: dict[str, str], field: str, accepted: tuple[str, ...]
) -> tuple[str, ...]:
    """What is asked: a text or a list of texts, with the ``input`` column behind a single text.

    Raises:
        BadRecord: missing, empty, or of another type.
    """
    column = columns.get(field) or columns.get("input")
    if column is None or record[column] is None:
        raise fields.missing(field, record, accepted)
    value = record[column]
    if isinstance(value, list):
        return fields.asked(value, column)
    asked = fields.text(value, column)
    given = record.get(columns["input"]) if "input" in columns and columns["input"] != column else None
    if isinstance(given, str) and given.strip():
        asked = f"{asked}\n{given}"
    return (asked,)
