"""A pane that shows a laid-out page and draws only the lines in view."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from screens.widgets.pages import Line, Page, Section, lay_out

_INLINE = re.compile(r"(?P<code>`[^`]+`)|(?P<strong>\*\*[^*]+\*\*|__[^_]+__)")
EMPTY = Page("", (), 0)


class Pane(ScrollView, can_focus=False):
    """Shows a ``Page``. The page must have been laid out for ``text_width``; scrolling is left to the screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "pane--heading", "pane--code", "pane--fence", "pane--quote", "pane--strong",
        "pane--title", "pane--asked", "pane--note", "pane--mark",
    }  # fmt: skip

    DEFAULT_CSS = """
    Pane {
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        & .pane--heading { color: $primary; text-style: bold; }
        & .pane--code { color: $accent; }
        & .pane--fence { color: $quiet; }
        & .pane--quote { color: $quiet; }
        & .pane--strong { text-style: bold; }
        & .pane--title { color: $secondary; text-style: bold; }
        & .pane--asked { color: $secondary; }
        & .pane--note { color: $quiet; text-style: italic; }
        & .pane--mark { text-style: bold underline; color: $success; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.page = EMPTY
        self._title = ("", "")
        self._sections: Sequence[Section] = ()
        self._raw = False
        self._marks: Sequence[tuple[int, int]] = ()
        self._starts: Sequence[int] = ()
        self._base = Style.null()
        self._styles: dict[str, Style] = {}

    @property
    def text_width(self) -> int:
        """Cells a line of text may take; 0 before the first layout."""
        return self.scrollable_content_region.width

    def set_text(self, sections: Sequence[Section], *, raw: bool = False) -> None:
        """Show these sections from their beginning."""
        self._sections, self._raw = sections, raw
        self._marks = self._starts = ()
        self._lay_out()
        self.scroll_to(y=0, animate=False, force=True)
        self._retitle()

    def set_title(self, before: str, after: str = "") -> None:
        """What the border says around the lines in view."""
        self._title = (before, after)
        self._retitle()

    def _retitle(self) -> None:
        before, after = self._title
        title = "  ".join(filter(None, (before, self.place(), after)))
        if not isinstance(self.border_title, str) or self.border_title != title:
            self.border_title = title

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._retitle()

    def set_marks(self, marks: Sequence[tuple[int, int]]) -> None:
        """Emphasise positions in the page's text, given in order."""
        self._marks = marks
        self._starts = [start for start, _ in marks]
        self.refresh()

    def on_resize(self) -> None:
        if self.text_width != self.page.width:
            self._lay_out()
        self._retitle()

    def _lay_out(self) -> None:
        if not self.text_width:
            return
        self.page = lay_out(self._sections, self.text_width, raw=self._raw)
        self.virtual_size = Size(self.text_width, len(self.page.lines))
        self.refresh()

    def place(self) -> str:
        """Which lines are in view, in words; empty when all are."""
        total, height = len(self.page.lines), self.scrollable_content_region.height
        if total <= height or not height:
            return ""
        first = int(self.scroll_offset.y)
        return f"lines {first + 1:,}–{min(first + height, total):,} of {total:,}"

    def move(self, lines: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False, force=True)

    def move_pages(self, pages: int) -> None:
        self.move(pages * max(self.scrollable_content_region.height - 1, 1))

    def move_to_edge(self, edge: int) -> None:
        self.scroll_to(y=0 if edge < 0 else len(self.page.lines), animate=False, force=True)

    # -- drawing -----------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        # Looked up once a repaint, not once a line: finding a style walks the tree of widgets.
        self._base = self.rich_style
        self._styles = {
            name.removeprefix("pane--"): self.get_component_rich_style(name, partial=True)
            for name in self.COMPONENT_CLASSES
        }
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self._base
        at = int(self.scroll_offset.y) + y
        if at >= len(self.page.lines):
            return Strip.blank(width, base)
        line = self.page.lines[at]
        segments = [Segment(" " * line.indent, base)] if line.indent else []
        segments += [Segment(text, style) for text, style in self._pieces(line)]
        return Strip(segments).adjust_cell_length(width, base)

    def _pieces(self, line: Line) -> Iterable[tuple[str, Style]]:
        """The line's text cut where its style changes."""
        text = self.page.text[line.start : line.end]
        base, known = self._base, self._styles
        style = base + known[line.kind] if line.kind in known else base
        styles: list[tuple[int, int, Style]] = []
        if line.kind == "text":
            for found in _INLINE.finditer(text):
                styles.append((*found.span(), base + known[found.lastgroup or "strong"]))
        # A marked word may lie in an inline span: the marks win, the rest of that span stays plain.
        if self._marks and (marked := [(a, b, base + known["mark"]) for a, b in self._marks_in(line)]):
            styles = marked
        at = 0
        for start, end, inner in styles:
            if start > at:
                yield text[at:start], style
            yield text[start:end], inner
            at = end
        if at < len(text) or not text:
            yield text[at:], style

    def _marks_in(self, line: Line) -> Iterable[tuple[int, int]]:
        i = max(bisect_right(self._starts, line.start) - 1, 0)
        while i < len(self._marks) and self._marks[i][0] < line.end:
            start, end = self._marks[i]
            if end > line.start:
                yield max(start, line.start) - line.start, min(end, line.end) - line.start
            i += 1
