"""Answers that a file gives, as rows of the store: what the formats that bring answers have in common.

An answer's ``params_hash`` is ``import:`` (``reference:`` for reference answers) and a hash of its text, so that a
changed file adds new answers and leaves the old ones. A blank answer is a failure, kept as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from workbench.importing.converting import Converter
from workbench.records import Response, stable_id

#: The error of a blank answer, and the warning that counts them.
EMPTY = "empty answer"


def is_blank(turns: Sequence[str]) -> bool:
    """Whether nothing stands in any turn."""
    return not any(turn.strip() for turn in turns)


def text_hash(turns: Sequence[str], *, prefix: str = "import:") -> str:
    """``params_hash`` of an answer whose file does not say how it was made."""
    return prefix + stable_id(*turns)[:16]


def imported_answer(
    question_id: str,
    model: str,
    turns: Sequence[str],
    created: datetime,
    *,
    params: dict[str, Any],
    prefix: str = "import:",
    **more: Any,
) -> Response:
    """An answer of a file; ``more`` are further columns (``sample``, ``reasoning``, ``finish_reason``)."""
    blank = is_blank(turns)
    return Response(
        question_id=question_id,
        model_id=model,
        turns=tuple(turns),
        params_hash=text_hash(turns, prefix=prefix),
        state="error" if blank else "ok",
        error=EMPTY if blank else None,
        params=params,
        created_at=created,
        **more,
    )


class AnswerFile(Converter):
    """Base of the formats with one line a question, of which the last counts where there are several."""

    def __post_init__(self) -> None:
        self._last: dict[str, int] = {}

    def see_answers(self, ordinal: int, question_id: str, model: str) -> None:
        """Note that a line answers a question: one before it is replaced."""
        before = self._last.get(question_id)
        if before is not None:
            self.superseded.add(before)
            self.notes["replaced by a later line for the same question"] += 1
        self._last[question_id] = ordinal
        self.answered.add(question_id)
        self.models.add(model)
