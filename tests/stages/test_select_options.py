"""Metrics and their versions, quotas, λ across pairs, and requests that cannot be met."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.stages.filling import add_answers, add_questions, all_rows
from tests.stages.selecting import (
    LONG,
    add_categorised,
    fill,
    newest,
    picked,
    put_similarities,
    spread_scores,
)
from workbench.errors import BadInput, Unknown
from workbench.select import SelectSpec, estimate_select, select
from workbench.select.spec import parse_quotas
from workbench.similarity import SimilaritySpec, similarity
from workbench.store import Store

PAIR = ("a", "b")
OWN = SelectSpec(metric="own", name="s")


def scores(values: list[float]) -> dict[tuple[str, str], dict[int, float]]:
    return {PAIR: dict(enumerate(values))}


def test_any_metric_and_versions_are_never_mixed(store: Store) -> None:
    fill(store, "ab", 4)
    put_similarities(store, scores([0.4, 0.3, 0.2, 0.1]), "bertscore-f1", "deberta L40")
    select(store, SelectSpec(metric="bertscore-f1", name="f", top_k=2))
    assert picked(store, "f")[PAIR] == ["q3", "q2"]
    select(store, SelectSpec(metric="bertscore", name="short", top_k=2))  # the usual word for it
    assert picked(store, "short")[PAIR] == ["q3", "q2"]
    put_similarities(store, scores([0.1, 0.2]), "bertscore-f1", "roberta L17")
    with pytest.raises(BadInput, match="2 versions") as caught:
        select(store, SelectSpec(metric="bertscore-f1", name="f2"))
    assert "deberta L40" in caught.value.message and "--metric-version" in (caught.value.hint or "")
    report = select(store, SelectSpec(metric="bertscore-f1", metric_version="roberta", name="r"))
    assert picked(store, "r")[PAIR] == ["q0", "q1"] and "2 items left out: not compared" in " ".join(report.notes)
    assert {row["metric_version"] for row in newest(store, "r")} == {"roberta L17"}
    with pytest.raises(Unknown, match="version of bertscore-f1"):
        select(store, SelectSpec(metric="bertscore-f1", metric_version="xlnet"))
    with pytest.raises(BadInput, match="there are similarities by other"):
        put_similarities(store, scores([0.1]), "embedding", "other")
        select(store, SelectSpec(name="e"))
    select(store, SelectSpec(name="e", metric_version="other"))
    assert picked(store, "e")[PAIR] == ["q0"]


@pytest.mark.parametrize("mode", ["corrected", "compat"])
def test_what_a_judge_left_unreadable_sorts_last(store: Store, mode: str) -> None:
    """In corrected mode whatever λ is: at λ = 40 an instruction's unlikeness would outweigh 2.0."""
    add_questions(store, ["the same words", "the same words", "the same words", "something else entirely"])
    add_answers(store, {"a": [LONG] * 4, "b": [LONG] * 4})
    put_similarities(store, scores([0.1, 0.9, 0.8, 2.0]), "judge", "v")
    select(store, SelectSpec(metric="judge", name="plain", mode=mode))  # type: ignore[arg-type]
    assert picked(store, "plain")[PAIR] == ["q0", "q2", "q1", "q3"]
    report = select(store, SelectSpec(metric="judge", name="spread", mode=mode, diversity=40.0))  # type: ignore[arg-type]
    last = 3 if mode == "corrected" else 1
    assert picked(store, "spread")[PAIR].index("q3") == last
    assert "1 item picked though the judge's similarity could not be read" in " ".join(report.notes)
    assert [row["similarity"] for row in newest(store, "spread")][last] == 2.0


def test_all_equal_and_more_wanted_than_there_are(store: Store) -> None:
    fill(store, "ab", 6)
    put_similarities(store, scores([0.5] * 4))
    report = select(store, OWN)
    assert picked(store, "s")[PAIR] == ["q0", "q1", "q2", "q3"]
    notes = " ".join(report.notes)
    assert "1 pair of models had fewer than 10 items left: all are taken" in notes
    assert "all similarities are equal, so that file order decided" in notes
    assert "2 items left out: not compared yet" in notes


def test_models_with_different_questions(store: Store) -> None:
    add_questions(store, [f"q{i}" for i in range(6)])
    add_answers(store, {"a": [LONG] * 4, "b": [LONG] * 6})
    rows = [None] * 4 + [LONG] * 2
    add_answers(store, {"c": rows})
    put_similarities(store, {PAIR: dict.fromkeys(range(4), 0.5), ("b", "c"): dict.fromkeys((4, 5), 0.4)})
    report = select(store, replace(OWN, diversity=0.2, across=True))
    assert {pair: len(some) for pair, some in picked(store, "s").items()} == {PAIR: 4, ("b", "c"): 2}
    assert "1 pair of models answered no question in common: a and c" in " ".join(report.notes)


