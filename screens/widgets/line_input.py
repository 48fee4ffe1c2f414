"""A one-line input that does not blink and takes no control characters."""

from __future__ import annotations

from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import Input

from workbench.text import one_line


class LineInput(Input):
    """``Left`` is posted on escape."""

    class Left(Message):
        """The user left without entering."""

    def on_mount(self) -> None:
        self.cursor_blink = False

    def on_key(self, event: Key) -> None:
        if event.key == "escape":
            event.stop()
            self.post_message(self.Left())

    def _on_paste(self, event: Paste) -> None:
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(one_line(event.text))
