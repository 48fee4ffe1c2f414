"""What a study of sample efficiency is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from workbench.errors import BadInput, Unknown

#: Ways to choose the items to label. ``random`` is what the others are compared with.
STRATEGIES = ("mad", "random", "label-next")
#: How the chosen votes are rated.
METHODS = ("bt", "elo")
#: What the ratings are compared with (see ``curves``).
REFERENCES = ("all", "rest", "half")
#: How they are compared: two rank correlations, the share of pairs of models in the same order, and the mean absolute
#: difference of ratings in points.
MEASURES = ("spearman", "kendall", "order", "error")
HASHING = "hashing"


@dataclass(frozen=True, slots=True)
class EfficiencySpec:
    """Which votes are replayed, how items are chosen, and how the result is measured.

    ``by``: human, author, all, or a judge's or annotator's name (default: human if people voted, else all).
    ``strategies``: default all that can be played. ``metric``: a stored similarity, or ``hashing`` to compare the
    answers' wording now (default: the stored one that covers most items, else hashing). ``diversity``: λ of MAD.
    ``items``: budgets, items a pair of models (default: from 1 to all). ``draws``: random draws, replays and splits;
    ``rounds``: of the bootstrap, 0 for none. ``target``: the correlation that the remarks ask the budget for.
    """

    by: str | None = None
    turn: int | None = None
    category: str | None = None
    bench: str | None = None
    models: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    methods: tuple[str, ...] = METHODS
    metric: str | None = None
    diversity: float = 0.0
    items: tuple[int, ...] = field(default=())
    draws: int = 200
    rounds: int = 300
    seed: int = 42
    level: float = 0.95
    target: float = 0.95


def check_spec(spec: EfficiencySpec) -> None:
    """Raises Unknown for a word that is none of an option's, BadInput for a number out of range."""
    for words, known, kind in ((spec.strategies, STRATEGIES, "strategy"), (spec.methods, METHODS, "method")):
        for word in words:
            if word not in known:
                raise Unknown(kind, word, known)
    if not spec.methods:
        raise BadInput("names no method", field="methods", hint="methods: " + ", ".join(METHODS))
    for name, least in (("draws", 2), ("rounds", 0), ("seed", 0)):
        if getattr(spec, name) < least:
            raise BadInput(f"must be at least {least}, not {getattr(spec, name)}", field=name)
    if not 0.0 <= spec.diversity < math.inf:
        raise BadInput(f"must be 0 or more, not {spec.diversity}", field="diversity")
    for name in ("level", "target"):
        if not 0.0 < getattr(spec, name) < 1.0:
            raise BadInput(f"must lie between 0 and 1, not {getattr(spec, name)}", field=name)
    if any(k < 1 for k in spec.items):
        raise BadInput(f"budgets must be at least 1, not {min(spec.items)}", field="items")
