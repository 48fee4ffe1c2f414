"""Leaderboard: ratings with intervals, live, by method and by whose votes count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.content import Content
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Static

from screens.actions import bindings
from screens.base import WorkbenchScreen
from screens.widgets.pages import steady
from screens.widgets.table import Column, Table
from workbench.errors import Unknown
from workbench.text import one_line, plural

if TYPE_CHECKING:
    from workbench.rate.leaderboard import Leaderboard, LeaderboardRow
    from workbench.store import Store

METHODS = {
    "bt": "Bradley–Terry",
    "elo": "Elo, in the order decided",
    "elo_permutation": "Elo, median over random orders",
    "elo_bootstrap": "Elo, bootstrap",
}


class LeaderboardScreen(WorkbenchScreen):
    WHERE = "leaderboard"
    TABLES = frozenset({"annotations", "judgments"})
    BINDINGS = bindings("leaderboard")
    CSS_PATH = "results.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._method = "bt"
        self._by = "all"
        self._sources: list[str] = ["all", "human"]
        self._board: Leaderboard | None = None

    def body(self) -> Iterable[Widget]:
        yield Static("", id="head")
        yield Static(Content("Opening the store …"), id="empty")
        yield Table(*self._columns(), id="board")
        yield Static("", id="foot")

    @staticmethod
    def _columns() -> Sequence[Column]:
        return (
            Column("#", True), Column("model", most=28), Column("rating", True), Column("95 %", True),
            Column("", accent=True, most=200), Column("n", True), Column("W/L/T", True),
        )  # fmt: skip

    def load(self, store: Store) -> tuple[list[str], Leaderboard]:
        from workbench.rate.leaderboard import leaderboard

        sources = ["all", *(row["name"] for row in store.query("ui_raters"))]
        try:
            return sources, leaderboard(store, method=self._method, by=self._by)
        except Unknown:  # the votes of this source were taken back
            return sources, leaderboard(store, method=self._method, by="all")

    def show(self, data: tuple[list[str], Leaderboard]) -> None:
        self._sources, self._board = data
        self._by = self._board.by
        self._draw()

    def _draw(self) -> None:
        board = self._board
        if board is None:
            return
        place = f"{self._sources.index(self._by) + 1} of {len(self._sources)}" if self._by in self._sources else ""
        self.query_one("#head", Static).update(
            Content.assemble(
                (METHODS.get(board.method, board.method), "bold $primary"), ("   votes of ", "$quiet"),
                (one_line(steady(board.by), 40), "bold"), (f"  ({place})", "$quiet"),
            )
        )  # fmt: skip
        self.set_class(not board.rows, "-empty")
        if not board.rows:
            self.query_one("#empty", Static).update(Content(empty_text(board)))
            return
        table = self.query_one(Table)
        table.set_rows(board_rows(board.rows, self.app.size.width), [row.model for row in board.rows])
        if self.focused is None:
            table.focus()
        self.query_one("#foot", Static).update(Content("\n".join(footnotes(board))))

    def on_resize(self, event: Resize) -> None:
        self._draw()

    # -- actions -----------------------------------------------------------------------------------

    def action_method(self) -> None:
        methods = list(METHODS)
        self._method = methods[(methods.index(self._method) + 1) % len(methods)]
        self.say(f"Computing: {METHODS[self._method]} …")
        self._compute()

    def action_source(self, step: int = 1) -> None:
        at = self._sources.index(self._by) if self._by in self._sources else 0
        self._by = self._sources[(at + step) % len(self._sources)]
        self._compute()

    def action_source_back(self) -> None:
        self.action_source(-1)

    def action_refresh(self) -> None:
        self._compute()

    def _compute(self) -> None:
        self.reload()
        self.say("")


def board_rows(rows: Sequence[LeaderboardRow], width: int) -> list[tuple[str, ...]]:
    """The table's cells; the bar takes what is left of the width, 10 to 60 cells."""
    bounds = [(r.rating if r.lower is None else r.lower, r.rating if r.upper is None else r.upper) for r in rows]
    lowest, highest = min(low for low, _ in bounds), max(high for _, high in bounds)
    texts = [
        (
            f"{r.rank}{'*' if r.regularised else ''}", r.model, f"{r.rating:.0f}",
            "" if r.lower is None or r.upper is None else f"{r.lower:.0f}–{r.upper:.0f}",
            f"{r.n:,}", f"{r.wins:,}/{r.losses:,}/{r.ties:,}",
        )
        for r in rows
    ]  # fmt: skip
    used = sum(max(min(len(text[i]), 28) for text in texts) for i in range(6)) + 2 * 7 + 2
    cells = max(10, min(60, width - used))
    return [
        (*text[:4], interval_bar(low, row.rating, high, lowest, highest, cells), *text[4:])
        for text, row, (low, high) in zip(texts, rows, bounds, strict=True)
    ]


def interval_bar(low: float, value: float, high: float, lowest: float, highest: float, cells: int) -> str:
    """An interval on a common scale: ``·──╋──·`` without the dots; the cross is the rating."""
    span = (highest - lowest) or 1.0

    def place(x: float) -> int:
        return round((x - lowest) / span * (cells - 1))

    bar = [" "] * cells
    for i in range(place(low), place(high) + 1):
        bar[i] = "─"
    bar[place(value)] = "╋"
    return "".join(bar)


def footnotes(board: Leaderboard) -> list[str]:
    """Everything a number needs to be read: how many, how, and what was left out."""
    lines = [f"{plural(board.battles, 'battle')} on {plural(board.questions, 'question')}"]
    if board.interval:
        lines[0] += f"; interval: {board.interval}"
    left_out = ", ".join(f"{n:,} {state}" for state, n in sorted(board.left_out.items()) if n)
    lines.append(f"left out: {left_out or 'nothing'}")
    if board.inconsistent:
        lines[1] += f"; {board.inconsistent:,} inconsistent pairs of games count as ties"
    if board.authors:
        lines[1] += f"; {plural(board.authors, 'vote')} of authors not counted"
    if any(row.regularised for row in board.rows):
        lines.append("*: kept finite by a weak prior, because some models never lost to the others")
    if board.message:
        lines.append(board.message)
    return [one_line(steady(line), 400) for line in lines]


def empty_text(board: Leaderboard) -> str:
    return (
        f"{(board.message or 'No comparison is decided yet').capitalize()}.\n\n"
        "F4: annotate here, or in a shell: workbench annotate\n"
        "F3: let a model judge, or in a shell: workbench judge --judge NAME"
    )
