"""``workbench run``: the stages of a plan, one after another, each resumable.

A run is a job like any other (kind ``run``): its spec is the plan, so it can run here or detached. Running a
plan again does only what is missing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench import jobs
from workbench.engines.juries import is_jury, jury_of
from workbench.engines.registry import validate_model
from workbench.errors import BadInput, Unknown
from workbench.models import known_models, save_model
from workbench.plan import Plan, PlanModel
from workbench.progress import Estimate, Progress, Silent, StageReport
from workbench.records import Model, Row
from workbench.stages import estimate_stage, make_spec, run_stage
from workbench.store import Store, open_store, store_path
from workbench.worker import execute


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run came to. ``ok``: every item has a result, or failures stayed within the plan's tolerance.

    ``judges`` tells how far each judge's verdicts hang on the order (view ``position_bias``).
    """

    ok: bool
    stages: list[StageReport]
    leaderboards: dict[str, list[Row]]
    agreement: list[Row]
    judges: list[Row]
    failed: int
    items: int
    tolerance: float
    elapsed_s: float
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> Row:
        return asdict(self)


def steps(plan: Plan) -> Iterator[tuple[str, Row]]:
    """The stages a plan asks for, as (kind, plain spec values), in the order they run."""
    names = list(plan.model_names())
    scope = {
        "bench": plan.questions.bench,
        "category": plan.questions.category,
        "limit": plan.questions.limit,
    }
    if plan.evolve:
        values = {**scope, **plan.evolve.model_dump()}
        yield "evolve", values
        # What was evolved is all there is to ask: the seeds were narrowed already.
        scope = {"bench": make_spec("evolve", values).target, "category": None, "limit": None}
    if names:
        yield "generate", {"models": names, **scope, **plan.generate.model_dump()}
    bench = {"bench": scope["bench"]}
    if plan.similarity:
        given = plan.similarity.model_dump(exclude={"model"})
        yield "similarity", {"models": names, **bench, **given, "embedder": plan.similarity.model}
    if plan.select:
        yield "select", {"models": names, **bench, **compared_by(plan), **plan.select.model_dump(exclude_none=True)}
    for judge in plan.judges:
        values = judge.model_dump(exclude={"model", "selected_only"})
        if judge.selected_only and plan.select:
            values["selection"] = plan.select.name or plan.select.extend or "latest"
        yield "judge", {"judge": judge.model, "models": names, **scope, **values}


def compared_by(plan: Plan) -> dict[str, Any]:
    """What a selection goes by where ``[select]`` does not say: the metric and encoder of ``[similarity]``."""
    if plan.similarity is None:
        return {}
    from workbench.similarity.spec import selected_by

    found: dict[str, Any] = {"metric": selected_by(plan.similarity.metric, plan.similarity.model)}
    if plan.similarity.metric == "embedding":  # other metrics' encoders embed no questions
        found["embedder"] = plan.similarity.model or "hashing"
    return found


def model_record(given: PlanModel) -> Model:
    """The model a plan's table describes. The engine is told from what is given, if it is not named."""
    engine = given.engine or ("api" if given.base_url else "bundled" if given.path else None)
    if given.jury and engine is None:
        engine = "jury"
    if engine is None:
        raise BadInput(
            f"model '{given.name}' has settings but no engine",
            field="models",
            hint='add engine = "api" and base_url, or engine = "bundled", or give the name alone',
        )
    settings = given.model_dump(exclude={"name", "engine", "base_url", "path"}, exclude_none=True)
    return Model(given.name, engine, given.base_url or given.path, settings)


def prepare(store: Store, plan: Plan, progress: Progress) -> list[str]:
    """Bring the plan's questions and models into the store. Returns notes for the summary."""
    from workbench.importing import import_paths

    notes: list[str] = []
    # A jury's members may stand behind it in the plan.
    for given in sorted(plan.models, key=lambda m: isinstance(m, PlanModel) and m.jury):
        if isinstance(given, PlanModel) and given.model_dump(exclude={"name"}, exclude_none=True):
            save_model(store, model_record(given), replace=True)
    files = [Path(f) for f in plan.questions.import_]
    if files:
        report = import_paths(store, files, format=plan.questions.format, bench=plan.questions.bench, progress=progress)
        notes.append("imported " + ", ".join(f"{n} {table}" for table, n in report.imported.items()))
    return notes


def run_steps(store: Store, spec: Mapping[str, Any], progress: Progress, job_id: str | None) -> list[StageReport]:
    """Every stage of a plan in turn. A cancelled stage ends the run."""
    plan = Plan.model_validate(spec)
    for note in prepare(store, plan, progress):
        progress.say(note)
    reports: list[StageReport] = []
    for kind, values in steps(plan):
        report = run_stage(store, kind, make_spec(kind, values), progress, job_id)
        reports.append(report)
        for note in report.notes:
            progress.say(note)
        if report.cancelled:
            break
    return reports


