"""Cosines by blocks of questions against the plain formula; what half precision changes."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from workbench.errors import StoreError
from workbench.similarity import cosine
from workbench.similarity.cache import EmbeddingCache, fixed_point, text_key, unit
from workbench.similarity.cosine import pair_cosines


def all_pairs(sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    first, second, base = [], [], 0
    for size in sizes:
        i, j = np.triu_indices(size, 1)
        first.append(i + base)
        second.append(j + base)
        base += size
    return np.concatenate(first).astype(np.int64), np.concatenate(second).astype(np.int64)


def plain(matrix: np.ndarray, rows: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    a, b = (matrix[rows[places]].astype(np.float64) for places in (first, second))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.divide((a * b).sum(axis=1), lengths, out=np.zeros(len(a)), where=lengths > 0)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(2, 5), min_size=1, max_size=12), kept=st.floats(0.2, 1), half=st.booleans(),
    chunk=st.sampled_from([1, 100, 400, 1 << 20]), seed=st.integers(0, 2**31),
)  # fmt: skip
def test_they_are_those_of_the_formula(sizes: list[int], kept: float, half: bool, chunk: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    matrix = rng.normal(size=(n + 3, 7)).astype(np.float32)
    matrix[rng.integers(n)] = 0
    matrix = fixed_point(matrix) if half else unit(matrix)
    rows = rng.integers(0, n + 3, n)  # a text can stand in several places
    first, second = all_pairs(sizes)
    some = rng.random(len(first)) < kept  # some pairs were compared before
    first, second = first[some], second[some]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cosine, "CHUNK_BYTES", chunk)
        found = pair_cosines(matrix, rows, first, second)
    assert found == pytest.approx(plain(matrix, rows, first, second), abs=1e-6)


def test_by_torch_they_are_the_same() -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    matrix = fixed_point(rng.normal(size=(30, 9)).astype(np.float32))
    matrix[4] = 0
    for sizes in ([3] * 10, [2, 5, 4, 8, 3, 5, 3]):
        first, second = all_pairs(sizes)
        found = pair_cosines(matrix, np.arange(30)[::-1], first, second, "cpu:0")
        assert found == pytest.approx(plain(matrix, np.arange(30)[::-1], first, second), abs=1e-6)


def test_half_precision_keeps_cosines_and_ranks(tmp_path: Path) -> None:
    """The figures of docs/similarity.md: errors of cosines, and that the 10 least alike of 2,000 items stay."""
    rng = np.random.default_rng(1)
    questions, models, d = 2000, 4, 256
    shared = rng.normal(size=(questions, 1, d))
    vectors = (shared + rng.normal(size=(questions, models, d))).reshape(-1, d).astype(np.float32) * 37.0
    keys = [text_key(str(i)) for i in range(len(vectors))]
    half, whole = EmbeddingCache(tmp_path, "e", half=True), EmbeddingCache(tmp_path, "e")
    whole.append(keys, vectors)
    assert half.adopt(whole, keys) == len(keys) and half.adopt(whole, keys) == 0
    assert (half.folder / "vectors.i16").stat().st_size * 2 == (whole.folder / "vectors.f32").stat().st_size
    first, second = all_pairs([models] * questions)
    exact = pair_cosines(whole.matrix(), whole.rows(keys), first, second)
    rough = pair_cosines(half.matrix(), half.rows(keys), first, second)
    assert np.abs(exact - rough).max() < 1e-5
    for pair in range(6):
        least, same = np.argsort(exact[pair::6], kind="stable")[:10], np.argsort(rough[pair::6], kind="stable")[:10]
        assert least.tolist() == same.tolist()


def test_vectors_of_any_size_fit_16_bits(tmp_path: Path) -> None:
    made = np.asarray([[3e30, 4e30], [3e-30, -4e-30], [0, 0]], np.float32)
    keys = [text_key(c) for c in "abc"]
    EmbeddingCache(tmp_path, "e", half=True).append(keys, made)
    again = EmbeddingCache(tmp_path, "e", half=True)
    assert again.matrix().dtype == np.int16
    assert again.unit_vectors(keys) == pytest.approx(np.asarray([[0.6, 0.8], [0.6, -0.8], [0, 0]]), abs=2e-5)


def test_the_two_precisions_are_apart(tmp_path: Path) -> None:
    EmbeddingCache(tmp_path, "e", half=True).append([text_key("a")], [[1.0, 0.0]])
    whole = EmbeddingCache(tmp_path, "e")
    assert len(whole) == 0 and whole.dimensions is None
    with pytest.raises(StoreError, match="no numbers"):
        EmbeddingCache(tmp_path, "e", half=True).append([text_key("b")], [[float("inf"), 0.0]])
