"""``compat`` selection against a plain re-implementation of the reference rule (formats-and-rules §2), over many seeds.

The re-implementation shares no code with the product: filters by ``str.split`` and ``len`` on each pair, the pool
sorted again at each step, and the greatest cosine to everything selected computed anew, in double precision.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.stages.filling import add_answers, add_questions, all_rows
from workbench.engines.registry import BUILTIN_EMBEDDERS, open_embedder
from workbench.records import utcnow
from workbench.select import SelectSpec, pick_least_similar, select
from workbench.select.pool import Candidates, read_candidates, read_instructions
from workbench.similarity.cache import unit
from workbench.store import Store

FILES = ("gpt-3.5-turbo-vs-alpaca-13b", "gpt-4-vs-claude-v1", "vicuna-13b-vs-koala-13b")
LAMBDAS = (0.0, 0.1, 0.5, 1.0)
SEEDS, K = 200, 10
Item = tuple[str, str, str]


def passes(one: str, two: str) -> bool:
    if not one.strip() or not two.strip():
        return False
    if max(len(one), len(two)) / (min(len(one), len(two)) + 1) >= 4:
        return False
    return len(one.split()) > 20 and len(two.split()) > 20


class Reference:
    """The rule on some items. What no seed changes (filters, cosines to one instruction) is made once."""

    def __init__(self, items: list[Item], vectors: np.ndarray) -> None:
        self.kept = [i for i, (_, one, two) in enumerate(items) if passes(one, two)]
        self.vectors = vectors.astype(np.float64)
        self.cosines: dict[int, np.ndarray] = {}

    def to(self, j: int) -> np.ndarray:
        """Cosines of all instructions to one, each summed by itself."""
        if j not in self.cosines:
            self.cosines[j] = (self.vectors * self.vectors[j]).sum(axis=1)
        return self.cosines[j]

    def select(self, scores: list[float], diversity: float, k: int = K) -> list[int]:
        """Numbers of the items selected, in order."""
        left, chosen, goals = list(self.kept), [], list(scores)
        while left and len(chosen) < k:
            if chosen and diversity:
                goals = (np.array(scores) + diversity * np.max([self.to(j) for j in chosen], axis=0)).tolist()
            left.sort(key=lambda i: (goals[i], i))
            chosen.append(left.pop(0))
        return chosen


async def embed(texts: list[str]) -> np.ndarray:
    embedder = open_embedder(BUILTIN_EMBEDDERS["hashing"])
    try:
        found = await embedder.embed([text.replace("\n", " ") for text in texts])
    finally:
        await embedder.close()
    return unit(np.asarray(found, np.float32))


def fill(store: Store, items: list[Item]) -> None:
    add_questions(store, [question for question, _, _ in items])
    add_answers(store, {"a": [one for _, one, _ in items], "b": [two for _, _, two in items]})


def put_scores(store: Store, scores: list[float], version: str) -> None:
    ids = {(r["question_id"], r["model_id"]): r["response_id"] for r in all_rows(store, "responses")}
    now = utcnow()
    store.insert(
        "similarities",
        [
            {
                "question_id": f"q{i}", "response_a": ids[f"q{i}", "a"], "response_b": ids[f"q{i}", "b"],
                "metric": "random", "metric_version": version, "score": score, "created_at": now,
            }
            for i, score in enumerate(scores)
        ],
    )  # fmt: skip


def drawn(seed: int, n: int) -> list[float]:
    """Scores of one seed; every fourth seed's have many ties."""
    some = np.random.default_rng(seed).uniform(0, 1, n)
    return [float(x) for x in (np.round(some, 1) if seed % 4 == 0 else some)]


async def compare(store: Store, items: list[Item]) -> None:
    """All seeds by the rule itself on what the store's filters leave; a few seeds through the whole stage."""
    fill(store, items)
    put_scores(store, drawn(0, len(items)), "0")
    (pair,) = read_candidates(store, ("a", "b"), None, "compat", "random", "0")
    places = {question: i for i, question in enumerate(read_instructions(store, None).ids)}
    order = [int(question[1:]) for question in places]  # place → number of the item
    assert order == list(range(len(items)))
    vectors = await embed([question for question, _, _ in items])
    reference = Reference(items, vectors)
    for seed in range(SEEDS):
        scores = drawn(seed, len(items))
        for diversity in LAMBDAS:
            found = rule(pair, scores, vectors, diversity)
            assert found == reference.select(scores, diversity), (seed, diversity)


def rule(pair: Candidates, scores: list[float], vectors: np.ndarray, diversity: float) -> list[int]:
    (picks,) = pick_least_similar([np.asarray(scores)[pair.places]], K, diversity, [pair.places], vectors)
    return [int(pair.places[pick.place]) for pick in picks]


def items_of(path: Path) -> list[Item]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [(line["instruction"], line["response_1"], line["response_2"]) for line in lines]


def small_items() -> list[Item]:
    """60 of our own: every filter drops some, some instructions come twice, some are alike."""
    rng = np.random.default_rng(5)
    words = np.array(["river", "stone", "cloud", "paper", "music", "engine", "garden", "letter", "window", "number"])

    def text(n: int) -> str:
        return " ".join(rng.choice(words, n))

    out: list[Item] = []
    for i in range(60):
        question = f"Write about {text(3)}." if i % 6 else "Write about the river.\nBe brief."
        n = int(rng.integers(15, 40))
        one, two = text(n), text(int(n * rng.uniform(0.8, 5)))
        out.append((question, "" if i % 17 == 0 else one, two))
    return out


async def test_our_own_items_as_the_rule_picks_them(store: Store) -> None:
    items = small_items()
    kept = sum(passes(one, two) for _, one, two in items)
    assert 20 < kept < 50
    await compare(store, items)


@pytest.mark.parametrize("name", FILES)
async def test_real_answers_as_the_rule_picks_them(store: Store, shared_data: Path, name: str) -> None:
    await compare(store, items_of(shared_data / "mad" / f"{name}.jsonl"))


@pytest.mark.parametrize("diversity", LAMBDAS)
def test_through_the_whole_stage(store: Store, diversity: float) -> None:
    import asyncio

    items = small_items()
    fill(store, items)
    vectors = asyncio.run(embed([question for question, _, _ in items]))
    reference = Reference(items, vectors)
    for seed in range(3):
        scores = drawn(seed, len(items))
        put_scores(store, scores, str(seed))
        spec = SelectSpec(
            metric="random", metric_version=str(seed), mode="compat", diversity=diversity, name=f"s{seed}", top_k=K
        )
        select(store, spec)
        rows = all_rows(store, f"selections WHERE name = 's{seed}'", "rank")
        assert [int(row["question_id"][1:]) for row in rows] == reference.select(scores, diversity)
