"""What a selection covers, the commands that say it, and that ratings never pool the two arms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.stages.filling import add_answers
from tests.stages.selecting import LONG, add_categorised, fill, newest, put_similarities, spread_scores
from workbench.annotate import Session
from workbench.cli.main import app
from workbench.errors import BadInput, Unknown
from workbench.rate.leaderboard import leaderboards
from workbench.records import utcnow
from workbench.select import SelectSpec, select
from workbench.select.stored import coverage, find, list_selections
from workbench.store import Store

SPEC = SelectSpec(metric="own", name="s", top_k=2, control=1)


def test_what_a_selection_covers(store: Store) -> None:
    add_categorised(store, ["math", "math", "code", None])
    add_answers(store, {"a": [LONG] * 4, "b": [LONG] * 4, "c": [LONG, "short", LONG, LONG]})
    put_similarities(
        store,
        {
            ("a", "b"): {0: 0.0, 1: 0.5, 2: 1.0, 3: 1.0}, ("a", "c"): {0: 0.1, 2: 0.2, 3: 1.0},
            ("b", "c"): {0: 0.1, 2: 0.3},
        },
    )  # fmt: skip
    select(store, SPEC)
    found = coverage(store, "s")
    assert [(p.model_a, p.model_b, p.items, p.pool, p.selected, p.control) for p in found.pairs] == [
        ("a", "b", 4, 4, 2, 1), ("a", "c", 4, 3, 2, 1), ("b", "c", 4, 2, 2, 0),
    ]  # fmt: skip
    assert found.pairs[1].dropped == {"empty": 0, "ratio": 1, "few_words": 0, "uncompared": 0}
    assert found.pairs[2].dropped == {"empty": 0, "ratio": 1, "few_words": 0, "uncompared": 1}
    assert found.histogram is not None
    h = found.histogram
    assert (h.edges[0], h.edges[-1], len(h.edges)) == (0.0, 1.0, 21)
    assert (sum(h.pool), sum(h.selected), sum(h.control)) == (9, 6, 2)
    assert h.pool[0] == 1 and h.pool[-1] == 3 and h.selected[10] == 1  # 0; 1.0 thrice; 0.5
    assert (found.questions, found.pool_questions, found.selected_questions, found.share) == (4, 4, 3, 0.75)
    assert found.repeated == 2
    assert [(o.pair_a, o.pair_b, o.shared) for o in found.overlaps] == [
        (("a", "c"), ("b", "c"), 2), (("a", "b"), ("a", "c"), 1), (("a", "b"), ("b", "c"), 1),
    ]  # fmt: skip
    assert [(c.category, c.questions, c.pool, c.selected, c.items) for c in found.categories] == [
        ("code", 1, 1, 1, 2), ("math", 2, 2, 2, 4), ("none", 1, 1, 0, 0),
    ]  # fmt: skip
    assert coverage(store).name == coverage(store, found.selection_id[:10]).name == "s"
    with pytest.raises(Unknown, match="selection 't'"):
        find(store, "t")


def test_methods_without_filters_have_a_report_too(store: Store) -> None:
    fill(store, "ab", 6)
    select(store, SelectSpec(method="label-next", items=3, name="l", control=1))
    found = coverage(store, "l")
    assert found.histogram is None and found.pool_questions is None
    assert [(p.items, p.dropped, p.selected, p.control) for p in found.pairs] == [(None, None, 3, 1)]
    assert (found.selected_questions, found.share) == (3, 0.5)


def test_selections_are_listed_newest_first(store: Store) -> None:
    fill(store, "ab", 12)
    put_similarities(store, spread_scores("ab", 12))
    select(store, SPEC)
    select(store, SelectSpec(extend="s", top_k=3))
    session = Session(store, "ann", selection="s")
    session.record(session.next_items()[0], "left", utcnow())
    rows = list_selections(store)
    assert [(r["name"], r["k"], r["newest"], r["items"], r["control"]) for r in rows] == [
        ("s", 3, True, len({x["question_id"] for x in newest(store, "s")}), rows[0]["control"]),
        ("s", 2, False, 3, 1),
    ]  # fmt: skip
    assert rows[0]["votes"] == rows[1]["votes"] == 1
    assert rows[0]["options"]["control"] == 1


def test_the_commands(store: Store, store_path: Path) -> None:
    fill(store, "abc", 12)
    put_similarities(store, spread_scores("abc", 12))

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["--store", str(store_path), *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    common = ("select", "--metric", "own", "--name", "s", "--top-k", "2")
    shown = json.loads(run(*common, "--report", "--json"))
    assert shown["report"]["done"] == 6 and shown["coverage"]["selected_questions"] > 0
    assert "Similarities" in run(*common, "--report")
    assert json.loads(run("select", "--extend", "s", "--top-k", "4", "--json"))["done"] == 12
    assert json.loads(run("select", "--metric", "own", "--quota", "none=3", "--dry-run", "--json"))[0]["items"] == 9
    listed = json.loads(run("selections", "--json"))
    assert [row["k"] for row in listed] == [4, 2]
    assert json.loads(run("selections", "show", "s", "--json"))["k"] == 4
    text = run("selections", "show")
    assert all(word in text for word in ("Pairs of models", "Similarities", "Categories", "Most shared"))
    assert "s" in run("selections", "list")


def test_ratings_never_pool_the_two_arms(store: Store) -> None:
    fill(store, "ab", 20)
    put_similarities(store, spread_scores("ab", 20))
    select(store, SelectSpec(metric="own", name="s", top_k=6, control=4))
    arms = {row["question_id"]: row["arm"] for row in newest(store, "s")}
    session = Session(store, "ann", selection="s")
    for item in session.next_items(10):
        a_left = item.left_model == "a"
        wanted = arms[item.question_id] == "control"  # a wins all of the control arm, b all of the selected
        session.record(item, "left" if a_left == wanted else "right", utcnow())
    for method in ("win-rate", "bt", "elo"):
        (board,) = leaderboards(store, method=method, by="human")
        assert (board.battles, dict(board.left_out)) == (6, {"control": 4})
        assert board.rows[0].model == "b"
        (control,) = leaderboards(store, method=method, by="human", arm="control")
        assert (control.battles, dict(control.left_out)) == (4, {"not_control": 6})
        assert control.rows[0].model == "a" and "arm control" in control.title()
    rows = store.sql("SELECT DISTINCT model, n FROM win_matrix WHERE source = 'human' ORDER BY model").dicts()
    assert rows == [{"model": "a", "n": 6}, {"model": "b", "n": 6}]
    rows = store.sql("SELECT sum(n) AS n FROM win_rates_by_category WHERE source = 'human'").dicts()
    assert rows[0]["n"] == 12
    with pytest.raises(Unknown, match="arm"):
        leaderboards(store, method="bt", arm="both")
    with pytest.raises(BadInput, match="no control arm"):
        leaderboards(store, method="bt-style", arm="control")
