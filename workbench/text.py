"""Showing text that models wrote: harmless on any terminal, and readable.

Model output is stored raw. Before it reaches a screen, a table or a log it goes through ``clean``:
escape sequences would otherwise drive the terminal (set its clipboard, move its cursor, change its title).
"""

from __future__ import annotations

import re

# C0 controls but tab and newline, DEL, and the C1 controls, any of which can start or end a terminal's command.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Marks that reorder or hide what follows on the line: overrides and isolates, tags, line and paragraph separators.
_INVISIBLE = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufff9-\ufffb\U000e0000-\U000e007f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# More marks on one letter than any language uses spill over the lines above and below.
_PILED = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def _picture(found: re.Match[str]) -> str:
    """A control character as its Unicode picture (␛ for escape); those without one as their number."""
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\\x{code:02x}"


def clean(text: str) -> str:
    """The text with everything that could act on a terminal made visible instead.

    Newlines and tabs stay; ``\\r\\n`` and a lone ``\\r`` become a newline (a lone one would overwrite its line).
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub(_picture, text)
    if text.isascii():
        return text
    text = _SURROGATES.sub("\ufffd", text)
    text = _INVISIBLE.sub(lambda m: f"\\u{ord(m.group()):04x}", text)
    return _PILED.sub(r"\1", text)


def one_line(text: str, width: int | None = None) -> str:
    """Cleaned text on one line, white space folded, cut to ``width`` characters with an ellipsis."""
    head = text if width is None else text[: width * 8]
    flat = " ".join(clean(head).split())
    if width is not None and len(flat) > width:
        return flat[: max(width - 1, 0)] + "…"
    return flat


def clip(text: str, limit: int) -> tuple[str, int]:
    """The first ``limit`` characters, and how many were left out."""
    return (text, 0) if len(text) <= limit else (text[:limit], len(text) - limit)


def plural(n: int, one: str, many: str | None = None) -> str:
    """``plural(1, 'answer')`` is '1 answer', ``plural(1200, 'answer')`` is '1,200 answers'."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
