"""Items to be judged, and the texts that a template shows of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.judging.parsers.quality import highest
from workbench.judging.protocol import Unit
from workbench.judging.templates import Template
from workbench.records import Row, stable_id

NO_REFERENCE = "(none)"
#: Stands for the model where no model's answer is judged (the protocol of a question alone).
QUESTION = "(question)"
#: What the texts shown are known by, to a template and to a protocol's own ``values``.
Values = dict[str, str | list[str]]
#: Everything of a stored judgment that tells which item it is of, save the attempt.
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer (or critique: ``model`` is the critic, ``response_id`` the judgment's id). ``chars`` and
    ``bytes`` (UTF-8) have one length a turn; ``sample`` is the answer's number among its model's."""

    model: str
    response_id: str
    chars: tuple[int, ...]
    bytes: tuple[int, ...] = ()
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """What one request asks about. ``answers`` are in model order, ``order`` says which of two is shown first.

    ``about`` is the answer that two critiques are of. ``variant`` holds what else could change the verdict and has no
    column (how answers were cut, which make up a group). ``cuts``: the most characters shown of an answer's turns.
    ``attempt`` numbers this try; ``sample`` this repetition.
    """

    question_id: str
    turn: int
    order: str  # ab, ba, or single
    answers: tuple[Answer, ...]
    template: Template
    unit: Unit
    attempt: int = 0
    sample: int = 0
    about: Answer | None = None
    variant: Mapping[str, Any] = field(default_factory=dict)
    cuts: Mapping[str, int] = field(default_factory=dict)
    #: why it cannot be sent at all, with its size
    too_long: str | None = None

    @property
    def shown(self) -> tuple[Answer, ...]:
        """The answers in the order in which the judge sees them."""
        return self.answers[::-1] if self.order == "ba" else self.answers

    @property
    def variant_key(self) -> str:
        """Hash of ``variant``; empty for none."""
        return stable_id("variant", dict(self.variant))[:16] if self.variant else ""

    @property
    def response_ids(self) -> list[str]:
        """Whose texts are shown."""
        return [answer.response_id for answer in (*self.answers, *((self.about,) if self.about else ()))]

    def stored_keys(self) -> list[Key]:
        """The judgments that this item's answer becomes, as ``stored_key`` knows them."""
        same = (self.question_id, self.turn, self.order, self.template.hash, self.sample, self.variant_key)
        if self.unit == "question":
            asked = [answer.response_id for answer in self.answers] or [self.question_id]
            return [(question_id, *same[1:], QUESTION, None, None, None) for question_id in asked]
        if self.unit in ("answer", "group"):
            return [(*same, answer.model, None, answer.response_id, None) for answer in self.answers]
        a, b = self.answers
        if self.unit == "critiques":
            return [(*same, a.model, b.model, None, None)]
        return [(*same, a.model, b.model, a.response_id, b.response_id)]


#: Samples of the same item, for one request.
Bundle = tuple[Item, ...]


def bundles(items: Iterable[Item], most: int) -> Iterator[Bundle]:
    """Samples of the same item together, at most so many; bundles in the order of their first items."""
    if most == 1:
        yield from ((item,) for item in items)
        return
    alike: dict[tuple[Key, ...], list[Item]] = {}
    for item in items:
        alike.setdefault(tuple(dataclasses.replace(item, sample=0).stored_keys()), []).append(item)
    for same in alike.values():
        for start in range(0, len(same), most):
            yield tuple(same[start : start + most])


def stored_key(row: Row) -> Key:
    """The key of a row of ``judge_stored``."""
    return (
        row["question_id"], row["turn"], row["presented_order"], row["template_hash"], row["sample"], row["variant"],
        row["model_a"], row["model_b"], row["response_a"], row["response_b"],
    )  # fmt: skip


def references(question: Row, turn: int) -> list[str]:
    """The reference answers shown for a turn: the first turn's, or both; blank where there is none."""
    there = [(text or "").strip() and text for text in question["reference"] or ()]
    return [*there, "", ""][:turn]


def values(item: Item, question: Row, texts: Mapping[str, list[str]]) -> Values:
    """The texts to insert into an item's template, by placeholder. ``texts``: response id → turns."""
    found: Values = {f"question_{i + 1}": question["turns"][i] for i in range(item.turn)}
    if any(there := references(question, item.turn)):
        found |= {f"reference_{i + 1}": text or NO_REFERENCE for i, text in enumerate(there)}
    cut = cutter(item)

    def turns(prefix: str, answer: Answer) -> None:
        for i in range(item.turn):
            found[f"{prefix}_{i + 1}"] = cut(answer.response_id, texts[answer.response_id][i])

    if item.unit == "answer":
        turns("answer", item.answers[0])
    elif item.unit == "pair":
        for prefix, answer in zip(("answer_a", "answer_b"), item.shown, strict=True):
            turns(prefix, answer)
    elif item.unit == "group":
        found["answers"] = [cut(a.response_id, texts[a.response_id][item.turn - 1]) for a in item.shown]
        found |= {"count": str(len(item.answers)), "top_score": str(highest(len(item.answers)))}
    elif item.unit == "question":
        asked = [cut(a.response_id, texts[a.response_id][item.turn - 1]) for a in item.answers]
        found["questions"] = [*asked] or [question["turns"][item.turn - 1]]
    elif item.unit == "critiques" and item.about is not None:
        turns("answer", item.about)
        for prefix, answer in zip(("critique_a", "critique_b"), item.shown, strict=True):
            found[prefix] = cut(answer.response_id, texts[answer.response_id][0])
    return found


def cutter(item: Item) -> Callable[[str, str], str]:
    """A function (response id, text) → the text as it is shown."""
    rule = (item.variant.get("cut") or {}).get("rule", "middle")
    return lambda response_id, text: shorten(text, item.cuts[response_id], rule) if response_id in item.cuts else text


def shorten(text: str, most: int, rule: str) -> str:
    """At most ``most`` characters of a text and a note that says how many are missing.

    ``middle`` keeps beginning and end, ``end`` the beginning.
    """
    if len(text) <= most:
        return text
    note = f"\n[… {len(text) - most:,} characters left out …]\n"
    if rule == "end":
        return text[:most] + note
    tail = most // 2
    return text[: most - tail] + note + (text[len(text) - tail :] if tail else "")
