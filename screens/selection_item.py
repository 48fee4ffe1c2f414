"""One item of a selection before it is annotated: the instruction and both answers, unnamed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from screens.actions import bindings
from screens.annotate_parts import revealed_text
from screens.base import WorkbenchScreen
from screens.help import ConfirmScreen
from screens.selections_parts import decimal
from screens.widgets.comparison import Comparison
from screens.widgets.pages import steady
from workbench.records import Row, item_id, stable_id, utcnow
from workbench.text import one_line

if TYPE_CHECKING:
    from workbench.annotate import Item, Key
    from workbench.store import Store

RECORDED = "Annotating is blind: this item is then recorded as skipped by you,\nand takes no vote of yours any more."
UNRECORDED = "No selection holds this item, so nothing records that you saw them:\ndo not vote on it later."


class ItemScreen(WorkbenchScreen):
    """Its result is the row that was shown last, or ``annotate``."""

    WHERE = "item"
    TOP = "select"
    BINDINGS = bindings("item")
    CSS_PATH = "selections.tcss"

    def __init__(self, rows: Sequence[Row], at: int, selection: str | None) -> None:
        super().__init__()
        self._rows = rows
        self._at = at
        self._selection = selection
        self._item: Item | None = None
        self._revealed: set[int] = set()

    def body(self) -> Iterable[Widget]:
        yield Static("", id="place")
        yield Comparison()

    def on_mount(self) -> None:
        super().on_mount()
        self._fetch()

    @property
    def _comparison(self) -> Comparison:
        return self.query_one(Comparison)

    def _who(self) -> str:
        from workbench.config import annotator_name

        return annotator_name(self.app.annotator)

    # -- showing -----------------------------------------------------------------------------------

    def _fetch(self) -> None:
        store, at = self.app.store, self._at
        if store is None:
            return
        self._tell_place()
        self.background(lambda: fetch(store, self._rows[at], self._who()), partial(self._fetched, at))

    def _fetched(self, at: int, item: Item | None) -> None:
        if at != self._at:
            return  # gone on meanwhile
        self._item = item
        if item is None:
            self.say("The texts of this item are not in the store any more.", "warning")
            return
        self.say("")
        self._comparison.show(item)

    def _tell_place(self) -> None:
        row = self._rows[self._at]
        arm = {"control": "drawn at random, ", "pool": "of everything compared, "}.get(row["arm"], "")
        parts = [
            (f"{self._at + 1:,} of {len(self._rows):,}", "bold"),
            (f"   {arm}rank ", "$quiet"), (f"{row['rank']:,}", "bold"),
            ("   similarity ", "$quiet"), (decimal(row["similarity"]) or "none", "bold"),
            ("   category ", "$quiet"), (one_line(steady(row["category"] or "none"), 24), "bold"),
            ("   question ", "$quiet"), (one_line(steady(row["question_id"]), 40), ""),
        ]  # fmt: skip
        self.query_one("#place", Static).update(Content.assemble(*parts))

    # -- actions -----------------------------------------------------------------------------------

    def action_step(self, step: int) -> None:
        at = self._at + step
        if not 0 <= at < len(self._rows):
            self.say("This is the last item." if step > 0 else "This is the first item.")
            return
        self._at, self._item = at, None
        self._fetch()

    def action_back(self) -> None:
        self.dismiss(self._at)

    def action_annotate(self) -> None:
        self.dismiss("annotate")

    def action_look(self, how: str) -> None:
        self.say(getattr(self._comparison, f"switch_{how}")())

    def action_scroll_answers(self, lines: int) -> None:
        for pane in self._comparison.scrolled():
            pane.move(lines)

    def action_page_answers(self, pages: int) -> None:
        for pane in self._comparison.scrolled():
            pane.move_pages(pages)

    def action_scroll_to_edge(self, edge: int) -> None:
        for pane in self._comparison.scrolled():
            pane.move_to_edge(edge)

    def action_names(self) -> None:
        """Ask before names are shown, unless this annotator decided the item already: then no harm is done."""
        item, row = self._item, self._rows[self._at]
        if item is None or self._at in self._revealed:
            return
        if row["mine"]:
            self._show_names(item, None, True)
            return
        selection = row["selection_id"]
        text = UNRECORDED if selection is None else RECORDED
        self.app.push_screen(
            ConfirmScreen("Show the models' names?", text, "show them", "stay blind"),
            partial(self._show_names, item, selection),
        )

    def _show_names(self, item: Item, selection: str | None, yes: bool | None) -> None:
        store, at = self.app.store, self._at
        if not yes or store is None or item is not self._item:
            return
        who = self._who()

        def show(rows: list[Row]) -> None:
            if self._item is item:
                self._revealed.add(at)
                last = "" if selection is None else "This item takes no vote of yours any more."
                self._comparison.reveal(revealed_text(item, rows, last))

        self.background(lambda: names(store, item, selection, who), show)


def fetch(store: Store, row: Row, annotator: str) -> Item | None:
    """The item's texts, its answers in the order in which annotating shows them. In a thread."""
    from workbench.annotate.items import fetch_items

    key = key_of(store, row, annotator)
    return fetch_items(store, [key]).get(key.item)


def key_of(store: Store, row: Row, annotator: str) -> Key:
    from workbench.annotate.items import Key, load_keys

    if row["selection_id"] is not None:
        pair = (row["model_a"], row["model_b"])
        keys = load_keys(store, annotator, 0, row["selection_id"], None, pair)
        for key in keys.values():
            if (key.response_a, key.response_b) == (row["response_a"], row["response_b"]):
                return key
    turn = 1 if row["turns"] == 1 else 0
    sides = (row["model_a"], row["model_b"], row["response_a"], row["response_b"])
    item = item_id(row["question_id"], turn, *sides)
    order = "ab" if int(stable_id("browse", annotator, item)[:8], 16) % 2 == 0 else "ba"
    return Key(item, row["question_id"], turn, *sides, order)


def names(store: Store, item: Item, selection: str | None, annotator: str) -> list[Row]:
    """Similarities and verdicts of an item whose names are shown. With a selection, the look is recorded as annotating
    records it, unless the item is decided already. In a thread."""
    from workbench.annotate import Session
    from workbench.errors import BadInput

    if selection is not None:
        session = Session(store, annotator, selection=selection)
        if session.is_open(item):
            try:
                return session.reveal(item, utcnow())
            except BadInput:
                pass  # decided in another terminal in this moment
    return store.query("annotate_reveal", response_a=item.key.response_a, response_b=item.key.response_b)
