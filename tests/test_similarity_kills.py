"""A run that is killed at random moments: what was encoded stays, at most one batch is lost, the rows are the same."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engines.fake_openai import FakeOpenAI
from tests.stages.filling import add_answers, add_model, add_questions
from workbench.similarity import SimilaritySpec, embedding, similarity
from workbench.similarity.cache import EmbeddingCache, text_key
from workbench.similarity.embedding import named_embedder
from workbench.store import Store, open_store

pytestmark = pytest.mark.kill
BATCH = 16
#: The worker: the stage with small batches and blocks, so that there are many moments to die at.
WORKER = f"""
import sys
from workbench.similarity import SimilaritySpec, blocks, embedding, similarity
from workbench.store import open_store
embedding.TEXTS, blocks.QUESTIONS = {BATCH}, 10
with open_store(sys.argv[1]) as store:
    print(similarity(store, SimilaritySpec(embedder="enc")).done)
"""
MODELS, QUESTIONS, KILLS = 4, 80, 8


def scores(store: Store) -> dict[tuple[str, str], float]:
    rows = store.sql("SELECT response_a, response_b, score FROM similarities", limit=10_000).rows
    assert len({(a, b) for a, b, _ in rows}) == len(rows)
    return {(a, b): score for a, b, score in rows}


def fill(store: Store, server: FakeOpenAI) -> None:
    add_questions(store, [f"q {i}" for i in range(QUESTIONS)])
    add_answers(store, {f"m-{m}": [f"answer {m} of {i} {i % 7}" for i in range(QUESTIONS)] for m in range(MODELS)})
    add_model(store, "enc", server.url)


def durable(store: Store) -> set[bytes]:
    from workbench.engines.registry import open_embedder

    version = open_embedder(named_embedder(store, "enc")).version
    cache = EmbeddingCache(store.files / "embeddings", version, half=True)
    every = [text_key(f"answer {m} of {i} {i % 7}") for m in range(MODELS) for i in range(QUESTIONS)]
    return {key for key in every if key in cache}


def test_killed_at_random_moments(tmp_path: Path) -> None:
    draw = random.Random(5)
    with FakeOpenAI() as server:
        with open_store(tmp_path / "calm.duckdb") as calm:
            fill(calm, server)
            similarity(calm, SimilaritySpec(embedder="enc"))
            wanted = scores(calm)
        server.requests.clear()
        path = tmp_path / "killed.duckdb"
        with open_store(path) as store:
            fill(store, server)
            seen_pairs: dict[tuple[str, str], float] = {}
            killed = 0
            for _ in range(60):
                kept, sent_before = durable(store), len(server.requests)
                worker = subprocess.Popen([sys.executable, "-c", WORKER, str(path)], stdout=subprocess.PIPE)
                if killed < KILLS:
                    # Wait until it works (or has ended), then a little longer.
                    while len(server.requests) == sent_before and worker.poll() is None:
                        time.sleep(0.002)
                    time.sleep(draw.random() * 0.08)
                    worker.kill()
                    killed += 1
                code = worker.wait(120)
                texts = [t for r in server.requests[sent_before:] for t in r.body["input"] if t != embedding.PROBE]
                assert len(set(texts)) == len(texts)
                assert not {text_key(text) for text in texts} & kept, "what was durable is not embedded again"
                # At most the batch under way is lost.
                assert len(texts) - (len(durable(store)) - len(kept)) <= BATCH
                now = scores(store)
                assert seen_pairs.items() <= now.items()
                seen_pairs = now
                if code == 0 and killed >= KILLS:
                    break
            assert killed == KILLS and scores(store).keys() | set() and len(seen_pairs) == len(wanted)
            assert list(seen_pairs.values()) == pytest.approx([wanted[pair] for pair in seen_pairs], abs=1e-6)
