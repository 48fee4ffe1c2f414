"""Keeping a board in the table ``ratings``, where ad-hoc SQL and the view leaderboard_elo read it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from workbench.rate.board import Leaderboard
from workbench.records import utcnow

if TYPE_CHECKING:
    from workbench.store import Store

KEPT = (
    "model", "rating", "lower", "upper", "rank_lower", "rank_upper", "n", "wins", "losses", "ties", "component",
)  # fmt: skip


def can_keep(board: Leaderboard) -> bool:
    """Whether the table has a place for it: one of some models, a bench or a baseline has none."""
    scope = board.scope
    return (
        bool(board.rows)
        and scope.bench is None
        and scope.baseline is None
        and not scope.models
        and scope.arm == "selected"
    )


def materialise(store: Store, board: Leaderboard) -> int:
    """Keep a board in place of the last of its scope. Returns rows written: none if it is empty or has no place."""
    if not can_keep(board):
        return 0
    # A prediction-powered board has two sources: whose votes, and whose verdicts.
    judge = board.shared.get("judge")
    scope = {
        "method": board.method,
        "source": f"{board.by} and {judge}" if judge and judge != board.by else board.by,
        "mode": board.mode,
        "turn": -1 if board.turn is None else board.turn,
        "category": board.category or "",
    }
    shared = {
        **scope, "interval": board.interval, "battles": board.battles, "computed_at": utcnow().isoformat()
    }  # fmt: skip
    values = [{**{name: getattr(row, name) for name in KEPT}, **shared} for row in board.rows]
    return store.write("ratings_replace", rows=json.dumps(values), **scope)
