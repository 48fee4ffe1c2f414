"""Judging by a jury: each member judges what it has not, as any judge does; then their verdicts are made one.

Members are asked one after another. A cascade asks the first about everything and each next one about what the one
before it did not settle. Whatever is stored is never asked for again; what a member's missing verdicts leave open is
combined by the next run. The jury's own verdicts are judgments too, and cost nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.claims import claim
from workbench.engines.juries import Jury, jury_of
from workbench.errors import BadInput, EngineError, Incomplete
from workbench.exchange import Tally, working
from workbench.judging.items import Item
from workbench.judging.judge import Planned, ask, estimate_asking, planned
from workbench.judging.jury.escalation import Settled, queue, queue_name, settle
from workbench.judging.jury.report import Count, JuryReport, lines
from workbench.judging.jury.rows import judgments, jury_version
from workbench.judging.jury.votes import Case, Heard, case_of, heard
from workbench.judging.protocol import Protocol
from workbench.judging.spec import JudgeSpec
from workbench.models import jury_members, known_models
from workbench.progress import Estimate, Progress, StageReport
from workbench.records import Row
from workbench.scope import named_model
from workbench.store import Store
from workbench.text import plural


@dataclass(frozen=True, slots=True)
class Sitting:
    """A jury made ready: what each member would be asked, and the version that the jury's verdicts are stored under."""

    store: Store
    spec: JudgeSpec
    jury: Jury
    protocol: Protocol
    version: str

    def spec_of(self, member: str) -> JudgeSpec:
        """What a member is asked: the same. The limit on cost is the jury's as a whole."""
        return dataclasses.replace(self.spec, judge=member, max_cost=None)

    def planned(self, member: str, only: Callable[[Item], bool] | None = None) -> Planned:
        return planned(self.store, self.spec_of(member), only)

    def heard(self, member: str, cases: set[Case] | None = None) -> Iterator[dict[Case, Heard]]:
        """A member's stored votes, on these cases only if any are given."""
        return heard(self.store, member, self.spec_of(member), self.planned(member, among(cases)))


def among(cases: set[Case] | None) -> Callable[[Item], bool] | None:
    return None if cases is None else lambda item: case_of(item) in cases


def judge_by_jury(store: Store, spec: JudgeSpec, progress: Progress, job_id: str | None = None) -> JuryReport:
    """Have every member judge what it has not, and store what they say together.

    Raises:
        Unknown, BadInput: as ``judge``; or a member that cannot be one, or a protocol whose results cannot be combined.
        EngineError: a member cannot be asked at all. What others said is combined where that is enough.
        Incomplete: stopped before ``max_cost``, which is for all members together, would be passed.
    """
    sitting = _sit(store, spec)
    what = f"{sitting.protocol.kind} verdicts of '{spec.judge}' are being made"
    with claim(store, "judge", spec.judge, sitting.protocol.kind, what=what, job_id=job_id), working(store, spec):
        asked: list[StageReport] = []
        try:
            _ask(sitting, progress, job_id, asked)
        except (EngineError, Incomplete):
            for line in lines(_combine(sitting, progress, job_id, asked)):
                progress.say(line)
            raise
        return _combine(sitting, progress, job_id, asked)


def estimate_jury(store: Store, spec: JudgeSpec) -> Estimate:
    """The sum over the members. For a cascade the most it can be: as if nothing that is not judged yet were settled
    before its last member.

    Raises:
        Unknown, BadInput: as ``judge_by_jury``.
    """
    sitting = _sit(store, spec)
    jury = sitting.jury
    found: list[Estimate] = []
    cases: set[Case] | None = None
    for i, member in enumerate(jury.members):
        found.append(estimate_asking(store, sitting.spec_of(member), among(cases)))
        if jury.cascade and i + 1 < len(jury.members):
            cases = _escalated(sitting, member, cases, unknown_too=True)
    remark = f"the sum over {', '.join(jury.members)}"
    if jury.cascade:
        remark = f"at most: as if every member were asked about all that is not settled yet ({', '.join(jury.members)})"
    costs = [one.cost for one in found]
    seconds = [one.seconds for one in found]
    return Estimate(
        "judge", sum(one.items for one in found), sum(one.requests for one in found),
        sum(one.already for one in found), sum(one.prompt_tokens for one in found),
        sum(one.completion_tokens for one in found),
        None if None in costs else sum(cost or 0.0 for cost in costs), remark,
        None if None in seconds else sum(one or 0.0 for one in seconds),
    )  # fmt: skip


def _sit(store: Store, spec: JudgeSpec) -> Sitting:
    """Everything that can be wrong is said here, before anything is sent."""
    model = named_model(store, spec.judge, "judge")
    jury = jury_of(model)
    jury_members(known_models(store), model)
    # With the limit on cost: each member needs prices for it.
    plans = [planned(store, dataclasses.replace(spec, judge=member)) for member in jury.members]
    protocol = plans[0].protocol
    if protocol.kind == "critique":
        raise BadInput(
            f"{protocol.name} gives neither verdicts nor scores that a jury could combine",
            field="protocol",
            hint=f"ask its members one by one: workbench judge --judge {jury.members[0]}",
        )
    return Sitting(store, spec, jury, protocol, jury_version(jury, [one.version for one in plans]))


