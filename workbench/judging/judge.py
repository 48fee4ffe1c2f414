"""The judging stage: asking a judge for the verdicts that are not stored yet.

A judgment is keyed by everything that could change it (judge and its settings and version, template text, reading,
order, answers, how they were cut), so running again is free, and judging stored answers needs no generator. What cannot
be read, was refused, cut off or failed is a row with that state and the raw text.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

from workbench.batches import Saver, recover
from workbench.claims import claim
from workbench.engines import event_loop
from workbench.engines.batch import check_batch, open_batch_engine, scope_of
from workbench.engines.juries import is_jury
from workbench.engines.pricing import batch_prices
from workbench.engines.protocol import Engine, Keeping, Sampling
from workbench.engines.registry import open_engine, params_hash
from workbench.engines.spending import prices
from workbench.errors import BadInput, Unknown
from workbench.exchange import Tally, working
from workbench.judging.asking import Asking, Judge, most_together
from workbench.judging.items import Item, bundles
from workbench.judging.plan import Plan, Room
from workbench.judging.protocol import Protocol
from workbench.judging.protocols import find_protocol
from workbench.judging.spec import JudgeSpec
from workbench.progress import Estimate, Progress, Silent, StageReport
from workbench.records import STATES, Model, stable_id
from workbench.scope import CHARS_PER_TOKEN, answering_models, check_questions, named_model, price
from workbench.store import Store
from workbench.text import plural

#: Fewer stored verdicts than this say too little about the length of the next.
ENOUGH_OBSERVED = 5
MOST_SAMPLES = 1000
#: Whether an item is to be judged at all.
Only = Callable[[Item], bool]


def judge(store: Store, spec: JudgeSpec, progress: Progress | None = None, job_id: str | None = None) -> StageReport:
    """Ask the judge for every verdict of the protocol that is not stored yet; a jury, by asking its members.

    Raises:
        Unknown, BadInput: a judge, model, bench, baseline, template or selection there is not; before anything is sent.
        BadInput: another job is judging by the same judge and protocol.
        EngineError: the judge cannot be asked at all.
        Incomplete: stopped before ``max_cost`` would be passed.
        StoreError: verdicts could not be saved; says where they are.
    """
    if is_jury(named_model(store, spec.judge, "judge")):
        from workbench.judging.jury import judge_by_jury

        return judge_by_jury(store, spec, progress or Silent(), job_id)
    return ask(store, spec, progress or Silent(), job_id)


def ask(
    store: Store, spec: JudgeSpec, progress: Progress, job_id: str | None = None, only: Only | None = None
) -> StageReport:
    """``judge`` for a judge that is no jury. ``only`` tells of an item whether it is to be judged at all."""
    model, protocol, models = _check(store, spec)
    what = f"{protocol.kind} verdicts of '{spec.judge}' are being made"
    with claim(store, "judge", spec.judge, protocol.kind, what=what, job_id=job_id), working(store, spec):
        recover(store, progress)
        with Saver(store, progress) as saver:
            return event_loop.run(_judge(store, spec, protocol, model, models, progress, saver, job_id, only))


def estimate_judge(store: Store, spec: JudgeSpec) -> Estimate:
    """Requests, tokens, cost and time of what is missing. Verdicts are taken to be as long as this judge's stored ones,
    or of full length where there are too few; prompts as four characters a token; a request to take as long as this
    judge's median verdict did, so many at once as it may. Repairs and retries come on top.

    Raises:
        Unknown, BadInput: as ``judge``.
    """
    if is_jury(named_model(store, spec.judge, "judge")):
        from workbench.judging.jury import estimate_jury

        return estimate_jury(store, spec)
    return estimate_asking(store, spec)


def estimate_asking(store: Store, spec: JudgeSpec, only: Only | None = None) -> Estimate:
    """``estimate_judge`` for a judge that is no jury, as ``ask``."""
    model, protocol, models = _check(store, spec)
    return asyncio.run(_estimate(store, spec, protocol, model, models, only))


@dataclass(frozen=True, slots=True)
class Planned:
    """What one judge would be asked, and the version that its judgments are stored under."""

    plan: Plan
    protocol: Protocol
    version: str


def planned(store: Store, spec: JudgeSpec, only: Only | None = None) -> Planned:
    """What ``ask`` goes by, to read what came of it. Sends nothing.

    Raises:
        Unknown, BadInput, EngineError: as ``judge``.
    """
    model, protocol, models = _check(store, spec)
    by = _ready(model, protocol, spec)
    try:
        return Planned(_plan(store, spec, protocol, models, by, only), protocol, by.version)
    finally:
        asyncio.run(by.engine.close())


def _check(store: Store, spec: JudgeSpec) -> tuple[Model, Protocol, tuple[str, ...]]:
    model = named_model(store, spec.judge, "judge")
    check_batch(model, batch=spec.batch, wait=spec.wait)
    if spec.max_cost is not None:
        prices(model.params, spec.judge)
    protocol = find_protocol(spec.protocol)
    _check_choices(spec, protocol)
    check_questions(store, spec.bench, spec.category, spec.limit)
    if protocol.baseline and spec.baseline is None:
        raise BadInput(f"{protocol.name} needs a baseline model", field="baseline", hint="add --baseline MODEL")
    if spec.baseline is not None and not protocol.baseline and protocol.unit != "critiques":
        raise BadInput(f"{protocol.name} takes no baseline", field="baseline", hint="use pairwise-baseline")
    if protocol.unit == "question":
        return model, protocol, ()
    if protocol.unit == "critiques":
        return model, protocol, _critics(store, spec)
    names = spec.models
    if spec.baseline is not None:
        answering_models(store, (spec.baseline,), spec.bench, least=1)
        names = (*names, spec.baseline) if names else ()
    least = 2 if protocol.unit == "pair" else 1
    return model, protocol, answering_models(store, names, spec.bench, least=least)


def _check_choices(spec: JudgeSpec, protocol: Protocol) -> None:
    """Raises Unknown or BadInput for an option's value, whatever the store holds."""
    for name, given, known in (
        ("mode", spec.mode, ("corrected", "compat")), ("order", spec.order, ("both", "ab", "ba")),
        ("cut", spec.cut or "end", ("middle", "end")), ("output", spec.output or "text", ("json", "text")),
    ):  # fmt: skip
        if given not in known:
            raise Unknown(name, given, known)
    for state in spec.retry_states:
        if state not in STATES or state == "ok":
            raise Unknown("state", state, [one for one in STATES if one != "ok"])
    if not spec.turns or not set(spec.turns) <= {1, 2} or len(set(spec.turns)) < len(spec.turns):
        raise BadInput(f"must be 1, 2 or both, not {list(spec.turns)}", field="turns")
    if not set(spec.turns) <= set(protocol.turns):
        raise BadInput(f"{protocol.name} judges first turns only", field="turns")
    if spec.concurrency is not None and spec.concurrency < 1:
        raise BadInput(f"must be at least 1, not {spec.concurrency}", field="concurrency")
    if not 1 <= spec.samples <= MOST_SAMPLES:
        raise BadInput(f"must be from 1 to {MOST_SAMPLES}, not {spec.samples}", field="samples")
    if spec.group_order not in ("shuffled", "given"):
        raise Unknown("order of a group", spec.group_order, ("shuffled", "given"))
    if spec.at_once < 1 or (spec.at_once > 1 and protocol.unit != "question"):
        wanted = "must be at least 1" if spec.at_once < 1 else f"{protocol.name} asks about one item at a time"
        raise BadInput(wanted, field="at_once")
    if spec.temperature is not None and not (math.isfinite(spec.temperature) and 0 <= spec.temperature <= 2):
        raise BadInput(f"must be from 0 to 2, not {spec.temperature:g}", field="temperature")
    if spec.output is not None and spec.output not in protocol.outputs:
        raise BadInput(f"{protocol.name} has no templates for {spec.output}", field="output")
    if spec.probabilities and not protocol.probe:
        raise BadInput(
            f"{protocol.name} has no verdict whose probabilities could be told",
            field="probabilities",
            hint="draw several verdicts instead: --samples 5",
        )


