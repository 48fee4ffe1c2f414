"""Which of two critiques is better: the first line names exactly one of ``A:``, ``B:``, ``C:`` (formats-and-rules §3).

A the first shown, B the second, C as good as each other. Which critique is shown first is drawn by hash, per item, so
that the draw is the same whenever it is made again, and is stored with the judgment (its ``presented_order``).
"""

from __future__ import annotations

from workbench.records import stable_id
from workbench.verdict_text import option

__all__ = ["drawn_order", "exchanged", "option"]


def drawn_order(question_id: str, turn: int, first: str, second: str, seed: int = 0) -> str:
    """``ab`` or ``ba`` (the second is shown first), equally likely and always the same for the same item and seed."""
    return "ba" if int(stable_id("order", seed, question_id, turn, first, second), 16) & 1 else "ab"


def exchanged(presented_order: str) -> bool:
    """``meta.exchange`` of Auto-J's files: whether the second critic's critique came first."""
    return presented_order == "ba"
