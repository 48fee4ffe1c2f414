"""Comparing stored judgments: against hand-worked cases, other libraries, and the workbench's own tables."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import krippendorff
import numpy as np
import pytest
from scipy.stats import binomtest, kendalltau, pearsonr, spearmanr
from sklearn.metrics import cohen_kappa_score

from tests.agree.data import published, vote
from tests.compare.saying import answer, compare, figure, fill, grades, verdicts
from tests.stages.filling import all_rows
from workbench.agree import agreement
from workbench.agree.grades import grade_agreement
from workbench.annotate.items import find_selection, load_keys
from workbench.compare.costs import quantile_bounds
from workbench.errors import BadInput, Unknown
from workbench.rate.audit import bias
from workbench.records import Question
from workbench.store import Store


def test_a_hand_worked_case(store: Store) -> None:
    """x says a a b tie, y says a b b tie: 3 of 4 alike; κ = (3/4 − 5/16) / (1 − 5/16) = 7/11."""
    fill(store, 6)
    store.insert("judgments", [*verdicts("x", "aabt-a"), *verdicts("y", "abbta-")])
    found = compare(store, "x", "y")
    assert (found.items, found.questions, found.kind, found.measure) == (4, 4, "pairwise", "verdict")
    assert figure(found, "agreement", "x", "y").value == 0.75
    assert figure(found, "kappa", "x", "y").value == pytest.approx(7 / 11)
    without = figure(found, "agreement without ties", "x", "y")
    assert (without.value, without.n) == (pytest.approx(2 / 3), 3)
    codes = [[0, 0, 1, 2], [0, 1, 1, 2]]
    alpha = krippendorff.alpha(reliability_data=codes, level_of_measurement="nominal")
    assert figure(found, "alpha", "x", "y").value == pytest.approx(alpha)
    table = {row.verdict: (row.a, row.b, row.tie) for row in found.confusion}
    assert table == {"a": (1, 1, 0), "b": (0, 1, 0), "tie": (0, 0, 1)}
    x, y = found.sides
    assert (x.states, x.left_out) == ({"ok": 5, "unparsed": 1}, 1) and y.states == {"ok": 5, "unparsed": 1}
    assert [(d.question_id, d.said, d.gap) for d in found.disagreements] == [("q1", {"x": "a", "y": "b"}, 1.0)]
    unread = figure(found, "unparsed", "x")
    assert (unread.value, unread.n) == (pytest.approx(1 / 6), 6)
    assert figure(found, "tie-rate", "x").value == 0.25 and figure(found, "tie-rate", "x", "y").value == 0.0
    # No tokens, prices or times are known: no row pretends that they are 0.
    assert not found.section("cost") and not found.section("people") and not found.nearer


def random_verdicts(seed: int, n: int) -> tuple[str, str]:
    draw = random.Random(seed)
    one = [draw.choice("aabbti") for _ in range(n)]
    return "".join(one), "".join(c if draw.random() < 0.6 else draw.choice("abti") for c in one)


def test_equal_to_the_tables_of_the_workbench(store: Store) -> None:
    """Where both judged everything the numbers are those of ``workbench agreement`` and ``workbench bias``."""
    fill(store, 40)
    one, two = random_verdicts(3, 40)
    store.insert("judgments", [*verdicts("x", one), *verdicts("y", two)])
    found = compare(store, "x", "y")
    for row in agreement(store, rounds=200):
        rate, kappa = ("agreement", "kappa") if row.setup == 1 else ("agreement without ties", "kappa without ties")
        for name, value, lower, upper in ((rate, row.rate, row.lower, row.upper),
                                          (kappa, row.kappa, row.kappa_lower, row.kappa_upper)):  # fmt: skip
            mine = figure(found, name, "x", "y")
            assert (mine.value, mine.lower, mine.upper, mine.n) == (value, lower, upper, row.total)
    for row in bias(store):
        name = {"consistency": "orders agreeing"}.get(row.measure, row.measure)
        if name in ("first-share", "position-lean", "longer-won", "orders agreeing"):
            mine = figure(found, name, row.rater)
            assert (mine.value, mine.lower, mine.upper) == pytest.approx((row.value, row.lower, row.upper))
    with_ties = [{"a": 0, "b": 1}.get(c, 2) for c in one], [{"a": 0, "b": 1}.get(c, 2) for c in two]
    assert figure(found, "kappa", "x", "y").value == pytest.approx(cohen_kappa_score(*with_ties))
    # McNemar's exact test on which pairs are consistent: an "i" is the only letter that is not.
    only = (
        sum(c == "i" != d for c, d in zip(two, one, strict=True)),
        sum(c == "i" != d for c, d in zip(one, two, strict=True)),
    )
    assert figure(found, "mcnemar p", "x", "y").value == pytest.approx(binomtest(only[0], sum(only), 0.5).pvalue)
    difference = figure(found, "orders agreeing", "x", "y")
    assert difference.value == pytest.approx((only[0] - only[1]) / 40) and difference.difference
    assert difference.lower is not None and difference.lower < difference.value < difference.upper


def test_the_same_judge_twice_agrees_with_itself(store: Store) -> None:
    fill(store, 12)
    store.insert("judgments", verdicts("x", "abtiabtiabti"))
    found = compare(store, "x", "x")
    assert [side.name for side in found.sides] == ["x [1]", "x [2]"]
    for measure in ("agreement", "agreement without ties", "kappa", "alpha"):
        assert figure(found, measure, "x [1]", "x [2]").value == pytest.approx(1.0)
    for one in found.figures:
        if one.difference:
            assert one.value == 0.0 and (one.lower is None or one.lower <= 0.0 <= one.upper)
    assert figure(found, "mcnemar p", "x [1]", "x [2]").value == 1.0
    assert not found.disagreements and any("very same judgments" in line for line in found.notes)


def test_swapping_the_sides_mirrors_everything(store: Store) -> None:
    models = ("m-a", "m-b", "m-c", "m-d")
    fill(store, 15, models)
    for k, pair in enumerate((("m-a", "m-b"), ("m-b", "m-c"), ("m-c", "m-d"), ("m-a", "m-d"))):
        one, two = random_verdicts(k, 15)
        store.insert("judgments", [*verdicts("x", one, pair), *verdicts("y", two, pair)])
    votes = [
        vote("ab"[i % 2], i, question_id=f"q{i}", model_a="m-a", model_b="m-b", response_a=answer(i, "m-a"),
             response_b=answer(i, "m-b"))
        for i in range(15)
    ]  # fmt: skip
    store.insert("annotations", votes)
    there, back = compare(store, "x", "y"), compare(store, "y", "x")
    assert there.items == back.items == 60 and len(there.figures) == len(back.figures)
    for one in there.figures:
        if one.against in (None, "human"):
            other = figure(back, one.measure, one.side, one.against, one.section)
        else:
            other = figure(back, one.measure, "y", "x", one.section)
        sign = -1 if one.difference else 1
        assert other.value == (None if one.value is None else pytest.approx(sign * one.value))
    assert {(c.verdict, "a", c.a) for c in there.confusion} != {(c.verdict, "a", c.a) for c in back.confusion}
    table = {c.verdict: (c.a, c.b, c.tie) for c in there.confusion}
    mirrored = {c.verdict: (c.a, c.b, c.tie) for c in back.confusion}
    assert np.array([table[v] for v in ("a", "b", "tie")]).T.tolist() == [list(mirrored[v]) for v in ("a", "b", "tie")]
    assert {m.model: m.move for m in there.moves} == {m.model: -m.move for m in back.moves}
    assert [d.question_id for d in there.disagreements] == [d.question_id for d in back.disagreements]
    rho = figure(there, "Spearman's ρ", "x", "y")
    boards = [{r.model: r.rating for r in there.boards if r.side == side} for side in "xy"]
    x, y = ([board[m] for m in models] for board in boards)
    assert rho.value == pytest.approx(spearmanr(x, y).statistic)
    assert figure(there, "Kendall's τ-b", "x", "y").value == pytest.approx(kendalltau(x, y).statistic)
    assert rho.lower <= rho.value <= rho.upper


def test_which_is_nearer_to_people(store: Store) -> None:
    fill(store, 20)
    store.insert("judgments", [*verdicts("good", "ab" * 10), *verdicts("bad", "aa" * 10), *verdicts("odd", "bb" * 10)])
    rows = []
    for i in range(20):
        own = {"question_id": f"q{i}", "model_a": "m-a", "model_b": "m-b"}
        rows.append(vote("ab"[i % 2], 2 * i, **own))  # without answers: about those in force
        rows.append(vote("ab"[i % 2], 2 * i + 1, annotator="g", annotator_kind="gold", **own))
    store.insert("annotations", [*rows, vote("a", 99, question_id="q0", model_a="m-a", model_b="m-z")])
    found = compare(store, "good", "bad")
    assert figure(found, "agreement", "good", "human").value == 1.0
    assert figure(found, "agreement", "bad", "human").value == 0.5
    assert [(one.group, one.nearer, one.difference, one.votes) for one in found.nearer] == [
        ("human", "good", 0.5, 20), ("gold", "good", 0.5, 20),
    ]  # fmt: skip
    assert compare(store, "bad", "good").nearer[0].nearer == "good"
    even = compare(store, "bad", "odd").nearer[0]
    assert (even.nearer, even.difference) == ("cannot tell", 0.0) and even.lower < 0 < even.upper


def test_scores(store: Store) -> None:
    fill(store, 10, ("m-a", "m-b", "m-c"))
    draw = random.Random(1)
    x = {m: [float(draw.randint(1, 10)) for _ in range(10)] for m in ("m-a", "m-b", "m-c")}
    y = {m: [min(10.0, max(1.0, s + draw.randint(-2, 3))) for s in row] for m, row in x.items()}
    store.insert("judgments", [*grades("x", {**x, "m-c": [*x["m-c"][:9], None]}), *grades("y", y)])
    found = compare(store, "x", "y", protocol="single", select="look")
    assert (found.items, found.measure) == (29, "score") and found.sides[1].left_out == 1
    flat = [
        [s for m in x for s in (x[m] if m != "m-c" else x[m][:9])],
        [s for m in y for s in (y[m] if m != "m-c" else y[m][:9])],
    ]
    expected = {
        "pearson": pearsonr(*flat).statistic, "spearman": spearmanr(*flat).statistic,
        "kendall": kendalltau(*flat).statistic, "mean-difference": np.mean(flat[0]) - np.mean(flat[1]),
        "kappa-quadratic": cohen_kappa_score(
            *[np.array(f, dtype=int) for f in flat], weights="quadratic", labels=range(1, 11)
        ),
    }  # fmt: skip
    for name, value in expected.items():
        assert figure(found, name, "x", "y").value == pytest.approx(value), name
    for row in grade_agreement(store, rounds=200):
        mine = figure(found, row.coefficient, "x", "y")
        assert (mine.value, mine.lower, mine.upper, mine.n) == (row.value, row.lower, row.upper, row.n)
    board = [(r.model, r.rating) for r in found.boards if r.side == "y"]
    assert dict(board)["m-a"] == pytest.approx(np.mean(y["m-a"])) and board == sorted(board, key=lambda r: -r[1])
    assert found.disagreements[0].gap == max(abs(a - b) for a, b in zip(*flat, strict=True))
    # Pairs of answers come from scores: longer-won is of those with unequal grades.
    pairs = [
        (m, n, i) for m, n in (("m-a", "m-b"), ("m-a", "m-c"), ("m-b", "m-c")) for i in range(10 if n != "m-c" else 9)
    ]
    longer = [y[n][i] > y[m][i] for m, n, i in pairs if y[n][i] != y[m][i]]
    assert figure(found, "longer-won", "y").value == pytest.approx(np.mean(longer))
    assert found.selection is not None and found.selection.pairs == 10


def test_kappa_of_scores_that_are_no_whole_numbers_is_left_out(store: Store) -> None:
    fill(store, 3)
    store.insert("judgments", [*grades("x", {"m-a": [1.5, 2, 3]}), *grades("y", {"m-a": [1, 2, 4]})])
    found = compare(store, "x", "y", protocol="single")
    assert {f.measure for f in found.section("agreement")} >= {"pearson", "alpha-interval"}
    assert not [f for f in found.figures if f.measure.startswith("kappa")]
    assert found.boards and not found.section("bias")  # one model: nothing to compare it with


def test_disagreements_become_a_selection_for_people(store: Store) -> None:
    fill(store, 8)
    store.insert("judgments", [*verdicts("x", "aaaatiaa"), *verdicts("y", "bbaaaaai")])
    found = compare(store, "x", "y", select="unclear", disagreements=3)
    # Opposite winners before winner against tie; consistent ones before the judge that only looks at the place.
    assert {d.question_id for d in found.disagreements[:2]} == {"q0", "q1"}
    assert found.disagreements[2].question_id == "q4" and found.disagreements[2].gap == 0.5
    row = find_selection(store, "me", "unclear")
    assert row["items"] == 3 and found.selection is not None and row["selection_id"] == found.selection.selection_id
    keys = load_keys(store, "me", 0, row["selection_id"], None, None)
    assert [key.question_id for key in keys.values()] == [d.question_id for d in found.disagreements]
    compare(store, "x", "y", select="unclear", disagreements=3)
    rows = all_rows(store, "selections")
    assert len(rows) == 3 and {r["method"] for r in rows} == {"compare-judges"}
    with pytest.raises(BadInput, match="no pairs of stored answers"):
        compare(store, "x", "x", select="none")


def test_of_several_settings_the_one_that_stands_counts(store: Store) -> None:
    """As everywhere: a finished verdict before an unfinished one, corrected before compat, then the latest."""
    fill(store, 2)
    old = verdicts("x", "aa", template="old", template_hash="o")
    new = verdicts("x", "bb", template="new", template_hash="n", mode="compat")
    half = verdicts("x", "tt", template="half", template_hash="p")[:1]
    store.insert("judgments", [*old, *new, *half, *verdicts("y", "aa")])
    found = compare(store, "x", "y")
    assert figure(found, "agreement", "x", "y").value == 1.0 and found.sides[0].templates == ("old",)
    other = compare(store, "x", "y", templates=("new", None))
    assert figure(other, "agreement", "x", "y").value == 0.0 and other.sides[0].modes == ("compat",)
    two = compare(store, "x", "x", templates=("old", "new@n"))
    assert [side.name for side in two.sides] == ["x [old]", "x [new@n]"]
    assert figure(two, "agreement", "x [old]", "x [new@n]").value == 0.0
    with pytest.raises(BadInput, match="no item"):
        compare(store, "x", "y", shared={"mode": "compat"}, templates=("new", "t"))


def test_the_scope(store: Store) -> None:
    fill(store, 6, ("m-a", "m-b", "m-c"))
    for judge in "xy":
        store.insert("judgments", [*verdicts(judge, "aaaaaa"), *verdicts(judge, "bbbbbb", ("m-a", "m-c"))])
    assert compare(store, "x", "y").items == 12
    assert compare(store, "x", "y", shared={"models": ["m-a", "m-b"]}).items == 6
    assert compare(store, "x", "y", shared={"limit": 2}).items == 4
    assert compare(store, "x", "y", shared={"baseline": "m-c"}).items == 6
    compare(store, "x", "y", shared={"limit": 1})
    one = compare(store, "x", "y", shared={"order": "ab"})
    assert one.items == 12 and one.sides[0].orders == ("ab",) and not one.section("consistency")
    with pytest.raises(Unknown, match="selection"):
        compare(store, "x", "y", shared={"selection": "none"})
    with pytest.raises(BadInput, match="no item was judged by all"):
        compare(store, "x", "y", shared={"turns": [2]})


def test_more_than_two_judges(store: Store) -> None:
    fill(store, 12)
    for name, letters in (("x", "abtaabtaabta"), ("y", "abtbabtbabtb"), ("z", "bbtabbtabbta")):
        store.insert("judgments", verdicts(name, letters))
    found = compare(store, "x", "y", "z")
    pairs = {(f.side, f.against) for f in found.section("agreement") if f.measure == "agreement"}
    assert pairs == {("x", "y"), ("x", "z"), ("y", "z")}
    letters = [["abt".index(c) for c in row] for row in ("abtaabtaabta", "abtbabtbabtb", "bbtabbtabbta")]
    alpha = krippendorff.alpha(reliability_data=letters, level_of_measurement="nominal")
    assert figure(found, "alpha", "all sides").value == pytest.approx(alpha)


def test_self_preference(store: Store) -> None:
    """x is a contestant too: of ten comparisons with its own answers it wins 8 by itself, 5 by y."""
    fill(store, 10, ("x", "m-b"))
    pair = ("m-b", "x")
    store.insert("judgments", [*verdicts("x", "bbbbbbbbaa", pair), *verdicts("y", "bbbbbaaaaa", pair)])
    found = compare(store, "x", "y")
    own = figure(found, "self-preference", "x", "y")
    assert (own.value, own.n) == (pytest.approx(0.3), 10)
    family = compare(store, "x", "y", family={"y": ["m-b"]})
    assert figure(family, "self-preference", "y", "x").value == pytest.approx(0.3)


def test_bad_input(store: Store) -> None:
    fill(store, 2)
    store.insert("judgments", [*verdicts("x", "ab"), *verdicts("y", "--"), *grades("z", {"m-a": [1, 2]})])
    with pytest.raises(BadInput, match="two judges are needed, not 1"):
        compare(store, "x")
    with pytest.raises(Unknown, match="'q'"):
        compare(store, "x", "q")
    with pytest.raises(Unknown, match="template of x"):
        compare(store, "x", "x", templates=("t", "other"))
    with pytest.raises(BadInput, match=r"no item was judged by all of them \(x: 2 ok; y: 2 unparsed\)"):
        compare(store, "x", "y")
    with pytest.raises(BadInput, match="neither verdicts nor scores"):
        compare(store, "x", "y", protocol="autoj-critique")
    with pytest.raises(BadInput, match="judgments of pairwise and single cannot be compared"):
        compare(store, "x", "z", protocols=("pairwise-all", "single"))
    with pytest.raises(BadInput, match="level"):
        compare(store, "x", "y", level=1.0)
    with pytest.raises(BadInput, match="select"):
        compare(store, "x", "x", select="s", disagreements=0)
    with pytest.raises(Unknown, match="bench"):
        compare(store, "x", "x", shared={"bench": "none"})


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_quantile_bounds_hold_the_quantile(share: float) -> None:
    """Woodruff's bounds of 60 clustered values cover the true quantile about as often as they say."""
    rng = np.random.default_rng(5)
    truth = {0.5: 1.0, 0.95: float(np.exp(1.6448536 * np.sqrt(0.34)))}[share]
    hit = n = 0
    for _ in range(300):
        effect = np.repeat(rng.normal(0, 0.3, 60), 3)
        value = np.exp(effect + rng.normal(0, 0.5, 180))
        question = np.repeat(np.arange(60), 3)
        at = float(np.quantile(value, share))
        lower, upper, found = quantile_bounds(value, question, at, share, 0.95)
        assert lower is not None and upper is not None and lower <= at <= upper and found == 60
        n += 1
        hit += lower <= truth <= upper
    assert 0.9 <= hit / n <= 0.99
    assert quantile_bounds(np.ones(3), np.zeros(3, dtype=np.int64), 1.0, share, 0.95)[:2] == (None, None)


