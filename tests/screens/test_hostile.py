"""Text of models that tries to drive the terminal, on every screen."""

from __future__ import annotations

import re
import time

import pytest

from screens.widgets.pages import SHOWN, lay_out
from tests.screens.driving import LARGE, SMALL, lines, running, screen_text, shows, until
from tests.screens.rows import fill
from workbench.records import Judgment, Model, utcnow
from workbench.store import Store

EVIL = (
    "\x1b[2J\x1b[H\x1b]52;c;aGFja2Vk\x07\x1b]0;title\x07\x9b31m\x00 nul \x7f del\r overwritten\b\b"
    "[red]markup[/red] [@click=app.quit]quit[/] [bold]x [/nothing] \\[escaped]\n"
    "RTL مرحبا بالعالم \u202eoverride\u202c שלום e\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301 z\u200bw\n"
    "emoji 👩‍💻👍🏽🇩🇪❤️1️⃣ 漢字かな ﷽ \ud7ff tab\tend\n"
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def one_megabyte(*_: object) -> str:
    return "x" * 1_000_000


def evil_names(store: Store) -> None:
    """Hostile text everywhere text can come from outside."""
    name = "ev\x1b[31mil[red]" + "[/nothing]"
    fill(store, models=(name, "plain"), text=lambda q, m, t: EVIL * 3, ask=lambda q, t: EVIL, name=name)
    row = store.sql("SELECT * FROM selections LIMIT 1").dicts()[0]
    judged = Judgment(
        "pairwise", name, "v", "t", "h", row["question_id"], 1, row["model_a"], "both", model_b=row["model_b"],
        response_a=row["response_a"], response_b=row["response_b"], verdict="a", raw_text=EVIL,
    )  # fmt: skip
    vote = {k: row[k] for k in ("question_id", "model_a", "model_b", "response_a", "response_b", "selection_id")}
    store.insert_many(
        {
            "judgments": [judged.row()],
            "models": [Model(EVIL, "api").row()],
            "annotations": [
                {
                    **vote, "annotation_id": "v1", "annotator": name, "annotator_kind": "human", "item": "i", "turn": 1,
                    "presented_order": "ab", "verdict": "a", "note": EVIL, "decided_at": utcnow(),
                }
            ],
            "jobs": [
                {
                    "job_id": "job1", "kind": "generate", "spec": {"models": [name], "bench": EVIL}, "state": "failed",
                    "done": 1, "failed": 1, "message": EVIL, "cancel_requested": False, "created_at": utcnow(),
                }
            ],
            "job_events": [
                {"event_id": "e1", "job_id": "job1", "level": "error", "message": EVIL, "created_at": utcnow()}
            ],
        }
    )  # fmt: skip
    (store.files / "jobs").mkdir(exist_ok=True)
    (store.files / "jobs" / "job1.log").write_text(EVIL, "utf-8", "surrogatepass")


def assert_harmless(pilot) -> None:
    width = pilot.app.size.width
    for line in lines(pilot):
        assert not CONTROL.search(line), repr(line)
        assert "\u202e" not in line
    strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
    assert {strip.cell_length for strip in strips} == {width}


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_annotate_shows_it_literally(store: Store, size: tuple[int, int]) -> None:
    fill(store, text=lambda q, m, t: EVIL, ask=lambda q, t: EVIL)
    async with running(store.path, size, start="annotate") as pilot:
        await until(pilot, lambda: pilot.app.screen._shown_at is not None)
        for key in ("", "d", "r", "j", "i", "y"):
            if key:
                await pilot.press(key)
            await pilot.pause(0.1)
            assert_harmless(pilot)
        await pilot.press("r")
        await pilot.pause(0.1)
        text = screen_text(pilot)
        assert "[red]markup[/red]" in text
        assert "␛[2J" in text


async def test_a_megabyte_on_one_line_does_not_freeze(store: Store) -> None:
    fill(store, text=one_megabyte, questions=3)
    async with running(store.path, start="annotate") as pilot:
        screen = pilot.app.screen
        await until(pilot, lambda: screen._shown_at is not None)
        begin = time.monotonic()
        await pilot.press("G")
        await until(pilot, lambda: shows(pilot, f"{1_000_000 - SHOWN:,} more characters"))
        await pilot.press("r", "G", "r", "d", "a")
        await until(pilot, lambda: screen._session.progress().done == 1)
        assert time.monotonic() - begin < 5
        assert_harmless(pilot)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_every_other_screen(store: Store, size: tuple[int, int]) -> None:
    evil_names(store)
    async with running(store.path, size, annotator="a\x1b[1mnn[red]") as pilot:
        await until(pilot, lambda: shows(pilot, "Questions"))
        assert_harmless(pilot)
        for key, sign in (("f5", "plain"), ("f6", "human"), ("f3", "generate"), ("f4", "Question")):
            await pilot.press(key)
            await until(pilot, lambda s=sign: shows(pilot, s))
            await pilot.pause(0.1)
            assert_harmless(pilot)
        await pilot.press("o")
        await until(pilot, lambda: shows(pilot, "Selections, newest"))
        assert_harmless(pilot)
        await pilot.press("escape", "f3", "enter")
        await until(pilot, lambda: shows(pilot, "End of its log"))
        assert_harmless(pilot)
        await pilot.press("escape", "f7")
        editor = pilot.app.screen.query_one("#editor")
        editor.text = "SELECT * FROM annotations"
        await pilot.press("ctrl+r")
        await until(pilot, lambda: shows(pilot, "1 row"))
        await pilot.press("escape")
        for _ in range(30):
            assert_harmless(pilot)
            await pilot.press("right")
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert_harmless(pilot)


def test_lines_never_exceed_the_width() -> None:
    from rich.cells import cell_len

    for raw in (False, True):
        for width in (4, 17, 38, 78):
            page = lay_out([("text", EVIL * 20), ("title", EVIL), ("asked", "漢字" * 100)], width, raw=raw)
            for line in page.lines:
                text = page.text[line.start : line.end]
                assert cell_len(text) + line.indent <= width
                assert not CONTROL.search(text)


def test_a_page_keeps_every_word() -> None:
    text = (
        "# Title\n\n1. first item that goes on and on\n   inside\n```\ncode   with   blanks\n```\n漢字 and words " * 5
    )
    for width in (10, 33, 80):
        page = lay_out([("text", text)], width)
        joined = "".join(page.text[line.start : line.end] for line in page.lines)
        assert "".join(joined.split()) == "".join(text.split())
