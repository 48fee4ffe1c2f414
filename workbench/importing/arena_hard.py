"""Arena-Hard, v0.1 and v2.0: questions, answers, and judgments of answers against a baseline's.

- ``question.jsonl``. v0.1: ``question_id``, ``category``, ``cluster``, ``turns`` [{``content``}]. v2.0: ``uid``,
  ``category``, ``subcategory``, ``prompt``.
- ``model_answer/MODEL.jsonl``. v0.1: ``question_id``, ``answer_id``, ``model_id``, ``choices`` [{``index``, ``turns``
  [{``content``, ``token_len``}]}], ``tstamp``, later ``conv_metadata``. v2.0: ``uid``, ``ans_id``, ``model``,
  ``messages`` [{``role``, ``content``}], ``tstamp``, ``metadata``; an assistant's content is {``answer``, perhaps
  ``thought``}.
- ``model_judgment/JUDGE/MODEL.jsonl``: see ``arena_hard_judgments``.

Which it is, is told line by line. An answer's model is the one its line names, because judgments name that one; the
file's name serves where a line names none. The last line for a question wins, as Arena-Hard reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.importing import fields
from workbench.importing.answers import EMPTY, AnswerFile, imported_answer, is_blank
from workbench.importing.arena_hard_judgments import Games, is_judgment, question_id
from workbench.importing.converting import Context, Item, bench_of_file, model_of_file
from workbench.importing.fields import BadRecord
from workbench.importing.formats import ANSWERS, QUESTIONS, VERDICTS
from workbench.importing.keeping import kept, seconds
from workbench.records import Question

BENCH = "arena-hard"
_COLUMNS = (
    "question_id", "uid", "category", "turns", "prompt", "answer_id", "ans_id", "model_id", "model", "choices",
    "messages", "tstamp", "judge", "baseline", "games",
)  # fmt: skip
#: Of one sample: its number, the answers, and what was thought before each.
Sample = tuple[int, tuple[str, ...], tuple[str, ...] | None]


class ArenaHard(AnswerFile):
    fields = _COLUMNS

    @classmethod
    def recognises(cls, record: Mapping[str, Any], path: Path) -> bool:
        if is_judgment(record):
            return isinstance(record["games"], list)
        if "messages" in record:
            return isinstance(record["messages"], list)
        if "choices" in record:
            return any(isinstance(turn, dict) for turn in _turns_of(record["choices"]))
        if "turns" in record:
            return any(isinstance(turn, dict) for turn in _list(record["turns"]))
        return "subcategory" in record and isinstance(record.get("prompt"), str)

    @classmethod
    def rank(cls, record: Mapping[str, Any]) -> int:
        if is_judgment(record):
            return VERDICTS
        return ANSWERS if "choices" in record or "messages" in record else QUESTIONS

    def __post_init__(self) -> None:
        super().__post_init__()
        self._games = Games(self.context, self.notes)

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        if is_judgment(record):
            found = self._games.judgments(ordinal, record)
            self.answered.add(found[0].question_id)
            self.models.update(name for name in (found[0].model_a, found[0].model_b) if name is not None)
            return [*found]
        if "choices" in record or "messages" in record:
            return self._answers(ordinal, record)
        return [self._question(ordinal, line, record)]

    def _question(self, ordinal: int, line: int, record: dict[str, Any]) -> Question:
        given, name = question_id(record)
        own = self.context.id_prefix + given
        if "turns" in record:
            form, asked = "v0.1", tuple(_content(turn, f"turns[{i}]") for i, turn in enumerate(_some(record, "turns")))
        elif "prompt" in record:
            form, asked = "v2.0", (fields.text(record["prompt"], "prompt"),)
        else:
            raise fields.missing("prompt", record, ("prompt", "turns"))
        if not all(text.strip() for text in asked):
            raise BadRecord("a turn is empty", "turns")
        category = fields.optional_text(record.get("category"), "category")
        natural = {
            name: own, "category": category, "prompt": asked[0],
        } if form == "v2.0" else {
            name: own, "category": category, "turns": [{"content": text} for text in asked],
        }  # fmt: skip
        question = Question(
            question_id=own,
            bench=self.context.bench or _bench(self.context, category),
            turns=asked,
            category=category,
            meta=kept(_renamed(self.context, record, name, own), natural, form=form, id=_odd_id(name, form)),
            position=ordinal,
        )
        if not self.see_question(line, question):
            raise BadRecord(f"{fields.shown(given)} is on line {self.questions[own].line} already", name)
        return question

    def _answers(self, ordinal: int, record: dict[str, Any]) -> list[Item]:
        given, name = question_id(record)
        own = self.context.id_prefix + given
        model = self._model(record)
        created = fields.when(record.get("tstamp"), "tstamp") or self.context.modified
        form = "v0.1" if "choices" in record else "v2.0"
        samples, hollow = _choices(record) if form == "v0.1" else _messages(record)
        line = {**_renamed(self.context, record, name, own), **hollow}
        names = ("answer_id", "model_id") if form == "v0.1" else ("ans_id", "model")
        if self.context.model is not None:
            line[names[1]] = model
        natural = {name: own, names[0]: None, names[1]: model, **_bare(form, samples), "tstamp": seconds(created)}
        params = {"kind": "arena-hard", "arena_hard": kept(line, natural, form=form, id=_odd_id(name, form))}
        self.see_answers(ordinal, own, model)
        found = [
            imported_answer(own, model, turns, created, params=params, sample=number, reasoning=reasoning)
            for number, turns, reasoning in samples
        ]
        self.notes[EMPTY] += sum(is_blank(one.turns) for one in found)
        return [*found]

    def _model(self, record: dict[str, Any]) -> str:
        if self.context.model is not None:
            return self.context.model
        for name in ("model_id", "model"):
            if record.get(name) is not None:
                return fields.text_id(record[name], name)
        named = model_of_file(self.context.path)
        if named is None:
            raise fields.missing("model_id", record, ("model_id", "model"))
        return named


def _bench(context: Context, category: str | None) -> str:
    """v0.1 has the benchmark's name as category; else the folder's name, if it says anything."""
    if category is not None and category.startswith(BENCH):
        return category
    found = bench_of_file(context.path, stem_first=False)
    return BENCH if found == context.path.stem else found


def _renamed(context: Context, record: dict[str, Any], name: str, own: str) -> dict[str, Any]:
    """The line with the question's id that it got from the user, who may have asked for a prefix."""
    return {**record, name: own} if context.id_prefix else record


