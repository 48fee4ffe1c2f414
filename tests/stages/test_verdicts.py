"""Verdicts are read as formats-and-rules §1 and §5 say, in both readings."""

from __future__ import annotations

import pytest

from workbench.judging import verdicts as v


@pytest.mark.parametrize(
    ("text", "corrected", "compat"),
    [
        ("… so [[A]]", "a", "a"),
        ("[[B]]", "b", "b"),
        ("[[C]]", "tie", "tie"),
        ("[[A]] and once more [[A]]", "a", "a"),
        ("not [[A]] but [[B]]", None, "a"),
        ("[[C]], or rather [[B]]", None, "b"),
        ("[A]", None, None),
        ("[[a]]", None, None),
        ("", None, None),
    ],
)
def test_pair_letter(text: str, corrected: str | None, compat: str | None) -> None:
    assert v.pair_letter(text) == corrected
    assert v.pair_letter(text, "compat") == compat


@pytest.mark.parametrize(
    ("text", "corrected", "compat"),
    [
        ("Rating: [[7]]", 7, 7),
        ("[[7.5]]", 7.5, 7.5),
        ("[5] then [[8]]", 8, 8),  # double brackets go first wherever they stand
        ("[[3]] [[9]]", 3, 3),
        ("[6]", 6, 6),
        ("[[0]]", None, 0),
        ("[[11]]", None, 11),
        ("[[10]]", 10, 10),
        ("[[1]]", 1, 1),
        ("[[-3]]", None, None),
        ("[[seven]]", None, None),
        ("[[٧]]", None, None),
        ("[[" + "9" * 400 + "]]", None, None),
    ],
)
def test_rating(text: str, corrected: float | None, compat: float | None) -> None:
    assert v.rating(text) == corrected
    assert v.rating(text, "compat") == compat


def test_thinking_text_is_searched_in_compat_only() -> None:
    text = "<think>maybe [[A]]</think> It is [[B]]"
    assert v.pair_letter(v.final_answer(text)) == "b"
    assert v.pair_letter(v.final_answer(text, "compat"), "compat") == "a"
    assert v.final_answer("<think>never ends [[A]]") == ""
    assert v.final_answer("[[A]] <think>x</think> [[B]] <think>[[C]]") == " [[B]] "
    assert v.pair_letter(v.final_answer("[[B]]", "compat", "first [[A]]"), "compat") == "a"
    assert v.pair_letter(v.final_answer("[[B]]", "corrected", "first [[A]]")) == "b"


def test_two_ratings() -> None:
    assert v.rating_pair("[[8, 7.5]]") == (8, 7.5)
    assert v.rating_pair("[8,7]") == (8, 7)
    assert v.rating_pair("[[12,7]]") is None
    assert v.rating_pair("[[12,7]]", "compat") == (12, 7)
    assert v.winner_of_scores(8.1, 8.0) == "tie"
    assert v.winner_of_scores(8.2, 8.0) == "a"
    assert v.winner_of_scores(1, 2) == "b"


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ('{"reason": "x", "verdict": "A"}', "a"),
        ('```json\n{"verdict": "tie"}\n```', "tie"),
        ('{"verdict": "C"}', None),
        ('{"verdict": ["A"]}', None),
        ('["A"]', None),
        ('{"reason": "[[A]]", "verd', None),
        ("[" * 100_000, None),
    ],
)
def test_json_letter(text: str, letter: str | None) -> None:
    assert v.json_letter(text) == letter


def test_json_rating() -> None:
    assert v.json_rating('{"score": 4}') == 4
    assert v.json_rating('{"score": 0}') is None
    assert v.json_rating('{"score": true}') is None
    assert v.json_rating('{"score": "4"}') is None
    assert v.json_rating('{"score": NaN}', "compat") is None
    assert v.json_rating('{"score": 1' + "0" * 400 + "}", "compat") is None
