"""The plan of a headless run: one TOML file, checked whole before anything is done.

See ``docs/plan.md`` for every key, and ``sample_data/plan.toml`` for one that runs.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.errors import BadInput, Unknown
from workbench.protocol_names import BUILT_IN, NEED_BASELINE, absolute, file_of
from workbench.toml_files import parse_toml, read_text


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Questions(Part):
    """Which questions, and from which files if they are not in the store yet."""

    import_: Annotated[list[str], Field(alias="import")] = []
    format: str | None = None
    bench: str | None = None
    category: str | None = None
    limit: Annotated[int, Field(gt=0)] | None = None


class PlanModel(Part):
    """A model to answer or judge. A name alone means one that is built in or in the store. A jury only judges."""

    name: Annotated[str, Field(min_length=1)]
    engine: Literal["api", "bundled", "vllm-server", "vllm", "jury", "sentence-transformers"] | None = None
    base_url: str | None = None
    model: str | None = None
    path: str | None = None
    api_key_env: str | None = None
    system_prompt: str | None = None
    temperature: Annotated[float, Field(ge=0, strict=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, strict=False)] | None = None
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    seed: int | None = None
    stop: list[str] | None = None
    extra_body: dict[str, Any] | None = None
    price_in: Annotated[float, Field(ge=0, strict=False)] | None = None
    price_out: Annotated[float, Field(ge=0, strict=False)] | None = None
    batch_discount: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    concurrency: Annotated[int, Field(gt=0)] | None = None
    rpm: Annotated[float, Field(gt=0, strict=False)] | None = None
    tpm: Annotated[float, Field(gt=0, strict=False)] | None = None
    timeout_s: Annotated[float, Field(gt=0, strict=False)] | None = None
    idle_timeout_s: Annotated[float, Field(gt=0, strict=False)] | None = None
    max_attempts: Annotated[int, Field(gt=0)] | None = None
    client: Literal["lean", "openai"] | None = None
    api_version: str | None = None
    key_header: str | None = None
    wrap: Literal["llama-2"] | None = None
    headers: dict[str, str] | None = None
    structured_output: bool | None = None
    logprobs: bool | None = None
    revision: str | None = None
    context: Annotated[int, Field(gt=0)] | None = None
    served_name: str | None = None
    tensor_parallel: Annotated[int, Field(gt=0)] | None = None
    pipeline_parallel: Annotated[int, Field(gt=0)] | None = None
    data_parallel: Annotated[int, Field(gt=0)] | None = None
    dtype: str | None = None
    quantization: str | None = None
    max_model_len: Annotated[int, Field(gt=0)] | None = None
    chat_template: str | None = None
    lora_path: str | None = None
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1, strict=False)] | None = None
    trust_remote_code: bool | None = None
    gpus: str | None = None
    port: Annotated[int, Field(gt=0, le=65535)] | None = None
    vllm_args: list[str] | None = None
    vllm_python: str | None = None
    startup_timeout_s: Annotated[float, Field(gt=0, strict=False)] | None = None
    members: list[str] | None = None
    rule: Literal["majority", "mean", "weighted", "cascade"] | None = None
    weights: dict[str, Annotated[float, Field(gt=0, strict=False)]] | None = None
    confidence: Annotated[float, Field(gt=0, le=1, strict=False)] | None = None
    escalate_on: list[Literal["disagreement", "tie", "unparsed", "low-confidence"]] | None = None

    @property
    def jury(self) -> bool:
        return self.engine == "jury" or self.members is not None


class Asking(Part):
    """What every stage that asks models takes. ``max_cost``: US dollars, stop before they would be passed."""

    concurrency: Annotated[int, Field(gt=0)] | None = None
    retry_failed: bool = False
    max_cost: Annotated[float, Field(gt=0, strict=False)] | None = None
    log_requests: bool = False
    log_bodies: bool = False


class Evolve(Asking):
    """New instructions from the questions of ``[questions]``; the later stages then work on these."""

    model: str
    scenario: str | None = None
    rounds: Annotated[int, Field(gt=0)] = 1
    per_seed: Annotated[int, Field(gt=0)] = 1
    into: Annotated[str, Field(min_length=1)] | None = None
    embedder: str = "hashing"
    threshold: Annotated[float, Field(gt=0, le=1, strict=False)] | None = None
    checker: Annotated[str, Field(min_length=1)] | None = None


class Generate(Asking):
    samples: Annotated[int, Field(gt=0)] = 1
    batch: bool = False


class Similarity(Part):
    """``model`` is the encoder or judge: the metric's default where nothing is said."""

    metric: Literal["embedding", "bertscore", "judge", "rouge-l", "chrf"] = "embedding"
    model: Annotated[str, Field(min_length=1)] | None = None
    layer: Annotated[int, Field(ge=0)] | None = None
    idf: bool = False
    rescale: str | None = None
    precision: Literal["f32", "bf16", "f16"] = "f32"
    memory: Annotated[float, Field(ge=0.05, strict=False)] = 1.0
    device: str = "auto"
    concurrency: Annotated[int, Field(gt=0)] | None = None
    max_cost: Annotated[float, Field(gt=0, strict=False)] | None = None
    log_requests: bool = False
    log_bodies: bool = False


