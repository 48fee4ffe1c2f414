"""Two critiques of one answer compared (Auto-J's critique evaluation, arXiv 2310.05470; formats-and-rules §3).

One request a pair of critiques: which of them is shown first is drawn by hash and seed and stored as
``presented_order``.
"""

from __future__ import annotations

from workbench.judging.items import Item
from workbench.judging.parsers import critique
from workbench.judging.protocol import Asked, Protocol, Reading

REPAIR = "A: if it finds critique A better, B: if it finds critique B better, C: if it finds them equal"


def read(text: str, asked: Asked) -> Reading | None:
    return Reading(verdict=critique.option(text, asked.mode))


def drawn(item: Item, seed: int) -> tuple[str, ...]:
    """The one order an item is shown in; another seed draws others."""
    first, second = (answer.model for answer in item.answers)
    return (critique.drawn_order(item.question_id, item.turn, first, second, seed),)


PROTOCOLS = (
    Protocol(
        name="critique-pairwise",
        kind="critique-pairwise",
        unit="critiques",
        family="critique-pairwise",
        read=read,
        about="critiques of the same answer compared, in an order drawn at random (--baseline: the reference critic)",
        outputs=("text",),
        turns=(1,),
        orders=drawn,
        repair=REPAIR,
    ),
)
