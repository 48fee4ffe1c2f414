"""The OpenAI Batch API as an engine: requests are collected into files, answered within a day, at a lower price.

``open_batch_engine`` gives an engine like any other. What it has handed to the endpoint is kept in a journal under
``STORE.files/batches``, so a run that was stopped or killed is continued by the same command, and nothing is paid for
twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.engines.settings import validate_model
from workbench.errors import BadInput
from workbench.progress import Progress
from workbench.records import Model, stable_id

if TYPE_CHECKING:
    from workbench.engines.batch.engine import BatchEngine

__all__ = ["check_batch", "open_batch_engine", "scope_of"]

#: Fields of a stage's spec that say how it asks, not what for.
_HOW = ("batch", "wait", "concurrency", "max_cost", "log_requests", "log_bodies")


def check_batch(model: Model, *, batch: bool, wait: bool = True) -> None:
    """Raises BadInput when this model cannot be asked in batches, or ``wait`` is false without them."""
    if not batch and not wait:
        raise BadInput("only batches can be left to be answered later", field="wait", hint="add --batch")
    if batch and model.engine != "api":
        raise BadInput(
            f"'{model.model_id}' is no api model, and only endpoints have a Batch API",
            field="batch",
            hint="leave out --batch",
        )


def open_batch_engine(
    model: Model, progress: Progress | None = None, *, wait: bool = True, job_id: str | None = None, scope: str = ""
) -> BatchEngine:
    """An engine that asks this model in batches. Nothing is sent before it is first used.

    ``progress`` is told how batches fare, and asked whether to stop waiting. Without ``wait`` what is ready is
    collected, what is new submitted, and nothing waited for. ``scope`` names what is being done, the same at every run
    of the same command (``scope_of``); ``job_id`` is kept with the batches.

    Raises:
        BadInput: the model's settings are wrong, or it is no api model.
        EngineError: a key's variable is not set.
    """
    from workbench.engines.batch.engine import BatchEngine

    validate_model(model)
    check_batch(model, batch=True)
    return BatchEngine(model, progress, wait=wait, job_id=job_id, scope=scope)


def scope_of(kind: str, spec: Any, *more: str) -> str:
    """A name for what a stage's spec asks for, whatever it says about how."""
    values: Mapping[str, Any] = dataclasses.asdict(spec)
    return stable_id("scope", kind, {name: value for name, value in values.items() if name not in _HOW}, *more)[:16]
