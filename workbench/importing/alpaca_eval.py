"""AlpacaEval: model outputs, and annotations (which of two outputs an annotator preferred).

**Outputs** (``model_outputs.json``, one list a model): ``instruction``, ``output``, ``generator``, usually ``dataset``
and ``datasplit``; older ones have ``input``, which AlpacaEval puts behind the instruction after an empty line. A list
as ``output`` holds several samples; so do several lines of one generator and instruction.

**Annotations** (``annotations.json``): ``instruction``, ``output_1``, ``output_2``, ``generator_1`` (the reference),
``generator_2`` (the model that is rated), ``annotator``, ``preference``, ``price_per_example``, ``time_per_example``,
``raw_completion``. ``preference`` runs from 1 (output_1) to 2 (output_2): preference - 1 is the probability that
output_2 is the better one. 1.5 is a tie, and so is the 0 of older files. ``null`` and -1 could not be parsed.

A question's id is a hash of its text, so that outputs and annotations of one instruction meet; its ``dataset`` is the
category. An annotation brings its two outputs along and names them as the answers it is about, whichever others the
store has. AlpacaEval asks once, in an order drawn at random, and turns the verdict back: that one verdict is all there
is, so it is stored as order ``both``, which counts. Where the file says which output was shown first
(``is_switched_outputs``) it is in ``meta`` as ``as_imported.presented_order``.

Annotators are judges. People (a number as ``annotator`` or ``annotator_index``, as in AlpacaFarm's human annotations;
or ``votes_by`` human) become annotations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from workbench.importing import fields
from workbench.importing.answers import EMPTY, imported_answer
from workbench.importing.converting import Converter, Item, text_question_id
from workbench.importing.fields import BadRecord
from workbench.importing.formats import ANSWERS, VERDICTS
from workbench.importing.keeping import kept
from workbench.records import Annotation, Judgment, Question, Response, stable_id

BENCH = "alpaca_eval"
_COLUMNS = (
    "instruction", "input", "output", "generator", "dataset", "output_1", "output_2", "generator_1", "generator_2",
    "annotator", "preference", "price_per_example", "time_per_example", "raw_completion",
)  # fmt: skip
#: Fields that say whether output_2 was shown first, by version of AlpacaEval.
_SWITCHED = ("is_switched_outputs", "is_switch_output_1_output_2")


@dataclass(frozen=True, slots=True)
class _Compared:
    """The two outputs of an annotation, in the file's order; ``share`` is the probability that the second is better."""

    question_id: str
    asked: str
    one: Response
    two: Response
    share: float | None

    @property
    def swapped(self) -> bool:
        """Whether output_1 is ``model_b`` of the store, where the name that sorts first is ``model_a``."""
        return self.one.model_id > self.two.model_id

    @property
    def place(self) -> dict[str, Any]:
        """Columns that name what was compared."""
        a, b = (self.two, self.one) if self.swapped else (self.one, self.two)
        return {
            "question_id": self.question_id, "turn": 1, "model_a": a.model_id, "model_b": b.model_id,
            "response_a": a.response_id, "response_b": b.response_id,
        }  # fmt: skip

    @property
    def verdict(self) -> str | None:
        """``a``, ``b`` (sides of the store) or ``tie``; ``None`` without a preference."""
        if self.share is None:
            return None
        if self.share == 0.5:
            return "tie"
        return "b" if (self.share > 0.5) != self.swapped else "a"

    @property
    def probabilities(self) -> dict[str, float] | None:
        if self.share is None:
            return None
        one, two = 1 - self.share, self.share
        return {"a": two, "b": one} if self.swapped else {"a": one, "b": two}


