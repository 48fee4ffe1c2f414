"""What is judged: the judgments a protocol asks for, less those that are stored.

- ``single``: every answer is graded by itself, 1 to 10.
- ``pairwise-all``: every two models' answers to the same question are compared, in both orders.
- ``pairwise-baseline``: every model's answer is compared with the baseline's, in both orders.

With a selection only its pairs (or, graded singly, its answers) are judged. Turn 1 is judged by itself; turn 2, of
questions with exactly two turns, with the whole conversation (formats-and-rules §1). Only the first sample of a model
counts, and only answers that are no failures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Literal

from workbench.errors import BadInput, Unknown
from workbench.judging.templates import Template, template
from workbench.records import Row
from workbench.scope import NO_LIMIT
from workbench.store import Store

#: Questions planned and loaded at a time: bounds memory, whatever the number of answers.
BLOCK = 100
NO_REFERENCE = "(none)"
Protocol = Literal["single", "pairwise-all", "pairwise-baseline"]
PROTOCOLS: tuple[Protocol, ...] = ("single", "pairwise-all", "pairwise-baseline")


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """Who judges what. Without ``models``, all that have answers.

    ``selection`` is a selection's name or id (a name: the newest of that name), or ``latest``. ``mode`` is the
    reading of verdicts: corrected or compat (see ``verdicts``). ``retry_failed`` judges again what is recorded as
    failed or unparsed. ``concurrency`` goes before the judge's own.
    """

    judge: str
    protocol: Protocol = "pairwise-all"
    baseline: str | None = None
    models: tuple[str, ...] = ()
    bench: str | None = None
    category: str | None = None
    limit: int | None = None
    turns: tuple[int, ...] = (1,)
    selection: str | None = None
    concurrency: int | None = None
    retry_failed: bool = False
    mode: Literal["corrected", "compat"] = "corrected"

    @property
    def kind(self) -> str:
        """``single`` or ``pairwise``, as judgments are stored."""
        return "single" if self.protocol == "single" else "pairwise"


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer; ``chars`` has one length a turn."""

    model: str
    response_id: str
    chars: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One judgment to be made: ``a`` sorts before ``b`` by model; ``order`` says who is shown first."""

    question_id: str
    turn: int
    order: str  # ab, ba, or single
    a: Answer
    b: Answer | None
    template: Template
    attempt: int

    @property
    def shown(self) -> tuple[Answer, ...]:
        """The answers in the order in which the judge sees them."""
        if self.b is None:
            return (self.a,)
        return (self.a, self.b) if self.order == "ab" else (self.b, self.a)


@dataclass(frozen=True, slots=True)
class Block:
    """Some questions' judgments still to be made, with the texts of the questions and their references."""

    items: tuple[Item, ...]
    questions: dict[str, Row]
    wanted: int


class Plan:
    """Judgments still to be made, a block of questions at a time, in an order that shares prefixes."""

    def __init__(self, store: Store, spec: JudgeSpec, models: tuple[str, ...], judge_version: str, output: str) -> None:
        self._store, self._spec, self._models = store, spec, models
        self._judge_version, self._output = judge_version, output
        self._selected = None if spec.selection is None else _selected(store, spec, models)

    def blocks(self) -> Iterator[Block]:
        """Blocks in file order. What is stored is read block by block, just before a block is handed out."""
        spec = self._spec
        rows = self._store.query(
            "judge_questions", bench=spec.bench, category=spec.category,
            limit=NO_LIMIT if spec.limit is None else spec.limit,
        )  # fmt: skip
        ids = (row["question_id"] for row in rows)
        if self._selected is not None:
            chosen = self._selected
            ids = (q for q in ids if q in chosen)
        while block := list(islice(ids, BLOCK)):
            yield self._block(block)

    def _block(self, ids: list[str]) -> Block:
        spec, store = self._spec, self._store
        texts = store.query("judge_question_texts", ids=ids, judge=spec.judge)
        questions = {row["question_id"]: row for row in texts}
        pairs = self._selected or _by_question(self._answered(ids), spec)
        stored = {
            (r["response_a"], r["response_b"], r["turn"], r["presented_order"], r["template_hash"]): r
            for r in store.query(
                "judge_stored", ids=ids, protocol=spec.kind, judge=spec.judge,
                judge_version=self._judge_version, mode=spec.mode,
            )
        }  # fmt: skip
        wanted = 0
        items: list[Item] = []
        for question_id in ids:
            for turn in spec.turns:
                games = list(self._games(questions[question_id], turn, pairs.get(question_id, ())))
                wanted += len(games)
                todo = [item for game in games if (item := self._missing(game, stored)) is not None]
                # Requests that begin with the same answer follow each other: engines keep the shared beginning.
                items += sorted(todo, key=lambda i: tuple(answer.response_id for answer in i.shown))
        return Block(tuple(items), questions, wanted)

    def _answered(self, ids: list[str]) -> list[Row]:
        return self._store.query("judge_answers", ids=ids, models=list(self._models))

    def _games(self, question: Row, turn: int, pairs: Iterable[tuple[Answer, Answer | None]]) -> Iterator[Item]:
        if turn == 2 and len(question["turns"]) != 2:
            return
        shown = template(
            self._spec.kind, self._output,
            reference=any(references(question, turn)), multi_turn=turn == 2,
        )  # fmt: skip
        for a, b in pairs:
            if min(len(x.chars) for x in (a, b) if x is not None) < turn:
                continue
            for order in ("single",) if b is None else ("ab", "ba"):
                yield Item(question["question_id"], turn, order, a, b, shown, 0)

    def _missing(self, item: Item, stored: dict[tuple[str, str | None, int, str, str], Row]) -> Item | None:
        second = None if item.b is None else item.b.response_id
        found = stored.get((item.a.response_id, second, item.turn, item.order, item.template.hash))
        if found is None:
            return item
        if found["judged"] or not self._spec.retry_failed:
            return None
        return Item(item.question_id, item.turn, item.order, item.a, item.b, item.template, found["attempt"])


