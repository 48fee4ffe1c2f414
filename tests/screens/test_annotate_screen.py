"""Annotating with keys, over a real store."""

from __future__ import annotations

import pytest

from screens.annotate import AnnotateScreen
from tests.screens.driving import LARGE, SMALL, running, screen_text, shows, until
from tests.screens.rows import MODELS, fill
from workbench.errors import StoreError
from workbench.records import stable_id, utcnow
from workbench.store import Store


def votes(store: Store) -> list[dict]:
    return store.sql("SELECT * FROM annotations ORDER BY decided_at").dicts()


async def first_item(pilot) -> AnnotateScreen:
    screen = pilot.app.screen
    assert isinstance(screen, AnnotateScreen)
    await until(pilot, lambda: screen._shown_at is not None)
    return screen


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_one_key_saves_and_shows_the_next(store: Store, size: tuple[int, int]) -> None:
    fill(store)
    shown = []
    async with running(store.path, size, start="annotate") as pilot:
        screen = await first_item(pilot)
        for key in ("a", "b", "t"):
            shown.append(screen._item)
            await pilot.press(key)
        await until(pilot, lambda: shows(pilot, "✓ saved") and shows(pilot, "3/5"))
        assert screen._item not in shown
    rows = votes(store)
    assert [row["item"] for row in rows] == [item.key.item for item in shown]
    left, right, tie = rows
    assert left["verdict"] == ("a" if shown[0].key.presented_order == "ab" else "b")
    assert right["verdict"] == ("b" if shown[1].key.presented_order == "ab" else "a")
    assert tie["verdict"] == "tie"
    assert all(row["annotator"] == "ann" and row["shown_at"] <= row["decided_at"] for row in rows)


async def test_every_vote_key_of_the_design(store: Store) -> None:
    fill(store, questions=10)
    async with running(store.path, start="annotate") as pilot:
        screen = await first_item(pilot)
        items = []
        keys = ["a", "1", "left", "b", "2", "right", "t", "0", "x", "s"]
        for key in keys:
            await until(pilot, lambda: screen._shown_at is not None)
            items.append(screen._item)
            await pilot.press(key)
        await until(pilot, lambda: shows(pilot, "All 10 items"))
        assert shows(pilot, f"Skipped 1: {items[-1].question_id}")
        await until(pilot, lambda: len(votes(store)) == 10)
    said = {row["item"]: row for row in votes(store)}
    sides = {"a": 0, "1": 0, "left": 0, "b": 1, "2": 1, "right": 1}
    for key, item in zip(keys, items, strict=True):
        row = said[item.key.item]
        other = {"t": "tie", "0": "tie", "x": "both_bad", "s": "skip"}
        assert row["verdict"] == (item.key.presented_order[sides[key]] if key in sides else other[key])


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_blind_until_the_vote(store: Store, size: tuple[int, int]) -> None:
    fill(store)
    store.insert("judgments", [judgment(store)])
    async with running(store.path, size, start="annotate") as pilot:
        screen = await first_item(pilot)
        for key in ("", "j", "d", "r", "v", "z", "tab", "e", "i", "n", "question_mark", "escape", "b"):
            if key:
                await pilot.press(key)
            await pilot.pause(0.1)
            picture = screen_text(pilot) + pilot.app.export_screenshot()
            for hidden in (*MODELS, "strict-judge", "0.1", "embedding"):
                assert hidden not in picture, (key, hidden)
        await until(pilot, lambda: screen._shown_at is not None)


def judgment(store: Store) -> dict:
    row = store.sql("SELECT * FROM selections ORDER BY rank LIMIT 1").dicts()[0]
    from workbench.records import Judgment

    return Judgment(
        "pairwise", "strict-judge", "v", "t", "h", row["question_id"], 1, row["model_a"], "ab", model_b=row["model_b"],
        response_a=row["response_a"], response_b=row["response_b"], verdict="a",
    ).row()  # fmt: skip


