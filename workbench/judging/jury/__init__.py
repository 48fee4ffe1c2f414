"""Juries: several judges whose verdicts make one (docs/juries.md). See ``stage`` for how they are asked."""

from workbench.judging.jury.stage import estimate_jury, judge_by_jury

__all__ = ["estimate_jury", "judge_by_jury"]
