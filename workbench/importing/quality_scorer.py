"""distilabel's QualityScorer rows (arXiv 2312.15685): ``instruction``, ``responses``, ``scores``, ``model_name``.

Scores are of one judge (``model_name``), one for each response, null where the judge's text held none. Responses are
answers of the models that the row names (``model_names``, ``generation_models``), else ``response-1`` and so on.

distilabel reads the judge's text line by line, so a missing or doubled line shifts every score behind it. The row's
scores are stored as published (mode ``compat``). Where the row carries the text, it is read again by the index ``[k]``
that each line states, and a score that comes out otherwise is stored as ``corrected`` beside the published one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.importing import fields
from workbench.importing.answers import EMPTY, imported_answer, is_blank
from workbench.importing.converting import Converter, Item, bench_of_file
from workbench.importing.fields import BadRecord
from workbench.importing.keeping import KEY, kept
from workbench.records import Judgment, Question, Response, stable_id

#: The judge of rows that name none.
JUDGE = "quality-scorer"
_ANSWERS = ("responses", "generations")
_MODELS = ("model_names", "generation_models")
_LINE = re.compile(r"\s*\[(\d+)\]\s*score:\s*(\d+(?:\.\d+)?)", re.IGNORECASE | re.ASCII)


class QualityScorer(Converter):
    fields = ("instruction", "responses", "scores", "model_name")

    @classmethod
    def recognises(cls, record: Mapping[str, Any], path: Path) -> bool:
        return isinstance(record.get("scores"), list) and any(isinstance(record.get(n), list) for n in _ANSWERS)

    def __post_init__(self) -> None:
        self._bench = self.context.bench or bench_of_file(self.context.path, stem_first=True)
        self._same: Counter[tuple[str, str]] = Counter()

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        if "instruction" not in record:
            raise fields.missing("instruction", record)
        instruction = fields.text(record["instruction"], "instruction")
        column = next((name for name in _ANSWERS if name in record), None)
        if column is None:
            raise fields.missing("responses", record, _ANSWERS)
        texts = fields.turns(record[column], column)
        scores = _scores(record.get("scores"), len(texts))
        self.notes["number of scores is not that of the responses"] += _length(record.get("scores")) != len(texts)
        judge = self._judge(record)
        natural = {"instruction": instruction, column: list(texts), "scores": scores, "model_name": judge}
        meta = kept(record, natural, answers=None if column == "responses" else column, place=0)
        question = self._question(ordinal, line, instruction, texts, judge)
        names = _models(record, len(texts))
        samples: Counter[str] = Counter()
        answers = []
        for name, text in zip(names, texts, strict=True):
            answers.append(self._response(question.question_id, name, samples[name], text))
            samples[name] += 1
        self.answered.add(question.question_id)
        raw = raw_output(record)
        items: list[Item] = [*([question] if self.see_question(line, question) else []), *answers]
        items += [
            self._judgment(judge, answer, score, "compat", raw, ordinal, _place(k) if k else meta)
            for k, (answer, score) in enumerate(zip(answers, scores, strict=True))
        ]
        return items + self._corrected(judge, answers, scores, raw, ordinal)

    def _judge(self, record: dict[str, Any]) -> str:
        if self.context.judge is not None:
            return self.context.judge
        named = fields.optional_text(record.get("model_name"), "model_name")
        if named is None:
            self.notes[f"no model_name: the judge is called '{JUDGE}'"] += 1
        return named or JUDGE

    def _question(self, ordinal: int, line: int, instruction: str, texts: Sequence[str], judge: str) -> Question:
        # The same row again by the same judge is a question of its own: it was judged again.
        digest = stable_id("quality", self._bench, instruction, *texts)[:16]
        self._same[digest, judge] += 1
        count = self._same[digest, judge]
        again = f"-{count}" if count > 1 else ""
        question = Question(
            question_id=f"{self.context.id_prefix}qs-{digest}{again}",
            bench=self._bench,
            turns=(instruction,),
            position=ordinal,
        )
        return question

    def _response(self, question_id: str, model: str, sample: int, text: str) -> Response:
        found = imported_answer(
            question_id, model, (text,), self.context.modified, params={"kind": "answer"}, sample=sample
        )
        self.notes[EMPTY] += is_blank(found.turns)
        self.models.add(model)
        return found

    def _judgment(
        self,
        judge: str,
        answer: Response,
        score: float | None,
        mode: str,
        raw: str | None,
        ordinal: int,
        meta: dict[str, Any],
    ) -> Judgment:
        self.notes["score that could not be read"] += score is None
        return Judgment(
            protocol="quality",
            judge=judge,
            judge_version="import",
            template="quality-scorer",
            template_hash="import",
            question_id=answer.question_id,
            turn=1,
            model_a=answer.model_id,
            response_a=answer.response_id,
            presented_order="single",
            mode=mode,
            state="unparsed" if score is None else "ok",
            score_a=score,
            raw_text=raw,
            created_at=self.context.modified,
            meta=meta,
            position=ordinal,
            import_key=stable_id(score, raw),
        )

    def _corrected(
        self, judge: str, answers: Sequence[Response], scores: Sequence[float | None], raw: str | None, ordinal: int
    ) -> list[Item]:
        """Judgments where the text says something else than the row's scores."""
        if raw is None:
            return []
        found: list[Item] = []
        for k, (answer, score, again) in enumerate(zip(answers, scores, by_index(raw, len(answers)), strict=True)):
            if again is not None and again != score:
                self.notes["score that differs from the judge's text read by index (both are kept)"] += 1
                found.append(self._judgment(judge, answer, again, "corrected", raw, ordinal, _place(k)))
        return found


