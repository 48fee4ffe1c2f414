"""The doctor's panel: GPUs as bars with who is on them, findings with fixes, whatever the driver does."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from screens import doctor as panel
from screens.widgets.table import Table
from tests.doctor.fakes import GIB, FakeGpu, nvidia_smi, on_path, script
from tests.screens.driving import SMALL, lines, running, screen_text, shows, until
from workbench.models import save_model
from workbench.records import Model
from workbench.store import Store

SIZES = [SMALL, (120, 40)]
HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J[@click=app.quit]x[/]\u202e\x9b31m"


async def looked(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: shows(pilot, " fine · "))


def harmless(pilot: Pilot[None]) -> bool:
    text = screen_text(pilot)
    return not any(c < " " or "\x7f" <= c < "\xa0" or c == "\u202e" for c in text if c != "\n")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_two_gpus(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    processes = ((os.getpid(), "python", 60 * GIB, 0), (999_998, HOSTILE, 3 * GIB, 1))
    gpus = FakeGpu(0, used=61 * GIB), FakeGpu(1, used=4 * GIB)
    on_path(monkeypatch, nvidia_smi(tmp_path / "bin", *gpus, processes=processes))
    async with running(store.path, size, start="doctor") as pilot:
        await looked(pilot)
        shown = lines(pilot)
        first = next(line for line in shown if "0 H100" in line)
        assert "━━━━━━━───" in first and "61.0 GiB" in first and "80.0 GiB" in first
        assert shows(pilot, "2 GPUs") and shows(pilot, "Worth a look") and harmless(pilot)
        second = next(line for line in shown if "1 H100" in line)
        assert "─────────" in second
        assert "F2 Home" in shown[0] and "Doctor" in shown[0], "the bar at the top has room for all"
        await pilot.press("tab", "right", "right", "right", "right")
        assert pilot.app.screen.query_one("#gpus", Table).has_focus
        await until(pilot, lambda: shows(pilot, "(pid 999998"))
        assert harmless(pilot)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_no_gpu(store: Store, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("there are GPUs here")
    on_path(monkeypatch, None)
    async with running(store.path, size) as pilot:
        await pilot.press("ctrl+g")
        await looked(pilot)
        await until(pilot, lambda: shows(pilot, "no GPU ·") and shows(pilot, "no NVIDIA driver here"))
        assert not pilot.app.screen.query_one("#gpus").display
        await pilot.press("G")
        await until(pilot, lambda: shows(pilot, "Terminal:"))


async def test_by_letter_and_palette_and_help(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch, None)
    async with running(store.path) as pilot:
        await pilot.press("m")
        await until(pilot, lambda: shows(pilot, "d Doctor"))
        await pilot.press("d")
        await until(pilot, lambda: pilot.app.current_mode == "doctor")
        await looked(pilot)
        titles = {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert {"Go to Doctor", "Ask every endpoint whether it is there"} <= titles
        await pilot.press("question_mark")
        await until(pilot, lambda: shows(pilot, "doctor.probe"))


async def test_slices(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch, nvidia_smi(tmp_path / "bin", FakeGpu(0, slices=("3g.40gb", "4g.40gb"))))
    async with running(store.path, start="doctor") as pilot:
        await looked(pilot)
        await until(pilot, lambda: shows(pilot, "MIG 3g.40gb") and shows(pilot, "2 MIG slices"))


async def test_garbage(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch, script(tmp_path / "bin", "printf '\\033]52;c;aGk=\\007\\377\\033[2J?'"))
    async with running(store.path, start="doctor") as pilot:
        await looked(pilot)
        await until(pilot, lambda: shows(pilot, "nothing that can be read") and harmless(pilot))


async def test_a_hung_driver_holds_up_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path(monkeypatch, script(tmp_path / "bin", "sleep 30"))
    async with running(store.path, start="doctor") as pilot:
        begin = time.monotonic()
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.current_mode == "home")
        assert time.monotonic() - begin < 2
        await pilot.press("ctrl+g")
        await until(pilot, lambda: shows(pilot, "the driver hangs"))
        assert shows(pilot, "1 problem")


async def test_it_looks_again_by_itself(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel, "EVERY_S", 0.2)
    bin_ = nvidia_smi(tmp_path / "bin", FakeGpu(0, used=8 * GIB))
    on_path(monkeypatch, bin_)
    async with running(store.path, start="doctor") as pilot:
        await until(pilot, lambda: shows(pilot, "8.0 GiB"))
        nvidia_smi(bin_, FakeGpu(0, used=40 * GIB))
        await until(pilot, lambda: shows(pilot, "40.0 GiB"))
        (bin_ / "nvidia-smi").unlink()
        await until(pilot, lambda: shows(pilot, "no GPU ·"))
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.current_mode == "home")


async def test_endpoints_are_asked_on_a_key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel, "EVERY_S", 0.3)
    on_path(monkeypatch, None)
    monkeypatch.setenv("DOCTOR_KEY", "sk-PLANTED0123456789")
    async with running(store.path, (120, 40), start="doctor") as pilot:
        await looked(pilot)
        save_model(store, Model("gpt", "api", "http://127.0.0.1:9/v1", {"api_key_env": "DOCTOR_KEY"}))
        await until(pilot, lambda: "DOCTOR_KEY is set" in str(pilot.app.screen._sections))
        await pilot.press("p")
        await until(pilot, lambda: shows(pilot, "127.0.0.1:9/v1 cannot be reached"))
        await pilot.pause(0.8)
        assert shows(pilot, "127.0.0.1:9/v1 cannot be reached"), "what was asked for stays"
        assert "PLANTED" not in str(pilot.app.screen._sections)


async def test_without_a_store_that_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from screens.app import WorkbenchApp

    on_path(monkeypatch, None)
    path = tmp_path / "s.duckdb"
    path.write_text("{not a store}", "utf-8")
    app = WorkbenchApp(path, start="doctor", poll_s=0.2)
    async with app.run_test(size=SMALL) as pilot:
        # Where the line breaks hangs on the length of the path.
        await until(pilot, lambda: "is not a DuckDB file" in " ".join(screen_text(pilot).split()))
        assert shows(pilot, "Problems")