def references(question: Row, turn: int) -> list[str]:
    """The reference answers shown for a turn: the first turn's, or both; blank where there is none."""
    there = [(text or "").strip() and text for text in question["reference"] or ()]
    return [*there, "", ""][:turn]


def values(item: Item, question: Row, texts: dict[str, list[str]]) -> dict[str, str]:
    """The texts to insert into an item's template, by placeholder."""
    found = {f"question_{i + 1}": question["turns"][i] for i in range(item.turn)}
    if any(there := references(question, item.turn)):
        found |= {f"reference_{i + 1}": text or NO_REFERENCE for i, text in enumerate(there)}
    prefixes = ("answer",) if item.b is None else ("answer_a", "answer_b")
    for prefix, answer in zip(prefixes, item.shown, strict=True):
        for i in range(item.turn):
            found[f"{prefix}_{i + 1}"] = texts[answer.response_id][i]
    return found


def _by_question(rows: list[Row], spec: JudgeSpec) -> dict[str, list[tuple[Answer, Answer | None]]]:
    """What is compared by the protocol among the answers there are; rows come in name order within a question."""
    answers: dict[str, list[Answer]] = {}
    for row in rows:
        answer = Answer(row["model_id"], row["response_id"], tuple(row["chars"]))
        answers.setdefault(row["question_id"], []).append(answer)
    found: dict[str, list[tuple[Answer, Answer | None]]] = {}
    for question_id, given in answers.items():
        given.sort(key=lambda answer: answer.model)
        if spec.protocol == "single":
            found[question_id] = [(answer, None) for answer in given]
            continue
        found[question_id] = [
            (a, b)
            for a, b in combinations(given, 2)
            if spec.protocol == "pairwise-all" or spec.baseline in (a.model, b.model)
        ]
    return found


def _selected(store: Store, spec: JudgeSpec, models: tuple[str, ...]) -> dict[str, list[tuple[Answer, Answer | None]]]:
    """A selection's pairs by question (graded singly: its answers, each once).

    Raises:
        Unknown: there is no such selection.
        BadInput: it holds no pair of these models.
    """
    assert spec.selection is not None
    matches = store.query("select_find", wanted=spec.selection)
    if not matches:
        names = [row["name"] for row in store.query("select_names")]
        raise Unknown("selection", spec.selection, names, hint="make one with: workbench select")
    found: dict[str, list[tuple[Answer, Answer | None]]] = {}
    for row in store.query("judge_selected", selection_id=matches[0]["selection_id"]):
        if row["model_a"] not in models or row["model_b"] not in models:
            continue
        a = Answer(row["model_a"], row["response_a"], tuple(row["chars_a"]))
        b = Answer(row["model_b"], row["response_b"], tuple(row["chars_b"]))
        if spec.protocol == "pairwise-baseline" and spec.baseline not in (a.model, b.model):
            continue
        games: list[tuple[Answer, Answer | None]] = [(a, b)] if spec.kind == "pairwise" else [(a, None), (b, None)]
        there = found.setdefault(row["question_id"], [])
        there += [game for game in games if game not in there]
    if not found:
        raise BadInput(f"selection '{spec.selection}' has no items of these models", field="selection")
    return found
