"""Votes as arrays of codes: what judges and people said about which comparison."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInput, Unknown

if TYPE_CHECKING:
    from workbench.store import Store

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Verdicts by code; ``none`` is a vote that could not be had (skipped, unparsed, failed).
VERDICTS = ("a", "b", "tie", "none")
A, B, TIE, NONE = range(4)
#: Readings of the verdict rules by code; people's votes have the first.
MODES = ("", "compat", "corrected")
#: Groups of people: these alone agree among themselves, and come after the judges. Gold labels come last.
PEOPLE = ("human", "author")
GOLD = "gold"


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """Votes on comparisons (question, turn, two models, their answers).

    Per comparison: ``question`` indexes ``questions`` and ``turn`` is 1-based (0: the whole conversation). Per rater:
    ``groups[rater]`` is human, author, gold or the judge's name, ``raters[rater]`` the person or the judge. Per vote:
    ``item`` (comparison), ``rater``, ``verdict`` (code of ``VERDICTS``, in the models' name order), ``mode`` (code of
    ``MODES``) and ``latest`` (the last of this rater on this comparison). ``juries`` names the raters that are several
    judges together: they are nobody beside their members.
    """

    questions: tuple[str, ...]
    categories: tuple[str | None, ...]
    question: IntArray
    turn: IntArray
    groups: tuple[str, ...]
    raters: tuple[str, ...]
    item: IntArray
    rater: IntArray
    verdict: IntArray
    mode: IntArray
    latest: BoolArray
    juries: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.item)

    @property
    def items(self) -> int:
        return len(self.question)

    @property
    def turns(self) -> tuple[int, ...]:
        return tuple(int(t) for t in np.unique(self.turn))

    @classmethod
    def load(
        cls,
        store: Store,
        *,
        mode: str | None = None,
        turn: int | None = None,
        category: str | None = None,
        bench: str | None = None,
    ) -> Votes:
        """The votes of a store that count, or of judges only those read in ``mode`` (compat or corrected).

        ``category`` ``none``: questions without one.

        Raises:
            Unknown: there is no such mode, category or benchmark.
        """
        if mode is not None and mode not in MODES[1:]:
            raise Unknown("mode", mode, MODES[1:])
        known_place(store, category=category, bench=bench)
        row = store.query("agreement_votes", mode=mode, turn=turn, category=category, bench=bench)[0]
        return cls.unpack(row)

    @classmethod
    def unpack(cls, row: dict[str, Any]) -> Votes:
        """From the one row of ``queries/read/agreement_votes.sql``."""
        raters = row["raters"] or []
        left = np.array(row["votes"] or [], dtype=np.int64)
        left, low = np.divmod(left, 6)
        left, verdict = np.divmod(left, 4)
        item, rater = np.divmod(left, max(len(raters), 1))
        return cls(
            tuple(row["questions"] or ()),
            tuple(row["categories"] or ()),
            np.array(row["item_question"] or [], dtype=np.int64),
            np.array(row["item_turn"] or [], dtype=np.int64),
            tuple(r["source"] for r in raters),
            tuple(r["rater"] for r in raters),
            item,
            rater,
            verdict,
            low // 2,
            low % 2 == 1,
            frozenset(row.get("juries") or ()),
        )

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[Hashable, Hashable, str, str, str]], *, turn: int = 1) -> Votes:
        """From (question, comparison within it, group, rater, verdict), in the order they were cast.

        Judges' votes count as read in ``corrected`` mode. Raises ValueError for an unknown verdict.
        """
        questions: dict[Hashable, int] = {}
        items: dict[Hashable, int] = {}
        raters: dict[tuple[str, str], int] = {}
        of_item: list[int] = []
        cast: list[tuple[int, int, int, int]] = []
        last: dict[tuple[int, int], int] = {}
        for question, pair, group, rater, verdict in rows:
            q = questions.setdefault(question, len(questions))
            i = items.setdefault((question, pair), len(items))
            if i == len(of_item):
                of_item.append(q)
            r = raters.setdefault((group, rater), len(raters))
            last[i, r] = len(cast)
            cast.append((i, r, VERDICTS.index(verdict), 0 if group in (*PEOPLE, GOLD) else 2))
        table = np.array(cast, dtype=np.int64).reshape(-1, 4)
        latest = np.zeros(len(cast), dtype=bool)
        latest[list(last.values())] = True
        return cls(
            tuple(str(q) for q in questions),
            (None,) * len(questions),
            np.array(of_item, dtype=np.int64),
            np.full(len(of_item), turn, dtype=np.int64),
            tuple(group for group, _ in raters),
            tuple(name for _, name in raters),
            table[:, 0],
            table[:, 1],
            table[:, 2],
            table[:, 3],
            latest,
        )

    def where(self, keep: BoolArray) -> Votes:
        """Only these votes; comparisons, questions and raters stay as they are."""
        return replace(
            self,
            item=self.item[keep],
            rater=self.rater[keep],
            verdict=self.verdict[keep],
            mode=self.mode[keep],
            latest=self.latest[keep],
        )

    def group_codes(self) -> tuple[tuple[str, ...], IntArray]:
        """(groups in the order they are reported: judges by name, human, author, gold; code per rater)."""
        names = sorted(set(self.groups), key=group_place)
        code = {name: i for i, name in enumerate(names)}
        return tuple(names), np.array([code[g] for g in self.groups], dtype=np.int64)

    def judges(self) -> tuple[str, ...]:
        return tuple(g for g in self.group_codes()[0] if g not in (*PEOPLE, GOLD))

    def checked_judge(self, judge: str) -> str:
        """The judge's name. Raises Unknown unless it has votes here."""
        if judge not in self.judges():
            raise Unknown("judge", judge, self.judges())
        return judge


def mode_of(modes: Sequence[str | None]) -> str:
    """One name for the readings that took part (empty ones are people's, whom no reading touches)."""
    found = {m for m in modes if m}
    return "mixed" if len(found) > 1 else next(iter(found), "corrected")


def group_place(group: str) -> tuple[int, str]:
    """Sorts judges by name, then human, author and gold."""
    order = (*PEOPLE, GOLD)
    return (order.index(group) + 1, "") if group in order else (0, group)


def check_options(level: float, rounds: int) -> None:
    """Raises BadInput: level does not lie between 0 and 1, or rounds is not positive."""
    if not 0.0 < level < 1.0:
        raise BadInput(f"must lie between 0 and 1, not {level}", field="level")
    if rounds < 1:
        raise BadInput(f"must be positive, not {rounds}", field="rounds")


def known_place(store: Store, *, category: str | None = None, bench: str | None = None) -> None:
    """Raises Unknown for a category or benchmark that no question has."""
    if category is None and bench is None:
        return
    row = store.query("agreement_places")[0]
    for kind, name, known in (
        ("category", category, [*(row["categories"] or []), "none"]),
        ("benchmark", bench, row["benches"] or []),
    ):
        if name is not None and name not in known:
            raise Unknown(kind, name, known)
