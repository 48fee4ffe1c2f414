"""The cache of encoded texts: nothing whole is lost, torn ends are dropped, killed and competing writers do no harm."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import StoreError
from workbench.similarity.bertscore.packing import pack, unpack
from workbench.similarity.bertscore.token_cache import TokenCache
from workbench.similarity.cache import text_key

RECORD = 32


def keys(n: int) -> list[bytes]:
    return [text_key(f"t{i}") for i in range(n)]


def text(i: int, d: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Pieces and packed vectors of text i, of i % 5 + 1 tokens."""
    n = i % 5 + 1
    return np.arange(i, i + n, dtype=np.uint32), pack(np.random.default_rng(i).normal(size=(n, d)).astype(np.float32))


def fill(cache: TokenCache, first: int, end: int) -> int:
    made = [text(i) for i in range(first, end)]
    return cache.append(keys(end)[first:], [ids for ids, _ in made], [rows for _, rows in made])


def check(cache: TokenCache, those: list[int]) -> None:
    packed, ids = cache.read([text_key(f"t{i}") for i in those])
    assert ids.tolist() == [piece for i in those for piece in text(i)[0].tolist()]
    assert np.array_equal(packed, np.concatenate([text(i)[1] for i in those]))


def test_what_was_added_is_there_after_opening_again(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path, "e1")
    cache.special = (101, 102)
    assert cache.dimensions is None and fill(cache, 0, 10) == 10
    again = TokenCache(tmp_path, "e1")
    assert len(again) == 10 and again.dimensions == 8 and again.special == (101, 102)
    check(again, [9, 0, 3, 3])
    assert again.lacking(keys(12)) == keys(12)[10:]
    assert fill(again, 5, 12) == 2
    check(again, list(range(12)))
    assert cache.lacking(keys(12)) == keys(12)[10:] and fill(cache, 11, 13) == 1  # sees the other's on its next write
    check(cache, list(range(13)))
    assert again.length(keys(9)[8]) == 4 and again.pieces(keys(9)[8]).tolist() == [8, 9, 10, 11]
    assert len(TokenCache(tmp_path, "e2")) == 0
    assert unpack(cache.read(keys(1))[0]).shape == (1, 8)
    for each in (cache, again):
        each.close()


@pytest.mark.parametrize("cut", [1, RECORD - 1, RECORD, RECORD + 1])
def test_torn_records_are_dropped(tmp_path: Path, cut: int) -> None:
    cache = TokenCache(tmp_path, "e")
    fill(cache, 0, 10)
    path = cache.folder / "index.bin"
    path.write_bytes(path.read_bytes()[:-cut])
    lost = -(-cut // RECORD)
    again = TokenCache(tmp_path, "e")
    assert len(again) == 10 - lost
    assert fill(again, 0, 12) == 2 + lost
    check(TokenCache(tmp_path, "e"), list(range(12)))


@pytest.mark.parametrize("name", ["tokens.i16", "pieces.u32"])
@pytest.mark.parametrize("cut", [1, 40, 41])
def test_torn_vectors_are_dropped(tmp_path: Path, name: str, cut: int) -> None:
    cache = TokenCache(tmp_path, "e")
    fill(cache, 0, 10)
    path = cache.folder / name
    path.write_bytes(path.read_bytes()[:-cut])
    again = TokenCache(tmp_path, "e")
    assert len(again) < 10
    fill(again, 0, 12)
    check(TokenCache(tmp_path, "e"), list(range(12)))


def test_pages_that_never_reached_the_disk(tmp_path: Path) -> None:
    """A power cut can leave a file long enough but its end zeros: the checksum tells. What follows is dropped too."""
    cache = TokenCache(tmp_path, "e")
    fill(cache, 0, 10)
    path = cache.folder / "tokens.i16"
    row = (8 + 8) * 2
    held = path.read_bytes()
    path.write_bytes(held[: -row * 2] + bytes(row * 2))
    again = TokenCache(tmp_path, "e")
    assert 0 < len(again) < 10
    fill(again, 0, 10)
    check(TokenCache(tmp_path, "e"), list(range(10)))
    index = cache.folder / "index.bin"
    index.write_bytes(index.read_bytes()[:-RECORD] + bytes(RECORD))
    assert len(TokenCache(tmp_path, "e")) == 9


def test_damage_and_other_encoders_are_told(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path, "e")
    fill(cache, 0, 2)
    with pytest.raises(StoreError, match="gave vectors of 6 numbers, before it gave 8"):
        cache.append([text_key("x")], [text(0, 6)[0]], [text(0, 6)[1]])
    meta = cache.folder / "meta.json"
    meta.write_text(meta.read_text().replace('"e"', '"f"'))
    with pytest.raises(StoreError, match="holds texts encoded by f, not by e"):
        TokenCache(tmp_path, "e")
    meta.write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        TokenCache(tmp_path, "e")


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = TokenCache(tmp_path, "e")
    fill(cache, 0, 5)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device") as caught:
        fill(cache, 5, 8)
    assert "not encoded again" in str(caught.value.hint)
    monkeypatch.undo()
    assert len(cache) == 5 and fill(cache, 0, 8) == 3
    check(TokenCache(tmp_path, "e"), list(range(8)))


def _write(folder: Path, first: int) -> None:
    cache = TokenCache(folder, "e")
    for i in range(first, first + 60, 3):
        fill(cache, i, i + 3)


def test_two_writers(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_write, args=(tmp_path, first)) for first in (0, 30)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
        assert one.exitcode == 0
    cache = TokenCache(tmp_path, "e")
    assert len(cache) == 90
    check(cache, list(range(90)))


@pytest.mark.kill
def test_a_killed_writer_loses_one_batch_at_most(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    for attempt in range(3):
        one = context.Process(target=_write, args=(tmp_path, 30 * attempt))
        one.start()
        index, wanted = TokenCache(tmp_path, "e").folder / "index.bin", RECORD * (9 + 20 * attempt)
        until = time.monotonic() + 30
        while (not index.exists() or index.stat().st_size < wanted) and one.is_alive() and time.monotonic() < until:
            time.sleep(0.001)
        os.kill(one.pid or 0, signal.SIGKILL)
        one.join(30)
        cache = TokenCache(tmp_path, "e")
        assert len(cache) >= wanted // RECORD - 3
        check(cache, [i for i in range(150) if text_key(f"t{i}") in cache])
    _write(tmp_path, 0)
    check(TokenCache(tmp_path, "e"), list(range(60)))
