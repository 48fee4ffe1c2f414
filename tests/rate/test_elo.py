from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rate.data import mad_battles
from workbench.rate import elo
from workbench.rate.battles import Battles, published_rounding
from workbench.rate.elo import EloSettings, bootstrap_elo, elo_interval, online_elo, permutation_elo
from workbench.rate.quantiles import expanded_percentiles

#: MAD-Eval's published figures for data/mad/annotation-bert-score.json, and the medians before rounding.
PUBLISHED = {
    "gpt-4": (1056, 1056.2482),
    "claude-v1": (1038, 1038.1475),
    "gpt-3.5-turbo": (1020, 1019.8576),
    "vicuna-13b": (1002, 1001.5924),
    "koala-13b": (967, 966.8400),
    "alpaca-13b": (964, 963.6015),
    "chatglm-6b": (954, 953.5410),
}


def some_battles(n: int, models: int, questions: int, seed: int = 0) -> Battles:
    rng = np.random.default_rng(seed)
    a = rng.integers(models, size=n)
    b = (a + rng.integers(1, models, size=n)) % models
    names = [f"m{i}" for i in range(models)]
    return Battles.from_columns(
        [names[i] for i in a],
        [names[i] for i in b],
        rng.choice([0.0, 0.5, 1.0], size=n).tolist(),
        rng.integers(questions, size=n).tolist(),
    )


@st.composite
def battles(draw: st.DrawFn) -> Battles:
    return some_battles(
        draw(st.integers(1, 60)), draw(st.integers(2, 6)), draw(st.integers(1, 20)), draw(st.integers(0, 999))
    )


def test_permutation_matches_published_figures(shared_data: Path) -> None:
    found = permutation_elo(mad_battles(shared_data)).as_dict()
    assert list(found) == list(PUBLISHED)
    for model, (whole, median) in PUBLISHED.items():
        assert found[model] == pytest.approx(median, abs=5e-5)
        assert published_rounding(found[model]) == whole


def test_one_battle_by_hand() -> None:
    # Equal ratings: half expected, so the winner gains half of K.
    found = online_elo(Battles.from_columns(["x"], ["y"], [1.0], [0])).as_dict()
    assert found == {"x": 1002.0, "y": 998.0}


def test_second_battle_by_hand() -> None:
    battles = Battles.from_columns(["x", "x"], ["y", "y"], [1.0, 0.5], [0, 1])
    expected = 1 / (1 + 10 ** ((998.0 - 1002.0) / 400))
    assert online_elo(battles).as_dict()["x"] == pytest.approx(1002.0 + 4 * (0.5 - expected), abs=1e-9)


def test_a_random_order_is_one_order_by_seed() -> None:
    battles = some_battles(50, 4, 20)
    order = np.random.default_rng(5).permutation(50)
    shuffled = Battles(
        battles.models, battles.a[order], battles.b[order], battles.score[order], battles.question[order]
    )
    found = online_elo(battles, EloSettings(order="random", seed=5))
    np.testing.assert_array_equal(found.rating, online_elo(shuffled).rating)
    assert not np.array_equal(found.rating, online_elo(battles, EloSettings(order="time")).rating)


@pytest.mark.parametrize(
    "bad", [{"k": 0.0}, {"k": float("nan")}, {"scale": -1.0}, {"base": 1.0}, {"start": math.inf}, {"order": "best"}]
)
def test_settings_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        EloSettings(**bad)


def test_scale_and_base_are_one_slope() -> None:
    battles = some_battles(80, 4, 20)
    one, two = EloSettings(scale=400, base=10), EloSettings(scale=400 / math.log(10), base=math.e)
    np.testing.assert_allclose(online_elo(battles, one).rating, online_elo(battles, two).rating)


def test_settings_change_the_stake() -> None:
    battles = Battles.from_columns(["x"], ["y"], [1.0], [0])
    assert online_elo(battles, EloSettings(k=32, start=1500)).as_dict()["x"] == 1516.0


@given(battles())
@settings(max_examples=40, deadline=None)
def test_ratings_keep_their_sum(battles: Battles) -> None:
    total = 1000.0 * len(battles.models)
    assert online_elo(battles).rating.sum() == pytest.approx(total)
    # Each order keeps it; their medians need not.
    one = permutation_elo(battles, rounds=1, seed=1)
    assert one.rating.sum() == pytest.approx(total)
    assert bootstrap_elo(battles, rounds=1, seed=1).rating.sum() == pytest.approx(total)


@given(battles())
@settings(max_examples=25, deadline=None)
def test_swapping_sides_changes_nothing(battles: Battles) -> None:
    turned = Battles(battles.models, battles.b, battles.a, 1.0 - battles.score, battles.question)
    np.testing.assert_allclose(online_elo(turned).rating, online_elo(battles).rating)


def test_permutation_equals_a_plain_loop_over_the_same_orders() -> None:
    battles = some_battles(37, 5, 12)
    source = np.random.RandomState(7)
    plain = []
    for _ in range(20):
        order = source.permutation(len(battles))
        shuffled = Battles(
            battles.models, battles.a[order], battles.b[order], battles.score[order], battles.question[order]
        )
        plain.append(online_elo(shuffled).rating)
    np.testing.assert_allclose(permutation_elo(battles, rounds=20, seed=7).rating, np.median(plain, axis=0))


