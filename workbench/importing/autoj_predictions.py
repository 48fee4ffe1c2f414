"""Predictions for Auto-J's pairwise test data: ``{"output": 0|1|2}`` one a line, in the order of the test data.

A judge that compares two responses in one prompt is asked again with the responses swapped: the second file
(``--swapped``) holds those predictions as the judge made them, not mapped back. Without it the judge is one that rates
each response alone. ``output`` may also be what the judge wrote, which is kept and read by Auto-J's rule. Anything else
than 0, 1 or 2 is an unread verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import BadInput
from workbench.importing import fields
from workbench.importing.autoj_pairwise import FIRST, SECOND, VERDICTS, AutojPairwise
from workbench.importing.autoj_shared import Following, Follows, Place, follow, numbered
from workbench.importing.autoj_text import decision
from workbench.importing.converting import Around, Context, Item
from workbench.importing.fields import BadRecord
from workbench.importing.keeping import kept
from workbench.importing.reading import open_source
from workbench.records import Judgment

_SWAP = {"a": "b", "b": "a"}
#: What the published code writes for a verdict that could not be read.
UNREAD = -1


class AutojPredictions(Following):
    fields = ("output",)

    @classmethod
    def recognises(cls, record: Mapping[str, Any], path: Path) -> bool:
        """Only bare whole numbers are taken for predictions unasked: a text might be any answer."""
        return list(record) == ["output"] and type(record["output"]) is int

    @classmethod
    def prepare(cls, context: Context, around: Around) -> Follows:
        if not context.judge or not context.judge.strip():
            raise BadInput("whose predictions are these?", file=str(context.path), hint="name the judge with --judge")
        files = [context.path] if context.swapped is None else [context.path, context.swapped]
        found = follow(
            context, around, AutojPairwise,
            format="autoj-pairwise", judge=context.judge, protocol="pairwise", files=files,
        )  # fmt: skip
        if context.swapped is None:
            return found
        return Follows(
            found.bench, found.places, found.version, found.now, found.judge, found.warnings,
            _swapped(context.swapped),
        )  # fmt: skip

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        follows: Follows = self.prepared
        place = self.place(ordinal)
        order = "both" if follows.more is None else "ab"
        found: list[Item] = [self._judgment(place, order, ordinal, record)]
        if follows.more is not None:
            found.append(self._judgment(place, "ba", ordinal, follows.more[ordinal]))
        return found

    def _judgment(self, place: Place, order: str, ordinal: int, record: dict[str, Any]) -> Judgment:
        label, written = output(record)
        self.notes["verdict that could not be read, counted as not agreeing"] += label is None
        verdict = None if label is None else VERDICTS[label]
        natural = {"output": (UNREAD if label is None else label) if written is None else written}
        return Judgment(
            protocol="pairwise",
            judge=self.prepared.judge,
            judge_version=self.prepared.version,
            template="autoj",
            template_hash="import",
            question_id=place.question_id,
            turn=1,
            model_a=place.model_a or FIRST,
            model_b=place.model_b or SECOND,
            response_a=place.response_a,
            response_b=place.response_b,
            presented_order=order,
            mode="compat",
            state="unparsed" if verdict is None else "ok",
            verdict=_SWAP.get(verdict, verdict) if verdict and order == "ba" else verdict,
            raw_text=written,
            created_at=self.prepared.now,
            meta=kept(record, natural) or None,
            position=ordinal,
        )


def output(record: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """(label, text): 0, 1, 2 or ``None`` for an unread verdict, and the judge's text where the line holds one.

    Raises:
        BadRecord: there is no ``output``, or it is neither a whole number, a text nor null.
    """
    if "output" not in record:
        raise fields.missing("output", record)
    value = record["output"]
    if isinstance(value, str):
        bare = value.strip()
        return (int(bare), value) if bare in ("0", "1", "2") else (decision(value), value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise BadRecord(
            "must be 0 (first), 1 (second), 2 (tie), -1 (not read) or the judge's text, not "
            + (str(value) if isinstance(value, float) else fields.kind(value)),
            "output",
        )
    return (value if value in (0, 1, 2) else None), None


def _swapped(path: Path) -> list[dict[str, Any]]:
    """The records of the second file, checked.

    Raises:
        BadInput: one of them is no prediction.
    """
    found = numbered(open_source(path))
    for line, record in found:
        try:
            output(record)
        except BadRecord as bad:
            raise BadInput(bad.reason, file=str(path), line=line, field=bad.field) from None
    return [record for _, record in found]
