"""The other destinations over a real store: what they say, empty and full, and what they refuse."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from screens.actions import ACTIONS, BY_ID, bindings, check_keymap
from screens.app import WorkbenchApp
from screens.launch import FORMS
from screens.next_step import Overview, next_step
from screens.widgets.bars import duration, meter
from tests.screens.driving import LARGE, SMALL, running, screen_text, shows, until
from tests.screens.rows import MODELS, fill
from workbench.annotate import Session
from workbench.errors import BadInput, Unknown
from workbench.rate.names import TITLES
from workbench.records import utcnow
from workbench.store import Store


def test_nothing_heavy_before_the_first_paint() -> None:
    code = (
        "import sys, screens.app, screens.home; from pathlib import Path; screens.app.WorkbenchApp(Path('/tmp/x'));"
        "print(sorted({'duckdb','numpy','openai','pydantic','orjson','aiohttp','rich.markdown'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- actions -------------------------------------------------------------------------------------------


def test_ids_are_unique_and_keys_do_not_clash() -> None:
    assert len(BY_ID) == len(ACTIONS)
    for where in {action.where for action in ACTIONS} - {"everywhere"}:
        keys = [key for action in ACTIONS if action.where == where for key in action.keys.split(",")]
        assert len(keys) == len(set(keys)), where


def test_keys_that_tmux_screen_and_terminals_take_are_not_used() -> None:
    taken = {"ctrl+a", "ctrl+b", "ctrl+s", "ctrl+z", "ctrl+c", "ctrl+d", "f10", "f11", "f12"}
    used = {key for action in ACTIONS for key in action.keys.split(",")}
    assert not used & taken
    assert not [key for key in used if key.startswith(("alt+", "ctrl+shift+", "shift+"))]


def test_every_action_can_be_run() -> None:
    import importlib

    places = {
        "table": "widgets.table.Table",
        "choices": "widgets.choices.Choices",
        "home": "home.HomeScreen",
        "jobs": "jobs.JobsScreen",
        "launch": "launch.LaunchScreen",
        "log": "job_log.JobLogScreen",
        "scroll": "job_log.JobLogScreen",
        "annotate": "annotate.AnnotateScreen",
        "leaderboard": "leaderboard.LeaderboardScreen",
        "agreement": "agreement.AgreementScreen",
        "sql": "sql.SqlScreen",
        "select": "selections.SelectScreen",
        "item": "selection_item.ItemScreen",
        "doctor": "doctor.DoctorScreen",
        "everywhere": "app.WorkbenchApp",
    }
    for action in ACTIONS:
        module, _, name = places[action.where].rpartition(".")
        owner = getattr(importlib.import_module(f"screens.{module}"), name)
        method = action.run.removeprefix("app.").split("(")[0]
        assert hasattr(owner, f"action_{method}"), action


def test_keymaps_are_checked() -> None:
    check_keymap({"annotate.tie": "t,equals_sign"})
    with pytest.raises(Unknown, match=r"annotate\.tie"):
        check_keymap({"annotate.tei": "t"})
    with pytest.raises(BadInput, match="taken by"):
        check_keymap({"annotate.tie": "x"})
    with pytest.raises(BadInput):
        check_keymap({"annotate.tie": ""})
    assert {binding.id for binding in bindings("annotate")} == {a.id for a in ACTIONS if a.where == "annotate"}


async def test_a_changed_key_works_and_is_shown(store: Store) -> None:
    fill(store)
    async with running(store.path, start="annotate", keys={"annotate.tie": "w", "go.sql": "f12"}) as pilot:
        await until(pilot, lambda: pilot.app.screen._shown_at is not None)
        assert shows(pilot, "w tie")
        await pilot.press("t")
        assert pilot.app.screen._session.progress().done == 0
        await pilot.press("w")
        await until(pilot, lambda: shows(pilot, "1/5"))
        await pilot.press("f12")
        await until(pilot, lambda: shows(pilot, "Reads only"))


async def test_the_palette_and_help_know_the_actions(store: Store) -> None:
    fill(store)
    async with running(store.path, LARGE, start="annotate") as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: shows(pilot, "Both are bad") and shows(pilot, "annotate.both_bad"))
        await pilot.press("escape")
        screen = pilot.app.screen
        titles = {command.title for command in pilot.app.get_system_commands(screen)}
        assert {"Both are bad", "Go to Leaderboard"} <= titles
        await pilot.press("ctrl+p")
        await pilot.pause(0.2)
        await pilot.press(*"leaderb")
        await until(pilot, lambda: shows(pilot, "Go to Leaderboard"))
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.current_mode == "leaderboard")


# -- home ----------------------------------------------------------------------------------------------


def test_the_next_step_follows_the_work() -> None:
    steps = [
        (Overview(), "workbench import"),
        (Overview(questions=80), "workbench generate"),
        (Overview(questions=80, answering=1, responses={"ok": 80}), "workbench generate"),
        (Overview(questions=80, answering=2, responses={"ok": 160}), "workbench similarity"),
        (Overview(questions=80, answering=2, responses={"ok": 160}, similarities=80), "workbench select"),
        (
            Overview(80, 1, 2, 2, {"ok": 160}, 80, selections=1, selected=10, open_items=10),
            "workbench annotate",
        ),
        (
            Overview(80, 1, 2, 2, {"ok": 160}, 80, selections=1, selected=10, open_items=4, votes=6),
            "workbench annotate",
        ),
        (Overview(80, 1, 2, 2, {"ok": 160}, 80, selections=1, selected=10, votes=10), "workbench leaderboard"),
        (Overview(80, 1, 2, 2, {"ok": 160}, judgments={"ok": 5}), "workbench leaderboard"),
        (Overview(questions=80, responses={"error": 9}), "workbench generate"),
    ]
    for seen, command in steps:
        assert next_step(seen).command.startswith(command), seen


async def test_home_counts_and_follows_the_store(store: Store) -> None:
    async with running(store.path) as pilot:
        await until(pilot, lambda: shows(pilot, "workbench import"))
        assert shows(pilot, str(store.path)[:60])
        fill(store, questions=7)
        await until(pilot, lambda: shows(pilot, "14 ok") and shows(pilot, "7 pairs in the newest"))
        await pilot.press("enter")  # similarities are there no more to be made: pairs are selected
        await until(pilot, lambda: pilot.app.current_mode in ("annotate", "jobs"))


async def test_a_store_that_cannot_be_opened_is_said(tmp_path) -> None:
    broken = tmp_path / "not-a-store.duckdb"
    broken.write_text("this is no database" * 1000)
    app = WorkbenchApp(broken, poll_s=0.1)
    async with app.run_test(size=SMALL) as pilot:
        # Where the lines break hangs on the length of the path.
        await until(pilot, lambda: "is not a DuckDB file" in " ".join(screen_text(pilot).split()))
        await until(pilot, lambda: shows(pilot, "trying again"))


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_empty_screens_say_what_to_do(store: Store, size: tuple[int, int]) -> None:
    async with running(store.path, size) as pilot:
        for key, words in (
            ("f3", "No job has run"), ("f4", "workbench select"), ("f5", "workbench annotate"),
            ("f6", "workbench judge"), ("f7", "Reads only"), ("f8", "workbench similarity"), ("f2", "workbench import"),
        ):  # fmt: skip
            await pilot.press(key)
            await until(pilot, lambda w=words: shows(pilot, w))


async def test_destinations_by_letter(store: Store) -> None:
    async with running(store.path) as pilot:
        for letter, mode in (("j", "jobs"), ("l", "leaderboard"), ("e", "select"), ("h", "home"), ("s", "sql")):
            await pilot.press("m")
            await pilot.press(letter)
            await until(pilot, lambda m=mode: pilot.app.current_mode == m)


# -- results -------------------------------------------------------------------------------------------


def vote_for(store: Store, annotator: str, model: str, n: int) -> None:
    session = Session(store, annotator)
    for item in session.next_items(n):
        session.decide(item, "left" if item.left_model == model else "right", utcnow())
    session.save()


async def test_the_leaderboard_is_live(store: Store) -> None:
    fill(store, questions=12)
    vote_for(store, "ann", MODELS[1], 3)
    async with running(store.path, LARGE, start="leaderboard") as pilot:
        await until(pilot, lambda: shows(pilot, "3 battles"))
        first = next(line for line in screen_text(pilot).splitlines() if MODELS[1] in line)
        assert first.split()[0].startswith("1")
        vote_for(store, "bob", MODELS[1], 4)
        await until(pilot, lambda: shows(pilot, "7 battles"))
        await pilot.press(*["t"] * list(TITLES).index("elo"))
        await until(pilot, lambda: shows(pilot, "Elo in the order decided"))
        await pilot.press("s")
        await until(pilot, lambda: shows(pilot, "votes of human"))


async def test_agreement_between_two_people(store: Store) -> None:
    fill(store, questions=6)
    vote_for(store, "ann", MODELS[0], 6)
    vote_for(store, "bob", MODELS[0], 6)
    async with running(store.path, LARGE, start="agreement") as pilot:
        await until(pilot, lambda: shows(pilot, "6/6") and shows(pilot, "100.0"))
        for sign in ("alpha-nominal", "Confusion", "Annotators", "agree/total"):
            await pilot.press("v")
            await until(pilot, lambda sign=sign: shows(pilot, sign))
        await pilot.press("V")
        await until(pilot, lambda: shows(pilot, "others %") and shows(pilot, "bob"))


# -- sql -----------------------------------------------------------------------------------------------


async def test_sql_runs_and_refuses(store: Store) -> None:
    fill(store)
    async with running(store.path, LARGE, start="sql") as pilot:
        editor = pilot.app.screen.query_one("#editor")

        async def run(text: str, sign: str) -> None:
            editor.text = text
            await pilot.press("ctrl+r")
            await until(pilot, lambda: shows(pilot, sign))

        await run("SELECT count(*) AS rows_of FROM questions", "rows_of")
        await run("DELETE FROM questions", "only SELECT")
        await run("WITH d AS (DELETE FROM questions RETURNING *) SELECT * FROM d", "rror")
        await run("SELECT 1; DROP TABLE questions", "exactly one statement")
        await run("SELEC", "rror")
        await run("SELECT range AS number FROM range(5000)", "first 1,000 rows")
        await pilot.press("ctrl+t")
        await until(pilot, lambda: shows(pilot, "column_name"))
        editor.text = "draft"
        for _ in range(2):
            await pilot.press("up")
        await pilot.pause()
        assert editor.text == "SELEC"
        for _ in range(2):
            await pilot.press("down")
        assert editor.text == "draft"
        assert store.query("ui_names")[0]["name"] == "bench"


# -- jobs ----------------------------------------------------------------------------------------------


def job(store: Store, job_id: str, **values: object) -> None:
    row = {
        "job_id": job_id, "kind": "generate", "spec": {"models": ["m1", "m2"], "bench": "b"}, "state": "done",
        "done": 30, "total": 30, "failed": 0, "message": "answered", "cancel_requested": False, "created_at": utcnow(),
    }  # fmt: skip
    store.insert("jobs", [{**row, **values}])


async def test_jobs_of_all_sessions_with_log(store: Store) -> None:
    job(store, "aaaa1111", failed=4)
    store.insert(
        "job_events",
        [{"event_id": "1", "job_id": "aaaa1111", "level": "warning", "message": "slow down", "created_at": utcnow()}],
    )
    (store.files / "jobs").mkdir()
    log = store.files / "jobs" / "aaaa1111.log"
    log.write_text("first line\n")
    async with running(store.path, LARGE, start="jobs") as pilot:
        await until(pilot, lambda: shows(pilot, "aaaa1111") and shows(pilot, "30/30"))
        assert shows(pilot, "m1 m2")
        job(store, "bbbb2222", kind="judge", state="cancelled")
        await until(pilot, lambda: shows(pilot, "bbbb2222"))
        await pilot.press("c")
        await until(pilot, lambda: shows(pilot, "has ended already"))
        await pilot.press("G", "enter")
        await until(pilot, lambda: shows(pilot, "slow down") and shows(pilot, "first line"))
        log.write_text("first line\nsecond line\n")
        await until(pilot, lambda: shows(pilot, "second line"))


async def test_cancel_asks_first(store: Store) -> None:
    import os

    from workbench import jobs

    job(store, "cccc3333", state="queued", done=0, total=None)
    with jobs.hold(store, "cccc3333"):  # as its worker does
        async with running(store.path, start="jobs") as pilot:
            await until(pilot, lambda: shows(pilot, "queued"))
            await pilot.press("c")
            await until(pilot, lambda: shows(pilot, "Cancel this job?"))
            await pilot.press("n")
            assert not store.query("job", job_id="cccc3333")[0]["cancel_requested"]
            await pilot.press("c", "y")
            await until(pilot, lambda: store.query("job", job_id="cccc3333")[0]["cancel_requested"])
    assert os.getpid()


def test_forms_have_only_options_their_stages_know() -> None:
    from workbench import stages

    for kind, fields in FORMS.items():
        stage = stages.stage(kind)
        known = set(stage.part(stage.spec).__dataclass_fields__)
        assert {field.name for field in fields} <= known, kind


async def test_a_form_validates_estimates_and_launches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench import jobs

    fill(store, selected=False)
    launched: list[tuple[str, dict]] = []

    def note(_store: Store, kind: str, spec: dict) -> str:
        launched.append((kind, json.loads(json.dumps(spec))))
        return "dddd4444"

    monkeypatch.setattr(jobs, "launch", note)  # no process: what is asked for matters here
    async with running(store.path, LARGE, start="jobs") as pilot:
        await until(pilot, lambda: shows(pilot, "No job has run"))
        await pilot.press("n", "s")
        await until(pilot, lambda: shows(pilot, "Metric") and shows(pilot, MODELS[0]))
        pilot.app.screen.query_one("#limit").value = "three"
        await pilot.press("f9")
        await until(pilot, lambda: shows(pilot, "must be a whole number"))
        pilot.app.screen.query_one("#limit").value = "3"
        pilot.app.screen.query_one("#bench").value = "bensh"
        await pilot.press("f9")
        await until(pilot, lambda: shows(pilot, "did you mean 'bench'"))
        pilot.app.screen.query_one("#bench").value = "bench"
        await pilot.press("f9")
        await until(pilot, lambda: shows(pilot, "Launch similarity?") and shows(pilot, "items"))
        assert not launched
        await pilot.press("y")
        await until(pilot, lambda: shows(pilot, "Job dddd4444 runs in the background"))
    ((kind, spec),) = launched
    assert (kind, spec["bench"], spec["limit"]) == ("similarity", "bench", 3)
    assert (spec["metric"], spec["embedder"]) == ("embedding", None)


async def test_jobs_launched_here_run_to_their_end(store: Store) -> None:
    fill(store, questions=6, selected=False, text=lambda q, m, t: f"{m} {q} says: " + f"word{q} {m} " * 30)
    async with running(store.path, LARGE, start="jobs") as pilot:
        await until(pilot, lambda: shows(pilot, "No job has run"))
        for letter, kind, sign in (("s", "similarity", "Metric"), ("e", "select", "Top k")):
            await pilot.press("n", letter)
            await until(pilot, lambda s=sign: shows(pilot, s) and shows(pilot, MODELS[0]))
            await pilot.press("f9")
            await until(pilot, lambda k=kind: shows(pilot, f"Launch {k}?"))
            await pilot.press("y")

            def ended(kind: str = kind) -> bool:
                return any(kind in line and " done " in line for line in screen_text(pilot).splitlines())

            await until(pilot, ended, seconds=60)
        await pilot.press("f4")  # what was just selected
        await until(pilot, lambda: pilot.app.screen._shown_at is not None)
        assert shows(pilot, "0/6")


def test_small_words() -> None:
    assert meter(1, 2, 4) == ("━━", "──")
    assert meter(0, 0, 3) == ("", "───")
    assert meter(1, 1000, 4) == ("━", "───")
    assert [duration(s) for s in (2.5, 40, 720, 11100, 200000)] == ["2.5 s", "40 s", "12 min", "3 h 05", "2 d 7 h"]
