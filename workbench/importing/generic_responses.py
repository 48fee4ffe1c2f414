"""Answers of no particular format: columns by name, or by ``--map field=column``.

An answer is a text or a list of texts (one a turn). A file that carries the question's text as well
brings the questions along; without an id column their id is a hash of the text. Several rows of one model for
one question are its samples 0, 1, … unless a column says which. Answers that ``workbench export`` wrote keep
their ids.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from workbench.importing import fields
from workbench.importing.answers import EMPTY, is_blank, text_hash
from workbench.importing.converting import Converter, Item, bench_of_file, text_question_id
from workbench.importing.fields import BadRecord
from workbench.importing.generic_questions import question_turns
from workbench.importing.synonyms import RESPONSE, Resolver
from workbench.records import STATES, Question, Response


class GenericResponses(Converter):
    fields = tuple(RESPONSE)

    def __post_init__(self) -> None:
        self._bench = bench_of_file(self.context.path, stem_first=True)
        self._resolver = Resolver(RESPONSE)
        self._samples: Counter[tuple[str, str]] = Counter()

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        columns = self._resolver.columns(record)
        value = {field: record[column] for field, column in columns.items()}
        turns = self._answer(record, columns)
        model = self._model(value, columns, record)
        asked: tuple[str, ...] | None = None
        if value.get("question") is not None or ("input" in columns and value.get("question_id") is None):
            asked = question_turns(record, columns, "question", RESPONSE["question"])
        question_id = self._question_id(value, columns, record, asked)
        items: list[Item] = []
        if asked is not None:
            question = self._question(question_id, asked, value, columns, ordinal)
            if self.see_question(line, question):
                items.append(question)
        items.append(self._response(question_id, model, turns, value, columns, record))
        self.answered.add(question_id)
        self.models.add(model)
        return items

    def _answer(self, record: dict[str, Any], columns: dict[str, str]) -> tuple[str, ...]:
        column = columns.get("answer")
        if column is None:
            # A table's empty cell is an empty answer, not a missing one.
            if self.context.columns and "answer" in self._resolver.columns(self.context.columns):
                return ("",)
            raise fields.missing("answer", record, RESPONSE["answer"])
        value = record[column]
        if value is None:
            return ("",)
        return (value,) if isinstance(value, str) else fields.turns(value, column)

    def _model(self, value: dict[str, Any], columns: dict[str, str], record: dict[str, Any]) -> str:
        if self.context.model is not None:
            return self.context.model
        if value.get("model") is None:
            error = fields.missing("model", record, RESPONSE["model"])
            raise BadRecord(error.reason + "; or name it with --model", "model")
        return fields.text_id(value["model"], columns["model"])

    def _question_id(
        self,
        value: dict[str, Any],
        columns: dict[str, str],
        record: dict[str, Any],
        asked: tuple[str, ...] | None,
    ) -> str:
        if value.get("question_id") is not None:
            return self.context.id_prefix + fields.text_id(value["question_id"], columns["question_id"])
        if asked is None:
            accepted = (*RESPONSE["question_id"], *RESPONSE["question"])
            raise fields.missing("question_id", record, accepted)
        return self.context.id_prefix + text_question_id(asked)

    def _question(
        self,
        question_id: str,
        asked: tuple[str, ...],
        value: dict[str, Any],
        columns: dict[str, str],
        ordinal: int,
    ) -> Question:
        bench = self.context.bench or fields.optional_text(value.get("bench"), columns.get("bench", ""))
        return Question(
            question_id=question_id,
            bench=bench or self._bench,
            turns=asked,
            category=fields.optional_text(value.get("category"), columns.get("category", "")),
            position=ordinal,
        )

    def _response(
        self,
        question_id: str,
        model: str,
        turns: tuple[str, ...],
        value: dict[str, Any],
        columns: dict[str, str],
        record: dict[str, Any],
    ) -> Response:
        blank = is_blank(turns)
        state = fields.optional_text(value.get("state"), "state") or ("error" if blank else "ok")
        if state not in STATES:
            raise BadRecord(f"must be one of {', '.join(STATES)}; not {fields.shown(state)}", "state")
        error = fields.optional_text(value.get("error"), "error")
        if blank and state == "error" and error is None:
            error = EMPTY
            self.notes[EMPTY] += 1
        whole = {n: fields.optional_whole(value.get(n), n) for n in ("prompt_tokens", "completion_tokens")}
        numbers = {n: fields.optional_number(value.get(n), n) for n in ("latency", "cost")}
        return Response(
            question_id=question_id,
            model_id=model,
            turns=turns,
            params_hash=fields.optional_text(value.get("params_hash"), "params_hash") or text_hash(turns),
            sample=self._sample(question_id, model, value, columns),
            attempt=fields.optional_whole(value.get("attempt"), "attempt") or 0,
            state=state,
            error=error,
            reasoning=fields.reference(value.get("reasoning"), columns.get("reasoning", "")),
            finish_reason=fields.optional_text(value.get("finish_reason"), columns.get("finish_reason", "")),
            prompt_tokens=whole["prompt_tokens"],
            completion_tokens=whole["completion_tokens"],
            latency=numbers["latency"],
            cost=numbers["cost"],
            params=self._params(value, columns, record),
            created_at=fields.when(value.get("tstamp"), columns.get("tstamp", "")) or self.context.modified,
        )

    def _params(self, value: dict[str, Any], columns: dict[str, str], record: dict[str, Any]) -> dict[str, Any]:
        """Our own export's ``params`` as they were; otherwise every field that has no column."""
        own = value.get("params")
        if isinstance(own, dict):
            return fields.rest(own, ())
        return {**fields.rest(record, set(columns.values())), "kind": "answer"}

    def _sample(self, question_id: str, model: str, value: dict[str, Any], columns: dict[str, str]) -> int:
        given = value.get("sample")
        if given is not None and given != "":
            return fields.whole(given, columns["sample"])
        sample = self._samples[question_id, model]
        self._samples[question_id, model] += 1
        return sample
