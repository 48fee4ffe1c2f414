"""SQL: one read-only statement at a time over the store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Paste
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static, TextArea

from screens.actions import bindings
from screens.base import WorkbenchScreen
from screens.widgets.pages import Section, steady
from screens.widgets.pane import Pane
from screens.widgets.table import Column, Table
from workbench.errors import WorkbenchError
from workbench.text import clean, plural

if TYPE_CHECKING:
    from workbench.store import SqlResult, Store

#: Rows fetched and shown, and seconds a statement may take.
ROWS = 1_000
TIMEOUT_S = 60.0
#: Characters of a cell that are looked at: more would not fit anyway.
CELL = 400
START = "SELECT model_id, state, count(*) AS n\nFROM responses\nGROUP BY ALL\nORDER BY ALL"


class Editor(TextArea):
    """Plain text; up on the first line and down on the last go through what was run before."""

    class Recall(Message):
        """The user wants the statement ``step`` places away in the history."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def on_mount(self) -> None:
        self.cursor_blink = False

    def action_cursor_up(self, select: bool = False) -> None:
        if not select and self.cursor_location[0] == 0:
            self.post_message(self.Recall(-1))
        else:
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        if not select and self.cursor_location[0] == self.document.line_count - 1:
            self.post_message(self.Recall(1))
        else:
            super().action_cursor_down(select)

    async def _on_paste(self, event: Paste) -> None:
        # TextArea would pass control characters of a pasted text on to the terminal.
        event.prevent_default()
        event.stop()
        self.insert(clean(event.text))


class RowScreen(ModalScreen[None]):
    """One row, every column whole."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", show=False), *bindings("scroll")]

    def __init__(self, columns: Sequence[str], row: Sequence[Any]) -> None:
        super().__init__()
        self._sections: list[Section] = []
        for name, value in zip(columns, row, strict=True):
            parts = value if isinstance(value, list) and value else [value]
            self._sections.append(("title", name))
            self._sections += [("raw", "∅" if part is None else str(part)) for part in parts]
            self._sections.append(("note", ""))

    def compose(self) -> ComposeResult:
        yield Pane(id="row")

    def on_mount(self) -> None:
        pane = self.query_one(Pane)
        pane.set_title("Row", "esc: back")
        pane.set_text(self._sections)

    def action_scroll_lines(self, lines: int) -> None:
        self.query_one(Pane).move(lines)

    def action_scroll_pages(self, pages: int) -> None:
        self.query_one(Pane).move_pages(pages)

    def action_scroll_edge(self, edge: int) -> None:
        self.query_one(Pane).move_to_edge(edge)


class SqlScreen(WorkbenchScreen):
    WHERE = "sql"
    BINDINGS = bindings("sql")
    CSS_PATH = "sql.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._history: list[str] = []
        self._place = 0
        self._draft = ""
        self._busy = False
        self._result: SqlResult | None = None

    def body(self) -> Iterable[Widget]:
        yield Editor(START, id="editor", soft_wrap=True, show_line_numbers=False)
        yield Static(Content("Reads only. ↑ and ↓ at the edges bring back what was run."), id="result")
        yield Table(id="rows")

    def on_mount(self) -> None:
        self.query_one(Editor).focus()

    # -- running -----------------------------------------------------------------------------------

    def action_run(self) -> None:
        self._run(self.query_one(Editor).text)

    def action_tables(self) -> None:
        self._run(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() "
            "WHERE NOT internal ORDER BY table_name, column_index"
        )

    def _run(self, text: str) -> None:
        store = self.app.store
        if store is None:
            self.say("The store is not open yet.")
            return
        if self._busy or not text.strip():
            return
        if text == self.query_one(Editor).text and (not self._history or self._history[-1] != text):
            self._history.append(text)
        self._place = len(self._history)
        self._busy = True
        self._tell("running …")
        self.background(lambda: self._ask(store, text), self._show_result, self._show_error)

    @staticmethod
    def _ask(store: Store, text: str) -> tuple[SqlResult, list[tuple[str, ...]], float]:
        """In a thread: the statement, and its cells as text."""
        begin = time.monotonic()
        result = store.sql(text, limit=ROWS, timeout_s=TIMEOUT_S)
        took = time.monotonic() - begin
        return result, [tuple(cell_text(value) for value in row) for row in result.rows], took

    def _show_result(self, found: tuple[SqlResult, list[tuple[str, ...]], float]) -> None:
        self._busy = False
        result, rows, took = found
        table = self.query_one(Table)
        table.set_columns(
            *(
                Column(steady(name), right=is_number(kind), most=60)
                for name, kind in zip(result.columns, result.types, strict=True)
            )
        )
        table.set_rows(rows)
        self._result = result
        shown = f"the first {len(rows):,} rows; there are more" if result.truncated else plural(len(rows), "row")
        self._tell(f"{shown} · {took * 1000:,.0f} ms · esc: to the rows; there enter: the whole row")

    def _show_error(self, error: WorkbenchError) -> None:
        self._busy = False
        text = str(error) + (f"\n{error.hint}" if error.hint else "")
        self._tell(text, error=True)

    def _tell(self, text: str, error: bool = False) -> None:
        status = self.query_one("#result", Static)
        status.set_class(error, "-error")
        status.update(Content(steady(text[:2000]).strip()))

    def on_table_opened(self, message: Table.Opened) -> None:
        if self._result is not None and message.row < len(self._result.rows):
            self.app.push_screen(RowScreen(self._result.columns, self._result.rows[message.row]))

    # -- editing -----------------------------------------------------------------------------------

    def on_editor_recall(self, message: Editor.Recall) -> None:
        place = self._place + message.step
        if not 0 <= place <= len(self._history):
            return
        editor = self.query_one(Editor)
        if self._place == len(self._history):
            self._draft = editor.text
        self._place = place
        editor.text = self._history[place] if place < len(self._history) else self._draft
        editor.move_cursor(editor.document.end)

    def action_clear(self) -> None:
        self.query_one(Editor).text = ""
        self.query_one(Editor).focus()

    def action_leave(self) -> None:
        """From the editor to the rows and back."""
        editor, table = self.query_one(Editor), self.query_one(Table)
        (table if editor.has_focus else editor).focus()


def cell_text(value: Any) -> str:
    """A value as text, short; NULL shows as ∅ to tell it from an empty string."""
    if value is None:
        return "∅"
    if isinstance(value, str):
        return value[:CELL]
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)[:CELL]


def is_number(kind: str) -> bool:
    return kind.split("(")[0] in {
        "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
        "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "NUMBER",
    }  # fmt: skip