def _odd_id(name: str, form: str) -> str | None:
    """The field of a question's id where it is the other version's."""
    return None if (name == "uid") == (form == "v2.0") else name


# -- texts -----------------------------------------------------------------------------------------
#
# What is kept of an answer's line holds numbers in the places of texts: 0 for the first answer, 1 for the second. The
# texts themselves are in the columns `turns` and `reasoning`, and an export puts them back.


def _choices(record: dict[str, Any]) -> tuple[list[Sample], dict[str, Any]]:
    """Samples of a v0.1 line, and its ``choices`` without texts."""
    samples: list[Sample] = []
    hollow = []
    for i, choice in enumerate(_some(record, "choices")):
        where = f"choices[{i}]"
        if not isinstance(choice, dict):
            raise BadRecord(f"must be an object with index and turns, not {fields.kind(choice)}", where)
        if "turns" not in choice:
            raise fields.missing("turns", choice)
        number = fields.whole(choice.get("index", i), f"{where}.index")
        if any(number == sample[0] for sample in samples):
            raise BadRecord(f"the index {number} is there twice", "choices")
        given = _some(choice, "turns", f"{where}.turns")
        turns = tuple(_content(turn, f"{where}.turns[{j}]", optional=True) for j, turn in enumerate(given))
        samples.append((number, turns, None))
        hollow.append({**choice, "turns": [_hollow_turn(turn, j) for j, turn in enumerate(given)]})
    return samples, {"choices": hollow}


def _messages(record: dict[str, Any]) -> tuple[list[Sample], dict[str, Any]]:
    """The one sample of a v2.0 line, and its ``messages`` without the assistant's texts."""
    turns: list[str] = []
    thoughts: list[str] = []
    hollow = []
    for i, message in enumerate(_some(record, "messages")):
        where = f"messages[{i}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRecord("must be an object with role and content", where)
        if message["role"] != "assistant":
            hollow.append(message)
            continue
        content = message.get("content")
        inner = content if isinstance(content, dict) else {"answer": content}
        thought = inner.get("thought")
        if isinstance(thought, str):
            inner = {**inner, "thought": len(turns)}
        thoughts.append(thought if isinstance(thought, str) else "")
        said = fields.text_or_null(inner.get("answer"), f"{where}.content") or ""
        inner = {**inner, "answer": len(turns)} if isinstance(inner.get("answer"), str) else inner
        hollow.append({**message, "content": inner if isinstance(content, dict) else inner["answer"]})
        turns.append(said)
    if not turns:
        raise BadRecord("holds no message of the assistant", "messages")
    return [(0, tuple(turns), tuple(thoughts) if any(thoughts) else None)], {"messages": hollow}


def _bare(form: str, samples: list[Sample]) -> dict[str, Any]:
    """``choices`` or ``messages`` as an export makes them of the columns, without texts and without what was asked."""
    if form == "v0.1":
        return {"choices": [{"index": n, "turns": [{"content": j} for j in range(len(t))]} for n, t, _ in samples]}
    return {"messages": [{"role": "assistant", "content": {"answer": j}} for j in range(len(samples[0][1]))]}


def _hollow_turn(turn: Any, number: int) -> Any:
    if isinstance(turn, str):
        return number
    return {**turn, "content": number} if isinstance(turn, dict) and isinstance(turn["content"], str) else turn


def _content(turn: Any, field: str, *, optional: bool = False) -> str:
    """The text of a turn: ``{"content": text}``, or the text itself. Where ``optional``, null is an answer that
    failed."""
    if isinstance(turn, dict):
        if "content" not in turn:
            raise fields.missing("content", turn)
        turn, field = turn["content"], f"{field}.content"
    if isinstance(turn, list):
        raise BadRecord("holds images, which cannot be imported", field)
    return (fields.text_or_null(turn, field) or "") if optional else fields.any_text(turn, field)


def _some(record: Mapping[str, Any], name: str, field: str | None = None) -> list[Any]:
    """A list that is not empty."""
    value = record[name]
    if not isinstance(value, list):
        raise BadRecord(f"must be a list, not {fields.kind(value)}", field or name)
    if not value:
        raise BadRecord("is an empty list", field or name)
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _turns_of(choices: Any) -> Iterator[Any]:
    for choice in _list(choices):
        if isinstance(choice, dict):
            yield from _list(choice.get("turns"))
