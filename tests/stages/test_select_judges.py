"""MAD over judges: gaps by verdicts and probabilities, the greedy choice, and what annotators get."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stages.filling import add_answers, add_questions, all_rows
from tests.stages.selecting import LONG, newest
from workbench.annotate import Session
from workbench.errors import BadInput, Unknown
from workbench.records import Judgment, utcnow
from workbench.select import SelectSpec, estimate_select, select
from workbench.store import Store

MODELS = ("a", "b", "c")
SPEC = SelectSpec(method="mad-judges", judges=("j", "k"), name="s")


def fill(store: Store, n: int = 6) -> dict[tuple[str, str], str]:
    add_questions(store, [f"question {i}" for i in range(n)])
    add_answers(store, {model: [f"{LONG} {model} {i}" for i in range(n)] for model in MODELS})
    return {(r["question_id"], r["model_id"]): r["response_id"] for r in all_rows(store, "responses")}


def games(
    store: Store, ids: dict[tuple[str, str], str], judge: str, question: int, verdicts: str,
    pair: tuple[str, str] = ("a", "b"), chances: list[dict[str, float]] | None = None, state: str = "ok", **more: Any,
) -> None:  # fmt: skip
    """Two games: their verdicts, mapped back to the models, as two letters of a, b, t."""
    words = {"a": "a", "b": "b", "t": "tie"}
    q = f"q{question}"
    store.insert(
        "judgments",
        [
            Judgment(
                "pairwise", judge, "1", "t", "h", q, more.get("turn", 1), pair[0], order, pair[1], ids[q, pair[0]],
                ids[q, pair[1]], state=state, verdict=words[letter] if state == "ok" else None,
                probabilities=chances[i] if chances else None,
            ).row()
            for i, (order, letter) in enumerate(zip(("ab", "ba"), verdicts, strict=True))
        ],
    )  # fmt: skip


def test_the_most_contested_first_ties_in_file_order(store: Store) -> None:
    ids = fill(store)
    for question, one, two in ((0, "aa", "aa"), (1, "aa", "tt"), (2, "aa", "bb"), (3, "ab", "aa"), (4, "bb", "aa")):
        games(store, ids, "j", question, one)
        games(store, ids, "k", question, two)
    games(store, ids, "j", 5, "aa")  # only one of them
    games(store, ids, "j", 2, "bb", ("a", "c"))
    games(store, ids, "k", 2, "at", ("a", "c"))
    assert estimate_select(store, SPEC).items == 5
    report = select(store, SPEC)
    rows = sorted(newest(store, "s"), key=lambda row: row["rank"])
    assert [(row["question_id"], row["model_b"], round(1 - row["score"], 6)) for row in rows] == [
        ("q2", "b", 1.0), ("q4", "b", 1.0), ("q2", "c", 0.75), ("q1", "b", 0.5), ("q3", "b", 0.5),
    ]  # fmt: skip
    assert {(row["method"], row["metric"], row["metric_version"], row["k"]) for row in rows} == {
        ("mad-judges", "disagreement", "j · k", 10)
    }
    notes = " ".join(report.notes)
    assert "5 of 6 common items contested; all 5 taken, fewer than 10" in notes and "0.50 to 1.00 apart" in notes
    again = select(store, SPEC)
    assert (again.done, again.already) == (0, 5)


def test_probabilities_count_where_they_are_given(store: Store) -> None:
    ids = fill(store)
    sure, torn = {"a": 0.98, "b": 0.01, "tie": 0.01}, {"a": 0.5, "b": 0.4, "tie": 0.1}
    games(store, ids, "j", 0, "aa", chances=[sure, sure])
    games(store, ids, "k", 0, "aa", chances=[torn, sure])
    games(store, ids, "j", 1, "aa", chances=[sure, sure])
    games(store, ids, "k", 1, "aa")
    games(
        store, ids, "j", 2, "aa", chances=[{"a": 2.0, "b": 2.0}, {"a": -1.0, "b": 1.0}]
    )  # made to sum to 1; senseless
    games(store, ids, "k", 2, "aa")
    select(store, SPEC)
    found = {row["question_id"]: 1 - row["score"] for row in newest(store, "s")}
    assert found == pytest.approx({"q0": 0.985 - (0.55 + 0.985) / 2, "q1": 0.015, "q2": 0.25})


def test_only_what_both_could_decide_in_both_orders(store: Store) -> None:
    ids = fill(store)
    games(store, ids, "j", 0, "aa")
    games(store, ids, "k", 0, "bb", state="unparsed")
    with pytest.raises(BadInput, match="no two of j, k judged the same pair"):
        select(store, SPEC)
    games(store, ids, "j", 1, "aa")
    games(store, ids, "k", 1, "aa")
    with pytest.raises(BadInput, match="agree on everything"):
        select(store, SPEC)
    with pytest.raises(Unknown, match="judge 'z'"):
        select(store, SelectSpec(method="mad-judges", judges=("j", "z")))
    assert all_rows(store, "selections") == []


def test_three_judges_by_pairs_and_an_item_is_there_once(store: Store) -> None:
    ids = fill(store)
    for question, verdicts in ((0, ("aa", "bb", "bb")), (1, ("aa", "at", "aa")), (2, ("tt", "tt", "aa"))):
        for judge, said in zip("jkl", verdicts, strict=True):
            games(store, ids, judge, question, said)
    report = select(store, SelectSpec(method="mad-judges", judges=("j", "k", "l"), name="s", top_k=1))
    rows = sorted(newest(store, "s"), key=lambda row: row["rank"])
    assert [(row["question_id"], row["metric_version"]) for row in rows] == [("q0", "j · k; j · l"), ("q2", "k · l")]
    assert "1 item counted once though" in " ".join(report.notes)
    session = Session(store, "ann", selection="s")
    assert [item.question_id for item in session.next_items(5)] == ["q0", "q2"]
    session.record(session.next_items()[0], "left", utcnow())
    assert session.progress().done == 1


def test_turns_are_averaged_and_lambda_spreads(store: Store) -> None:
    add_questions(store, [["the same", "x"], ["the same", "x"], ["something quite different", "x"]])
    add_answers(store, {model: [[LONG, LONG]] * 3 for model in MODELS})
    ids = {(r["question_id"], r["model_id"]): r["response_id"] for r in all_rows(store, "responses")}
    for question in range(3):
        for turn, said in ((1, "bb"), (2, "aa" if question == 2 else "bb")):
            games(store, ids, "j", question, "aa", turn=turn)
            games(store, ids, "k", question, said, turn=turn)
    select(store, SPEC)
    rows = sorted(newest(store, "s"), key=lambda row: row["rank"])
    assert [(row["question_id"], row["score"]) for row in rows] == [("q0", 0.0), ("q1", 0.0), ("q2", 0.5)]
    select(store, SelectSpec(method="mad-judges", judges=("j", "k"), name="d", diversity=2.0))
    rows = sorted(newest(store, "d"), key=lambda row: row["rank"])
    assert [row["question_id"] for row in rows] == ["q0", "q2", "q1"]
