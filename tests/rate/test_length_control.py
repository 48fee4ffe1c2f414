"""Length-controlled win rates, against scikit-learn, a general optimiser and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench.errors import BadInput, Unknown
from workbench.rate import logistic
from workbench.rate.battles import Battles
from workbench.rate.bias_data import Votes
from workbench.rate.length_control import Against, LengthControlledRow, difficulty, length_controlled, rates
from workbench.records import Judgment, Question, Response, utcnow
from workbench.store import Store


def comparisons(seed: int = 0, n: int = 120, theta: float = 0.4, phi: float = 0.9) -> Against:
    """One model against the baseline, half of the preferences probabilities."""
    rng = np.random.default_rng(seed)
    own, base = rng.integers(50, 900, size=n).astype(float), rng.integers(50, 600, size=n).astype(float)
    term = np.tanh((own - base) / (own - base).std(ddof=1))
    p = 1.0 / (1.0 + np.exp(-(theta + phi * term)))
    share = np.where(np.arange(n) % 2, p, rng.random(n) < p)
    return Against("m", share, own, base, np.arange(n))


def votes_of(*models: Against, flip: bool = False) -> Votes:
    """The same as votes of a store, the baseline second (first if ``flip``)."""
    names = tuple(sorted(["base", *(one.model for one in models)]))
    code = np.concatenate([np.full(len(one.share), names.index(one.model)) for one in models])
    base = np.full(len(code), names.index("base"))
    share = np.concatenate([one.share for one in models])
    own = np.concatenate([one.length for one in models])
    other = np.concatenate([one.baseline_length for one in models])
    question = np.concatenate([one.question for one in models])
    places = np.arange(len(code)), len(code) + np.arange(len(code))
    verdict, chars = np.round(2.0 * share) / 2.0, np.concatenate([own, other])
    if flip:
        battles = Battles(names, base, code, 1.0 - verdict, question)
        return Votes(battles, 1.0 - share, places[1], places[0], [], chars, "corrected", 0)
    return Votes(Battles(names, code, base, verdict, question), share, *places, [], chars, "corrected", 0)


def only(rows: list[LengthControlledRow]) -> LengthControlledRow:
    assert len(rows) == 1
    return rows[0]


def test_equals_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    one = comparisons()
    delta = one.length - one.baseline_length
    x = np.tanh(delta / delta.std(ddof=1))[:, None]
    peer = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(
        np.concatenate([x, x]), np.repeat([1, 0], len(x)), sample_weight=np.concatenate([one.share, 1.0 - one.share])
    )
    found = only(rates(votes_of(one), "base", rounds=50))
    assert found.length_effect == pytest.approx(float(peer.coef_[0, 0]), abs=1e-6)
    assert found.lc_win_rate == pytest.approx(float(peer.predict_proba([[0.0]])[0, 1]), abs=1e-6)
    assert found.win_rate == pytest.approx(float(one.share.mean()))
    assert (found.n, found.questions, found.difficulty, found.regularised) == (120, 120, 0, False)
    assert found.mean_length == one.length.mean() and found.baseline_length == one.baseline_length.mean()


def test_longer_answers_lose_what_length_gave_them() -> None:
    found = only(rates(votes_of(comparisons(theta=0.0, phi=2.0, n=400)), "base", rounds=200))
    assert found.win_rate > 0.55 and found.lc_win_rate is not None
    assert found.lower is not None and found.upper is not None
    assert found.lower <= 0.5 <= found.upper and found.lc_win_rate < found.win_rate
    assert found.win_rate_lower is not None and found.win_rate_lower > 0.5


def test_the_side_of_the_baseline_does_not_matter() -> None:
    one = comparisons()
    assert only(rates(votes_of(one), "base", rounds=40)) == only(rates(votes_of(one, flip=True), "base", rounds=40))


def test_equal_lengths_leave_the_win_rate() -> None:
    one = comparisons()
    same = Against("m", one.share, one.length, one.length, one.question)
    found = only(rates(votes_of(same), "base", rounds=40))
    assert found.lc_win_rate == pytest.approx(found.win_rate) and found.length_effect is None
    assert (found.lower, found.upper) == (
        pytest.approx(found.win_rate_lower, abs=1e-6), pytest.approx(found.win_rate_upper, abs=1e-6),
    )  # fmt: skip


def test_a_difference_that_never_varies_cannot_be_controlled() -> None:
    one = comparisons()
    found = only(rates(votes_of(Against("m", one.share, one.length, one.length - 7, one.question)), "base", rounds=9))
    assert found.lc_win_rate is None and found.lower is None and found.win_rate_lower is not None


def test_a_model_that_always_wins_is_named() -> None:
    one = comparisons()
    found = only(rates(votes_of(Against("m", np.ones(120), one.length, one.baseline_length, one.question)), "base"))
    assert found.regularised and found.win_rate == 1.0
    assert found.lc_win_rate is not None and 0.9 < found.lc_win_rate < 1.0


def test_all_ties_and_one_question() -> None:
    one = comparisons()
    tied = only(rates(votes_of(Against("m", np.full(120, 0.5), one.length, one.baseline_length, one.question)), "base"))
    assert (tied.win_rate, tied.lc_win_rate) == (0.5, pytest.approx(0.5))
    single = only(rates(votes_of(Against("m", one.share, one.length, one.baseline_length, one.question * 0)), "base"))
    assert single.questions == 1 and single.lower is None and single.win_rate_lower is None


def test_difficulty_is_the_joint_maximum() -> None:
    from scipy.optimize import minimize

    rng = np.random.default_rng(5)
    others = [comparisons(seed, n=30) for seed in range(3)]
    others = [
        Against(f"m{i}", o.share, o.length, o.baseline_length, rng.integers(20, size=30)) for i, o in enumerate(others)
    ]
    found = difficulty(others, 22)

    def loss(parameters: Any) -> float:
        theta, phi, gamma = parameters[:3], parameters[3], parameters[4:]
        total = 0.5 * (gamma @ gamma) + 0.125 * (parameters[:4] @ parameters[:4])
        for i, o in enumerate(others):
            assert o.term is not None
            log_odds = theta[i] + phi * o.term + gamma[o.question]
            total -= o.share @ log_odds - np.logaddexp(0.0, log_odds).sum()
        return float(total)

    peer = minimize(loss, np.zeros(26), method="BFGS", options={"gtol": 1e-8})
    np.testing.assert_allclose(found, peer.x[4:], atol=1e-5)
    assert found[20] == found[21] == 0.0  # nobody answered these


def test_difficulty_comes_from_the_other_models_only() -> None:
    models = [comparisons(seed, n=60) for seed in range(4)]
    models = [Against(f"m{i}", o.share, o.length, o.baseline_length, o.question) for i, o in enumerate(models)]
    found = {row.model: row for row in rates(votes_of(*models), "base", rounds=40)}
    assert [found[f"m{i}"].difficulty for i in range(4)] == [3, 3, 3, 3]
    assert [row.difficulty for row in rates(votes_of(*models[:3]), "base", rounds=40)] == [0, 0, 0]
    # Predictions with Δ as it was average to the win rate; at Δ = 0 they stay between 0 and 1.
    assert all(row.lc_win_rate is not None and 0.0 < row.lc_win_rate < 1.0 for row in found.values())


def test_resamples_fitted_side_by_side_are_those_fitted_one_by_one() -> None:
    """The few votes of a new model: many resamples leave the quick steps, and many have no maximum."""
    from sklearn.linear_model import LogisticRegression

    one = comparisons(3, n=18, theta=0.5)
    assert one.term is not None
    x = np.stack([np.ones(18), one.term], axis=1)
    task = logistic.problem(x, np.round(one.share), one.question, 0.25)
    draws, regularised = logistic.bootstrap(task, logistic.fit(task), 300, 5)
    assert 10 < regularised.sum() < 290
    reserve, peers = task.regularised(), 0
    for numbers, weight in logistic.resamples(task, 300, 5):
        together, _, found = logistic.newton(task, weight)
        for i, w in zip(numbers.tolist(), weight.T, strict=True):
            exact = logistic.fit(task, w)
            assert exact.found == found[i] != regularised[i]
            if exact.found:
                np.testing.assert_allclose(together[:, i], exact.beta, atol=1e-9)
            # With the prior the peer is ridge regression, whose intercept is a column like any other.
            alone = exact if exact.found else logistic.fit(reserve, w)
            np.testing.assert_allclose(draws[i], alone.beta, atol=1e-5)
            if i % 10 == 0:
                strength = np.inf if exact.found else 1.0 / 0.25
                peer = LogisticRegression(
                    C=strength, fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=1000
                ).fit(x, task.share, sample_weight=w)
                np.testing.assert_allclose(draws[i], peer.coef_[0], atol=1e-5)
                peers += 1
    assert peers == 30


def test_blocks_of_rounds_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one = comparisons(3, n=18, theta=0.5)
    votes = votes_of(Against("m", np.round(one.share), one.length, one.baseline_length, one.question))
    whole = rates(votes, "base", rounds=60)
    # 90 cells are five rounds of 18 votes; the products of the design's columns take 72, then none fit.
    for cells in (90, 60):
        monkeypatch.setattr(logistic, "CELLS", cells)
        found = rates(votes, "base", rounds=60)
        assert only(found).regularised_rounds == only(whole).regularised_rounds > 0
        assert only(found).lower == pytest.approx(only(whole).lower, abs=1e-9)
        assert only(found).upper == pytest.approx(only(whole).upper, abs=1e-9)


def test_order_and_repeatability() -> None:
    models = [Against(f"m{i}", o.share, o.length, o.baseline_length, o.question) for i, o in
              enumerate(comparisons(s, theta=t) for s, t in ((1, -1.0), (2, 1.0)))]  # fmt: skip
    rows = rates(votes_of(*models), "base", rounds=60)
    assert [row.model for row in rows] == ["m1", "m0"]
    assert rows == rates(votes_of(*models), "base", rounds=60)


# -- from a store ----------------------------------------------------------------------------------


def fill(store: Store, probable: bool = True) -> None:
    """A judge's probabilities on ten questions of m against base, both orders; x met only y."""
    rng = np.random.default_rng(0)
    answers, judgments = [], []
    for i in range(10):
        for model in ("m", "base", "x", "y"):
            text = "w" * int(rng.integers(5, 60))
            answers.append(Response(f"q{i}", model, (text,), "p"))
        for a, b in (("base", "m"), ("x", "y")):
            one, two = (next(r for r in answers if r.model_id == n and r.question_id == f"q{i}") for n in (a, b))
            for order, share in (("ab", 0.7), ("ba", 0.5 if i % 2 else 0.2)):
                judgments.append(
                    Judgment(
                        "pairwise", "j", "v", "t", "h", f"q{i}", 1, a, order, b, one.response_id, two.response_id,
                        verdict="a" if share > 0.5 else "b", created_at=utcnow(),
                        probabilities={"a": share * 0.9, "b": (1 - share) * 0.9} if probable else None,
                    )
                )  # fmt: skip
    store.insert("questions", [Question(f"q{i}", "b", ("?",)).row() for i in range(10)])
    store.insert("responses", [r.row() for r in answers])
    store.insert("judgments", [j.row() for j in judgments])


