"""Asking a judge: the requests of what is missing, the one repair where a verdict could not be read, and the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

from workbench.batches import Saver
from workbench.engines.logprobs import MOST
from workbench.engines.protocol import Engine, Message, Request, Result, Sampling
from workbench.exchange import Tally, ahead, exchange
from workbench.judging.items import Bundle, Item, bundles, values
from workbench.judging.plan import Block, Plan
from workbench.judging.probabilities import weigh
from workbench.judging.protocol import Protocol
from workbench.judging.repair import repair_messages, repair_name, wants_repair
from workbench.judging.rows import Answered, judgments, read_result
from workbench.judging.spec import JudgeSpec
from workbench.progress import Progress
from workbench.records import Model, Row, stable_id
from workbench.store import Store

#: Marks the key of a repair request, which follows the number of the item.
_REPAIR = "repair "
#: States of a request that the endpoint answered nothing to, if no reason is told why an answer ended.
_UNASKED = ("error", "too_long", "refused")
#: Most samples asked for in one request.
MOST_TOGETHER = 32


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge made ready: its engine, how it is asked, and the version its judgments are stored under."""

    model: Model
    engine: Engine
    output: str
    sampling: Sampling
    version: str


@dataclass(slots=True)
class Asking:
    """The conversation with one judge. ``run`` asks for everything; what was paid for is stored, however it ends."""

    store: Store
    spec: JudgeSpec
    protocol: Protocol
    by: Judge
    tally: Tally
    progress: Progress
    saver: Saver
    job_id: str | None
    _open: dict[str, tuple[Bundle, Request]] = field(default_factory=dict)
    _unread: dict[str, tuple[Item, Result, Answered]] = field(default_factory=dict)
    repaired: int = 0
    #: the endpoint brings one answer a request, however many are asked for
    _one_only: bool = False

    async def run(self, plan: Plan) -> None:
        """Raises EngineError when the judge can answer nothing, StoreError when verdicts could not be saved."""
        try:
            await exchange(self.by.engine, self._fresh(plan), self._handle, self.progress, self.saver)
        finally:
            # Words that were to be repaired when the work was stopped are words that could not be read; those of a
            # batch are in its journal, and the next run goes on from there.
            for item, result, answered in () if self.spec.batch else self._unread.values():
                self._keep(item, result, answered)

    def _fresh(self, plan: Plan) -> Iterator[Request]:
        number = 0
        most = most_together(self.by, self.spec)
        for block, texts in ahead((block, self._texts(block)) for block in plan.blocks()):
            for whole in bundles(block.items, most):
                for bundle in [(item,) for item in whole] if self._one_only else [whole]:
                    number += 1
                    if (why := bundle[0].too_long) is not None:
                        for item in bundle:
                            self._keep(item, Result(str(number), "too_long", error=why), Answered("too_long", None))
                        continue
                    request = self.request(str(number), bundle, block.questions[bundle[0].question_id], texts)
                    self._open[request.key] = bundle, request
                    yield request

    def _texts(self, block: Block) -> dict[str, list[str]]:
        sendable = [item for item in block.items if item.too_long is None]
        ids = list({answer.response_id for item in sendable for answer in item.answers})
        about = list({item.about.response_id for item in sendable if item.about is not None})
        critiques = self.protocol.unit == "critiques"
        rows = self.store.query("judge_critique_texts" if critiques else "judge_texts", ids=ids) if ids else []
        rows += self.store.query("judge_texts", ids=about) if about else []
        asked = block.questions.items() if self.protocol.unit == "question" else ()
        return {row["response_id"]: row["turns"] for row in rows} | {q: row["turns"] for q, row in asked}

    def request(self, key: str, bundle: Bundle, question: Row, texts: dict[str, list[str]]) -> Request:
        """What is sent for an item, or for several samples of it together."""
        item = bundle[0]
        shown = values(item, question, texts)
        if self.protocol.values is not None:
            shown |= self.protocol.values(item, question)
        messages = _own(self.by.model, item.template.render(shown))
        if self.protocol.finish is not None:
            messages = self.protocol.finish(messages, item.template)
        wanted = MOST if self.spec.probabilities and item.template.output in self.protocol.probe else 0
        return Request(
            key, messages, self._sampling(item), item.template.schema, wanted, len(bundle), name=self._name(bundle)
        )

    def _sampling(self, item: Item) -> Sampling:
        if self.spec.samples == 1 or not self.by.engine.capabilities.seed:
            return self.by.sampling
        seed = int(self.by.model.params.get("seed") or 0) * 1000 + item.sample
        return dataclasses.replace(self.by.sampling, seed=seed)

    def _name(self, bundle: Bundle, what: str = "verdict") -> str:
        """What a request is for, the same at every run until its judgments are stored. Only batches go by it."""
        if not self.spec.batch:
            return ""
        return stable_id(what, [(item.stored_keys(), item.attempt) for item in bundle])

    # -- what comes back ---------------------------------------------------------------------------

    def _handle(self, result: Result) -> list[Request]:
        if result.key.startswith(_REPAIR):
            self._repaired(result)
            return []
        bundle, request = self._open.pop(result.key)
        if len(bundle) == 1:
            return self._read(bundle[0], result)
        brought = (result, *result.also)[: len(bundle)]
        if len(brought) < len(bundle) and result.finish_reason is None and result.state in _UNASKED:
            brought = (result,) * len(bundle)  # nothing was answered, to any of them
        follow: list[Request] = []
        for i, item in enumerate(bundle):
            key = f"{result.key}.{i}" if i else result.key
            if i < len(brought):
                follow += self._read(item, dataclasses.replace(brought[i], key=key, also=()))
                continue
            self._one_only = True
            alone = dataclasses.replace(request, key=key, sampling=self._sampling(item), n=1, name=self._name((item,)))
            self._open[key] = (item,), alone
            follow.append(alone)
        return follow

    def _read(self, item: Item, result: Result) -> list[Request]:
        """Keep what a judge said, or ask for the verdict alone."""
        answered = read_result(item, result, self.spec, self.protocol)
        if self.spec.probabilities and answered.state == "ok":
            probe = self.protocol.probe.get(item.template.output)
            answered = dataclasses.replace(answered, weighed=weigh(result.tokens, result.text, probe))
            result = dataclasses.replace(result, tokens=None)
        if wants_repair(item, result, answered, self.spec, self.protocol):
            self._unread[result.key] = (item, result, answered)
            messages = repair_messages(result.text, self.protocol)
            return [Request(f"{_REPAIR}{result.key}", messages, self.by.sampling, name=self._name((item,), "repair"))]
        self._keep(item, result, answered)
        return []

    def _repaired(self, second: Result) -> None:
        """The first words with what the second say; unread still if these cannot be read either."""
        item, first, answered = self._unread.pop(second.key.removeprefix(_REPAIR))
        again = read_result(item, second, self.spec, self.protocol)
        if again.state == "ok":
            self.repaired += 1
            answered = dataclasses.replace(again, repair=second, repair_name=repair_name())
        else:
            answered = dataclasses.replace(answered, repair=second, repair_name=repair_name())
        self._keep(item, first, answered)

    def _keep(self, item: Item, result: Result, answered: Answered) -> None:
        rows = judgments(item, result, answered, self.spec, self.protocol, self.by.version, self.job_id)
        for row in rows:
            # First what goes along: a judgment that is stored is never asked for again.
            for table, more in (self.protocol.also(row) if self.protocol.also else {}).items():
                for one in more:
                    self.saver.add(table, one)
            self.saver.add("judgments", row.row())
        state = next((row.state for row in rows if row.state != "ok"), "ok")
        paid = rows[0]
        self.tally.count(state, paid.prompt_tokens, paid.completion_tokens, paid.cost)
        self.progress.advance(1, failed=state != "ok")


def most_together(by: Judge, spec: JudgeSpec) -> int:
    """How many samples of an item one request may draw. Without chance there is nothing to draw, and servers refuse. In
    batches one: a sample may be stored long before its neighbour, and then they could not be told apart."""
    return MOST_TOGETHER if by.engine.capabilities.choices and spec.drawn_at > 0 and not spec.batch else 1


def _own(model: Model, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with the judge's own system prompt, if it has one, before the template's."""
    own = model.params.get("system_prompt")
    if not own:
        return messages
    if messages[0].role != "system":
        return (Message("system", own), *messages)
    return (Message("system", f"{own}\n\n{messages[0].content}"), *messages[1:])