def _critics(store: Store, spec: JudgeSpec) -> tuple[str, ...]:
    """Who wrote the critiques that are compared: those named, or all.

    Raises:
        Unknown: one has written none.
        BadInput: fewer than two have.
    """
    known = [row["judge"] for row in store.query("judge_critics")]
    wanted = [*spec.models, *((spec.baseline,) if spec.baseline else ())]
    for name in wanted:
        if name not in known:
            raise Unknown("critic", name, known)
    chosen = tuple(sorted(set(wanted) if spec.models else set(known)))
    if len(chosen) < 2:
        raise BadInput(
            f"{len(chosen)} of two critics needed have stored critiques",
            hint="import some (autoj-critique), or make them: workbench judge --protocol autoj-critique",
        )
    return chosen


def _ready(
    model: Model, protocol: Protocol, spec: JudgeSpec, progress: Progress | None = None, job_id: str | None = None
) -> Judge:
    """Open the judge's engine. Verdicts are constrained to JSON where the engine can do that."""
    asked = model
    if spec.concurrency is not None:
        asked = dataclasses.replace(model, params={**model.params, "concurrency": spec.concurrency})
    engine: Engine = open_engine(asked) if not spec.batch else open_batch_engine(
        asked, progress, wait=spec.wait, job_id=job_id, scope=scope_of("judge", spec)
    )  # fmt: skip
    structured = engine.capabilities.structured_output and "json" in protocol.outputs
    output: str = spec.output or ("json" if structured else "text")
    if output not in protocol.outputs:
        output = protocol.outputs[0]
    # What an imported template asks for is not known: it gets the room of free text.
    room = max(protocol.max_tokens.values()) if spec.template else protocol.max_tokens.get(output, 512)
    longest = max(room, int(model.params.get("max_tokens") or 0))
    sampling = Sampling(temperature=spec.drawn_at, max_tokens=longest)
    version = stable_id("judge", params_hash(model), engine.version, dataclasses.asdict(sampling))[:16]
    return Judge(model, engine, output, sampling, version)


