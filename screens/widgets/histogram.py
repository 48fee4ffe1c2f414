"""Histograms over one axis, one below the other: block characters, told apart by words and place, not by colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from screens.widgets.pages import steady
from workbench.text import one_line

#: Bins that are counted. Any width shows them in whole groups: 360 has a divisor near every number of columns.
BINS = 360
BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Bars:
    """One histogram: what it says above it, how often each of the ``BINS`` bins was hit, and its colour."""

    title: str
    counts: Sequence[int]
    style: str = "$primary"


def columns_for(width: int, bins: int = BINS) -> int:
    """The most columns, ``width`` at most, into which the bins go in equal groups; 1 at least."""
    return max((n for n in range(1, bins + 1) if bins % n == 0 and n <= width), default=1)


def grouped(counts: Sequence[int], columns: int) -> list[int]:
    """The counts in ``columns`` equal groups."""
    each = len(counts) // columns
    return [sum(counts[i * each : (i + 1) * each]) for i in range(columns)]


def bar_lines(heights: Sequence[int], rows: int) -> list[str]:
    """Bars of block characters, top line first, the tallest as high as there are rows; none that counts vanishes."""
    tallest = max(heights, default=0)
    eighths = [0 if not n else max(1, round(n / tallest * rows * 8)) for n in heights]
    return ["".join(BLOCKS[min(max(level - (rows - 1 - row) * 8, 0), 8)] for level in eighths) for row in range(rows)]


def axis(least: float, greatest: float) -> tuple[float, float]:
    """Bounds of a readable axis around these values: multiples of 1, 2 or 5 × a power of ten, never equal."""
    # No metric has such values; a hostile file may, and their difference must stay a number.
    least, greatest = (max(min(value, 1e100), -1e100) for value in (least, greatest))
    span = max(greatest - least, 1e-9, abs(least) * 1e-9)
    power = 10.0 ** math.floor(math.log10(span / 10))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if span / step <= 20)
    low, high = math.floor(least / step + 1e-9) * step, math.ceil(greatest / step - 1e-9) * step
    if high <= low:
        high = low + step
    return round(low, 12), round(high, 12)


def axis_line(low: float, high: float, columns: int) -> str:
    """The axis under the bars: its bounds, and the middle where there is room."""
    digits = 2 if high - low > 0.02 else 4
    left, middle, right = (f"{value:.{digits}f}" for value in (low, (low + high) / 2, high))
    if max(map(len, (left, middle, right))) > 12:
        left, middle, right = (f"{value:.2e}" for value in (low, (low + high) / 2, high))
    gap = columns - len(left) - len(right)
    if gap < len(middle) + 2:
        return left + " " * max(gap, 1) + right
    before = max(columns // 2 - len(middle) // 2 - len(left), 1)
    return left + " " * before + middle + " " * (gap - before - len(middle)) + right


class Histogram(Widget, can_focus=False):
    """Draws ``Bars`` over one axis in the room there is."""

    DEFAULT_CSS = """
    Histogram { height: 1fr; padding: 0 0 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._bars: Sequence[Bars] = ()
        self._bounds = (0.0, 1.0)
        self._otherwise = ""

    def show(self, bars: Sequence[Bars], low: float, high: float, otherwise: str = "") -> None:
        """``low`` and ``high`` bound the bins; ``otherwise`` is said when there are no bars."""
        self._bars, self._bounds, self._otherwise = bars, (low, high), otherwise
        self.refresh()

    def render(self) -> RenderResult:
        width, height = self.content_size
        if not self._bars:
            return Content.styled(self._otherwise, "$quiet")
        return Content.assemble(*histogram_parts(self._bars, self._bounds, width, height))


def histogram_parts(
    bars: Sequence[Bars], bounds: tuple[float, float], width: int, height: int
) -> list[tuple[str, str]]:
    """What a histogram of this size shows: text and style, line breaks among the text."""
    if not bars or width < 1 or height < 1:
        return []
    columns = columns_for(width)
    # The last ones go first where there is no room: a title, a line of bars each, one axis.
    shown = list(bars[: max(1, (height - 1) // 2)])
    free = height - 1 - len(shown)
    rows = share(free, len(shown)) if free >= len(shown) else [max(free, 1)]
    lines: list[tuple[str, str]] = []
    for i, (one, n) in enumerate(zip(shown, rows, strict=True)):
        heights = grouped(one.counts, columns)
        title = f"{one.title}, tallest bar {max(heights):,}"
        title = title if len(title) <= width else one.title
        lines.append((one_line(steady(title), width), "bold" if not i else ""))
        lines += [(line, one.style) for line in bar_lines(heights, n)]
        if not i:
            lines.append((axis_line(*bounds, columns), "$quiet"))
    parts: list[tuple[str, str]] = []
    for i, (text, style) in enumerate(lines[:height]):
        parts += [("\n" if i else "", ""), (text, style)]
    return [part for part in parts if part[0]]


def share(rows: int, n: int) -> list[int]:
    """Rows for ``n`` histograms, one each at least: the first gets twice as many as any other."""
    each = max(rows // (n + 1), 1)
    return [rows - each * (n - 1), *([each] * (n - 1))]
