"""The judging stage: asking a judge for the verdicts that are not stored yet.

A judgment is keyed by everything that could change it (judge and its settings and version, template text, reading,
order, answers), so running again is free, and judging stored answers needs no generator. Verdicts are drawn at
temperature 0. What cannot be read, was refused, cut off or failed is a row with that state and the raw text.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.batches import Saver, recover
from workbench.claims import claim
from workbench.engines.protocol import Engine, Message, Request, Result, Sampling
from workbench.engines.registry import open_engine, params_hash
from workbench.errors import BadInput, Unknown
from workbench.exchange import Tally, exchange
from workbench.judging import verdicts
from workbench.judging.protocols import PROTOCOLS, Item, JudgeSpec, Plan, values
from workbench.progress import Estimate, Progress, Silent, StageReport
from workbench.records import Judgment, Model, stable_id
from workbench.scope import CHARS_PER_TOKEN, answering_models, check_questions, named_model, price
from workbench.store import Store
from workbench.text import plural

#: Longest verdict in tokens by output form; a judge whose own settings allow more (it thinks first) gets that.
MAX_TOKENS = {"text": 512, "json": 256}
#: Fewer stored verdicts than this say too little about the length of the next.
ENOUGH_OBSERVED = 5


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge made ready: its engine, how it is asked, and the version its judgments are stored under."""

    model: Model
    engine: Engine
    output: str
    sampling: Sampling
    version: str


def judge(store: Store, spec: JudgeSpec, progress: Progress | None = None, job_id: str | None = None) -> StageReport:
    """Ask the judge for every verdict of the protocol that is not stored yet.

    Raises:
        Unknown, BadInput: a judge, model, bench, baseline or selection there is not; before anything is sent.
        BadInput: another job is judging by the same judge and protocol.
        EngineError: the judge cannot be asked at all.
        StoreError: verdicts could not be saved; says where they are.
    """
    progress = progress or Silent()
    model, models = _check(store, spec)
    what = f"{spec.kind} verdicts of '{spec.judge}' are being made"
    with claim(store, "judge", spec.judge, spec.kind, what=what, job_id=job_id):
        recover(store, progress)
        with Saver(store, progress) as saver:
            return asyncio.run(_judge(store, spec, model, models, progress, saver, job_id))


def estimate_judge(store: Store, spec: JudgeSpec) -> Estimate:
    """Requests, tokens and cost of what is missing. Verdicts are taken to be as long as this judge's stored ones, or of
    full length where there are too few; prompts as four characters a token.

    Raises:
        Unknown, BadInput: as ``judge``.
    """
    model, models = _check(store, spec)
    return asyncio.run(_estimate(store, spec, model, models))


def _check(store: Store, spec: JudgeSpec) -> tuple[Model, tuple[str, ...]]:
    model = named_model(store, spec.judge, "judge")
    if spec.protocol not in PROTOCOLS:
        raise Unknown("protocol", spec.protocol, PROTOCOLS)
    if spec.mode not in ("corrected", "compat"):
        raise Unknown("mode", spec.mode, ("corrected", "compat"))
    if not spec.turns or not set(spec.turns) <= {1, 2} or len(set(spec.turns)) < len(spec.turns):
        raise BadInput(f"must be 1, 2 or both, not {list(spec.turns)}", field="turns")
    if spec.concurrency is not None and spec.concurrency < 1:
        raise BadInput(f"must be at least 1, not {spec.concurrency}", field="concurrency")
    check_questions(store, spec.bench, spec.category, spec.limit)
    names = spec.models
    if spec.protocol == "pairwise-baseline":
        if spec.baseline is None:
            raise BadInput("pairwise-baseline needs a baseline model", field="baseline", hint="add --baseline MODEL")
        answering_models(store, (spec.baseline,), spec.bench, least=1)
        names = (*names, spec.baseline) if names else ()
    elif spec.baseline is not None:
        raise BadInput(f"{spec.protocol} takes no baseline", field="baseline", hint="use pairwise-baseline")
    return model, answering_models(store, names, spec.bench, least=1 if spec.kind == "single" else 2)


def _ready(model: Model, concurrency: int | None) -> Judge:
    """Open the judge's engine. Verdicts are constrained to JSON where the engine can do that."""
    asked = model
    if concurrency is not None:
        asked = dataclasses.replace(model, params={**model.params, "concurrency": concurrency})
    engine = open_engine(asked)
    output = "json" if engine.capabilities.structured_output else "text"
    longest = max(MAX_TOKENS[output], int(model.params.get("max_tokens") or 0))
    sampling = Sampling(temperature=0.0, max_tokens=longest)
    version = stable_id("judge", params_hash(model), engine.version, dataclasses.asdict(sampling))[:16]
    return Judge(model, engine, output, sampling, version)


