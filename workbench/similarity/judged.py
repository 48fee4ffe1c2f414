"""Metric ``judge``: a judge rates how alike two answers are, 0 to 1 (MAD's third similarity, formats-and-rules §2).

It is the judging protocol ``similarity`` under another name, so its verdicts, costs and explanations are judgments, and
either command goes on with the other's work. The metric of the rows is the judge's name. What cannot be read is an
``unparsed`` judgment: it sorts last by having no similarity, and MAD-Eval's own files, when exported, hold 2.0 for it.
"""

from __future__ import annotations

import dataclasses

from workbench.judging import JudgeSpec, estimate_judge, judge
from workbench.progress import Estimate, Progress, StageReport
from workbench.similarity.spec import SimilaritySpec
from workbench.store import Store

PROTOCOL = "similarity"


def judge_similarity(store: Store, spec: SimilaritySpec, progress: Progress, job_id: str | None) -> StageReport:
    """Have the judge rate every two answers it has not rated. Raises as ``judging.judge``."""
    report = judge(store, _judging(spec), progress, job_id)
    return dataclasses.replace(report, stage="similarity")


def estimate_judged(store: Store, spec: SimilaritySpec) -> Estimate:
    return dataclasses.replace(estimate_judge(store, _judging(spec)), stage="similarity")


def _judging(spec: SimilaritySpec) -> JudgeSpec:
    return JudgeSpec(
        judge=spec.encoder, protocol=PROTOCOL, models=spec.models, bench=spec.bench, limit=spec.limit,
        concurrency=spec.concurrency, max_cost=spec.max_cost, log_requests=spec.log_requests,
        log_bodies=spec.log_bodies,
    )  # fmt: skip
