"""Juries against an endpoint: each member asked once, one verdict of many, cascades, what leaderboards make of it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.engines.fake_openai import FakeOpenAI, Fault, Reply
from tests.stages.filling import add_answers, add_model, add_questions, all_rows
from tests.stages.test_judge import block, longer_wins
from workbench.agree import agreement
from workbench.agree.coefficients import coefficients
from workbench.engines.juries import VERSION
from workbench.errors import BadInput, EngineError, Incomplete, Unknown
from workbench.generate import GenerateSpec, generate
from workbench.judging import JudgeSpec, estimate_judge, judge
from workbench.judging.jury.report import JuryReport
from workbench.models import remove_model, save_model
from workbench.progress import Silent
from workbench.rate.leaderboard import leaderboards
from workbench.records import Annotation, Model, utcnow
from workbench.store import Store

Body = dict[str, Any]


def by_model(voices: dict[str, Any] | None = None, **judges: Any) -> Any:
    """Replies by who is asked: remote-NAME."""
    said = judges if voices is None else voices
    return lambda body: said[body["model"].removeprefix("remote-")](body)


def shorter_wins(body: Body) -> str:
    return {"A": "[[B]]", "B": "[[A]]"}.get(longer_wins(body)[-3], "[[C]]")


def first_wins(body: Body) -> str:
    return "[[A]]"


def always_tie(body: Body) -> str:
    return "[[C]]"


def mumbles(body: Body) -> str:
    return "Hard to say."


def add_jury(store: Store, *members: str, name: str = "panel", **params: Any) -> None:
    save_model(store, Model(name, "jury", None, {"members": list(members), **params}))


def run(store: Store, **more: Any) -> JuryReport:
    report = judge(store, JudgeSpec(**{"judge": "panel", "repair": False, **more}))
    assert isinstance(report, JuryReport)
    return report


def tuples(store: Store, text: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in store.sql(text).rows]


def verdicts(store: Store, name: str = "panel") -> dict[tuple[str, str, str], str | None]:
    rows = store.sql(f"SELECT * FROM judgments_current WHERE judge = '{name}'").dicts()
    return {(r["question_id"], r["model_a"], r["model_b"]): r["verdict"] for r in rows}


@pytest.fixture
def answered(store: Store) -> Store:
    """Three models, three questions; in q0 and q1 one of each two answers is longer, in q2 all are as long."""
    add_questions(store, [f"question {i}" for i in range(3)])
    add_answers(
        store,
        {
            "m-a": ["a" * 10, "a" * 30, "a" * 20],
            "m-b": ["b" * 20, "b" * 20, "b" * 20],
            "m-c": ["c" * 30, "c" * 10, "c" * 20],
        },
    )
    return store


def test_three_judges_of_different_opinions(answered: Store) -> None:
    replies = by_model(x=longer_wins, y=longer_wins, z=shorter_wins)
    with FakeOpenAI(replies) as server:
        for name in "xyz":
            add_model(answered, name, server.url, price_in=1.0, price_out=1.0)
        add_jury(answered, "x", "y", "z")
        report = run(answered, samples=1)
        assert len(server.chats) == 3 * 18  # each member, nine pairs, both orders
        assert (report.total, report.done, report.states) == (9, 9, {"ok": 9})
        assert [(m.judge, m.asked, m.decided, m.escalated, m.failed) for m in report.members] == [
            (name, 9, 9, None, 0) for name in "xyz"
        ]
        paid = answered.sql("SELECT sum(cost) AS cost FROM judgments").dicts()[0]["cost"]
        assert report.cost == pytest.approx(paid) == pytest.approx(sum(m.cost or 0 for m in report.members))
        before = all_rows(answered, "judgments")
        again = run(answered)
        assert (again.done, again.already, again.cost) == (0, 9, None)
        assert len(server.chats) == 54 and all_rows(answered, "judgments") == before
        assert again.members == report.members
    assert verdicts(answered) == verdicts_of_longer()
    row = answered.sql("FROM judgments WHERE judge = 'panel' ORDER BY question_id, model_a, model_b").dicts()[0]
    assert (row["presented_order"], row["sample"], row["state"], row["template"]) == ("both", 0, "ok", "jury")
    assert row["judge_version"].startswith(VERSION) and row["inconsistent"] is None
    assert row["cost"] is row["prompt_tokens"] is row["raw_text"] is None
    assert json.loads(row["probabilities"]) == {"a": pytest.approx(1 / 3), "b": pytest.approx(2 / 3), "tie": 0}
    meta = json.loads(row["meta"])["jury"]
    assert {vote["judge"]: vote["verdict"] for vote in meta["votes"]} == {"x": "b", "y": "b", "z": "a"}
    ids = {r["judgment_id"] for r in before if r["judge"] != "panel"}
    assert {i for vote in meta["votes"] for i in vote["judgments"]} <= ids


def verdicts_of_longer() -> dict[tuple[str, str, str], str]:
    pairs = (("m-a", "m-b"), ("m-a", "m-c"), ("m-b", "m-c"))
    return {(q, *pair): said for q, said in (("q0", "b"), ("q1", "a"), ("q2", "tie")) for pair in pairs}


def test_what_single_judges_said_before_is_not_asked_again(answered: Store) -> None:
    with FakeOpenAI(by_model(x=longer_wins, y=shorter_wins, z=always_tie)) as server:
        for name in "xyz":
            add_model(answered, name, server.url)
        judge(answered, JudgeSpec("x"))
        add_jury(answered, "x", "y", rule="weighted", weights={"y": 3})
        assert len(server.chats) == 18
        assert run(answered).done == 9
        assert len(server.chats) == 36
        # Another rule is another version of the jury: new rows, no request.
        save_model(answered, Model("panel", "jury", None, {"members": ["x", "y"], "rule": "mean"}), replace=True)
        assert run(answered).done == 9 and len(server.chats) == 36
    assert set(verdicts_of_jury(answered, "mean").values()) == {"tie"}
    assert verdicts_of_jury(answered, "weighted")["q0", "m-a", "m-b"] == "a"
    assert len(tuples(answered, "FROM decided WHERE annotator = 'panel'")) == 9  # one of both stands


def verdicts_of_jury(store: Store, rule: str) -> dict[tuple[str, str, str], str]:
    rows = store.sql(f"FROM judgments WHERE judge = 'panel' AND meta->>'$.jury.rule' = '{rule}'").dicts()
    return {(r["question_id"], r["model_a"], r["model_b"]): r["verdict"] for r in rows}


def test_failed_members_are_left_out_counted_and_asked_again(answered: Store) -> None:
    voices: dict[str, Any] = {"x": longer_wins, "y": mumbles, "z": mumbles}
    with FakeOpenAI(by_model(voices)) as server:
        for name in "xyz":
            add_model(answered, name, server.url)
        add_jury(answered, "x", "y", "z")
        report = run(answered)
        assert report.states == {"unparsed": 9} and [m.failed for m in report.members] == [0, 9, 9]
        rows = tuples(answered, "SELECT DISTINCT error, verdict FROM judgments WHERE judge = 'panel'")
        assert rows == [("1 of 3 members could be read (y unparsed, z unparsed)", None)]
        assert not tuples(answered, "FROM decided WHERE annotator = 'panel'")
        voices["y"] = longer_wins
        sent = len(server.chats)
        assert run(answered, retry_failed=True).states == {"ok": 9}
        assert len(server.chats) == sent + 36  # the two that failed, and nobody else
    assert verdicts(answered) == verdicts_of_longer()
    assert len(tuples(answered, "FROM decided WHERE annotator = 'panel'")) == 9


def test_grades_groups_and_likeness(answered: Store) -> None:
    def grade(high: int) -> Any:
        return lambda body: json.dumps({"score": 0.5}) if "alike" in str(body["messages"]) else f"[[{high}]]"

    def group(scores: str) -> Any:
        return lambda body: "\n".join(f"[{i}] Score: {s}" for i, s in enumerate(scores, 1))

    with FakeOpenAI(
        by_model(x=grade(2), y=grade(9), z=grade(10), g=group("123"), h=group("133"), i=group("441"))
    ) as server:
        for name in "xyzghi":
            add_model(answered, name, server.url)
        add_jury(answered, "x", "y", "z")
        add_jury(answered, "g", "h", "i", name="mean", rule="mean")
        assert run(answered, protocol="single").states == {"ok": 9}
        assert {r["score_a"] for r in rows_of(answered, "panel")} == {9.0}
        scores = tuples(answered, "SELECT overall, n FROM mt_bench_scores WHERE judge = 'panel'")
        assert scores == [(9.0, 3)] * 3
        found = run(answered, judge="mean", protocol="quality", group_order="given")
        assert (found.done, found.states) == (3, {"ok": 3})
    rows = rows_of(answered, "mean")
    assert {r["model_a"]: r["score_a"] for r in rows} == {
        "m-a": 2.0, "m-b": pytest.approx(3.0), "m-c": pytest.approx(7 / 3)
    }  # fmt: skip
    one = json.loads(rows[0]["meta"])
    assert one["index"] == 0 and len(one["group"]) == 3


def rows_of(store: Store, name: str) -> list[dict[str, Any]]:
    return store.sql(f"FROM judgments WHERE judge = '{name}' ORDER BY question_id, model_a, model_b").dicts()


def test_likeness_by_a_jury_is_a_similarity_of_its_name(answered: Store) -> None:
    def alike(score: float) -> Any:
        return lambda body: json.dumps({"score": score, "explanation": "so"})

    with FakeOpenAI(by_model(x=alike(0.2), y=alike(0.6))) as server:
        for name in "xy":
            add_model(answered, name, server.url)
        add_jury(answered, "x", "y", rule="mean")
        run(answered, protocol="similarity")
    rows = tuples(answered, "SELECT metric, count(*), avg(score) FROM similarities GROUP BY metric ORDER BY metric")
    assert rows == [("panel", 9, pytest.approx(0.4)), ("x", 9, pytest.approx(0.2)), ("y", 9, pytest.approx(0.6))]


# -- cascades --------------------------------------------------------------------------------------


def unsure_about_equals(body: Body) -> str:
    """Sees which is longer, and where none is takes the first."""
    said = longer_wins(body)
    return "[[A]]" if "C" in said else said


@pytest.fixture
def cascade(answered: Store) -> Store:
    add_jury_of_two(answered)
    return answered


def add_jury_of_two(store: Store, **more: Any) -> None:
    for name, price in (("cheap", 1.0), ("strong", 100.0)):
        add_model(store, name, "http://127.0.0.1:1/v1", price_in=price, price_out=price)
    add_jury(store, "cheap", "strong", rule="cascade", **more)


def serve(store: Store, server: FakeOpenAI, *names: str) -> None:
    """Point models at this server."""
    for row in all_rows(store, "models"):
        if row["model_id"] in names:
            save_model(store, Model(row["model_id"], "api", server.url, json.loads(row["params"])), replace=True)


def asked(server: FakeOpenAI) -> Counter[str]:
    return Counter(body["model"].removeprefix("remote-") for body in server.chats)


def test_the_strong_judge_is_asked_only_what_the_cheap_one_left_open(cascade: Store) -> None:
    with FakeOpenAI(by_model(cheap=unsure_about_equals, strong=always_tie)) as server:
        serve(cascade, server, "cheap", "strong")
        (estimate, bound) = (estimate_judge(cascade, JudgeSpec("panel")), 18 + 18)
        assert estimate.requests == bound and estimate.unknown is not None and "at most" in estimate.unknown
        report = run(cascade)
        assert asked(server) == {"cheap": 18, "strong": 6}  # the three pairs of q2, in both orders
        assert verdicts(cascade) == verdicts_of_longer()
        again = run(cascade)
        assert (again.done, again.already) == (0, 9) and asked(server) == {"cheap": 18, "strong": 6}
        assert estimate_judge(cascade, JudgeSpec("panel")).requests == 0
    first, last = report.members
    assert (first.asked, first.decided, first.escalated, first.failed) == (9, 6, 3, 0)
    assert (last.asked, last.decided, last.escalated, last.failed) == (3, 3, 0, 0)
    assert report.undecided == 0 and report.queue is None
    saved = report.saving
    assert saved is not None and (saved.strongest, saved.unit, saved.items, saved.n) == ("strong", "usd", 9, 3)
    paid = {
        r["judge"]: r["cost"] for r in cascade.sql("SELECT judge, sum(cost) AS cost FROM judgments GROUP BY 1").dicts()
    }
    assert saved.all_strong == pytest.approx(paid["strong"] * 3)
    assert saved.saved == pytest.approx(paid["strong"] * 3 - paid["strong"] - paid["cheap"])
    assert saved.lower is not None and saved.upper is not None and saved.lower <= saved.saved <= saved.upper
    assert any("cost saved: $" in note and "n = 3" in note for note in report.notes)
    # The last one asked stands, and says who it was.
    by = Counter(json.loads(r["meta"])["jury"]["decided_by"] for r in rows_of(cascade, "panel"))
    assert by == {"cheap": 6, "strong": 3}


def test_what_nobody_decides_goes_to_people(cascade: Store) -> None:
    with FakeOpenAI(by_model(cheap=unsure_about_equals, strong=first_wins)) as server:
        serve(cascade, server, "cheap", "strong")
        report = run(cascade)
        assert (report.undecided, report.queue, report.queued) == (3, "panel-human", 3)
        assert report.states == {"ok": 9}  # undecided between the orders is a tie, marked
        assert {r["inconsistent"] for r in rows_of(cascade, "panel") if r["question_id"] == "q2"} == {True}
        rows = all_rows(cascade, "selections")
        assert {(r["method"], r["name"], r["question_id"], r["k"]) for r in rows} == {
            ("escalation", "panel-human", "q2", 3)
        }
        assert len(cascade.query("annotate_items", selection_id=rows[0]["selection_id"], category=None, model_a=None,
                                 model_b=None)) == 3  # fmt: skip
        assert run(cascade).queued == 3 and all_rows(cascade, "selections") == rows


def test_another_queue_when_other_pairs_are_undecided(cascade: Store) -> None:
    voices: dict[str, Any] = {"cheap": unsure_about_equals, "strong": mumbles}
    with FakeOpenAI(by_model(voices)) as server:
        serve(cascade, server, "cheap", "strong")
        report = run(cascade)
        assert report.states == {"ok": 6, "unparsed": 3} and report.queued == 3
        assert report.members[1].escalated == 3 and report.members[1].failed == 0
        voices["strong"] = lambda body: "[[C]]" if "b" * 20 in str(body) else "[[A]]"
        report = run(cascade, retry_failed=True)
        assert (report.undecided, report.queued) == (1, 1)
        newest = cascade.query("select_find", wanted="panel-human")
        assert [row["items"] for row in newest] == [1, 3]


def test_ties_and_low_confidence_escalate_when_asked(answered: Store) -> None:
    add_jury_of_two(answered, confidence=0.8, escalate_on=["tie"])

    def likely(body: Body) -> Reply:
        sure = 0.95 if "question 0" in str(body["messages"]) else 0.6
        letter = longer_wins(body)[-3]
        others = {other: (1 - sure) / 2 for other in "ABC" if other != letter}
        return Reply(
            f"[[{letter}]]", tokens=[("[[", {"[[": 1.0}), (letter, {letter: sure, **others}), ("]]", {"]]": 1.0})]
        )

    with FakeOpenAI(by_model(cheap=likely, strong=longer_wins)) as server:
        serve(answered, server, "cheap", "strong")
        report = run(answered, probabilities=True)
        assert asked(server) == {"cheap": 18, "strong": 12}  # q1 not sure enough, q2 ties; q0 stands
    assert report.undecided == 3  # the strong one's ties too; how sure it was is not known
    assert not any("--probabilities" in note for note in report.notes)


def test_without_probabilities_low_confidence_cannot_be_told_and_says_so(answered: Store) -> None:
    add_jury_of_two(answered, confidence=0.8, escalate_on=["low-confidence"])
    with FakeOpenAI(by_model(cheap=first_wins, strong=longer_wins)) as server:
        serve(answered, server, "cheap", "strong")
        report = run(answered)
        assert asked(server) == {"cheap": 18}
    assert any("--probabilities or --samples" in note for note in report.notes)
    assert any("cannot be estimated" in note for note in report.notes)


def test_savings_in_tokens_where_no_price_is_known(answered: Store) -> None:
    with FakeOpenAI(by_model(cheap=unsure_about_equals, strong=always_tie)) as server:
        for name in ("cheap", "strong"):
            add_model(answered, name, server.url)
        add_jury(answered, "cheap", "strong", rule="cascade")
        report = run(answered)
    assert report.saving is not None and report.saving.unit == "tokens"
    strong = report.members[1]
    assert strong.cost is None and report.saving.spent == strong.prompt_tokens + strong.completion_tokens
    assert report.saving.saved == pytest.approx(2 * report.saving.spent)  # six of nine items
    assert report.saving.others == report.members[0].prompt_tokens + report.members[0].completion_tokens


def test_cancelled_it_goes_on_where_it_stopped(cascade: Store) -> None:
    class Stop(Silent):
        done = 0

        @property
        def cancelled(self) -> bool:  # type: ignore[override]
            return self.done >= 20

        def advance(self, done: int = 1, *, failed: int = 0) -> None:
            self.done += done

    with FakeOpenAI(by_model(cheap=first_wins, strong=longer_wins)) as server:
        serve(cascade, server, "cheap", "strong")
        for row in all_rows(cascade, "models"):
            if row["model_id"] == "strong":
                slow = {**json.loads(row["params"]), "concurrency": 1}
                save_model(cascade, Model("strong", "api", server.url, slow), replace=True)
        report = judge(cascade, JudgeSpec("panel"), Stop())
        assert isinstance(report, JuryReport) and report.cancelled
        sent = asked(server)
        assert sent["cheap"] == 18 and 0 < sent["strong"] < 18
        assert report.members[1].left > 0 and report.done + report.members[1].left == 9
        report = run(cascade)
        assert asked(server) == {"cheap": 18, "strong": 18}
        assert not report.cancelled and report.members[1].left == 0
    assert verdicts(cascade) == verdicts_of_longer()


def test_one_limit_on_cost_for_all_members(cascade: Store) -> None:
    with FakeOpenAI(by_model(cheap=first_wins, strong=longer_wins)) as server:
        serve(cascade, server, "cheap", "strong")
        with pytest.raises(Incomplete, match=r"limit of \$0.2"):
            run(cascade, max_cost=0.2)
        assert asked(server)["cheap"] == 18 and asked(server)["strong"] < 18
        spent = tuples(cascade, "SELECT sum(cost) FROM judgments")[0][0]
        assert spent <= 0.2
        sent = len(server.chats)
        assert run(cascade, max_cost=100.0).states
        assert len(server.chats) == sent + 18 - (sent - 18)
    add_model(cascade, "free", server.url)
    add_jury(cascade, "cheap", "free", name="other")
    with pytest.raises(BadInput, match="needs the prices of 'free'"):
        run(cascade, judge="other", max_cost=1.0)


def test_a_member_that_cannot_be_asked_stops_the_jury_and_the_others_words_are_kept(answered: Store) -> None:
    with FakeOpenAI(by_model(x=longer_wins, y=longer_wins), models=["remote-x"]) as server:
        for name in "xy":
            add_model(answered, name, server.url)
        add_jury(answered, "x", "y")
        with pytest.raises(EngineError):
            run(answered)
        assert len(all_rows(answered, "judgments")) == 18 and not verdicts(answered)
        server.models = None
        assert run(answered).states == {"ok": 9} and asked(server)["x"] == 18


# -- beside judges and people ----------------------------------------------------------------------


def pooled(store: Store) -> list[Any]:
    boards = [leaderboards(store, method=m, by="all")[0].to_json() for m in ("bt", "elo", "win-rate")]
    views = ("win_matrix", "leaderboard_bt", "win_rates_by_category")
    return [*boards, *(tuples(store, f"FROM {view} WHERE source = 'all' ORDER BY ALL") for view in views)]


def test_pooled_leaderboards_do_not_count_a_jury_beside_its_members(answered: Store) -> None:
    with FakeOpenAI(by_model(x=longer_wins, y=first_wins, z=shorter_wins)) as server:
        for name in "xyz":
            add_model(answered, name, server.url)
            judge(answered, JudgeSpec(name))
        before, rated = pooled(answered), coefficients(answered, rounds=10)
        add_jury(answered, "x", "y", "z")
        run(answered)
        assert pooled(answered) == before
        assert coefficients(answered, rounds=10) == rated
    found = leaderboards(answered, method="win-rate", by="panel")[0]
    assert found.battles == 9 and {row["n"] for row in found.to_json()} == {6}
    assert tuples(answered, "SELECT DISTINCT source FROM decided WHERE annotator = 'panel'") == [("jury",)]
    assert {"source": "panel"}.items() <= answered.sql("FROM win_rates WHERE source = 'panel'").dicts()[0].items()
    assert not tuples(answered, "FROM costs WHERE model = 'panel'")
    assert not tuples(answered, "FROM position_bias WHERE rater = 'panel'")
    assert "panel" in [row["name"] for row in answered.query("ui_raters")]


def test_agreement_of_a_jury_with_people(answered: Store) -> None:
    with FakeOpenAI(by_model(x=longer_wins, y=longer_wins, z=shorter_wins)) as server:
        for name in "xyz":
            add_model(answered, name, server.url)
        add_jury(answered, "x", "y", "z")
        run(answered)
    now = utcnow()
    rows = [
        Annotation(f"v{i}", "ann", q, 1, a, b, "ab", "b" if q == "q0" else "a", now)
        for i, (q, a, b) in enumerate(verdicts_of_longer())
    ]
    answered.insert("annotations", [row.row() for row in rows])
    (found,) = (r for r in agreement(answered) if (r.judge_a, r.judge_b, r.setup) == ("panel", "human", 1))
    assert (found.agree, found.total) == (6, 9)  # q2 is a tie, which nobody voted


# -- what cannot be --------------------------------------------------------------------------------


def test_bad_juries(answered: Store) -> None:
    add_model(answered, "x", "http://127.0.0.1:1/v1")
    add_model(answered, "y", "http://127.0.0.1:1/v1")
    with pytest.raises(Unknown, match="unknown member 'xx'"):
        add_jury(answered, "x", "xx")
    with pytest.raises(BadInput, match="imported file only"):
        add_jury(answered, "x", "m-a")
    add_jury(answered, "x", "y")
    with pytest.raises(BadInput, match="jury itself"):
        add_jury(answered, "x", "panel", name="court")
    with pytest.raises(BadInput, match="no jury inside"):
        save_model(answered, Model("x", "jury", None, {"members": ["y", "smollm2-plain"]}), replace=True)
    with pytest.raises(BadInput, match="member of jury 'panel'"):
        remove_model(answered, "x")
    with pytest.raises(BadInput, match="neither verdicts nor scores"):
        run(answered, protocol="autoj-critique")
    with pytest.raises(EngineError, match="is a jury"):
        generate(answered, GenerateSpec(models=("panel",)))
    remove_model(answered, "panel")
    remove_model(answered, "x")
    assert not all_rows(answered, "judgments")


def test_prompts_are_those_of_single_judges(answered: Store) -> None:
    with FakeOpenAI(longer_wins, faults=[Fault(status=503)]) as server:
        for name in "xy":
            add_model(answered, name, server.url, concurrency=1)
        add_jury(answered, "x", "y")
        run(answered, limit=1, models=("m-a", "m-b"))
        assert {block(body, "user's request") for body in server.chats} == {"question 0"}