def test_probabilities_of_a_judge_are_preferences(store: Store) -> None:
    fill(store)
    board = length_controlled(store, "base", by="j", rounds=30)
    row = only(board.rows)
    assert (row.model, row.n) == ("m", 10) and board.preferences == "probabilities"
    # Games are averaged, and base is the first of the pair: 1 − mean of (0.7 + 0.5) / 2 and (0.7 + 0.2) / 2.
    assert row.win_rate == pytest.approx(1 - (0.6 + 0.45) / 2)
    found = board.to_json()[0]
    assert found["method"] == "length-controlled" and found["mode"] == "corrected" and found["baseline"] == "base"
    assert found["interval"] == "95 % bootstrap by question, 30 rounds, seed 42"


def test_verdicts_where_there_are_no_probabilities(store: Store) -> None:
    fill(store, probable=False)
    board = length_controlled(store, "base", rounds=30)
    assert board.preferences == "verdicts" and only(board.rows).win_rate == 0.5  # every pair is inconsistent: a tie


def test_a_baseline_that_met_nobody_or_is_unknown(store: Store) -> None:
    fill(store)
    store.insert("judgments", [Judgment("pairwise", "k", "v", "t", "h", "q0", 1, "u", "ab", "v", verdict="a").row()])
    with pytest.raises(Unknown, match="did you mean 'base'"):
        length_controlled(store, "bass")
    with pytest.raises(Unknown, match="judge or annotator"):
        length_controlled(store, "base", by="nobody")
    with pytest.raises(BadInput, match="level"):
        length_controlled(store, "base", level=95)
    empty = length_controlled(store, "u", by="j")
    assert empty.rows == [] and empty.to_json() == [] and "never met another model" in empty.footnotes()[0]
    assert length_controlled(store, "u", by="k").left_out == {"pending": 1}
