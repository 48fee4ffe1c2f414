"""The lines around a screen: destinations at the top, a message, the keys at the foot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.cells import cell_len
from textual.app import RenderResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static

from screens.actions import BY_ID, DESTINATIONS, actions_of, key_name, keys_of
from screens.widgets.pages import steady
from workbench.text import one_line

#: Titles on 80 columns, where the whole ones do not fit.
NARROW = {"agreement": "Agree"}


class TopBar(Widget):
    """The destinations with their keys; the current one stands out. Drawn once a screen."""

    DEFAULT_CSS = """
    TopBar { height: 1; dock: top; background: $surface; color: $quiet; }
    """

    def __init__(self, current: str, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self.current = current
        self.keymap = keymap

    def render(self) -> RenderResult:
        wide = self._bar(DESTINATIONS, " ")
        if wide.cell_length - 1 <= self.size.width:
            return wide
        return self._bar([(mode, NARROW.get(mode, title), key) for mode, title, key in DESTINATIONS], "")

    def _bar(self, destinations: Iterable[tuple[str, str, str]], between: str) -> Content:
        parts: list[tuple[str, str]] = [(" ", "")]
        for mode, title, _ in destinations:
            key = key_name(keys_of(BY_ID[f"go.{mode}"], self.keymap)[0])
            here = mode == self.current
            parts += [(key, "$quiet"), (f" {title} ", "bold reverse") if here else (f" {title} ", "$foreground")]
            parts += [(between, "")] if between else []
        return Content.assemble(*parts)


#: Screens on which letters are text.
TYPING = frozenset({"sql", "launch"})
#: What the key bar names of the actions that work everywhere: without typing, and with.
EVERYWHERE = (
    (("app.go", "go to"), ("app.help", "help"), ("app.quit", "quit")),
    (("app.help", "help"), ("app.palette", "find"), ("app.quit_always", "quit")),
)


class KeyBar(Widget):
    """The keys of a screen, on as many lines as they need (two at most)."""

    DEFAULT_CSS = """
    KeyBar { height: auto; max-height: 2; background: $surface; color: $foreground; padding: 0 1; }
    """

    def __init__(self, where: str, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self.entries: list[tuple[str, str]] = []
        for action in actions_of(where):
            if action.short:
                self.entries.append((_shown_keys(keys_of(action, keymap)), action.short))
        for action_id, words in EVERYWHERE[where in TYPING]:
            keys = keys_of(BY_ID[action_id], keymap)
            # Where text is typed, a letter is text: name the key that works all the same.
            shown = next((key for key in keys if len(key_name(key)) > 1), keys[0]) if where in TYPING else keys[0]
            self.entries.append((key_name(shown), words))

    def _lines(self, width: int) -> list[list[tuple[str, str]]]:
        lines: list[list[tuple[str, str]]] = [[]]
        used = 0
        for keys, words in self.entries:
            size = cell_len(keys) + 1 + cell_len(words)
            if used and used + 2 + size > width:
                lines.append([])
                used = 0
            used += size + (2 if used else 0)
            lines[-1].append((keys, words))
        return lines[:2]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines(width))

    def render(self) -> RenderResult:
        parts: list[tuple[str, str]] = []
        for i, line in enumerate(self._lines(self.content_size.width)):
            parts.append(("\n" if i else "", ""))
            for j, (keys, words) in enumerate(line):
                parts += [("  " if j else "", ""), (keys, "bold $primary"), (f" {words}", "")]
        return Content.assemble(*[part for part in parts if part[0]])


def _shown_keys(keys: list[str]) -> str:
    """The first key, and the arrow where there is one: the rest is in the help."""
    arrows = [key_name(key) for key in keys[1:] if key in ("left", "right")]
    return "/".join([key_name(keys[0]), *arrows])


class Foot(Vertical):
    """Message and keys, below everything else."""

    DEFAULT_CSS = """
    Foot { dock: bottom; height: auto; }
    """

    def __init__(self, where: str, keymap: Mapping[str, str]) -> None:
        super().__init__(MessageLine(), KeyBar(where, keymap))


class MessageLine(Static):
    """What just happened or went wrong, on one line; up to three when it is long. Empty most of the time."""

    DEFAULT_CSS = """
    MessageLine { height: auto; min-height: 1; max-height: 3; padding: 0 1; color: $quiet; }
    MessageLine.-warning { color: $warning; }
    MessageLine.-error { color: $error; text-style: bold; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._long = False

    def say(self, message: str, level: str = "info") -> None:
        self.set_class(level == "warning", "-warning")
        self.set_class(level == "error", "-error")
        sign = {"error": "! ", "warning": "! "}.get(level, "")
        text = sign + one_line(steady(message), 500)
        was_long, self._long = self._long, cell_len(text) > self.content_size.width
        # Laying out the screen again moves everything above: only for messages that need the room.
        self.update(Content(text), layout=was_long or self._long)


def meter(done: int, total: int, cells: int) -> tuple[str, str]:
    """A bar of lines, its done and its open part: ``meter(1, 2, 4)`` is ``('━━', '──')``."""
    full = cells * min(done, total) // total if total > 0 else 0
    if done and not full:
        full = 1
    return "━" * full, "─" * (cells - full)


def duration(seconds: float) -> str:
    """Seconds as people say them: 2.5 s, 40 s, 12 min, 3 h 05, 4 d 2 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d}"
    return f"{hours // 24} d {hours % 24} h"
