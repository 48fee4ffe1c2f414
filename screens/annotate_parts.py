"""Parts of the annotation screen: saving in the background, the line that says how far one is, the picker."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import ModalScreen
from textual.widgets import Static

from screens.widgets.bars import duration, meter
from screens.widgets.pages import steady
from screens.widgets.table import Column, Table
from workbench.errors import WorkbenchError
from workbench.records import Row
from workbench.text import one_line, plural

if TYPE_CHECKING:
    from workbench.annotate import Item, Session, SessionProgress

#: Seconds between tries while the store refuses.
RETRIES = (1.0, 2.0, 5.0, 10.0)


class Saved(Message):
    """The saver tried: ``error`` is ``None`` when everything decided so far is in the store."""

    def __init__(self, error: WorkbenchError | None) -> None:
        super().__init__()
        self.error = error


class Saver:
    """A thread that sends votes to the store whenever it is woken, and again later when that fails."""

    def __init__(self, owner: MessagePump, session: Session) -> None:
        self._owner = owner
        self._session = session
        self._work = threading.Event()
        self._stopped = threading.Event()
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), daemon=True, name="saver").start()

    def wake(self) -> None:
        self._work.set()

    def stop(self) -> None:
        self._stopped.set()
        self._work.set()

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            self._work.wait(RETRIES[min(failures, len(RETRIES)) - 1] if failures else None)
            self._work.clear()
            try:
                self._session.save()
            except WorkbenchError as error:
                failures += 1
                self._tell(error)
            else:
                failures = 0
                self._tell(None)

    def _tell(self, error: WorkbenchError | None) -> None:
        with contextlib.suppress(RuntimeError):
            self._owner.post_message(Saved(error))


def status_line(
    progress: SessionProgress, annotator: str, error: WorkbenchError | None, marks: str, width: int
) -> Content:
    """Done and total, pace, time left, who, and whether the votes are in the store."""
    full, rest = meter(progress.done, progress.total, 10 if width < 100 else 20)
    parts: list[tuple[str, str]] = [
        (full, "$primary"),
        (rest, "$quiet"),
        (f" {progress.done:,}/{progress.total:,}", "bold"),
    ]
    if progress.seconds_each is not None and progress.eta_s is not None:
        left = f"   {duration(progress.eta_s)} left" if progress.eta_s else ""
        parts.append((f"   {duration(progress.seconds_each)} each{left}", "$foreground"))
    parts.append((f"   {one_line(steady(annotator), 20)}", "$quiet"))
    if error is not None:
        parts.append((f"   ! {plural(progress.unsaved, 'vote')} kept, not saved yet", "bold $error"))
    elif progress.unsaved:
        parts.append((f"   saving {progress.unsaved}", "$quiet"))
    elif progress.here:
        parts.append(("   ✓ saved", "$success"))
    if marks:
        parts.append((f"   {marks}", "bold $accent"))
    return Content.assemble(*parts)


def as_text(item: Item) -> str:
    """Question and answers as one text to copy; which is A and B as presented."""
    parts = [f"QUESTION {item.question_id}", *item.question]
    for side, answer in (("A", item.left), ("B", item.right)):
        parts += [f"\nANSWER {side}", *answer]
    return "\n\n".join(parts) + "\n"


def revealed_text(item: Item, rows: list[Row], last: str = "This item takes no vote any more. s: go on") -> Content:
    """Who wrote what, and what the judges said, verdicts told as A and B of this screen."""
    sides = {"a": "A", "b": "B"} if item.key.presented_order == "ab" else {"a": "B", "b": "A"}
    parts: list[tuple[str, str]] = [
        ("A  ", "bold"), (one_line(steady(item.left_model), 60) + "\n", ""),
        ("B  ", "bold"), (one_line(steady(item.right_model), 60) + "\n", ""),
    ]  # fmt: skip
    similar = [f"{one_line(steady(r['name']), 30)} {r['verdict']}" for r in rows if r["kind"] == "similarity"]
    if similar:
        parts += [("similarity  ", "$quiet"), (", ".join(similar) + "\n", "")]
    for row in [r for r in rows if r["kind"] == "judgment"][:6]:
        verdict = sides.get(row["verdict"], one_line(str(row["verdict"]), 20))
        game = "first shown " + sides.get(row["presented_order"][:1], "?") if len(row["presented_order"]) == 2 else ""
        parts.append((f"judge {one_line(steady(row['name']), 40)}, turn {row['turn']}: {verdict}  {game}\n", "$quiet"))
    parts.append((last, "bold $accent"))
    return Content.assemble(*parts)


class SelectionPicker(ModalScreen[str | None]):
    """Choose a selection to annotate."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", show=False)]

    def __init__(self, rows: list[Row]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="picker"):
            yield Static(Content.styled("Selections, newest first", "bold $primary"))
            yield Table(
                Column("name", most=28), Column("method"), Column("pairs", True), Column("items", True),
                Column("done", True), Column("made", most=16),
            )  # fmt: skip
            yield Static(Content.styled("enter: annotate this one    esc: back", "$quiet"))

    def on_mount(self) -> None:
        table = self.query_one(Table)
        table.set_rows(
            [
                (r["name"], r["method"], f"{r['pairs']:,}", f"{r['items']:,}", f"{r['done']:,}", r["created_at"][:16])
                for r in self._rows
            ],
            [r["selection_id"] for r in self._rows],
        )
        table.focus()

    def on_table_opened(self, message: Table.Opened) -> None:
        self.dismiss(message.table.key)
