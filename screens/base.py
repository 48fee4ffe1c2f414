"""What the destinations share: bars, loading in the background, loading again when the store changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from screens.feed import Crashed, Finished, in_background
from screens.widgets.bars import Foot, MessageLine, TopBar
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from screens.app import WorkbenchApp
    from workbench.store import Store


class WorkbenchScreen(Screen[Any]):
    """A destination, or a screen that lies on one (``TOP``).

    Subclasses name ``WHERE`` (its id in the actions) and the ``TABLES`` it shows.

    ``load`` runs in a thread and returns what ``show`` then draws. While one load runs, further changes wait
    and cause one more.
    """

    WHERE: ClassVar[str]
    TOP: ClassVar[str] = ""
    TABLES: ClassVar[frozenset[str]] = frozenset()
    AUTO_FOCUS = ""  # keys belong to the screen until it gives them away

    app: WorkbenchApp

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, int] | None = None
        self._loading = False
        self._again = False

    # -- for subclasses ----------------------------------------------------------------------------

    def body(self) -> Iterable[Widget]:
        """The widgets between the bars."""
        return ()

    def load(self, store: Store) -> Any:
        """Read what is shown. In a thread: must not touch the screen."""
        return None

    def show(self, data: Any) -> None:
        """Draw what ``load`` returned."""

    def opened(self, store: Store) -> None:
        """The store is open; called once, before the first load."""

    def on_unmount(self) -> None:
        self.app.mounted.remove(self)

    async def leaving(self) -> None:
        """The program is about to end: the last moment to save."""

    # -- machinery ---------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield TopBar(self.TOP or self.WHERE, self.app.keys)
        yield from self.body()
        yield Foot(self.WHERE, self.app.keys)

    def on_mount(self) -> None:
        self.app.mounted.append(self)
        if self.app.store is not None:
            self.opened(self.app.store)

    def on_screen_resume(self) -> None:
        self.tables_changed(self.app.counters)

    def tables_changed(self, counters: dict[str, int]) -> None:
        """Load again if a table shown here changed since the last load."""
        if not counters:
            return
        mine = {name: n for name, n in counters.items() if name in self.TABLES or name == "owner"}
        if mine != self._seen:
            self._seen = mine
            self.reload()

    def reload(self) -> None:
        store = self.app.store
        if store is None:
            return
        if self._loading:
            self._again = True
            return
        self._loading, self._again = True, False
        self.background(lambda: self.load(store), self._loaded, self._load_failed)

    def _loaded(self, data: Any) -> None:
        self._loading = False
        if self._again:
            self.reload()
        self.show(data)

    def _load_failed(self, error: WorkbenchError) -> None:
        self._loading = False
        self.failed(error)

    def background(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], object],
        failed: Callable[[WorkbenchError], None] | None = None,
    ) -> None:
        """Run ``work`` in a thread and hand its value to ``then`` here."""
        in_background(self, work, then, failed or self.failed)

    def on_finished(self, message: Finished) -> None:
        message.stop()
        message.then(message.value)

    def on_crashed(self, message: Crashed) -> None:
        raise message.error

    # -- telling -----------------------------------------------------------------------------------

    def say(self, message: str, level: str = "info") -> None:
        """One line above the keys."""
        self.query_one(MessageLine).say(message, level)

    def failed(self, error: WorkbenchError) -> None:
        self.say(f"{error}. {error.hint[:1].upper() + error.hint[1:]}" if error.hint else str(error), "error")
