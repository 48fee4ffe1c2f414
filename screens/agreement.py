"""Agreement: how often judges and people say the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from screens.actions import bindings
from screens.base import WorkbenchScreen
from screens.widgets.table import Column, Table

if TYPE_CHECKING:
    from workbench.agree import AgreementRow
    from workbench.store import Store

#: FastChat's setups: 1 counts ties, 2 leaves out a meeting with a tie.
SETUPS = {1: "in", 2: "out"}


class AgreementScreen(WorkbenchScreen):
    WHERE = "agreement"
    TABLES = frozenset({"annotations", "judgments"})
    BINDINGS = bindings("agreement")
    CSS_PATH = "results.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[AgreementRow] = []
        self._turn: int | None = None

    def body(self) -> Iterable[Widget]:
        yield Static("", id="head")
        yield Static(Content("Opening the store …"), id="empty")
        yield Table(
            Column("between", most=20), Column("and", most=20), Column("turn", True), Column("ties"),
            Column("agree/n", True), Column("share %", True), Column("95 %", True), Column("κ", True),
            Column("95 %", True), Column("left out", True), Column("questions", True),
            id="board",
        )  # fmt: skip
        yield Static("", id="foot")

    def load(self, store: Store) -> list[AgreementRow]:
        from workbench.agree import agreement

        return agreement(store)

    def show(self, data: list[AgreementRow]) -> None:
        self._rows = data
        self._draw()

    def _draw(self) -> None:
        shown = [row for row in self._rows if self._turn in (None, row.turn)]
        turn = "all turns" if self._turn is None else turn_name(self._turn)
        self.query_one("#head", Static).update(Content.assemble(("Agreement", "bold $primary"), (f"   {turn}", "bold")))
        self.set_class(not shown, "-empty")
        if not shown:
            self.query_one("#empty", Static).update(Content(EMPTY))
            return
        table = self.query_one(Table)
        table.set_rows([cells(row) for row in shown], [f"{r.turn} {r.a} {r.b} {r.setup}" for r in shown])
        if self.focused is None:
            table.focus()
        interval = next((row.interval for row in shown if row.interval), None)
        self.query_one("#foot", Static).update(
            Content(
                "share = agree/n meetings of two votes on the same comparison"
                + (f"; interval: {interval}" if interval else "")
                + "\nκ: Cohen's between two groups, Scott's π within one; left out: meetings with a vote that was "
                "skipped, unparsed or failed"
            )
        )

    def action_turn(self) -> None:
        turns: list[int | None] = [None, *sorted({row.turn for row in self._rows})]
        at = turns.index(self._turn) if self._turn in turns else 0
        self._turn = turns[(at + 1) % len(turns)]
        self._draw()

    def action_refresh(self) -> None:
        self.reload()


EMPTY = (
    "Nothing to compare yet: agreement needs two groups that voted on the same pairs, people or judges.\n\n"
    "F4: annotate here, or in a shell: workbench annotate\n"
    "F3: let a model judge the same pairs: workbench judge --judge NAME --selection latest"
)


def turn_name(turn: int) -> str:
    return f"turn {turn}" if turn else "whole conversation"


def cells(row: AgreementRow) -> tuple[str, ...]:
    return (
        row.a, "each other" if row.a == row.b else row.b, str(row.turn) if row.turn else "all",
        SETUPS.get(row.setup, str(row.setup)), f"{row.agree:,}/{row.n:,}", percent(row.share),
        span(row.lower, row.upper, 100), "" if row.kappa is None else f"{row.kappa:.2f}",
        span(row.kappa_lower, row.kappa_upper, 1), f"{row.left_out:,}", f"{row.questions:,}",
    )  # fmt: skip


def percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.1f}"


def span(lower: float | None, upper: float | None, times: int) -> str:
    """An interval; percents with one decimal, others with two."""
    if lower is None or upper is None:
        return ""
    digits = 1 if times == 100 else 2
    dash = "–" if lower >= 0 else " to "
    return f"{lower * times:.{digits}f}{dash}{upper * times:.{digits}f}"
