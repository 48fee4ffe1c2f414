"""Ratings from decided comparisons: Elo, Bradley–Terry, their intervals, and the leaderboard made of them.

Everything but ``leaderboard`` works on arrays alone and needs no store. This package imports numpy, so it is itself
imported only where a rating is asked for.
"""

from __future__ import annotations

from workbench.rate.battles import Battles, Ratings
from workbench.rate.bootstrap import bt_interval
from workbench.rate.bradley_terry import fit_bradley_terry
from workbench.rate.elo import bootstrap_elo, online_elo, permutation_elo
from workbench.rate.leaderboard import Leaderboard, LeaderboardRow, leaderboard, materialise

__all__ = [
    "Battles",
    "Leaderboard",
    "LeaderboardRow",
    "Ratings",
    "bootstrap_elo",
    "bt_interval",
    "fit_bradley_terry",
    "leaderboard",
    "materialise",
    "online_elo",
    "permutation_elo",
]
