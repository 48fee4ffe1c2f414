"""The select screen: the distribution, a selection's items, and that browsing spoils no vote."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens.selection_item import ItemScreen
from screens.selections import SelectScreen
from screens.selections_data import BINS, Chosen, Reads, counts_of, load
from screens.selections_parts import extreme, hidden_names, short
from screens.widgets.histogram import Bars, axis, axis_line, bar_lines, columns_for, grouped, histogram_parts
from tests.screens.driving import LARGE, SMALL, lines, running, screen_text, shows, until
from tests.screens.rows import fill
from tests.screens.test_hostile import CONTROL, EVIL
from workbench import jobs
from workbench.records import utcnow
from workbench.store import Store

HUGE = (200, 60)
SIZES = [SMALL, (120, 40), HUGE]
MODELS = ("garnet-13b", "quartz-7b", "zircon-9b")


def compare(
    store: Store, *, metric: str = "embedding", version: str = "hashing-1", scale: float = 1.0
) -> list[dict[str, Any]]:
    """A similarity for every pair of answers to the same question: 0.01, 0.02, … in their order."""
    answers = store.sql("SELECT question_id, model_id, response_id FROM responses ORDER BY ALL").dicts()
    rows: list[dict[str, Any]] = []
    for question, some in itertools.groupby(answers, lambda row: row["question_id"]):
        for a, b in itertools.combinations(list(some), 2):
            rows.append(
                {
                    "question_id": question, "response_a": a["response_id"], "response_b": b["response_id"],
                    "metric": metric, "metric_version": version, "score": scale * (len(rows) + 1) / 100,
                    "created_at": utcnow(),
                }
            )  # fmt: skip
    store.insert("similarities", rows)
    return rows


async def browsing(pilot: Any) -> SelectScreen:
    screen = pilot.app.screen
    assert isinstance(screen, SelectScreen)
    await until(pilot, lambda: screen._data is not None and screen._data.chosen == screen._chosen)
    return screen


async def settled(pilot: Any, screen: SelectScreen, **wanted: Any) -> None:
    def there() -> bool:
        data = screen._data
        return data is not None and all(getattr(data.chosen, name) == value for name, value in wanted.items())

    await until(pilot, there)


async def opened(pilot: Any) -> ItemScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, ItemScreen) and pilot.app.screen._item is not None)
    screen = pilot.app.screen
    assert isinstance(screen, ItemScreen)
    await pilot.pause(0.05)
    return screen


# -- what is shown -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_distribution_and_the_selection(store: Store, size: tuple[int, int]) -> None:
    fill(store, models=MODELS, questions=8)
    compare(store)
    async with running(store.path, size, start="select") as pilot:
        await browsing(pilot)
        await until(pilot, lambda: shows(pilot, "compared 24, median 0.125"))
        for words in ("hashing-1", "selected 24", "corrected" if size == HUGE else "mad", "garnet"[:5], "0.010"):
            assert shows(pilot, words), words
        assert shows(pilot, "0.00") and shows(pilot, "█")
        assert shows(pilot, "math") and shows(pilot, "Question 0, turn 1")
        assert shows(pilot, "24 items")
        assert {len(line) for line in lines(pilot)} == {size[0]}


@pytest.mark.parametrize("size", [SMALL, HUGE])
async def test_empty_states_say_the_next_step(store: Store, size: tuple[int, int]) -> None:
    async with running(store.path, size, start="select") as pilot:
        await until(pilot, lambda: shows(pilot, "workbench similarity") and shows(pilot, "workbench generate"))
        fill(store, selected=False)
        compare(store)  # seen without a key pressed
        await until(pilot, lambda: shows(pilot, "compared 5") and shows(pilot, "workbench select --top-k 10"))
        assert shows(pilot, "everything compared")
        assert shows(pilot, "Question 0")


async def test_a_selection_without_similarities_can_be_browsed(store: Store) -> None:
    fill(store, models=MODELS, questions=4)
    async with running(store.path, LARGE, start="select") as pilot:
        screen = await browsing(pilot)
        await until(pilot, lambda: shows(pilot, "not compared") and shows(pilot, "12 items"))
        await pilot.press("p", "down")
        await settled(pilot, screen, pair=("garnet-13b", "quartz-7b"))
        await until(pilot, lambda: shows(pilot, "4 items"))


def test_the_figures_are_those_of_the_rows(store: Store) -> None:
    """Against plain arithmetic; an answer that was made again leaves the distribution."""
    fill(store, models=MODELS, questions=6)
    rows = compare(store)
    again = store.sql("SELECT * FROM responses ORDER BY question_id, model_id LIMIT 1").dicts()[0]
    gone = again["response_id"]
    keep = {name: again[name] for name in again if name not in ("params", "turns")}
    newer = {**keep, "turns": ["made again"], "response_id": "newer", "attempt": 1, "created_at": utcnow()}
    store.insert("responses", [newer])
    kept = sorted(row["score"] for row in rows if gone not in (row["response_a"], row["response_b"]))
    data = load(store, Reads(), store.counters(), Chosen(), "ann")
    whole = data.pool.pairs[None]
    assert (len(kept), whole["n"]) == (16, 16)
    assert whole["middle"] == pytest.approx((kept[7] + kept[8]) / 2)
    assert (whole["least"], whole["greatest"]) == (pytest.approx(kept[0]), pytest.approx(kept[-1]))
    assert sum(counts_of(whole)) == 16
    low, high = data.pool.low, data.pool.high
    expected = [0] * BINS
    for score in kept:
        expected[min(int((score - low) / (high - low) * BINS + 1e-9), BINS - 1)] += 1
    assert grouped(counts_of(whole), 20) == grouped(expected, 20)
    assert sum(row["n"] for pair, row in data.pool.pairs.items() if pair) == 16
    assert sum(data.picked["selected"]) == 18  # the selection still holds the answers it was made of
    only = load(store, Reads(), store.counters(), Chosen(category="math", pair=MODELS[:2]), "ann")
    assert {row["category"] for row in only.items} == {"math"}
    assert {(row["model_a"], row["model_b"]) for row in only.items} == {MODELS[:2]}


def test_values_that_are_no_numbers_are_counted_apart(store: Store) -> None:
    fill(store, questions=4)
    (first, *others) = compare(store)
    bad = {**first, "metric_version": "odd"}
    store.insert("similarities", [{**row, "metric_version": "odd", "score": 0.5} for row in others])
    store.sql("SELECT 1")
    store.insert("similarities", [{**bad, "score": "NaN"}])
    data = load(store, Reads(), store.counters(), Chosen(metric=("embedding", "odd")), "ann")
    assert data.pool.broken == 1
    whole = data.pool.pairs[None]
    assert (whole["n"], whole["middle"]) == (3, 0.5)
    assert data.pool.low < data.pool.high  # all similarities equal
    assert data.unplaced == 1
    assert [row["similarity"] for row in data.items].count(None) == 1


# -- choosing --------------------------------------------------------------------------------------------


async def test_metric_pair_category_and_selection_are_chosen_with_the_cursor(store: Store) -> None:
    fill(store, models=MODELS, questions=8)
    compare(store)
    compare(store, metric="rouge", version="1", scale=0.5)
    async with running(store.path, LARGE, start="select") as pilot:
        screen = await browsing(pilot)
        assert screen._chosen.metric == ("embedding", "hashing-1")  # the selection's own, though rouge is newer
        await pilot.press("tab")
        assert screen.focused.id == "metrics"
        await pilot.press("up")
        await settled(pilot, screen, metric=("rouge", "1"))
        await until(pilot, lambda: shows(pilot, "rouge 1") and shows(pilot, "median 0.062"))
        await pilot.press("p", "G")
        await settled(pilot, screen, pair=("quartz-7b", "zircon-9b"))
        await until(pilot, lambda: shows(pilot, "compared 8,") and shows(pilot, "8 items"))
        await pilot.press("enter")
        assert screen.focused.id == "items"
        await pilot.press("p", "g", "c")
        await until(pilot, lambda: shows(pilot, "questions"))
        await pilot.press("down", "down", "enter")
        await settled(pilot, screen, category="writing", pair=None)
        await until(pilot, lambda: shows(pilot, "category writing") and shows(pilot, "12 items"))
        await pilot.press("tab", "tab", "tab")
        while screen.focused.id != "selections":
            await pilot.press("tab")
        await pilot.press("down")
        await settled(pilot, screen, selection=None)
        await until(pilot, lambda: shows(pilot, "least alike of everything"))
        await pilot.press("h")
        await settled(pilot, screen, highest=True)
        await until(pilot, lambda: shows(pilot, "0.120"))
        found = [row["similarity"] for row in screen._data.items]
        assert found == sorted(found, reverse=True)


async def test_jumps_to_the_least_and_most_alike(store: Store) -> None:
    fill(store, models=MODELS, questions=8)
    compare(store)
    async with running(store.path, start="select") as pilot:
        screen = await browsing(pilot)
        table = screen._table("items")
        for key, value in (("h", 0.24), ("l", 0.01)):
            await pilot.press(key)
            assert screen._data.items[table.cursor]["similarity"] == pytest.approx(value)
    assert extreme([{"similarity": None}], True) is None


async def test_new_selections_come_from_the_form_and_appear(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, models=MODELS, questions=8, selected=False)
    compare(store)
    launched: list[tuple[str, dict[str, Any]]] = []

    def note(_store: Store, kind: str, spec: dict[str, Any]) -> str:
        launched.append((kind, json.loads(json.dumps(spec))))
        return "dddd4444"

    monkeypatch.setattr(jobs, "launch", note)
    async with running(store.path, LARGE, start="select") as pilot:
        screen = await browsing(pilot)
        await pilot.press("n")
        await until(pilot, lambda: shows(pilot, "Top k") and shows(pilot, MODELS[0]))
        pilot.app.screen.query_one("#method").value = "label-next"
        await pilot.press("f9")
        await until(pilot, lambda: shows(pilot, "Launch select?"))
        await pilot.press("y")
        await until(pilot, lambda: shows(pilot, "Job dddd4444"))
        assert launched[0][0] == "select"
        fill(store, models=MODELS, questions=8, name="made later")
        await until(pilot, lambda: shows(pilot, "made later") and screen._data.selection is not None)
        await pilot.press("x")
        await until(pilot, lambda: shows(pilot, "mad-annotation"))


async def test_annotating_takes_this_selection_and_votes_come_back(store: Store) -> None:
    fill(store, models=MODELS, questions=4, name="first")
    second = fill(store, models=MODELS, questions=2, name="second")
    async with running(store.path, LARGE, start="annotate") as pilot:
        await until(pilot, lambda: pilot.app.screen._shown_at is not None)
        await pilot.press("f8")
        screen = await browsing(pilot)
        await settled(pilot, screen, selection=screen._data.selections[0]["selection_id"])
        for row in screen._data.selections:
            if row["selection_id"] != screen._chosen.selection:
                other = row
        while screen.focused is None or screen.focused.id != "selections":
            await pilot.press("tab")
        await pilot.press("down")
        await settled(pilot, screen, selection=other["selection_id"])
        await pilot.press("a")
        session = pilot.app.screen
        await until(pilot, lambda: session._session is not None and session._shown_at is not None)
        assert session._session.selection_id == other["selection_id"]
        await pilot.press("a")
        await until(pilot, lambda: shows(pilot, "✓ saved"))
        await pilot.press("f8")
        await until(pilot, lambda: any(row["mine"] for row in screen._data.items))
        assert screen._data.selection["voted"] == screen._data.selection["mine"] == 1
        assert second


# -- blind -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, HUGE])
async def test_an_item_is_blind_until_asked_and_a_look_gives_up_the_vote(store: Store, size: tuple[int, int]) -> None:
    fill(store, models=MODELS, questions=4, text=lambda q, m, t: f"ANSWER{MODELS.index(m)} to {q} " + "word " * 30)
    compare(store)
    async with running(store.path, size, start="select") as pilot:
        screen = await browsing(pilot)
        await pilot.press("enter")
        item = await opened(pilot)
        for key in ("", "d", "v", "z", "r", "r", "tab", "j", "G", "e", "n", "p", "i"):
            if key:
                await pilot.press(key)
                await pilot.pause(0.05)
            await opened(pilot) if key in ("n", "p") else None
            assert not [name for name in MODELS if shows(pilot, name)], key
        assert shows(pilot, "Show the models' names?") and shows(pilot, "takes no vote of yours")
        await pilot.press("n")
        assert not store.sql("SELECT * FROM annotations").rows
        shown = item._item
        await pilot.press("i", "y")
        await until(pilot, lambda: shows(pilot, f"A  {shown.left_model}") and shows(pilot, f"B  {shown.right_model}"))
        row = store.sql("SELECT * FROM annotations").dicts()[0]
        assert (row["verdict"], row["flags"], row["annotator"]) == ("skip", ["identity_revealed"], "ann")
        assert (row["response_a"], row["response_b"]) == (shown.key.response_a, shown.key.response_b)
        await pilot.press("n")
        await until(pilot, lambda: item._item not in (None, shown))
        await pilot.pause(0.05)
        assert not [name for name in MODELS if shows(pilot, name)]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert screen._table("items").cursor == 1
        await until(pilot, lambda: screen._data.items[0]["mine"])
        await pilot.press("f4")
        await until(pilot, lambda: pilot.app.screen._shown_at is not None)
        assert shows(pilot, "1/12")


async def test_the_order_of_the_answers_is_that_of_annotating(store: Store) -> None:
    fill(store, models=MODELS, questions=6)
    from workbench.annotate import Session

    known = {item.key.item: item for item in Session(store, "ann").next_items(18)}
    async with running(store.path, LARGE, start="select") as pilot:
        await browsing(pilot)
        await pilot.press("enter")
        item = await opened(pilot)
        for _ in range(6):
            seen = item._item
            assert seen == known[seen.key.item]
            await pilot.press("n")
            await until(pilot, lambda s=seen, i=item: i._item not in (None, s))


async def test_names_in_the_list_are_hidden_and_warned_of(store: Store) -> None:
    fill(store, models=MODELS, questions=4)
    compare(store)
    async with running(store.path, LARGE, start="select") as pilot:
        await browsing(pilot)

        def named() -> bool:
            return any("zircon" in line and "Question" in line for line in lines(pilot))

        assert not named()
        await pilot.press("i")
        await until(pilot, lambda: named() and shows(pilot, "! names shown") and shows(pilot, "no longer hidden"))
        await pilot.press("i")
        await until(pilot, lambda: not named() and not shows(pilot, "! names shown"))
    pairs = list(itertools.combinations("abcdefgh", 2))
    assert list(hidden_names(pairs)) != pairs  # the numbers are not the order of the names
    assert sorted(hidden_names(pairs).values()) == sorted(f"·{i}" for i in range(1, 29))


async def test_an_item_no_selection_holds_is_shown_with_a_warning_only(store: Store) -> None:
    fill(store, models=MODELS, questions=4, selected=False)
    compare(store)
    async with running(store.path, LARGE, start="select") as pilot:
        await browsing(pilot)
        await pilot.press("enter")
        await opened(pilot)
        assert shows(pilot, "of everything compared, rank 1") and shows(pilot, "similarity 0.010")
        await pilot.press("i")
        await until(pilot, lambda: shows(pilot, "No selection holds this item"))
        await pilot.press("y")
        await until(pilot, lambda: shows(pilot, "A  "))
        assert not store.sql("SELECT * FROM annotations").rows
        await pilot.press("a")
        await until(pilot, lambda: shows(pilot, "Choose a selection first"))


async def test_long_names_leave_room_for_the_warning(store: Store) -> None:
    long = ("a-model-with-a-very-long-name-70b-instruct-2026", "b-漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字-70b")
    fill(store, models=long, questions=2)
    compare(store, version="an-encoder-of-some-vendor-with-a-long-version-number")
    async with running(store.path, start="select") as pilot:
        screen = await browsing(pilot)
        await pilot.press("p", "down", "i")
        await settled(pilot, screen, pair=long)
        await until(pilot, lambda: lines(pilot)[1].rstrip().endswith("! names shown") and "… · b-" in lines(pilot)[1])


# -- hostile text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_text_is_harmless_everywhere(store: Store, size: tuple[int, int]) -> None:
    name = "ev\x1b[31mil[red]漢字" + "[/nothing]"
    evil = [EVIL, "漢" * 400, "\u202e" + "x" * 100_000]
    fill(store, models=(name, "plain"), text=lambda q, m, t: EVIL, ask=lambda q, t: evil[q % 3], name=name)
    compare(store, metric=EVIL, version="v\x1b[2J[b]")
    async with running(store.path, size, start="select") as pilot:
        await browsing(pilot)
        for key in ("", "i", "h", "right", "right", "right", "c", "escape", "p", "down", "x", "tab", "enter", "enter"):
            if key:
                await pilot.press(key)
            await pilot.pause(0.1)
            strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
            assert {strip.cell_length for strip in strips} == {size[0]}, key
            for line in lines(pilot):
                assert not CONTROL.search(line) and "\u202e" not in line, (key, line)
        await opened(pilot)
        assert "[31m" in screen_text(pilot) or shows(pilot, "markup")


# -- it stays quick --------------------------------------------------------------------------------------


async def test_votes_do_not_read_the_distribution_again(store: Store) -> None:
    fill(store, models=MODELS, questions=4)
    rows = compare(store)
    reads, asked = Reads(), []
    real = store.query

    class Counting:
        def query(self, name: str, **params: Any) -> list[dict[str, Any]]:
            asked.append(name)
            return real(name, **params)

    counting: Any = Counting()
    counters = store.counters()
    load(counting, reads, counters, Chosen(), "ann")
    assert "ui_similarity_pairs" in asked
    asked.clear()
    load(counting, reads, {**counters, "annotations": 10**6}, Chosen(), "ann")
    assert set(asked) <= {"ui_selection_list", "ui_selection_items"}
    asked.clear()
    later = load(counting, reads, {**counters, "similarities": 10**6}, Chosen(), "ann")
    assert "ui_similarity_pairs" not in asked  # within its patience: asked for again a little later
    assert later.stale_s is not None and 0 < later.stale_s <= 60
    assert rows


# -- drawing ---------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50), st.integers(1, 12))
def test_bars_are_as_high_as_their_counts(counts: list[int], rows: int) -> None:
    drawn = bar_lines(counts, rows)
    assert [len(line) for line in drawn] == [len(counts)] * rows
    heights = [sum(" ▁▂▃▄▅▆▇█".index(line[i]) for line in drawn) for i in range(len(counts))]
    for count, height in zip(counts, heights, strict=True):
        assert (height == 0) == (count == 0)
        if count:
            assert height == max(1, round(count / max(counts) * rows * 8))


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_the_axis_holds_its_values(one: float, two: float) -> None:
    least, greatest = sorted((one, two))
    low, high = axis(least, greatest)
    assert low < high and math.isfinite(high - low)
    if abs(least) < 1e6 and abs(greatest) < 1e6:
        assert low <= least + 1e-6 and high >= greatest - 1e-6
    assert len(axis_line(low, high, 60)) <= 60


@pytest.mark.parametrize("width", [1, 5, 21, 36, 44, 80, 132, 500])
@pytest.mark.parametrize("height", [1, 2, 3, 8, 14, 40])
def test_a_histogram_fits_its_room(width: int, height: int) -> None:
    columns = columns_for(width)
    assert (columns <= width and BINS % columns == 0 and columns > width // 2 - 1) or width > BINS
    bars = [Bars("compared 840,000 漢字漢字", [1] * BINS), Bars("selected", [0] * BINS), Bars("random", [2] * BINS)]
    text = "".join(part for part, _ in histogram_parts(bars, (0.0, 1.0), width, height))
    assert len(text.split("\n")) <= height
    assert ("selected" in text) == (height >= 5 and width >= 8)


def test_axes_and_counts_read_well() -> None:
    assert axis(0.013, 0.97) == (0.0, 1.0)
    assert axis(-0.087, 1.0) == (-0.1, 1.0)
    assert [short(n) for n in (0, 9_999, 30_000, 840_000, 1_200_000)] == ["0", "9,999", "30.0k", "840k", "1.2M"]
