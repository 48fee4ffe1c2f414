"""Judging stored answers by a model: see ``judge`` for the stage and ``protocols`` for what is asked."""

from workbench.judging.judge import JudgeSpec, estimate_judge, judge

__all__ = ["JudgeSpec", "estimate_judge", "judge"]