async def test_a_reveal_names_the_models_and_takes_the_vote_away(store: Store) -> None:
    fill(store)
    store.insert("judgments", [judgment(store)])
    store.insert("similarities", [similarity(store)])
    async with running(store.path, start="annotate") as pilot:
        screen = await first_item(pilot)
        item = screen._item
        await pilot.press("i")
        await until(pilot, lambda: shows(pilot, "Reveal the models?"))
        await pilot.press("n")
        assert not votes(store)
        await pilot.press("i", "y")
        await until(pilot, lambda: shows(pilot, "strict-judge"))
        assert shows(pilot, f"A  {item.left_model}")
        assert shows(pilot, f"B  {item.right_model}")
        assert shows(pilot, "embedding 0.250")
        winner = "A" if item.key.presented_order == "ab" else "B"
        assert shows(pilot, f"judge strict-judge, turn 1: {winner}")
        await pilot.press("a")
        assert screen._item is item
        assert shows(pilot, "no vote")
        await pilot.press("s")
        await until(pilot, lambda: screen._item is not item)
        await pilot.press("u")
        await until(pilot, lambda: shows(pilot, "its skip stands"))
    (row,) = votes(store)
    assert (row["verdict"], row["flags"]) == ("skip", ["identity_revealed"])


def similarity(store: Store) -> dict:
    row = store.sql("SELECT * FROM selections ORDER BY rank LIMIT 1").dicts()[0]
    keep = {k: row[k] for k in ("question_id", "response_a", "response_b")}
    return {**keep, "metric": "embedding", "metric_version": "1", "score": 0.25, "created_at": utcnow()}


async def test_undo_brings_the_item_back(store: Store) -> None:
    fill(store)
    async with running(store.path, start="annotate") as pilot:
        screen = await first_item(pilot)
        one = screen._item
        await pilot.press("a")
        await until(pilot, lambda: screen._shown_at is not None)
        two = screen._item
        await pilot.press("u")
        await until(pilot, lambda: screen._item == one and screen._shown_at is not None)
        await pilot.press("x")
        await until(pilot, lambda: screen._item == two)
        await until(pilot, lambda: len(votes(store)) == 3)
    # A new session, as after a restart.
    async with running(store.path, start="annotate") as pilot:
        screen = await first_item(pilot)
        assert screen._item == two
        await pilot.press("u")
        await until(pilot, lambda: screen._item == one)
        await until(pilot, lambda: len(votes(store)) == 4)
    assert [bool(row["cancels"]) for row in votes(store)] == [False, True, False, True]


async def test_flag_and_note_go_with_the_vote(store: Store) -> None:
    fill(store)
    async with running(store.path, start="annotate") as pilot:
        await first_item(pilot)
        await pilot.press("f", "n", *"abt")
        await until(pilot, lambda: any(line.strip() == "abt" for line in screen_text(pilot).splitlines()))
        await pilot.press("enter")
        await until(pilot, lambda: shows(pilot, "⚑ flagged ✎ note"))
        assert not votes(store)  # the letters of the note were no votes
        await pilot.press("t")
        await until(pilot, lambda: len(votes(store)) == 1)
    (row,) = votes(store)
    assert (row["flags"], row["note"], row["verdict"]) == (["flagged"], "abt", "tie")


