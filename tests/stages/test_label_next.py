"""What to label next: the design against brute force, and the stage on a store in every state of knowledge."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.stages.filling import add_answers, add_questions, all_rows
from workbench.annotate.items import load_keys
from workbench.errors import BadInput, Unknown
from workbench.pipeline import steps
from workbench.plan import read_plan
from workbench.records import Annotation, Judgment, Row, stable_id, utcnow
from workbench.select import SelectSpec, estimate_select, select
from workbench.select.design import Pairs, choose, groups, laplacian, learn, undecided
from workbench.stages import make_spec
from workbench.store import Store


def all_pairs(models: int, won: dict[tuple[int, int], float], games: dict[tuple[int, int], float]) -> Pairs:
    first, second = (side.astype(np.int64) for side in np.triu_indices(models, 1))
    keys = list(zip(first.tolist(), second.tolist(), strict=True))
    return Pairs(
        models, first, second, np.array([won.get(k, 0.0) for k in keys]), np.array([games.get(k, 0.0) for k in keys])
    )


# -- the design ------------------------------------------------------------------------------------


def test_each_gain_is_what_the_inverse_says() -> None:
    """Greedy gains against inverting the information anew, with the weights w of the design."""
    pairs = all_pairs(4, {(0, 1): 3, (1, 2): 2.5, (2, 3): 1}, {(0, 1): 4, (1, 2): 3, (2, 3): 3})
    known = learn(pairs, np.array([0.2, 0.0, -0.1, 0.3]), 1.5)
    from workbench.select.design import information

    weight = information(known, pairs.first, pairs.second)
    goal = undecided(known)
    plan = choose(known, pairs, np.full(6, 3), 12)
    precision = np.linalg.inv(known.covariance)
    taken = np.zeros(6, int)
    for pair, gain in zip(plan.pair, plan.gain, strict=True):
        best = -np.inf
        now = float((goal * np.linalg.inv(precision)).sum())
        for p in range(6):
            if taken[p] == 3:
                continue
            x = np.zeros(4)
            x[pairs.first[p]], x[pairs.second[p]] = 1.0, -1.0
            best = max(best, now - float((goal * np.linalg.inv(precision + weight[p] * np.outer(x, x))).sum()))
        assert gain == pytest.approx(best, abs=1e-12)
        x = np.zeros(4)
        x[pairs.first[pair]], x[pairs.second[pair]] = 1.0, -1.0
        precision += weight[pair] * np.outer(x, x)
        taken[pair] += 1
    assert plan.after == pytest.approx(np.linalg.inv(precision), abs=1e-12)


def test_strengths_are_the_most_likely_ones() -> None:
    pairs = all_pairs(3, {(0, 1): 6, (0, 2): 7.5}, {(0, 1): 8, (0, 2): 9})
    centre = np.array([0.5, 0.0, -0.5])
    known = learn(pairs, centre, 0.8)

    def loss(theta: Any) -> float:
        gap = theta[pairs.first] - theta[pairs.second]
        return float(
            (pairs.games * np.log1p(np.exp(gap)) - pairs.won * gap).sum() + ((theta - centre) ** 2).sum() / 2 / 0.8**2
        )

    for step in itertools.product((-1e-3, 0, 1e-3), repeat=3):
        assert loss(known.theta) <= loss(known.theta + np.array(step)) + 1e-12
    gap = known.theta[pairs.first] - known.theta[pairs.second]
    chance = 1 / (1 + np.exp(-gap))
    hessian = laplacian(3, pairs.first, pairs.second, pairs.games * chance * (1 - chance)) + np.eye(3) / 0.8**2
    assert known.covariance == pytest.approx(np.linalg.inv(hessian), abs=1e-9)


def test_models_nothing_links_come_first() -> None:
    pairs = all_pairs(6, {}, {(0, 1): 50, (2, 3): 50, (3, 4): 50})
    assert len(set(groups(pairs).tolist())) == 3
    plan = choose(learn(pairs, np.zeros(6), 2.0), pairs, np.full(15, 9), 10)
    linked = pairs.games.copy()
    linked[plan.pair[:2]] += 1
    assert len(set(groups(Pairs(6, pairs.first, pairs.second, linked, linked)).tolist())) == 1
    assert len(plan.pair) == 10


def test_close_neighbours_are_asked_about_more_than_far_models() -> None:
    won = {(0, 1): 10, (2, 3): 10, (0, 2): 20, (0, 3): 20, (1, 2): 20, (1, 3): 20}
    pairs = all_pairs(4, won, {(0, 1): 20, (2, 3): 20, (0, 2): 21, (0, 3): 21, (1, 2): 21, (1, 3): 21})
    plan = choose(learn(pairs, np.zeros(4), 2.0), pairs, np.full(6, 100), 60)
    n = Counter(zip(pairs.first[plan.pair].tolist(), pairs.second[plan.pair].tolist(), strict=True))
    assert min(n[0, 1], n[2, 3]) > max(n[0, 2], n[0, 3], n[1, 2], n[1, 3])


# -- the stage -------------------------------------------------------------------------------------

MODELS = ("a", "b", "c", "d")


def fill(store: Store, questions: int = 12, models: tuple[str, ...] = MODELS) -> dict[tuple[str, str], str]:
    add_questions(store, [f"question {i}" for i in range(questions)])
    add_answers(store, {m: [f"{m} says {i}" for i in range(questions)] for m in models})
    return {(r["question_id"], r["model_id"]): r["response_id"] for r in all_rows(store, "responses")}


def vote(ids: dict[tuple[str, str], str], question: str, a: str, b: str, verdict: str, **more: Any) -> Row:
    return Annotation(
        stable_id(question, a, b, verdict, sorted(more.items())), "ann", question, 1, a, b, "ab", verdict, utcnow(),
        response_a=ids[question, a], response_b=ids[question, b], **more,
    ).row()  # fmt: skip


def games(
    ids: dict[tuple[str, str], str], question: str, a: str, b: str, ab: str, ba: str, judge: str = "j", **more: Any
) -> list[Row]:
    return [
        Judgment(
            "pairwise", judge, "v", "t", "h", question, 1, a, order, b, ids[question, a], ids[question, b],
            verdict=verdict, **more,
        ).row()
        for order, verdict in (("ab", ab), ("ba", ba))
    ]  # fmt: skip


def selected(store: Store, name: str = "s", arm: str = "selected") -> list[Row]:
    return all_rows(store, f"selections WHERE name = '{name}' AND arm = '{arm}'", "rank, model_a, model_b")


def test_with_no_vote_and_no_verdict(store: Store) -> None:
    fill(store)
    spec = SelectSpec(method="label-next", items=18, control=2, name="s")
    assert estimate_select(store, spec).items == 18 + 6 * 2
    report = select(store, spec)
    rows = selected(store)
    assert [row["rank"] for row in rows] == list(range(1, 19))
    assert {(r["method"], r["metric"], r["k"], r["similarity"]) for r in rows} == {("label-next", "ranking", 18, None)}
    assert Counter((r["model_a"], r["model_b"]) for r in rows) == dict.fromkeys(itertools.combinations(MODELS, 2), 3)
    assert max(Counter(r["question_id"] for r in rows).values()) == 2, "18 items spread over 12 questions"
    scores = [r["score"] for r in rows]
    assert scores[3:] == sorted(scores[3:], reverse=True) and min(scores) > 0
    links = rows[:3]
    joined = Pairs(
        4, np.array([MODELS.index(r["model_a"]) for r in links]), np.array([MODELS.index(r["model_b"]) for r in links]),
        np.ones(3), np.ones(3),
    )  # fmt: skip
    assert len(set(groups(joined).tolist())) == 1, "the first items link all models"
    assert any("3 links come first" in note for note in report.notes)
    assert any("no verdict of a judge" in note for note in report.notes)
    control = selected(store, arm="control")
    assert {r["method"] for r in control} == {"random"} and len(control) == 12
    assert not {(r["response_a"], r["response_b"]) for r in control} & {
        (r["response_a"], r["response_b"]) for r in rows
    }


def test_the_same_call_gives_the_same_selection_and_annotators_get_it(store: Store) -> None:
    fill(store)
    spec = SelectSpec(method="label-next", items=8, control=1, name="s")
    first = select(store, spec)
    again = select(store, spec)
    assert (first.done, again.done, again.already) == (14, 0, 14)
    rows = selected(store)
    keys = list(load_keys(store, "ann", 1, rows[0]["selection_id"], None, None).values())
    assert len(keys) == 14
    order = [(k.question_id, k.model_a, k.model_b) for k in keys]
    ranks = [order.index((r["question_id"], r["model_a"], r["model_b"])) for r in rows]
    assert ranks == sorted(ranks), "the most telling item is put before annotators first"


def test_what_was_voted_on_is_not_asked_again(store: Store) -> None:
    ids = fill(store)
    # By answers, and as an imported vote without answers.
    one = vote(ids, "q3", "a", "b", "a")
    other = {**vote(ids, "q4", "a", "b", "b"), "response_a": None, "response_b": None, "annotation_id": "x"}
    skipped = vote(ids, "q5", "a", "b", "skip")
    store.insert("annotations", [one, other, skipped])
    report = select(store, SelectSpec(method="label-next", items=1000, name="s"))
    places = {r["question_id"] for r in selected(store) if (r["model_a"], r["model_b"]) == ("a", "b")}
    assert places == {f"q{i}" for i in range(12)} - {"q3", "q4"}
    notes = " | ".join(report.notes)
    assert "2 items left out: somebody voted on them" in notes and "only 70 items were left of 1,000" in notes
    select(store, SelectSpec(method="label-next", items=1000, name="o", overlap=True))
    assert len(selected(store, "o")) == 72


def test_votes_decide_where_to_look(store: Store) -> None:
    """a and b are level, c and d far below and level: those two orders are open, the others are not."""
    ids = fill(store, 60)
    rows = []
    for i in range(30):
        rows += [
            vote(ids, f"q{i}", "a", "b", "ab"[i % 2]), vote(ids, f"q{i}", "c", "d", "ab"[i % 2]),
            *(vote(ids, f"q{i}", x, y, "a" if i else "b") for x in "ab" for y in "cd"),
        ]  # fmt: skip
    store.insert("annotations", rows)
    report = select(store, SelectSpec(method="label-next", items=60, name="s"))
    n = Counter((r["model_a"], r["model_b"]) for r in selected(store))
    assert n["a", "b"] + n["c", "d"] > 30
    assert "links come first" not in " ".join(report.notes)


def test_judges_that_disagree(store: Store) -> None:
    ids = fill(store)
    rows = []
    for i in range(12):
        for a, b in itertools.combinations(MODELS, 2):
            swapped = i in (2, 7) and (a, b) == ("a", "b")
            rows += games(ids, f"q{i}", a, b, "a", "b" if swapped else "a")
            rows += games(ids, f"q{i}", a, b, "b" if i == 5 else "a", "b" if i == 5 else "a", judge="k")
    store.insert("judgments", rows)
    report = select(store, SelectSpec(method="label-next", goal="disagreement", items=8, name="s"))
    found = selected(store)
    assert {r["question_id"] for r in found[:6]} == {"q5"}
    assert [r["score"] for r in found] == pytest.approx([1.0] * 6 + [0.75] * 2)
    assert {(r["question_id"], r["model_a"], r["model_b"]) for r in found[6:]} == {("q2", "a", "b"), ("q7", "a", "b")}
    assert any("no random sample" in note for note in report.notes)
    select(store, SelectSpec(method="label-next", goal="disagreement", items=2, name="j", judges=("j",)))
    assert {(r["question_id"], r["score"]) for r in selected(store, "j")} == {("q2", 1.0), ("q7", 1.0)}
    select(store, SelectSpec(method="label-next", goal="both", items=3, name="both", models=("a", "b")))
    assert {r["question_id"] for r in selected(store, "both")} == {"q2", "q5", "q7"}


def test_probabilities_and_verdicts_over_two_games_count_as_doubt(store: Store) -> None:
    ids = fill(store, 4, ("a", "b"))
    sure = {"a": 0.98, "b": 0.01, "tie": 0.01}
    rows = games(ids, "q0", "a", "b", "a", "a", probabilities=sure)
    rows += games(ids, "q1", "a", "b", "a", "a", probabilities={"a": 0.55, "b": 0.45})
    rows += games(ids, "q2", "a", "b", "tie", "tie")
    both = Judgment("pairwise", "j", "v", "t", "h", "q3", 1, "a", "both", "b", verdict="tie", inconsistent=True).row()
    store.insert("judgments", [*rows, both])
    select(store, SelectSpec(method="label-next", goal="disagreement", items=4, name="s"))
    found = {r["question_id"]: r["score"] for r in selected(store)}
    assert found["q3"] == 1.0 and found["q2"] == 0.0
    assert found["q1"] == pytest.approx(4 * 0.55 * 0.45) and found["q0"] == pytest.approx(
        4 * (0.98 + 0.25 * 0.01 - 0.985**2)
    )


def test_disagreement_without_verdicts_draws_at_random_over_pairs(store: Store) -> None:
    fill(store)
    report = select(store, SelectSpec(method="label-next", goal="disagreement", items=12, name="s"))
    assert set(Counter((r["model_a"], r["model_b"]) for r in selected(store)).values()) == {2}
    assert any("drawn at random" in note for note in report.notes)


def test_errors_say_what_to_do(store: Store) -> None:
    ids = fill(store, 1, ("a", "b"))
    with pytest.raises(Unknown, match="unknown judge 'x'"):
        select(store, SelectSpec(method="label-next", judges=("x",)))
    with pytest.raises(Unknown, match="unknown goal"):
        select(store, SelectSpec(method="label-next", goal="rankings"))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="at least 1"):
        select(store, SelectSpec(method="label-next", items=0))
    store.insert("annotations", [vote(ids, "q0", "a", "b", "a")])
    with pytest.raises(BadInput, match="voted on every item") as caught:
        select(store, SelectSpec(method="label-next"))
    assert "--overlap" in (caught.value.hint or "")


def test_two_models_on_different_questions(store: Store) -> None:
    add_questions(store, ["one", "two"])
    add_answers(store, {"a": ["x", None], "b": [None, "y"]})
    with pytest.raises(BadInput, match="no two models"):
        select(store, SelectSpec(method="label-next"))


def test_tens_of_thousands_of_candidates_take_seconds(store: Store) -> None:
    """10 models × 1,000 questions: 45,000 candidates, 900 picks."""
    models = tuple(f"m{i}" for i in range(10))
    fill(store, 1000, models)
    began = time.monotonic()
    report = select(store, SelectSpec(method="label-next", top_k=20, name="s"))
    assert report.done == 900
    assert time.monotonic() - began < 8


def test_a_plan_can_ask_for_it_without_similarities(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('models = ["a", "b"]\n[select]\nmethod = "label-next"\ngoal = "both"\nitems = 5\njudges = ["j"]\n')
    kind, values = list(steps(read_plan(path)))[-1]
    spec = make_spec(kind, values)
    assert (spec.method, spec.goal, spec.items, spec.judges) == ("label-next", "both", 5, ("j",))
    assert spec.shown_name == "label-next-both-n5-j"
