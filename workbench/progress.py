"""How long work reports itself, whoever is watching: a terminal, a log, or the jobs table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """Told of a stage's progress. Safe to call from one thread at a time; never raises."""

    def start(self, label: str, total: int | None) -> None:
        """A stage begins; ``total`` counts items, ``None`` when unknown yet."""

    def advance(self, done: int = 1, *, failed: int = 0) -> None:
        """``done`` more items have a result or a recorded failure; ``failed`` of these are failures."""

    def say(self, message: str, *, level: str = "info") -> None:
        """One line worth keeping: info, warning or error."""

    @property
    def cancelled(self) -> bool:
        """True once somebody asked the work to stop; stages check it between batches."""


class Silent:
    """Progress for nobody: tests and short work."""

    cancelled = False

    def start(self, label: str, total: int | None) -> None:
        pass

    def advance(self, done: int = 1, *, failed: int = 0) -> None:
        pass

    def say(self, message: str, *, level: str = "info") -> None:
        pass


@dataclass(frozen=True, slots=True)
class StageReport:
    """What a stage did. ``total`` = ``done`` items with a result or recorded failure, plus those left when it stopped.

    ``states`` counts the outcomes of this run (``ok``, ``error``, …); ``cost`` is US dollars, ``None`` if unknown.
    """

    stage: str
    total: int
    done: int
    failed: int = 0
    already: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    cancelled: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a stage would do, without doing it. Tokens are estimated at four characters each unless known.

    ``requests`` counts what would be sent to models; ``cost`` is US dollars, ``None`` when a price is not known.
    ``unknown`` says why a number cannot be told yet (it depends on an earlier stage). ``seconds`` is how long it would
    take, ``None`` when nothing was observed that would tell.
    """

    stage: str
    items: int
    requests: int
    already: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    unknown: str | None = None
    seconds: float | None = None
    #: texts to encode, and the bytes that keeping their encodings takes on disk
    texts: int = 0
    disk: int = 0

    @property
    def remark(self) -> str:
        """What a table has no column for."""
        kept = f"{self.texts:,} texts to encode, {self.disk / 1e6:,.1f} MB to keep them" if self.texts else ""
        return "; ".join(part for part in (kept, self.unknown) if part)
