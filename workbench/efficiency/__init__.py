"""Sample efficiency, shown: how soon each way of choosing what to label finds the ranking that all votes give.

A replay over votes that are in a store already: ``pool`` reads them, ``replay`` says which items each strategy would
have labelled, ``rating`` and ``measures`` rate the chosen votes and compare, ``curves`` and ``summary`` make the curves
with their intervals, ``study`` is the whole.
"""

from __future__ import annotations

from workbench.efficiency.spec import MEASURES, METHODS, REFERENCES, STRATEGIES, EfficiencySpec
from workbench.efficiency.study import Efficiency, efficiency
from workbench.efficiency.summary import Difference, Point

__all__ = [
    "MEASURES",
    "METHODS",
    "REFERENCES",
    "STRATEGIES",
    "Difference",
    "Efficiency",
    "EfficiencySpec",
    "Point",
    "efficiency",
]
