"""How votes become one verdict: cases worked by hand, and what must hold whatever the votes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engines.juries import Jury, jury_of
from workbench.engines.settings import validate_model
from workbench.errors import BadInput, Unknown
from workbench.judging.jury.escalation import reasons_of
from workbench.judging.jury.report import saving
from workbench.judging.jury.rules import combine, standing
from workbench.judging.jury.votes import Vote, vote_of
from workbench.records import Model


def jury(*names: str, rule: str = "majority", **more: Any) -> Jury:
    weights = {name: Fraction(1) for name in names} | more.pop("weights", {})
    return Jury("panel", names, rule, weights, **more)


def votes(*verdicts: str, **more: Any) -> list[Vote]:
    """Votes of a, b, c, …; a state stands for a vote that could not be read."""
    return [
        Vote(name, "ok", (f"id-{name}",), verdict, **more)
        if verdict in ("a", "b", "tie")
        else Vote(name, verdict, (f"id-{name}",))
        for name, verdict in zip("abcdefgh", verdicts, strict=False)
    ]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (("a", "a", "b"), "a"),
        (("a", "b", "tie"), "tie"),  # a draw of three
        (("a", "b"), "tie"),
        (("a", "a", "b", "b", "tie"), "tie"),  # a draw of two
        (("a", "a", "b", "tie"), "a"),  # the most, though not more than half
        (("b", "error", "unparsed", "b"), "b"),
        (("tie", "tie", "a"), "tie"),
    ],
)
def test_majority(said: tuple[str, ...], wanted: str) -> None:
    found = combine(jury(*"abcde"[: len(said)]), votes(*said))
    assert (found.state, found.verdict) == ("ok", wanted)
    assert found.shares is not None and sum(found.shares.values()) == pytest.approx(1)


def test_weights_decide_and_are_exact() -> None:
    heavy = jury("a", "b", "c", rule="weighted", weights={"a": Fraction("2.5")})
    found = combine(heavy, votes("b", "a", "a"))
    assert found.verdict == "b"
    assert found.shares == {"a": pytest.approx(2 / 4.5), "b": pytest.approx(2.5 / 4.5), "tie": 0.0}
    # 0.1 + 0.2 against 0.3 is a draw, whatever binary numbers make of it.
    model = Model(
        "p", "jury", None, {"members": ["a", "b", "c"], "rule": "weighted", "weights": {"a": 0.1, "b": 0.2, "c": 0.3}}
    )
    assert combine(jury_of(model), votes("a", "a", "b")).verdict == "tie"


def test_mean_of_bare_verdicts_is_against_a_half() -> None:
    mean = jury("a", "b", "c", "d", "e", rule="mean")
    # (1 + 1 + 0 + ½ + ½) / 5 = 0.6, where a majority sees two and two.
    assert combine(mean, votes("a", "a", "b", "tie", "tie")).verdict == "a"
    assert combine(jury(*"abcde"), votes("a", "a", "b", "tie", "tie")).verdict == "tie"
    assert combine(jury("a", "b", rule="mean"), votes("a", "b")).verdict == "tie"


def test_mean_of_probabilities() -> None:
    mean = jury("a", "b", "c", rule="mean")
    sure = Vote("a", "ok", ("1",), "b", shares={"a": 0.1, "b": 0.9, "tie": 0.0})
    rather = [Vote(name, "ok", ("2",), "a", shares={"a": 0.5, "b": 0.4, "tie": 0.1}) for name in "bc"]
    found = combine(mean, [sure, *rather])  # a (0.1 + 0.5 + 0.5) / 3, b (0.9 + 0.4 + 0.4) / 3
    assert found.verdict == "b" and found.shares is not None
    assert found.shares["b"] == pytest.approx(1.7 / 3)
    assert combine(jury("a", "b", "c"), [sure, *rather]).verdict == "a"  # by votes it is the other one
    # A bare verdict counts as certain: a (1 + 0.1) / 2 against b 0.9 / 2.
    assert combine(jury("b", "a", rule="mean"), [Vote("b", "ok", ("3",), "a"), sure]).verdict == "a"
    draw = [Vote("a", "ok", ("4",), "a", shares={"a": 0.7, "b": 0.3, "tie": 0.0})]
    draw += [Vote("b", "ok", ("5",), "b", shares={"a": 0.3, "b": 0.7, "tie": 0.0})]
    assert combine(jury("a", "b", rule="mean"), draw).verdict == "tie"


def test_scores_by_median_mean_and_weight() -> None:
    graded = [Vote(name, "ok", (name,), score_a=score) for name, score in zip("abc", (2.0, 9.0, 10.0), strict=True)]
    assert combine(jury("a", "b", "c"), graded).score_a == 9.0
    assert combine(jury("a", "b", "c", rule="mean"), graded).score_a == 7.0
    assert combine(jury("a", "b", "c", rule="weighted", weights={"a": Fraction(2)}), graded).score_a == 23 / 4
    assert combine(jury("a", "b", "c"), graded).verdict is None


def test_fewer_than_half_readable_is_no_verdict() -> None:
    found = combine(jury("a", "b", "c"), votes("a", "error", "unparsed"))
    assert (found.state, found.verdict, found.shares) == ("unparsed", None, None)
    assert found.error == "1 of 3 members could be read (b error, c unparsed)"
    assert combine(jury("a", "b"), votes("a", "error")).verdict == "a"  # half is enough
    heavy = jury("a", "b", "c", rule="weighted", weights={"a": Fraction(2)})
    assert combine(heavy, votes("a", "error", "unparsed")).verdict == "a"  # half by weight
    assert combine(heavy, votes("error", "a", "unparsed")).state == "unparsed"
    assert standing(votes("a", "error")[-1]).state == "unparsed"


@given(st.lists(st.sampled_from(["a", "b", "tie", "error"]), min_size=2, max_size=8))
def test_majority_is_weighted_with_equal_weights(said: list[str]) -> None:
    names = "abcdefgh"[: len(said)]
    assert combine(jury(*names), votes(*said)) == combine(jury(*names, rule="weighted"), votes(*said))


@given(
    st.sampled_from(["majority", "mean", "weighted"]),
    st.lists(st.sampled_from(["a", "b", "tie", "error"]), min_size=2, max_size=8),
    st.randoms(),
)
def test_neither_the_order_of_members_nor_that_of_answers_matters(rule: str, said: list[str], random: Any) -> None:
    names = "abcdefgh"[: len(said)]
    panel = jury(*names, rule=rule)
    cast = votes(*said)
    shuffled = list(cast)
    random.shuffle(shuffled)
    assert replace(combine(panel, shuffled), error=None) == replace(combine(panel, cast), error=None)
    mirrored = votes(*({"a": "b", "b": "a"}.get(v, v) for v in said))
    swapped = {"a": "b", "b": "a"}
    verdict = combine(panel, cast).verdict
    assert combine(panel, mirrored).verdict == swapped.get(verdict or "", verdict)


# -- one member's vote -----------------------------------------------------------------------------


def game(verdict: str | None, state: str = "ok", number: int = 0, **more: Any) -> dict[str, Any]:
    row = {"judgment_id": f"j{number}", "state": state, "verdict": verdict, "score_a": None, "score_b": None}
    return {**row, "probabilities": None, **more}


def test_both_orders_make_a_vote() -> None:
    same = vote_of("j", [(0, game("a", number=1)), (0, game("a"))])
    assert (same.verdict, same.inconsistent, same.judgments) == ("a", False, ("j0", "j1"))
    split = vote_of("j", [(0, game("a")), (0, game("b"))])
    assert (split.verdict, split.inconsistent, split.confidence) == ("tie", True, None)
    single = vote_of("j", [(0, game("a"))])
    assert (single.verdict, single.inconsistent) == ("a", None)
    failed = vote_of("j", [(0, game("a")), (0, game(None, "refused"))])
    assert (failed.state, failed.verdict) == ("refused", None)


def test_samples_vote_and_tell_confidence() -> None:
    rows = [(0, game("a")), (0, game("a")), (1, game("a")), (1, game("a")), (2, game("b")), (2, game("b"))]
    found = vote_of("j", rows)
    assert (found.verdict, found.confidence, found.inconsistent) == ("a", pytest.approx(2 / 3), False)
    rows[4] = (2, game(None, "error"))
    assert vote_of("j", rows).confidence == 1.0  # of the readable ones
    graded = [(i, game(None, score_a=score)) for i, score in enumerate((7.0, 7.0, 4.0, 6.0))]
    assert (vote_of("j", graded).score_a, vote_of("j", graded).confidence) == (6.0, 0.5)


def test_probabilities_of_both_orders_are_averaged() -> None:
    rows = [(0, game("a", probabilities='{"a": 0.9, "b": 0.1}')), (0, game("a", probabilities='{"a":3,"b":2,"tie":5}'))]
    found = vote_of("j", rows)
    assert found.shares == {"a": pytest.approx(0.6), "b": pytest.approx(0.15), "tie": pytest.approx(0.25)}
    assert found.confidence == pytest.approx(0.6)
    for nonsense in ('{"a": -1}', '"x"', "{}", '{"a": "1"}'):
        assert vote_of("j", [(0, game("a", probabilities=nonsense))]).shares is None


def test_reasons_to_escalate() -> None:
    model = Model("p", "jury", None, {"members": ["a", "b"], "rule": "cascade", "confidence": 0.9})
    cascade = jury_of(model)
    assert cascade.escalate_on == ("disagreement", "unparsed", "low-confidence")
    assert reasons_of(cascade, Vote("a", "error", ())) == ["unparsed"]
    assert reasons_of(cascade, Vote("a", "ok", (), "tie", inconsistent=True, confidence=0.8)) == [
        "disagreement", "low-confidence"
    ]  # fmt: skip
    assert reasons_of(cascade, Vote("a", "ok", (), "tie", inconsistent=False, confidence=0.9)) == []
    assert reasons_of(jury_of(Model("p", "jury", None, {**model.params, "escalate_on": ["tie"]})), votes("tie")[0]) == [
        "tie"
    ]


def test_saving_by_hand() -> None:
    found = saving("strong", "usd", [0.10, 0.20, 0.30], 10, 1.0)
    assert (found.n, found.all_strong, found.saved) == (3, pytest.approx(2.0), pytest.approx(1.0))
    # s = 0.1, √(0.01 · 10 · 7 / 3) = 0.48305, t(2) at 97.5 % = 4.30265.
    assert found.lower == pytest.approx(1.0 - 4.30265 * 0.483046, abs=1e-4)
    assert found.upper == pytest.approx(1.0 + 4.30265 * 0.483046, abs=1e-4)
    assert saving("strong", "usd", [0.5], 10, 1.0).lower is None  # one says nothing of the spread
    assert saving("strong", "usd", [0.5, 0.5], 2, 1.2).saved == pytest.approx(-0.2)  # asked about all: it cost more


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "members"),
        ({"members": "a,b"}, "list of names"),
        ({"members": ["a"]}, "2 members or more"),
        ({"members": ["a", "a"]}, "named twice"),
        ({"members": ["a", "p"]}, "member of itself"),
        ({"members": ["a", "b"], "rule": "mayority"}, "did you mean 'majority'"),
        ({"members": ["a", "b"], "rule": "weighted"}, "are missing"),
        ({"members": ["a", "b"], "weights": {"a": 2}}, "takes none"),
        ({"members": ["a", "b"], "rule": "weighted", "weights": {"c": 2}}, "unknown member 'c'"),
        ({"members": ["a", "b"], "rule": "weighted", "weights": {"a": 0}}, "above 0"),
        ({"members": ["a", "b"], "rule": "weighted", "weights": {"a": float("nan")}}, "above 0"),
        ({"members": ["a", "b"], "confidence": 0.8}, "cascade"),
        ({"members": ["a", "b"], "rule": "cascade", "confidence": 80}, "at most 1"),
        ({"members": ["a", "b"], "rule": "cascade", "escalate_on": ["ties"]}, "did you mean 'tie'"),
        ({"members": ["a", "b"], "temperature": 0}, "unknown setting of a jury"),
    ],
)
def test_settings_that_make_no_jury(params: dict[str, Any], message: str) -> None:
    with pytest.raises((BadInput, Unknown), match=message):
        validate_model(Model("p", "jury", None, params))


def test_a_jury_has_no_address() -> None:
    with pytest.raises(BadInput, match="no address"):
        validate_model(Model("p", "jury", "http://localhost/v1", {"members": ["a", "b"]}))
