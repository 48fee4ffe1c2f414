"""Judging stored answers by a model: see ``judge`` for the stage and ``protocols`` for what is asked."""

from workbench.judging.judge import estimate_judge, judge
from workbench.judging.protocols import JudgeSpec

__all__ = ["JudgeSpec", "estimate_judge", "judge"]