def test_more_kinds_of_battles_than_a_byte_can_number() -> None:
    battles = some_battles(900, 20, 60, seed=2)
    source = np.random.RandomState(3)
    orders = [source.permutation(900) for _ in range(9)]
    plain = [
        online_elo(Battles(battles.models, battles.a[o], battles.b[o], battles.score[o], battles.question[o])).rating
        for o in orders
    ]
    np.testing.assert_allclose(permutation_elo(battles, rounds=9, seed=3).rating, np.median(plain, axis=0))


def test_bootstrap_is_the_same_for_the_same_seed_and_names_itself() -> None:
    battles = some_battles(200, 5, 30)
    one, two, other = (bootstrap_elo(battles, rounds=200, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(one.lower, two.lower)
    assert not np.array_equal(one.lower, other.lower)
    assert one.method == "elo-bootstrap"
    assert (one.level, one.rounds, one.seed) == (0.95, 200, 3)
    assert one.interval == "95 % bootstrap by question, in random order (expanded percentiles), 200 rounds, seed 3"
    assert (one.lower <= one.rating).all() and (one.rating <= one.upper).all()


def test_bootstrap_widens_when_battles_share_few_questions() -> None:
    # The same 400 battles: if they hang on 8 questions they say less than if they hang on 400.
    free = some_battles(400, 3, 400, seed=5)
    winner_by_question = np.random.default_rng(1).random(8) < 0.5
    question = np.arange(400) % 8
    score = np.where(winner_by_question[question], 1.0, 0.0)
    score[free.a > free.b] = 1.0 - score[free.a > free.b]
    tied = Battles(free.models, free.a, free.b, score, question)
    loose = Battles(free.models, free.a, free.b, score, np.arange(400))
    narrow, wide = (bootstrap_elo(b, rounds=300) for b in (loose, tied))
    assert (wide.upper - wide.lower).mean() > 1.5 * (narrow.upper - narrow.lower).mean()


def test_interval_in_the_order_decided_equals_plain_loops() -> None:
    battles = some_battles(60, 4, 15, seed=3)
    rng = np.random.default_rng(11)
    plain = []
    for _ in range(30):
        times = np.bincount(rng.integers(battles.questions, size=battles.questions), minlength=battles.questions)
        rows = np.repeat(np.arange(60), times[battles.question])
        drawn = Battles(battles.models, battles.a[rows], battles.b[rows], battles.score[rows], battles.question[rows])
        plain.append(online_elo(drawn).rating)
    found = elo_interval(battles, rounds=30, seed=11)
    np.testing.assert_allclose(np.sort(found.draws, axis=0), np.sort(plain, axis=0))
    lower, upper = expanded_percentiles(np.array(plain), 0.95, np.full(4, 15.0))
    np.testing.assert_allclose((found.lower, found.upper), (lower, upper))
    how = "bootstrap by question, in the order decided (expanded percentiles)"
    assert found.interval == f"95 % {how}, 30 rounds, seed 11"


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    battles = some_battles(300, 4, 50)
    whole = elo_interval(battles, rounds=40)
    permuted = permutation_elo(battles, rounds=40)
    for limit in ("BLOCK", "READY", "ORDERS_BYTES"):
        monkeypatch.setattr(elo, limit, 500)
    np.testing.assert_allclose(elo_interval(battles, rounds=40).lower, whole.lower)
    np.testing.assert_allclose(permutation_elo(battles, rounds=40).rating, permuted.rating)


def test_very_many_battles_get_fewer_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elo, "MAX_PLAYED", 30_000)
    assert bootstrap_elo(some_battles(200, 4, 50)).rounds == 150


def test_one_question_has_no_interval() -> None:
    found = bootstrap_elo(some_battles(20, 3, 1))
    assert found.lower is None and found.interval is None and found.rounds is None
    np.testing.assert_allclose(found.rating, online_elo(some_battles(20, 3, 1)).rating)


def test_default_elo_keeps_the_order_and_has_an_interval(shared_data: Path) -> None:
    battles = mad_battles(shared_data)
    found = elo_interval(battles)
    np.testing.assert_array_equal(found.rating, online_elo(battles).rating)
    assert found.method == "elo" and found.lower is not None


def test_permutation_says_it_is_no_sampling_interval() -> None:
    assert "not a sampling interval" in str(permutation_elo(some_battles(10, 3, 5), rounds=10).interval)


def test_nothing_to_rate() -> None:
    empty = Battles.from_columns([], [], [], [])
    for method in (online_elo, permutation_elo, bootstrap_elo, elo_interval):
        found = method(empty)
        assert len(found.rating) == 0 and found.n == 0 and found.components == 0


@pytest.mark.parametrize("bad", [{"level": 0.0}, {"level": 1.0}, {"rounds": 0}])
def test_bad_settings_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        bootstrap_elo(some_battles(10, 3, 5), **bad)  # type: ignore[arg-type]
