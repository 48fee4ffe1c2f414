"""Doctor: the GPUs and who is on them, and below what else was found about this machine and store, with fixes."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from screens.actions import bindings
from screens.base import WorkbenchScreen
from screens.widgets.bars import meter
from screens.widgets.pages import Section
from screens.widgets.pane import Pane
from screens.widgets.table import Column, Table
from workbench.errors import WorkbenchError
from workbench.text import one_line, plural

if TYPE_CHECKING:
    from workbench.doctor import Finding, Report
    from workbench.doctor.devices import Devices

#: Seconds between two looks, and looks after which everything is looked at again.
EVERY_S, ALL_AFTER = 5.0, 12
#: Cells of a bar.
BAR = 10
TITLES = {"problem": "Problems", "warning": "Worth a look", "unknown": "Could not be told", "ok": "Fine"}


class DoctorScreen(WorkbenchScreen):
    """Looks again every few seconds while it is in front, in the background: a driver that hangs holds up nothing."""

    WHERE = "doctor"
    TABLES = frozenset({"models"})
    BINDINGS = bindings("doctor", "scroll")
    CSS_PATH = "doctor.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, list[Finding]] = {}  # by group, each from its latest look
        self._devices: Devices | None = None
        self._sections: list[Section] = []
        self._looks = 0
        self._probed = self._probing = False

    def body(self) -> Iterable[Widget]:
        yield Static(Content.styled("Looking at everything …", "$quiet"), id="head")
        yield Table(
            Column("GPU", most=28), Column("memory", accent=True), Column("used", True), Column("of", True),
            Column("processes", most=160), id="gpus",
        )  # fmt: skip
        yield Pane(id="findings")

    def on_mount(self) -> None:
        self.set_interval(EVERY_S, self._tick)
        self.reload()

    def _tick(self) -> None:
        # Not when the last look still waits for something: there is no use in asking for one more.
        if self.is_current and not self._loading:
            self.reload()

    # -- looking, in a thread ----------------------------------------------------------------------

    def reload(self) -> None:
        """Look again. Unlike other destinations this one has something to say without a store."""
        if self._loading:
            self._again = True
            return
        self._loading, self._again = True, False
        whole = self._looks % ALL_AFTER == 0
        self._looks += 1
        # What was made known by asking endpoints stays until they are asked again.
        endpoints = not self._probed
        self.background(lambda: self._look(whole, endpoints), self._loaded, self._load_failed)

    def _look(self, whole: bool, endpoints: bool) -> tuple[Collection[str], Report]:
        from workbench.doctor import GROUPS, examine
        from workbench.doctor.examine import SLOW

        groups = {group for group in GROUPS if whole or group not in SLOW}
        if not endpoints:
            groups.discard("endpoint")
        return groups, examine(self.app.store_path, store=self.app.store, open_it=False, groups=groups)

    def _probe(self) -> tuple[Collection[str], Report]:
        from workbench.doctor import examine

        groups = ("endpoint",)
        return groups, examine(self.app.store_path, store=self.app.store, open_it=False, probe=True, groups=groups)

    # -- drawing -----------------------------------------------------------------------------------

    def show(self, data: tuple[Collection[str], Report]) -> None:
        from workbench.doctor.findings import ordered

        groups, report = data
        for group in groups:
            self._kept[group] = [finding for finding in report.findings if finding.group == group]
        if "gpu" in groups:
            self._devices = report.devices
            self._draw_gpus(report.devices)
        findings = ordered(finding for found in self._kept.values() for finding in found)
        self._draw_head(findings)
        self._draw_findings(findings)

    def _draw_head(self, findings: list[Finding]) -> None:
        n = {state: sum(f.state == state for f in findings) for state in TITLES}
        gpus = len(self._devices.gpus) if self._devices else 0
        parts: list[tuple[str, str]] = [
            (plural(gpus, "GPU") if gpus else "no GPU", "bold"),
            (" · ", "$quiet"),
            (plural(n["problem"], "problem"), "bold $error" if n["problem"] else "$quiet"),
            (" · ", "$quiet"),
            (f"{n['warning'] + n['unknown']:,} to look at", "" if n["warning"] + n["unknown"] else "$quiet"),
            (f" · {n['ok']:,} fine · {time.strftime('%H:%M:%S')}", "$quiet"),
        ]
        self.query_one("#head", Static).update(Content.assemble(*parts), layout=False)

    def _draw_gpus(self, devices: Devices) -> None:
        self.set_class(not devices.gpus, "-none")
        rows = gpu_rows(devices)
        self.query_one("#gpus", Table).set_rows([cells for _, cells in rows], [key for key, _ in rows])

    def _draw_findings(self, findings: list[Finding]) -> None:
        sections = finding_sections(findings)
        if sections == self._sections:
            return
        self._sections = sections
        pane = self.query_one("#findings", Pane)
        place = int(pane.scroll_offset.y)
        pane.set_text(sections)
        pane.move(place)

    # -- actions -----------------------------------------------------------------------------------

    def action_part(self) -> None:
        """The keys move in the list of GPUs, or (again) in the findings."""
        table = self.query_one("#gpus", Table)
        if table.has_focus or self.has_class("-none"):
            self.set_focus(None)
        else:
            table.focus()

    def action_refresh(self) -> None:
        self._looks = 0
        self.reload()

    def action_probe(self) -> None:
        if self.app.store is None:
            self.say("The store is not open: its models are not known.")
            return
        if self._probing:
            return
        self._probing = True
        self.say("Asking every endpoint …")
        self.background(self._probe, self._show_probed, self._probe_failed)

    def _show_probed(self, data: tuple[Collection[str], Report]) -> None:
        self._probing, self._probed = False, True
        bad = data[1].count("problem")
        n = len(data[1].findings)
        self.say(f"Asked {plural(n, 'endpoint')}: {plural(bad, 'problem')}." if n else "No model has an endpoint.")
        self.show(data)

    def _probe_failed(self, error: WorkbenchError) -> None:
        self._probing = False
        self.failed(error)

    def action_scroll_lines(self, lines: int) -> None:
        self.query_one("#findings", Pane).move(lines)

    def action_scroll_pages(self, pages: int) -> None:
        self.query_one("#findings", Pane).move_pages(pages)

    def action_scroll_edge(self, edge: int) -> None:
        self.query_one("#findings", Pane).move_to_edge(edge)


def gpu_rows(devices: Devices) -> list[tuple[str, tuple[str, ...]]]:
    """(key, cells) of each GPU, its slices, and a row for each further process."""
    from workbench.doctor.devices import who
    from workbench.doctor.findings import mib_text

    rows: list[tuple[str, tuple[str, ...]]] = []
    for gpu in devices.gpus:
        # A process's name may be anything: the table cleans what it shows.
        using = [who(process) for process in gpu.processes] or ["" if gpu.memory_total else "memory is not told"]
        # What the driver itself takes would otherwise look like somebody's use.
        visible = gpu.memory_used if gpu.memory_used * 100 > gpu.memory_total else 0
        bar = "".join(meter(visible, gpu.memory_total, BAR)) if gpu.memory_total else ""
        used, of = (mib_text(gpu.memory_used), mib_text(gpu.memory_total)) if gpu.memory_total else ("", "")
        rows.append((f"{gpu.index}", (f"{gpu.index} {gpu.name.removeprefix('NVIDIA ')}", bar, used, of, using[0])))
        rows += [(f"{gpu.index}/{i}", ("", "", "", "", more)) for i, more in enumerate(using[1:])]
        for one in devices.slices:
            if one.gpu == gpu.index:
                rows.append((one.uuid, (f"└ MIG {one.profile}", "", "", "", one.uuid)))
    return rows


def finding_sections(findings: Iterable[Finding]) -> list[Section]:
    """What the pane shows: a heading a state, two lines a finding."""
    from workbench.doctor import GROUPS

    sections: list[Section] = []
    state = ""
    for finding in findings:
        if finding.state != state:
            state = finding.state
            sections += [("note", "")] if sections else []
            sections.append(("title", TITLES[state]))
        sections.append(("text", f"- {GROUPS[finding.group]}: {one_line(finding.what, 600)}"))
        if finding.fix:
            sections.append(("quote", f"  → {one_line(finding.fix, 600)}"))
    return sections
