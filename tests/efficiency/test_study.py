"""The whole study on stores: cases where MAD must win or lose, what is refused, the command and its figure."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.efficiency.pools import MODELS, fill
from workbench.cli.main import app
from workbench.efficiency import Efficiency, EfficiencySpec, efficiency
from workbench.errors import BadInput, Unknown
from workbench.importing import import_paths
from workbench.store import Store, open_store

QUICK = EfficiencySpec(draws=20, rounds=20, methods=("bt",))


def text(model: int, i: int) -> str:
    return f"answer {model} to {i}: " + " ".join(f"w{(model * 7 + i * j) % 23}" for j in range(25))


def value(found: Efficiency, strategy: str, items: int, against: str = "all", measure: str = "spearman") -> float:
    (row,) = [
        p for p in found.points
        if (p.strategy, p.items, p.against, p.measure, p.method) == (strategy, items, against, measure, "bt")
    ]  # fmt: skip
    assert row.value is not None
    return row.value


def gap(found: Efficiency, strategy: str, items: int | None, against: str = "all") -> Any:
    (row,) = [
        d for d in found.differences
        if (d.strategy, d.items, d.against, d.measure, d.method) == (strategy, items, against, "spearman", "bt")
    ]  # fmt: skip
    return row


def test_mad_wins_where_unlike_answers_tell_and_loses_where_they_mislead(tmp_path: Path) -> None:
    seen = {}
    for name, similarity in (("wins", lambda i: i / 10), ("loses", lambda i: 1 - i / 10)):
        with open_store(tmp_path / f"{name}.duckdb") as store:
            fill(store, MODELS, 6, lambda a, b, i: "a" if i < 3 or (i + a + b) % 3 == 0 else "b", similarity, text)
            seen[name] = efficiency(store, QUICK)
            store.stop_owner()
    for k in (1, 2, 3):
        assert value(seen["wins"], "mad", k) == pytest.approx(1.0)
        assert gap(seen["wins"], "mad", k).value > 0 > gap(seen["loses"], "mad", k).value
    assert gap(seen["wins"], "mad", 1).random_as_good < 0.2 < 0.8 < gap(seen["loses"], "mad", 1).random_as_good
    assert gap(seen["wins"], "mad", None).value > 0 > gap(seen["loses"], "mad", None).value
    # Of a random half the items that tell may be missing, but MAD finds those there are.
    assert gap(seen["wins"], "mad", 1, "half").value > 0 > gap(seen["loses"], "mad", 1, "half").value
    assert seen["wins"].metric == "hand" and seen["wins"].left_out == {}


@pytest.fixture
def voted(store: Store) -> Store:
    fill(store, MODELS, 5, lambda a, b, i: ("a", "b", "tie", "a", "a")[(i + a) % 5], None, text)
    return store


def test_a_study_says_what_it_is_of(voted: Store) -> None:
    found = efficiency(voted, EfficiencySpec(draws=20, rounds=30))
    assert (found.by, found.models, found.pairs, found.votes, found.items) == ("human", MODELS, 6, 30, 30)
    assert found.budgets == (1, 2, 3, 4, 5) and found.strategies == ("mad", "random", "label-next")
    # The answers are there, and nobody compared them: their wording is compared.
    assert found.metric == "hashing"
    for p in found.points:
        assert p.value is None or p.lower is None or p.lower <= p.value <= (p.upper or 0)
        if p.against == "all" and p.items == 5 and p.measure != "error":
            assert p.value == pytest.approx(1.0) and p.lower is None
        if p.against == "rest" and p.items == 5:
            assert p.value is None
        if p.against == "half":
            assert p.items <= 3
        assert p.chosen == p.votes == min(p.items, 5) * 6
    assert found.interval and "30 rounds" in found.interval and "30 questions" in found.interval
    again = efficiency(voted, EfficiencySpec(draws=20, rounds=30))
    assert again == found
    assert efficiency(voted, EfficiencySpec(draws=20, rounds=0)).interval is None
    assert any("within noise" in line or "cannot tell" in line for line in found.notes)


def test_strategies_do_not_disturb_one_another(voted: Store) -> None:
    """Random draws are the same whoever else is replayed beside them."""
    alone = efficiency(voted, EfficiencySpec(strategies=("random",), draws=10, rounds=10, methods=("bt",)))
    beside = efficiency(voted, EfficiencySpec(draws=10, rounds=10, methods=("bt",)))
    assert alone.points == tuple(p for p in beside.points if p.strategy == "random")
    assert not alone.differences


def test_votes_without_answers_take_those_in_force(store: Store) -> None:
    fill(store, MODELS, 3, lambda a, b, i: "a", None, text, linked=False)
    assert efficiency(store, QUICK).metric == "hashing"


def test_without_answers_mad_is_left_out_or_refused(store: Store) -> None:
    fill(store, MODELS, 3, lambda a, b, i: "ab"[i % 2])
    found = efficiency(store, QUICK)
    assert found.strategies == ("random", "label-next") and any("MAD is not replayed" in n for n in found.notes)
    with pytest.raises(BadInput, match="MAD cannot be replayed"):
        efficiency(store, EfficiencySpec(strategies=("mad", "random")))


def test_what_is_refused(voted: Store) -> None:
    for spec, error, words in (
        (EfficiencySpec(items=(6,)), BadInput, "more than any pair"),
        (EfficiencySpec(items=(0,)), BadInput, "at least 1"),
        (EfficiencySpec(strategies=("best",)), Unknown, "strategy 'best'"),
        (EfficiencySpec(methods=("glicko",)), Unknown, "method 'glicko'"),
        (EfficiencySpec(methods=()), BadInput, "no method"),
        (EfficiencySpec(metric="bertscore"), Unknown, "metric 'bertscore'"),
        (EfficiencySpec(models=("m0", "m1")), BadInput, "three models or more, not 2"),
        (EfficiencySpec(by="nobody"), Unknown, "nobody"),
        (EfficiencySpec(turn=2), BadInput, "no votes to replay"),
        (EfficiencySpec(draws=1), BadInput, "draws"),
        (EfficiencySpec(level=1.0), BadInput, "level"),
        (EfficiencySpec(diversity=float("nan")), BadInput, "diversity"),
    ):
        with pytest.raises(error, match=words):
            efficiency(voted, spec)


def test_an_empty_store_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, match="no votes to replay"):
        efficiency(store, EfficiencySpec())


def test_models_that_never_met_are_refused(store: Store) -> None:
    fill(store, MODELS, 2, lambda a, b, i: "a" if (a, b) in ((0, 1), (2, 3)) else "skip")
    with pytest.raises(BadInput, match="2 groups that were never compared"):
        efficiency(store, QUICK)


# -- the command -----------------------------------------------------------------------------------


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_command(voted: Store, store_path: Path, tmp_path: Path) -> None:
    few = ("--draws", 5, "--rounds", 5)
    table = run("--store", store_path, "efficiency", *few, "--measure", "kendall", "--methods", "elo")
    assert table.exit_code == 0, table.output
    assert "Kendall's τ-b, Elo of K items a pair of models against a held-out half" in table.output
    assert "mad − random" in table.output and "30 votes (by human) on 30 items" in table.output
    for ending in ("svg", "png", "pdf"):
        out = tmp_path / f"curves.{ending}"
        done = run("--store", store_path, "efficiency", *few, "--items", "1,2", "--json", "--out", out)
        assert done.exit_code == 0, done.output
        assert out.stat().st_size > 1000
    found = json.loads(done.stdout)
    assert found["budgets"] == [1, 2] and {"points", "differences", "notes", "interval"} <= set(found)
    as_csv = run("--store", store_path, "efficiency", *few, "--items", "1", "--csv")
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert {row["strategy"] for row in rows} == {"mad", "random", "label-next"}
    assert {row["against"] for row in rows} == {"all", "rest", "half"}


def test_the_command_refuses_before_it_works(voted: Store, store_path: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.svg"
    there.write_text("mine")
    for words, said in (
        (("--out", there), "the file exists"),
        (("--out", tmp_path / "curves.html"), "ending"),
        (("--out", tmp_path / "no" / "curves.svg"), "no such folder"),
        (("--measure", "pearson"), "measure 'pearson'"),
        (("--items", "1,two"), "whole numbers"),
        (("--json", "--csv"), "one format"),
    ):
        done = run("--store", store_path, "efficiency", *words)
        assert isinstance(done.exception, BadInput) and said in str(done.exception), (words, done.exception)
    assert there.read_text() == "mine"


# -- real votes ------------------------------------------------------------------------------------


def test_the_published_mad_votes(shared_data: Path, store: Store) -> None:
    import_paths(store, [shared_data / "mad" / "annotation-bert-score.json"])
    found = efficiency(store, EfficiencySpec(draws=10, rounds=10))
    assert (found.votes, found.items, found.pairs, found.metric) == (210, 210, 21, "mad")
    assert found.budgets == tuple(range(1, 11))
    # Against all votes the choices are part of what they are measured by: at 10 items they are all of it.
    for strategy in found.strategies:
        assert value(found, strategy, 10) == pytest.approx(1.0)
        assert value(found, strategy, 10, measure="error") == pytest.approx(0.0, abs=1e-6)
        assert value(found, strategy, 1) < 0.98
    assert value(found, "mad", 1) == pytest.approx(0.9009, abs=1e-4)
