"""The parts of a replay against what they replace: existing ratings, scipy, brute force."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr

from tests.efficiency.pools import MODELS, made
from workbench.efficiency import replay
from workbench.efficiency.curves import curve, whole
from workbench.efficiency.measures import measured
from workbench.efficiency.pool import Pool, budgets
from workbench.efficiency.rating import by_method
from workbench.efficiency.spec import MEASURES, EfficiencySpec
from workbench.errors import BadInput
from workbench.rate.battles import Battles
from workbench.rate.bradley_terry import fit_bradley_terry
from workbench.rate.elo import online_elo


def random_pool(seed: int, items: int = 5, votes: int = 1) -> Pool:
    rng = np.random.default_rng(seed)
    outcomes = rng.choice([0.0, 0.5, 1.0], size=(4, 4, items))
    pool = made(MODELS, items, lambda a, b, i: float(outcomes[a, b, i]), votes, seed)
    return replace(pool, similarity=rng.random(len(pool.pair)))


def battles(pool: Pool, taken: np.ndarray, times: np.ndarray | None = None) -> Battles:
    """The votes on the taken items, each ``times`` its question's number."""
    often = np.ones(pool.questions, int) if times is None else times
    votes = np.flatnonzero(taken[pool.item])
    votes = np.repeat(votes, often[pool.question[pool.item[votes]]])
    pair = pool.pair[pool.item[votes]]
    return Battles(pool.models, pool.first[pair], pool.second[pair], pool.won[votes], np.arange(len(votes)))


# -- ratings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("votes", [1, 3])
def test_ratings_are_those_of_the_leaderboard(votes: int) -> None:
    """Many choices at once give what each gives by itself, also where a weak prior is needed."""
    pool = random_pool(1, votes=votes)
    taken = np.random.default_rng(2).random((40, len(pool.pair))) < 0.4
    one = np.ones((1, pool.questions))
    bt, elo = (by_method(name)(pool, taken, one)[..., 0] for name in ("bt", "elo"))
    regularised = 0
    for i, some in enumerate(taken):
        alone = fit_bradley_terry(battles(pool, some))
        if alone.components > 1:
            assert np.isnan(bt[:, i]).all() and np.isnan(elo[:, i]).all()
            continue
        assert alone.regularised is not None
        regularised += bool(alone.regularised.any())
        np.testing.assert_allclose(bt[:, i], alone.rating, atol=1e-6)
        np.testing.assert_allclose(elo[:, i], online_elo(battles(pool, some)).rating, atol=1e-9)
    assert regularised or votes > 1


def test_a_weight_of_two_counts_twice() -> None:
    pool = random_pool(3)
    times = np.random.default_rng(4).integers(1, 4, pool.questions)
    everything = np.ones((1, len(pool.pair)), dtype=bool)
    found = by_method("bt")(pool, everything, times[None].astype(float))[:, 0, 0]
    np.testing.assert_allclose(found, fit_bradley_terry(battles(pool, everything[0], times)).rating, atol=1e-6)


def test_votes_that_leave_a_model_out_give_no_rating() -> None:
    pool = random_pool(5)
    apart = ~np.isin(pool.second[pool.pair], [3])
    for method in ("bt", "elo"):
        assert np.isnan(by_method(method)(pool, apart[None], np.ones((1, pool.questions)))).all()


# -- measures --------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=8))
def test_measures_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T
    found = dict(zip(MEASURES, measured(x[:, None], y[:, None])[:, 0], strict=True))
    if np.ptp(x) and np.ptp(y):
        assert found["spearman"] == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)
        assert found["kendall"] == pytest.approx(kendalltau(x, y).statistic, abs=1e-9)
    else:
        assert np.isnan(found["spearman"]) and np.isnan(found["kendall"])
    right = [
        0.5 if x[i] == x[j] else float((x[i] > x[j]) == (y[i] > y[j]))
        for i in range(len(x)) for j in range(i) if y[i] != y[j]
    ]  # fmt: skip
    assert found["order"] == pytest.approx(np.mean(right)) if right else np.isnan(found["order"])
    assert found["error"] == pytest.approx(np.abs((x - x.mean()) - (y - y.mean())).mean())


# -- strategies ------------------------------------------------------------------------------------


