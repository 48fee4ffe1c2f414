"""FastChat ``model_judgment/JUDGE_single.jsonl``: one answer graded.

``score`` −1 means that the judge's text held no grade: such a row is stored as ``unparsed`` (``error`` when the text
is FastChat's ``$ERROR$``), without a score. FastChat's averages take every row, also when a file grades the same answer
twice, so the second becomes sample 1. The verdicts were read by the published rule: mode ``compat``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from workbench.importing import fields, keeping
from workbench.importing.converting import Converter, Item
from workbench.importing.fastchat_votes import judge_name
from workbench.importing.fields import BadRecord
from workbench.records import Judgment, stable_id

_COLUMNS = ("question_id", "model", "judge", "user_prompt", "judgment", "score", "turn", "tstamp")
#: FastChat's score of a grade that could not be read, and its text of a call that failed.
UNPARSED = -1
FAILED = "$ERROR$"
AGAIN = "the same thing judged again: kept as a repetition (sample)"


class FastchatSingle(Converter):
    fields = _COLUMNS

    def __post_init__(self) -> None:
        self._samples: Counter[tuple[Any, ...]] = Counter()

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        for name in ("question_id", "model", "judge", "score"):
            if name not in record:
                raise fields.missing(name, record)
        question_id = self.context.id_prefix + fields.text_id(record["question_id"], "question_id")
        model = fields.text_id(record["model"], "model")
        judge, template = judged_by(record["judge"])
        turn = turn_of(record, self.notes)
        text = fields.text_or_null(record.get("judgment"), "judgment")
        score = grade(record["score"], "score")
        created = fields.when(record.get("tstamp"), "tstamp") or self.context.modified
        natural: dict[str, Any] = {
            "question_id": keeping.number_or_text(question_id),
            "model": model,
            "judge": [judge, template],
            "judgment": text or "",
            "score": UNPARSED if score is None else keeping.whole_or_float(score),
            "turn": turn,
            "tstamp": keeping.seconds(created),
        }
        meta = keeping.kept(keeping.under(record, question_id if self.context.id_prefix else None), natural)
        same = (judge, template, question_id, turn, model)
        sample = self._samples[same]
        self._samples[same] += 1
        self.notes[AGAIN] += sample > 0
        self.answered.add(question_id)
        return [
            Judgment(
                protocol="single",
                judge=judge,
                judge_version="import",
                template=template,
                template_hash="import",
                mode="compat",
                question_id=question_id,
                turn=turn,
                model_a=model,
                presented_order="single",
                sample=sample,
                state="ok" if score is not None else "error" if text == FAILED else "unparsed",
                score_a=score,
                raw_text=text,
                created_at=created,
                meta=meta or None,
                position=ordinal,
                import_key=stable_id(record),
            )
        ]


def judged_by(value: Any) -> tuple[str, str]:
    """(judge, template) of ``["gpt-4", "single-v1"]``; a plain name has the template ``import``."""
    judge, template = judge_name(value)
    return judge, template or "import"


def turn_of(record: dict[str, Any], notes: Counter[str]) -> int:
    """``turn``, counted from 1; 1 with a note where there is none."""
    if record.get("turn") is None:
        notes["no turn given: taken as turn 1"] += 1
        return 1
    return fields.whole(record["turn"], "turn", least=1)


def grade(value: Any, field: str) -> float | None:
    """A grade; ``None`` for FastChat's −1.

    Raises:
        BadRecord: no finite number, nor text of one (``null``, words, NaN).
    """
    found = fields.optional_number(value, field)
    if found is None:
        raise BadRecord(f"must be a number (-1 = could not be read), not {fields.kind(value)}", field)
    return None if found == UNPARSED else found
