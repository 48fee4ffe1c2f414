"""Generation: asking models the questions they have not answered yet.

What is missing is read from the store, so a run that was stopped, killed or cancelled is continued by running it
again, and nothing that is stored is asked twice. A conversation of several turns is asked turn by turn, each with the
model's own earlier answers before it.

An answer cut off by ``max_tokens`` is an answer: its state is ``ok`` and its finish_reason ``length``. One of which
nothing but thinking (or nothing at all) had come by then is ``truncated``. When a turn fails, the row has that turn's
state and keeps the turns before it.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from workbench.batches import Saver, recover
from workbench.claims import claim
from workbench.engines import event_loop
from workbench.engines.batch import check_batch, open_batch_engine, scope_of
from workbench.engines.pricing import batch_prices
from workbench.engines.protocol import Described, Engine, Keeping, Message, Request, Result, Sampling
from workbench.engines.registry import open_engine, params_hash
from workbench.engines.side_by_side import Beside, patience, side_by_side
from workbench.engines.spending import prices
from workbench.errors import BadInput, EngineError
from workbench.exchange import Tally, exchange, working
from workbench.progress import Estimate, Progress, Silent, StageReport
from workbench.records import Model, Response, Row, stable_id, utcnow
from workbench.scope import CHARS_PER_TOKEN, NO_LIMIT, check_questions, named_model, price
from workbench.store import Store

#: Longest answer, in tokens a turn, unless the model's settings say otherwise (FastChat's ``--max-new-token``).
MAX_TOKENS = 1024
#: FastChat's sampling temperature by category (``llm_judge/common.py``, ``temperature_config``).
TEMPERATURES: Mapping[str, float] = {
    "writing": 0.7, "roleplay": 0.7,
    "extraction": 0.0, "math": 0.0, "coding": 0.0, "reasoning": 0.0, "arena-hard-200": 0.0,
    "stem": 0.1, "humanities": 0.1,
}  # fmt: skip
OTHER_TEMPERATURE = 0.7
#: Fewer stored answers than this say too little about the length of the next.
ENOUGH_OBSERVED = 5


@dataclass(frozen=True, slots=True)
class GenerateSpec:
    """Which models answer which questions. ``questions`` names single ones; ``limit`` takes the first in file order.

    ``samples`` answers are drawn a question; ``retry_failed`` asks again what is recorded as failed (the failure stays
    in the store, the new attempt is a row of its own); ``concurrency`` goes before the model's own.
    ``max_cost`` (US dollars, over all models of this run) stops the run before it would be passed; ``log_requests``
    logs requests under ``STORE.files/logs``, ``log_bodies`` what was said in them too. ``batch`` asks through the
    endpoints' Batch API, all models at once; without ``wait`` what is answered there is collected, what is new
    submitted, and the rest left for the next run.
    """

    models: tuple[str, ...]
    bench: str | None = None
    category: str | None = None
    limit: int | None = None
    questions: tuple[str, ...] = ()
    samples: int = 1
    concurrency: int | None = None
    retry_failed: bool = False
    max_cost: float | None = None
    log_requests: bool = False
    log_bodies: bool = False
    batch: bool = False
    wait: bool = True


def generate(
    store: Store, spec: GenerateSpec, progress: Progress | None = None, job_id: str | None = None
) -> StageReport:
    """Ask every model what it has not answered yet, one model after another; those that vLLM serves side by side, as
    far as there are GPUs.

    A model that cannot be asked at all does not keep the others from being asked.

    Raises:
        Unknown, BadInput: a model, bench or question there is not; before anything is sent.
        BadInput: another job is generating answers of one of the models.
        EngineError: a model could not be asked at all; raised when the others are done.
        Incomplete: stopped before ``max_cost`` would be passed.
        StoreError: results could not be saved; says where they are.
    """
    progress = progress or Silent()
    models = _check(store, spec)
    tally = Tally("generate")
    failures: list[EngineError] = []
    with ExitStack() as claims:
        claims.enter_context(working(store, spec))
        for model in models:
            what = f"answers of '{model.model_id}' are being generated"
            claims.enter_context(claim(store, "generate", model.model_id, what=what, job_id=job_id))
        recover(store, progress)
        wanted = _wanted(store, spec) * len(models)
        todo = {model.model_id: _todo(store, spec, model) for model in models}
        tally.total = sum(map(len, todo.values()))
        tally.already = wanted - tally.total
        progress.start("generate", tally.total)
        asked = [model for model in models if todo[model.model_id]]
        beside = Beside(tuple(asked), len(asked)) if spec.batch else side_by_side(asked)
        if beside.models:
            failures += _answer_together(store, beside, spec, todo, tally, progress, job_id)
        for model in asked:
            if model not in beside.models and not progress.cancelled:
                store.insert("models", [model.row()])
                try:
                    _answer(store, model, spec, todo[model.model_id], tally, progress, job_id)
                except EngineError as error:
                    if len(models) > 1:  # of one model the caller says it
                        progress.say(f"{model.model_id}: {error.message}", level="error")
                    failures.append(error)
    if failures:
        raise failures[0]
    return tally.report(cancelled=progress.cancelled)


def estimate_generate(store: Store, spec: GenerateSpec) -> Estimate:
    """Requests, tokens and cost of what is missing. Answers are taken to be as long as the model's stored ones are on
    average, or ``max_tokens`` long where there are too few; prompts as four characters a token.

    Raises:
        Unknown, BadInput: as ``generate``.
    """
    models = _check(store, spec)
    items = requests = prompt = completion = 0
    cost: float | None = 0.0
    for model in models:
        length = _answer_length(store, model)
        into = out = 0
        for row in _todo(store, spec, model):
            items += 1
            requests += len(row["turns"])
            into += _prompt_tokens(row["turns"], model, length)
            out += len(row["turns"]) * length
        part = price(batch_prices(model.params) if spec.batch else model.params, into, out)
        cost = None if cost is None or part is None else cost + part
        prompt, completion = prompt + into, completion + out
    already = _wanted(store, spec) * len(models) - items
    return Estimate("generate", items, requests, already, prompt, completion, cost)


def sampling_temperature(model: Model, category: str | None, required: float | None) -> float:
    """The model's own ``temperature`` if its settings force one, else the question's, else its category's."""
    forced = model.params.get("temperature")
    if forced is not None:
        return float(forced)
    return TEMPERATURES.get(category or "", OTHER_TEMPERATURE) if required is None else required