def test_random_choice_equals_brute_force() -> None:
    """Three pairs of two items: all eight choices of one each, rated one by one."""
    pool = made(("a", "b", "c"), 2, lambda a, b, i: 1.0 if i == 0 else (0.5 if a == 0 else 0.0))
    spec = EfficiencySpec(draws=4000, rounds=0)
    (found,) = whole(pool, spec, ["random"], 2, None)
    drawn = curve(pool, found, "all", "bt", np.array([1]), np.zeros((0, pool.questions))).draws[0, :, 0]
    reference = fit_bradley_terry(battles(pool, np.ones(6, dtype=bool))).rating
    exact: dict[tuple[int, ...], float] = {}
    for choice in product((0, 1), repeat=3):
        taken = np.zeros(6, dtype=bool)
        taken[[2 * pair + i for pair, i in enumerate(choice)]] = True
        rating = fit_bradley_terry(battles(pool, taken)).rating.round(6)
        exact[choice] = float(spearmanr(rating, reference.round(6)).statistic) if np.ptp(rating) else float("nan")
    chosen = [tuple(int(one[2 * pair + 1] == 0) for pair in range(3)) for one in found.steps]
    np.testing.assert_allclose(drawn, [exact[one] for one in chosen], atol=1e-9)
    counts = np.array([chosen.count(one) for one in exact])
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500)


@pytest.mark.parametrize("diversity", [0.0, 0.7])
def test_mad_equals_the_rule_step_by_step(diversity: float) -> None:
    pool = random_pool(6, items=6)
    vectors = np.random.default_rng(7).normal(size=(len(pool.pair), 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    free = np.random.default_rng(8).random(len(pool.pair)) < 0.8
    found = replay.mad(pool, free, diversity, vectors)
    for p in range(len(pool.first)):
        left, chosen = list(np.flatnonzero((pool.pair == p) & free)), []
        while left:
            near = [max((float(vectors[i] @ vectors[j]) for j in chosen), default=0.0) for i in left]
            goal = [pool.similarity[i] + diversity * c for i, c in zip(left, near, strict=True)]
            chosen.append(left.pop(int(np.argmin(goal))))
        assert found[chosen].tolist() == list(range(len(chosen)))
    assert (found[~free] == replay.NEVER).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 4))
def test_label_next_looks_at_no_vote_before_it_chose_the_item(seed: int, step: int) -> None:
    """Votes on items that come at a step or later may be anything: all choices up to that step stay."""
    pool = random_pool(seed)
    free = np.ones(len(pool.pair), dtype=bool)
    one = replay.label_next(pool, free, np.random.default_rng(seed), 5)
    unseen = one[pool.item] >= step
    other = np.random.default_rng(seed + 1).choice([0.0, 0.5, 1.0], size=len(pool.item))
    two = replay.label_next(replace(pool, won=np.where(unseen, other, pool.won)), free, np.random.default_rng(seed), 5)
    assert (one[one <= step] == two[one <= step]).all()
    assert ((two <= step) == (one <= step)).all()


def test_all_strategies_label_as_many_items() -> None:
    """Also where pairs of models have different numbers of items."""
    pool = random_pool(9, items=6)
    keep = np.ones(len(pool.pair), dtype=bool)
    keep[[0, 1, 2, 3, 8]] = False
    pool = pool.only(keep)
    free = np.ones(len(pool.pair), dtype=bool)
    rng = np.random.default_rng(1)
    steps = [replay.mad(pool, free), replay.random(pool, free, rng), replay.label_next(pool, free, rng, 6)]
    for k in range(1, 7):
        assert {int((some < k).sum()) for some in steps} == {int(np.minimum(pool.size, k).sum())}
    half = replay.split(pool, rng)
    assert (np.bincount(pool.pair[half]) == (pool.size + 1) // 2).all()
    for some in (replay.mad(pool, half), replay.random(pool, half, rng), replay.label_next(pool, half, rng, 6)):
        assert ((some < replay.NEVER) == half).all()


# -- pools -----------------------------------------------------------------------------------------


def test_a_part_of_a_pool_has_no_gaps() -> None:
    pool = random_pool(10)
    keep = pool.second[pool.pair] != 3
    part = pool.only(keep)
    assert part.models == ("m0", "m1", "m2") and len(part.first) == 3
    assert part.questions == len(set(part.question.tolist())) == 15
    np.testing.assert_array_equal(part.item_won, pool.item_won[keep])
    np.testing.assert_array_equal(part.similarity, pool.similarity[keep])


def test_budgets() -> None:
    pool = random_pool(11)
    assert budgets(pool, ()).tolist() == [1, 2, 3, 4, 5]
    assert budgets(pool, (4, 2, 2)).tolist() == [2, 4]
    with pytest.raises(BadInput, match="6 items a pair are more than any pair of models has \\(5\\)"):
        budgets(pool, (1, 6))
    many = budgets(random_pool(12, items=200), ())
    assert many[0] == 1 and many[-1] == 200 and len(many) <= 12