async def _judge(
    store: Store, spec: JudgeSpec, model: Model, models: tuple[str, ...], progress: Progress, saver: Saver,
    job_id: str | None,
) -> StageReport:  # fmt: skip
    by = _ready(model, spec.concurrency)
    try:
        plan = Plan(store, spec, models, by.version, by.output)
        tally = Tally("judge")
        for block in plan.blocks():
            tally.total += len(block.items)
            tally.already += block.wanted - len(block.items)
        progress.start("judge", tally.total)
        if tally.total:
            store.insert("models", [model.row()])
            await _ask(store, spec, by, plan, tally, progress, saver, job_id)
        if unread := tally.states["unparsed"]:
            tally.notes.append(f"{plural(unread, 'verdict')} of {spec.judge} could not be read (kept as unparsed)")
        return tally.report(cancelled=progress.cancelled)
    finally:
        await by.engine.close()


async def _ask(
    store: Store, spec: JudgeSpec, by: Judge, plan: Plan, tally: Tally, progress: Progress, saver: Saver,
    job_id: str | None,
) -> None:  # fmt: skip
    open_now: dict[str, Item] = {}

    def fresh() -> Iterator[Request]:
        number = 0
        for block in plan.blocks():
            ids = list({answer.response_id for item in block.items for answer in item.shown})
            texts = {row["response_id"]: row["turns"] for row in store.query("judge_texts", ids=ids)}
            for item in block.items:
                number += 1
                open_now[str(number)] = item
                messages = item.template.render(values(item, block.questions[item.question_id], texts))
                yield Request(str(number), _own(by.model, messages), by.sampling, item.template.schema)

    def handle(result: Result) -> list[Request]:
        judgment = read_result(open_now.pop(result.key), result, spec, by.version, job_id)
        saver.add("judgments", judgment.row())
        tally.count(judgment.state, result.prompt_tokens, result.completion_tokens, result.cost)
        progress.advance(1, failed=judgment.state != "ok")
        return []

    await exchange(by.engine, fresh(), handle, progress, saver)


def _own(model: Model, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with the judge's own system prompt, if it has one, before the template's."""
    own = model.params.get("system_prompt")
    if not own:
        return messages
    return (Message("system", f"{own}\n\n{messages[0].content}"), *messages[1:])


def read_result(item: Item, result: Result, spec: JudgeSpec, judge_version: str, job_id: str | None) -> Judgment:
    """The row of an answered request. A verdict about the answer shown first is mapped back to model_a or model_b."""
    state = result.state
    verdict: str | None = None
    score: float | None = None
    if state == "ok" and result.finish_reason == "length":
        state = "truncated"  # the verdict may not have been the last word
    if state == "ok":
        verdict, score = _read(item, result, spec.mode)
        if verdict is None and score is None:
            state = "unparsed"
    return Judgment(
        protocol=spec.kind, judge=spec.judge, judge_version=judge_version, template=item.template.name,
        template_hash=item.template.hash, question_id=item.question_id, turn=item.turn,
        model_a=item.a.model, model_b=None if item.b is None else item.b.model,
        response_a=item.a.response_id, response_b=None if item.b is None else item.b.response_id,
        presented_order=item.order, mode=spec.mode, attempt=item.attempt, state=state,
        verdict=verdict, score_a=score, raw_text=result.text or None, reasoning=result.reasoning,
        error=result.error, prompt_tokens=result.prompt_tokens, completion_tokens=result.completion_tokens,
        latency=result.latency, cost=result.cost, job_id=job_id,
    )  # fmt: skip


def _read(item: Item, result: Result, mode: str) -> tuple[str | None, float | None]:
    """(verdict, score) as the template's output form has it; both ``None`` if it cannot be read."""
    structured = item.template.output == "json"
    text = verdicts.final_answer(result.text, "corrected" if structured else mode, result.reasoning)
    if item.b is None:
        return None, verdicts.json_rating(text, mode) if structured else verdicts.rating(text, mode)
    letter = verdicts.json_letter(text) if structured else verdicts.pair_letter(text, mode)
    if letter in ("a", "b") and item.order == "ba":
        letter = "b" if letter == "a" else "a"
    return letter, None


async def _estimate(store: Store, spec: JudgeSpec, model: Model, models: tuple[str, ...]) -> Estimate:
    by = _ready(model, spec.concurrency)
    try:
        items = already = chars = 0
        own = len(str(model.params.get("system_prompt") or ""))
        for block in Plan(store, spec, models, by.version, by.output).blocks():
            items += len(block.items)
            already += block.wanted - len(block.items)
            for item in block.items:
                asked = block.questions[item.question_id]
                texts = [*asked["turns"][: item.turn], *(asked["reference"] or ())[: item.turn]]
                chars += own + len(item.template.system) + len(item.template.prompt) + sum(map(len, texts))
                chars += sum(sum(answer.chars[: item.turn]) for answer in item.shown)
    finally:
        await by.engine.close()
    seen = store.query("judge_observed", judge=spec.judge, judge_version=by.version, protocol=spec.kind)[0]
    each = seen["completion_tokens"] if seen["judgments"] >= ENOUGH_OBSERVED else by.sampling.max_tokens or 0
    prompt, completion = chars // CHARS_PER_TOKEN, round(items * each)
    return Estimate("judge", items, items, already, prompt, completion, price(model.params, prompt, completion))