class Select(Part):
    """``metric`` and ``embedder`` are those of ``[similarity]`` where nothing else is said."""

    method: Literal["mad", "label-next", "mad-judges"] = "mad"
    name: str | None = None
    extend: str | None = None
    metric: str | None = None
    metric_version: str | None = None
    embedder: str | None = None
    top_k: Annotated[int, Field(gt=0)] | None = None
    per_category: Annotated[int, Field(gt=0)] | None = None
    quota: list[str] = []
    across: bool = False
    diversity: Annotated[float, Field(ge=0, strict=False)] = 0.0
    mode: Literal["corrected", "compat"] = "corrected"
    control: Annotated[int, Field(ge=0)] = 0
    goal: Literal["ranking", "disagreement", "both"] = "ranking"
    items: Annotated[int, Field(gt=0)] | None = None
    judges: list[str] = []
    overlap: bool = False

    @property
    def k(self) -> int:
        """Items a pair of models: as asked for, or 10."""
        return self.top_k or 10


class Judge(Asking):
    """One judge and what it is asked."""

    model: str
    batch: bool = False
    protocol: str = "pairwise-all"
    baseline: str | None = None
    turns: list[Literal[1, 2]] = [1]
    selected_only: bool = False
    retry_states: list[Literal["unparsed", "refused", "truncated", "too_long", "error"]] = []
    mode: Literal["corrected", "compat"] = "corrected"
    template: str | None = None
    output: Literal["json", "text"] | None = None
    order: Literal["both", "ab", "ba"] = "both"
    samples: Annotated[int, Field(gt=0, le=1000)] = 1
    temperature: Annotated[float, Field(ge=0, le=2, strict=False)] | None = None
    probabilities: bool = False
    repair: bool = True
    cut: Literal["middle", "end"] | None = None
    criteria: bool = False
    group_order: Literal["shuffled", "given"] = "shuffled"
    seed: int = 0
    at_once: Annotated[int, Field(gt=0)] = 1


#: Methods of the leaderboard that need nothing besides ``by``.
Board = Literal[
    "bt", "bt-davidson", "bt-rao-kupper", "elo", "elo-permutation", "elo-bootstrap", "win-rate", "mt-bench"
]  # fmt: skip


class Report(Part):
    leaderboard: list[Board] = ["bt"]
    by: str = "all"
    agreement: bool = True


class Run(Part):
    """``tolerance``: the share of items (0 to 1) that may end as a recorded failure before the run counts as failed."""

    tolerance: Annotated[float, Field(ge=0, le=1, strict=False)] = 0.0
    on: Literal["local"] = "local"


class Plan(Part):
    questions: Questions = Questions()
    models: list[PlanModel | str] = []
    evolve: Evolve | None = None
    generate: Generate = Generate()
    similarity: Similarity | None = None
    select: Select | None = None
    judges: list[Judge] = []
    report: Report = Report()
    run: Run = Run()

    def model_names(self) -> tuple[str, ...]:
        """The models that answer: all but juries."""
        return tuple(m if isinstance(m, str) else m.name for m in self.models if isinstance(m, str) or not m.jury)


#: What the tables of a plan may hold, by name; ``models`` and ``judges`` are lists of tables.
TABLES: dict[str, type[BaseModel]] = {
    "questions": Questions, "models": PlanModel, "evolve": Evolve, "generate": Generate, "similarity": Similarity,
    "select": Select, "judges": Judge, "report": Report, "run": Run,
}  # fmt: skip


def read_plan(path: Path) -> Plan:
    """Read and check a plan file; paths in it are made absolute against the file's folder.

    Raises:
        BadInput: unreadable, not TOML, an unknown key (with the nearest right one), a wrong value, or a plan that
            contradicts itself. Names file, line and field.
    """
    text = read_text(path)
    values = parse_toml(text, str(path))
    try:
        plan = Plan.model_validate(values)
    except ValidationError as error:
        raise bad_plan(error, path, text, values) from None
    check(plan, path, text)
    folder = path.absolute().parent
    files = [str(folder / Path(f).expanduser()) for f in plan.questions.import_]
    models = [beside_plan(m, folder) if isinstance(m, PlanModel) else m for m in plan.models]
    questions = plan.questions.model_copy(update={"import_": files})
    judges = [judge.model_copy(update={"protocol": absolute(judge.protocol, folder)}) for judge in plan.judges]
    evolve = plan.evolve
    if evolve and evolve.scenario and evolve.scenario.lower().endswith(".toml"):
        evolve = evolve.model_copy(update={"scenario": str(folder / Path(evolve.scenario).expanduser())})
    compared = plan.similarity
    if compared and compared.model and "/" in compared.model and (folder / Path(compared.model).expanduser()).is_dir():
        compared = compared.model_copy(update={"model": str(folder / Path(compared.model).expanduser())})
    return plan.model_copy(
        update={"questions": questions, "models": models, "evolve": evolve, "judges": judges, "similarity": compared}
    )


