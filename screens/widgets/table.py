"""A table that draws only the rows in view and treats every cell as plain text.

Textual's DataTable reads markup in strings, measures every cell when rows arrive, and repaints all of itself
when one row changes; over SSH and with model text in cells, none of that will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from screens.actions import bindings
from screens.widgets.pages import steady
from workbench.text import one_line

GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """``right`` aligns numbers; ``most`` is the widest a column may get, in cells. ``accent`` columns are
    set off and hold bars drawn by us, never text of a model."""

    title: str
    right: bool = False
    most: int = 60
    accent: bool = False


def _cell(text: str, column: Column) -> str:
    """What a cell shows. An accent column holds what we drew ourselves: its blanks mean something."""
    if column.accent:
        return text
    return one_line(steady(text[: 8 * column.most]), column.most)


class Table(ScrollView, can_focus=True):
    """Rows of strings under a fixed header. Cells are cleaned here, whatever they hold."""

    BINDINGS = bindings("table")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--header", "table--cursor", "table--blurred", "table--accent"}
    DEFAULT_CSS = """
    Table {
        height: 1fr;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        & .table--header { color: $secondary; text-style: bold; }
        & .table--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        & .table--blurred { background: $surface; }
        & .table--accent { color: $primary; }
        &:nocolor .table--cursor { text-style: reverse; }
        &:nocolor .table--blurred { text-style: bold; }
    }
    """

    class Opened(Message):
        """Enter on a row."""

        def __init__(self, table: Table, row: int) -> None:
            super().__init__()
            self.table = table
            self.row = row

    class Moved(Message):
        """Another row is under the cursor."""

        def __init__(self, table: Table, row: int) -> None:
            super().__init__()
            self.table = table
            self.row = row

    def __init__(self, *columns: Column, id: str | None = None, header: bool = True) -> None:
        super().__init__(id=id)
        self._header = int(header)  # lines above the rows
        self._columns: Sequence[Column] = columns
        self._cells: list[tuple[str, ...]] = []
        self._keys: list[str] = []
        self._widths: list[int] = [cell_len(c.title) for c in columns]
        self._base = Style.null()
        self._styles: dict[str, Style] = {}
        self.cursor = 0

    # -- contents ----------------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[Sequence[str]], keys: Sequence[str] | None = None) -> None:
        """Replace all rows. The cursor stays on the row of the same key; only changed rows are drawn again."""
        stood_on = self.key
        cells = [tuple(map(_cell, row, self._columns)) for row in rows]
        widths = [
            max([cell_len(col.title), *(cell_len(row[i]) for row in cells)]) for i, col in enumerate(self._columns)
        ]
        old, self._cells = self._cells, cells
        self._keys = list(keys) if keys is not None else [str(i) for i in range(len(cells))]
        moved = stood_on is not None and stood_on in self._keys and self._keys.index(stood_on) != self.cursor
        self.cursor = self._keys.index(stood_on) if moved and stood_on else min(self.cursor, max(len(cells) - 1, 0))
        if moved or widths != self._widths or len(old) != len(cells):
            self._widths = widths
            self._resize()
            self.refresh()
            return
        for i, (before, after) in enumerate(zip(old, cells, strict=True)):
            if before != after:
                self._refresh_row(i)

    def set_columns(self, *columns: Column) -> None:
        """Other columns, no rows."""
        self._columns = columns
        self._widths = [cell_len(c.title) for c in columns]
        self._cells, self._keys, self.cursor = [], [], 0
        self.scroll_to(0, 0, animate=False, force=True)
        self._resize()
        self.refresh()

    @property
    def row_count(self) -> int:
        return len(self._cells)

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._keys[self.cursor] if self.cursor < len(self._keys) else None

    def _resize(self) -> None:
        width = sum(self._widths) + len(GAP) * (len(self._widths) - 1) + 1
        self.virtual_size = Size(width, len(self._cells) + self._header)

    # -- drawing -----------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        # Looked up once a repaint, not once a line.
        self._base = self.rich_style
        self._styles = {name: self.get_component_rich_style(name, partial=True) for name in self.COMPONENT_CLASSES}
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self._base
        left = int(self.scroll_offset.x)
        if y < self._header:
            style = base + self._styles["table--header"]
            header = self._line([c.title for c in self._columns], style).crop_extend(left, left + width, base)
            return self._with_arrows(header, left, style)
        row = int(self.scroll_offset.y) + y - self._header
        if row >= len(self._cells):
            return Strip.blank(width, base)
        style = base
        if row == self.cursor and self.can_focus:
            name = "table--cursor" if self.has_focus else "table--blurred"
            style = base + self._styles[name]
        return self._line(self._cells[row], style).crop_extend(left, left + width, style)

    def _with_arrows(self, header: Strip, left: int, style: Style) -> Strip:
        """The header with ‹ and › at its ends where columns lie outside: a scrollbar would cost a line."""
        room = self.scrollable_content_region.width
        if left:
            header = Strip.join([Strip([Segment("‹", style)]), header.crop(1)])
        if left + room < self.virtual_size.width and room > 1:
            header = Strip.join([header.crop(0, room - 1), Strip([Segment("›", style)]), header.crop(room)])
        return header

    def _line(self, cells: Sequence[str], style: Style) -> Strip:
        accent = self._styles["table--accent"]
        segments = [Segment(" ", style)]
        for cell, width, column in zip(cells, self._widths, self._columns, strict=True):
            space = " " * max(width - cell_len(cell), 0)
            text = space + cell if column.right else set_cell_size(cell, width)
            segments += [Segment(text, style + accent if column.accent else style), Segment(GAP, style)]
        return Strip(segments)

    def _refresh_row(self, row: int) -> None:
        y = row + self._header - int(self.scroll_offset.y)
        if self._header <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    # -- moving ------------------------------------------------------------------------------------

    def _rows_in_view(self) -> int:
        return max(self.scrollable_content_region.height - self._header, 1)

    def go_to(self, row: int) -> None:
        row = max(0, min(row, len(self._cells) - 1))
        before, self.cursor = self.cursor, row
        top = int(self.scroll_offset.y)
        if row < top:
            self.scroll_to(y=row, animate=False, force=True)
        elif row >= top + self._rows_in_view():
            self.scroll_to(y=row - self._rows_in_view() + 1, animate=False, force=True)
        if before != row:
            self._refresh_row(before)
            self._refresh_row(row)
            self.post_message(self.Moved(self, row))

    def action_move(self, rows: int) -> None:
        self.go_to(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        self.go_to(self.cursor + pages * self._rows_in_view())

    def action_jump(self, row: int) -> None:
        self.go_to(row if row >= 0 else len(self._cells) - 1)

    def action_sideways(self, cells: int) -> None:
        self.scroll_to(x=self.scroll_offset.x + cells, animate=False, force=True)

    def action_open(self) -> None:
        if self._cells:
            self.post_message(self.Opened(self, self.cursor))

    def on_focus(self) -> None:
        self._refresh_row(self.cursor)

    def on_blur(self) -> None:
        self._refresh_row(self.cursor)
