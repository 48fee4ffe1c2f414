from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from tests.engines.fake_openai import FakeOpenAI, Fault
from workbench.engines import endpoint
from workbench.engines.embeddings import ApiEmbedder
from workbench.engines.hashing import DIMENSIONS, HashingEmbedder, hashed_vector
from workbench.engines.registry import BUILTIN_EMBEDDERS, open_embedder
from workbench.errors import EngineError
from workbench.records import Model


def cosine(a: str, b: str) -> float:
    return float(hashed_vector(a) @ hashed_vector(b))


async def test_hashing_gives_unit_vectors_in_order() -> None:
    embedder = open_embedder(BUILTIN_EMBEDDERS["hashing"])
    assert isinstance(embedder, HashingEmbedder) and embedder.version == "hashing-1024-v1"
    vectors = np.asarray(await embedder.embed(["one text", "another text", "", "!?"]))
    assert vectors.shape == (4, DIMENSIONS) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 0, 0], abs=1e-6)
    assert np.array_equal(vectors[1], hashed_vector("another text"))
    assert np.asarray(await embedder.embed([])).shape == (0, DIMENSIONS)


def test_hashing_is_the_same_in_every_process() -> None:
    script = "from workbench.engines.hashing import *; print(hashed_vector('Déjà vu, 你好 world').tobytes().hex())"
    done = [
        subprocess.run([sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True,
                       check=True, cwd=".").stdout for seed in ("1", "2")
    ]  # fmt: skip
    assert done[0] == done[1] != ""


@pytest.mark.parametrize(
    ("base", "near", "far"),
    [
        ("The cat sat on the mat.", "The cats sat on a mat!", "Quantum fields carry energy."),
        ("猫が好きです。毎日遊びます。", "猫が大好きです。毎日遊びます。", "株価は下がりました。"),
        ("我喜欢在早上喝咖啡", "我喜欢在晚上喝咖啡", "股市今天下跌了百分之三"),
        ("ฉันชอบกินข้าวผัด", "ฉันชอบกินข้าวต้ม", "รถไฟออกเดินทางแล้ว"),
        ("Быстрая лиса прыгает", "Быстрая лиса прыгнула", "Сегодня идёт дождь"),
    ],
)
def test_hashing_sees_shared_words_in_any_script(base: str, near: str, far: str) -> None:
    assert cosine(base, near) > cosine(base, far) + 0.3
    assert cosine(base, base) == pytest.approx(1, abs=1e-6)


def test_hashing_folds_case_width_and_space_and_survives_anything() -> None:
    assert cosine("Hello  WORLD", "hello\nworld") == pytest.approx(1, abs=1e-6)
    assert cosine("ＡＢＣ １２３", "abc 123") == pytest.approx(1, abs=1e-6)
    for text in ("\ud800", "a", "\x00\x1b[31m", "🙂", "a" * 100_000):
        assert np.isfinite(hashed_vector(text)).all()


def test_hashing_is_fast() -> None:
    rng = np.random.default_rng(1)
    words = ["".join(chr(97 + c) for c in rng.integers(0, 26, 6)) for _ in range(5000)]
    texts = [" ".join(words[i] for i in rng.integers(0, 5000, 200)) for _ in range(200)]
    started = time.perf_counter()
    for text in texts:
        hashed_vector(text)
    assert (time.perf_counter() - started) * 5 < 3  # 1,000 texts in less than 3 s


def model(url: str, **params: object) -> Model:
    return Model("e", "api", url, {"model": "enc", "timeout_s": 5, **params})


async def test_api_embedder_batches_and_keeps_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "BASE_S", 0.01)
    texts = [f"text number {i}\nof many" for i in range(10)] + [""]
    with FakeOpenAI(faults=[Fault(503), Fault(disconnect=True)]) as server:
        embedder = ApiEmbedder(model(server.url, batch_size=4, dimensions=16))
        vectors = await embedder.embed(texts)
        await embedder.close()
        bodies = [r.body for r in server.requests]
        assert vectors == [server.vector(t.replace("\n", " ")) for t in texts]
    assert len(bodies) == 3 + 2
    assert all(b["encoding_format"] == "float" and b["dimensions"] == 16 and len(b["input"]) <= 4 for b in bodies)
    assert "text number 0 of many" in [t for b in bodies for t in b["input"]]
    assert all(t for b in bodies for t in b["input"])  # endpoints refuse empty texts
    assert "enc" in embedder.version and "16" in embedder.version


async def test_api_embedder_shortens_what_is_too_long() -> None:
    long = " ".join(str(i) for i in range(100))
    with FakeOpenAI(most_tokens=60) as server:
        embedder = ApiEmbedder(model(server.url))
        short, cut, last = await embedder.embed(["a b", long, "c d"])
        assert (short, last) == (server.vector("a b"), server.vector("c d"))
        await embedder.close()
    assert 30 <= sum(cut) <= 61


@pytest.mark.parametrize(
    ("fault", "match"),
    [
        (Fault(401), "wants a key"),
        (Fault(404), "does not serve"),
        (Fault(400), "could not embed"),
        (Fault(200, body={"data": []}), "one vector for each text"),
        (Fault(200, body={"data": [{"index": 0, "embedding": "AAAA"}]}), "one vector for each text"),
    ],
    ids=str,
)
async def test_api_embedder_errors(fault: Fault, match: str) -> None:
    with FakeOpenAI(faults=[fault] * 3) as server:
        embedder = ApiEmbedder(model(server.url, batch_size=1))
        with pytest.raises(EngineError, match=match):
            await embedder.embed(["a", "b", "c"])
        await embedder.close()
