"""A list of which some can be chosen; what is chosen is said by a mark, not by a colour."""

from __future__ import annotations

from collections.abc import Sequence

from screens.actions import bindings
from screens.widgets.table import Column, Table


class Choices(Table):
    """Names with a box before each. Space and enter change the one under the cursor."""

    BINDINGS = bindings("choices")
    DEFAULT_CSS = """
    Choices { height: auto; max-height: 6; min-height: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(Column("", accent=True), Column(""), id=id, header=False)
        self._names: Sequence[str] = ()
        self._chosen: set[str] = set()

    @property
    def chosen(self) -> tuple[str, ...]:
        return tuple(name for name in self._names if name in self._chosen)

    def offer(self, names: Sequence[str]) -> None:
        self._names = names
        self._draw()

    def _draw(self) -> None:
        boxes = [("[x]" if name in self._chosen else "[ ]", name) for name in self._names]
        self.set_rows(boxes, self._names)

    def action_choose(self) -> None:
        if self.key is not None:
            self._chosen ^= {self.key}
            self._draw()
