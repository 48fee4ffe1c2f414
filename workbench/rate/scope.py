"""Which comparisons a leaderboard is made of, and reading them from the store.

Whose they are (``by``): ``all`` is everybody together, ``human`` the annotators without a paper's authors, ``author``
those; any other name is one judge or one annotator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from workbench.errors import BadInput, Unknown
from workbench.rate.battles import Battles, IntArray
from workbench.records import Row

if TYPE_CHECKING:
    from workbench.store import Store

GROUPS = ("all", "human", "author")
MODES = ("compat", "corrected")
ARMS = ("selected", "control")
#: The name that MAD-Eval's and the Arena's files give to the people who voted.
ARENA_USER = "arena_user"


@dataclass(frozen=True, slots=True)
class Scope:
    """What is rated, by whose verdicts.

    ``mode``: ``compat`` or ``corrected`` leaves out judges' verdicts that were read by the other rules; ``None`` takes
    the verdict that stands. ``models``: only battles between these (in ``compat``, as FastChat's ``--model-list`` does,
    only the model that the file names first is looked at). ``baseline``: only battles in which it takes part.
    ``category`` ``none``: questions without one. ``arm``: ``selected`` leaves out people's votes on items of a control
    arm (``select --control``), ``control`` takes no others: the two are samples of different items, never pooled.
    """

    by: str = "all"
    turn: int | None = None
    category: str | None = None
    bench: str | None = None
    mode: str | None = None
    models: tuple[str, ...] = ()
    baseline: str | None = None
    arm: str = "selected"

    def params(self) -> Row:
        """Parameters of ``queries/read/battles_*.sql``."""
        return {
            "by": self.by,
            "turn": self.turn,
            "category": self.category,
            "bench": self.bench,
            "mode": self.mode,
            "models": list(self.models) or None,
            "one_sided": self.mode == "compat",
            "baseline": self.baseline,
            "arm": self.arm,
        }

    def words(self) -> str:
        """What narrows it, for a title: ``, turn 1, category math``. Empty when nothing does."""
        parts = [
            ("turn", self.turn), ("category", self.category), ("bench", self.bench), ("against", self.baseline),
            ("models", ", ".join(self.models) or None), ("arm", "control" if self.arm == "control" else None),
        ]  # fmt: skip
        return "".join(f", {name} {value}" for name, value in parts if value is not None)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The battles of a scope and what goes with their numbers.

    ``left_out``: comparisons that are no battles, by state (see ``queries/read/battles_left_out.sql``). ``authors``:
    authors' votes that ``by="human"`` leaves out. ``inconsistent``: battles of judges whose two games disagreed (they
    count as ties). ``modes``: readings of the verdict rules among the judges' battles.
    """

    battles: Battles
    left_out: dict[str, int] = field(default_factory=dict)
    authors: int = 0
    inconsistent: int = 0
    modes: tuple[str, ...] = ()


def read_battles(store: Store, scope: Scope, *, ordered: bool) -> Evidence:
    """The battles of a scope; in the order they were decided if ``ordered``, else grouped by question (much faster).

    Time is linear in the battles; at a million, ordered ones take about a second and others a quarter of one.
    """
    params = scope.params()
    if ordered:
        found = store.query("battles_packed", **params)[0]
        battles = Battles.unpack(found["models"] or (), found["battles"] or ())
    else:
        found = store.query("battles_counted", **params)[0]
        battles = unpack_counted(found)
    left_out, authors = read_left_out(store, scope)
    return Evidence(battles, left_out, authors, found["inconsistent"], tuple(found["modes"] or ()))


def read_left_out(store: Store, scope: Scope) -> tuple[dict[str, int], int]:
    """(comparisons of a scope that are no battles, by state; authors' votes among those of people)."""
    left_out = {row["state"]: row["n"] for row in store.query("battles_left_out", **scope.params())}
    authors = left_out.pop("author", 0)
    return left_out, authors


def unpack_counted(found: Row) -> Battles:
    """Battles from the row of ``queries/read/battles_counted.sql``. Questions with one battle come last."""
    models = found["models"] or ()
    cells = 3 * len(models) ** 2

    def column(name: str) -> IntArray:
        return np.array(found[name] or (), dtype=np.int64)

    packed = np.sort(column("several"))
    several, times = np.divmod(packed, found["base"] or 1)
    several, single = np.repeat(several, times), np.repeat(column("single"), column("single_n"))
    first = int(several[-1] // cells) + 1 if len(several) else 0
    # Questions with one battle are numbered on from the others, each by itself.
    single += (first + np.arange(len(single), dtype=np.int64)) * cells
    return Battles.unpack(models, cast("Sequence[int]", np.concatenate([several, single])))


def raters(store: Store) -> dict[str, str]:
    """Name → kind (judge, human or author) of everybody who voted or judged."""
    return {row["name"]: row["kind"] for row in store.query("battles_raters")}


def check_scope(store: Store, scope: Scope) -> None:
    """Raises Unknown for a name the store does not have, and BadInput for a mode or turn that cannot be."""
    if scope.mode is not None and scope.mode not in MODES:
        raise Unknown("mode", scope.mode, MODES)
    if scope.arm not in ARMS:
        raise Unknown("arm", scope.arm, ARMS)
    if scope.turn is not None and scope.turn < 0:
        raise BadInput(f"must be 0 (whole conversation) or more, not {scope.turn}", field="turn")
    if scope.by not in GROUPS:
        known = raters(store)
        if scope.by not in known:
            raise Unknown("judge or annotator", scope.by, [*GROUPS, *known])
    given = {"category": (scope.category,), "bench": (scope.bench,), "model": (*scope.models, scope.baseline)}
    wanted = [(what, name) for what, names in given.items() for name in names if name is not None]
    if wanted:
        known_names = names_known(store)
        for what, name in wanted:
            if name not in known_names.get(what, ()):
                raise Unknown(what, name, known_names.get(what, ()))


def names_known(store: Store) -> dict[str, list[str]]:
    """bench, category, model, grader → names in order."""
    out: dict[str, list[str]] = {}
    for row in store.query("battles_known"):
        out.setdefault(row["what"], []).append(row["name"])
    return out


def mode_of(modes: Iterable[str], asked: str | None) -> str:
    """Which reading of the published rules a result is: that of its judges' verdicts, else the one asked for."""
    found = set(modes)
    if len(found) > 1:
        return "mixed"
    return found.pop() if found else asked or "corrected"
