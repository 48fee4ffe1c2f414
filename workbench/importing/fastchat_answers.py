"""FastChat ``model_answer/MODEL.jsonl`` and ``reference_answer/MODEL.jsonl``.

The file's name is the model's; ``choices[i]`` is sample ``choices[i].index``; the last line for a
question wins. ``params_hash`` is ``import:`` and a hash of the answer, so that a changed file adds new
answers and leaves the old ones.

Reference answers are stored as responses too, told apart from contestants by ``params_hash`` beginning
``reference:`` and ``params`` ``{"kind": "reference"}``. The judge of the model's name reads them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from workbench.importing import fields, keeping
from workbench.importing.answers import EMPTY, AnswerFile, imported_answer, is_blank
from workbench.importing.converting import Item, file_model, is_reference, model_of_file
from workbench.importing.fields import BadRecord

_COLUMNS = ("question_id", "answer_id", "model_id", "choices", "tstamp")


class FastchatAnswers(AnswerFile):
    fields = _COLUMNS

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        for name in ("question_id", "choices"):
            if name not in record:
                raise fields.missing(name, record)
        question_id = self.context.id_prefix + fields.text_id(record["question_id"], "question_id")
        model = self._model(record)
        created = fields.when(record.get("tstamp"), "tstamp") or self.context.modified
        answers = choices(record["choices"])
        params = self._params(record, question_id, model, answers, created)
        prefix = "reference:" if self._kind == "reference" else "import:"
        found = [
            imported_answer(question_id, model, turns, created, params=params, prefix=prefix, sample=sample)
            for sample, turns in answers
        ]
        self.notes[EMPTY] += sum(is_blank(one.turns) for one in found)
        self.see_answers(ordinal, question_id, model)
        return [*found]

    def _params(
        self,
        record: dict[str, Any],
        question_id: str,
        model: str,
        answers: list[tuple[int, tuple[str, ...]]],
        created: datetime,
    ) -> dict[str, Any]:
        """Other fields of the line, and how it is spelled; what the user renamed stays renamed."""
        natural: dict[str, Any] = {
            "question_id": keeping.number_or_text(question_id),
            "model_id": model,
            "choices": [{"index": sample, "turns": list(turns)} for sample, turns in sorted(answers)],
            "tstamp": keeping.seconds(created),
        }
        answer_id = fields.optional_text(record.get("answer_id"), "answer_id")
        # Without an id of its own the line would get the store's.
        natural["answer_id"] = answer_id
        line = keeping.under(record, question_id if self.context.id_prefix else None)
        if self.context.model is not None and "model_id" in line:
            line["model_id"] = model
        params = keeping.kept(line, natural)
        if "kind" in params:
            params.setdefault(keeping.KEY, {}).setdefault("fields", {})["kind"] = params["kind"]
        return {**params, "kind": self._kind} | ({} if answer_id is None else {"answer_id": answer_id})

    def _model(self, record: dict[str, Any]) -> str:
        in_line = record.get("model_id")
        in_line = None if in_line is None else fields.text_id(in_line, "model_id")
        model = self.context.model or file_model(self._named, in_line)
        if model is None:
            raise fields.missing("model_id", record)
        if in_line not in (None, model):
            self.notes["model_id differs from the file's name, which wins"] += 1
        return model

    def __post_init__(self) -> None:
        super().__post_init__()
        self._named = model_of_file(self.context.path)
        self._kind = "reference" if is_reference(self.context.path) else "answer"


def choices(value: Any) -> list[tuple[int, tuple[str, ...]]]:
    """(sample, turns) of each choice.

    Raises:
        BadRecord: no non-empty list of ``{index, turns}``, or an index twice.
    """
    if not isinstance(value, list):
        raise BadRecord(f"must be a list of objects with index and turns, not {fields.kind(value)}", "choices")
    if not value:
        raise BadRecord("is an empty list", "choices")
    found: dict[int, tuple[str, ...]] = {}
    for i, choice in enumerate(value):
        if not isinstance(choice, dict):
            raise BadRecord(f"entry {i + 1} must be an object, not {fields.kind(choice)}", "choices")
        if "turns" not in choice:
            raise BadRecord(f"entry {i + 1} has no turns", "choices")
        sample = fields.whole(choice.get("index", i), f"choices[{i}].index")
        if sample in found:
            raise BadRecord(f"the index {sample} is there twice", "choices")
        found[sample] = fields.turns(choice["turns"], f"choices[{i}].turns")
    return list(found.items())
