"""Help, the choice of a destination, and questions with yes and no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Static

from screens.actions import DESTINATIONS, Action, actions_of, key_name, keys_of


class HelpScreen(ModalScreen[None]):
    """All keys of a screen, made from the registry."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,question_mark,f1", "dismiss", show=False),
        Binding("j,down", "scroll_by(1)", show=False),
        Binding("k,up", "scroll_by(-1)", show=False),
        Binding("space,pagedown", "scroll_by(12)", show=False),
        Binding("pageup", "scroll_by(-12)", show=False),
    ]

    def __init__(self, where: str, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._where = where
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        groups = [(self._where.capitalize() if self._where != "sql" else "SQL", actions_of(self._where))]
        if self._where in ("jobs", "leaderboard", "agreement", "sql", "select"):
            groups.append(("Tables", actions_of("table")))
        if self._where in ("log", "doctor"):
            groups.append(("Scrolling", actions_of("scroll")))
        groups.append(("Everywhere", actions_of("everywhere")))
        with VerticalScroll(classes="dialog", id="help"):
            for title, actions in groups:
                if actions:
                    yield Static(self._group(title, actions), markup=False)
            yield Static(
                Content.styled("\nKeys can be changed in config.toml by the id on the right. esc: back", "$quiet")
            )

    def _group(self, title: str, actions: list[Action]) -> Content:
        parts: list[tuple[str, str]] = [(f"{title}\n", "bold $primary")]
        for action in actions:
            keys = " ".join(key_name(key) for key in keys_of(action, self._keymap))
            parts += [(f" {keys:<9} ", "bold"), (f"{action.title:<38} "[:40], ""), (f"{action.id}\n", "$quiet")]
        return Content.assemble(*parts)

    def action_scroll_by(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


class DestinationScreen(ModalScreen[str | None]):
    """One letter goes to a destination; anything else goes back."""

    CSS = """
    DestinationScreen { align: center bottom; }
    DestinationScreen Static { width: auto; background: $surface; padding: 0 1; margin-bottom: 2; }
    """
    LETTERS: ClassVar[dict[str, str]] = {
        "h": "home", "j": "jobs", "a": "annotate", "l": "leaderboard", "g": "agreement", "s": "sql", "e": "select",
        "d": "doctor",
    }  # fmt: skip

    def compose(self) -> ComposeResult:
        titles = {mode: title for mode, title, _ in DESTINATIONS}
        parts: list[tuple[str, str]] = [("Go to  ", "")]
        # Two lines where one does not hold them all (and the blanks around).
        whole = sum(len(titles[mode]) + 4 for mode in self.LETTERS.values()) + 7
        half = len(self.LETTERS) // 2 if whole > self.app.size.width else -1
        for i, (letter, mode) in enumerate(self.LETTERS.items()):
            parts += [("\n       ", "")] if i == half else []
            parts += [(letter, "bold $primary"), (f" {titles[mode]}  ", "")]
        yield Static(Content.assemble(*parts).rstrip())

    def on_key(self, event: Key) -> None:
        event.stop()
        self.dismiss(self.LETTERS.get(event.key))


class ConfirmScreen(ModalScreen[bool]):
    """A question answered by y or n. The text is shown literally."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False),
        Binding("n,escape,q", "answer(False)", show=False),
    ]

    def __init__(self, title: str, text: str, yes: str = "yes", no: str = "no") -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(self._title, "bold $primary"))
            yield Static(Content(self._text))
            keys = (("\ny", "bold $primary"), (f" {self._yes}    ", ""), ("n", "bold $primary"), (f" {self._no}", ""))
            yield Static(Content.assemble(*keys))

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