def beside_plan(model: PlanModel, folder: Path) -> PlanModel:
    """The model with its files named from the plan's folder on."""
    names = {"path": model.path, "chat_template": model.chat_template, "lora_path": model.lora_path}
    if model.vllm_python and "/" in model.vllm_python:
        names["vllm_python"] = model.vllm_python
    return model.model_copy(update={k: str(folder / Path(v).expanduser()) for k, v in names.items() if v})


def check(plan: Plan, path: Path, text: str) -> None:
    """What one field cannot tell by itself."""
    names = [m if isinstance(m, str) else m.name for m in plan.models]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(
                f"model '{name}' is named twice",
                file=str(path),
                line=line_of(text, ["models"], name),
                field="models",
            )
    if plan.evolve and not plan.questions.bench:
        raise BadInput(
            "[evolve] needs to know the seeds' benchmark",
            file=str(path),
            line=line_of(text, ["evolve"]),
            field="questions.bench",
            hint='add bench = "NAME" to [questions]',
        )
    for number, judge in enumerate(plan.judges):
        check_protocol(judge, number, path, text)
        if judge.selected_only and plan.select is None:
            raise BadInput(
                "selected_only needs a [select] table",
                file=str(path),
                line=line_of(text, ["judges"]),
                field="judges",
            )
    if plan.select and plan.select.method == "mad" and plan.similarity is None:
        raise BadInput(
            "[select] needs a [similarity] table",
            file=str(path),
            line=line_of(text, ["select"]),
            field="select",
            hint='add [similarity] with model = "hashing"',
        )


def check_protocol(judge: Judge, number: int, path: Path, text: str) -> None:
    """A judge's protocol is known, or a file that is there; and has the baseline it needs."""
    line = line_of(text, ["judges", number, "protocol"])
    found = file_of(judge.protocol)
    if found is not None and not (path.absolute().parent / found).is_file():
        raise BadInput(f"there is no file '{found}'", file=str(path), line=line, field="judges.protocol")
    if found is None and judge.protocol not in BUILT_IN:
        unknown = Unknown("protocol", judge.protocol, BUILT_IN)
        raise BadInput(unknown.reason, file=str(path), line=line, field="judges.protocol")
    if judge.protocol in NEED_BASELINE and not judge.baseline:
        raise BadInput(
            f"{judge.protocol} needs a baseline model",
            file=str(path),
            line=line_of(text, ["judges"]),
            field="judges.baseline",
            hint='add baseline = "MODEL" to this judge',
        )


def bad_plan(error: ValidationError, path: Path, text: str, values: dict[str, Any]) -> BadInput:
    """The first of pydantic's complaints, as one line about file, line and field."""
    # A list of names or tables is tried as either: the complaint about the table is the telling one.
    found = sorted(error.errors(), key=lambda e: e["loc"][-1] == "str")[0]
    loc = [p for p in found["loc"] if p not in ("PlanModel", "str")]
    shown = ".".join(str(p) for p in loc)
    line = line_of(text, loc)
    if found["type"] == "extra_forbidden":
        key = str(loc[-1])
        known = fields_at(loc[:-1])
        near = difflib.get_close_matches(key, known, n=1)
        message = f"unknown key '{key}'" + (f" (did you mean '{near[0]}'?)" if near else "")
        return BadInput(message, file=str(path), line=line, field=shown, hint=f"known: {', '.join(known)}")
    message = found["msg"][0].lower() + found["msg"][1:]
    if found["type"] != "missing":
        message += f", not {found['input']!r}"
    return BadInput(message, file=str(path), line=line, field=shown)


def fields_at(loc: list[Any]) -> list[str]:
    """The keys known at a place of the plan."""
    current = TABLES.get(str(loc[0]), Plan) if loc else Plan
    return sorted(f.alias or name for name, f in current.model_fields.items())


def line_of(text: str, loc: list[Any], value: str | None = None) -> int | None:
    """The line where a field stands, as well as it can be told without a second parser."""
    table = str(loc[0]) if loc else ""
    nth = next((p for p in loc if isinstance(p, int)), 0)
    key = str(loc[-1]) if len(loc) > 1 and not isinstance(loc[-1], int) else None
    inside = False
    seen = -1
    header_line: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[{1,2}\s*([^\]\s]+)\s*\]{1,2}", line)
        if header:
            inside = header.group(1) == table
            seen += inside
            if inside and seen == nth:
                header_line = number
            continue
        assigned = re.match(r"\s*([A-Za-z0-9_\"'-]+)\s*=", line)
        name = assigned.group(1).strip("\"'") if assigned else None
        if header_line is None and name == table:
            return number
        if inside and seen == nth and key is not None and name == key:
            return number
        if value is not None and f'"{value}"' in line:
            return number
    return header_line
