"""A question and two answers, side by side or stacked, and the ways to look at them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from screens.feed import in_background
from screens.widgets.differ import Marks, different_words
from screens.widgets.pages import Section, conversation
from screens.widgets.pane import Pane

if TYPE_CHECKING:
    from workbench.annotate import Item

#: Below this many columns two answers side by side are too narrow to read.
SIDE_BY_SIDE = 100


class Comparison(Container):
    """Shows an item; its models stay unnamed unless ``reveal`` is called. Switches return a line to say."""

    DEFAULT_CSS = """
    Comparison { height: 1fr; layout: vertical; }
    Comparison Pane {
        border-top: solid $panel; border-title-color: $primary; border-title-style: bold; padding: 0 0 0 1;
    }
    Comparison #question { height: 2; }
    Comparison #revealed { display: none; height: auto; max-height: 10; padding: 0 1; background: $surface; }
    Comparison.-revealed #revealed { display: block; }
    Comparison #answers { layout: horizontal; height: 1fr; }
    Comparison #answers Pane { width: 1fr; height: 1fr; }
    Comparison #right { border-left: solid $panel; }
    Comparison #answers.-stacked { layout: vertical; }
    Comparison #answers.-stacked #right { border-left: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.question = Pane(id="question")
        self.sides = (Pane(id="left"), Pane(id="right"))
        self._item: Item | None = None
        self._stacked: bool | None = None  # None: by the width of the terminal
        self._synced = True
        self._side = 0
        self._raw = self._diff = self._with_reference = False

    def compose(self) -> ComposeResult:
        yield self.question
        yield Static("", id="revealed")
        with Container(id="answers"):
            yield from self.sides

    def show(self, item: Item) -> None:
        """Show an item from its beginning, in the way the last one was looked at."""
        self._item = item
        self.set_class(False, "-revealed")
        self._draw_question()
        self._draw_answers()

    def reveal(self, text: Content) -> None:
        self.query_one("#revealed", Static).update(text)
        self.set_class(True, "-revealed")

    def on_resize(self, event: Resize) -> None:
        stacked = event.size.width < SIDE_BY_SIDE if self._stacked is None else self._stacked
        self.query_one("#answers").set_class(stacked, "-stacked")
        self.call_after_refresh(self._fit_question)

    # -- drawing -----------------------------------------------------------------------------------

    def _draw_question(self) -> None:
        if self._item is None:
            return
        sections: list[Section] = [("text", self._item.question[0] if self._item.question else "")]
        if self._with_reference and self._item.reference:
            sections += [("title", "Reference answer"), *(("quote", text) for text in self._item.reference)]
        self.question.set_text(sections, raw=self._raw)
        self._fit_question()
        self._name_panes()

    def _fit_question(self) -> None:
        """As high as the question, a fifth of the screen at most: the answers need the room."""
        rows = max(len(self.question.page.lines), 1)
        self.question.styles.height = 1 + min(rows, max(3, self.app.size.height // 5))

    def _draw_answers(self) -> None:
        item = self._item
        if item is None:
            return
        for pane, answer in zip(self.sides, (item.left, item.right), strict=True):
            pane.set_text(conversation(item.question, answer), raw=self._raw)
        if self._diff:
            self._mark_differences(item)

    def _mark_differences(self, item: Item) -> None:
        left, right = (pane.page for pane in self.sides)

        def mark(marks: tuple[Marks, Marks]) -> None:
            if self._item is item and self._diff and self.sides[0].page.text == left.text:
                for pane, mine in zip(self.sides, marks, strict=True):
                    pane.set_marks(mine)

        in_background(self, lambda: different_words(left, right), mark, lambda error: None)

    def _name_panes(self) -> None:
        """Name the sides; the panes add which lines are in view. Never names a model."""
        item = self._item
        if item is None:
            return
        for i, (pane, name) in enumerate(zip(self.sides, "AB", strict=True)):
            pane.set_title(f"▸ {name}" if not self._synced and i == self._side else name)
        turns = f"turn 1 of {len(item.question)}" if len(item.question) > 1 else ""
        more = "e: reference" if item.reference and not self._with_reference else ""
        self.question.set_title("  ".join(filter(None, ("Question", turns))), more)

    # -- ways to look ------------------------------------------------------------------------------

    def scrolled(self) -> Iterable[Pane]:
        """The panes that the scroll keys move."""
        return self.sides if self._synced else (self.sides[self._side],)

    def switch_diff(self) -> str:
        self._diff = not self._diff
        if self._diff and self._item:
            self._mark_differences(self._item)
            return "Words that the other answer does not have there are marked."
        for pane in self.sides:
            pane.set_marks(())
        return ""

    def switch_view(self) -> str:
        answers = self.query_one("#answers")
        self._stacked = not answers.has_class("-stacked")
        answers.set_class(self._stacked, "-stacked")
        return ""

    def switch_sync(self) -> str:
        self._synced = not self._synced
        self._name_panes()
        return "Both answers scroll together." if self._synced else "One answer scrolls; tab: the other."

    def switch_side(self) -> str:
        self._side, self._synced = 1 - self._side, False
        self._name_panes()
        return "One answer scrolls; z: both."

    def switch_raw(self) -> str:
        self._raw = not self._raw
        self._draw_question()
        self._draw_answers()
        return "Raw text, whole; characters that do not show are named." if self._raw else ""

    def switch_reference(self) -> str:
        if self._item is not None and not self._item.reference:
            return "This question has no reference answer."
        self._with_reference = not self._with_reference
        self._draw_question()
        return ""
