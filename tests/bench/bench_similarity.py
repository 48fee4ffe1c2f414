"""All-pairs cosine of 8 models' answers to 30,000 questions: against the bare numpy product, and through to the store.

`products`: the cosines of all 28 × 30,000 pairs at 1,536 dimensions from a cache file (16 bits a number, mapped, rows
in the order in which the stage leaves them), against numpy's `X @ X.transpose(0, 2, 1)` of the same vectors, ready in
memory in single precision, in the same run; medians, the ratio of processor times too (other work on the machine
slows the two differently), and the largest difference of a cosine. Peak memory is that of a process of its own that
does nothing but read the file and score: pages of the file that the system lent it count, what it took itself is
`own_at_the_end`.

`stage`: `workbench similarity` with every embedding in the cache: reading the scope, scoring, and 840,000 rows in a
store; seconds, and the worker's and the owner's peak memory. Filling that store is not counted.

Run: python tests/bench/bench_similarity.py [--questions 30000] [--skip-stage]. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from workbench.engines.registry import BUILTIN_EMBEDDERS, open_embedder
from workbench.records import Model, Question, Response
from workbench.similarity.cache import EmbeddingCache, fixed_point, text_key
from workbench.similarity.cosine import pair_cosines

MODELS, DIMENSIONS, ROUNDS = 8, 1536, 5
PART = 2000


def vectors(questions: int) -> Iterator[np.ndarray[Any, Any]]:
    """Unit vectors of answers, PART questions at a time: those to one question are somewhat alike."""
    rng = np.random.default_rng(0)
    for start in range(0, questions, PART):
        n = min(PART, questions - start)
        made = rng.standard_normal((n, 1, DIMENSIONS), np.float32) + rng.standard_normal(
            (n, MODELS, DIMENSIONS), np.float32
        )
        yield made / np.linalg.norm(made, axis=2, keepdims=True)


def pairs(questions: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    i, j = np.triu_indices(MODELS, 1)
    base = np.arange(questions)[:, None] * MODELS
    return (base + i).ravel(), (base + j).ravel()


def stage_order(questions: int) -> np.ndarray[Any, Any]:
    """Where each answer's vector stands in the file: the stage encodes a block's answers by length, in any order."""
    rng, block = np.random.default_rng(1), 512 * MODELS
    starts = range(0, questions * MODELS, block)
    return np.concatenate([s + rng.permutation(min(block, questions * MODELS - s)) for s in starts])


def medians(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor."""
    work()
    times, used = [], []
    for _ in range(ROUNDS):
        began, busy = time.perf_counter(), time.process_time()
        work()
        times.append(time.perf_counter() - began)
        used.append(time.process_time() - busy)
    return statistics.median(times), statistics.median(used)


def peak_mb(pid: int | str = "self") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024, 0)


def score_alone(file: Path, questions: int) -> None:
    """In a process of its own: how much memory it takes."""
    matrix = np.memmap(file, np.int16, "r", shape=(questions * MODELS, DIMENSIONS))
    rows = stage_order(questions)
    before = peak_mb()
    pair_cosines(matrix, rows, *pairs(questions))
    status = Path("/proc/self/status").read_text().splitlines()
    own = next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024
    print(json.dumps({"before": before, "peak": peak_mb(), "own_at_the_end": round(own)}))


def products(folder: Path, questions: int) -> dict[str, Any]:
    rows = stage_order(questions)
    file = folder / "vectors.i16"
    matrix = np.memmap(file, np.int16, "w+", shape=(questions * MODELS, DIMENSIONS))
    bare = np.empty((questions, MODELS, DIMENSIONS), np.float32)
    start = 0
    for part in vectors(questions):
        bare[start : start + len(part)] = part
        matrix[rows[start * MODELS : (start + len(part)) * MODELS]] = fixed_point(part.reshape(-1, DIMENSIONS))
        start += len(part)
    matrix.flush()
    first, second = pairs(questions)
    of_numpy, numpy_cpu = medians(lambda: bare @ bare.transpose(0, 2, 1))
    ours, our_cpu = medians(lambda: pair_cosines(matrix, rows, first, second))
    i, j = np.triu_indices(MODELS, 1)
    exact = (bare @ bare.transpose(0, 2, 1))[:, i, j].ravel()
    off = float(np.abs(pair_cosines(matrix, rows, first, second) - exact).max())
    matrix = bare = None
    alone = subprocess.run(
        [sys.executable, __file__, "--alone", str(file), "--questions", str(questions)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {
        "questions": questions, "pairs": len(first), "numpy_s": round(of_numpy, 3), "ours_s": round(ours, 3),
        "ratio": round(ours / of_numpy, 2),
        "processor_ratio": round(our_cpu / numpy_cpu, 2), "most_off": off, "file_mb": round(file.stat().st_size / 1e6),
        "memory_mb": json.loads(alone.stdout),
    }  # fmt: skip


def stage(folder: Path, questions: int) -> dict[str, Any]:
    from workbench.similarity import SimilaritySpec, similarity
    from workbench.store import open_store

    with open_store(folder / "bench.duckdb") as store:
        store.insert(
            "questions", [Question(f"q{i}", "b", (f"question {i}?",), position=i).row() for i in range(questions)]
        )
        embedder = open_embedder(BUILTIN_EMBEDDERS["hashing"])
        cache = EmbeddingCache(store.files / "embeddings", embedder.version, half=True)
        for m in range(MODELS):
            store.insert("models", [Model(f"m{m}", "import").row()])
            store.insert(
                "responses",
                (Response(f"q{i}", f"m{m}", (f"answer {m} to {i}. " * 20,), "b").row() for i in range(questions)),
            )
        start = 0
        for part in vectors(questions):
            keys = [
                text_key(f"answer {m} to {i}. " * 20) for i in range(start, start + len(part)) for m in range(MODELS)
            ]
            cache.append(keys, part.reshape(-1, DIMENSIONS))
            start += len(part)
        del cache
        code = (
            "import sys, json, time; began = time.perf_counter();"
            "from workbench.store import open_store; from workbench.similarity import SimilaritySpec, similarity;"
            "store = open_store(sys.argv[1]); report = similarity(store, SimilaritySpec());"
            "seconds = time.perf_counter() - began;"
            "peak = next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM'));"
            "print(json.dumps({'seconds': round(seconds, 2), 'rows': report.done, 'worker_mb': int(peak) // 1024}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )  # fmt: skip
        found: dict[str, Any] = json.loads(done.stdout)
        found["rows_a_second"] = round(found["rows"] / found["seconds"])
        found["owner_mb"] = peak_mb(store.status()["pid"])
        began = time.perf_counter()
        again = similarity(store, SimilaritySpec())
        found["again_s"] = round(time.perf_counter() - began, 2)
        assert again.already == found["rows"] == questions * MODELS * (MODELS - 1) // 2
        store.stop_owner()
    return found


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--questions", type=int, default=30_000)
    options.add_argument("--skip-stage", action="store_true")
    options.add_argument("--alone", type=Path)
    given = options.parse_args()
    if given.alone:
        score_alone(given.alone, given.questions)
        return
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        report["products"] = products(Path(folder), given.questions)
    if not given.skip_stage:
        with tempfile.TemporaryDirectory() as folder:
            report["stage"] = stage(Path(folder), given.questions)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