def test_published_figures(store: Store, shared_data: Path) -> None:
    """GPT-4 against MT-bench's experts, first turn: 66 % with ties and 85 % without (Zheng et al. 2023, table 5)."""
    rows = published(shared_data)
    store.insert("questions", [Question(str(i), "mt_bench", ("?",)).row() for i in range(81, 161)])
    store.insert_many(rows)
    found = compare(store, "gpt4_pair", "gpt4_pair", shared={"turns": [1]})
    with_ties = figure(found, "agreement", "gpt4_pair [1]", "human")
    without = figure(found, "agreement without ties", "gpt4_pair [2]", "human")
    assert (found.items, with_ties.n, without.n) == (1200, 1343, 859)
    assert round(with_ties.value or 0, 2) == 0.66 and round(without.value or 0, 2) == 0.85
    assert {one.nearer for one in found.nearer} == {"cannot tell"}


def test_results_are_plain(store: Store) -> None:
    """Everything goes through JSON: dataclasses of strings and numbers."""
    from workbench.cli.context import plain

    fill(store, 3)
    store.insert("judgments", [*verdicts("x", "abt"), *verdicts("y", "abi")])
    import json

    found = compare(store, "x", "y")
    assert json.loads(json.dumps(plain(found)))["items"] == 3 and dataclasses.asdict(found)
