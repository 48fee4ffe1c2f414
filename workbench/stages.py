"""The stages by name: what a job, a plan step and a launch form can ask for.

Modules are imported only when their stage is used: they bring numpy and the engines with them.
"""

from __future__ import annotations

import dataclasses
import importlib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from workbench.errors import BadInput, Unknown
from workbench.progress import Estimate, Progress, Silent, StageReport
from workbench.store import Store


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a stage lives: module, its frozen spec dataclass, its function and its dry run."""

    kind: str
    module: str
    spec: str
    run: str
    estimate: str

    def part(self, name: str) -> Any:
        return getattr(importlib.import_module(self.module), name)


STAGES: dict[str, Stage] = {
    stage.kind: stage
    for stage in (
        Stage("evolve", "workbench.evolve", "EvolveSpec", "evolve", "estimate_evolve"),
        Stage("generate", "workbench.generate", "GenerateSpec", "generate", "estimate_generate"),
        Stage("similarity", "workbench.similarity", "SimilaritySpec", "similarity", "estimate_similarity"),
        Stage("select", "workbench.select", "SelectSpec", "select", "estimate_select"),
        Stage("judge", "workbench.judging", "JudgeSpec", "judge", "estimate_judge"),
        Stage("classify", "workbench.judging.scenarios", "ClassifySpec", "classify", "estimate_classify"),
    )
}


def stage(kind: str) -> Stage:
    """Raises Unknown for a kind that is not a stage."""
    if kind not in STAGES:
        raise Unknown("stage", kind, STAGES)
    return STAGES[kind]


def make_spec(kind: str, values: Mapping[str, Any]) -> Any:
    """The stage's spec from plain values (JSON, TOML, a form); ``None`` leaves the default.

    Raises:
        Unknown: a name the spec does not have, with the nearest it has.
        BadInput: a value of the wrong type.
    """
    spec_class = stage(kind).part(stage(kind).spec)
    hints = typing.get_type_hints(spec_class)
    for name in values:
        if name not in hints:
            raise Unknown(f"{kind} option", name, hints)
    return spec_class(
        **{name: coerce(value, hints[name], f"{kind}.{name}") for name, value in values.items() if value is not None}
    )


def coerce(value: Any, hint: Any, where: str) -> Any:
    """The value as the annotation wants it: lists become tuples, whole numbers floats."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        return coerce(value, inner[0], where)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise Unknown(where, str(value), [str(c) for c in choices])
        return value
    if origin is tuple:
        item = typing.get_args(hint)[0]
        if not isinstance(value, list | tuple):
            raise BadInput(f"must be a list, not {value!r}", field=where)
        return tuple(coerce(v, item, where) for v in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(hint, type) or (isinstance(value, hint) and not (hint is int and isinstance(value, bool))):
        return value
    raise BadInput(f"must be {hint.__name__}, not {value!r}", field=where)


def spec_values(spec: Any) -> dict[str, Any]:
    """A spec as plain values, to be kept with its job."""
    return dataclasses.asdict(spec)


def run_stage(
    store: Store, kind: str, spec: Any, progress: Progress | None = None, job_id: str | None = None
) -> StageReport:
    from workbench.exchange import working
    from workbench.models import fetch_files

    found = stage(kind)
    shown = progress or Silent()
    run = found.part(found.run)
    single = (getattr(spec, name, None) for name in ("model", "judge", "embedder", "checker"))
    named = (*getattr(spec, "models", ()), *single)
    fetch_files(store, [name for name in named if name], shown)
    with working(store, spec):  # whatever it opens shares the store's limits
        return cast(StageReport, run(store, spec, shown, job_id))


def estimate_stage(store: Store, kind: str, spec: Any) -> Estimate:
    """What the stage would do and cost; sends nothing."""
    found = stage(kind)
    return cast(Estimate, found.part(found.estimate)(store, spec))
