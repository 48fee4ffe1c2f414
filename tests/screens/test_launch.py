"""The launch forms: what they offer, what they check, what they ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from screens.launch import FORMS, parse_field
from tests.screens.driving import LARGE, SMALL, running, screen_text, shows, until
from tests.screens.rows import MODELS, fill
from workbench import jobs
from workbench.protocol_names import BUILT_IN
from workbench.select import GOALS, METHODS
from workbench.similarity.spec import METRICS
from workbench.store import Store


@pytest.fixture
def launched(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What was asked for; no process is started."""
    found: list[tuple[str, dict[str, Any]]] = []

    def note(_store: Store, kind: str, spec: dict[str, Any]) -> str:
        found.append((kind, json.loads(json.dumps(spec))))
        return "dddd4444"

    fill(store, selected=False)
    monkeypatch.setattr(jobs, "launch", note)
    return found


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_every_protocol_is_offered_and_completed(
    store: Store, launched: list[tuple[str, dict[str, Any]]], size: tuple[int, int]
) -> None:
    async with running(store.path, size, start="jobs") as pilot:
        await until(pilot, lambda: shows(pilot, "No job has run"))
        await pilot.press("n", "j")
        await until(pilot, lambda: shows(pilot, "Protocol") and shows(pilot, MODELS[0]))
        shown = screen_text(pilot).replace("\n", " ")
        assert [name for name in BUILT_IN if f" {name}," not in shown and f" {name};" not in shown] == []
        await pilot.press(*"smollm2-brief", "tab", *"simi")
        field = pilot.app.screen.query_one("#protocol")
        await until(pilot, lambda: field._suggestion == "similarity")
        await pilot.press("right")
        assert field.value == "similarity"
        await pilot.press("f9")
        await until(pilot, lambda: shows(pilot, "Launch judge?"))
        await pilot.press("y")
        await until(pilot, lambda: shows(pilot, "dddd4444"))
    ((kind, spec),) = launched
    assert (kind, spec["judge"], spec["protocol"]) == ("judge", "smollm2-brief", "similarity")


async def test_a_protocol_of_a_file_is_kept_by_its_whole_path_and_a_wrong_name_is_told(
    store: Store, launched: list[tuple[str, dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text('name = "x"\nprompt = "{{answer_1}}"\n[parser]\nnumber = true\n')
    monkeypatch.chdir(tmp_path)
    async with running(store.path, LARGE, start="jobs") as pilot:
        await until(pilot, lambda: shows(pilot, "No job has run"))
        await pilot.press("n", "j")
        await until(pilot, lambda: shows(pilot, "Protocol") and shows(pilot, MODELS[0]))
        pilot.app.screen.query_one("#judge").value = "smollm2-brief"
        for wrong, words in (("pairwize-all", "did you mean 'pairwise-all'"), ("user:none.toml", "cannot be read")):
            pilot.app.screen.query_one("#protocol").value = wrong
            await pilot.press("f9")
            await until(pilot, lambda w=words: shows(pilot, w))
        pilot.app.screen.query_one("#protocol").value = "user:mine.toml"
        await pilot.press("f9")
        await until(pilot, lambda: shows(pilot, "Launch judge?"))
        await pilot.press("y")
        await until(pilot, lambda: shows(pilot, "dddd4444"))
    ((_, spec),) = launched
    assert spec["protocol"] == f"user:{tmp_path / 'mine.toml'}"


async def test_a_selection_by_what_to_label_next(store: Store, launched: list[tuple[str, dict[str, Any]]]) -> None:
    async with running(store.path, LARGE, start="jobs") as pilot:
        await until(pilot, lambda: shows(pilot, "No job has run"))
        await pilot.press("n", "e")
        await until(pilot, lambda: shows(pilot, "Method") and shows(pilot, MODELS[0]))
        screen = pilot.app.screen
        for name, value in (("method", "label-nxt"), ("goal", "both"), ("items", "3")):
            screen.query_one(f"#{name}").value = value
        await pilot.press("f9")
        await until(pilot, lambda: shows(pilot, "did you mean 'label-next'"))
        screen.query_one("#method").value = "label_next"
        await pilot.press("f9")
        await until(pilot, lambda: shows(pilot, "Launch select?") and shows(pilot, "3 items"))
        await pilot.press("y")
        await until(pilot, lambda: shows(pilot, "dddd4444"))
    ((kind, spec),) = launched
    assert (kind, spec["method"], spec["goal"], spec["items"]) == ("select", "label-next", "both", 3)


def test_names_offered_are_those_there_are() -> None:
    offered = {field.name: field.names for fields in FORMS.values() for field in fields if field.names}
    assert {name: set(names) for name, names in offered.items()} == {
        "method": set(METHODS), "goal": set(GOALS), "protocol": set(BUILT_IN), "metric": set(METRICS),
    }  # fmt: skip
    by_name = {field.name: field for field in FORMS["judge"]}
    assert parse_field(by_name["protocol"], " pairwise_all ") == "pairwise-all"
