"""Adding to a selection: K and models later; what was chosen and voted on stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.stages.filling import add_answers, all_rows
from tests.stages.selecting import LONG, fill, newest, picked, put_similarities, spread_scores
from workbench.annotate import Session
from workbench.errors import BadInput, Unknown
from workbench.records import utcnow
from workbench.select import SelectSpec, estimate_select, select
from workbench.store import Store

N = 24
BASE = SelectSpec(metric="own", name="s", top_k=3, control=2)


@pytest.mark.parametrize("more", [{}, {"diversity": 0.4}, {"diversity": 0.4, "across": True}])
def test_k_later_is_k_at_once(store: Store, more: dict[str, object]) -> None:
    fill(store, "abc", N)
    put_similarities(store, spread_scores("abc", N))
    spec = replace(BASE, **more)  # type: ignore[arg-type]
    select(store, spec)
    first, control = picked(store, "s"), picked(store, "s", "control")
    longer = SelectSpec(extend="s", top_k=8, control=4)
    # An item of the control arm that is selected now is in both arms, and others are drawn.
    assert estimate_select(store, longer).items == 3 * (5 + 2)
    report = select(store, longer)
    assert "15 items kept" in " ".join(report.notes)
    select(store, replace(spec, name="once", top_k=8, control=4))
    assert picked(store, "s") == picked(store, "once")
    for pair, some in picked(store, "s").items():
        assert some[:3] == first[pair]
        arm = picked(store, "s", "control")[pair]
        assert arm[:2] == control[pair] and len(set(arm)) == 4 and not set(arm[2:]) & set(some)
    again = select(store, longer)
    assert (again.done, again.already) == (0, 36)
    assert len({row["selection_id"] for row in all_rows(store, "selections WHERE name = 's'")}) == 2


def test_models_later_add_only_their_pairs(store: Store) -> None:
    fill(store, "ac", N)
    put_similarities(store, spread_scores("ac", N))
    select(store, BASE)
    before = newest(store, "s")
    add_answers(store, {"b": [LONG] * N})
    put_similarities(store, {pair: some for pair, some in spread_scores("abc", N, 1).items() if "b" in pair})
    assert estimate_select(store, SelectSpec(extend="s")).items == 10
    select(store, SelectSpec(extend="s"))
    now = newest(store, "s")
    shared = ("arm", "model_a", "model_b", "rank", "question_id", "response_a", "response_b", "score", "similarity")
    old = [{name: row[name] for name in shared} for row in now if (row["model_a"], row["model_b"]) == ("a", "c")]
    assert old == [{name: row[name] for name in shared} for row in before]
    assert {pair: len(some) for pair, some in picked(store, "s").items()} == dict.fromkeys(
        [("a", "b"), ("a", "c"), ("b", "c")], 3
    )


def test_models_that_were_left_out_stay_out_unless_named(store: Store) -> None:
    fill(store, "abc", N)
    put_similarities(store, spread_scores("abc", N))
    select(store, replace(BASE, models=("a", "b")))
    select(store, SelectSpec(extend="s", top_k=4))
    assert list(picked(store, "s")) == [("a", "b")]
    select(store, SelectSpec(extend="s", models=("c",)))
    assert {pair: len(some) for pair, some in picked(store, "s").items()} == dict.fromkeys(
        [("a", "b"), ("a", "c"), ("b", "c")], 4
    )


def test_nothing_is_asked_twice(store: Store) -> None:
    fill(store, "ab", N)
    put_similarities(store, spread_scores("ab", N))
    select(store, BASE)
    session = Session(store, "ann", selection="s")
    first = session.next_items(2)
    for item in first:
        session.record(item, "left", utcnow())
    select(store, SelectSpec(extend="s", top_k=6))
    longer = Session(store, "ann", selection="s")
    progress = longer.progress()
    assert (progress.done, progress.total) == (2, len({row["question_id"] for row in newest(store, "s")}))
    left = {item.question_id for item in longer.next_items(20)}
    assert not left & {item.question_id for item in first}
    assert len(left) == progress.total - 2


def test_answers_replaced_since_leave_what_was_chosen(store: Store) -> None:
    from workbench.records import Response

    fill(store, "ab", N)
    put_similarities(store, spread_scores("ab", N))
    select(store, BASE)
    before = [row["response_a"] for row in newest(store, "s")]
    chosen = picked(store, "s")["a", "b"][0]
    store.insert("responses", [Response(chosen, "a", (LONG + " anew",), "import:test", attempt=2).row()])
    select(store, SelectSpec(extend="s", top_k=5))
    rows = newest(store, "s")
    assert set(before) <= {row["response_a"] for row in rows}
    assert [row["question_id"] for row in rows].count(chosen) == 1


def test_quotas_can_grow(store: Store) -> None:
    from tests.stages.selecting import add_categorised

    add_categorised(store, ["math", "code"] * 8)
    add_answers(store, {"a": [LONG] * 16, "b": [LONG] * 16})
    put_similarities(store, spread_scores("ab", 16))
    select(store, SelectSpec(metric="own", name="s", quota=("math=1",)))
    first = picked(store, "s")["a", "b"]
    select(store, SelectSpec(extend="s", quota=("math=2", "code=3")))
    now = picked(store, "s")["a", "b"]
    assert now[:1] == first and len(now) == 5
    assert sum(int(question[1:]) % 2 == 0 for question in now) == 2
    for wrong, words in (
        ({"top_k": 5}, "quotas"),
        ({"per_category": 4}, "other kind"),
        ({"quota": ("math=1",)}, "2 al"),
    ):
        with pytest.raises(BadInput, match=words):
            select(store, SelectSpec(extend="s", **wrong))  # type: ignore[arg-type]


def test_what_cannot_be_extended(store: Store) -> None:
    fill(store, "ab", N)
    put_similarities(store, spread_scores("ab", N))
    select(store, BASE)
    for wrong, words in (
        ({"top_k": 2}, "has 3 already"),
        ({"control": 1}, "has 2 already"),
        ({"diversity": 0.5}, "was made with 0.0"),
        ({"mode": "compat"}, "was made with corrected"),
        ({"metric": "rouge-l"}, "was made with own"),
        ({"bench": "b"}, "was made with None"),
        ({"per_category": 2}, "K for each pair"),
        ({"name": "t"}, "keeps its name"),
        ({"method": "label-next"}, "is for method mad"),
    ):
        with pytest.raises(BadInput, match=words):
            select(store, SelectSpec(extend="s", **wrong))  # type: ignore[arg-type]
    with pytest.raises(Unknown, match="selection 'none'"):
        select(store, SelectSpec(extend="none"))
    select(store, SelectSpec(method="label-next", items=3, name="l"))
    with pytest.raises(BadInput, match="made by label-next"):
        select(store, SelectSpec(extend="l"))
    assert select(store, SelectSpec(extend="s")).done == 0  # nothing new, nothing written


def test_the_embedder_must_be_the_one_it_was(store: Store) -> None:
    fill(store, "ab", N)
    put_similarities(store, spread_scores("ab", N))
    select(store, replace(BASE, diversity=0.3))
    store.insert(
        "selections",
        [
            {
                **row,
                "options": {**_options(row), "embedder_version": "hashing:old"},
                "name": "old",
                "selection_id": "old",
            }
            for row in newest(store, "s")
        ],
    )
    with pytest.raises(BadInput, match="spread by hashing:old"):
        select(store, SelectSpec(extend="old", top_k=5))


def _options(row: dict[str, object]) -> dict[str, object]:
    import json

    return dict(json.loads(str(row["options"])))