def test_across_pairs_spreads_over_all_of_them(store: Store) -> None:
    fill(store, "abc", 12)
    same = dict(enumerate(i / 1000 for i in range(12)))  # every pair would pick the same questions
    put_similarities(store, dict.fromkeys((("a", "b"), ("a", "c"), ("b", "c")), same))
    spec = replace(OWN, top_k=3, diversity=0.5)
    select(store, spec)
    alone = picked(store, "s")
    assert len({tuple(some) for some in alone.values()}) == 1
    select(store, replace(spec, name="x", across=True))
    spread = [question for some in picked(store, "x").values() for question in some]
    assert len(set(spread)) == 9 and picked(store, "x")["a", "b"][0] == "q0"
    with pytest.raises(BadInput, match="no effect without λ"):
        select(store, replace(OWN, across=True))


def test_quotas_and_what_they_lack(store: Store) -> None:
    add_categorised(store, ["math", "math", "code", "math", None, "code", "math", None])
    add_answers(store, {"a": [LONG] * 8, "b": [LONG] * 8})
    put_similarities(store, scores([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]))
    spec = replace(OWN, quota=("math=3", "code=3"))
    assert estimate_select(store, spec).items == 5
    report = select(store, spec)
    assert picked(store, "s")[PAIR] == ["q0", "q1", "q2", "q3", "q5"]
    assert "quota of code unfilled: 1 item short over 1 pair of models" in report.notes
    assert {row["k"] for row in newest(store, "s")} == {6}
    select(store, replace(OWN, name="each", per_category=1, diversity=0.1))
    assert sorted(picked(store, "each")[PAIR]) == ["q0", "q2", "q4"]
    with pytest.raises(Unknown, match="category 'maths'"):
        select(store, replace(OWN, name="t", quota=("maths=3",)))


def test_quotas_are_read_or_refused() -> None:
    assert parse_quotas(("math=3", "a=b = 2")) == {"math": 3, "a=b": 2}
    for wrong in (
        ("math",),
        ("math=",),
        ("=3",),
        ("math=0",),
        ("math=-1",),
        ("math=x",),
        ("math=1", "math=2"),
        ("m=²",),
    ):
        with pytest.raises(BadInput):
            parse_quotas(wrong)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"per_category": 0}, "at least 1"),
        ({"per_category": 2, "quota": ("a=1",)}, "goes without per_category"),
        ({"method": "label-next", "across": True}, "is for method mad"),
        ({"method": "mad-judges"}, "two different judges"),
        ({"method": "mad-judges", "judges": ("j", "j")}, "two different judges"),
        ({"method": "mad-judges", "judges": ("i", "j"), "control": 2}, "no such option"),
        ({"diversity": float("inf")}, "0 or more"),
        ({"diversity": float("nan")}, "0 or more"),
    ],
)
def test_options_that_do_not_go_together(store: Store, options: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        select(store, SelectSpec(**options))  # type: ignore[arg-type]


def test_nothing_is_written_when_it_fails(store: Store) -> None:
    fill(store, "ab", 3)
    for spec in (SelectSpec(), OWN, replace(OWN, models=("a", "z"))):
        with pytest.raises((BadInput, Unknown)):
            select(store, spec)
    put_similarities(store, scores([0.5] * 3))
    with pytest.raises(Unknown):
        select(store, replace(OWN, diversity=0.1, embedder="none"))
    assert all_rows(store, "selections") == []


def test_names_of_selections_made_without_options_kept(store: Store) -> None:
    """Made by an earlier version: what its columns say is compared."""
    fill(store, "ab", 4)
    put_similarities(store, scores([0.1, 0.2, 0.3, 0.4]))
    select(store, replace(OWN, top_k=2))
    rows = [{**row, "options": None, "selection_id": "old", "name": "old"} for row in newest(store, "s")]
    store.insert("selections", rows)
    with pytest.raises(BadInput, match="k 2, now 3"):
        select(store, replace(OWN, name="old", top_k=3))
    select(store, SelectSpec(extend="old", top_k=3))
    assert picked(store, "old")[PAIR] == ["q0", "q1", "q2"]


def test_with_a_real_encoder_the_order_of_models_does_not_matter(store: Store) -> None:
    fill(store, "cab", 8)
    similarity(store, SimilaritySpec())
    select(store, SelectSpec(name="s", top_k=3, diversity=0.3))
    select(store, SelectSpec(name="t", top_k=3, diversity=0.3, models=("c", "b", "a")))
    assert picked(store, "s") == picked(store, "t")
    put_similarities(store, spread_scores("abc", 8))
    select(store, replace(OWN, name="o", diversity=0.3, top_k=2))
    assert len(picked(store, "o")) == 3
