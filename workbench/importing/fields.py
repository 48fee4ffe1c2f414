"""Reading one field of a record: the right type, or a reason a user can act on."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

#: Nesting kept in ``meta``: deeper values are no data of an evaluation, and JSON readers give up on them.
MAX_DEPTH = 100
EPOCH = datetime(1970, 1, 1)
#: Seconds since 1970 beyond which a number is no time stamp in seconds (year 5138).
MAX_TSTAMP = 1e11
MAX_INT = 2**31 - 1


class BadRecord(Exception):
    """A record cannot be imported: the field at fault, if one is, and why."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


def kind(value: Any) -> str:
    """JSON's name of a value's type."""
    if value is None:
        return "null"
    for types, name in ((bool, "true/false"), ((int, float), "a number"), (str, "text"), (list, "a list")):
        if isinstance(value, types):
            return name
    return "an object" if isinstance(value, dict) else type(value).__name__


def shown(value: str) -> str:
    """A value of the file in quotes, cut to what a message can hold."""
    return f"'{value[:60]}…'" if len(value) > 60 else f"'{value}'"


def missing(field: str, record: Mapping[str, Any], accepted: Collection[str] = ()) -> BadRecord:
    """The error of a field that is not there, with the names that would do and those there are."""
    there = ", ".join(str(k)[:40] for k in list(record)[:12]) or "none"
    also = [name for name in accepted if name != field]
    names = f" (accepted: {', '.join([field, *also])})" if also else ""
    return BadRecord(f"missing{names}; the line has: {there}", field)


def text_id(value: Any, field: str) -> str:
    """An id as text: numbers become their decimal digits.

    Raises:
        BadRecord: blank, or no text and no whole number.
    """
    if isinstance(value, str):
        if not value.strip():
            raise BadRecord("empty", field)
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    # Whole floats come from tables with gaps; beyond 2^53 the digits would be invented.
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    raise BadRecord(f"must be text or a whole number, not {kind(value)}", field)


def text(value: Any, field: str) -> str:
    """Text that is not blank."""
    found = any_text(value, field)
    if not found.strip():
        raise BadRecord("empty", field)
    return found


def any_text(value: Any, field: str) -> str:
    """Text as it stands, blank or not."""
    if not isinstance(value, str):
        raise BadRecord(f"must be text, not {kind(value)}", field)
    return value


def text_or_null(value: Any, field: str) -> str | None:
    """Text as it stands, blank or not, or null."""
    return None if value is None else any_text(value, field)


def optional_text(value: Any, field: str) -> str | None:
    """Text, or ``None`` when it is null or empty. Numbers become text."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise BadRecord(f"must be text, not {kind(value)}", field)
    return value


def turns(value: Any, field: str) -> tuple[str, ...]:
    """A non-empty list of texts; single entries may be blank.

    Raises:
        BadRecord: no list, an empty one, or an entry that is no text.
    """
    if not isinstance(value, list):
        raise BadRecord(f"must be a list of texts, one a turn, not {kind(value)}", field)
    if not value:
        raise BadRecord("is an empty list: one text a turn is needed", field)
    for i, entry in enumerate(value, 1):
        if not isinstance(entry, str):
            raise BadRecord(f"turn {i} must be text, not {kind(entry)}", field)
    return tuple(value)


def asked(value: Any, field: str) -> tuple[str, ...]:
    """Turns of a question, of which none may be blank."""
    found = turns(value, field)
    for i, entry in enumerate(found, 1):
        if not entry.strip():
            raise BadRecord(f"turn {i} is empty", field)
    return found


def reference(value: Any, field: str) -> tuple[str, ...] | None:
    """Right answers, one a turn: a list of texts (null entries become empty) or one text or number."""
    if value is None or value == "" or value == []:
        return None
    if isinstance(value, list):
        return turns(["" if entry is None else entry for entry in value], field)
    found = optional_text(value, field)
    return None if found is None else (found,)


def whole(value: Any, field: str, *, least: int = 0) -> int:
    """A whole number from ``least`` to 2^31 - 1; text of digits will do (CSV has nothing else)."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:20])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    what = "a positive whole number" if least == 1 else f"a whole number of at least {least}"
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadRecord(f"must be {what}, not {kind(value)}", field)
    if not least <= value <= MAX_INT:
        raise BadRecord(f"must be {what}, not {value}", field)
    return value


def optional_whole(value: Any, field: str) -> int | None:
    return None if value is None or value == "" else whole(value, field)


def optional_number(value: Any, field: str) -> float | None:
    """A finite number, text of one, or ``None``."""
    if value is None or value == "":
        return None
    try:
        found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise BadRecord(f"must be a number, not {kind(value)}", field)
    return found


def when(value: Any, field: str) -> datetime | None:
    """A time in UTC without a zone: seconds since 1970, or ISO 8601 text (without a zone: UTC).

    Raises:
        BadRecord: neither, or out of range.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    try:
        seconds = optional_number(value, field)
    except BadRecord:
        try:
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
        except (TypeError, ValueError, OverflowError):
            raise BadRecord("must be seconds since 1970 or an ISO 8601 time", field) from None
    if seconds is None or not 0 <= seconds < MAX_TSTAMP:
        raise BadRecord(f"must be seconds since 1970, not {value}", field)
    return EPOCH + timedelta(seconds=seconds)


def depth_over(value: Any, limit: int) -> bool:
    """True when lists and objects are nested deeper than ``limit``."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def rest(record: Mapping[str, Any], used: Collection[str]) -> dict[str, Any]:
    """Every field that has no column of its own.

    Raises:
        BadRecord: one is nested absurdly deep.
    """
    found = {key: value for key, value in record.items() if key not in used}
    for key, value in found.items():
        if isinstance(value, dict | list) and depth_over(value, MAX_DEPTH):
            raise BadRecord(f"nested deeper than {MAX_DEPTH} levels", key)
    return found
