"""Classifying questions by scenario with a model (Auto-J's classifier, or any judge).

The label is constrained to Auto-J's 58 names and ``default`` where the engine obeys JSON schemas, else read strictly.
Each answer is a row of ``judgments`` with protocol ``scenario`` (raw text, state, tokens, cost; meta: the scenario
found and the one there before), so that running again asks for nothing twice, whatever happened in between. What could
be read is then written to ``questions.scenario``: where there was none, or everywhere if asked to overwrite. To see
what a classifier is worth it can be asked about questions that came with a scenario, which changes nothing there.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from workbench.batches import Saver, recover
from workbench.claims import claim
from workbench.engines import event_loop
from workbench.engines.protocol import Engine, Message, Request, Result, Sampling
from workbench.engines.registry import open_engine, params_hash
from workbench.engines.spending import prices
from workbench.errors import BadInput, Incomplete
from workbench.exchange import Tally, exchange, working
from workbench.judging.scenario_labels import read_label
from workbench.judging.stored_templates import find_template
from workbench.judging.templates import Template, template
from workbench.progress import Estimate, Progress, Silent, StageReport
from workbench.records import Judgment, Model, Row, stable_id
from workbench.scope import CHARS_PER_TOKEN, NO_LIMIT, check_questions, named_model, price
from workbench.store import Store
from workbench.text import plural

KIND = "scenario"
#: Stands for the model of a judgment that is about a question alone.
QUESTION = "(question)"
#: Questions loaded at a time.
BLOCK = 200
#: The longest name has about 15 tokens; a model that thinks first has its own ``max_tokens``.
MAX_TOKENS = 64


@dataclass(frozen=True, slots=True)
class ClassifySpec:
    """Who classifies what. ``overwrite``: questions that have a scenario too, which is then replaced. ``evaluate``:
    only those that came with one, which stays. ``template``: another prompt of protocol scenario, by name.
    ``retry_failed`` asks again what is recorded as failed or unparsed. ``concurrency`` goes before the judge's own.
    ``max_cost`` (US dollars) stops the run before it would be passed; ``log_requests`` logs requests under
    ``STORE.files/logs``, ``log_bodies`` what was said in them too.
    """

    judge: str
    bench: str | None = None
    category: str | None = None
    limit: int | None = None
    overwrite: bool = False
    evaluate: bool = False
    template: str | None = None
    concurrency: int | None = None
    retry_failed: bool = False
    max_cost: float | None = None
    log_requests: bool = False
    log_bodies: bool = False


@dataclass(frozen=True, slots=True)
class _Classifier:
    model: Model
    engine: Engine
    template: Template
    sampling: Sampling
    version: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """Questions in the scope of a run (``wanted``), and those still to be asked about."""

    wanted: list[Row]
    todo: list[Row]


def classify(
    store: Store, spec: ClassifySpec, progress: Progress | None = None, job_id: str | None = None
) -> StageReport:
    """Find the scenario of every question in scope that has none yet.

    Raises:
        Unknown, BadInput: a judge, bench, category or template there is not; before anything is sent.
        BadInput: another job is classifying by the same judge.
        EngineError: the judge cannot be asked at all.
        Incomplete: stopped before ``max_cost`` would be passed; questions have the scenarios found by then.
        StoreError: answers could not be saved; says where they are.
    """
    progress = progress or Silent()
    model = _check(store, spec)
    what = f"scenarios are being found by '{spec.judge}'"
    with claim(store, "classify", spec.judge, what=what, job_id=job_id), working(store, spec):
        recover(store, progress)
        by = _ready(store, spec, model)
        try:
            with Saver(store, progress) as saver:
                tally, plan = event_loop.run(_classify(store, spec, by, progress, saver, job_id))
        except Incomplete:
            if not spec.evaluate:
                _write(store, spec, by, _plan(store, spec, by))  # what was paid for is put to use at once
            raise
        if not spec.evaluate:
            changed = _write(store, spec, by, plan)
            tally.notes.append(f"{plural(changed, 'question')} got a scenario")
        if unread := tally.states["unparsed"]:
            tally.notes.append(f"{plural(unread, 'answer')} of {spec.judge} named no scenario (kept as unparsed)")
        return tally.report(cancelled=progress.cancelled)


def estimate_classify(store: Store, spec: ClassifySpec) -> Estimate:
    """Requests, tokens and cost of what is missing; four characters a token, answers of 16 tokens.

    Raises:
        Unknown, BadInput: as ``classify``.
    """
    model = _check(store, spec)
    by = _ready(store, spec, model)
    asyncio.run(by.engine.close())
    plan = _plan(store, spec, by)
    own = len(by.template.system) + len(by.template.prompt) + len(str(model.params.get("system_prompt") or ""))
    prompt = sum(own + row["chars"] for row in plan.todo) // CHARS_PER_TOKEN
    completion = 16 * len(plan.todo)
    return Estimate(
        "classify", len(plan.todo), len(plan.todo), len(plan.wanted) - len(plan.todo), prompt, completion,
        price(model.params, prompt, completion),
    )  # fmt: skip


def _check(store: Store, spec: ClassifySpec) -> Model:
    model = named_model(store, spec.judge, "judge")
    if spec.max_cost is not None:
        prices(model.params, spec.judge)
    if spec.overwrite and spec.evaluate:
        raise BadInput("to evaluate changes nothing, so there is nothing to overwrite", field="overwrite")
    if spec.concurrency is not None and spec.concurrency < 1:
        raise BadInput(f"must be at least 1, not {spec.concurrency}", field="concurrency")
    check_questions(store, spec.bench, spec.category, spec.limit)
    if spec.template is not None:
        _named(store, spec.template)
    return model


def _named(store: Store, name: str) -> Template:
    made = find_template(store, name)
    if made.protocol != KIND:
        raise BadInput(f"template '{name}' is for {made.protocol}, not for {KIND}", field="template")
    return made


def _ready(store: Store, spec: ClassifySpec, model: Model) -> _Classifier:
    asked = model
    if spec.concurrency is not None:
        asked = dataclasses.replace(model, params={**model.params, "concurrency": spec.concurrency})
    engine = open_engine(asked)
    output = "json" if engine.capabilities.structured_output else "text"
    made = template(KIND, output) if spec.template is None else _named(store, spec.template)
    sampling = Sampling(temperature=0.0, max_tokens=max(MAX_TOKENS, int(model.params.get("max_tokens") or 0)))
    version = stable_id("judge", params_hash(model), engine.version, dataclasses.asdict(sampling))[:16]
    return _Classifier(model, engine, made, sampling, version)


def _plan(store: Store, spec: ClassifySpec, by: _Classifier) -> _Plan:
    rows = store.query(
        "scenario_items", bench=spec.bench, category=spec.category, limit=spec.limit or NO_LIMIT, judge=spec.judge,
        judge_version=by.version, template_hash=by.template.hash,
    )  # fmt: skip
    if spec.evaluate:
        rows = [row for row in rows if row["gold"] is not None]
        if not rows:
            raise BadInput("no question in scope came with a scenario", field="evaluate",
                           hint="import Auto-J's scenario data with: workbench import")  # fmt: skip
    elif not spec.overwrite:
        # A question that was classified by this very classifier counts as wanted: it is there already.
        rows = [row for row in rows if row["scenario"] is None or row["judged"]]
    todo = [row for row in rows if not row["judged"] and (row["attempt"] is None or spec.retry_failed)]
    return _Plan(rows, todo)


async def _classify(
    store: Store, spec: ClassifySpec, by: _Classifier, progress: Progress, saver: Saver, job_id: str | None
) -> tuple[Tally, _Plan]:
    try:
        plan = _plan(store, spec, by)
        tally = Tally("classify", total=len(plan.todo), already=len(plan.wanted) - len(plan.todo))
        progress.start("classify", tally.total)
        if plan.todo:
            store.insert("models", [by.model.row()])
            await _ask(store, spec, by, plan, tally, progress, saver, job_id)
        return tally, plan
    finally:
        await by.engine.close()


async def _ask(
    store: Store, spec: ClassifySpec, by: _Classifier, plan: _Plan, tally: Tally, progress: Progress, saver: Saver,
    job_id: str | None,
) -> None:  # fmt: skip
    open_now = {row["question_id"]: row for row in plan.todo}

    def fresh() -> Iterator[Request]:
        left = iter(plan.todo)
        while block := [row["question_id"] for row in islice(left, BLOCK)]:
            texts = {row["question_id"]: row["text"] for row in store.query("scenario_texts", ids=block)}
            for question_id in block:
                messages = _own(by.model, by.template.render({"question_1": texts[question_id]}))
                yield Request(question_id, messages, by.sampling, by.template.schema)

    def handle(result: Result) -> list[Request]:
        judgment = _judgment(open_now.pop(result.key), result, spec, by, job_id)
        saver.add("judgments", judgment.row())
        tally.count(judgment.state, result.prompt_tokens, result.completion_tokens, result.cost)
        progress.advance(1, failed=judgment.state != "ok")
        return []

    await exchange(by.engine, fresh(), handle, progress, saver)


def _own(model: Model, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with the judge's own system prompt, if it has one, first."""
    own = model.params.get("system_prompt")
    if not own:
        return messages
    if messages[0].role != "system":
        return (Message("system", str(own)), *messages)
    return (Message("system", f"{own}\n\n{messages[0].content}"), *messages[1:])


