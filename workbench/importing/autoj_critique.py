"""Auto-J's ``testdata_critique.jsonl``: a prompt, a response, and critiques of it by name; and critics' own files.

A critique becomes a judgment of protocol ``critique`` by the critic, with the rating that it gives if it gives one. A
critic's file (``{"output": critique}`` a line, format ``autoj-critique-outputs``) follows the order of the test data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.errors import BadInput
from workbench.importing import fields
from workbench.importing.autoj_shared import Following, Follows, Place, TestSet, follow, output_text, scenario_of
from workbench.importing.autoj_text import rating
from workbench.importing.converting import Around, Context, Item
from workbench.importing.fields import BadRecord
from workbench.importing.keeping import kept
from workbench.records import Judgment, stable_id

#: The model of the one response that is criticised: the file does not say whose it is.
MODEL = "response"
EMPTY = "empty critique"
_COLUMNS = ("scenario", "prompt", "response", "critiques")


class AutojCritique(TestSet):
    fields = _COLUMNS
    default_bench = "autoj-critique"

    @classmethod
    def recognises(cls, record: Mapping[str, Any], path: Path) -> bool:
        return isinstance(record.get("critiques"), dict)

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        for name in ("prompt", "response"):
            if name not in record:
                raise fields.missing(name, record)
        prompt = fields.text(record["prompt"], "prompt")
        text = fields.text(record["response"], "response")
        scenario = scenario_of(record)
        critiques = _critiques(record.get("critiques", {}))
        natural = {"scenario": scenario, "prompt": prompt, "response": text, "critiques": critiques}
        question = self.question(ordinal, line, prompt, scenario, kept(record, natural), text)
        response = self.response(question.question_id, MODEL, text)
        place = Place(question.question_id, response_a=response.response_id)
        self.placed[ordinal] = place
        judgments = [
            critique(place, critic, written, ordinal, "import", self.context.modified)
            for critic, written in critiques.items()
        ]
        return [question, response, *judgments]


class AutojCritiqueOutputs(Following):
    fields = ("output",)

    @classmethod
    def prepare(cls, context: Context, around: Around) -> Follows:
        if not context.judge or not context.judge.strip():
            raise BadInput("whose critiques are these?", file=str(context.path), hint="name the critic with --judge")
        return follow(
            context, around, AutojCritique,
            format="autoj-critique", judge=context.judge, protocol="critique", files=[context.path],
        )  # fmt: skip

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        follows: Follows = self.prepared
        place, written = self.place(ordinal), output_text(record)
        meta = kept(record, {"output": written})
        return [critique(place, follows.judge, written, ordinal, follows.version, follows.now, meta)]


def critique(
    place: Place,
    critic: str,
    written: str,
    ordinal: int,
    version: str,
    created: datetime,
    meta: dict[str, Any] | None = None,
) -> Judgment:
    """A critic's text about the response of a place."""
    blank = not written.strip()
    return Judgment(
        protocol="critique",
        judge=critic,
        judge_version=version,
        template="autoj-critique",
        template_hash="import",
        question_id=place.question_id,
        turn=1,
        model_a=MODEL,
        response_a=place.response_a,
        presented_order="single",
        mode="compat",
        state="error" if blank else "ok",
        error=EMPTY if blank else None,
        score_a=rating(written),
        raw_text=written,
        created_at=created,
        meta=meta or None,
        position=ordinal,
        import_key=stable_id(written),
    )


def _critiques(value: Any) -> dict[str, str]:
    """Critic → text.

    Raises:
        BadRecord: no object of texts.
    """
    if not isinstance(value, dict):
        raise BadRecord(f"must be an object of texts by critic, not {fields.kind(value)}", "critiques")
    for critic, written in value.items():
        if not critic.strip():
            raise BadRecord("a critic has no name", "critiques")
        if not isinstance(written, str):
            raise BadRecord(f"must be text, not {fields.kind(written)}", f"critiques.{critic}"[:60])
    return value
