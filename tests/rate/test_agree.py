from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rate.data import human_rows, judge_rows, mt_bench_votes
from workbench.agree import agreement, agreement_rows, statistics
from workbench.errors import BadInput
from workbench.store import Store


def cells(*tables: list[int], a: str = "j", b: str = "human", left_out: int = 0) -> list[dict[str, Any]]:
    return [
        {"turn": 1, "source_a": a, "source_b": b, "question_id": f"q{i}", "cells": t, "left_out": left_out}
        for i, t in enumerate(tables)
    ]


def test_published_agreement(store: Store, shared_data: Path) -> None:
    human, judge = mt_bench_votes(shared_data)
    store.insert("annotations", human_rows(human))
    store.insert("judgments", judge_rows(judge))
    found = {(r.turn, r.a, r.b, r.setup): r for r in agreement(store, rounds=200)}
    golden = {
        (1, "gpt4_pair", "human", 1): (886, 1343),
        (1, "gpt4_pair", "human", 2): (727, 859),
        (1, "human", "human", 1): (454, 721),
        (1, "human", "human", 2): (388, 479),
        (2, "gpt4_pair", "human", 1): (871, 1325),
        (2, "gpt4_pair", "human", 2): (731, 864),
        (2, "human", "human", 1): (471, 707),
        (2, "human", "human", 2): (388, 474),
    }
    assert {key: (found[key].agree, found[key].n) for key in golden} == golden
    view = store.sql("SELECT turn, source_a, source_b, setup, agree, n, left_out FROM agreement").rows
    assert {tuple(r[:4]): tuple(r[4:]) for r in view} == {k: (r.agree, r.n, r.left_out) for k, r in found.items()}
    kappas = store.sql("SELECT turn, source_a, source_b, setup, kappa FROM kappa").rows
    assert {tuple(r[:4]): r[4] for r in kappas} == pytest.approx({k: r.kappa for k, r in found.items()})
    row = found[1, "gpt4_pair", "human", 1]
    assert row.lower < row.share < row.upper and row.kappa_lower < row.kappa < row.kappa_upper
    assert row.questions == 80 and row.interval == "95 % bootstrap by question, 200 rounds, seed 42"


def test_empty_store(store: Store) -> None:
    assert agreement(store) == []
    with pytest.raises(BadInput):
        agreement(store, rounds=0)
    with pytest.raises(BadInput):
        agreement(store, level=95)


def test_shares_and_kappa_by_hand() -> None:
    # 20 + 15 of 50 the same, no ties: observed 0.7, expected 0.5.
    one, two = agreement_rows(cells([20, 5, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 10, 15, 0, 0, 0, 0]), rounds=50)
    assert (one.agree, one.n, one.share) == (35, 50, 0.7)
    assert one.kappa == pytest.approx(0.4) and one.kappa_method == "Cohen"
    assert (two.agree, two.n, two.kappa) == (35, 50, pytest.approx(0.4))


def test_setup_two_leaves_ties_out() -> None:
    one, two = agreement_rows(cells([2, 1, 4, 0, 3, 1, 2, 0, 5], left_out=7))
    assert (one.agree, one.n) == (10, 18) and (two.agree, two.n) == (5, 6)
    assert one.left_out == two.left_out == 7


def test_one_question_has_no_interval() -> None:
    one, _ = agreement_rows(cells([2, 1, 0, 0, 3, 0, 0, 0, 0]))
    assert one.share == 5 / 6 and one.lower is None and one.interval is None and one.rounds is None


def test_nothing_comparable_is_no_number() -> None:
    one, two = agreement_rows(cells([0] * 9, left_out=3))
    assert (one.n, one.share, one.kappa, one.left_out) == (0, None, None, 3) and two.n == 0


def test_full_agreement_on_one_answer_has_no_kappa() -> None:
    one, _ = agreement_rows(cells([5] + [0] * 8, [3] + [0] * 8))
    assert one.share == 1.0 and one.kappa is None and one.kappa_lower is None and one.lower == 1.0


def test_interval_depends_on_the_seed_alone() -> None:
    rows = cells(*[[i % 3, 1, 0, 0, 2, 1, 0, i % 2, 1] for i in range(20)])
    one, two, other = (agreement_rows(rows, rounds=100, seed=s)[0] for s in (1, 1, 2))
    assert one == two and one.lower != other.lower


def test_interval_resamples_questions_not_meetings() -> None:
    # 20 questions of 50 meetings each that agree on all or on none: as good as 20 coins.
    rows = cells(*[[50 * (i % 2), 50 * (1 - i % 2), 0, 0, 0, 0, 0, 0, 0] for i in range(20)])
    one, _ = agreement_rows(rows)
    assert one.share == 0.5 and one.upper - one.lower == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 20), rel=0.15)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_kappa_equals_its_definition(pairs: list[tuple[int, int]]) -> None:
    table = np.zeros((3, 3))
    for one, two in pairs:
        table[one, two] += 1
    share, kappa = statistics(table)
    observed = sum(one == two for one, two in pairs) / len(pairs)
    expected = (
        sum(sum(one == c for one, _ in pairs) * sum(two == c for _, two in pairs) for c in range(3)) / len(pairs) ** 2
    )
    assert share == pytest.approx(observed)
    if expected < 1:
        assert kappa == pytest.approx((observed - expected) / (1 - expected))
    else:
        assert np.isnan(kappa)