def _ask(sitting: Sitting, progress: Progress, job_id: str | None, reports: list[StageReport]) -> None:
    """Have the members judge; adds each one's report. Stops when cancelled."""
    jury = sitting.jury
    cases: set[Case] | None = None
    for i, member in enumerate(jury.members):
        shown = Member(progress, f"{member}, {i + 1} of {len(jury.members)}")
        reports.append(ask(sitting.store, sitting.spec_of(member), shown, job_id, among(cases)))
        if reports[-1].cancelled or progress.cancelled:
            return
        if jury.cascade and i + 1 < len(jury.members):
            cases = _escalated(sitting, member, cases)
            if not cases:
                return


def _escalated(sitting: Sitting, member: str, cases: set[Case] | None, *, unknown_too: bool = False) -> set[Case]:
    """What a member (asked about these cases) passes on by what is stored; with ``unknown_too`` also what it has yet to
    judge."""
    found = set()
    for block in sitting.heard(member, cases):
        for case, one in block.items():
            settled = settle(sitting.jury, [one])
            if settled.reasons or (unknown_too and settled.pending):
                found.add(case)
    return found


# -- making one verdict of many --------------------------------------------------------------------


@dataclass(slots=True)
class Made:
    """What became of the cases of a run: the jury's own counts, and those of its members."""

    tally: Tally
    count: Count


def _combine(sitting: Sitting, progress: Progress, job_id: str | None, asked: Sequence[StageReport]) -> JuryReport:
    """Store the jury's verdicts on all that its members have judged by now."""
    store, jury = sitting.store, sitting.jury
    made = Made(Tally("judge"), Count(jury))
    progress.start(f"verdicts of {jury.name}", None)
    # The same questions in the same blocks: members differ in nothing that decides these.
    for blocks in zip(*(sitting.heard(member) for member in jury.members), strict=True):
        settled = [settle(jury, [block[case] for block in blocks]) for case in blocks[0]]
        done = _keep(sitting, job_id, settled, made)
        progress.advance(done)
    queued = queue(store, jury, sitting.version, sitting.spec.mode) if jury.cascade else 0
    left = sum(made.count.left.values())
    tally = made.tally
    tally.total = sum(tally.states.values()) + left
    tally.prompt_tokens = sum(one.prompt_tokens for one in asked)
    tally.completion_tokens = sum(one.completion_tokens for one in asked)
    costs = [one.cost for one in asked if one.cost is not None]
    tally.cost = sum(costs) if costs else None
    report = JuryReport(
        **_fields(tally.report(cancelled=any(one.cancelled for one in asked) or progress.cancelled)),
        jury=jury.name, rule=jury.rule, members=made.count.members(),
        undecided=made.count.undecided if jury.cascade else None,
        queue=queue_name(jury) if queued else None, queued=queued, saving=made.count.saving(),
    )  # fmt: skip
    notes = [f"{jury.members[i]}: {note}" for i, one in enumerate(asked) for note in one.notes]
    if left:
        notes.append(f"{plural(left, 'item')} left: not all members that are needed have judged them")
    if jury.cascade and "low-confidence" in jury.escalate_on and _sureness_unknown(sitting.spec):
        notes.append("how sure a judge is was not asked for: add --probabilities or --samples for low-confidence")
    return dataclasses.replace(report, notes=(*notes, *lines(report)))


def _sureness_unknown(spec: JudgeSpec) -> bool:
    return not spec.probabilities and spec.samples < 2


def _keep(sitting: Sitting, job_id: str | None, settled: Sequence[Settled], made: Made) -> int:
    """Store the new verdicts of a block. Returns how many cases are new."""
    spec, protocol = sitting.spec, sitting.protocol
    ready = []
    for one in settled:
        made.count.add(one)
        if not one.pending:
            ready.append(judgments(sitting.jury, sitting.version, one, spec, protocol, job_id))
    ids = list({row.question_id for rows in ready for row in rows})
    there = {
        row["judgment_id"]
        for row in sitting.store.query("jury_there", judge=spec.judge, judge_version=sitting.version, ids=ids)
    }
    tables: dict[str, list[Row]] = {}
    new = 0
    for rows in ready:
        if all(row.judgment_id in there for row in rows):
            made.tally.already += 1
            continue
        new += 1
        made.tally.count(next((row.state for row in rows if row.state != "ok"), "ok"), None, None, None)
        for row in rows:
            for table, more in (protocol.also(row) if protocol.also else {}).items():
                tables.setdefault(table, []).extend(more)
            tables.setdefault("judgments", []).append(row.row())
    if tables:
        sitting.store.insert_many(tables)
    return new


def _fields(report: StageReport) -> dict[str, Any]:
    return {one.name: getattr(report, one.name) for one in dataclasses.fields(report)}


class Member:
    """Progress of one member's part of the work."""

    def __init__(self, shown: Progress, name: str) -> None:
        self._shown, self._name = shown, name

    @property
    def cancelled(self) -> bool:
        return self._shown.cancelled

    def start(self, label: str, total: int | None) -> None:
        self._shown.start(f"{label} ({self._name})", total)

    def advance(self, done: int = 1, *, failed: int = 0) -> None:
        self._shown.advance(done, failed=failed)

    def say(self, message: str, *, level: str = "info") -> None:
        self._shown.say(message, level=level)
