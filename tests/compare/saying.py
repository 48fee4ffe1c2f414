"""Stored verdicts and grades to compare, and fake judges whose ways are known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.rate.db import later
from tests.stages.filling import add_answers, add_questions
from workbench.compare.comparison import Comparison, compare_judges
from workbench.compare.figures import Figure
from workbench.compare.spec import CompareSpec
from workbench.records import Judgment, Response
from workbench.store import Store

Body = dict[str, Any]
WORDS = {"a": "a", "b": "b", "t": "tie", "-": None}


def fill(store: Store, questions: int, models: Sequence[str] = ("m-a", "m-b")) -> None:
    """Questions q0, q1, …; each model's answers are longer than those of the one before."""
    add_questions(store, [f"question {i}" for i in range(questions)])
    add_answers(store, {m: [f"{m} " * (3 * k + 2) for _ in range(questions)] for k, m in enumerate(models)})


def answer(question: int, model: str) -> str:
    return Response(f"q{question}", model, (), "import:test").response_id


def verdicts(judge: str, letters: str, models: tuple[str, str] = ("m-a", "m-b"), **over: Any) -> list[dict[str, Any]]:
    """Both games of a judge on q0, q1, …, one letter a pair: a, b, t (tie), - (unparsed), or i: the answer shown first
    wins both games."""
    rows = []
    for i, letter in enumerate(letters):
        for order in ("ab", "ba"):
            said = ("a" if order == "ab" else "b") if letter == "i" else WORDS[letter]
            given: dict[str, Any] = {
                "protocol": "pairwise", "judge": judge, "judge_version": "v", "template": "t", "template_hash": "h",
                "question_id": f"q{i}", "turn": 1, "model_a": models[0], "model_b": models[1],
                "response_a": answer(i, models[0]), "response_b": answer(i, models[1]), "presented_order": order,
                "verdict": said, "state": "ok" if said else "unparsed", "created_at": later(0),
            }  # fmt: skip
            rows.append(Judgment(**{**given, **over}).row())
    return rows


def grades(judge: str, scores: Mapping[str, Sequence[float | None]], **over: Any) -> list[dict[str, Any]]:
    """A judge's grades by model of its answers to q0, q1, …"""
    rows = []
    for model, of_model in scores.items():
        for i, score in enumerate(of_model):
            given: dict[str, Any] = {
                "protocol": "single", "judge": judge, "judge_version": "v", "template": "t", "template_hash": "h",
                "question_id": f"q{i}", "turn": 1, "model_a": model, "response_a": answer(i, model),
                "presented_order": "single", "score_a": score, "state": "ok" if score is not None else "unparsed",
                "created_at": later(0),
            }  # fmt: skip
            rows.append(Judgment(**{**given, **over}).row())
    return rows


def spec(*judges: str, **over: Any) -> CompareSpec:
    """A comparison of what is stored, with few rounds."""
    n = len(judges)
    given: dict[str, Any] = {
        "protocols": (over.pop("protocol", "pairwise-all"),) * n, "templates": (None,) * n, "outputs": (None,) * n,
        "run": False, "rounds": 200,
    }  # fmt: skip
    return CompareSpec(judges, **{**given, **over})


def compare(store: Store, *judges: str, **over: Any) -> Comparison:
    return compare_judges(store, spec(*judges, **over))


def figure(
    found: Comparison, measure: str, side: str, against: str | None = None, section: str | None = None
) -> Figure:
    """The one figure of this name."""
    matching = [
        f for f in found.figures
        if (f.measure, f.side, f.against) == (measure, side, against) and section in (None, f.section)
    ]  # fmt: skip
    (one,) = matching
    return one


def first_wins(body: Body) -> str:
    """A judge that looks at the place alone."""
    return "The first. [[A]]"


def longer_wins(body: Body) -> str:
    """A judge that looks at the length alone, whatever the order; the answers of ``fill`` repeat their model's name."""
    text = str(body["messages"][-1]["content"])
    blocks = re.findall(r"m-\w(?: m-\w)*", text)
    a, b = len(blocks[-2]), len(blocks[-1])
    return "[[A]]" if a > b else "[[B]]" if b > a else "[[C]]"
