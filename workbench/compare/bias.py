"""What the sides' verdicts hang on that should not matter: place, length, who wrote the answer; and how often they tie.

The measures are those of ``workbench bias`` (``rate.audit``, ``rate.length_preference``, ``rate.self_preference``), on
the items that all sides judged; the difference of two sides is paired by question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.agree.resampling import Resampling
from workbench.agree.votes import TIE, A, B, BoolArray, FloatArray
from workbench.compare.figures import Figure, Share, compared, share_figure
from workbench.compare.items import Items, Pairs

if TYPE_CHECKING:
    from workbench.store import Store

SECTION = "bias"
FIRST = "share of games with a winner that the answer shown first won"
LEAN = "wins by the first minus the second answer, a game, over pairs judged in both orders"
LONGER = "share of verdicts with a winner that the longer answer won"
TIES = "share of verdicts that are ties, inconsistent ones included"
OWN = "win rate of its own model (ties half) minus that by the other side, on the same comparisons"
DERIVED = "; of two answers judged by themselves, the one with the higher score wins"


def bias_figures(
    store: Store, items: Items, pairs: Pairs | None, family: Mapping[str, Sequence[str]], how: Resampling
) -> list[Figure]:
    """Every measure of every side, each followed by the differences of the sides."""
    out: list[Figure] = []
    if items.measure == "verdict":
        found = [_position(items, side) for side in range(len(items.sides))]
        if any(share.bottom.any() for share, _ in found):
            out += compared(SECTION, "first-share", items.names, [share for share, _ in found], FIRST, how)
        if any(share.bottom.any() for _, share in found):
            out += compared(SECTION, "position-lean", items.names, [share for _, share in found], LEAN, how)
    if pairs is None:
        return out
    more = DERIVED if pairs.derived else ""
    longer = [*_longer(store, pairs, len(items.names))]
    if any(share.bottom.any() for share in longer):
        out += compared(SECTION, "longer-won", items.names, longer, LONGER + more, how)
    every = pairs.by_question(np.ones(len(pairs)))
    ties = [Share(pairs.by_question(row == TIE), every) for row in pairs.verdict]
    out += compared(SECTION, "tie-rate", items.names, ties, TIES + more, how)
    return [*out, *_self_preference(items, pairs, family, how)]


def _position(items: Items, side: int) -> tuple[Share, Share]:
    """(games won by the answer shown first of those with a winner; the lean over pairs shown in both orders)."""
    n = len(items)
    first, decided, lean, paired = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for i, said in enumerate(items.said(side)):
        shown = [game for game in said.games if game.order in ("ab", "ba")]
        for game in shown:
            won = (game.verdict == "a") == (game.order == "ab")
            if game.verdict in ("a", "b"):
                first[i] += won
                decided[i] += 1
                lean[i] += (1 if won else -1) / 2
        if len(shown) == 2:
            paired[i] = 1
        else:
            lean[i] = 0.0
    return (
        Share(items.by_question(first), items.by_question(decided)),
        Share(items.by_question(lean), items.by_question(paired), -1.0, 1.0),
    )


def _longer(store: Store, pairs: Pairs, sides: int) -> Iterator[Share]:
    """Per side: verdicts for the longer answer, of those with a winner between answers of different length."""
    ids = sorted({answer for key in pairs.keys for answer in (key.answer_a, key.answer_b) if answer})
    chars = {(row["response_id"], row["turn"]): row["chars"] for row in store.query("compare_lengths", ids=ids)}
    more: FloatArray = np.array(
        [
            _less(chars.get((key.answer_a, key.turn)), chars.get((key.answer_b, key.turn)))
            for key in pairs.keys
        ],
        dtype=np.float64,
    )  # fmt: skip
    for side in range(sides):
        verdict = pairs.verdict[side]
        known: BoolArray = (verdict != TIE) & (more != 0)
        won = known & ((verdict == A) == (more > 0))
        yield Share(pairs.by_question(won), pairs.by_question(known))


def _less(one: int | None, two: int | None) -> int:
    """How much longer the first is; 0 where one is not known."""
    return 0 if one is None or two is None else one - two


def _self_preference(
    items: Items, pairs: Pairs, family: Mapping[str, Sequence[str]], how: Resampling
) -> Iterator[Figure]:
    """Of judges that are contestants: how often their own model wins by themselves less by each other side."""
    for i, side in enumerate(items.sides):
        own = {side.side.judge, *family.get(side.side.judge, ())}
        # 1: a is its own, −1: b is; comparisons within the family are left out.
        mine = np.array([(key.model_a in own) - (key.model_b in own) for key in pairs.keys], dtype=np.float64)
        if not mine.any():
            continue
        for j in range(len(items.sides)):
            if j == i or items.sides[j].side.judge == side.side.judge:
                continue
            gained = mine * (_won(pairs, i) - _won(pairs, j))
            share = Share(pairs.by_question(gained), pairs.by_question(mine != 0), -1.0, 1.0)
            found = share_figure(SECTION, "self-preference", items.names[i], share, OWN, how)
            yield Figure(
                SECTION, "self-preference", items.names[i], items.names[j], found.value, found.lower, found.upper,
                found.n, found.questions, OWN, found.interval, note=found.note,
            )  # fmt: skip


def _won(pairs: Pairs, side: int) -> FloatArray:
    """The share of each comparison that a won."""
    verdict = pairs.verdict[side]
    found: FloatArray = np.where(verdict == A, 1.0, np.where(verdict == B, 0.0, 0.5))
    return found
