"""Select: how alike models' answers are, which items a selection took of them, and the items themselves, unnamed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from screens.actions import bindings
from screens.base import WorkbenchScreen
from screens.selections_data import Chosen, Loaded, Reads, load
from screens.selections_parts import (
    EVERYTHING,
    EXPORT,
    METRIC_COLUMNS,
    NAMES_SHOWN,
    NOT_COMPARED,
    SELECTION_COLUMNS,
    CategoryScreen,
    Listed,
    empty_text,
    extreme,
    foot,
    head,
    histograms,
    item_columns,
    item_rows,
    metric_rows,
    pair_columns,
    pair_key,
    pair_of,
    pair_rows,
    selection_key,
    selection_rows,
)
from screens.widgets.histogram import Histogram
from screens.widgets.pages import steady
from screens.widgets.table import Column, Table
from workbench.text import one_line

if TYPE_CHECKING:
    from workbench.store import Store

#: Who moves through a list does not want what lies between read.
PAUSE_S = 0.15
#: Below this many columns names get little room.
NARROW = 110


class SelectScreen(WorkbenchScreen):
    WHERE = "select"
    TABLES = frozenset({"similarities", "selections", "annotations", "questions"})
    BINDINGS = bindings("select")
    CSS_PATH = "selections.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._chosen = Chosen()
        self._data: Loaded | None = None
        self._reads = Reads()
        self._soon: Timer | None = None
        self._later: Timer | None = None
        self._names = False
        self._columns = {
            "metrics": METRIC_COLUMNS, "pairs": pair_columns(40), "selections": SELECTION_COLUMNS,
            "items": item_columns(False, True),
        }  # fmt: skip

    def body(self) -> Iterable[Widget]:
        yield Static("", id="head")
        yield Static(Content("Opening the store …"), id="empty")
        yield Horizontal(
            Vertical(
                Table(*self._columns["metrics"], id="metrics"), Table(*self._columns["pairs"], id="pairs"), id="left"
            ),
            Histogram(id="histogram"),
            id="upper",
        )
        yield Table(*self._columns["selections"], id="selections")
        yield Table(*self._columns["items"], id="items")
        yield Static("", id="foot")

    def _table(self, name: str) -> Table:
        return self.query_one(f"#{name}", Table)

    # -- reading, in a thread ----------------------------------------------------------------------

    def load(self, store: Store) -> Loaded:
        from workbench.config import annotator_name

        who = annotator_name(self.app.annotator)
        return load(store, self._reads, self.app.counters, self._chosen, who)

    # -- drawing -----------------------------------------------------------------------------------

    def show(self, data: Loaded) -> None:
        if data.asked != self._chosen:
            return  # something else was asked for meanwhile, and is being read
        first = self._data is None
        other = self._data is not None and self._data.chosen != data.chosen
        settled = first or data.asked != data.chosen
        self._chosen, self._data = data.chosen, data
        if data.stale_s is not None and self._later is None:
            self._later = self.set_timer(data.stale_s, self._read_again)
        self._draw(settled)
        if other:
            self._table("items").go_to(0)
        if first and self.focused is None and not self.has_class("-empty"):
            self._table("items" if data.items else "pairs").focus()

    def _read_again(self) -> None:
        self._later = None
        self.reload()

    def _draw(self, settled: bool = False) -> None:
        """``settled``: what is shown is not what the cursors asked for, so that they are to follow."""
        data = self._data
        if data is None:
            return
        nothing = empty_text(data)
        self.set_class(nothing is not None, "-empty")
        self.query_one("#head", Static).update(head(data, self._names, self.app.size.width - 2))
        if nothing is not None:
            self.query_one("#empty", Static).update(Content(nothing))
            return
        chosen = self._chosen
        self._fill("metrics", METRIC_COLUMNS, metric_rows(data.metrics), json.dumps(chosen.metric), settled)
        pairs = pair_columns(self._table("pairs").size.width or 40)
        self._fill("pairs", pairs, pair_rows(data), pair_key(chosen.pair), settled)
        self._fill("selections", SELECTION_COLUMNS, selection_rows(data), selection_key(chosen), settled)
        narrow = self.app.size.width < NARROW
        self._fill("items", item_columns(self._names, narrow), item_rows(data.items, self._names), None, False)
        self.query_one(Histogram).show(histograms(data), data.pool.low, data.pool.high, NOT_COMPARED)
        self.query_one("#foot", Static).update(Content(one_line(foot(data), 400)), layout=False)

    def _fill(self, name: str, columns: tuple[Column, ...], rows: Listed, chosen: str | None, settled: bool) -> None:
        """Columns where they changed, rows, and the cursor: on what is chosen, but the list that has the focus keeps
        its own, since a key that was just pressed may not have been heard of here."""
        table, (cells, keys) = self._table(name), rows
        stood = table.key
        if self._columns.get(name) != columns:
            self._columns[name] = columns
            table.set_columns(*columns)
        table.set_rows(cells, keys)
        keeps = stood in keys and not settled and (chosen is None or table.has_focus)
        wanted = stood if keeps else chosen
        if wanted in keys and table.key != wanted:
            table.go_to(keys.index(wanted))

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self._draw)

    # -- choosing ----------------------------------------------------------------------------------

    def on_table_moved(self, message: Table.Moved) -> None:
        """The row under the cursor is what is looked at."""
        key, name, chosen = message.table.key, message.table.id, self._chosen
        if key is None:
            return
        if name == "metrics":
            metric, version = json.loads(key)
            self._choose(replace(chosen, metric=(metric, version)))
        elif name == "pairs":
            self._choose(replace(chosen, pair=pair_of(key)))
        elif name == "selections":
            wanted = None if key == EVERYTHING else key
            if wanted != chosen.selection:
                # A selection is looked at by the metric it was made with, until another one is chosen.
                self._choose(replace(chosen, selection=wanted, metric=self._metric_of(wanted)))

    def _metric_of(self, selection: str | None) -> tuple[str, str] | None:
        data = self._data
        row = next((r for r in data.selections if r["selection_id"] == selection), None) if data else None
        own = (row["metric"], row["metric_version"]) if row else None
        known = [(r["metric"], r["metric_version"]) for r in data.metrics] if data else []
        return own if own in known else self._chosen.metric

    def _choose(self, chosen: Chosen) -> None:
        """Ask for something else. What is shown stays until the new is there."""
        if chosen == self._chosen:
            return
        self._chosen = chosen
        if self._soon is not None:
            self._soon.stop()
        self._soon = self.set_timer(PAUSE_S, self._compute)

    def _compute(self) -> None:
        # What is being read is for an earlier choice: nobody waits for it, and it will not be shown.
        self._loading = False
        self.reload()

    def on_table_opened(self, message: Table.Opened) -> None:
        if message.table.id != "items":
            self._table("items").focus()
        elif self._data is not None and message.row < len(self._data.items):
            from screens.selection_item import ItemScreen

            self.app.push_screen(ItemScreen(self._data.items, message.row, self._chosen.selection), self._left_item)

    def _left_item(self, result: Any) -> None:
        """Back from an item: on the one seen last, or on to annotating."""
        if isinstance(result, int):
            self._table("items").go_to(result)
        elif result == "annotate":
            self.action_annotate()

    # -- actions -----------------------------------------------------------------------------------

    def action_next_part(self) -> None:
        """To the next list that has something to choose."""
        order = [name for name in ("metrics", "pairs", "selections", "items") if self._table(name).row_count]
        if not order:
            return
        here = self.focused.id if self.focused is not None else None
        at = order.index(here) + 1 if here in order else 0
        self._table(order[at % len(order)]).focus()

    def action_go_to(self, name: str) -> None:
        self._table(name).focus()

    def action_category(self) -> None:
        data = self._data
        if data is None or not data.categories:
            self.say("No question has a category.")
            return

        def chosen(name: str | None) -> None:
            if name is not None:
                self._choose(replace(self._chosen, category=name or None))

        self.app.push_screen(CategoryScreen(data.categories, self._chosen.category), chosen)

    def action_end(self, highest: bool) -> None:
        """To the item whose answers are least or most alike; of everything compared, to that end."""
        data = self._data
        if data is None:
            return
        self._table("items").focus()
        if data.selection is None:
            self._table("items").go_to(0)
            self._choose(replace(self._chosen, highest=highest))
            return
        at = extreme(data.items, highest)
        if at is None:
            self.say("These items are not compared by this metric.")
            return
        self._table("items").go_to(at)
        if data.total > len(data.items):
            self.say(f"Of the first {len(data.items):,} of {data.total:,} items.", "warning")

    def action_names(self) -> None:
        self._names = not self._names
        self._draw()
        self.say(NAMES_SHOWN if self._names else "", "warning" if self._names else "info")

    def action_annotate(self) -> None:
        data = self._data
        row = data.selection if data is not None else None
        if row is None:
            self.say("Choose a selection first (tab); n: make one.")
            return
        from screens.annotate import AnnotateScreen

        self.app.selection = row["selection_id"]
        for screen in self.app.mounted:
            if isinstance(screen, AnnotateScreen):
                screen.annotate(row["selection_id"])
        self.app.action_go("annotate")

    def action_launch(self) -> None:
        from screens.launch import LaunchScreen

        if self.app.store is None:
            self.say("The store is not open yet.")
            return

        def launched(job_id: str | None) -> None:
            if job_id is not None:
                self.say(f"Job {job_id} selects in the background; what it took will be listed here.")
                self.app.feed.nudge()

        self.app.push_screen(LaunchScreen("select"), launched)

    def action_export(self) -> None:
        self.say(steady(EXPORT))

    def action_refresh(self) -> None:
        self._reads = Reads()
        self._compute()
