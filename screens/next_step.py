"""What to do next, told from what the store holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Overview:
    """Rows of the store, counted. ``responses`` and ``judgments`` by state; ``votes`` are decisions that stand.

    ``answering`` models have at least one usable answer; ``open_items`` of the newest selection have no vote of
    this annotator yet.
    """

    questions: int = 0
    benches: int = 0
    models: int = 0
    answering: int = 0
    responses: Mapping[str, int] | None = None
    similarities: int = 0
    selections: int = 0
    selected: int = 0
    votes: int = 0
    annotators: int = 0
    judgments: Mapping[str, int] | None = None
    judges: int = 0
    running: int = 0
    open_items: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """``command`` is what to type in a shell; ``mode`` the destination where it can be done here, if any."""

    say: str
    command: str
    mode: str | None


def next_step(seen: Overview) -> Step:
    """The first step of import → generate → similarity → select → judge or annotate → rate that is not done."""
    answers = (seen.responses or {}).get("ok", 0)
    decided = seen.votes + (seen.judgments or {}).get("ok", 0)
    if not seen.questions:
        say = "Import questions, and answers if you have them."
        return Step(say, "workbench import PATH…    or, to look around: workbench demo", None)
    if not answers:
        return Step("Let models answer the questions.", "workbench generate --models NAME,NAME", "jobs")
    if seen.answering < 2:
        return Step(
            "One model has answered. A comparison needs a second one.", "workbench generate --models NAME", "jobs"
        )
    if not seen.similarities and not decided:
        return Step("Measure how alike the answers are, to find where models differ.", "workbench similarity", "jobs")
    if not seen.selections and not decided:
        return Step("Select the questions on which models differ most.", "workbench select --top-k 10", "select")
    if not decided:
        return Step(
            f"Annotate the {seen.selected:,} selected pairs, or let a model judge them.",
            "workbench annotate    or: workbench judge --judge NAME --selection latest",
            "annotate",
        )
    if seen.open_items:
        say = "Go on annotating" if seen.votes else "Annotate"
        return Step(f"{say}: {seen.open_items:,} pairs are left for you.", "workbench annotate", "annotate")
    return Step("See who leads.", "workbench leaderboard", "leaderboard")
