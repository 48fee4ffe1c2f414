"""What a judging protocol is: what one item of it is, which template asks for it, and how the answer is read.

Protocols are files of ``protocols/``; the framework (``plan``, ``asking``, ``rows``) knows none by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from workbench.engines.protocol import Message
from workbench.records import Judgment, Row

if TYPE_CHECKING:
    from workbench.judging.items import Item
    from workbench.judging.templates import Template

#: What one item is: an answer; two answers in an order; all answers to a question; a question; two critiques.
Unit = Literal["answer", "pair", "group", "question", "critiques"]
UNITS: tuple[Unit, ...] = ("answer", "pair", "group", "question", "critiques")
#: Categories that FastChat gives a reference answer for (formats-and-rules §1).
REFERENCE_CATEGORIES = frozenset({"math", "reasoning", "coding", "arena-hard-200"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a judge's words say about the answers in the order shown.

    ``verdict``: ``a`` is the one shown first. ``scores``: one for each answer shown (or one for the question), ``None``
    where none could be read. ``text``: the words themselves are the result (a critique). ``meta`` goes to the row's.
    """

    verdict: str | None = None
    scores: tuple[float | None, ...] = ()
    text: bool = False
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def found(self) -> bool:
        return self.text or self.verdict is not None or any(score is not None for score in self.scores)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer is an answer to. ``output`` is the template's form, ``count`` the number of answers shown."""

    mode: str
    output: str
    count: int
    template: Template
    item: Item


@dataclass(frozen=True, slots=True)
class Probe:
    """Where a verdict's first token stands: right after ``pattern``. ``options``: how a verdict begins → a, b, tie."""

    pattern: re.Pattern[str]
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """What decides which template is used. ``reference``: a reference answer is to be shown."""

    family: str
    output: str
    mode: str
    turn: int
    question: Row
    reference: bool


Read = Callable[[str, Asked], "Reading | None"]
Orders = Callable[["Item", int], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A way of judging. ``read`` never raises: what cannot be read is ``None``.

    ``kind`` is what judgments are stored under (``judgments.protocol``), ``family`` the template files' stem,
    ``outputs`` the forms it has templates for. ``orders``: those each item is shown in, or a function of item and seed;
    by default both for two of a kind. ``answers="all"``: every sample of a model, not the first alone. ``repair`` tells
    the form of the verdict when the judge is asked for it alone; empty: it is not asked again. ``values`` adds
    placeholders; ``fit`` adapts the template to the number of answers shown; ``finish`` rewrites the finished messages;
    ``also`` makes rows of other tables from a judgment, which are saved with it.
    """

    name: str
    kind: str
    unit: Unit
    family: str
    read: Read
    about: str
    outputs: tuple[str, ...] = ("json", "text")
    orders: tuple[str, ...] | Orders | None = None
    turns: tuple[int, ...] = (1, 2)
    baseline: bool = False
    answers: Literal["first", "all"] = "first"
    max_tokens: Mapping[str, int] = field(default_factory=lambda: {"text": 512, "json": 256})
    repair: str = ""
    probe: Mapping[str, Probe] = field(default_factory=dict)
    choose: Callable[[Choice], Template] | None = None
    values: Callable[[Item, Row], Mapping[str, str | list[str]]] | None = None
    fit: Callable[[Template, int], Template] | None = None
    finish: Callable[[tuple[Message, ...], Template], tuple[Message, ...]] | None = None
    also: Callable[[Judgment], Mapping[str, Sequence[Row]]] | None = None

    def orders_of(self, item: Item, seed: int = 0, wanted: str = "both") -> tuple[str, ...]:
        """The orders an item is shown in. Where a protocol draws one, ``seed`` draws it, unless one is ``wanted``."""
        if callable(self.orders):
            return self.orders(item, seed) if wanted == "both" else (wanted,)
        if self.orders is not None:
            return self.orders
        return ("ab", "ba") if self.unit in ("pair", "critiques") else ("single",)


def wants_reference(category: str | None, mode: str, *, there: bool) -> bool:
    """Whether the template with a reference is used. corrected: where there is one. compat: FastChat's routing, by the
    question's category (where there is none to show, it would stop; here the template without one is used)."""
    return there and (mode != "compat" or category in REFERENCE_CATEGORIES)


def choose_template(choice: Choice) -> Template:
    """The family's template for an item; one without references stands in where a family has none with.

    Raises:
        Unknown, BadInput: the family has none for this output form, or none for second turns.
    """
    from workbench.judging.templates import template

    return template(choice.family, choice.output, reference=choice.reference, multi_turn=choice.turn == 2)
