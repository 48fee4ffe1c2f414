"""The selection rule against the published algorithm, written out plainly."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.select import draw_control, pick_least_similar
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
