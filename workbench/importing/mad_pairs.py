"""What MAD-Eval's two kinds of file share: an instruction, two models' answers and how alike they are.

The question's id is a hash of its text, so the same instruction is one question in every file; an answer's id is a
hash of its text too, so a model that answered one instruction twice in different words (as in Arena's logs) keeps both,
and each verdict stays with the two answers it is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.importing import fields
from workbench.importing.answers import EMPTY, imported_answer
from workbench.importing.converting import Context, Converter, Item, Similarity, bench_of_file, text_question_id
from workbench.records import Question, Response

SEPARATOR = "-vs-"
#: What a similarity is called in the store unless ``--metric`` says.
METRIC = "mad"
VERSION = "import"
_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
#: MAD-Eval's similarity when the judge's could not be read: it sorts last.
UNREADABLE = 2.0
_OTHER_ANSWER = "another answer of a model to the same instruction: kept, and verdicts stay with theirs"


@dataclass(frozen=True, slots=True)
class Pair:
    """An instruction and the answers of model_1 and model_2. ``score``: how alike they are, if the file says."""

    question: Question
    one: Response
    two: Response
    score: float | None

    @property
    def first(self) -> str:
        """The side of model_1 among the two models in name order."""
        return "a" if self.one.model_id < self.two.model_id else "b"

    @property
    def in_name_order(self) -> tuple[Response, Response]:
        return (self.one, self.two) if self.first == "a" else (self.two, self.one)


class Pairs:
    """Makes pairs of a file's lines, and tells which of their rows are new."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter
        self._context: Context = converter.context
        folder = bench_of_file(self._context.path, stem_first=False)
        self._bench = self._context.bench or ("mad" if folder == self._context.path.stem else folder)
        self._answers: dict[tuple[str, str], set[str]] = {}
        self._scores: dict[tuple[str, str], float] = {}

    def read(self, data: Mapping[str, Any], models: tuple[str, str], ordinal: int, prefix: str = "") -> Pair:
        """The pair of a line; ``prefix`` goes before field names in errors.

        Raises:
            BadRecord: no instruction or answer, or a field of a wrong type.
        """
        for name in ("instruction", "response_1", "response_2"):
            if name not in data:
                raise fields.missing(prefix + name, data)
        question_id = question_of(data, self._context.id_prefix, prefix)
        question = Question(
            question_id=question_id,
            bench=self._bench,
            turns=(asked(data, prefix),),
            reference=fields.reference(data.get("answer"), prefix + "answer"),
            position=ordinal,
        )
        one, two = (
            self._response(question_id, model, data[name], prefix + name)
            for model, name in zip(models, ("response_1", "response_2"), strict=True)
        )
        return Pair(question, one, two, fields.optional_number(data.get("score"), prefix + "score"))

    def items(self, pair: Pair, line: int) -> list[Item]:
        """The rows of a pair that the file has not brought yet."""
        converter = self._converter
        found: list[Item] = []
        question_id = pair.question.question_id
        if converter.see_question(line, pair.question):
            found.append(pair.question)
        for response in (pair.one, pair.two):
            known = self._answers.setdefault((question_id, response.model_id), set())
            if response.response_id not in known:
                converter.notes[EMPTY] += response.state != "ok"
                converter.notes[_OTHER_ANSWER] += bool(known)
                known.add(response.response_id)
                found.append(response)
            converter.models.add(response.model_id)
        if pair.score is not None:
            found += self._similarity(pair, pair.score)
        return found

    def _similarity(self, pair: Pair, score: float) -> list[Item]:
        a, b = pair.in_name_order
        key = (a.response_id, b.response_id)
        if key in self._scores:
            other = "a second similarity of the same two answers: the first counts"
            self._converter.notes[other] += self._scores[key] != score
            return []
        self._scores[key] = score
        self._converter.notes["score 2: the similarity could not be read, sorts last"] += score == UNREADABLE
        metric = self._context.metric or METRIC
        return [Similarity(pair.question.question_id, *key, metric, VERSION, score, self._context.modified)]

    def _response(self, question_id: str, model: str, text: Any, field: str) -> Response:
        turns = (fields.text_or_null(text, field) or "",)
        return imported_answer(question_id, model, turns, self._context.modified, params={"kind": "answer"})


def asked(data: Mapping[str, Any], prefix: str = "") -> str:
    """What the models were asked: the instruction, and the input on a line of its own."""
    instruction = fields.text(data["instruction"], prefix + "instruction")
    given = fields.text_or_null(data.get("input"), prefix + "input")
    return f"{instruction}\n{given}" if given and given.strip() else instruction


def question_of(data: Mapping[str, Any], id_prefix: str, prefix: str = "") -> str:
    """The id of a line's question."""
    return id_prefix + text_question_id([asked(data, prefix)])


def named_models(name: str) -> list[tuple[str, str]]:
    """Every way to read two models from ``MODEL1-vs-MODEL2.jsonl``: one, unless a model's name has ``-vs-`` in it."""
    end = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), "")
    stem = name[: len(name) - len(end)]
    parts = stem.split(SEPARATOR)
    cuts = ((SEPARATOR.join(parts[:i]), SEPARATOR.join(parts[i:])) for i in range(1, len(parts)))
    return [(one, two) for one, two in cuts if one and two]


def count_equal(counter: Counter[str], key: str) -> int:
    """How many lines with this key there were, this one included."""
    counter[key] += 1
    return counter[key]