def request_seed(model_seed: int, question_id: str, sample: int) -> int:
    """A seed from 0 to 2^31 - 1 that is the same whenever this sample is drawn, and unlike that of any other."""
    return int(stable_id("seed", model_seed, question_id, sample)[:8], 16) & 0x7FFFFFFF


# -- what is missing -------------------------------------------------------------------------------


def _check(store: Store, spec: GenerateSpec) -> list[Model]:
    if not spec.models:
        raise BadInput("no model is named", field="models", hint="see: workbench models list")
    if spec.samples < 1:
        raise BadInput(f"must be at least 1, not {spec.samples}", field="samples")
    if spec.concurrency is not None and spec.concurrency < 1:
        raise BadInput(f"must be at least 1, not {spec.concurrency}", field="concurrency")
    models = [named_model(store, name) for name in dict.fromkeys(spec.models)]
    for model in models:
        check_batch(model, batch=spec.batch, wait=spec.wait)
    if spec.max_cost is not None:
        for model in models:
            prices(model.params, model.model_id)
    check_questions(store, spec.bench, spec.category, spec.limit, spec.questions)
    return models


def _scope(spec: GenerateSpec) -> dict[str, Any]:
    return {
        "bench": spec.bench,
        "category": spec.category,
        "limit": spec.limit or NO_LIMIT,
        "questions": list(spec.questions),
    }


def _wanted(store: Store, spec: GenerateSpec) -> int:
    return int(store.query("generate_wanted", **_scope(spec))[0]["questions"]) * spec.samples


def _todo(store: Store, spec: GenerateSpec, model: Model) -> list[Row]:
    return store.query(
        "generate_todo", **_scope(spec), model=model.model_id, params_hash=params_hash(model),
        samples=spec.samples, retry_failed=spec.retry_failed,
    )  # fmt: skip


def _answer_length(store: Store, model: Model) -> int:
    """Tokens an answer to one turn is likely to have."""
    seen = store.query("generate_observed", model=model.model_id, params_hash=params_hash(model))[0]
    if seen["answers"] >= ENOUGH_OBSERVED:
        return round(float(seen["completion_tokens"]))
    return int(model.params.get("max_tokens") or MAX_TOKENS)


