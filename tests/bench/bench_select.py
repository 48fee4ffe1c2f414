"""MAD selection at the paper's size: 28 pairs of models × 30,000 instructions, K = 10, 1,536 dimensions.

    PYTHONPATH=. python tests/bench/bench_select.py [--quick] [--skip-store] [--pairs N]

The rule (random unit vectors from a .npy memory map, random similarities), all in one run:

- ``ours``: ``workbench.select.pick_least_similar``
- ``one product a step``: bare numpy, a running maximum and one matrix product for all pairs at each step
- ``published, arrays``: as published, at each step the pool is sorted again by goals made anew, one cosine at a time
  (``numpy.dot`` over norms) to everything selected; measured on ``--pairs`` pairs (1) and multiplied: pairs are
  independent
- ``published, lists``: the same with Python lists, measured on 300 instructions of one pair and multiplied by
  instructions and pairs (its time is linear in both)
- ``published, vectorised``: the same with one matrix product for each pair and step, as kind as one can be to it

Every form must choose the same items. Then a real store with 8 × 30,000 answers and 840,000 similarities: seconds of
the statement that filters and builds the candidates, of whole selections, and memory of the owner and the client.
BLAS has one thread. Prints JSON. About three minutes; ``--quick`` takes a tenth of the instructions.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

# Small products on several threads wait for each other where others work on the machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from workbench.records import Model, Question, Response, utcnow
from workbench.select import SelectSpec, pick_least_similar, select
from workbench.select.pool import read_candidates
from workbench.select.stored import coverage
from workbench.store import Store, open_store

MODELS, K, DIMENSIONS, LAMBDA = 8, 10, 1536, 0.5
LIST_ITEMS = 300
#: Largest resident memory in kilobytes (Linux).
PEAK = "VmHWM:"


def best(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times, found = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - start)
    return min(times), found


def one_product_a_step(scores: np.ndarray, vectors: np.ndarray, diversity: float) -> list[list[int]]:
    pairs = np.arange(len(scores))
    table, nearest = scores.copy(), np.full(scores.shape, -np.inf, np.float32)
    last = table.argmin(axis=1)
    chosen = [last]
    for _ in range(K - 1):
        table[pairs, last] = np.inf
        np.maximum(nearest, vectors[last] @ vectors.T, out=nearest)
        last = (table + diversity * nearest).argmin(axis=1)
        chosen.append(last)
    return np.array(chosen).T.tolist()


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.dot(one, other) / (np.linalg.norm(one) * np.linalg.norm(other)))


def published_arrays(scores: np.ndarray, vectors: np.ndarray, diversity: float) -> list[int]:
    """One pair."""
    left = sorted(range(len(scores)), key=scores.__getitem__)
    chosen = [left.pop(0)]
    while left and len(chosen) < K:
        goals = {i: scores[i] + diversity * max(cosine(vectors[i], vectors[j]) for j in chosen) for i in left}
        left.sort(key=lambda i: (goals[i], i))
        chosen.append(left.pop(0))
    return chosen


def published_vectorised(scores: np.ndarray, vectors: np.ndarray, diversity: float) -> list[int]:
    """One pair."""
    chosen = [int(np.argsort(scores, kind="stable")[0])]
    while len(chosen) < K:
        goal = scores + diversity * (vectors @ vectors[chosen].T).max(axis=1)
        goal[chosen] = np.inf
        chosen.append(int(np.argsort(goal, kind="stable")[0]))
    return chosen


def published_lists(scores: list[float], vectors: list[list[float]], diversity: float) -> list[int]:
    """One pair."""
    left = sorted(range(len(scores)), key=scores.__getitem__)
    chosen = [left.pop(0)]
    while left and len(chosen) < K:
        goals = {
            i: scores[i]
            + diversity * max(sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True)) for j in chosen)
            for i in left
        }
        left.sort(key=lambda i: (goals[i], i))
        chosen.append(left.pop(0))
    return chosen


def rule(folder: Path, prompts: int, some_pairs: int, repeats: int) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    made = rng.standard_normal((prompts, DIMENSIONS), dtype=np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    np.save(folder / "vectors.npy", made)
    del made
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    pairs = MODELS * (MODELS - 1) // 2
    scores = rng.uniform(0.2, 1.0, (pairs, prompts))
    places = [np.arange(prompts)] * pairs
    out: dict[str, Any] = {"pairs": pairs, "instructions": prompts, "k": K, "dimensions": DIMENSIONS, "lambda": {}}

    def ours(diversity: float, **more: Any) -> list[list[int]]:
        found = pick_least_similar(list(scores), K, diversity, places, vectors, **more)
        return [[pick.place for pick in some] for some in found]

    for diversity in (0.1, 0.5, 1.0):
        own_s, own = best(lambda d=diversity: ours(d), repeats)
        bare_s, bare = best(lambda d=diversity: one_product_a_step(scores, vectors, d), repeats)
        out["lambda"][diversity] = {
            "ours_s": own_s, "one_product_a_step_s": bare_s, "ours_over_bare": own_s / bare_s,
            "same_items": own == bare,
        }  # fmt: skip
    own = ours(LAMBDA)
    own_s = out["lambda"][LAMBDA]["ours_s"]
    memory = np.asarray(vectors)
    for name, form in (("published_arrays", published_arrays), ("published_vectorised", published_vectorised)):
        took, found = best(lambda f=form: [f(scores[p], memory, LAMBDA) for p in range(some_pairs)], 1)
        out[name] = {
            "measured_pairs": some_pairs, "measured_s": took, "all_pairs_s": took / some_pairs * pairs,
            "times_ours": took / some_pairs * pairs / own_s, "same_items": found == own[:some_pairs],
        }  # fmt: skip
    few = scores[0, :LIST_ITEMS].tolist()
    head = np.asarray(vectors[:LIST_ITEMS])
    lists_s, in_lists = best(lambda: published_lists(few, head.astype(np.float64).tolist(), LAMBDA), 1)
    (mine,) = pick_least_similar([scores[0, :LIST_ITEMS]], K, LAMBDA, [np.arange(LIST_ITEMS)], head)
    whole = lists_s * prompts / LIST_ITEMS * pairs
    out["published_lists"] = {
        "measured_instructions": LIST_ITEMS, "measured_s": lists_s, "all_s": whole, "times_ours": whole / own_s,
        "same_items": in_lists == [pick.place for pick in mine],
    }  # fmt: skip
    out["across_s"] = best(lambda: ours(LAMBDA, across=True), 1)[0]
    equal = [np.zeros(prompts)] * pairs
    zeros = np.zeros((pairs, prompts))
    out["all_equal_one_product_a_step_s"] = best(lambda: one_product_a_step(zeros, vectors, LAMBDA), 1)[0]
    out["all_equal_s"] = best(lambda: pick_least_similar(equal, K, LAMBDA, places, vectors), 1)[0]
    return out


# -- a store ---------------------------------------------------------------------------------------


def fill(store: Store, prompts: int) -> None:
    names = [f"model-{i}" for i in range(MODELS)]
    rng = np.random.default_rng(1)
    words = np.array([f"word{i}" for i in range(500)])
    store.insert("models", [Model(name, "import").row() for name in names])
    store.insert(
        "questions",
        (Question(f"q{i}", "pool", (f"Instruction {i}: {words[i % 500]}",), position=i).row() for i in range(prompts)),
    )
    texts = [" ".join(rng.choice(words, int(n))) for n in rng.integers(15, 220, 2000)]
    ids: dict[str, list[str]] = {}
    for m, name in enumerate(names):

        def answers(m: int = m, name: str = name) -> Iterator[dict[str, Any]]:
            ids[name] = []
            for i in range(prompts):
                row = Response(f"q{i}", name, (f"{texts[(i * 7 + m * 131) % 2000]} {i}",), "import:bench").row()
                ids[name].append(str(row["response_id"]))
                yield row

        store.insert("responses", answers())
    now = utcnow().isoformat()
    for a, b in combinations(names, 2):
        some = rng.uniform(0.2, 1, prompts).tolist()
        store.insert(
            "similarities",
            (
                {
                    "question_id": f"q{i}", "response_a": ids[a][i], "response_b": ids[b][i], "metric": "bench",
                    "metric_version": "1", "score": some[i], "created_at": now,
                }
                for i in range(prompts)
            ),
        )  # fmt: skip


def peak_mb(pid: int | str) -> float:
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(text.split(PEAK)[1].split()[0]) / 1000


def in_child(path: Path, work: Callable[[Store], Any]) -> tuple[float, float]:
    """(seconds, peak megabytes) of ``work`` in a process of its own, started afresh."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        with open_store(path) as store:
            start = time.perf_counter()
            work(store)
            took = time.perf_counter() - start
        os.write(write, json.dumps([took, peak_mb("self")]).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    took, peak = json.loads(os.read(read, 200))
    return took, peak


def owner_pid(path: Path) -> int:
    return int(json.loads(Path(f"{path}.owner").read_text("utf-8"))["pid"])


def in_store(folder: Path, prompts: int) -> dict[str, Any]:
    path = folder / "bench.duckdb"
    with open_store(path) as store:
        start = time.perf_counter()
        fill(store, prompts)
        filled = time.perf_counter() - start
        store.stop_owner()
    names = [f"model-{i}" for i in range(MODELS)]

    def candidates(store: Store) -> None:
        read_candidates(store, names, None, "corrected", "bench", "1")

    out: dict[str, Any] = {"answers": MODELS * prompts, "filled_s": filled}
    with open_store(path):
        out["candidates_s"] = [in_child(path, candidates)[0] for _ in range(3)]
        out["candidates_client_peak_mb"] = in_child(path, candidates)[1]
        out["owner_peak_mb_after_candidates"] = peak_mb(owner_pid(path))
        took, peak = in_child(path, lambda store: select(store, SelectSpec(metric="bench", name="plain", control=10)))
        out["select_s"], out["select_client_peak_mb"] = took, peak
        took, peak = in_child(
            path, lambda store: select(store, SelectSpec(metric="bench", name="spread", diversity=LAMBDA))
        )
        out["select_hashing_lambda_first_s"], out["select_hashing_lambda_peak_mb"] = took, peak
        out["select_hashing_lambda_again_s"] = in_child(
            path, lambda store: select(store, SelectSpec(metric="bench", name="spread", diversity=LAMBDA))
        )[0]
        out["coverage_s"] = in_child(path, lambda store: coverage(store, "plain"))[0]
        out["owner_peak_mb"] = peak_mb(owner_pid(path))
    with open_store(path) as store:
        store.stop_owner()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--skip-store", action="store_true")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    prompts = 3_000 if given.quick else 30_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = {} if given.skip_store else {"store": in_store(folder, prompts)}
        print(json.dumps({"rule": rule(folder, prompts, given.pairs, given.repeats), **store}, indent=2))


if __name__ == "__main__":
    sys.exit(main())