def _judgment(row: Row, result: Result, spec: ClassifySpec, by: _Classifier, job_id: str | None) -> Judgment:
    state, label = result.state, None
    if state == "ok" and result.finish_reason == "length":
        state = "truncated"  # the name may not be whole
    if state == "ok":
        label = read_label(result.text, by.template.output)
        if label is None:
            state = "unparsed"
    return Judgment(
        protocol=KIND, judge=spec.judge, judge_version=by.version, template=by.template.name,
        template_hash=by.template.hash, question_id=row["question_id"], turn=1, model_a=QUESTION,
        presented_order="single", attempt=0 if row["attempt"] is None else row["attempt"] + 1, state=state,
        raw_text=result.text or None, reasoning=result.reasoning, error=result.error,
        prompt_tokens=result.prompt_tokens, completion_tokens=result.completion_tokens, latency=result.latency,
        cost=result.cost, job_id=job_id, meta={"scenario": label, "before": row["scenario"]},
    )  # fmt: skip


def _write(store: Store, spec: ClassifySpec, by: _Classifier, plan: _Plan) -> int:
    """Bring what was found, now or in a run that was stopped, to the questions. Returns how many changed."""
    ids = [row["question_id"] for row in plan.wanted]
    changed = 0
    for start in range(0, len(ids), 10_000):
        changed += store.write(
            "scenario_set", ids=ids[start : start + 10_000], judge=spec.judge, judge_version=by.version,
            template_hash=by.template.hash, overwrite=spec.overwrite,
        )  # fmt: skip
    return changed
