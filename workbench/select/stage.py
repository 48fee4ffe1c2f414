"""The selection stage: checks, then the method asked for."""

from __future__ import annotations

import asyncio

from workbench.claims import claim
from workbench.progress import Estimate, Progress, Silent, StageReport
from workbench.scope import answering_models, check_questions
from workbench.select.extending import Kept, extended
from workbench.select.judges import estimate_judges, select_judges
from workbench.select.label_next import estimate_label_next, select_label_next
from workbench.select.mad import estimate_mad, needs_encoder, select_mad
from workbench.select.spec import SelectSpec, check_spec
from workbench.similarity.embedding import named_embedder
from workbench.store import Store


def select(store: Store, spec: SelectSpec, progress: Progress | None = None, job_id: str | None = None) -> StageReport:
    """Pick the items and store them as a selection. The same call on the same answers (and, for label-next and
    mad-judges, votes and verdicts) gives the same selection.

    Raises:
        Unknown, BadInput: a model, bench, category, metric, version, judge, selection or encoder there is not; nothing
            was compared yet; nothing is left to pick; the name belongs to a selection made with other options.
        EngineError: the encoder cannot be used (λ > 0 needs embeddings of the instructions).
    """
    progress = progress or Silent()
    spec, models, kept = _settle(store, spec)
    with claim(store, "select", spec.shown_name, what=f"selection '{spec.shown_name}' is being made", job_id=job_id):
        if spec.method == "label-next":
            return select_label_next(store, spec, models, progress)
        if spec.method == "mad-judges":
            return asyncio.run(select_judges(store, spec, models, progress))
        return asyncio.run(select_mad(store, spec, models, kept, progress))


def estimate_select(store: Store, spec: SelectSpec) -> Estimate:
    """Items that would be selected at most, and instructions to embed for λ > 0. Raises as ``select``."""
    spec, models, kept = _settle(store, spec)
    if spec.method == "label-next":
        return estimate_label_next(store, spec, models)
    if spec.method == "mad-judges":
        return estimate_judges(store, spec, models)
    return asyncio.run(estimate_mad(store, spec, models, kept))


def _settle(store: Store, spec: SelectSpec) -> tuple[SelectSpec, tuple[str, ...], Kept]:
    """The spec with what an extended selection says, the models to pick for, and what is kept. Raises Unknown or
    BadInput for whatever is wrong with the request."""
    check_spec(spec)
    kept = Kept()
    if spec.extend:
        spec, kept = extended(store, spec)
        check_spec(spec)
    if needs_encoder(spec) and spec.method != "label-next":
        named_embedder(store, spec.embedder)
    check_questions(store, spec.bench)
    return spec, answering_models(store, spec.models, spec.bench), kept