class AlpacaEval(Converter):
    fields = _COLUMNS

    @classmethod
    def recognises(cls, record: Mapping[str, Any], path: Path) -> bool:
        return isinstance(record.get("instruction"), str)

    @classmethod
    def rank(cls, record: Mapping[str, Any]) -> int:
        """Outputs before annotations, which bring the same outputs along without their other fields."""
        return VERDICTS if "output_1" in record else ANSWERS

    def __post_init__(self) -> None:
        self._samples: dict[tuple[str, str], dict[str, int]] = {}
        self._lines: Counter[tuple[str, str]] = Counter()
        self._equal: Counter[str] = Counter()

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        for name in ("instruction", *(("output_1", "output_2", "preference") if "output_1" in record else ("output",))):
            if name not in record and name not in (self.context.columns or ()):
                raise fields.missing(name, record)
        if "output_1" in record:
            return self._annotated(ordinal, line, record)
        return self._outputs(ordinal, line, record)

    def _question(self, ordinal: int, line: int, record: dict[str, Any], asked: str) -> tuple[str, list[Item]]:
        """The question's id, and the question if it is new in this file."""
        question = Question(
            question_id=self.context.id_prefix + text_question_id([asked]),
            bench=self.context.bench or BENCH,
            turns=(asked,),
            category=fields.optional_text(record.get("dataset"), "dataset"),
            position=ordinal,
        )
        return question.question_id, [question] if self.see_question(line, question) else []

    def _response(self, question_id: str, model: str, text: str, sample: int, params: dict[str, Any]) -> Response:
        params = {"kind": "alpaca-eval", **params}
        return imported_answer(question_id, model, (text,), self.context.modified, params=params, sample=sample)

    def _see(self, responses: list[Response]) -> list[Response]:
        self.models.update(response.model_id for response in responses)
        self.notes[EMPTY] += sum(response.state == "error" for response in responses)
        return responses

    # -- outputs -----------------------------------------------------------------------------------

    def _outputs(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        asked, given = instruction(record), record.get("output")
        several = isinstance(given, list)
        texts = [output(one, "output") for one in (given if isinstance(given, list) else [given])]
        if not texts:
            raise BadRecord("is an empty list", "output")
        generator = self.context.model or name_of(record, "generator")
        question_id, items = self._question(ordinal, line, record, asked)
        first = self._lines[question_id, generator]
        self._lines[question_id, generator] += len(texts)
        natural = {"instruction": asked, "output": texts if several else texts[0], "generator": generator}
        # A name that the user gave is what an export says, too.
        meta = kept({**record, "generator": generator}, natural, listed=ordinal if several else None)
        answers = (
            self._response(question_id, generator, text, first + i, {BENCH: meta}) for i, text in enumerate(texts)
        )
        return [*items, *self._see(list(answers))]

    # -- annotations -------------------------------------------------------------------------------

    def _annotated(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        asked, share = instruction(record), preference(record.get("preference"))
        texts = output(record.get("output_1"), "output_1"), output(record.get("output_2"), "output_2")
        models = self._generators(record)
        if models[0] == models[1]:
            raise BadRecord(f"the same as generator_1 ({fields.shown(models[0])}): nothing is compared", "generator_2")
        question_id, items = self._question(ordinal, line, record, asked)
        answers = [self._answer(question_id, *side) for side in zip(models, texts, strict=True)]
        items += self._see([one for one, new in answers if new])
        compared = _Compared(question_id, asked, answers[0][0], answers[1][0], share)
        annotator = self.context.judge or name_of(record, "annotator", "annotator_index")
        # Names that the user gave are what an export says, too.
        given = {
            "generator_1": self.context.baseline,
            "generator_2": self.context.model,
            "annotator": self.context.judge,
        }
        named = {**record, **{name: value for name, value in given.items() if value is not None}}
        make = self._vote if self._by_person(record) else self._judgment
        return [*items, make(ordinal, named, annotator, compared)]

    def _generators(self, record: dict[str, Any]) -> tuple[str, str]:
        """Names of the two models. Some files call the first one ``generator``."""
        first = self.context.baseline or name_of(record, "generator_1", "generator", option="--baseline")
        return first, self.context.model or name_of(record, "generator_2", option="--model")

    def _answer(self, question_id: str, model: str, text: str) -> tuple[Response, bool]:
        """The output as an answer, and whether it is new in this file. A model's other texts are further samples."""
        seen = self._samples.setdefault((question_id, model), {})
        new = text not in seen
        return self._response(question_id, model, text, seen.setdefault(text, len(seen)), {}), new

    def _by_person(self, record: dict[str, Any]) -> bool:
        if self.context.votes_by is not None:
            return self.context.votes_by == "human"
        named = record.get("annotator", record.get("annotator_index"))
        return isinstance(named, int | float) and self.context.judge is None

    def _key(self, record: dict[str, Any], annotator: str, compared: _Compared) -> tuple[str, int]:
        """What tells a line from all others, and how many of the file were on the same outputs before it."""
        same = stable_id("alpaca-eval", compared.place, annotator)
        sample = self._equal[same]
        self._equal[same] += 1
        return stable_id(same, sample, record), sample

    def _judgment(self, ordinal: int, record: dict[str, Any], annotator: str, compared: _Compared) -> Judgment:
        raw = record.get("raw_completion")
        raw = raw if isinstance(raw, str) else None
        key, sample = self._key(record, annotator, compared)
        cost, latency = measure(record, "price_per_example"), measure(record, "time_per_example")
        natural = {
            **_natural(compared, annotator),
            "preference": None if compared.share is None else 1 + compared.share,
            "price_per_example": cost,
            "time_per_example": latency,
            "raw_completion": raw,
        }
        return Judgment(
            protocol="pairwise",
            judge=annotator,
            judge_version="import",
            template="alpaca-eval",
            template_hash="import",
            mode="compat",
            presented_order="both",
            state="unparsed" if compared.share is None else "ok",
            verdict=compared.verdict,
            probabilities=compared.probabilities,
            raw_text=raw,
            cost=cost,
            latency=latency,
            created_at=self.context.modified,
            meta=kept(record, natural, presented_order=_shown_order(record, compared), output_1=_first(compared)),
            position=ordinal,
            import_key=key,
            sample=sample,
            sample_a=(compared.two if compared.swapped else compared.one).sample,
            sample_b=(compared.one if compared.swapped else compared.two).sample,
            **compared.place,
        )

    def _vote(self, ordinal: int, record: dict[str, Any], annotator: str, compared: _Compared) -> Annotation:
        return Annotation(
            annotation_id=self._key(record, annotator, compared)[0],
            annotator=annotator,
            presented_order=_shown_order(record, compared) or "unknown",
            verdict=compared.verdict or "skip",
            decided_at=fields.EPOCH + timedelta(microseconds=ordinal),
            position=ordinal,
            meta=kept(record, _natural(compared, annotator), format="alpaca-eval", output_1=_first(compared)),
            **compared.place,
        )


def _natural(compared: _Compared, annotator: str) -> dict[str, Any]:
    """The line that ``exporting/alpaca_eval`` makes of the store's columns."""
    return {
        "instruction": compared.asked,
        "output_1": compared.one.turns[0],
        "generator_1": compared.one.model_id,
        "output_2": compared.two.turns[0],
        "generator_2": compared.two.model_id,
        "annotator": annotator,
        "preference": {None: None, "tie": 1.5}.get(compared.verdict, 2 if (compared.share or 0) > 0.5 else 1),
    }


def _first(compared: _Compared) -> str:
    """The side of the store that is output_1."""
    return "b" if compared.swapped else "a"


def _shown_order(record: dict[str, Any], compared: _Compared) -> str | None:
    """``ab`` or ``ba`` (sides of the store) as the annotator saw them, where the file says it."""
    for name in _SWITCHED:
        if isinstance(record.get(name), bool):
            return "ab" if record[name] == compared.swapped else "ba"
    return None


def instruction(record: Mapping[str, Any]) -> str:
    """What was asked: the instruction, and behind an empty line the input if there is one."""
    asked = fields.text(record.get("instruction"), "instruction")
    more = fields.optional_text(record.get("input"), "input")
    return asked if more is None else f"{asked}\n\n{more}"


def output(value: Any, field: str) -> str:
    """An output; null is one that failed."""
    return fields.text_or_null(value, field) or ""


def preference(value: Any) -> float | None:
    """Probability that output_2 is the better one; ``None`` where it could not be parsed.

    Raises:
        BadRecord: no number from 1 to 2, and not 0 (a tie) or -1 (not parsed).
    """
    found = fields.optional_number(value, "preference")
    if found is None or found == -1:
        return None
    if found == 0:
        return 0.5
    if not 1 <= found <= 2:
        raise BadRecord(f"must be from 1 (output_1) to 2 (output_2), 0 or null, not {found:g}", "preference")
    return found - 1


def measure(record: Mapping[str, Any], field: str) -> float | None:
    """A price or time of an annotation."""
    return fields.optional_number(record.get(field), field)


def name_of(record: Mapping[str, Any], *names: str, option: str | None = None) -> str:
    """A model's or annotator's name, from the first of the fields that is there.

    Raises:
        BadRecord: none is, or it is no name; ``option`` is what a user can give instead.
    """
    field = next((name for name in names if record.get(name) is not None), None)
    if field is not None:
        return fields.text_id(record[field], field)
    missing = fields.missing(names[0], record, names)
    if option is not None:
        missing = BadRecord(f"{missing.reason}; name the model with {option}", names[0])
    raise missing
