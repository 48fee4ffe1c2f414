"""The framework under the protocols: what an item is, which template it gets, which rows it makes, what is cut."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import Any

import pytest

from tests.engines.fake_openai import FakeOpenAI
from tests.stages.filling import add_answers, add_model, add_questions, all_rows
from tests.stages.test_judge import shown
from workbench.errors import BadInput
from workbench.judging import JudgeSpec, estimate_judge, judge
from workbench.judging.cutting import level
from workbench.judging.items import shorten
from workbench.records import Judgment, Response
from workbench.store import Store

Body = dict[str, Any]


@pytest.fixture
def answered(store: Store) -> Store:
    add_questions(store, ["question 0", "question 1"])
    add_answers(store, {"m-a": ["a0", "a1"], "m-b": ["b0", "b1"], "m-c": ["c0", None]})
    return store


def test_a_group_is_one_request_and_a_row_an_answer(answered: Store) -> None:
    def reply(body: Body) -> str:
        return "[2] Score: 3\n[1] Score: 1\n" + ("[3] Score: 9" if "c0" in shown(body) else "")

    with FakeOpenAI(reply) as server:
        add_model(answered, "j", server.url, price_in=1e6, price_out=1e6)
        report = judge(answered, JudgeSpec("j", protocol="quality", group_order="given"))
        assert (report.done, len(server.chats), report.states) == (2, 2, {"ok": 1, "unparsed": 1})
        assert judge(answered, JudgeSpec("j", protocol="quality", group_order="given")).done == 0
        rows = all_rows(answered, "judgments", "question_id, model_a")
        assert [(r["model_a"], r["score_a"], r["state"]) for r in rows] == [
            ("m-a", 1, "ok"), ("m-b", 3, "ok"), ("m-c", None, "unparsed"), ("m-a", 1, "ok"), ("m-b", 3, "ok"),
        ]  # fmt: skip
        assert {r["protocol"] for r in rows} == {"quality"}
        metas = [json.loads(r["meta"]) for r in rows]
        assert [m["index"] for m in metas] == [0, 1, 2, 0, 1]
        assert all(m["group"] == [r["response_a"] for r in rows[:3]] for m in metas[:3])
        assert [r["cost"] is None for r in rows] == [False, True, True, False, True]  # paid for once
        # Another member makes another group: the scores mean something else.
        assert judge(answered, JudgeSpec("j", protocol="quality", group_order="given", models=("m-a", "m-b"))).done == 1
        retried = judge(answered, JudgeSpec("j", protocol="quality", group_order="given", retry_states=("unparsed",)))
        assert retried.done == 1
    assert Counter(r["attempt"] for r in all_rows(answered, "judgments")) == {0: 7, 1: 3}


def test_questions_by_themselves(answered: Store) -> None:
    with FakeOpenAI(lambda body: "[1] Score: 4") as server:
        add_model(answered, "j", server.url)
        assert judge(answered, JudgeSpec("j", protocol="complexity")).states == {"ok": 2}
        assert judge(answered, JudgeSpec("j", protocol="complexity")).already == 2
        assert not any("a0" in shown(body) for body in server.chats)
    rows = all_rows(answered, "judgments")
    assert {(r["model_a"], r["model_b"], r["response_a"], r["score_a"]) for r in rows} == {
        ("(question)", None, None, 4.0)
    }


def test_critiques_of_the_same_answer(answered: Store) -> None:
    responses = {r["model_id"]: r["response_id"] for r in all_rows(answered, "responses") if r["question_id"] == "q0"}

    def critique(critic: str, model: str, text: str) -> dict[str, Any]:
        return Judgment(
            "critique", critic, "import", "t", "import", "q0", 1, model, "single", response_a=responses[model],
            raw_text=text,
        ).row()  # fmt: skip

    answered.insert(
        "judgments",
        [critique(c, m, f"{c} on {m}") for c in ("gpt", "ours", "theirs") for m in ("m-a", "m-b")],
    )
    with FakeOpenAI(lambda body: "A: it is") as server:
        add_model(answered, "j", server.url)
        spec = JudgeSpec("j", protocol="critique-pairwise", baseline="gpt")
        assert judge(answered, spec).states == {"ok": 4}  # two critics against the reference, on two answers
        assert judge(answered, spec).already == 4
        assert judge(answered, JudgeSpec("j", protocol="critique-pairwise")).done == 2
        prompts = [shown(body) for body in server.chats]
        assert all("a0" in p or "b0" in p for p in prompts)
        assert all(sum(f"{c} on m-a" in p for c in ("gpt", "ours", "theirs")) in (0, 2) for p in prompts)
        with pytest.raises(BadInput, match="unknown critic 'x'"):
            judge(answered, JudgeSpec("j", protocol="critique-pairwise", models=("x",)))
    rows = [r for r in all_rows(answered, "judgments") if r["protocol"] == "critique-pairwise"]
    assert {(r["model_a"], r["model_b"]) for r in rows} == {("gpt", "ours"), ("gpt", "theirs"), ("ours", "theirs")}
    for row in rows:
        assert row["response_a"] is None and row["verdict"] == ("a" if row["presented_order"] == "ab" else "b")


def test_every_sample_where_the_protocol_asks_for_all(answered: Store) -> None:
    answered.insert("responses", [Response("q0", "m-a", ("a0 again",), "import:test", sample=1).row()])
    with FakeOpenAI(lambda body: "[[5]]") as server:
        add_model(answered, "j", server.url)
        assert judge(answered, JudgeSpec("j", protocol="single")).done == 5
        # The grades of first samples are there already: picking the best of N asks for the others alone.
        more = judge(answered, JudgeSpec("j", protocol="best-of-n"))
        assert (more.done, more.already) == (1, 5)
    rows = all_rows(answered, "judgments", "sample_a DESC")
    assert [r["sample_a"] for r in rows] == [1, 0, 0, 0, 0, 0]


def test_routing_of_references_in_both_readings(store: Store) -> None:
    add_questions(store, ["0"], category="math", reference=("ref",))
    store.insert("questions", [_question("q1", "writing", ("ref",)), _question("q2", "coding", None)])
    add_answers(store, {"m": ["a", "b", "c"]})
    with FakeOpenAI(lambda body: "[[5]]") as server:
        add_model(store, "j", server.url)
        judge(store, JudgeSpec("j", protocol="single"))
        judge(store, JudgeSpec("j", protocol="single", mode="compat"))
    found = {(r["mode"], r["question_id"]): r["template"] for r in all_rows(store, "judgments")}
    assert found == {
        ("corrected", "q0"): "single-text-ref-v1", ("corrected", "q1"): "single-text-ref-v1",
        ("corrected", "q2"): "single-text-v1",
        # FastChat shows a reference for math, reasoning, coding and arena-hard-200 alone.
        ("compat", "q0"): "single-text-ref-v1", ("compat", "q1"): "single-text-v1", ("compat", "q2"): "single-text-v1",
    }  # fmt: skip


def _question(question_id: str, category: str, reference: tuple[str, ...] | None) -> dict[str, Any]:
    from workbench.records import Question

    return Question(question_id, "b", (question_id,), category=category, reference=reference).row()


def test_what_is_swapped_makes_new_rows_and_the_same_again_none(answered: Store) -> None:
    """Template, order, sample, output form, temperature: each is a judgment of its own; orders add up."""
    with FakeOpenAI(lambda body: '{"reason": "", "verdict": "A"}' if "JSON" in body["messages"][0]["content"]
                    else "The final decision is Response 1. [[A]]") as server:  # fmt: skip
        add_model(answered, "j", server.url)
        base = JudgeSpec("j", models=("m-a", "m-b"))
        for change, new in (
            ({"order": "ab"}, 2), ({"order": "ba"}, 2), ({}, 0), ({"output": "json"}, 4),
            ({"protocol": "autoj-pairwise"}, 4), ({"temperature": 0.5}, 4), ({"samples": 2}, 8),
            ({"mode": "compat"}, 4),
            ({"template": "autoj-pairwise-v1", "limit": 1}, None),
        ):  # fmt: skip
            spec = dataclasses.replace(base, **change)  # type: ignore[arg-type]
            sent = len(server.chats)
            done = judge(answered, spec).done
            assert new is None or done == new, change
            assert judge(answered, spec).done == 0
            # Samples of one item are drawn by one request.
            assert len(server.chats) == sent + done // int(str(change.get("samples", 1)))
    several = 4  # requests that drew two samples
    assert len({r["judgment_id"] for r in all_rows(answered, "judgments")}) == len(server.chats) + several


def test_ids_of_judgments_made_before_are_still_theirs(answered: Store) -> None:
    """The key of a plain judgment is what it was before groups, cuts and samples: nothing is paid for twice."""
    with FakeOpenAI(lambda body: "[[A]]") as server:
        add_model(answered, "j", server.url)
        judge(answered, JudgeSpec("j", limit=1, models=("m-a", "m-b")))
    for r in all_rows(answered, "judgments"):
        same = Judgment(
            r["protocol"], r["judge"], r["judge_version"], r["template"], r["template_hash"], r["question_id"],
            r["turn"], r["model_a"], r["presented_order"], r["model_b"], r["response_a"], r["response_b"],
        )  # fmt: skip
        assert (same.judgment_id, r["meta"]) == (r["judgment_id"], None)
        assert (r["template"], r["template_hash"]) == ("pair-text-v1", "7477a10a8d53b939")


def test_too_long_and_cut_by_rule(store: Store) -> None:
    add_questions(store, ["q", "p"])
    long = "start " + "x" * 20_000 + " end"
    add_answers(store, {"m-a": [long, "short"], "m-b": ["b", "shorter"]})
    with FakeOpenAI(lambda body: "[[A]]") as server:
        add_model(store, "j", server.url, context=2000)
        first = judge(store, JudgeSpec("j"))
        assert (first.states, len(server.chats)) == ({"too_long": 2, "ok": 2}, 2)  # those two were never sent
        assert "--cut middle" in first.notes[-1]
        assert judge(store, JudgeSpec("j")).done == 0
        middle = judge(store, JudgeSpec("j", cut="middle"))
        assert (middle.states, middle.already) == ({"ok": 2}, 2)
        seen = shown(server.chats[-1])
        assert "start x" in seen and "x end" in seen and "characters left out" in seen
        assert len(seen) + len(server.chats[-1]["messages"][0]["content"]) < (2000 - 512) * 4
        assert judge(store, JudgeSpec("j", cut="middle")).done == 0
        assert judge(store, JudgeSpec("j", cut="end")).done == 2
        assert "start x" in shown(server.chats[-1]) and "x end" not in shown(server.chats[-1])
        add_model(store, "k", server.url)
        with pytest.raises(BadInput, match="nothing can be cut"):
            judge(store, JudgeSpec("k", cut="end"))
    rows = all_rows(store, "judgments", "created_at")
    cut = [json.loads(r["meta"])["variant"]["cut"] for r in rows if r["meta"]]
    assert Counter(c["rule"] for c in cut) == {"middle": 2, "end": 2}
    assert all(c["context"] == 2000 and len(c["characters"]) == 1 for c in cut)
    told = next(r["error"] for r in rows if r["state"] == "too_long")
    assert told.startswith("about ") and told.endswith("the judge's context is 2,000")


def test_an_endpoint_that_says_too_long(answered: Store) -> None:
    with FakeOpenAI(lambda body: "[[A]]", most_tokens=10) as server:
        add_model(answered, "j", server.url)
        assert judge(answered, JudgeSpec("j", limit=1)).states == {"too_long": 6}
    assert {r["state"] for r in all_rows(answered, "judgments")} == {"too_long"}


def test_shorten_and_level() -> None:
    assert shorten("abcdef", 6, "middle") == "abcdef"
    assert shorten("abcdef", 4, "end") == "abcd\n[… 2 characters left out …]\n"
    assert shorten("abcdef", 4, "middle") == "ab\n[… 2 characters left out …]\nef"
    assert shorten("abcdef", 1, "middle") == "a\n[… 5 characters left out …]\n"
    assert level([10, 100, 100], 110) == 50
    assert level([10, 20], 100) == 20
    assert level([50, 50], 10) == 5


def test_time_is_told_from_what_was_seen(answered: Store) -> None:
    with FakeOpenAI(lambda body: "[[A]]", delay=0.05) as server:
        add_model(answered, "j", server.url, concurrency=2)
        assert estimate_judge(answered, JudgeSpec("j")).seconds is None
        judge(answered, JudgeSpec("j", limit=1))
        found = estimate_judge(answered, JudgeSpec("j"))
        assert (found.items, found.already) == (2, 6)
        assert found.seconds is not None and 0.05 <= found.seconds < 5
        sampled = estimate_judge(answered, JudgeSpec("j", samples=3))
        assert (sampled.items, sampled.requests) == (24, 8)
        assert sampled.seconds == pytest.approx(8 * found.seconds / 2)
