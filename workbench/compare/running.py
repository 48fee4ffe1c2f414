"""Making the judgments that are missing, each side by the ordinary stage, and what that would cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.compare.spec import CompareSpec, Side, sides_of
from workbench.errors import BadInput
from workbench.models import known_models
from workbench.progress import Estimate, Progress, StageReport
from workbench.scope import named_model
from workbench.stages import estimate_stage, make_spec
from workbench.worker import run_here

if TYPE_CHECKING:
    from workbench.judging.items import Key
    from workbench.judging.spec import JudgeSpec
    from workbench.store import Store


@dataclass(frozen=True, slots=True)
class Source:
    """A side and which of the stored judgments are its own: those of ``version`` and, as ``items.stored_key`` knows
    them, in ``keys``; ``None``: any in the scope. ``spec`` and ``report``: what was asked for now."""

    side: Side
    spec: JudgeSpec | None = None
    version: str | None = None
    keys: frozenset[Key] | None = None
    report: StageReport | None = None


def asked_specs(store: Store, spec: CompareSpec) -> list[tuple[Side, JudgeSpec | None]]:
    """Every side with what its judge is to be asked; ``None``: nothing, what is stored is compared.

    A judge that cannot be asked (its judgments were imported) is taken as stored.

    Raises:
        Unknown, BadInput: no such judge, fewer than two, or an option that is wrong.
    """
    sides = sides_of(spec)
    if not spec.run:
        return [(side, None) for side in sides]
    known = known_models(store)
    judged = {row["judge"] for row in store.query("compare_stored")}
    shared = {**spec.shared, "max_cost": spec.max_cost}
    out: list[tuple[Side, JudgeSpec | None]] = []
    for side in sides:
        askable = side.judge in known and known[side.judge].engine != "import"
        if not askable and side.judge not in judged:
            named_model(store, side.judge, "judge")  # which says what is wrong
        out.append((side, make_spec("judge", side.values(shared)) if askable else None))
    return out


def estimates(store: Store, spec: CompareSpec) -> list[Estimate]:
    """What each side would ask for, and the total of all, without sending anything. Raises as ``asked_specs`` and the
    stage."""
    if not spec.run:
        raise BadInput("without running there is nothing to estimate", hint="leave out --no-run or --dry-run")
    found: list[Estimate] = []
    seen: dict[Any, str] = {}
    for side, asked in asked_specs(store, spec):
        name = f"judge: {side.name}"
        if asked is None:
            found.append(Estimate(name, 0, 0, cost=0.0, unknown="as stored: nothing says how to ask this judge"))
        elif asked in seen:
            found.append(Estimate(name, 0, 0, cost=0.0, unknown=f"the same judgments as {seen[asked]}"))
        else:
            seen[asked] = side.name
            found.append(dataclasses.replace(estimate_stage(store, "judge", asked), stage=name))
    whole = total(found)
    if both := _in_juries(store, spec.judges):
        whole = dataclasses.replace(whole, unknown=f"at most: {both} is also in the jury, and is asked once")
    return [*found, whole]


def _in_juries(store: Store, judges: Sequence[str]) -> str:
    """Judges that are also members of a jury among them: their verdicts serve both."""
    from workbench.engines.juries import is_jury, jury_of

    known = known_models(store)
    members = {m for judge in judges if judge in known and is_jury(known[judge]) for m in jury_of(known[judge]).members}
    return ", ".join(sorted(members.intersection(judges)))


def total(found: Sequence[Estimate]) -> Estimate:
    """The sum; cost and time are not known where a part with requests has none. Sides run one after the other."""
    sent = [one for one in found if one.requests]
    costs, seconds = [one.cost for one in sent], [one.seconds for one in sent]
    return Estimate(
        "total",
        sum(one.items for one in found),
        sum(one.requests for one in found),
        sum(one.already for one in found),
        sum(one.prompt_tokens for one in found),
        sum(one.completion_tokens for one in found),
        None if None in costs else sum(cost for cost in costs if cost is not None),
        seconds=None if None in seconds else sum(one for one in seconds if one is not None),
    )


def run_sides(store: Store, spec: CompareSpec, progress: Progress) -> list[Source]:
    """Ask each judge for what is missing, each as a job of its own, and say which stored judgments are whose.

    What is wrong with a later side is said before the first is asked. ``max_cost`` is for all together.

    Raises:
        Unknown, BadInput, EngineError, Incomplete, StoreError: as ``judging.judge``.
    """
    asked = asked_specs(store, spec)
    for wanted in dict.fromkeys(found for _, found in asked if found is not None):
        estimate_stage(store, "judge", wanted)
    left = spec.max_cost
    reports: dict[Any, StageReport] = {}
    out: list[Source] = []
    for side, one in asked:
        if one is None:
            out.append(Source(side))
            continue
        report = None
        if one not in reports:
            report = reports[one] = run_here(store, "judge", dataclasses.replace(one, max_cost=left), progress)
            if left is not None:
                left = max(0.0, left - (report.cost or 0.0))
        out.append(Source(side, one, *_own(store, one), report))
    return out


def _own(store: Store, spec: JudgeSpec) -> tuple[str, frozenset[Key] | None]:
    """Under which version a stage's judgments are stored, and which they are; a jury's are known by the version."""
    from workbench.engines.juries import is_jury, jury_of
    from workbench.judging.judge import planned
    from workbench.judging.jury.rows import jury_version

    model = named_model(store, spec.judge, "judge")
    if is_jury(model):
        jury = jury_of(model)
        versions = [planned(store, dataclasses.replace(spec, judge=member)).version for member in jury.members]
        return jury_version(jury, versions), None
    found = planned(store, spec)
    blocks = found.plan.blocks(stored_too=True)
    return found.version, frozenset(key for block in blocks for item in block.items for key in item.stored_keys())
