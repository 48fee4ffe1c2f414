"""The annotation session over a real store: mapping, resume, undo, journal, two annotators."""

from __future__ import annotations

import json

import pytest

from tests.screens.rows import MODELS, fill
from workbench.annotate import Journal, Session, replay
from workbench.errors import BadInput, StoreError, Unknown
from workbench.records import utcnow
from workbench.store import Store

ALL = "SELECT * FROM annotations ORDER BY decided_at"


def votes(store: Store) -> list[dict]:
    return store.sql(ALL).dicts()


def test_verdicts_are_mapped_back_to_the_models(store: Store) -> None:
    fill(store, questions=40)
    session = Session(store, "ann")
    orders = set()
    for item in session.next_items(40):
        orders.add(item.key.presented_order)
        session.record(item, "left", utcnow())
    assert orders == {"ab", "ba"}  # 1 in 2^39 that chance gives one order only
    rows = votes(store)
    assert len(rows) == 40
    for row in rows:
        assert (row["model_a"], row["model_b"]) == tuple(sorted(MODELS))
        assert row["verdict"] == row["presented_order"][0]
    texts = {r["response_id"]: r["model_id"] for r in store.sql("SELECT response_id, model_id FROM responses").dicts()}
    assert all(texts[r["response_a"]] == r["model_a"] and texts[r["response_b"]] == r["model_b"] for r in rows)


def test_left_is_the_text_of_the_model_shown_left(store: Store) -> None:
    fill(store, questions=20, text=lambda q, model, t: f"{model} says {q}")
    for item in Session(store, "ann").next_items(20):
        assert item.left[0].startswith(item.left_model)
        assert item.right[0].startswith(item.right_model)


def test_rank_one_of_every_pair_comes_first(store: Store) -> None:
    fill(store, questions=3, models=("m1", "m2", "m3"))
    items = Session(store, "ann").next_items(9)
    assert [item.question_id for item in items] == ["q000"] * 3 + ["q001"] * 3 + ["q002"] * 3


def test_a_session_continues_and_keeps_the_order(store: Store) -> None:
    fill(store, questions=6)
    first = Session(store, "ann")
    items = first.next_items(6)
    first.record(items[0], "tie", utcnow())
    first.record(items[1], "skip", utcnow())
    again = Session(store, "ann")
    assert again.next_items(10) == items[2:]
    assert again.progress().done == 2
    assert again.skipped() == [items[1].question_id]
    assert Session(store, "bob").progress().done == 0


def test_two_annotators_see_their_own_orders(store: Store) -> None:
    fill(store, questions=30)
    ann = {i.key.item: i.key.presented_order for i in Session(store, "ann").next_items(30)}
    bob = {i.key.item: i.key.presented_order for i in Session(store, "bob").next_items(30)}
    assert ann.keys() == bob.keys()
    assert ann != bob


def test_undo_appends_and_the_item_comes_back_first(store: Store) -> None:
    fill(store)
    session = Session(store, "ann")
    a, b, c = session.next_items(3)
    session.record(a, "left", utcnow())
    session.record(b, "right", utcnow())
    assert session.undo() == b
    assert session.save() == 1
    assert session.next_items(2) == [b, c]
    session.record(b, "both_bad", utcnow())
    rows = votes(store)
    assert [row["verdict"] for row in rows] == [
        *[r["presented_order"][i] for r, i in zip(rows, (0, 1), strict=False)],
        None,
        "both_bad",
    ]
    assert rows[2]["cancels"] == rows[1]["annotation_id"]
    assert session.progress().done == 2


def test_undo_after_a_restart_leaves_imported_votes_alone(store: Store) -> None:
    fill(store)
    first = Session(store, "ann")
    a, b = first.next_items(2)
    first.record(a, "tie", utcnow())
    imported = {**json.loads(json.dumps(votes(store)[0])), "annotation_id": "imported", "position": 7}
    imported.update(question_id="q999", item="other", decided_at=utcnow())
    store.insert("annotations", [imported])
    again = Session(store, "ann")
    assert again.undo() == a
    assert again.undo() is None
    again.save()
    assert again.next_items(2) == [a, b]
    assert Session(store, "ann").next_items(2) == [a, b]


def test_a_revealed_item_takes_no_vote_and_no_undo(store: Store) -> None:
    fill(store)
    session = Session(store, "ann")
    a, b = session.next_items(2)
    session.reveal(a, utcnow())
    with pytest.raises(BadInput, match="revealed"):
        session.decide(a, "left", utcnow())
    with pytest.raises(BadInput, match="revealed"):
        session.undo()
    row = votes(store)[0]
    assert (row["verdict"], row["flags"]) == ("skip", ["identity_revealed"])
    assert Session(store, "ann").next_items(1) == [b]


def test_one_vote_an_item(store: Store) -> None:
    fill(store)
    session = Session(store, "ann")
    (a,) = session.next_items(1)
    session.decide(a, "left", utcnow())
    with pytest.raises(BadInput, match="decided already"):
        session.decide(a, "right", utcnow())
    with pytest.raises(Unknown, match="both_bad"):
        session.decide(a, "both_bda", utcnow())


def test_votes_survive_a_store_that_refuses_and_a_crash(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    session = Session(store, "ann")
    a, b = session.next_items(2)

    def refuse(*_: object) -> int:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(session.store, "insert", refuse)
        for item in (a, b):
            with pytest.raises(StoreError):
                session.record(item, "tie", utcnow(), note="näher \ud800")
        assert session.progress().unsaved == 2
    assert len(Journal(store.files).pending()) == 2
    with Journal(store.files).path.open("ab") as file:
        file.write(b'{"annotation_id": "half a li')  # the crash hit while a third was written
    # Another process, or the next day: the constructor sends them.
    again = Session(store, "ann")
    assert again.replayed == 2
    assert again.progress().done == 2
    assert [row["verdict"] for row in votes(store)] == ["tie", "tie"]
    assert session.save() == 2  # the first session lives on: nothing is doubled
    assert len(votes(store)) == 2
    assert replay(store) == 0
    assert Journal(store.files).path.stat().st_size == 0


def test_filters_and_what_they_say_when_empty(store: Store) -> None:
    with pytest.raises(BadInput, match="nothing is selected"):
        Session(store, "ann")
    fill(store, questions=4, models=("m1", "m2", "m3"))
    assert Session(store, "ann", category="math").progress().total == 6
    assert Session(store, "ann", pair=("m3", "m1")).progress().total == 4
    assert Session(store, "ann", selection="first").progress().total == 12
    with pytest.raises(Unknown, match="did you mean 'first'"):
        Session(store, "ann", selection="frist")
    with pytest.raises(BadInput, match="no such item"):
        Session(store, "ann", category="cooking")


def test_two_sessions_of_one_annotator_share_the_work(store: Store) -> None:
    fill(store)
    one, two = Session(store, "ann"), Session(store, "ann")
    a, b = one.next_items(2)
    one.record(a, "tie", utcnow())
    two.refresh()
    assert two.next_items(1) == [b]


def test_turns_of_a_conversation(store: Store) -> None:
    fill(store, turns=2)
    (item,) = Session(store, "ann").next_items(1)
    assert item.key.turn == 0
    assert (len(item.question), len(item.left), len(item.right)) == (2, 2, 2)


def test_pace_ignores_long_breaks(store: Store) -> None:
    from datetime import timedelta

    fill(store)
    session = Session(store, "ann")
    (a,) = session.next_items(1)
    session.record(a, "tie", utcnow() - timedelta(hours=9))
    progress = session.progress()
    assert progress.seconds_each == 600
    assert progress.eta_s == 600 * 4
