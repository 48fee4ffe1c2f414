"""The rows of a jury's verdicts: judgments whose judge is the jury."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.engines.juries import VERSION, Jury
from workbench.judging.jury.escalation import Settled
from workbench.judging.jury.rules import Combined, combine, standing
from workbench.judging.jury.votes import Seat, Vote
from workbench.judging.protocol import Protocol
from workbench.judging.spec import JudgeSpec
from workbench.records import Judgment, stable_id

#: Stands where a judgment names its template: a jury has none, its members have.
TEMPLATE = "jury"


def jury_version(jury: Jury, versions: Sequence[str]) -> str:
    """What a jury's judgments are stored under: its rule, weights, members and these versions of theirs."""
    sitting = [(m, v, str(jury.weights[m])) for m, v in zip(jury.members, versions, strict=True)]
    if not jury.cascade:
        return VERSION + stable_id(TEMPLATE, jury.rule, sorted(sitting))[:16]
    return VERSION + stable_id(TEMPLATE, jury.rule, sitting, jury.confidence, sorted(jury.escalate_on))[:16]


def judgments(
    jury: Jury, version: str, settled: Settled, spec: JudgeSpec, protocol: Protocol, job_id: str | None
) -> list[Judgment]:
    """A settled case's rows, one a place. Their ids hang on the members' judgments they were made of."""
    found = []
    for i, seat in enumerate(settled.asked[0].seats):
        votes = [one.votes[i] for one in settled.asked if one.votes is not None]
        made = standing(votes[-1]) if jury.cascade else combine(jury, votes)
        found.append(_row(jury, version, seat, votes, made, settled.reasons, spec, protocol, job_id))
    return found


def _row(
    jury: Jury, version: str, seat: Seat, votes: Sequence[Vote], made: Combined, reasons: Sequence[str],
    spec: JudgeSpec, protocol: Protocol, job_id: str | None,
) -> Judgment:  # fmt: skip
    question_id, turn, model_a, model_b, response_a, response_b, _ = seat.place
    about: dict[str, Any] = {
        "rule": jury.rule, "members": len(jury.members), "readable": sum(vote.readable for vote in votes),
        "votes": [_vote(jury, vote) for vote in votes],
    }  # fmt: skip
    if jury.cascade:
        about |= {"decided_by": votes[-1].judge, "confidence": votes[-1].confidence, "undecided": list(reasons)}
    meta: dict[str, Any] = {TEMPLATE: about}
    if seat.group is not None:
        meta |= {"group": list(seat.group), "index": seat.index}
    return Judgment(
        protocol=protocol.kind, judge=jury.name, judge_version=version, template=TEMPLATE,
        template_hash=stable_id(TEMPLATE, seat.template_hash), question_id=question_id, turn=turn,
        model_a=model_a, model_b=model_b, response_a=response_a, response_b=response_b,
        presented_order=seat.order, mode=spec.mode, state=made.state, verdict=made.verdict,
        inconsistent=votes[-1].inconsistent if jury.cascade and seat.order == "both" else None,
        score_a=made.score_a, score_b=made.score_b, probabilities=made.shares, error=made.error, job_id=job_id,
        sample_a=seat.sample_a, sample_b=seat.sample_b, meta=meta,
        import_key=stable_id("votes", *((vote.judge, vote.judgments) for vote in votes)),
    )  # fmt: skip


def _vote(jury: Jury, vote: Vote) -> dict[str, Any]:
    weight = float(jury.weights[vote.judge]) if jury.rule == "weighted" else None
    said = {
        "judge": vote.judge, "state": vote.state, "verdict": vote.verdict, "score_a": vote.score_a,
        "score_b": vote.score_b, "shares": vote.shares and dict(vote.shares), "confidence": vote.confidence,
        "inconsistent": vote.inconsistent, "weight": weight,
        "judgments": list(vote.judgments),
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}
