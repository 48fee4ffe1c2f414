"""Which models of a run can answer at the same time: those that vLLM serves, each on GPUs of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from workbench.engines.vllm_settings import gpus_needed
from workbench.records import Model

#: Whether those who wait for a GPU under another model of the same run will get it: each ends by itself.
waits_for_siblings: ContextVar[bool] = ContextVar("waits_for_siblings", default=False)


@dataclass(frozen=True, slots=True)
class Beside:
    """``models`` may be asked side by side, ``at_once`` at a time (0: none of them)."""

    models: tuple[Model, ...] = ()
    at_once: int = 0


def side_by_side(models: Sequence[Model]) -> Beside:
    """The models of engine ``vllm-server``, if there are GPUs for two of them at once. Asks the driver only then.

    Raises:
        EngineError: there is a driver that does not answer.
    """
    served = tuple(m for m in models if m.engine == "vllm-server" and m.params.get("gpus") != "cpu")
    if len(served) < 2:
        return Beside()
    from workbench.engines.gpus import list_gpus, visible

    gpus = len(visible(list_gpus()))
    at_once = min(len(served), gpus // max(gpus_needed(m.params) for m in served))
    return Beside(served, at_once) if at_once > 1 else Beside()


@contextmanager
def patience() -> Iterator[None]:
    """Inside, a model whose GPU is under another one of this run waits for it."""
    token = waits_for_siblings.set(True)
    try:
        yield
    finally:
        waits_for_siblings.reset(token)
