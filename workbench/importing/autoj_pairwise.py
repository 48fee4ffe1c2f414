"""Auto-J's ``testdata_pairwise.jsonl``: a prompt, two responses, and which of them people prefer.

The responses become answers of the models ``response-1`` and ``response-2``, the label a gold annotation: what judges
are measured against, no battle.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from workbench.importing import fields
from workbench.importing.autoj_shared import Place, TestSet, scenario_of
from workbench.importing.converting import Item
from workbench.importing.fields import BadRecord
from workbench.importing.keeping import kept
from workbench.importing.synonyms import normal
from workbench.records import Annotation, stable_id

FIRST, SECOND = "response-1", "response-2"
ANNOTATOR = "autoj-label"
_COLUMNS = ("scenario", "label", "prompt", "response 1", "response 2")
#: Label → verdict.
VERDICTS = ("a", "b", "tie")


class AutojPairwise(TestSet):
    fields = _COLUMNS
    default_bench = "autoj-pairwise"
    items_read = "autoj_pairs"

    @classmethod
    def recognises(cls, record: Mapping[str, Any], path: Path) -> bool:
        return isinstance(record.get("prompt"), str)

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        names = {normal(key): key for key in record}
        prompt = fields.text(_there(record, "prompt", names), "prompt")
        texts = [fields.any_text(_there(record, name, names), name) for name in ("response 1", "response 2")]
        scenario = scenario_of(record)
        verdict = _verdict(_there(record, "label", names))
        if verdict is None:
            self.notes["no label: nothing to measure a judge against"] += 1
        natural = {
            "scenario": scenario,
            "label": None if verdict is None else VERDICTS.index(verdict),
            "prompt": prompt,
            "response 1": texts[0],
            "response 2": texts[1],
        }
        question = self.question(ordinal, line, prompt, scenario, kept(record, natural), *texts, verdict)
        answers = [
            self.response(question.question_id, model, text) for model, text in zip((FIRST, SECOND), texts, strict=True)
        ]
        place = Place(question.question_id, FIRST, SECOND, answers[0].response_id, answers[1].response_id)
        self.placed[ordinal] = place
        items: list[Item] = [question, *answers]
        if verdict is not None:
            items.append(_label(place, verdict, ordinal))
        return items


def _label(place: Place, verdict: str, ordinal: int) -> Annotation:
    return Annotation(
        annotation_id=stable_id(ANNOTATOR, place.question_id),
        annotator=ANNOTATOR,
        annotator_kind="gold",
        question_id=place.question_id,
        turn=1,
        model_a=FIRST,
        model_b=SECOND,
        response_a=place.response_a,
        response_b=place.response_b,
        presented_order="ab",
        verdict=verdict,
        decided_at=fields.EPOCH + timedelta(microseconds=ordinal),
        position=ordinal,
    )


def _there(record: dict[str, Any], name: str, names: dict[str, str]) -> Any:
    """A field's value, under its own name or one that differs in spaces and case only.

    Raises:
        BadRecord: it is missing.
    """
    if name in record:
        return record[name]
    if normal(name) not in names:
        raise fields.missing(name, record)
    return record[names[normal(name)]]


def _verdict(value: Any) -> str | None:
    """``a``, ``b`` or ``tie``; ``None`` for no label.

    Raises:
        BadRecord: neither 0, 1, 2 nor nothing.
    """
    if value is None or value == "":
        return None
    try:
        return VERDICTS[fields.whole(value, "label")]
    except (BadRecord, IndexError):
        given = fields.shown(str(value)) if isinstance(value, str | int | float) else fields.kind(value)
        raise BadRecord(f"must be 0 (first), 1 (second) or 2 (tie), not {given}", "label") from None
