"""Annotate: two answers side by side, one key a vote, everything that could sway it hidden."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from screens.actions import bindings
from screens.annotate_parts import Saved, Saver, SelectionPicker, as_text, revealed_text, status_line
from screens.base import WorkbenchScreen
from screens.help import ConfirmScreen
from screens.widgets.comparison import Comparison
from screens.widgets.line_input import LineInput
from workbench.errors import BadInput, WorkbenchError
from workbench.records import Row, utcnow
from workbench.text import plural

if TYPE_CHECKING:
    from workbench.annotate import Item, Session
    from workbench.store import Store

#: Items whose texts are read ahead.
AHEAD = 6
CHOICE_NAMES = {"left": "A", "right": "B", "tie": "tie", "both_bad": "both bad", "skip": "skipped"}


class AnnotateScreen(WorkbenchScreen):
    WHERE = "annotate"
    TABLES = frozenset({"selections", "annotations"})
    BINDINGS = bindings("annotate")
    CSS_PATH = "annotate.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._session: Session | None = None
        self._saver: Saver | None = None
        self._item: Item | None = None
        self._ahead: list[Item] = []
        self._fetching = False
        self._shown_at: datetime | None = None  # None until the item has been painted
        self._flags: set[str] = set()
        self._note = ""
        self._revealed = False
        self._save_error: WorkbenchError | None = None
        self._wanted: str | None = None

    def body(self) -> Iterable[Widget]:
        yield Static("", id="status")
        yield Static(Content("Opening the store …"), id="empty")
        yield Comparison()
        yield LineInput(placeholder="Note on this item (enter: keep, esc: drop)", id="note")

    @property
    def _comparison(self) -> Comparison:
        return self.query_one(Comparison)

    # -- the session -------------------------------------------------------------------------------

    def load(self, store: Store) -> Session:
        """Start the session, or read again what this annotator decided in another terminal."""
        from workbench.annotate import Session
        from workbench.config import annotator_name

        if self._session is not None:
            self._session.refresh()
            return self._session
        who = annotator_name(self.app.annotator)
        return Session(store, who, selection=self._wanted or self.app.selection)

    def show(self, data: Session) -> None:
        if self._session is not data:
            self._session = data
            self._saver = Saver(self, data)
            if data.replayed:
                self.say(f"{plural(data.replayed, 'vote')} of an earlier session reached the store now.")
        if self._item is None:
            self._fetch()
        self._update_status()

    def failed(self, error: WorkbenchError) -> None:
        super().failed(error)
        if self._session is None:
            hint = f"\n\n{error.hint}" if error.hint else ""
            self._show_empty(f"{error}.{hint}\n\nctrl+r: try again")

    async def leaving(self) -> None:
        """Give the last votes a moment to reach the store; the journal has them in any case."""
        import asyncio

        for _ in range(40):
            if self._session is None or not self._session.progress().unsaved:
                break
            await asyncio.sleep(0.05)
        if self._saver:
            self._saver.stop()

    def _fetch(self) -> None:
        """Read items ahead in the background."""
        session = self._session
        if session is None or self._fetching:
            return
        self._fetching = True
        self.background(
            lambda: session.next_items(AHEAD), lambda items: self._fetched(session, items), self._fetch_failed
        )

    def _fetched(self, session: Session, items: list[Item]) -> None:
        if session is not self._session:
            return  # another selection was chosen meanwhile
        self._fetching = False
        current = self._item.key if self._item else None
        self._ahead = [item for item in items if session.is_open(item) and item.key != current]
        if self._item is None:
            self._next()

    def _fetch_failed(self, error: WorkbenchError) -> None:
        self._fetching = False
        self.failed(error)

    # -- showing an item ---------------------------------------------------------------------------

    def _next(self) -> None:
        """Show the next item; what is read ahead makes this immediate."""
        session = self._session
        if session is None:
            return
        self._item = None
        while self._ahead and self._item is None:
            item = self._ahead.pop(0)
            self._item = item if session.is_open(item) else None
        if len(self._ahead) < AHEAD // 2:
            self._fetch()
        if self._item is not None:
            self._show_item(self._item)
        elif session.progress().done == session.progress().total:
            self._show_end(session)
        elif self._fetching:
            self._show_empty("Reading the next pair …")
        else:
            self._show_empty("The texts of the next pairs are not in the store any more.\n\nctrl+r: look again")

    def _show_item(self, item: Item) -> None:
        self._item = item
        self._shown_at = None
        self._flags.clear()
        self._note = ""
        self._revealed = False
        self.set_class(False, "-empty")
        self._comparison.show(item)
        self._update_status()
        self.call_after_refresh(self._painted, item)

    def _painted(self, item: Item) -> None:
        if self._item is item:
            self._shown_at = utcnow()

    def _show_empty(self, text: str) -> None:
        self._item = None
        self.set_class(True, "-empty")
        self.query_one("#empty", Static).update(Content(text))

    def _show_end(self, session: Session) -> None:
        progress = session.progress()
        lines = [f"All {plural(progress.total, 'item')} of this selection are decided."]
        if skipped := session.skipped():
            shown = ", ".join(skipped[:20]) + (" …" if len(skipped) > 20 else "")
            lines.append(f"Skipped {len(skipped):,}: {shown}")
        lines.append("F5  leaderboard\nF6  agreement\no   another selection\nu   undo the last vote")
        self._show_empty("\n\n".join(lines))
        self._update_status()

    def _update_status(self) -> None:
        if self._session is None:
            return
        marks = " ".join(filter(None, ("⚑ flagged" if self._flags else "", "✎ note" if self._note else "")))
        session = self._session
        line = status_line(session.progress(), session.annotator, self._save_error, marks, self.app.size.width)
        self.query_one("#status", Static).update(line, layout=False)

    # -- deciding ----------------------------------------------------------------------------------

    def action_vote(self, choice: str) -> None:
        session, item = self._session, self._item
        if session is None or item is None:
            return
        if self._revealed:
            if choice == "skip":
                self._next()
            else:
                self.say("The models are known now: no vote. s: go on", "warning")
            return
        if self._shown_at is None:
            self.say("That key came before the next pair was on the screen; it is not counted.", "warning")
            return
        try:
            session.decide(item, choice, self._shown_at, sorted(self._flags), self._note)
        except BadInput as error:  # decided in another terminal
            self.failed(error)
        else:
            self.say(f"{item.question_id}: {CHOICE_NAMES[choice]} · u: undo")
        self._after_change()
        self._next()

    def _after_change(self) -> None:
        if self._session and self._session.journal_error:
            self.say(f"The vote is not in the journal ({self._session.journal_error}); it is being saved.", "warning")
        if self._saver:
            self._saver.wake()

    def on_saved(self, message: Saved) -> None:
        message.stop()
        self._save_error = message.error
        if message.error is not None:
            self.say(f"{message.error} Your votes are kept and sent again.", "error")
        self._update_status()

    def action_undo(self) -> None:
        session = self._session
        if session is not None:
            # An undo of this session's votes asks nothing of the store; an older one does, hence the thread.
            self.background(session.undo, self._undone)

    def _undone(self, item: Item | None) -> None:
        if item is None:
            self.say("There is nothing to take back.")
            return
        if self._item is not None and not self._revealed:
            self._ahead.insert(0, self._item)
        self._after_change()
        self._show_item(item)
        self.say("Taken back. Vote again.")

    def action_flag(self) -> None:
        if self._item is not None:
            self._flags ^= {"flagged"}
            self._update_status()

    def action_note(self) -> None:
        if self._item is not None and not self._revealed:
            note = self.query_one("#note", LineInput)
            note.value = self._note
            self.set_class(True, "-noting")
            note.focus()
            self.say("Note on this pair. enter: keep, esc: leave it")

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self._note = message.value.strip()
        self._end_note()

    def on_line_input_left(self) -> None:
        self._end_note()

    def _end_note(self) -> None:
        self.set_class(False, "-noting")
        self.set_focus(None)
        self.say("")
        self._update_status()

    def action_reveal(self) -> None:
        if self._item is None or self._shown_at is None or self._revealed:
            return
        text = "This pair then takes no vote: it is recorded as skipped, and that cannot be undone."
        self.app.push_screen(
            ConfirmScreen("Reveal the models?", text, "reveal", "stay blind"), partial(self._reveal, self._item)
        )

    def _reveal(self, item: Item, yes: bool | None) -> None:
        session, shown_at = self._session, self._shown_at
        if not yes or session is None or item is not self._item or shown_at is None:
            return
        self._revealed = True

        def show(rows: list[Row]) -> None:
            if self._item is item:
                self._comparison.reveal(revealed_text(item, rows))
            self._update_status()

        self.background(lambda: session.reveal(item, shown_at), show)

    # -- looking -----------------------------------------------------------------------------------

    def action_look(self, how: str) -> None:
        """One of the comparison's switches: diff, view, sync, side, raw, reference."""
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

    def action_scroll_question(self, lines: int) -> None:
        self._comparison.question.move(lines)

    # -- other -------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """One unacknowledged escape sequence may or may not reach the clipboard: a file has it too."""
        item, store = self._item, self.app.store
        if item is None or store is None:
            return
        text = as_text(item)
        self.app.copy_to_clipboard(text)
        path = store.files / "copied.txt"
        self.background(
            lambda: path.write_text(text, "utf-8", "replace"),
            lambda _: self.say(f"Copied, if your terminal allows it (OSC 52); also in {path}"),
        )

    def action_selection(self) -> None:
        session, store = self._session, self.app.store
        if store is None:
            return
        who = session.annotator if session else self.app.annotator or ""

        def chosen(selection_id: str | None) -> None:
            if selection_id:
                self._wanted = selection_id
                self.action_retry()

        def choose(rows: list[Row]) -> None:
            self.app.push_screen(SelectionPicker(rows), chosen)

        self.background(lambda: store.query("annotate_selections", annotator=who), choose)

    def annotate(self, selection_id: str) -> None:
        """Go on with this selection, where another one or none is being annotated."""
        self._wanted = selection_id
        if self._session is None or self._session.selection_id != selection_id:
            self.action_retry()

    def action_retry(self) -> None:
        """Start the session again: another selection, or after an error."""
        if self._saver:
            self._saver.wake()
            self._saver.stop()
        self._session = self._saver = self._item = None
        self._ahead = []
        self._fetching = False
        self._show_empty("Reading …")
        self.reload()