async def test_a_store_that_refuses_loses_no_vote(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    monkeypatch.setattr("screens.annotate_parts.RETRIES", (0.1,))
    async with running(store.path, start="annotate") as pilot:
        screen = await first_item(pilot)

        def refuse(*_: object) -> int:
            raise StoreError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(pilot.app.store, "insert", refuse)
            await pilot.press("a")
            await until(pilot, lambda: shows(pilot, "1 vote kept, not saved yet") and shows(pilot, "disk is full"))
            assert not shows(pilot, "✓ saved")
            journal = (store.files / "pending-annotations.jsonl").read_text()
            assert screen._session.progress().unsaved == 1
            assert '"verdict"' in journal
        await until(pilot, lambda: shows(pilot, "✓ saved"))
    assert len(votes(store)) == 1


async def test_keys_before_the_pair_is_on_the_screen_do_not_count(store: Store) -> None:
    fill(store)
    async with running(store.path, start="annotate") as pilot:
        screen = await first_item(pilot)
        screen.action_vote("left")
        screen.action_vote("left")  # in the same breath: nobody saw the second pair
        await until(pilot, lambda: shows(pilot, "not counted"))
        await until(pilot, lambda: len(votes(store)) == 1)


async def test_a_conversation_shows_its_later_turns(store: Store) -> None:
    fill(store, turns=2, text=lambda q, m, t: f"short answer {t}")
    async with running(store.path, LARGE, start="annotate") as pilot:
        await first_item(pilot)
        text = screen_text(pilot)
        assert "turn 1 of 2" in text
        assert text.count("User, turn 2") == 2
        assert text.count("turn 2: what is it?") == 2
        assert text.count("short answer 2") == 2


async def test_side_by_side_needs_room(store: Store) -> None:
    fill(store, text=lambda q, m, t: f"LONG {m[-2:]} " + "words " * 3000)
    for size, stacked in ((SMALL, True), (LARGE, False)):
        async with running(store.path, size, start="annotate") as pilot:
            await first_item(pilot)
            answers = pilot.app.screen.query_one("#answers")
            assert answers.has_class("-stacked") is stacked
            await pilot.press("v")
            assert answers.has_class("-stacked") is not stacked
            await pilot.press("space")
            await pilot.pause(0.1)
            assert all(pane.scroll_offset.y > 0 for pane in answers.children)
            await pilot.press("g", "z", "j")
            await pilot.pause(0.1)
            assert [pane.scroll_offset.y for pane in answers.children] == [1, 0]


async def test_without_a_selection_it_says_how_to_make_one(store: Store) -> None:
    selection = fill(store, selected=False)
    async with running(store.path, start="annotate") as pilot:
        await until(pilot, lambda: shows(pilot, "workbench select"))
        rows = store.sql("SELECT response_id, model_id, question_id FROM responses").dicts()
        ids = {(r["question_id"], r["model_id"]): r["response_id"] for r in rows}
        a, b = MODELS
        store.insert(
            "selections",
            [
                {
                    "selection_id": selection, "name": "n", "method": "mad", "mode": "corrected", "diversity": 0.0,
                    "k": 1, "arm": "selected", "model_a": a, "model_b": b, "rank": 1, "question_id": "q000",
                    "response_a": ids["q000", a], "response_b": ids["q000", b], "score": 0.0, "created_at": utcnow(),
                }
            ],
        )  # fmt: skip
        await first_item(pilot)  # it comes by itself


async def test_another_selection_can_be_chosen(store: Store) -> None:
    fill(store, name="first")
    fill(store, name="second", questions=2)
    async with running(store.path, start="annotate") as pilot:
        await first_item(pilot)
        assert shows(pilot, "0/2")
        await pilot.press("o")
        await until(pilot, lambda: shows(pilot, "Selections, newest first"))
        await pilot.press("down", "enter")
        await until(pilot, lambda: shows(pilot, "0/5"))
    assert stable_id("selection", "first") != stable_id("selection", "second")


async def test_copy_leaves_a_file_too(store: Store) -> None:
    fill(store)
    async with running(store.path, start="annotate") as pilot:
        screen = await first_item(pilot)
        await pilot.press("y")
        await until(pilot, lambda: shows(pilot, "Copied"))
        assert "copied" in screen_text(pilot).replace("\n", "")
        text = (store.files / "copied.txt").read_text()
        assert screen._item.left[0] in text
        assert not any(model in text for model in MODELS)
