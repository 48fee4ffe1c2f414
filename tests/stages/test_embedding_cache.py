"""The cache of embeddings: nothing is lost, torn ends are dropped, two writers do not disturb each other."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import StoreError
from workbench.similarity.cache import EmbeddingCache, text_key


def keys(n: int, prefix: str = "t") -> list[bytes]:
    return [text_key(f"{prefix}{i}") for i in range(n)]


def vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)


def test_what_was_appended_is_there_after_opening_again(tmp_path: Path) -> None:
    made = vectors(10)
    assert EmbeddingCache(tmp_path, "e1").append(keys(10), made) == 10
    again = EmbeddingCache(tmp_path, "e1")
    assert len(again) == 10 and again.dimensions == 8
    assert np.array_equal(again.matrix()[again.rows(keys(10))], made)
    assert again.append(keys(12), vectors(12, 1)) == 2
    assert np.array_equal(again.matrix()[again.rows(keys(10))], made)
    assert len(EmbeddingCache(tmp_path, "e2")) == 0


@pytest.mark.parametrize("cut", [1, 19, 20, 21])
def test_torn_keys_are_dropped(tmp_path: Path, cut: int) -> None:
    cache = EmbeddingCache(tmp_path, "e")
    cache.append(keys(10), vectors(10))
    path = cache.folder / "keys.bin"
    path.write_bytes(path.read_bytes()[:-cut])
    again = EmbeddingCache(tmp_path, "e")
    assert len(again) == 10 - -(-cut // 20)
    assert again.append(keys(10), vectors(10)) == 10 - len(keys(10)) + -(-cut // 20)
    assert np.array_equal(EmbeddingCache(tmp_path, "e").unit_vectors(keys(10)), cache.unit_vectors(keys(10)))


@pytest.mark.parametrize("cut", [1, 31, 32, 33])
def test_torn_vectors_are_dropped(tmp_path: Path, cut: int) -> None:
    cache = EmbeddingCache(tmp_path, "e")
    cache.append(keys(10), vectors(10))
    path = cache.folder / "vectors.f32"
    path.write_bytes(path.read_bytes()[:-cut])
    again = EmbeddingCache(tmp_path, "e")
    assert len(again) == 10 - -(-cut // 32)
    again.append(keys(12), vectors(12))
    assert np.array_equal(np.asarray(EmbeddingCache(tmp_path, "e").matrix()), vectors(12))


def test_a_damaged_last_row_is_embedded_again(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, "e")
    cache.append(keys(3), vectors(3))
    path = cache.folder / "vectors.f32"
    path.write_bytes(path.read_bytes()[:-32] + bytes(32))  # a page that never reached the disk
    again = EmbeddingCache(tmp_path, "e")
    assert keys(3)[2] not in again and len(again) == 2
    assert again.append(keys(3), vectors(3)) == 1
    last = EmbeddingCache(tmp_path, "e")
    assert np.array_equal(last.matrix()[last.rows(keys(3))], vectors(3))


def _append(folder: Path, first: int) -> None:
    cache = EmbeddingCache(folder, "e")
    for i in range(first, first + 60, 3):
        some = [text_key(f"t{j}") for j in range(i, i + 3)]
        cache.append(some, [[float(j)] * 8 for j in range(i, i + 3)])


def test_two_writers(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_append, args=(tmp_path, first)) for first in (0, 30)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
        assert one.exitcode == 0
    cache = EmbeddingCache(tmp_path, "e")
    assert len(cache) == 90
    assert cache.matrix()[cache.rows(keys(90)), 0].tolist() == list(range(90))
    assert (cache.folder / "vectors.f32").stat().st_size == 90 * 8 * 4


def test_a_reader_sees_what_another_process_added_when_it_appends(tmp_path: Path) -> None:
    one, two = EmbeddingCache(tmp_path, "e"), EmbeddingCache(tmp_path, "e")
    one.append(keys(5), vectors(5))
    assert two.append(keys(5), vectors(5, 9)) == 0
    assert np.array_equal(np.asarray(two.matrix()), vectors(5))


def test_bad_vectors_are_refused(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, "e")
    cache.append(keys(1), vectors(1))
    with pytest.raises(StoreError, match="numbers"):
        cache.append([text_key("x")], [[1.0, 2.0]])
    with pytest.raises(StoreError, match="no numbers"):
        cache.append([text_key("x")], [[float("nan")] * 8])
    assert len(cache) == 1
