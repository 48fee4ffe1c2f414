"""What is judged: the judgments a protocol asks for, less those that are stored.

With a selection only its pairs (or, judged by themselves, its answers) are judged. Turn 1 is judged by itself; turn 2,
of questions with exactly two turns, with the whole conversation (formats-and-rules §1). Only answers that are no
failures count, and only the first sample of a model where the protocol does not ask for all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from workbench.judging.contests import Contest, asked_about, by_question, criticised, drawing_seed, selected
from workbench.judging.cutting import fitted
from workbench.judging.items import Item, Key, references, stored_key
from workbench.judging.protocol import Choice, Protocol, choose_template, wants_reference
from workbench.judging.spec import JudgeSpec
from workbench.judging.templates import Template
from workbench.records import Row, stable_id
from workbench.scope import NO_LIMIT
from workbench.store import Store

#: Pairs of answers planned and loaded at a time, and questions at most: bounds memory, whatever the number of answers.
#: Each block costs the store four questions, so few models make large blocks.
BLOCK_PAIRS = 20_000
MOST_QUESTIONS = 1000


@dataclass(frozen=True, slots=True)
class Block:
    """Some questions' judgments still to be made, with the texts of the questions and their references."""

    items: tuple[Item, ...]
    questions: dict[str, Row]
    wanted: int


@dataclass(frozen=True, slots=True)
class Room:
    """A judge's context in tokens, and what its answer may take of it."""

    context: int
    answer: int


