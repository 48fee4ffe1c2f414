"""What each member of a jury said of each item, read from the judgments that are stored."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from workbench.judging.items import Item, stored_key
from workbench.judging.judge import Planned
from workbench.judging.spec import JudgeSpec
from workbench.records import Row, stable_id
from workbench.store import Store

#: What one verdict is about, whoever judges and in whatever order: question, turn, models, answers, group.
Place = tuple[Any, ...]
#: The places that are judged in one request: one, or all answers of a group.
Case = tuple[Place, ...]
VERDICTS = ("a", "b", "tie")


@dataclass(frozen=True, slots=True)
class Spent:
    """What verdicts cost, every attempt counted. ``cost`` in US dollars is that of the rows with a known price;
    ``unpriced`` requests have none."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens,
            self.cost + other.cost, self.unpriced + other.unpriced,
        )  # fmt: skip

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Vote:
    """One member's vote on one place, after both orders and all samples.

    ``state`` is ok, or that of the first judgment that could not be read. ``shares`` of a, b and tie are its
    probabilities, where it told them for every game; ``confidence`` the largest of them, else the share of its samples
    that said so, else unknown. ``inconsistent``: the two orders disagreed (in most of the samples); ``None`` where
    there was one order only. ``judgments``: the ids of what it was made of.
    """

    judge: str
    state: str
    judgments: tuple[str, ...]
    verdict: str | None = None
    score_a: float | None = None
    score_b: float | None = None
    shares: Mapping[str, float] | None = None
    confidence: float | None = None
    inconsistent: bool | None = None

    @property
    def readable(self) -> bool:
        return self.state == "ok"


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a verdict on a place goes: what its row says besides the verdict."""

    place: Place
    order: str
    template_hash: str
    sample_a: int
    sample_b: int
    group: tuple[str, ...] | None
    index: int


@dataclass(frozen=True, slots=True)
class Heard:
    """One member on one case: a vote a place, ``None`` for the case while a judgment is still missing."""

    seats: tuple[Seat, ...]
    votes: tuple[Vote, ...] | None
    spent: Spent


def case_of(item: Item) -> Case:
    """What an item is about. How answers were cut to a judge's context makes no difference, the group they are in
    does."""
    variant = {key: value for key, value in item.variant.items() if key != "cut"}
    hashed = stable_id("variant", variant)[:16] if variant else ""
    return tuple((key[0], key[1], *key[6:], hashed) for key in item.stored_keys())


def heard(store: Store, judge: str, spec: JudgeSpec, planned: Planned) -> Iterator[dict[Case, Heard]]:
    """A member's votes on all it is to be asked about, a block of questions at a time, in the order of the plan."""
    for block in planned.plan.blocks(stored_too=True):
        found = store.query(
            "jury_votes", ids=list(block.questions), judge=judge, judge_version=planned.version,
            protocol=planned.protocol.kind, mode=spec.mode, samples=spec.samples,
        )  # fmt: skip
        rows = {stored_key(row): row for row in found}
        items: dict[Case, list[Item]] = {}
        for item in block.items:
            items.setdefault(case_of(item), []).append(item)
        yield {case: _heard(judge, case, asked, rows) for case, asked in items.items()}


def _heard(judge: str, case: Case, items: Sequence[Item], rows: Mapping[Any, Row]) -> Heard:
    games: list[list[tuple[int, Row | None]]] = [[] for _ in case]
    spent = Spent()
    for item in items:
        for place, key in zip(games, item.stored_keys(), strict=True):
            row = rows.get(key)
            place.append((item.sample, row))
            if row is not None:
                spent += Spent(
                    row["prompt_tokens"] or 0, row["completion_tokens"] or 0, row["cost"] or 0.0, row["unpriced"]
                )
    seats = tuple(_seat(case[i], i, items) for i in range(len(case)))
    read = [[(sample, row) for sample, row in place if row is not None] for place in games]
    if any(len(there) < len(wanted) for there, wanted in zip(read, games, strict=True)):
        return Heard(seats, None, spent)
    return Heard(seats, tuple(vote_of(judge, place) for place in read), spent)