def by_index(raw: str, n: int) -> list[float | None]:
    """Scores of ``n`` responses from a judge's text by the index that its lines state, ``[k] Score: d``.

    Always ``n`` long. A JSON object ``{"scores": […]}`` is taken in order. An index that comes twice with different
    scores, or never, has none.
    """
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and isinstance(value.get("scores"), list):
        given = [float(s) if type(s) in (int, float) else None for s in value["scores"]]
        return given if len(given) == n else [None] * n
    found: dict[int, set[float]] = {}
    for line in raw.split("\n"):
        if match := _LINE.match(line):
            found.setdefault(int(match[1][:9]), set()).add(float(match[2]))
    return [next(iter(found[k])) if len(found.get(k, ())) == 1 else None for k in range(1, n + 1)]


def raw_output(record: Mapping[str, Any]) -> str | None:
    """The judge's text, where distilabel kept it: ``distilabel_metadata.raw_output_…`` of the scorer's step."""
    metadata = record.get("distilabel_metadata")
    if isinstance(metadata, list):  # one entry a step
        metadata = {k: v for entry in metadata if isinstance(entry, dict) for k, v in entry.items()}
    if not isinstance(metadata, dict):
        return None
    texts = {name: value for name, value in metadata.items() if name.startswith("raw_output") and value is not None}
    named = [value for name, value in texts.items() if "quality" in name]
    chosen = named or (list(texts.values()) if len(texts) == 1 else [])
    return chosen[-1] if chosen and isinstance(chosen[-1], str) else None


def _place(k: int) -> dict[str, Any]:
    """``meta`` of a score that is not its row's first, which keeps the row."""
    return {KEY: {"place": k}}


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def _scores(value: Any, n: int) -> list[float | None]:
    """One score a response, in order; what is missing is none, what is too many is left out.

    Raises:
        BadRecord: no list of numbers and nulls.
    """
    if value is None:
        return [None] * n
    if not isinstance(value, list):
        raise BadRecord(f"must be a list of numbers and nulls, not {fields.kind(value)}", "scores")
    return [fields.optional_number(score, "scores") for score in [*value, *[None] * n][:n]]


def _models(record: Mapping[str, Any], n: int) -> list[str]:
    """The models of the responses: those the row names, or stand-ins."""
    for name in _MODELS:
        given = record.get(name)
        if isinstance(given, list) and len(given) == n and all(isinstance(m, str) and m.strip() for m in given):
            return list(given)
    return [f"response-{k}" for k in range(1, n + 1)]