class Plan:
    """Judgments still to be made, a block of questions at a time, in an order that shares prefixes.

    ``output`` is the form the judge answers in, ``room`` its context where that is known. ``only`` tells of an item
    (whatever its order and sample) whether it is to be judged at all.
    """

    def __init__(
        self,
        store: Store,
        spec: JudgeSpec,
        protocol: Protocol,
        models: tuple[str, ...],
        judge_version: str,
        output: str,
        room: Room | None = None,
        only: Callable[[Item], bool] | None = None,
    ) -> None:
        self._store, self._spec, self._protocol, self._models = store, spec, protocol, models
        self._judge_version, self._output, self._room, self._only = judge_version, output, room, only
        self._pick = _picker(store, spec, protocol)
        self._selected = None if spec.selection is None else selected(store, spec, protocol, models)

    def blocks(self, *, stored_too: bool = False) -> Iterator[Block]:
        """Blocks in file order. What is stored is read block by block, just before a block is handed out.

        ``stored_too``: all items that are asked for, judged or not, as if nothing were stored.
        """
        spec = self._spec
        rows = self._store.query(
            "judge_questions", bench=spec.bench, category=spec.category,
            limit=NO_LIMIT if spec.limit is None else spec.limit,
        )  # fmt: skip
        ids = (row["question_id"] for row in rows)
        if self._selected is not None:
            chosen = self._selected
            ids = (q for q in ids if q in chosen)
        size = max(1, min(MOST_QUESTIONS, BLOCK_PAIRS // max(1, len(self._models) ** 2)))
        while block := list(islice(ids, size)):
            yield self._block(block, stored_too)

    def _block(self, ids: list[str], stored_too: bool) -> Block:
        texts = self._store.query("judge_question_texts", ids=ids, judge=self._spec.judge)
        questions = {row["question_id"]: row for row in texts}
        contests = self._contests(ids, questions)
        stored = {} if stored_too else self._stored(ids)
        wanted = 0
        items: list[Item] = []
        for question_id in ids:
            for turn in self._spec.turns:
                games = list(self._games(questions[question_id], turn, contests.get(question_id, ())))
                wanted += len(games)
                todo = [item for game in games if (item := self._missing(game, stored)) is not None]
                # Requests that begin with the same answer follow each other: engines keep the shared beginning.
                items += sorted(todo, key=lambda i: (i.sample, *(answer.response_id for answer in i.shown)))
        return Block(tuple(items), questions, wanted)

    def _contests(self, ids: list[str], questions: dict[str, Row]) -> dict[str, list[Contest]]:
        if self._protocol.unit == "question":
            return asked_about([questions[question_id] for question_id in ids], self._spec.at_once)
        if self._selected is not None:
            return self._selected
        if self._protocol.unit == "critiques":
            return criticised(self._store, ids, self._models, self._spec.baseline)
        rows = self._store.query(
            "judge_answers", ids=ids, models=list(self._models), all_samples=self._protocol.answers == "all"
        )
        return by_question(rows, self._protocol, self._spec.baseline, drawing_seed(self._spec))

    def _stored(self, ids: list[str]) -> dict[Key, Row]:
        rows = self._store.query(
            "judge_stored", ids=ids, protocol=self._protocol.kind, judge=self._spec.judge,
            judge_version=self._judge_version, mode=self._spec.mode, samples=self._spec.samples,
        )  # fmt: skip
        return {stored_key(row): row for row in rows}

    # -- one question ------------------------------------------------------------------------------

    def _games(self, question: Row, turn: int, contests: list[Contest] | tuple[()]) -> Iterator[Item]:
        """Every item of a turn: each contest, in each order, in each sample."""
        if turn == 2 and len(question["turns"]) != 2:
            return
        if turn not in self._protocol.turns:
            return
        shown = self._pick(question, turn, self._output)
        for contest in contests:
            whole = contest.answers if contest.about is None else (contest.about,)
            if min((len(answer.chars) for answer in whole), default=turn) < turn:
                continue
            item = self._item(question, turn, contest, shown)
            if self._only is not None and not self._only(item):
                continue
            for order in self._protocol.orders_of(item, self._spec.seed, self._spec.order):
                if order in ("ab", "ba") and self._spec.order not in ("both", order):
                    continue
                for sample in range(self._spec.samples):
                    yield dataclasses.replace(item, order=order, sample=sample)

    def _item(self, question: Row, turn: int, contest: Contest, shown: Template) -> Item:
        protocol = self._protocol
        if protocol.fit is not None:
            shown = protocol.fit(shown, len(contest.answers))
        item = Item(
            question["question_id"], turn, "single", contest.answers, shown, protocol.unit,
            about=contest.about, variant=contest.variant,
        )  # fmt: skip
        if protocol.values is not None and (added := protocol.values(item, question)):
            item = dataclasses.replace(item, variant={**item.variant, "values": stable_id("values", dict(added))[:16]})
        if self._room is None:
            return item
        return fitted(item, question, self._room.context, self._room.answer, self._spec.cut)

    def _missing(self, item: Item, stored: dict[Key, Row]) -> Item | None:
        """The item with the number of its next attempt; ``None`` if it is judged, or failed and is to be left."""
        rows = [stored.get(key) for key in item.stored_keys()]
        found = [row for row in rows if row is not None]
        if not found:
            return item
        again = dataclasses.replace(item, attempt=max(row["attempt"] for row in found))
        if len(found) < len(rows):
            return again  # a group of which the end was never saved
        if self._spec.probabilities and any(row["judged"] and not row["probed"] for row in found):
            return again
        failed = {row["state"] for row in found if not row["judged"]}
        if not failed:
            return None
        retried = self._spec.retry_failed or failed & set(self._spec.retry_states)
        return again if retried else None


def _picker(store: Store, spec: JudgeSpec, protocol: Protocol) -> Callable[[Row, int, str], Template]:
    """A function (question, turn, output form) → template: the protocol's, or the one that was named.

    Raises:
        Unknown: there is no template of that name.
        BadInput: it cannot serve this protocol.
    """
    if spec.template is not None:
        from workbench.judging.stored_templates import Chooser

        chosen = Chooser(store, spec.template)
        chosen.pick(protocol.kind, None, 1)  # what does not fit is said before anything is sent

        def base(question: Row, turn: int, output: str) -> Template:
            there = any(references(question, turn))
            return chosen.pick(protocol.kind, question["category"], turn, reference=there)
    else:

        def base(question: Row, turn: int, output: str) -> Template:
            there = any(references(question, turn))
            reference = wants_reference(question["category"], spec.mode, there=there)
            choice = Choice(protocol.family, output, spec.mode, turn, question, reference)
            return (protocol.choose or choose_template)(choice)

    if not spec.criteria:
        return base
    from workbench.judging.criteria import Weaver

    weave = Weaver(store)
    return lambda question, turn, output: weave(base(question, turn, output), question["scenario"])
