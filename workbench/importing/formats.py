"""Names of the formats that can be imported, and what they are: light enough for ``--help``."""

from __future__ import annotations

from workbench.errors import Unknown

#: Format name → one line of help.
FORMATS: dict[str, str] = {
    "fastchat-questions": "FastChat question.jsonl: question_id, category, turns, optional reference",
    "fastchat-answers": "FastChat model_answer/MODEL.jsonl and reference_answer/MODEL.jsonl: question_id, choices",
    "fastchat-votes": "FastChat, Arena or MAD-Eval votes: model_a, model_b, winner, judge (JSON list or JSON lines)",
    "generic-questions": "questions by column name (question/prompt/instruction/turns): JSON lines, CSV, Parquet",
    "generic-responses": "answers by column name (answer/response/output and model): JSON lines, CSV, Parquet",
}

#: Order of import: what others refer to comes first.
RANK = {
    "fastchat-questions": 0,
    "generic-questions": 1,
    "fastchat-answers": 2,
    "generic-responses": 3,
    "fastchat-votes": 4,
}


def checked_format(name: str) -> str:
    """The format of this name; underscores and case do not matter.

    Raises:
        Unknown: there is no such format.
    """
    found = name.strip().lower().replace("_", "-")
    if found not in FORMATS:
        raise Unknown("format", name, FORMATS, hint="formats: " + ", ".join(FORMATS))
    return found
