"""``workbench compare-judges`` with judges that are asked: fake ones behind a loopback server, whose ways are known."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.compare.saying import Body, figure, fill, first_wins, longer_wins, spec, verdicts
from tests.engines.fake_openai import FakeOpenAI, Fault, Reply
from tests.stages.filling import add_model
from tests.test_cli import Cli, cli  # noqa: F401
from workbench.compare.comparison import compare_judges
from workbench.compare.running import estimates
from workbench.errors import BadInput, Incomplete, Unknown
from workbench.judging.importing_templates import import_templates
from workbench.records import Model
from workbench.store import Store, open_store


def by_model(body: Body) -> str:
    """``fair`` compares, ``first`` looks at the place alone."""
    return longer_wins(body) if body["model"] == "remote-fair" else first_wins(body)


def add_judges(store: Store, url: str, **params: Any) -> None:
    for name in ("fair", "first"):
        add_model(store, name, url, price_in=10.0, price_out=10.0, concurrency=4, **params)


def asked(*judges: str, **over: Any) -> Any:
    return spec(*judges, **{"run": True, **over})


def test_a_judge_that_looks_at_the_place_alone_is_found_out(store: Store) -> None:
    fill(store, 10, ("m-a", "m-b", "m-c"))
    with FakeOpenAI(by_model) as server:
        add_judges(store, server.url)
        found = compare_judges(store, asked("fair", "first"))
        assert len(server.chats) == 120 and found.items == 30
        again = compare_judges(store, asked("fair", "first"))
        assert len(server.chats) == 120, "running again sends nothing"
    assert [side.report.already for side in again.sides if side.report] == [60, 60]
    assert [f.value for f in again.figures] == [f.value for f in found.figures]
    assert figure(found, "first-share", "first").value == 1.0 and figure(found, "first-share", "fair").value == 0.5
    for measure, value in (
        ("first-share", -0.5),
        ("position-lean", -1.0),
        ("orders agreeing", 1.0),
        ("tie-rate", -1.0),
    ):
        one = figure(found, measure, "fair", "first")
        assert one.value == value and one.lower is not None and one.upper is not None, measure
        assert one.upper < 0 or one.lower > 0, measure
    assert figure(found, "longer-won", "fair").value == 1.0
    assert figure(found, "longer-won", "first").note == "nothing to go by"  # ties alone
    assert figure(found, "mcnemar p", "fair", "first").value == pytest.approx(2 * 0.5**30)
    assert figure(found, "agreement", "fair", "first").value == 0.0
    cost = figure(found, "cost US$", "fair")
    assert found.sides[0].report is not None and found.sides[0].report.cost is not None
    assert cost.value == pytest.approx(found.sides[0].report.cost / 30)
    assert figure(found, "cost US$ of 1,000 items", "fair").value == pytest.approx(1000 * cost.value)
    seconds = [figure(found, measure, "first") for measure in ("median seconds", "p95 seconds")]
    assert 0 < seconds[0].value <= seconds[1].value < 5 and seconds[0].n == 30  # type: ignore[operator]


def test_only_the_items_that_both_could_judge(store: Store) -> None:
    fill(store, 4)

    def reply(body: Body) -> str | Reply:
        if body["model"] == "remote-first" and "question 1" in str(body["messages"]):
            return Reply("", finish_reason="content_filter")
        return longer_wins(body)

    with FakeOpenAI(reply) as server:
        add_judges(store, server.url)
        found = compare_judges(store, asked("fair", "first"))
    assert found.items == 3 and [side.left_out for side in found.sides] == [1, 0]
    assert found.sides[1].states == {"ok": 3, "refused": 1}
    assert figure(found, "refused", "fair").value == 0.0 and figure(found, "refused", "first").value == 0.25
    assert figure(found, "agreement", "fair", "first").value == 1.0


def test_one_judge_with_two_templates(store: Store, tmp_path: Path) -> None:
    fill(store, 6)
    prompts = tmp_path / "judge_prompts.jsonl"
    line = {
        "name": "hasty", "type": "pairwise", "system_prompt": "Be quick.", "description": "", "category": "general",
        "prompt_template": "{question}|{answer_a}|{answer_b}", "output_format": "[[A]]",
    }  # fmt: skip
    prompts.write_text(json.dumps(line) + "\n", "utf-8")
    import_templates(store, [prompts])

    def reply(body: Body) -> str:
        return first_wins(body) if "Be quick." in str(body["messages"][0]) else longer_wins(body)

    with FakeOpenAI(reply) as server:
        add_model(store, "j", server.url)
        found = compare_judges(store, asked("j", "j", templates=(None, "hasty")))
        assert len(server.chats) == 24
        stored = compare_judges(store, spec("j", "j", templates=("pair-text-v1", "hasty")))
        assert len(server.chats) == 24
    own, hasty = "j [own template]", "j [hasty]"
    assert [side.name for side in found.sides] == [own, hasty] and found.sides[1].templates == ("hasty",)
    assert figure(found, "orders agreeing", own).value == 1.0 and figure(found, "orders agreeing", hasty).value == 0.0
    one = figure(stored, "orders agreeing", "j [pair-text-v1]", "j [hasty]")
    assert one.value == 1.0


def test_what_a_dry_run_says(store: Store) -> None:
    fill(store, 5)
    store.insert("judgments", verdicts("paper", "abtab"))
    with FakeOpenAI(by_model) as server:
        add_judges(store, server.url)
        fair, first, total = estimates(store, asked("fair", "first"))
        assert (fair.stage, fair.requests, first.requests, total.requests) == ("judge: fair", 10, 10, 20)
        assert total.cost == pytest.approx((fair.cost or 0) + (first.cost or 0)) and total.seconds is None
        assert total.prompt_tokens == fair.prompt_tokens + first.prompt_tokens > 0
        twice = estimates(store, asked("fair", "fair"))
        assert [one.requests for one in twice] == [10, 0, 10] and "same judgments" in str(twice[1].unknown)
        stored = estimates(store, asked("paper", "fair"))
        assert [one.requests for one in stored] == [0, 10, 10] and "as stored" in str(stored[0].unknown)
        assert not server.chats
        # A judge whose verdicts were imported is compared as it is stored.
        found = compare_judges(store, asked("paper", "fair"))
        assert found.items == 5 and len(server.chats) == 10 and found.sides[0].report is None
        assert [one.requests for one in estimates(store, asked("paper", "fair"))] == [0, 0, 0]
    with pytest.raises(BadInput, match="nothing to estimate"):
        estimates(store, spec("fair", "first"))


def test_repeats(store: Store) -> None:
    """A judge that says A and B in turn never repeats itself; one that compares always does."""
    fill(store, 4)
    turns = itertools.count()

    def reply(body: Body) -> str:
        return longer_wins(body) if body["model"] == "remote-fair" else f"[[{'AB'[next(turns) % 2]}]]"

    with FakeOpenAI(reply) as server:
        for name in ("fair", "first"):
            add_model(store, name, server.url, concurrency=1)
        found = compare_judges(store, asked("fair", "first", shared={"samples": 2}))
    assert figure(found, "repeats agreeing", "fair").value == 1.0
    flips = figure(found, "repeats agreeing", "first")
    assert flips.value == 0.0 and flips.n == 8
    assert figure(found, "repeats agreeing", "fair", "first").value == 1.0


def test_other_settings_of_the_same_judge_take_no_part(store: Store) -> None:
    """What the judge said before, by another model behind its name, is not what is compared."""
    fill(store, 3)
    store.insert("judgments", verdicts("first", "bbb", judge_version="old"))
    with FakeOpenAI(by_model) as server:
        add_judges(store, server.url)
        found = compare_judges(store, asked("fair", "first"))
    assert len(found.sides[1].versions) == 1 and found.sides[1].versions != ("old",)
    assert figure(found, "tie-rate", "first").value == 1.0


def test_the_limit_on_cost_is_for_both(store: Store) -> None:
    fill(store, 3)
    with FakeOpenAI(by_model) as server:
        add_judges(store, server.url)
        whole = estimates(store, asked("fair", "first"))[-1].cost
        assert whole is not None
        with pytest.raises(Incomplete):
            compare_judges(store, asked("fair", "first", max_cost=whole / 100))
        sent = len(server.chats)
        found = compare_judges(store, asked("fair", "first", max_cost=100 * whole))
        assert sent < len(server.chats) == 12 and found.items == 3


def test_quality_scores_cost_what_their_requests_cost(store: Store) -> None:
    fill(store, 3, ("m-a", "m-b", "m-c"))
    with FakeOpenAI(lambda body: "[1] Score: 4\n[2] Score: 2\n[3] Score: 1") as server:
        add_judges(store, server.url)
        found = compare_judges(store, asked("fair", "first", protocol="quality"))
        assert len(server.chats) == 6
    assert (found.items, found.measure, found.kind) == (9, "score", "quality")
    assert figure(found, "same score", "fair", "first").value == 1.0
    cost = found.sides[0].report and found.sides[0].report.cost
    assert figure(found, "cost US$", "fair").value == pytest.approx((cost or 0) / 9)
    assert figure(found, "median seconds", "fair").n == 3


def test_a_jury_costs_what_its_members_cost(store: Store) -> None:
    fill(store, 8)
    with FakeOpenAI(by_model) as server:
        add_judges(store, server.url)
        store.insert("models", [Model("both", "jury", None, {"members": ["fair", "first"], "rule": "majority"}).row()])
        *_, whole = estimates(store, asked("both", "fair"))
        assert whole.requests == 48 and "fair is also in the jury" in str(whole.unknown)
        found = compare_judges(store, asked("both", "fair"))
        assert len(server.chats) == 32 and found.items == 8
    jury, fair = (figure(found, "cost US$", name).value for name in ("both", "fair"))
    assert jury is not None and fair is not None and jury > 1.5 * fair


def test_a_judge_that_cannot_be_asked_and_has_said_nothing(store: Store) -> None:
    fill(store, 2)
    with FakeOpenAI(by_model, faults=[Fault(status=401)]) as server:
        add_judges(store, server.url)
        with pytest.raises(Unknown, match="unknown judge 'firs'"):
            compare_judges(store, asked("fair", "firs"))
        with pytest.raises(BadInput, match="only"):
            compare_judges(store, asked("fair", "m-a"))
        with pytest.raises(Unknown, match="template"):
            compare_judges(store, asked("fair", "first", templates=(None, "none")))
        assert not server.chats, "what is wrong with the second is said before the first is asked"


def test_from_the_command_line(cli: Cli) -> None:  # noqa: F811
    with open_store(cli.store) as store:
        fill(store, 3, ("m-a", "m-b", "m-c"))
    with FakeOpenAI(by_model) as server:
        with open_store(cli.store) as store:
            add_judges(store, server.url)
        plan = cli.json("compare-judges", "fair", "first", "--dry-run")
        assert [row["requests"] for row in plan] == [18, 18, 36] and not server.chats
        assert "total" in cli.run("compare-judges", "fair", "first", "--dry-run").stdout
        done = cli.run("compare-judges", "fair", "first", "--rounds", "50", "--select", "unclear")
        assert len(server.chats) == 36
        for words in ("How far they agree", "position-lean", "orders agreeing", "Leaderboard by fair", "disagree most"):
            assert words in done.stdout, words
        assert "selection 'unclear': 9 pairs" in done.stderr and "interval: 95 % Wilson" in done.stderr
        found = cli.json("compare-judges", "fair", "first", "--no-run", "--rounds", "50")
        assert found["items"] == 9 and len(server.chats) == 36
        assert {row["section"] for row in found["figures"]} == {
            "agreement", "bias", "consistency", "cost", "leaderboards"
        }  # fmt: skip
    assert "two judges are needed" in cli.error("compare-judges", "fair")
    assert "unknown judge" in cli.error("compare-judges", "fair", "nobody")
    assert "--turns must be" in cli.error("compare-judges", "fair", "first", "--turns", "x")
    assert "no item was judged" in cli.error("compare-judges", "fair", "first", "--no-run", "--turns", "2")


def test_an_error_of_the_judge_is_an_exit_code(cli: Cli) -> None:  # noqa: F811
    with open_store(cli.store) as store:
        fill(store, 2)
    with FakeOpenAI(by_model, faults=[Fault(status=400, body={"error": {"message": "no"}})]) as server:
        with open_store(cli.store) as store:
            for name in ("fair", "first"):
                add_model(store, name, server.url, concurrency=1)
        found = json.loads(cli.run("compare-judges", "fair", "first", "--json", code=1).stdout)
    assert found["sides"][0]["states"]["error"] == 1 and found["sides"][1]["left_out"] == 1
