"""What becomes of a round's answers: accepted, or left out under a name.

A round is decided when all its answers are there, in the order of its requests, never of their arrival: the same
answers always give the same questions, however often the work was stopped. If a model checks new instructions, that
comes between: what is fit by the rules and like nothing that was there is checked (``suspects``), then all is settled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.evolve.answers import Evolved, Unreadable, read_answer
from workbench.evolve.checking import check_state, opinion_of, template
from workbench.evolve.duplicates import Duplicates
from workbench.evolve.journal import Kept
from workbench.evolve.lines import Ask, question_id
from workbench.evolve.rules import NEAR_DUPLICATE, Candidate, broken_rule
from workbench.evolve.spec import EvolveSpec
from workbench.progress import Progress
from workbench.records import Question, Row
from workbench.store import Store

#: Outcome of an answer that became a question; the others are states of answers, and rules.
ACCEPTED = "accepted"


def state_of(kept: Kept) -> str:
    """``ok`` for an answer from which an instruction can be read, ``unparsed`` if it only came back."""
    if kept.state != "ok":
        return kept.state
    try:
        read_answer(kept.text)
    except Unreadable:
        return "unparsed"
    return "ok"


@dataclass(slots=True)
class Round:
    """How a round ended. ``accepted``: request → (question id, instruction); ``rejected``: rows of the file.
    ``fit``: what is still to be settled. ``unread``: accepted ones whose check could not be read."""

    counts: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, tuple[str, str]] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)
    fit: dict[str, Evolved] = field(default_factory=dict)
    unread: int = 0


class Bench:
    """The benchmark that new instructions go into: what is there, by request, and what is too much like it."""

    def __init__(self, store: Store, spec: EvolveSpec, duplicates: Duplicates) -> None:
        self.spec = spec
        self.duplicates = duplicates
        there = store.query("evolve_there", bench=spec.target)
        self.by_request: dict[str, tuple[str, str]] = {
            row["request"]: (row["question_id"], row["instruction"]) for row in there if row["request"]
        }
        self.raw: dict[str, str] = {row["request"]: row["raw"] for row in there if row["request"] and row["raw"]}
        self._unread = {row["request"] for row in there if row["check_state"] not in (None, "ok")}
        self.size = len(there)
        self._start = [(row["question_id"], row["instruction"]) for row in there]
        self._start += [
            (row["question_id"], row["instruction"]) for row in store.query("evolve_there", bench=spec.bench)
        ]

    async def open(self, progress: Progress) -> bool:
        """Embed what is there: all seeds of their benchmark, asked for or not, and all of this one."""
        texts = [text for _, text in self._start]
        if not await self.duplicates.embed(texts, progress):
            return False
        self.duplicates.add([i for i, _ in self._start], texts)
        return True

    async def begin(self, asks: Sequence[Ask], answers: Mapping[str, Kept], progress: Progress) -> Round | None:
        """Sort out what breaks a rule, of a round whose answers are all there, and embed the rest. ``None`` when
        somebody asked to stop before it was done.

        Raises:
            EngineError: the encoder cannot be used.
        """
        found = Round()
        for asked in asks:
            if asked.key in self.by_request:
                continue
            read = self._read(asked, answers[asked.key], found)
            if read is not None:
                found.fit[asked.key] = read
        if not await self.duplicates.embed([e.instruction for e in found.fit.values()], progress):
            return None
        return found

    def suspects(self, found: Round) -> dict[str, str]:
        """Request → instruction of what is worth a check: near-duplicates of what was there before are not."""
        return {key: e.instruction for key, e in found.fit.items() if self._twin(e.instruction) is None}

    def settle(
        self, asks: Sequence[Ask], answers: Mapping[str, Kept], checks: Mapping[str, Kept], found: Round
    ) -> None:
        """Decide the rest. ``checks``: request → what the checker answered about its instruction."""
        for asked in asks:
            if asked.key in self.by_request:
                found.accepted[asked.key] = self.by_request[asked.key]
                found.counts[ACCEPTED] += 1
                found.unread += asked.key in self._unread
            elif asked.key in found.fit:
                self._admit(asked, answers[asked.key], found.fit[asked.key], checks.get(asked.key), found)

    def _read(self, asked: Ask, kept: Kept, found: Round) -> Evolved | None:
        """The instruction of an answer, if it is one and breaks no rule."""
        if kept.state != "ok":
            self._reject(asked, kept, kept.state, "", None, found)
            return None
        try:
            read = read_answer(kept.text)
        except Unreadable as why:
            self._reject(asked, kept, "unparsed", str(why), None, found)
            return None
        used = asked.line.scenario
        prompt = "\n".join((used.system, used.prompt, *(d.text for d in used.directions)))
        candidate = Candidate(read.instruction, asked.parent_text, prompt, used.min_words, used.max_words)
        if broken := broken_rule(candidate):
            self._reject(asked, kept, *broken, read, found)
            return None
        return read

    def _twin(self, instruction: str) -> str | None:
        """What this is a near-duplicate of, in words."""
        nearest = self.duplicates.nearest(instruction)
        if nearest is None or nearest[1] < self.spec.threshold:
            return None
        return f"cosine {nearest[1]:.3f} with {nearest[0]}"

    def _admit(self, asked: Ask, kept: Kept, read: Evolved, check: Kept | None, found: Round) -> None:
        opinion = None if check is None else opinion_of(check)
        if check is not None and opinion is not None and opinion.fault is not None:
            about = {**self._checked_by(check), "raw": check.text}
            self._reject(asked, kept, opinion.fault, opinion.reason, read, found, check=about)
            return
        if why := self._twin(read.instruction):
            self._reject(asked, kept, NEAR_DUPLICATE, why, read, found)
            return
        made = self._question(asked, kept, read, check)
        self.size += 1
        self.by_request[asked.key] = (made.question_id, read.instruction)
        self.duplicates.add([made.question_id], [read.instruction])
        found.questions.append(made)
        found.accepted[asked.key] = self.by_request[asked.key]
        found.counts[ACCEPTED] += 1
        found.unread += check is not None and opinion is None

    def _checked_by(self, check: Kept) -> Row:
        used = template()
        return {
            "model": self.spec.checker, "template": used.name, "template_hash": used.hash, "state": check_state(check),
        }  # fmt: skip

    def _question(self, asked: Ask, kept: Kept, read: Evolved, check: Kept | None) -> Question:
        about = asked.about(self.spec)
        parent = about.pop("parent_id")
        meta: dict[str, Any] = {**about, "request": asked.key, "raw": kept.text}
        if read.answer is not None:
            meta["answer"] = read.answer  # the model's own, checked by nobody: no reference
        if check is not None:
            meta["check"] = self._checked_by(check)
        seed = asked.line.seed
        return Question(
            question_id=question_id(self.spec.target, parent, read.instruction), bench=self.spec.target,
            turns=(read.instruction,), category=seed["category"], language=seed["language"], parent_id=parent,
            meta=meta, position=self.size,
        )  # fmt: skip

    def _reject(
        self, asked: Ask, kept: Kept, rule: str, why: str, read: Evolved | None, found: Round, **more: Any
    ) -> None:
        found.counts[rule] += 1
        row: Row = {"request": asked.key, "rule": rule, "why": why, **asked.about(self.spec)}
        row |= {"instruction": read.instruction if read else None, "raw": kept.text, **more}
        found.rejected.append(row)
