"""Cascades: who is asked next, what is settled, and the queue of what is left for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.engines.juries import Jury
from workbench.judging.jury.votes import Heard, Vote
from workbench.records import Row, stable_id, utcnow
from workbench.store import Store

METHOD = "escalation"


@dataclass(frozen=True, slots=True)
class Settled:
    """How far a jury is with one case. ``asked``: what each member that was needed said, in order; ``reasons``: why the
    last of them did not settle it; ``pending``: the next one's judgments are still missing."""

    asked: tuple[Heard, ...]
    reasons: tuple[str, ...] = ()
    pending: bool = False


def settle(jury: Jury, heard: Sequence[Heard]) -> Settled:
    """Who of the members heard (in their order) had to be asked. Without a cascade all of them."""
    asked: list[Heard] = []
    reasons: tuple[str, ...] = ()
    for one in heard:
        if one.votes is None:
            return Settled(tuple(asked), reasons, pending=True)
        asked.append(one)
        if not jury.cascade:
            continue
        found = {reason for vote in one.votes for reason in reasons_of(jury, vote)}
        reasons = tuple(reason for reason in jury.escalate_on if reason in found)
        if not reasons:
            break
    return Settled(tuple(asked), reasons)


def reasons_of(jury: Jury, vote: Vote) -> list[str]:
    """Why a member's vote does not settle the matter; of those that the jury goes by."""
    found = []
    if not vote.readable:
        found.append("unparsed")
    elif vote.inconsistent:
        found.append("disagreement")
    elif vote.verdict == "tie":
        found.append("tie")
    if vote.confidence is not None and vote.confidence < jury.confidence:
        found.append("low-confidence")
    return [reason for reason in found if reason in jury.escalate_on]


def queue_name(jury: Jury) -> str:
    return f"{jury.name}-human"


def queue(store: Store, jury: Jury, version: str, mode: str) -> int:
    """Put the pairs that the jury left undecided into a selection, for people to vote on. Returns how many there are.

    A selection is never changed: when other pairs are undecided than last time, there is a new one of the same name,
    and the newest is the one that a name means. Where nothing is undecided none is made.
    """
    found = store.query("jury_undecided", judge=jury.name, judge_version=version, mode=mode)
    if not found:
        return 0
    name = queue_name(jury)
    items = [(row["question_id"], row["response_a"], row["response_b"]) for row in found]
    last = store.query("jury_queue", selection=name)
    if {(row["question_id"], row["response_a"], row["response_b"]) for row in last} == set(items):
        return len(items)
    number = last[0]["selections"] if last else 0
    selection_id = stable_id("selection", METHOD, name, version, mode, number, sorted(items))
    ranks: dict[tuple[str, str], int] = {}
    now = utcnow()
    rows: list[Row] = []
    for row in found:
        pair = (row["model_a"], row["model_b"])
        ranks[pair] = ranks.get(pair, 0) + 1
        rows.append(
            {
                "selection_id": selection_id, "name": name, "method": METHOD, "mode": mode, "metric": None,
                "metric_version": version, "diversity": 0.0, "k": len(items), "arm": "selected",
                "model_a": row["model_a"], "model_b": row["model_b"], "rank": ranks[pair],
                "question_id": row["question_id"], "response_a": row["response_a"], "response_b": row["response_b"],
                "score": row["confidence"] or 0.0, "similarity": None, "created_at": now,
            }
        )  # fmt: skip
    store.insert("selections", rows)
    return len(items)