def check_specs(plan: Plan) -> None:
    """Raises BadInput for a step that cannot even be described, or whose files are wrong, before anything runs."""
    from workbench.evolve.prompts import scenario
    from workbench.judging.protocols import find_protocol

    for kind, values in steps(plan):
        spec = make_spec(kind, values)
        if kind == "judge":
            find_protocol(spec.protocol)
        elif kind == "evolve" and spec.scenario is not None:
            scenario(spec.scenario)
    for given in plan.models:
        if isinstance(given, PlanModel) and given.model_dump(exclude={"name"}, exclude_none=True):
            record = model_record(given)
            if given.jury:
                validate_model(record)


def plan_spec(plan: Plan) -> Row:
    return plan.model_dump(mode="json", by_alias=True)


def run_plan(store: Store, plan: Plan, progress: Progress) -> Summary:
    """Run a plan to its end, in this process, as a job."""
    check_specs(plan)
    began = time.monotonic()
    reports = execute(store, jobs.create(store, "run", plan_spec(plan)), progress)
    return summarise(store, plan, reports, time.monotonic() - began)


def summarise(store: Store, plan: Plan, reports: list[StageReport], elapsed_s: float) -> Summary:
    from workbench.agree import agreement
    from workbench.rate.leaderboard import leaderboards, materialise

    boards: dict[str, list[Row]] = {}
    for method in plan.report.leaderboard:
        boards[method] = []
        for board in leaderboards(store, method=method, by=plan.report.by):
            materialise(store, board)
            boards[method] += board.to_json()
    rows = [asdict(row) for row in agreement(store)] if plan.report.agreement else []
    items = sum(r.done for r in reports)
    failed = sum(r.failed for r in reports)
    left = sum(r.total - r.done for r in reports)
    ok = not left and not any(r.cancelled for r in reports) and failed <= plan.run.tolerance * max(items, 1)
    names = [judge.model for judge in plan.judges]
    judges = [row for row in store.query("judge_consistency") if row["judge"] in names]
    return Summary(ok, reports, boards, rows, judges, failed, items, plan.run.tolerance, round(elapsed_s, 1))


def dry_run_plan(store: str | Path | None, plan: Plan) -> list[Estimate]:
    """What a run on this store would do and cost. Sends nothing, and writes only to a copy that is thrown away."""
    path = store_path(store)
    with tempfile.TemporaryDirectory(prefix="workbench-dry-") as folder:
        copy = Path(folder) / "dry.duckdb"
        if path.exists():
            with open_store(path) as real:
                real.snapshot(copy)
        with open_store(copy) as scratch:
            try:
                prepare(scratch, plan, Silent())
                return [estimate_step(scratch, plan, kind, values) for kind, values in steps(plan)]
            finally:
                scratch.stop_owner()


def estimate_step(store: Store, plan: Plan, kind: str, values: Row) -> Estimate:
    """One step's estimate; where it needs what an earlier step has yet to make, a count as if that were there."""
    try:
        found = estimate_stage(store, kind, make_spec(kind, values))
    except Unknown:
        if plan.evolve and kind != "evolve":
            return Estimate(kind, 0, 0, unknown="needs the instructions that [evolve] has yet to make")
        raise
    except BadInput as error:
        found = Estimate(kind, 0, 0, unknown=error.message)
    if found.items or found.already or kind in ("generate", "evolve") or plan.evolve:
        return found
    questions = estimate_stage(store, "generate", make_spec("generate", next(steps(plan))[1]))
    models = len(plan.model_names())
    per_model = (questions.items + questions.already) // max(models, 1)
    pairs = per_model * models * (models - 1) // 2
    remark = "counted as if every model had answered every question"
    if kind == "similarity":
        return Estimate(kind, pairs, 0, unknown=remark)
    if kind == "select" and plan.select:
        most = min(plan.select.k + plan.select.control, per_model) * models * (models - 1) // 2
        if plan.select.method == "label-next":
            asked = plan.select.items or plan.select.k * models * (models - 1) // 2
            control = plan.select.control * models * (models - 1) // 2
            return Estimate(kind, min(asked + control, pairs), 0, unknown=remark)
        return Estimate(kind, most, 0, unknown=remark + "; filters may leave fewer")
    judged = judged_items(values, per_model, models, pairs) * judges_of(store, values["judge"])
    mean = (questions.prompt_tokens + questions.completion_tokens) // max(questions.items, 1)
    return Estimate(kind, judged, judged, 0, judged * (mean + 400), judged * 128, None, remark)


def judges_of(store: Store, name: str) -> int:
    """How many judges a judge is: a jury as many as it has members (a cascade asks fewer)."""
    judge = known_models(store).get(name)
    return len(jury_of(judge).members) if judge is not None and is_jury(judge) else 1


def judged_items(values: Row, per_model: int, models: int, pairs: int) -> int:
    """Requests a judging step sends when every answer is there: pairs count twice, once an order."""
    from workbench.judging.protocols import find_protocol

    protocol = find_protocol(values["protocol"])
    times: int = len(values["turns"]) * values["samples"]
    if protocol.unit == "answer":
        return per_model * models * times
    if protocol.unit in ("question", "group"):
        return per_model * times
    orders = 2 if protocol.orders is None and values["order"] == "both" else 1
    compared = per_model * (models - 1) if values["baseline"] else pairs
    return compared * orders * times
