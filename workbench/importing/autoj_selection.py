"""Auto-J's ``testdata_selection.jsonl``: many sampled responses of several models to a prompt, with judges' ratings.

Responses become samples 0, 1, … of their model, ratings single grades of these samples. The published code writes 0
for a rating that could not be read: such a 0 among ratings from 1 to 10 is unread, no grade.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.importing import fields
from workbench.importing.autoj_shared import Place, TestSet, scenario_of
from workbench.importing.converting import Item
from workbench.importing.fields import BadRecord
from workbench.importing.keeping import kept
from workbench.records import Judgment, Response, stable_id
from workbench.verdict_text import HIGHEST_RATING, LOWEST_RATING


class AutojSelection(TestSet):
    fields = ("scenario", "prompt", "outputs")
    default_bench = "autoj-selection"

    @classmethod
    def recognises(cls, record: Mapping[str, Any], path: Path) -> bool:
        outputs = record.get("outputs")
        return isinstance(outputs, dict) and all(isinstance(o, dict) and "outputs" in o for o in outputs.values())

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        for name in ("prompt", "outputs"):
            if name not in record:
                raise fields.missing(name, record)
        prompt = fields.text(record["prompt"], "prompt")
        scenario = scenario_of(record)
        models = record["outputs"]
        if not isinstance(models, dict) or not models:
            raise BadRecord(f"must be an object by model with one at least, not {fields.kind(models)}", "outputs")
        sampled = {model: _samples(model, value) for model, value in models.items()}
        natural = {"scenario": scenario, "prompt": prompt, "outputs": models}
        # The rest of each model's object: what is neither a text, a log probability, a finish reason nor a rating.
        others = {model: fields.rest(value, _filled(value)) for model, value in models.items()}
        absent = {model: [name for name in _COLUMNS if name not in value] for model, value in models.items()}
        marks = {
            "outputs": {model: other for model, other in others.items() if other} or None,
            "without": {model: names for model, names in absent.items() if names} or None,
        }
        meta = kept(record, natural, models={name: mark for name, mark in marks.items() if mark} or None)
        question = self.question(ordinal, line, prompt, scenario, meta, list(models))
        self.placed[ordinal] = Place(question.question_id)
        items: list[Item] = [question]
        for model, samples in sampled.items():
            answers = [
                self.response(question.question_id, model, text, sample=i, **columns)
                for i, (text, columns) in enumerate(samples)
            ]
            items += answers
            items += self._grades(models[model].get("scores"), model, answers, ordinal)
        return items

    def _grades(self, value: Any, model: str, answers: list[Response], ordinal: int) -> list[Judgment]:
        """What each judge gave each sample.

        Raises:
            BadRecord: no object of lists with a number or null for each sample.
        """
        if value is None:
            return []
        name = f"outputs.{model}.scores"[:60]
        if not isinstance(value, dict):
            raise BadRecord(f"must be an object of lists by judge, not {fields.kind(value)}", name)
        found: list[Judgment] = []
        for judge, scores in value.items():
            if not judge.strip():
                raise BadRecord("a judge has no name", name)
            scores = _per_sample(scores, len(answers), f"{name}.{judge}"[:80])
            read = [_number(score, f"{name}.{judge}"[:80]) for score in scores]
            unread = {0.0} if any(read) and all(LOWEST_RATING <= s <= HIGHEST_RATING for s in read if s) else set()
            for answer, score, given in zip(answers, read, scores, strict=True):
                found.append(_grade(judge, answer, None if score in unread else score, given, ordinal))
                self.notes["rating that could not be read"] += found[-1].state != "ok"
        return found


def _filled(value: dict[str, Any]) -> list[str]:
    """The columns that are there and not null."""
    return [name for name in _COLUMNS if value.get(name) is not None]


#: Names of a model's lists in the file.
_COLUMNS = ("outputs", "logprobs", "finish_reasons", "scores")


def _samples(model: str, value: Any) -> list[tuple[str, dict[str, Any]]]:
    """(text, columns of its own) of each sample of a model.

    Raises:
        BadRecord: no texts, or lists of another length.
    """
    name = f"outputs.{model}"[:60]
    if not model.strip():
        raise BadRecord("a model has no name", "outputs")
    if not isinstance(value, dict):
        raise BadRecord(f"must be an object, not {fields.kind(value)}", name)
    texts = fields.turns(value.get("outputs"), f"{name}.outputs")
    logprobs = _per_sample(value.get("logprobs"), len(texts), f"{name}.logprobs")
    reasons = _per_sample(value.get("finish_reasons"), len(texts), f"{name}.finish_reasons")
    found = []
    for text, logprob, reason in zip(texts, logprobs, reasons, strict=True):
        if reason is not None and not isinstance(reason, str):
            raise BadRecord(f"must hold texts or null, not {fields.kind(reason)}", f"{name}.finish_reasons")
        columns: dict[str, Any] = {"finish_reason": reason}
        if logprob is not None:
            _number(logprob, f"{name}.logprobs")
            columns["params"] = {"logprob": logprob}
        found.append((text, columns))
    return found


def _per_sample(value: Any, n: int, name: str) -> list[Any]:
    """A list with an entry for each sample; nulls when there is none."""
    if value is None:
        return [None] * n
    if not isinstance(value, list):
        raise BadRecord(f"must be a list, not {fields.kind(value)}", name)
    if len(value) != n:
        raise BadRecord(f"has {len(value)} entries for {n} responses", name)
    return value


def _number(value: Any, name: str) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise BadRecord(f"must hold numbers or null, not {fields.kind(value)}", name)
    return fields.optional_number(value, name)


def _grade(judge: str, answer: Response, score: float | None, given: Any, ordinal: int) -> Judgment:
    natural = {} if score is None else {"score": score}
    return Judgment(
        protocol="single",
        judge=judge,
        judge_version="import",
        template="autoj-single",
        template_hash="import",
        question_id=answer.question_id,
        turn=1,
        model_a=answer.model_id,
        response_a=answer.response_id,
        presented_order="single",
        mode="compat",
        state="unparsed" if score is None else "ok",
        score_a=score,
        created_at=answer.created_at,
        meta=kept({"score": given}, natural) or None,
        position=ordinal,
        import_key=stable_id(given),
    )
