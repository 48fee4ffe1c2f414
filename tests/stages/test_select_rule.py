"""The selection rule against the published algorithm, written out plainly."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.select import Rooms, draw_control, pick_least_similar
from workbench.similarity.cache import unit


def published(scores: np.ndarray, k: int, diversity: float, instructions: np.ndarray) -> list[int]:
    """formats-and-rules §2, one item and one pair at a time, in double precision."""
    units = instructions.astype(np.float64)
    left = list(range(len(scores)))
    chosen: list[int] = []
    while left and len(chosen) < k:
        goals = [
            scores[i] + (diversity * max(float((units[i] * units[j]).sum()) for j in chosen) if chosen else 0.0)
            for i in left
        ]
        best = left[min(range(len(left)), key=goals.__getitem__)]  # min() takes the first of equals
        chosen.append(best)
        left.remove(best)
    return chosen


@pytest.mark.parametrize("diversity", [0.0, 0.1, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(4))
def test_same_items_as_the_published_algorithm(seed: int, diversity: float) -> None:
    rng = np.random.default_rng(seed)
    rows, pairs, k = 300, 6, 10
    instructions = unit(rng.normal(size=(rows, 24)).astype(np.float32))
    instructions[200:240] = instructions[:40]  # the same instruction twice: real ties
    places, scores = [], []
    for pair in range(pairs):
        where = np.sort(rng.choice(rows, size=rng.integers(5, rows), replace=False))
        some = rng.uniform(-0.2, 1, len(where)) if pair % 2 else rng.integers(0, 4, len(where)) / 4
        places.append(where)
        scores.append(some.astype(np.float64))
    found = pick_least_similar(scores, k, diversity, places, instructions)
    for some, where, picks in zip(scores, places, found, strict=True):
        wanted = published(some, k, diversity, instructions[where])
        assert [p.place for p in picks] == wanted
        assert len(wanted) == min(k, len(some))
        assert picks[0].score == some.min()


def test_ties_keep_file_order_with_and_without_diversity() -> None:
    same = unit(np.ones((50, 7), np.float32))
    scores, places = [np.zeros(50)], [np.arange(50)]
    for diversity in (0.0, 0.3):
        (picks,) = pick_least_similar(scores, 10, diversity, places, same)
        assert [p.place for p in picks] == list(range(10))


def test_fewer_items_than_asked_for_and_none_at_all() -> None:
    instructions = unit(np.eye(3, dtype=np.float32))
    scores = [np.array([0.5, 0.1]), np.array([])]
    places = [np.array([2, 0]), np.array([], np.int64)]
    for diversity in (0.0, 1.0):
        first, second = pick_least_similar(scores, 10, diversity, places, instructions)
        assert [p.place for p in first] == [1, 0]
        assert second == []


def test_control_is_the_same_every_time_and_never_what_is_taken() -> None:
    free = [i for i in range(100) if i % 3]
    drawn = draw_control("a", "b", free, 20)
    assert drawn == draw_control("a", "b", free, 20)
    assert drawn != draw_control("a", "c", free, 20)
    assert len(set(drawn)) == 20 and set(drawn) <= set(free)
    assert draw_control("a", "b", [], 5) == []
    assert sorted(draw_control("a", "b", [4, 9], 5)) == [4, 9]


def everything_again(
    scores: list[np.ndarray],
    places: list[np.ndarray],
    instructions: np.ndarray,
    k: int,
    diversity: float,
    groups: list[np.ndarray] | None = None,
    room: dict[int, int] | None = None,
    across: bool = False,
) -> list[list[int]]:
    """The rule with quotas and across pairs, every goal made anew for every pick."""
    units = instructions.astype(np.float64)
    chosen: list[list[int]] = [[] for _ in scores]
    rows: list[list[int]] = [[] for _ in scores]
    for _ in range(k):
        for pair, some in enumerate(scores):
            seen = [row for part in rows for row in part] if across else rows[pair]
            best = None
            for i, score in enumerate(some):
                if i in chosen[pair]:
                    continue
                if groups is not None and room is not None:
                    taken = sum(groups[pair][j] == groups[pair][i] for j in chosen[pair])
                    if taken >= room[int(groups[pair][i])]:
                        continue
                row = places[pair][i]
                goal = score + (diversity * max(float((units[row] * units[j]).sum()) for j in seen) if seen else 0.0)
                if best is None or goal < best[0]:
                    best = (goal, i)
            if best is not None:
                chosen[pair].append(best[1])
                rows[pair].append(int(places[pair][best[1]]))
    return chosen


@pytest.mark.parametrize("diversity", [0.05, 0.5, 3.0])
@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("quotas", [False, True])
def test_across_pairs_and_with_quotas(diversity: float, across: bool, quotas: bool) -> None:
    rng = np.random.default_rng(round(diversity * 100) + 2 * across + quotas)
    rows, k = 40, 6
    instructions = unit(rng.normal(size=(rows, 8)).astype(np.float32))
    instructions[20:30] = instructions[:10]
    places = [np.sort(rng.choice(rows, size=n, replace=False)) for n in (40, 25, 3, 0, 30)]
    scores = [rng.integers(0, 5, len(where)) / 4 for where in places]
    category = np.arange(rows) % 3
    groups = [category[where] for where in places]
    room = {0: 1, 1: 3, 2: 0}
    limits = [Rooms(group, np.array([1, 3, 0])) for group in groups]
    found = pick_least_similar(
        scores, k, diversity, places, instructions, across=across, rooms=limits if quotas else ()
    )
    wanted = everything_again(
        scores, places, instructions, k, diversity, groups if quotas else None, room if quotas else None, across
    )
    assert [[pick.place for pick in some] for some in found] == wanted
    if quotas:
        assert [len(some) for some in found][:2] == [4, 4]
        assert limits[0].room.tolist() == [1, 3, 0]  # the caller's are not used up


@pytest.mark.parametrize("across", [False, True])
def test_going_on_from_what_was_selected_before(across: bool) -> None:
    rng = np.random.default_rng(3)
    instructions = unit(rng.normal(size=(60, 8)).astype(np.float32))
    places = [np.arange(60), np.arange(0, 60, 2)]
    scores = [rng.uniform(0, 1, len(where)) for where in places]
    whole = pick_least_similar(scores, 9, 0.6, places, instructions, across=across)
    first = pick_least_similar(scores, 4, 0.6, places, instructions, across=across)
    before = [[int(places[pair][pick.place]) for pick in some] for pair, some in enumerate(first)]
    left = [
        np.array([i for i in range(len(where)) if where[i] not in before[pair]]) for pair, where in enumerate(places)
    ]
    rest = pick_least_similar(
        [some[keep] for some, keep in zip(scores, left, strict=True)], 5, 0.6,
        [where[keep] for where, keep in zip(places, left, strict=True)], instructions, across=across, before=before,
    )  # fmt: skip
    for pair, some in enumerate(rest):
        assert [left[pair][pick.place] for pick in some] == [pick.place for pick in whole[pair][4:]]


def test_many_pairs_of_a_size_that_takes_matrix_products() -> None:
    """Bounds tell nothing (all scores equal), so that everything is looked at again."""
    rng = np.random.default_rng(9)
    instructions = unit(rng.normal(size=(3000, 16)).astype(np.float32))
    instructions[1500:] = instructions[:1500]  # half are twins: ties are real
    places = [np.arange(3000), np.arange(0, 3000, 3), np.arange(1, 2000)]
    scores = [np.zeros(len(where)) for where in places]
    found = pick_least_similar(scores, 5, 1.0, places, instructions)
    for where, some in zip(places, found, strict=True):
        units, chosen = instructions[where].astype(np.float64), [0]
        while len(chosen) < 5:
            goal = np.max([(units * units[j]).sum(axis=1) for j in chosen], axis=0)
            goal[chosen] = np.inf
            chosen.append(int(np.argmin(goal)))
        assert [pick.place for pick in some] == chosen


def test_diversity_needs_vectors() -> None:
    with pytest.raises(ValueError, match="vectors"):
        pick_least_similar([np.zeros(3)], 2, 0.5, [np.arange(3)])
