"""The judging protocols by name, for those who only check names. What they are: ``workbench.judging.protocols``."""

from __future__ import annotations

from pathlib import Path

#: Name on the command line → module of ``workbench.judging.protocols``.
BUILT_IN: dict[str, str] = {
    "single": "single",
    "pairwise-all": "pairwise",
    "pairwise-baseline": "pairwise",
    "quality": "quality",
    "quality-samples": "quality",
    "complexity": "complexity",
    "autoj-pairwise": "autoj",
    "autoj-pairwise-chinese": "autoj",
    "autoj-pairwise-json": "autoj",
    "autoj-single": "autoj",
    "autoj-single-chinese": "autoj",
    "autoj-critique": "autoj",
    "critique-pairwise": "critique",
    "rubric": "rubric",
    "rubric-pairwise": "rubric",
    "similarity": "similarity",
    "best-of-n": "best_of_n",
    "best-of-n-autoj": "best_of_n",
}
#: Before the path of a protocol of the user's own.
USER = "user:"
#: Protocols that take a rubric's file after a colon.
RUBRIC_FILES = ("rubric", "rubric-pairwise")
#: Protocols that cannot do without a baseline.
NEED_BASELINE = ("pairwise-baseline",)


def absolute(name: str, folder: Path | None = None) -> str:
    """The name with the path of a file in it made absolute, against ``folder`` or the current one: a job may run
    elsewhere than it was asked for."""
    base, colon, path = name.partition(":")
    return f"{base}:{((folder or Path.cwd()) / Path(path).expanduser()).absolute()}" if colon and path else name


def chosen(text: str) -> str:
    """A protocol as somebody typed it, as it is kept: underscores stand for hyphens, and a file's path is absolute."""
    return absolute(text if file_of(text) is not None else text.replace("_", "-"))


def file_of(name: str) -> Path | None:
    """The file that a protocol's name holds; ``None`` for a built-in one."""
    base, colon, path = name.partition(":")
    return Path(path).expanduser() if colon and path and (f"{base}:" == USER or base in RUBRIC_FILES) else None
