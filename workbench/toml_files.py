"""Reading a user's TOML file, and its keys one by one: each error names the file, and the key where there is one."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import BadInput


def read_text(path: Path) -> str:
    """A file's text. Raises BadInput when it cannot be read or is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise BadInput(f"cannot be read: {reason}", file=str(path)) from None


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """The data of a file's text. Raises BadInput when it is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"not valid TOML: {error}", file=file) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The data of a file. Raises BadInput when it cannot be read or is not TOML."""
    return parse_toml(read_text(path), str(path))


class File:
    """A file's data, or one of its tables (``prefix`` is then its name with a point)."""

    def __init__(self, path: str, data: Mapping[str, Any], prefix: str = "") -> None:
        self.path, self.data, self.prefix = path, data, prefix

    def bad(self, key: str, message: str, hint: str | None = None) -> BadInput:
        """The error to raise about a key; an empty key is the table itself."""
        return BadInput(message, file=self.path, field=f"{self.prefix}{key}".rstrip("."), hint=hint)

    def only(self, keys: Sequence[str]) -> None:
        """Raises BadInput for a key that is none of these, with the nearest."""
        for key in self.data:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1)
                raise self.bad(key, "unknown key" + (f" (did you mean '{near[0]}'?)" if near else ""),
                               "keys: " + ", ".join(keys))  # fmt: skip

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not blank. Raises BadInput if it is none, or missing without a default."""
        if key not in self.data:
            if default is None:
                raise self.bad(key, "is missing")
            return default
        value = self.data[key]
        if not isinstance(value, str) or not value.strip():
            raise self.bad(key, "must be a text that is not blank")
        return value.strip()

    def one_of(self, key: str, words: Sequence[str], default: str) -> str:
        value = self.data.get(key, default)
        if value not in words:
            raise self.bad(key, f"must be one of {', '.join(words)}, not {value!r:.60}")
        return str(value)

    def number(self, key: str) -> float | None:
        value = self.data.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise self.bad(key, "must be a number")
        return None if value is None else float(value)

    def whole(self, key: str, default: int, least: int) -> int:
        value = self.data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.bad(key, f"must be a whole number, {least} or more")
        return int(value)

    def true(self, key: str) -> bool:
        value = self.data[key]
        if not isinstance(value, bool):
            raise self.bad(key, "must be true or false")
        return value

    def table(self, key: str) -> File:
        value = self.data.get(key)
        if not isinstance(value, Mapping) or not value:
            raise self.bad(key, "is missing" if value is None else f"must be a table with keys: [{key}]")
        return File(self.path, value, f"{self.prefix}{key}.")
