"""What a jury did and cost: by member, and what a cascade saved against asking the strongest judge about everything."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from workbench.engines.juries import Jury
from workbench.judging.jury.escalation import Settled
from workbench.judging.jury.votes import Spent
from workbench.progress import StageReport
from workbench.text import plural

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class MemberReport:
    """One member's part in all that the jury was asked to judge, in this run and before.

    An item is what one verdict (of a group: one request) is about, both orders and all samples together. ``asked`` =
    ``decided`` (its vote was read, and in a cascade stands) + ``escalated`` (cascade: passed on to the next, the last
    one's to people) + ``failed`` (no vote could be read). ``left``: needed, and not asked yet. Tokens and cost (US
    dollars; ``None``: no price is known) are of every attempt on the items asked.
    """

    judge: str
    asked: int
    decided: int
    escalated: int | None
    failed: int
    left: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


@dataclass(frozen=True, slots=True)
class Saving:
    """What a cascade saved: an estimate, in US dollars (``unit`` usd), or where a price is unknown or 0 in tokens: of
    the strongest judge alone, because another's tokens are worth something else (``others`` says how many those were).

    ``all_strong``: what ``strongest`` would have cost on all ``items`` settled: what it did cost on the ``n`` it was
    asked about, and their mean for the rest. ``saved`` = ``all_strong`` − ``spent`` on these items (usd: by all
    members; tokens: by the strongest). The interval is for drawing the n items at random from all (Student's t;
    variance s²·N·(N − n)/n: Cochran, Sampling Techniques, 1977, ch. 2); escalated items are not drawn at random, and
    may be longer than others.
    """

    strongest: str
    unit: str
    items: int
    n: int
    all_strong: float
    spent: float
    saved: float
    lower: float | None
    upper: float | None
    interval: str | None
    others: float | None = None


@dataclass(frozen=True, slots=True)
class JuryReport(StageReport):
    """A stage's report with what its members did. ``undecided``: items that the last member left open (cascade);
    ``queue``: the selection of the pairs among all that the jury left open so far, ``queued`` how many."""

    jury: str = ""
    rule: str = ""
    members: tuple[MemberReport, ...] = ()
    undecided: int | None = None
    queue: str | None = None
    queued: int = 0
    saving: Saving | None = None


@dataclass(slots=True)
class Count:
    """Counts over the cases of one run."""

    jury: Jury
    asked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    escalated: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    spent: dict[str, Spent] = field(default_factory=dict)
    last: list[Spent] = field(default_factory=list)
    settled: Spent = field(default_factory=Spent)
    items: int = 0
    undecided: int = 0

    def add(self, settled: Settled) -> None:
        members = self.jury.members
        for i, one in enumerate(settled.asked):
            name = members[i]
            self.asked[name] += 1
            self.spent[name] = self.spent.get(name, Spent()) + one.spent
            passed = self.jury.cascade and (i + 1 < len(settled.asked) or bool(settled.reasons))
            if passed:
                self.escalated[name] += 1
            elif not all(vote.readable for vote in one.votes or ()):
                self.failed[name] += 1
        if settled.pending:
            self.left[members[len(settled.asked)]] += 1
            return
        self.items += 1
        self.settled = sum((one.spent for one in settled.asked), self.settled)
        self.undecided += bool(settled.reasons)
        if len(settled.asked) == len(members):
            self.last.append(settled.asked[-1].spent)

    def members(self) -> tuple[MemberReport, ...]:
        found = []
        for name in self.jury.members:
            spent = self.spent.get(name, Spent())
            asked, failed, escalated = self.asked[name], self.failed[name], self.escalated[name]
            found.append(
                MemberReport(
                    name, asked, asked - failed - escalated, escalated if self.jury.cascade else None, failed,
                    self.left[name], spent.prompt_tokens, spent.completion_tokens,
                    None if spent.unpriced else spent.cost,
                )
            )  # fmt: skip
        return tuple(found)

    def saving(self) -> Saving | None:
        """``None`` for a jury that is no cascade, and while the last member was asked about nothing."""
        if not self.jury.cascade or not self.last:
            return None
        strongest = self.jury.members[-1]
        if self.settled.cost and not self.settled.unpriced:
            return saving(strongest, "usd", [one.cost for one in self.last], self.items, self.settled.cost)
        each = [float(one.tokens) for one in self.last]
        found = saving(strongest, "tokens", each, self.items, math.fsum(each))
        return replace(found, others=self.settled.tokens - found.spent)


def saving(strongest: str, unit: str, each: Sequence[float], items: int, spent: float) -> Saving:
    """``each``: what the strongest judge cost on every item it was asked about, at least one, of ``items``."""
    n = len(each)
    mean = math.fsum(each) / n
    lower = upper = interval = None
    total = mean * items
    if 2 <= n < items:
        from scipy.special import stdtrit

        variance = math.fsum((value - mean) ** 2 for value in each) / (n - 1)
        half = float(stdtrit(n - 1, 0.5 + LEVEL / 2)) * math.sqrt(variance * items * (items - n) / n)
        lower, upper = total - half - spent, total + half - spent
        interval = "95 %, Student's t, as if the items were drawn at random"
    return Saving(strongest, unit, items, n, total, spent, total - spent, lower, upper, interval)


# -- for people ------------------------------------------------------------------------------------


def lines(report: JuryReport) -> list[str]:
    """What is worth saying of a jury, a line each."""
    found = [_member(member) for member in report.members]
    if report.saving is not None:
        found.append(_saving(report.saving))
    elif report.rule == "cascade":
        found.append(f"cost saved: cannot be estimated, {report.members[-1].judge} was asked about nothing")
    if report.undecided:
        found.append(f"{plural(report.undecided, 'item')} left undecided by all")
    if report.queue is not None:
        found.append(f"{plural(report.queued, 'pair')} for people: workbench annotate --selection {report.queue}")
    return found


def _member(member: MemberReport) -> str:
    parts = [f"{member.asked:,} asked", f"{member.decided:,} decided"]
    if member.escalated is not None:
        parts.append(f"{member.escalated:,} escalated")
    parts.append(f"{member.failed:,} failed")
    if member.left:
        parts.append(f"{member.left:,} left")
    parts.append(f"{member.prompt_tokens + member.completion_tokens:,} tokens")
    parts.append("no price known" if member.cost is None else f"${member.cost:.4f}")
    return f"{member.judge}: {', '.join(parts)}"


def _saving(found: Saving) -> str:
    def shown(value: float) -> str:
        sign = "-" if value < 0 else ""
        return f"{sign}${abs(value):,.4f}" if found.unit == "usd" else f"{value:,.0f} tokens"

    between = ""
    if found.lower is not None and found.upper is not None:
        between = f"; {shown(found.lower)} to {shown(found.upper)} at 95 %, as if these were a random sample"
    others = "" if found.others is None else f"; {found.others:,.0f} tokens by the members before it"
    whose = "" if found.others is None else f" of {found.strongest}"
    return (
        f"cost saved: {shown(found.saved)}{whose} (an estimate: {found.strongest} on all {found.items:,} items "
        f"{shown(found.all_strong)}, from the n = {found.n:,} it judged, less {shown(found.spent)} spent"
        f"{others}{between})"
    )
