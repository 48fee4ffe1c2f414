"""BERTScore without an encoder: matching, packing, idf and baselines against the formulas written out plainly."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.similarity.bertscore import greedy
from workbench.similarity.bertscore.baseline import find_baseline, read_baseline, rescaled
from workbench.similarity.bertscore.idf import corpus_hash, idf_weights, weigh
from workbench.similarity.bertscore.packing import EXTRA, pack, unpack


def unit_rows(rng: np.random.Generator, n: int, d: int = 16) -> np.ndarray:
    rows = rng.normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def texts(lengths: list[int], seed: int = 0) -> tuple[greedy.Texts, list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    vectors = [unit_rows(rng, n) for n in lengths]
    weights = [np.round(rng.random(n), 3) for n in lengths]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return greedy.Texts(np.concatenate(vectors), starts, np.concatenate(weights)), vectors, weights


def plainly(x: np.ndarray, wx: np.ndarray, y: np.ndarray, wy: np.ndarray) -> tuple[float, float]:
    """Precision of candidate x against reference y, and recall, token by token."""
    if wx.sum() == 0 or wy.sum() == 0:
        return 0.0, 0.0
    precision = sum(w * max(0.0, *(float(a @ b) for b in y)) for a, w in zip(x, wx, strict=True)) / wx.sum()
    recall = sum(w * max(0.0, *(float(a @ b) for a in x)) for b, w in zip(y, wy, strict=True)) / wy.sum()
    return precision, recall


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 7), min_size=2, max_size=6),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_matching_equals_the_formula(lengths: list[int], seed: int, data: st.DataObject) -> None:
    some, vectors, weights = texts(lengths, seed)
    place = st.integers(0, len(lengths) - 1)
    pairs = data.draw(st.lists(st.tuples(place, place), min_size=1, max_size=12))
    first, second = np.array(pairs).T
    precision, recall = greedy.match(some, first, second)
    for k, (i, j) in enumerate(pairs):
        p, r = plainly(vectors[i], weights[i], vectors[j], weights[j])
        assert precision[k] == pytest.approx(p, abs=2e-6)
        assert recall[k] == pytest.approx(r, abs=2e-6)


def test_small_products_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    some, _, _ = texts([5, 3, 9, 2, 7, 4])
    first, second = np.array([(i, j) for i in range(6) for j in range(6) if i < j]).T
    whole = greedy.match(some, first, second)
    monkeypatch.setattr(greedy, "PRODUCT", 20)
    for a, b in zip(whole, greedy.match(some, first, second), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_directions_and_weightless_texts() -> None:
    some, _, _ = texts([4, 6, 3])
    some.weights[some.starts[2] :] = 0  # nothing but special tokens
    p, r = greedy.match(some, np.array([0, 1, 0, 2]), np.array([1, 0, 2, 0]))
    assert p[0] == pytest.approx(r[1]) and r[0] == pytest.approx(p[1])
    assert p[2:].tolist() == r[2:].tolist() == [0, 0]
    f = greedy.f1(p, r)
    assert f[0] == pytest.approx(f[1]) == pytest.approx(2 * p[0] * r[0] / (p[0] + r[0]))
    assert f[2:].tolist() == [0, 0]


def test_a_text_is_like_itself() -> None:
    some, _, _ = texts([5])
    p, r = greedy.match(some, np.array([0]), np.array([0]))
    assert p[0] == pytest.approx(1, abs=1e-6) and r[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("peak", [0.0, 3.0])
def test_packing_keeps_cosines(peak: float) -> None:
    """Also where all vectors share one large coordinate, as RoBERTa's do; plain float16 is off by 1e-4 there."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(300, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[:, 7] += peak
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    packed = pack(rows)
    assert packed.shape == (300, 384 + EXTRA) and packed.dtype == np.int16
    again = unpack(packed)
    exact = rows.astype(np.float64) @ rows.astype(np.float64).T
    assert np.abs(again.astype(np.float64) @ again.astype(np.float64).T - exact).max() < 1.5e-5
    largest = np.abs(rows).argmax(axis=1)
    assert (again[np.arange(300), largest] == rows[np.arange(300), largest]).all()


def test_packing_at_the_edges() -> None:
    rows = np.array([[1, 0, 0], [0, -1, 0], [0, 0, 0], [0.5, 0.5, 0.70710677]], np.float32)
    np.testing.assert_allclose(unpack(pack(rows)), rows, atol=1e-7)
    assert unpack(pack(rows[:0])).shape == (0, 3)
    assert unpack(pack(rows[:, :2])).tolist() == rows[:, :2].tolist()


def test_idf_by_hand() -> None:
    a, b = np.array([1, 5, 5, 9], np.uint32), np.array([1, 9], np.uint32)
    weights = idf_weights([(a, 1), (b, 2)])
    found = weigh(np.array([1, 5, 9, 4, 70_000], np.uint32), weights)
    assert found == pytest.approx([0, math.log(4 / 2), 0, math.log(4), math.log(4)])


def test_a_corpus_is_named_by_its_texts_and_how_often_they_stand_there() -> None:
    one = corpus_hash({b"a" * 16: 1, b"b" * 16: 2})
    assert one == corpus_hash({b"b" * 16: 2, b"a" * 16: 1})
    assert one != corpus_hash({b"a" * 16: 2, b"b" * 16: 1}) != corpus_hash({b"a" * 16: 2})


def test_baselines(tmp_path: Path) -> None:
    path = tmp_path / "own.tsv"
    path.write_text("LAYER,P,R,F\n0,0.1,0.2,0.15\n1,0.5,0.6,0.55\n2,1,x,0\n", "utf-8")
    found = find_baseline(str(path), "anything", 1)
    assert (found.p, found.r, found.f) == (0.5, 0.6, 0.55)
    assert rescaled(np.array([0.5, 1.0, 0.0]), 0.5).tolist() == [0, 1, -1]
    with pytest.raises(BadInput, match="no line for layer 7"):
        read_baseline(path, 7)
    with pytest.raises(BadInput, match=r"own.tsv:4: field 'P': must be a number below 1, not '1'"):
        read_baseline(path, 2)
    with pytest.raises(BadInput, match="cannot be read"):
        read_baseline(tmp_path / "none.tsv", 1)
    path.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(BadInput, match="must begin with the line LAYER,P,R,F"):
        read_baseline(path, 1)
    with pytest.raises(BadInput, match="no published baseline for an encoder given as a folder"):
        find_baseline("en", str(tmp_path), 1)
