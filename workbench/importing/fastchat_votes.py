"""Pairwise votes: FastChat's ``human_judgments.json``, Arena's battles, MAD-Eval's annotation file.

People's votes become annotations; those of models become pairwise judgments (order ``both``: such files
hold the verdict over two games). Who is a person is read off the judge's name unless ``votes_by`` says.
The two models are stored in name order and the verdict turned accordingly; the file's order is kept
as what the annotator was shown.

A vote's id is a hash of its content and of how many equal ones came before it in the file, so that two
equal votes both stay and a second import adds nothing. Votes without a time get 1970-01-01 plus their
position in microseconds: in order, the same on every machine, and plainly no real time.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from workbench.importing import fields
from workbench.importing.converting import Converter, Item, text_question_id
from workbench.importing.fields import BadRecord
from workbench.records import Annotation, Judgment, stable_id

_COLUMNS = ("question_id", "model_a", "model_b", "winner", "judge", "turn", "tstamp")

#: Winner as spelled in published files → side of the file's model_a, side of model_b, or a draw.
WINNERS = {
    "model_a": "a",
    "model_b": "b",
    "modedl_a": "a",
    "modedl_b": "b",
    "tie": "tie",
    "tie (inconsistent)": "inconsistent",
    "tie (bothbad)": "both_bad",
}
_SWAP = {"a": "b", "b": "a"}

#: Beginnings of names that are language models: their votes are a judge's.
_MODEL_NAMES = re.compile(
    r"(gpt[-_]?\d|gpt[-_]|chatgpt|o[134]([-_]|$)|claude|gemini|gemma|palm|llama|qwen|mistral|mixtral|deepseek|"
    r"command[-_]r|vicuna|auto[-_]?j|prometheus|judgelm|pandalm|phi[-_]?\d|glm[-_]?\d|grok|kimi)",
    re.IGNORECASE,
)


class FastchatVotes(Converter):
    fields = _COLUMNS

    def __post_init__(self) -> None:
        self._equal: Counter[str] = Counter()
        self._samples: Counter[tuple[Any, ...]] = Counter()

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        for name in ("model_a", "model_b", "winner", "judge"):
            if name not in record:
                raise fields.missing(name, record)
        first = fields.text_id(record["model_a"], "model_a")
        second = fields.text_id(record["model_b"], "model_b")
        if first == second:
            raise BadRecord(f"the same as model_a ({fields.shown(first)})", "model_b")
        verdict = winner(record["winner"])
        judge, template = judge_name(record["judge"])
        question_id, used = self._question(record)
        vote = {
            "question_id": question_id,
            "turn": self._turn(record),
            "model_a": min(first, second),
            "model_b": max(first, second),
        }
        swapped = first > second
        verdict = _SWAP.get(verdict, verdict) if swapped else verdict
        decided = fields.when(record.get("tstamp"), "tstamp")
        meta = fields.rest(record, (*_COLUMNS, *used))
        if self._is_judge(judge, template):
            return [self._judgment(vote, judge, template, verdict, decided, meta)]
        annotator = judge if template is None else f"{judge} {template}"
        order = "ba" if swapped else "ab"
        return [self._annotation(vote, annotator, order, verdict, decided, meta, ordinal)]

    def _is_judge(self, judge: str, template: str | None) -> bool:
        if self.context.votes_by is not None:
            return self.context.votes_by == "judge"
        return template is not None or judge in self.context.known_models or bool(_MODEL_NAMES.match(judge))

    def _turn(self, record: dict[str, Any]) -> int:
        if record.get("turn") is None:
            self.notes["no turn given: taken as turn 1"] += 1
            return 1
        return fields.whole(record["turn"], "turn", least=1)

    def _question(self, record: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
        """The question's id, and fields that are used up by it.

        MAD-Eval gives the question's text instead; Arena gives neither, and each vote is on a question of its own.
        """
        prefix = self.context.id_prefix
        if record.get("question_id") is not None:
            return prefix + fields.text_id(record["question_id"], "question_id"), ()
        data = record.get("data")
        if isinstance(data, dict) and isinstance(data.get("instruction"), str):
            given = data.get("input")
            asked = data["instruction"] + (f"\n{given}" if isinstance(given, str) and given.strip() else "")
            return prefix + text_question_id([asked]), ()
        self.notes["no question_id given: each such vote is on a question of its own"] += 1
        key = stable_id("vote", record)
        self._equal[key] += 1
        return f"{prefix}vote-{stable_id(key, self._equal[key])[:16]}", ()

    def _annotation(
        self,
        vote: dict[str, Any],
        annotator: str,
        order: str,
        verdict: str,
        decided: datetime | None,
        meta: dict[str, Any],
        ordinal: int,
    ) -> Annotation:
        flags, note, given = own(meta)
        if verdict == "inconsistent":
            verdict, flags = "tie", (*(f for f in flags if f != "inconsistent"), "inconsistent")
        key = stable_id("vote", vote, annotator, order, verdict, flags, note, decided, meta)
        self._equal[key] += 1
        return Annotation(
            annotation_id=given or stable_id(key, self._equal[key]),
            annotator=annotator,
            annotator_kind="author" if annotator.startswith("author") else "human",
            presented_order=order,
            verdict=verdict,
            decided_at=decided or fields.EPOCH + timedelta(microseconds=ordinal),
            flags=flags,
            note=note,
            position=ordinal,
            meta=meta,
            **vote,
        )

    def _judgment(
        self,
        vote: dict[str, Any],
        judge: str,
        template: str | None,
        verdict: str,
        decided: datetime | None,
        meta: dict[str, Any],
    ) -> Judgment:
        raw = meta.pop("judgment", None)
        if meta:
            names = ", ".join(sorted(str(k)[:40] for k in meta)[:6])
            self.notes[f"judgments have no place for other fields, left out: {names}"] += 1
        same = (judge, template, *vote.values())
        sample = self._samples[same]
        self._samples[same] += 1
        return Judgment(
            protocol="pairwise",
            judge=judge,
            judge_version="import",
            template=template or "import",
            template_hash="import",
            presented_order="both",
            sample=sample,
            verdict="tie" if verdict in ("inconsistent", "both_bad") else verdict,
            inconsistent=verdict == "inconsistent",
            raw_text=raw if isinstance(raw, str) else None,
            created_at=decided or self.context.modified,
            import_key=stable_id(verdict, decided),
            **vote,
        )


def winner(value: Any) -> str:
    """``a``, ``b`` (sides of the file), ``tie``, ``inconsistent`` or ``both_bad``.

    Raises:
        BadRecord: none of the published spellings.
    """
    found = WINNERS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        given = fields.shown(value) if isinstance(value, str) else fields.kind(value)
        known = ", ".join(name for name in WINNERS if not name.startswith("modedl"))
        raise BadRecord(f"must be one of {known}; not {given}", "winner")
    return found


def judge_name(value: Any) -> tuple[str, str | None]:
    """(name, template): the template of a list such as ``["gpt-4", "pair-v2"]``, ``None`` for plain text."""
    if not isinstance(value, list):
        return fields.text_id(value, "judge"), None
    names = fields.asked(value, "judge")
    return names[0], " ".join(names[1:]) or "import"


def own(meta: dict[str, Any]) -> tuple[tuple[str, ...], str | None, str | None]:
    """Take flags, note and annotation_id out of ``meta`` if they are as our own export writes them."""
    flags = meta.get("flags")
    if isinstance(flags, list) and all(isinstance(flag, str) for flag in flags):
        del meta["flags"]
    else:
        flags = []
    note = meta.pop("note") if isinstance(meta.get("note"), str) else None
    given = meta.get("annotation_id")
    if isinstance(given, str) and given:
        del meta["annotation_id"]
    else:
        given = None
    return tuple(flags), note, given
