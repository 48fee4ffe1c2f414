"""A judge's comparison of two critics on Auto-J's critique test data: ``JUDGE-Eval_X_vs_Y.jsonl``.

The first line of ``output`` names the better critique: ``A:`` the first shown, ``B:`` the second, ``C:`` neither. The
order was drawn at random: ``meta.exchange`` says that Y's critique came first. Lines follow the test data's order.
Judge and critics are read off the file's name, or given as ``--judge JUDGE --model X,Y``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from workbench.errors import BadInput
from workbench.importing import fields
from workbench.importing.autoj_critique import AutojCritique
from workbench.importing.autoj_shared import Following, Follows, follow, output_text
from workbench.importing.autoj_text import option
from workbench.importing.converting import Around, Context, Item
from workbench.importing.fields import BadRecord
from workbench.importing.keeping import kept
from workbench.records import Judgment

_NAME = re.compile(r"(?P<judge>.+)-Eval_(?P<first>.+?)_vs_(?P<second>.+)")
#: How the published code marks a comparison that could not be had.
FAILED = "fail"


class AutojCritiqueEval(Following):
    fields = ("output", "cost", "finish_reason", "meta")

    @classmethod
    def recognises(cls, record: Mapping[str, Any], path: Path) -> bool:
        meta = record.get("meta")
        said = isinstance(meta, dict) and "exchange" in meta
        return isinstance(record.get("output"), str) and (said or _NAME.fullmatch(path.stem) is not None)

    @classmethod
    def prepare(cls, context: Context, around: Around) -> Follows:
        judge, first, second = names(context)
        found = follow(
            context, around, AutojCritique,
            format="autoj-critique", judge=judge, protocol="critique-pairwise", files=[context.path],
            critics=sorted((first, second)),
        )  # fmt: skip
        return Follows(found.bench, found.places, found.version, found.now, judge, found.warnings, (first, second))

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        follows: Follows = self.prepared
        place, written = self.place(ordinal), output_text(record)
        critics: tuple[str, str] = follows.more
        exchange = _exchange(record)
        shown = critics[::-1] if exchange else critics
        failed = record.get("finish_reason") == FAILED
        chosen = None if failed else option(written)
        self.notes["comparison that could not be read, left out"] += chosen is None
        model_a, model_b = sorted(critics)
        cost = fields.optional_number(record.get("cost"), "cost")
        natural = {"output": written, "cost": cost, "meta": {"exchange": exchange}}
        return [
            Judgment(
                protocol="critique-pairwise",
                judge=follows.judge,
                judge_version=follows.version,
                template="autoj-critique-eval",
                template_hash="import",
                question_id=place.question_id,
                turn=1,
                model_a=model_a,
                model_b=model_b,
                presented_order="ab" if shown[0] == model_a else "ba",
                mode="compat",
                state="error" if failed else "unparsed" if chosen is None else "ok",
                error="failed" if failed else None,
                verdict=_verdict(chosen, shown[0] == model_a),
                raw_text=written,
                cost=cost,
                created_at=follows.now,
                meta=kept(record, natural, critic=critics[0]),
                position=ordinal,
            )
        ]


def names(context: Context) -> tuple[str, str, str]:
    """(judge, first critic, second critic) of a comparison file.

    Raises:
        BadInput: neither options nor the file's name tell, or a critic is compared with itself.
    """
    found = _NAME.fullmatch(context.path.stem)
    judge = context.judge or (unquote(found["judge"]) if found else None)
    if context.model is not None:
        critics = [name.strip() for name in context.model.split(",")]
    else:
        critics = [unquote(found["first"]), unquote(found["second"])] if found else []
    if judge is None or len(critics) != 2 or not all(critics):
        raise BadInput(
            "whose comparison of which two critics is this?",
            file=str(context.path),
            hint="call the file JUDGE-Eval_X_vs_Y.jsonl, or say --judge JUDGE --model X,Y (X is the first)",
        )
    if critics[0] == critics[1]:
        raise BadInput(f"'{critics[0]}' is compared with itself", file=str(context.path))
    return judge, critics[0], critics[1]


def _exchange(record: dict[str, Any]) -> bool:
    """Whether the second critic's critique was shown first; a line that does not say was not exchanged."""
    meta = record.get("meta")
    if meta is None:
        return False
    if not isinstance(meta, dict):
        raise BadRecord(f"must be an object, not {fields.kind(meta)}", "meta")
    value = meta.get("exchange", False)
    if not isinstance(value, bool):
        raise BadRecord(f"must be true or false, not {fields.kind(value)}", "meta.exchange")
    return value


def _verdict(chosen: int | None, in_order: bool) -> str | None:
    """The verdict by name order, from the critique chosen among those shown."""
    if chosen is None or chosen == 2:
        return None if chosen is None else "tie"
    return "a" if (chosen == 0) == in_order else "b"
