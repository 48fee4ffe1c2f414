"""Small files of every format, written by the tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def lines(path: Path, records: Iterable[Any]) -> Path:
    """JSON lines; text goes in as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records), "utf-8")
    return path


def question(number: int, *turns: str, **more: Any) -> dict[str, Any]:
    return {"question_id": number, "category": "writing", "turns": list(turns or ("First?", "Second?")), **more}


def answer(number: int, *turns: str, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "turns": list(turns or ("One.", "Two."))}]
    return {"question_id": number, "answer_id": f"a{number}", "model_id": "m", "choices": choices, **more}


def vote(number: int, a: str, b: str, winner: str = "model_a", judge: Any = "expert_1", **more: Any) -> dict[str, Any]:
    return {
        "question_id": number, "model_a": a, "model_b": b, "winner": winner, "judge": judge, "turn": 1, **more,
    }  # fmt: skip


def bench(folder: Path) -> Path:
    """A FastChat bench: two questions, answers of two models, one reference answer."""
    lines(folder / "question.jsonl", [question(81, reference=["", "42"], difficulty="easy"), question(82, "Only?")])
    lines(
        folder / "model_answer" / "vicuna-7b-v1.5.jsonl",
        [answer(81, model_id="vicuna-7b-v1.5", tstamp=1.7e9), answer(82, "Yes.", model_id="vicuna-7b-v1.5")],
    )
    lines(
        folder / "model_answer" / "gpt-4.jsonl",
        [answer(81, "Uno.", "Due.", model_id="gpt-4", tstamp=1700000000.123456)],
    )
    lines(folder / "reference_answer" / "gpt-4.jsonl", [answer(81, "Right 1.", "Right 2.", model_id="gpt-4")])
    return folder
