"""Protocols and rubrics from TOML files: what they read, and errors that name file and key."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REPOSITORY
from workbench.errors import BadInput
from workbench.judging.items import Answer, Item
from workbench.judging.parsers.userform import Reader, at_path, is_path, the_letter
from workbench.judging.protocol import Asked, Choice, Protocol
from workbench.judging.protocols import BUILT_IN, find_protocol
from workbench.judging.protocols.user import parse, read_protocol
from workbench.judging.rubrics import of_question, read_rubric

SAMPLE = REPOSITORY / "sample_data" / "protocol.toml"
RUBRIC = REPOSITORY / "sample_data" / "rubric.toml"


def asked(protocol: Protocol, count: int = 1) -> Asked:
    """A question of a protocol with its own template."""
    assert protocol.choose is not None
    template = protocol.choose(Choice(protocol.family, protocol.outputs[0], "corrected", 1, {}, False))
    item = Item("q", 1, "single", (Answer("m", "r", (1,)),) * count, template, protocol.unit)
    return Asked("corrected", template.output, count, template, item)


def answer_protocol(**parser: Any) -> dict[str, Any]:
    return {"name": "p", "prompt": "{{fence}} {{question_1}} {{answer_1}}", "parser": parser}


def json_protocol(**more: Any) -> dict[str, Any]:
    return {
        **answer_protocol(field="result.score"),
        "output": "json",
        "schema": '{"type": "object", "properties": {}}',
        **more,
    }


def test_the_sample_protocol() -> None:
    protocol = read_protocol(SAMPLE)
    assert (protocol.kind, protocol.unit, protocol.orders, protocol.turns) == ("pairwise", "pair", ("ab", "ba"), (1,))
    told = asked(protocol, 2)
    for text, verdict in [
        ("It differs.\nVerdict: first", "a"),
        ("Verdict: first … no.\n**Verdict:** Second", "b"),
        ("verdict: neither.", "tie"),
        ("Verdict: both", None),
        ("", None),
    ]:
        reading = protocol.read(text, told)
        assert reading is not None and reading.verdict == verdict
    shown = told.template.render({"question_1": "Q{{x}}", "answer_a_1": "%%%%%%%", "answer_b_1": "B"})
    assert "Q{{x}}" in shown[1].content and "%%%%%%%% end" in shown[1].content


def test_find_protocol_takes_files() -> None:
    assert find_protocol(f"user:{SAMPLE}").family == "surer-answer"
    found = find_protocol(f"rubric:{RUBRIC}")
    assert found.kind == "rubric" and found.values is not None
    item = Item("q", 1, "single", (Answer("m", "r", (1,)),), asked(read_protocol(SAMPLE)).template, "answer")
    assert "Level 5: The user can act at once" in found.values(item, {})["rubric"]
    with pytest.raises(BadInput, match="unknown protocol 'rubrik'"):
        find_protocol("rubrik")
    for name in BUILT_IN:
        assert find_protocol(name).name == name


@pytest.mark.parametrize(
    ("parser", "text", "score"),
    [
        ({"pattern": r"Level:\s*(\d)", "lowest": 0, "highest": 4}, "Level: 1 … Level: 3", 3),
        ({"pattern": r"Level:\s*(\d)", "which": "first"}, "Level: 1 … Level: 3", 1),
        ({"pattern": r"Level:\s*(\d)", "highest": 4}, "Level: 7", None),
        ({"pattern": r"Level:\s*(\w+)?"}, "Level: ", None),
        ({"number": True}, "first 3.5, then -2.", -2),
        ({"number": True}, "v3 and 4x and 5.", 5),
        ({"number": True, "whole": True}, "3.5", None),
        ({"number": True, "lowest": 1, "highest": 10}, "11", None),
        ({"number": True}, "none at all", None),
    ],
)
def test_text_parsers(parser: dict[str, Any], text: str, score: float | None) -> None:
    protocol = parse(answer_protocol(**parser), "p.toml")
    reading = protocol.read(text, asked(protocol))
    assert reading is not None and reading.scores == (score,)


def test_json_path() -> None:
    protocol = parse(json_protocol(parser={"field": "result.levels[1]", "lowest": 0, "highest": 1}), "p.toml")
    told = asked(protocol)
    for text, score in [
        ('{"result": {"levels": [1, 0.5]}}', 0.5),
        ('{"result": {"levels": [1]}}', None),
        ('{"result": [1, 0.5]}', None),
        ('{"result": {"levels": [1, "0.25"]}}', 0.25),
        ('{"result": {"levels": [1, 2]}}', None),
        ("no object", None),
    ]:
        reading = protocol.read(text, told)
        assert reading is not None and reading.scores == (score,)
    assert at_path({"a": [{"b": 3}]}, "a[0].b") == 3
    assert not is_path("a..b") and not is_path("[0]") and not is_path("a[x]") and is_path("a[0][1].b-c")


def test_letters_of_the_last_line() -> None:
    letters = ("A", "B", "A better")
    assert the_letter("I say\nA better\n\n", letters) == "A better"
    assert the_letter("Answer: B.", letters) == "B"
    assert the_letter("A or B", letters) is None
    assert the_letter("A\nnone", letters) is None
    assert the_letter("BAD", letters) is None


def test_group_and_question_units() -> None:
    group = parse({"name": "g", "unit": "group", "prompt": "{{question_1}} {{answers}} 1 to {{top_score}}"}, "g.toml")
    assert group.kind == "quality"
    reading = group.read("[2] Score: 1\n[1] Score: 3", asked(group, 2))
    assert reading is not None and reading.scores == (3, 1)
    listed = parse(
        {
            **json_protocol(name="g", unit="group", prompt="{{answers}}"),
            "parser": {"field": "all.marks", "lowest": 0, "highest": 9},
        },
        "g.toml",
    )
    for text, scores in [
        ('{"all": {"marks": [4, 12]}}', (4, None)),
        ('{"all": {"marks": [4]}}', (None, None)),
        ("x", (None, None)),
    ]:
        reading = listed.read(text, asked(listed, 2))
        assert reading is not None and reading.scores == scores
    question = parse({"name": "q", "unit": "question", "prompt": "{{question_1}}", "parser": {"number": True}}, "q")
    assert question.kind == "user:q"


def test_kinds_keep_boards_clean() -> None:
    likeness = {"name": "like", "unit": "pair", "prompt": "{{answer_a_1}}{{answer_b_1}}", "parser": {"number": True}}
    assert parse(likeness, "l.toml").kind == "user:like"
    with pytest.raises(BadInput, match="'pairwise' does not fit unit pair"):
        parse(likeness | {"kind": "pairwise"}, "l.toml")
    assert parse(answer_protocol(number=True), "p.toml").kind == "user:p"
    assert parse(answer_protocol(number=True) | {"kind": "single"}, "p.toml").kind == "single"


def test_a_missing_reference_is_said() -> None:
    protocol = parse({**answer_protocol(number=True), "prompt": "{{reference_1}} {{answer_1}}"}, "p.toml")
    item = Item("q", 1, "single", (Answer("m", "r", (1,)),), asked(protocol).template, "answer")
    assert protocol.values is not None
    assert protocol.values(item, {"reference": None}) == {"reference_1": "(none)"}
    assert protocol.values(item, {"reference": ["x"]}) == {}


def test_another_parser_is_another_template() -> None:
    one = asked(parse(answer_protocol(number=True), "p.toml")).template
    same = asked(parse(answer_protocol(number=True), "elsewhere.toml")).template
    other = asked(parse(answer_protocol(number=True, which="first"), "p.toml")).template
    assert one.hash == same.hash != other.hash


PAIR = {
    "name": "p", "unit": "pair", "prompt": "{{answer_a_1}} {{answer_b_1}}",
    "parser": {"letters": ["A", "B"]}, "verdicts": {"A": "a", "B": "b"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "field 'name': is missing"),
        ({"name": "a b"}, "field 'name': must be letters"),
        ({"nmae": "x"}, "field 'nmae': unknown key (did you mean 'name'?)"),
        ({"unit": "pairs"}, "field 'unit': must be one of answer, pair"),
        ({"output": "xml"}, "field 'output': must be one of text, json"),
        ({"prompt": " "}, "field 'prompt': must be a text"),
        ({"prompt": "{{answer_a_1}}"}, "field 'prompt': must show {{answer_b_1}}"),
        ({"prompt": "{{answer_a_1}} {{answer_b_1}} {{nme}}"}, "has a placeholder 'nme' that unit pair has no text for"),
        ({"system": "{{answer_1}}"}, "field 'system': a system prompt has no placeholders"),
        ({"schema": "{}"}, "field 'schema': has no meaning for output text"),
        ({"output": "json"}, "field 'parser.letters': output json is read by a field"),
        ({"orders": ["ab", "ab"]}, "field 'orders': must be a list"),
        ({"kind": "similarity"}, "field 'kind': 'similarity' does not fit unit pair"),
        ({"orders": "ab"}, "field 'orders': must be a list"),
        ({"max_tokens": 0}, "field 'max_tokens': must be a whole number"),
        ({"parser": None}, "field 'parser': is missing"),
        ({"parser": {"letters": ["A"], "number": True}}, "field 'parser': must have exactly one of"),
        ({"parser": {"pattern": "("}}, "field 'parser.pattern': is no regular expression"),
        ({"parser": {"pattern": "x"}}, "field 'parser.pattern': must have exactly one group, not 0"),
        ({"parser": {"pattern": "(x)", "wich": "last"}}, "field 'parser.wich': unknown key (did you mean 'which'?)"),
        ({"parser": {"letters": ["A", "C"]}}, "field 'parser.letters': 'C' stands in no line of [verdicts]"),
        ({"parser": {"letters": "A"}}, "field 'parser.letters': must be a list of words"),
        ({"parser": {"number": True, "lowest": 1}}, "field 'parser.lowest': has no meaning beside [verdicts]"),
        ({"verdicts": {"A": "a", "B": "c"}}, "field 'verdicts.B': must be"),
        ({"verdicts": {"A": "a"}}, "field 'verdicts': must map something to"),
        ({"verdicts": None}, "field 'verdicts': is missing"),
        ({"unit": "answer", "prompt": "{{answer_1}}"}, "field 'verdicts': has no meaning for unit answer"),
    ],
)
def test_errors_name_file_and_key(change: dict[str, Any], message: str) -> None:
    data = copy.deepcopy(PAIR) | change
    data = {key: value for key, value in data.items() if value is not None}
    with pytest.raises(BadInput, match=re.escape(message)) as error:
        parse(data, "mine.toml")
    assert str(error.value).startswith("mine.toml: ")


def test_scale_and_schema_errors() -> None:
    for data, message in [
        (answer_protocol(number=True, lowest=3, highest=3), "parser.lowest': must be less than highest"),
        (answer_protocol(number=True, lowest="1"), "parser.lowest': must be a number"),
        (answer_protocol(number="yes"), "parser.number': must be true or false"),
        (json_protocol(schema=None), "schema': is missing"),
        (json_protocol(schema="{"), "schema': is no JSON"),
        (json_protocol(schema='{"type": "array"}'), "schema': must be the schema of an object"),
        (json_protocol(parser={"field": "a..b"}), "parser.field': must be a path"),
    ]:
        with pytest.raises(BadInput, match=re.escape(message)):
            parse({key: value for key, value in data.items() if value is not None}, "p.toml")


def test_files_that_are_none(tmp_path: Path) -> None:
    for read in (read_protocol, read_rubric):
        with pytest.raises(BadInput, match="cannot be read"):
            read(tmp_path / "none.toml")
        (tmp_path / "bad.toml").write_text("name = ")
        with pytest.raises(BadInput, match=r"bad\.toml: not valid TOML"):
            read(tmp_path / "bad.toml")


def test_rubric_files(tmp_path: Path) -> None:
    rubric = read_rubric(RUBRIC)
    assert (rubric.name, len(rubric.levels)) == ("usable", 5)
    assert rubric.text.splitlines()[1].startswith("Level 1: Nothing in it")
    good = tomllib.loads(RUBRIC.read_text("utf-8"))
    file = tmp_path / "r.toml"
    for change, message in [
        ("criterion = 3", "field 'criterion': must be a text"),
        ("", "field 'criterion': is missing"),
        ('criterion = "x"\n[levels]\n1 = "a"', "field 'levels.2': is missing"),
        ('criterion = "x"\nlevels = 3', "field 'levels': must be a table"),
        ('criterion = "x"\n[levels]\n0 = "a"', "field 'levels.0': unknown key"),
        ('criterium = "x"', "field 'criterium': unknown key (did you mean 'criterion'?)"),
    ]:
        text = (
            change
            if "levels" in change or not good
            else f"{change}\n[levels]\n" + "".join(f"{n} = {json.dumps(text)}\n" for n, text in good["levels"].items())
        )
        file.write_text(text)
        with pytest.raises(BadInput, match=re.escape(message)):
            read_rubric(file)


def test_rubric_of_a_question() -> None:
    levels = {str(n): f"level {n}" for n in range(1, 6)}
    own = of_question({"question_id": "q", "meta": json.dumps({"rubric": {"criterion": "C", "levels": levels}})})
    assert own is not None and own.text.startswith("C\nLevel 1: level 1")
    meta = {"orig_criteria": "C", **{f"orig_score{n}_description": f"level {n}" for n in range(1, 6)}}
    theirs = of_question({"question_id": "q", "meta": meta})
    assert theirs is not None and theirs.text == own.text
    assert of_question({"question_id": "q", "meta": None}) is None
    with pytest.raises(BadInput, match=r"question q, meta\.rubric: field 'criterion'"):
        of_question({"question_id": "q", "meta": {"rubric": {"levels": levels}}})


@given(st.text(), st.sampled_from(["last", "first"]))
def test_no_text_breaks_a_users_parser(text: str, which: str) -> None:
    for reader in (
        Reader(path="a.b[0]", lowest=0, highest=1),
        Reader(pattern=re.compile(r"(\d+)?"), which=which, lowest=0, highest=1),
        Reader(number=True, which=which, lowest=0, highest=1),
    ):
        score = reader.score(text)
        assert score is None or 0 <= score <= 1
    pair = Reader(letters=("A", "B"), verdicts={"a": "a", "b": "b"})
    assert pair.verdict(text) in ("a", "b", None)
