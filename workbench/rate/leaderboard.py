"""The leaderboard: what of a store is rated, by which method, and what was left out.

``leaderboards`` makes any of them; ``leaderboard`` is for a single table. Battles and grades are read by ``scope`` and
``grades``, the methods are in ``methods``, what comes out is a ``board.Leaderboard``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput
from workbench.rate.battles import Battles, Ratings, Tally, tally
from workbench.rate.board import (
    Leaderboard,
    LeaderboardRow,
    empty_message,
    groups_message,
    optional,
    ranked,
)
from workbench.rate.bootstrap import LEVEL, ROUNDS, SEED
from workbench.rate.grade_board import grade_boards
from workbench.rate.keeping import materialise
from workbench.rate.methods import METHODS, TITLES, Rated, Settings, checked_method, checked_settings, elo_settings
from workbench.rate.other_boards import OTHER_BOARDS, Extra
from workbench.rate.ranks import rank_bounds
from workbench.rate.scope import ARENA_USER, Evidence, Scope, check_scope, mode_of, names_known, raters, read_battles

if TYPE_CHECKING:
    from workbench.store import Store

__all__ = ["METHODS", "Leaderboard", "LeaderboardRow", "checked_method", "leaderboard", "leaderboards", "materialise"]


def leaderboard(
    store: Store,
    *,
    method: str = "bt",
    by: str | None = None,
    level: float = LEVEL,
    rounds: int = ROUNDS,
    seed: int = SEED,
    turn: int | None = None,
    category: str | None = None,
    **options: Any,
) -> Leaderboard:
    """One board; see ``leaderboards`` for the options. Where several judges graded, ``by`` must name one.

    Raises:
        Unknown: no such method, or a name that the store does not have.
        BadInput: an option out of range, one that the method does not take, or several judges to choose from.
    """
    found = leaderboards(
        store, method=method, by=by, level=level, rounds=rounds, seed=seed, turn=turn, category=category, **options
    )
    if len(found) > 1:
        names = [board.by for board in found]
        raise BadInput("several judges are in this: name one with --by", hint="judges: " + ", ".join(names))
    return found[0]


def leaderboards(
    store: Store,
    *,
    method: str = "bt",
    by: str | None = None,
    level: float = LEVEL,
    rounds: int = ROUNDS,
    seed: int = SEED,
    turn: int | None = None,
    category: str | None = None,
    bench: str | None = None,
    mode: str | None = None,
    models: Sequence[str] = (),
    baseline: str | None = None,
    interval: str | None = None,
    order: str | None = None,
    k: float | None = None,
    scale: float | None = None,
    start: float | None = None,
    per_category: bool = False,
    judge: str | None = None,
    labels: str = "all",
    arm: str = "selected",
) -> list[Leaderboard]:
    """Rate the models of a store: one board, or one a judge, or with ``per_category`` one for all and one a category.

    ``method`` is a name of ``METHODS`` or an alias. ``by``, ``turn``, ``category``, ``bench``, ``mode``, ``models``,
    ``baseline`` and ``arm`` as in ``Scope``; without ``by`` it is everybody (``default_sources`` has the exceptions).
    ``interval``, ``level``, ``rounds``, ``seed`` and ``order`` as in ``Settings``; one seed gives the same numbers.
    ``k``, ``scale`` and ``start`` are Elo's (4, 400 and 1000).
    ``judge`` and ``labels`` are for the prediction-powered methods (``other_boards.Extra``).

    Raises:
        Unknown: no such method, or a name that the store does not have.
        BadInput: an option out of range, or one that the method does not take.
    """
    method = checked_method(method)
    settings = checked_settings(
        method, Settings(interval, level, rounds, seed, order, elo_settings(k=k, scale=scale, start=start))
    )
    if baseline is not None and method not in BASELINE:
        raise BadInput(f"'{method}' has no baseline", field="baseline", hint="methods: " + ", ".join(BASELINE))
    if arm == "control" and (method in OTHER_BOARDS or method == "mt-bench"):
        raise BadInput(f"'{method}' has no control arm", field="arm", hint="rate it with bt, elo or win-rate")
    scope = Scope(by or "all", turn, category, bench, mode, tuple(models), baseline, arm)
    check_scope(store, scope)
    sources = (scope.by,) if by is not None else default_sources(store, method, scope)
    out: list[Leaderboard] = []
    for source in sources:
        one = replace(scope, by=source)
        for narrowed in (one, *categories(store, one)) if per_category else (one,):
            if method == "mt-bench":
                out += grade_boards(store, narrowed, settings)
            elif method in OTHER_BOARDS:
                out.append(OTHER_BOARDS[method](store, narrowed, settings, Extra(judge, labels)))
            else:
                out.append(battle_board(store, method, narrowed, settings))
    # A category that nobody was compared on is no table of its own.
    return [board for board in out if board.rows or board.category == category] or out[:1]


#: Methods that rate against one model.
BASELINE = ("win-rate", "lc-win-rate", "ppi-win-rate")


def default_sources(store: Store, method: str, scope: Scope) -> tuple[str, ...]:
    """Whose verdicts count when nobody is named: ``all``, but where a published figure is asked for (``compat``) what
    the published tool reads.

    MAD-Eval rates the votes of its annotation file, whose annotators it calls arena_user: these, else all people, if
    any voted. FastChat shows one judge's file at a time: one board a judge, if there are judges. Prediction-powered
    methods take people's votes as the labels.
    """
    if method.startswith("ppi-"):
        return ("human",)
    if scope.mode != "compat" or method not in ("elo-permutation", "win-rate"):
        return ("all",)
    known = raters(store)
    if method == "win-rate":
        judges = [row["name"] for row in store.query("ui_raters") if known.get(row["name"]) == "judge"]
        return tuple(judges) or ("all",)
    if known.get(ARENA_USER) == "human":
        return (ARENA_USER,)
    return ("human",) if "human" in known.values() else ("all",)


def categories(store: Store, scope: Scope) -> list[Scope]:
    """The scope narrowed to each category, in name order. Raises BadInput if it is narrowed to one already."""
    if scope.category is not None:
        raise BadInput("one category, or a table per category: not both", field="category")
    return [replace(scope, category=name) for name in names_known(store).get("category", ())]


def battle_board(store: Store, method: str, scope: Scope, settings: Settings) -> Leaderboard:
    """A board of a method that rates battles."""
    how = METHODS[method]
    assert how.rate is not None
    evidence = read_battles(store, scope, ordered=how.elo)
    if not len(evidence.battles):
        return empty_board(method, scope, evidence)
    rated = how.rate(evidence.battles, settings, scope)
    ratings = rated.ratings
    if settings.interval == "none":
        ratings = replace(ratings, lower=None, upper=None, interval=None, level=None, draws=None, covariance=None)
    return Leaderboard(
        board_rows(ratings, tally(evidence.battles), evidence.battles, rated),
        method,
        TITLES[method],
        scope,
        mode_of(evidence.modes, scope.mode),
        len(evidence.battles),
        evidence.battles.questions,
        components=ratings.components,
        interval=ratings.interval,
        level=ratings.level,
        rounds=ratings.rounds,
        seed=ratings.seed,
        left_out=evidence.left_out,
        inconsistent=evidence.inconsistent,
        authors=evidence.authors,
        regularised_rounds=ratings.regularised_rounds,
        message=message(ratings, settings),
        notes=rated.notes,
        scale=how.scale,
        shared=rated.shared,
    )


def empty_board(method: str, scope: Scope, evidence: Evidence) -> Leaderboard:
    """What there is to say of a scope without battles: why."""
    return Leaderboard(
        [], method, TITLES[method], scope, mode_of(evidence.modes, scope.mode), 0, 0, left_out=evidence.left_out,
        authors=evidence.authors, scale=METHODS[method].scale, message=empty_message(evidence.left_out),
    )  # fmt: skip


def board_rows(ratings: Ratings, counts: Tally, battles: Battles, rated: Rated) -> list[LeaderboardRow]:
    """Best first, one component after another."""
    bounds = rank_bounds(ratings)
    lowest, highest = bounds if bounds is not None else (None, None)
    place = {model: i for i, model in enumerate(battles.models)}
    out = []
    for i, rank in ranked(ratings.rating, ratings.component):
        j = place[ratings.models[i]]
        extra = dict(rated.extra[i]) if rated.extra else {}
        out.append(
            LeaderboardRow(
                rank,
                ratings.models[i],
                extra.pop("rating", float(ratings.rating[i])),
                optional(ratings.lower, i),
                optional(ratings.upper, i),
                int(counts.n[j]),
                int(counts.wins[j]),
                int(counts.losses[j]),
                int(counts.ties[j]),
                int(ratings.component[i]),
                ratings.regularised is not None and bool(ratings.regularised[i]),
                optional(lowest, i),
                optional(highest, i),
                extra,
            )
        )
    return out


def message(ratings: Ratings, settings: Settings) -> str | None:
    """What a reader must be told besides the numbers, if anything."""
    groups = groups_message(ratings.components)
    if ratings.interval is None and settings.interval != "none":
        why = "no interval: the battles are on one question only"
        return f"{why}; {groups}" if groups else why
    return groups