def _prompt_tokens(turns: Sequence[str], model: Model, answer: int) -> int:
    """Tokens sent over all turns: each request holds every earlier question and answer again."""
    own = len(str(model.params.get("system_prompt") or ""))
    sent = [own + sum(len(t) for t in turns[: i + 1]) for i in range(len(turns))]
    return sum(chars // CHARS_PER_TOKEN + i * answer for i, chars in enumerate(sent))


# -- asking ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Conversation:
    """One (question, sample) being answered."""

    key: str
    row: Row
    sampling: Sampling
    system_prompt: str | None
    results: list[Result] = field(default_factory=list)

    def request(self) -> Request:
        """The next turn, with all before it."""
        messages = [Message("system", self.system_prompt)] if self.system_prompt else []
        for asked, result in zip(self.row["turns"], self.results, strict=False):
            messages += [Message("user", asked), Message("assistant", result.text)]
        messages.append(Message("user", self.row["turns"][len(self.results)]))
        place = (self.row["question_id"], self.row["sample"], self.row["attempt"], len(self.results))
        return Request(self.key, tuple(messages), self.sampling, name=stable_id("turn", *place))


def turn_state(result: Result) -> str:
    """``ok`` for a text that was cut off by its length too, unless none of it had come yet."""
    if result.finish_reason == "length" and result.state in ("ok", "truncated"):
        return "ok" if result.text.strip() else "truncated"
    return result.state


def _answer(
    store: Store,
    model: Model,
    spec: GenerateSpec,
    todo: list[Row],
    tally: Tally,
    progress: Progress,
    job_id: str | None,
) -> None:
    asked = _asked(model, spec)
    progress.say(f"{model.model_id}: {len(todo):,} to answer")
    with Saver(store, progress) as saver:
        engine = open_engine(asked)
        event_loop.run(_converse(engine, asked, todo, _answered(store, asked), tally, progress, saver, job_id))
    store.write("generate_forget_partial")


def _asked(model: Model, spec: GenerateSpec) -> Model:
    """The model as this run asks it. How many at once does not shape an answer: it is no part of params_hash."""
    if spec.concurrency is None:
        return model
    return dataclasses.replace(model, params={**model.params, "concurrency": spec.concurrency})


def _answer_together(
    store: Store, beside: Beside, spec: GenerateSpec, todo: Mapping[str, list[Row]], tally: Tally, progress: Progress,
    job_id: str | None,
) -> list[EngineError]:  # fmt: skip
    """Several models side by side: batches wait in their endpoints' queues, not for one another, and servers run on
    GPUs of their own. Returns what kept models from being asked."""
    models = beside.models

    def opened(model: Model) -> Engine:
        if not spec.batch:
            return open_engine(_asked(model, spec))
        scope = scope_of("generate", spec, model.model_id)
        return open_batch_engine(model, progress, wait=spec.wait, job_id=job_id, scope=scope)

    async def one(model: Model, saver: Saver, places: asyncio.Semaphore) -> None:
        async with places:
            if progress.cancelled:
                return
            progress.say(f"{model.model_id}: {len(todo[model.model_id]):,} to answer")
            rows = todo[model.model_id]
            await _converse(opened(model), model, rows, _answered(store, model), tally, progress, saver, job_id)

    async def every_one(saver: Saver) -> list[BaseException | None]:
        places = asyncio.Semaphore(beside.at_once)
        with patience():
            return await asyncio.gather(*(one(model, saver, places) for model in models), return_exceptions=True)

    for model in models:
        store.insert("models", [model.row()])
    with Saver(store, progress) as saver:
        ended = event_loop.run(every_one(saver))
    store.write("generate_forget_partial")
    failures: list[EngineError] = []
    for model, error in zip(models, ended, strict=True):
        if isinstance(error, EngineError):
            if len(models) > 1:
                progress.say(f"{model.model_id}: {error.message}", level="error")
            failures.append(error)
        elif error is not None:
            raise error
    return failures


Answered = dict[tuple[str, int], list[Result]]


def _answered(store: Store, model: Model) -> Answered:
    """Turns of earlier, unfinished conversations by (question, sample), from the first on without a gap."""
    found: Answered = {}
    for row in store.query("generate_partial", model=model.model_id, params_hash=params_hash(model)):
        turns = found.setdefault((row["question_id"], row["sample"]), [])
        if row["turn"] == len(turns) + 1:
            kept = {name: row[name] for name in _KEPT}
            turns.append(Result(key="", state="ok", **kept))
    return found


#: What of an answered turn is kept until its whole response is stored.
_KEPT = ("text", "reasoning", "finish_reason", "prompt_tokens", "completion_tokens", "latency", "cost")


def _partial(talk: Conversation, model: Model, digest: str) -> Row:
    """The row of the turn that was answered last."""
    turn = len(talk.results)
    question_id, sample = talk.row["question_id"], talk.row["sample"]
    kept = {name: getattr(talk.results[-1], name) for name in _KEPT}
    return {
        "partial_id": stable_id("partial", question_id, model.model_id, sample, digest, turn),
        "question_id": question_id, "model_id": model.model_id, "sample": sample, "params_hash": digest, "turn": turn,
        **kept, "created_at": utcnow(),
    }  # fmt: skip


async def _converse(
    engine: Engine, model: Model, todo: list[Row], answered: Answered, tally: Tally, progress: Progress, saver: Saver,
    job_id: str | None,
) -> None:  # fmt: skip
    digest = params_hash(model)
    open_now: dict[str, Conversation] = {}

    def fresh() -> Iterator[Request]:
        for number, row in enumerate(todo):
            key = f"{model.model_id} {number}"  # several models may share a limit on cost
            talk = Conversation(key, row, _sampling(engine, model, row), model.params.get("system_prompt"))
            talk.results += answered.get((row["question_id"], row["sample"]), [])[: len(row["turns"]) - 1]
            open_now[talk.key] = talk
            yield talk.request()

    def handle(result: Result) -> list[Request]:
        talk = open_now[result.key]
        talk.results.append(result)
        if turn_state(result) == "ok" and len(talk.results) < len(talk.row["turns"]):
            saver.add("partial_turns", _partial(talk, model, digest))
            return [talk.request()]
        del open_now[result.key]
        response = _response(talk, model, engine, digest, job_id)
        saver.add("responses", response.row())
        tally.count(response.state, response.prompt_tokens, response.completion_tokens, response.cost)
        progress.advance(1, failed=response.state != "ok")
        return []

    try:
        await exchange(engine, fresh(), handle, progress, saver)
        if isinstance(engine, Keeping):
            saver.then(engine.saved)
    finally:
        await engine.close()


def _sampling(engine: Engine, model: Model, row: Row) -> Sampling:
    params = model.params
    required = row["required_temperature"]
    return Sampling(
        temperature=sampling_temperature(model, row["category"], None if required is None else float(required)),
        top_p=params.get("top_p"),
        max_tokens=int(params.get("max_tokens") or MAX_TOKENS),
        seed=request_seed(int(params.get("seed") or 0), row["question_id"], row["sample"])
        if engine.capabilities.seed
        else None,
        stop=tuple(params.get("stop") or ()),
    )


def _response(talk: Conversation, model: Model, engine: Engine, digest: str, job_id: str | None) -> Response:
    """The row of an ended conversation: all turns, or those before the one that failed (and what came of that)."""
    last = talk.results[-1]
    state = turn_state(last)
    kept = talk.results if state == "ok" or last.text.strip() else talk.results[:-1]
    thoughts = tuple(r.reasoning or "" for r in talk.results)
    error = last.error
    if state != "ok" and len(talk.row["turns"]) > 1:
        error = f"turn {len(talk.results)}: {error or state}"
    return Response(
        question_id=talk.row["question_id"], model_id=model.model_id, turns=tuple(r.text for r in kept),
        params_hash=digest, sample=talk.row["sample"], attempt=talk.row["attempt"], state=state,
        reasoning=thoughts if any(thoughts) else None, finish_reason=last.finish_reason,
        prompt_tokens=_total(r.prompt_tokens for r in talk.results),
        completion_tokens=_total(r.completion_tokens for r in talk.results),
        latency=_total(r.latency for r in talk.results), cost=_total(r.cost for r in talk.results),
        params={
            "engine": model.engine, "version": engine.version, "system_prompt": talk.system_prompt,
            "sampling": {k: v for k, v in dataclasses.asdict(talk.sampling).items() if v not in (None, ())},
            **({"served_by": dict(engine.provenance)} if isinstance(engine, Described) else {}),
        },
        error=error, job_id=job_id,
    )  # fmt: skip


def _total(values: Any) -> Any:
    """The sum of what is known; ``None`` when nothing is."""
    known = [v for v in values if v is not None]
    return sum(known) if known else None