def _seat(place: Place, index: int, items: Sequence[Item]) -> Seat:
    item, orders = items[0], {item.order for item in items}
    grouped = item.unit == "group" or (item.unit == "question" and bool(item.answers))
    samples = [answer.sample for answer in item.answers] if item.unit in ("answer", "pair", "group") else []
    sample_a, sample_b = [*samples[index:], 0, 0][:2]
    return Seat(
        place, "both" if len(orders) > 1 else item.order, item.template.hash, sample_a, 0 if grouped else sample_b,
        tuple(answer.response_id for answer in item.shown) if grouped else None, index,
    )  # fmt: skip


# -- one member on one place -----------------------------------------------------------------------


def vote_of(judge: str, games: Sequence[tuple[int, Row]]) -> Vote:
    """A member's vote from its judgments (sample, row of ``jury_votes``) of one place, one for each order and sample.

    Within a sample the same verdict in both orders is the verdict, two different ones are a tie (FastChat's rule); over
    samples the verdict that most of the readable ones say, a draw being a tie. Scores and probabilities are means.
    """
    ids = tuple(sorted(row["judgment_id"] for _, row in games))
    samples: dict[int, list[Row]] = {}
    for sample, row in games:
        samples.setdefault(sample, []).append(row)
    readable = [rows for rows in samples.values() if all(_says_something(row) for row in rows)]
    if not readable:
        lost = (row["state"] for _, row in games if not _says_something(row))
        return Vote(judge, next((state for state in lost if state != "ok"), "unparsed"), ids)
    said = [_both_orders(rows) for rows in readable]
    verdicts = Counter(verdict for verdict, _ in said if verdict is not None)
    split = sum(1 for _, inconsistent in said if inconsistent)
    shares = _mean_shares([_mean_shares([_shares(row) for row in rows]) for rows in readable])
    score_a, score_b = (_mean([row[side] for rows in readable for row in rows]) for side in ("score_a", "score_b"))
    return Vote(
        judge, "ok", ids, most_said(verdicts) if verdicts else None, score_a, score_b, shares,
        _confidence(shares, readable, verdicts),
        None if all(inconsistent is None for _, inconsistent in said) else 2 * split > len(said),
    )  # fmt: skip


def most_said(counts: Mapping[str, Any]) -> str:
    """The verdict with the largest count (or weight); a tie when two have it."""
    most = max(counts.values())
    first = [verdict for verdict, n in counts.items() if n == most]
    return first[0] if len(first) == 1 else "tie"


def _says_something(row: Row) -> bool:
    return row["state"] == "ok" and (row["verdict"] is not None or row["score_a"] is not None)


def _both_orders(rows: Sequence[Row]) -> tuple[str | None, bool | None]:
    """The verdict of one sample, and whether its two orders disagreed."""
    verdicts = [row["verdict"] for row in rows]
    if any(verdict is None for verdict in verdicts):
        return None, None
    same = len(set(verdicts)) == 1
    return verdicts[0] if same else "tie", None if len(verdicts) < 2 else not same


def _shares(row: Row) -> dict[str, float] | None:
    """A judgment's probabilities made to sum to 1; ``None`` where there are none, or none that could be."""
    given = json.loads(row["probabilities"]) if row["probabilities"] else None
    if not isinstance(given, Mapping):
        return None
    values = {verdict: given.get(verdict) or 0.0 for verdict in VERDICTS}
    if not all(isinstance(v, int | float) and math.isfinite(v) and v >= 0 for v in values.values()):
        return None
    total = math.fsum(values.values())
    return {verdict: value / total for verdict, value in values.items()} if total > 0 else None


def _mean_shares(given: Sequence[Mapping[str, float] | None]) -> dict[str, float] | None:
    known = [shares for shares in given if shares is not None]
    if not known or len(known) < len(given):
        return None
    return {verdict: fmean(shares[verdict] for shares in known) for verdict in VERDICTS}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _confidence(
    shares: Mapping[str, float] | None, readable: Sequence[Sequence[Row]], verdicts: Counter[str]
) -> float | None:
    if shares is not None:
        return max(shares.values())
    if len(readable) < 2:
        return None
    scores = Counter(_mean([row["score_a"] for row in rows]) for rows in readable)
    return max((verdicts or scores).values()) / len(readable)
