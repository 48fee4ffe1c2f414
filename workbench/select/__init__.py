"""Selection of the items that are worth a person's time: MAD competition, or what to label next."""

from __future__ import annotations

from workbench.select.greedy import Pick, Rooms, pick_least_similar
from workbench.select.pool import Candidates
from workbench.select.rows import draw_control
from workbench.select.spec import GOALS, METHODS, SelectSpec
from workbench.select.stage import estimate_select, select

__all__ = [
    "GOALS",
    "METHODS",
    "Candidates",
    "Pick",
    "Rooms",
    "SelectSpec",
    "draw_control",
    "estimate_select",
    "pick_least_similar",
    "select",
]