def _plan(
    store: Store, spec: JudgeSpec, protocol: Protocol, models: tuple[str, ...], by: Judge, only: Only | None
) -> Plan:
    context = by.model.params.get("context")
    if spec.cut and context is None:
        raise BadInput(
            f"nothing says how much '{spec.judge}' can read, so nothing can be cut to it",
            field="cut",
            hint=f"say it in tokens: workbench models add {spec.judge} --replace --context N …",
        )
    room = None if context is None else Room(int(context), by.sampling.max_tokens or 0)
    return Plan(store, spec, protocol, models, by.version, by.output, room, only)


async def _judge(
    store: Store, spec: JudgeSpec, protocol: Protocol, model: Model, models: tuple[str, ...], progress: Progress,
    saver: Saver, job_id: str | None, only: Only | None,
) -> StageReport:  # fmt: skip
    by = _ready(model, protocol, spec, progress, job_id)
    try:
        plan = _plan(store, spec, protocol, models, by, only)
        tally = Tally("judge")
        for block in plan.blocks():
            tally.total += len(block.items)
            tally.already += block.wanted - len(block.items)
        progress.start("judge", tally.total)
        if tally.total:
            store.insert("models", [model.row()])
            asking = Asking(store, spec, protocol, by, tally, progress, saver, job_id)
            await asking.run(plan)
            _tell(asking)
        if isinstance(by.engine, Keeping):
            saver.then(by.engine.saved)
        return tally.report(cancelled=progress.cancelled)
    finally:
        await by.engine.close()


def _tell(asking: Asking) -> None:
    tally, judge_name = asking.tally, asking.spec.judge
    if unread := tally.states["unparsed"]:
        tally.notes.append(f"{plural(unread, 'verdict')} of {judge_name} could not be read (kept as unparsed)")
    if asking.repaired:
        tally.notes.append(f"{plural(asking.repaired, 'verdict')} of {judge_name} told only when asked for it alone")
    if tally.states["too_long"] and asking.spec.cut is None:
        tally.notes.append(
            f"{plural(tally.states['too_long'], 'item')} too long for {judge_name}; to cut answers: --cut middle"
        )


async def _estimate(
    store: Store, spec: JudgeSpec, protocol: Protocol, model: Model, models: tuple[str, ...], only: Only | None
) -> Estimate:
    by = _ready(model, protocol, spec)
    try:
        items = already = sent = drawn = chars = 0
        own = len(str(model.params.get("system_prompt") or ""))
        for block in _plan(store, spec, protocol, models, by, only).blocks():
            items += len(block.items)
            already += block.wanted - len(block.items)
            for bundle in bundles(block.items, most_together(by, spec)):
                item = bundle[0]
                if item.too_long is not None:
                    continue
                sent += 1
                drawn += len(bundle)
                asked = block.questions[item.question_id]
                texts = [*asked["turns"][: item.turn], *(asked["reference"] or ())[: item.turn]]
                chars += own + len(item.template.system) + len(item.template.prompt) + sum(map(len, texts))
                whole = (*item.answers, *((item.about,) if item.about else ()))
                chars += sum(
                    min(length, item.cuts.get(answer.response_id, length))
                    for answer in whole for length in answer.chars[: item.turn]
                )  # fmt: skip
    finally:
        await by.engine.close()
    seen = store.query("judge_observed", judge=spec.judge, judge_version=by.version, protocol=protocol.kind)[0]
    each = seen["completion_tokens"] if seen["judgments"] >= ENOUGH_OBSERVED else by.sampling.max_tokens or 0
    prompt, completion = chars // CHARS_PER_TOKEN, round(drawn * each)
    seconds = None
    if seen["latency"] is not None and not spec.batch:
        at_once = max(1, min(by.engine.capabilities.concurrency, sent))
        seconds = sent * seen["latency"] / at_once
    cost = price(batch_prices(model.params) if spec.batch else model.params, prompt, completion)
    return Estimate("judge", items, sent, already, prompt, completion, cost, seconds=0.0 if not sent else seconds)
