"""Which judges are compared, by which protocols and templates, and over which items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import BadInput

#: Names of groups of voters: a judge of such a name is told apart from them.
GROUPS = ("human", "author", "gold")


@dataclass(frozen=True, slots=True)
class CompareSpec:
    """``judges`` (two or more; one may be there twice) with a protocol, template and form of output each; ``None`` in
    ``templates`` and ``outputs`` is the protocol's own, and without ``run`` any.

    ``shared`` are the options of ``judging.JudgeSpec`` that all sides have in common, by name, ``None`` left out:
    models, bench, category, limit, turns, selection, baseline, mode, order, samples and how to run. ``run``: judgments
    that are missing are made first; else what is stored is compared. ``max_cost`` (US dollars) is for all sides
    together. ``family``: judge → models that are its own, besides one of its name. ``disagreements``: how many items
    to list; ``select``: name of the selection to put them into.
    """

    judges: tuple[str, ...]
    protocols: tuple[str, ...]
    templates: tuple[str | None, ...]
    outputs: tuple[str | None, ...]
    shared: Mapping[str, Any] = field(default_factory=dict)
    run: bool = True
    max_cost: float | None = None
    family: Mapping[str, Sequence[str]] = field(default_factory=dict)
    disagreements: int = 10
    select: str | None = None
    level: float = 0.95
    rounds: int = 1000
    seed: int = 42


@dataclass(frozen=True, slots=True)
class Side:
    """One side: ``name`` is unique among the sides and says what is special about it."""

    name: str
    judge: str
    protocol: str
    template: str | None
    output: str | None

    def values(self, shared: Mapping[str, Any]) -> dict[str, Any]:
        """What ``stages.make_spec('judge', …)`` takes."""
        own = {"judge": self.judge, "protocol": self.protocol, "template": self.template, "output": self.output}
        return {**shared, **own}


def sides_of(spec: CompareSpec) -> tuple[Side, ...]:
    """The sides in the order given.

    Raises:
        BadInput: fewer than two judges, or options that do not fit to them or to one another.
    """
    n = len(spec.judges)
    if n < 2:
        raise BadInput(
            f"two judges are needed, not {n}", hint="one judge with two templates: name it twice, with --template-b"
        )
    for name in ("protocols", "templates", "outputs"):
        if len(getattr(spec, name)) != n:
            raise BadInput(f"one for each of {n} judges is needed", field=name)
    if not 0.0 < spec.level < 1.0:
        raise BadInput(f"must lie between 0 and 1, not {spec.level}", field="level")
    for name, least in (("rounds", 1), ("disagreements", 0)):
        if getattr(spec, name) < least:
            raise BadInput(f"must be at least {least}, not {getattr(spec, name)}", field=name)
    if spec.select is not None and not spec.select.strip():
        raise BadInput("needs a name", field="select")
    if spec.select is not None and not spec.disagreements:
        raise BadInput("there is nothing to select with --disagreements 0", field="select")
    parts = list(zip(spec.judges, spec.protocols, spec.templates, spec.outputs, strict=True))
    return tuple(
        Side(name, judge, protocol, template, output)
        for name, (judge, protocol, template, output) in zip(_names(spec), parts, strict=True)
    )


def _names(spec: CompareSpec) -> list[str]:
    """Judges' names; of one that is there twice with what differs in brackets, else with its place."""
    names = [f"judge {judge}" if judge in GROUPS else judge for judge in spec.judges]
    twice = {name for name, n in Counter(names).items() if n > 1}
    columns = (
        ("protocol", spec.protocols, ""), ("template", spec.templates, "own template"),
        ("output", spec.outputs, "own output"),
    )  # fmt: skip
    for i, name in enumerate(list(names)):
        if name in twice:
            same = [j for j, judge in enumerate(spec.judges) if judge == spec.judges[i]]
            told = [given[i] or default for _, given, default in columns if len({given[j] for j in same}) > 1]
            names[i] = f"{name} [{', '.join(told)}]" if told else name
    again = Counter(names)
    return [f"{name} [{i + 1}]" if again[name] > 1 else name for i, name in enumerate(names)]
