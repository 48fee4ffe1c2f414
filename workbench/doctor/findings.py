"""One thing that was looked at, and how findings are ordered, kept free of secrets and told to people."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

State = Literal["ok", "warning", "problem", "unknown"]

#: The states, what needs a hand first.
STATES: tuple[State, ...] = ("problem", "warning", "unknown", "ok")
#: What a finding is about, by the first part of its name, in the order shown.
GROUPS: Mapping[str, str] = {
    "gpu": "GPUs", "server": "Servers", "software": "Software", "store": "Store", "key": "Keys",
    "endpoint": "Endpoints", "disk": "Disks and caches", "machine": "Machine", "terminal": "Terminal",
}  # fmt: skip

_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|auth", re.IGNORECASE)
_SECRET_SHAPE = re.compile(r"\b(?:sk|pk|rk|hf|gsk|xai)[-_][A-Za-z0-9_\-.]{6,}|(?<=//)[^/\s@]+@")
#: Shorter values are words that may well stand in a message for another reason.
_SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """``name`` is ``GROUP.WHAT``; ``what`` was found, ``fix`` is what to do or run about it (empty: nothing).

    Both are raw text: names of processes and models come from anywhere and are cleaned where they are shown.
    """

    name: str
    state: State
    what: str
    fix: str = ""

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Problems first, then by group; within one the order in which they were found."""
    groups = list(GROUPS)
    return sorted(findings, key=lambda f: (STATES.index(f.state), groups.index(f.group)))


def concealed(text: str, environment: Mapping[str, str] | None = None) -> str:
    """The text without what is secret by its shape, or is the value of a variable that is secret by its name.

    No check puts a secret into a finding; this is for the text of others that findings repeat (command lines, errors).
    """
    for name, value in (os.environ if environment is None else environment).items():
        if len(value) >= _SHORTEST_SECRET and value in text and _SECRET_NAME.search(name):
            text = text.replace(value, "***")
    return _SECRET_SHAPE.sub("***", text)


def without_secrets(finding: Finding) -> Finding:
    return replace(finding, what=concealed(finding.what), fix=concealed(finding.fix))


def bytes_text(n: float) -> str:
    """Bytes as people say them, in powers of 1024: ``bytes_text(3 << 30)`` is '3.0 GiB'."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if n < 1024 or unit == "TiB":
            return f"{n:.0f} {unit}" if unit == "B" or n >= 100 else f"{n:.1f} {unit}"
        n /= 1024
    raise AssertionError("unreachable")


def mib_text(n: int) -> str:
    """MiB as ``nvidia-smi`` counts them, as people say them."""
    return bytes_text(n * 1024 * 1024)
