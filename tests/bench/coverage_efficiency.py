"""How often the intervals of ``workbench efficiency`` cover what they estimate, on simulated votes.

Seven models of fixed strengths, 21 pairs × 10 items, a vote on each; answers are less alike where their quality differs
more, or not at all. A data set gives values with intervals; what is to be covered is the mean of the values over all
data sets: what the strategy gives on average with other questions and votes of the same kind.

Run: python tests/bench/coverage_efficiency.py [--sets N]. About two minutes on two cores. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from workbench.efficiency.pool import as_pool
from workbench.efficiency.spec import EfficiencySpec
from workbench.efficiency.study import replayed

MODELS = tuple(f"m{i}" for i in range(7))
ITEMS = 10
BUDGETS = (1, 3, 5)


def data_set(seed: int, told: float) -> list[dict[str, Any]]:
    """One set's values and bounds. ``told``: how far similarity goes with the difference in quality."""
    rng = np.random.default_rng(seed)
    strength = np.linspace(-1.0, 1.0, len(MODELS))
    rows, similarity = [], []
    for p, (a, b) in enumerate(combinations(range(len(MODELS)), 2)):
        for i in range(ITEMS):
            gap = strength[a] - strength[b] + rng.normal(0, 0.8)
            seen = gap + rng.logistic()
            won = 0.5 if abs(seen) < 0.5 else float(seen > 0)
            rows.append(
                {
                    "question_id": f"q{p}-{i}", "place": p * ITEMS + i, "turn": 1, "model_a": MODELS[a],
                    "model_b": MODELS[b], "response_a": None, "response_b": None, "won": won,
                }
            )  # fmt: skip
            similarity.append(-told * abs(gap) + rng.normal())
    order = rng.permutation(len(rows))
    pool = replace(as_pool([rows[i] for i in order]), similarity=np.array(similarity))
    spec = EfficiencySpec(draws=15, rounds=100, methods=("bt",), items=BUDGETS, seed=seed)
    points, gaps = replayed(pool, spec, ("mad", "random"))
    found = [
        {
            "what": f"{p.measure}, {p.against}, {p.strategy}, K = {p.items}", "value": p.value,
            "bounds": (p.lower, p.upper),
        }
        for p in points if p.measure in ("spearman", "order")
    ]  # fmt: skip
    found += [
        {
            "what": f"{d.measure}, {d.against}, {d.strategy} − random, K = {d.items or 'mean'}", "value": d.value,
            "bounds": (d.lower, d.upper),
        }
        for d in gaps if d.measure in ("spearman", "order")
    ]  # fmt: skip
    return found


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--sets", type=int, default=100)
    sets = options.parse_args().sets
    report: dict[str, Any] = {}
    with ProcessPoolExecutor(2) as executor:
        for told in (0.0, 1.0):
            rows = defaultdict(list)
            for found in executor.map(partial(data_set, told=told), range(sets)):
                for row in found:
                    if row["value"] is not None and row["bounds"][0] is not None:
                        rows[row["what"]].append((row["value"], *row["bounds"]))
            report[f"similarity tells {told:g}"] = {
                what: summary(np.array(some)) for what, some in rows.items() if len(some) > sets / 2
            }
    print(json.dumps({"sets": sets, **report}, indent=1, ensure_ascii=False))


def summary(some: Any) -> dict[str, float]:
    truth = some[:, 0].mean()
    covered = (some[:, 1] <= truth) & (truth <= some[:, 2])
    return {
        "mean": round(float(truth), 3), "spread": round(float(some[:, 0].std()), 3),
        "half_width": round(float((some[:, 2] - some[:, 1]).mean() / 2), 3),
        "covered": round(float(covered.mean()), 3),
    }  # fmt: skip


if __name__ == "__main__":
    main()
