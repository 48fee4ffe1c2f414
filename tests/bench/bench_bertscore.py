"""BERTScore of all pairs of models' answers: ours against the ``bert-score`` package, in one run.

8 models × N prompts (200, as in the issue), English-like texts of about 185 tokens, by a sentence encoder given as a
folder. Each part runs in a process of its own, so that its peak memory is its own; importing torch is not counted,
loading weights is:

- ``pair``: the package called once per pair of models, as MAD-Eval does; on the first ``--pairs`` of the 28 (each is
  the same work), and 28 / that many times its time is what is compared: ``scaled`` says so
- ``once``: one call of the package for all pairs
- ``ours``: encoding into a fresh cache, then scoring; ``again`` is a second run that finds every text there
- ``ninth``: a model more: its own texts encoded, its 8 pairs scored

``--part memory``: 8 × 30,000 texts written straight into a cache (random unit vectors, 40 tokens of 64 numbers), all
840,000 pairs scored; its peak memory and time.

On a machine with a GPU give ``--device cuda``: the package and ours then both run on it.

Needs torch, transformers and bert-score. Run: PYTHONPATH=. python tests/bench/bench_bertscore.py FOLDER --layer 6
[--prompts N] [--pairs K] [--device cuda]. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from workbench.similarity.bertscore import BertScoreOptions, BertScorer
from workbench.similarity.cache import text_key

MODELS = 8
STEMS = [
    "answer", "question", "model", "review", "time", "light", "water", "house", "paper", "music", "world", "garden",
    "river", "number", "reason", "example", "method", "result", "system", "market", "school", "letter", "story",
    "change", "value", "cost", "energy", "travel", "health", "city", "people", "family", "history", "science",
]  # fmt: skip
SMALL = [
    "the", "of", "and", "to", "in", "is", "that", "it", "for", "as", "with", "was", "on", "are", "by", "this", "be",
    "from", "or", "at", "an", "but", "not", "they", "which", "can", "has",
]  # fmt: skip
ENDS = ["", "s", "ed", "ing", "ly", "al", "ness"]


def make_texts(prompts: int, models: int = MODELS + 1) -> list[list[str]]:
    """[model][prompt]: sentences about a prompt's own words, about 135 words (185 tokens) and of varying length."""
    rng = np.random.default_rng(5)
    found: list[list[str]] = [[] for _ in range(models)]
    for _ in range(prompts):
        topic = rng.choice(STEMS, 12, replace=False)
        for texts in found:
            words = []
            for i in range(max(8, int(rng.normal(135, 45)))):
                stem = rng.choice(topic) if rng.random() < 0.5 else rng.choice(STEMS)
                words.append(str(rng.choice(SMALL)) if rng.random() < 0.45 else stem + ENDS[int(rng.integers(7))])
                if i % 14 == 13:
                    words[-1] += "."
            texts.append(" ".join(words))
    return found


def all_pairs(models: range | list[int], prompts: int) -> list[tuple[int, int, int]]:
    return [(i, j, q) for i, j in combinations(models, 2) for q in range(prompts)]


class Timer:
    def __enter__(self) -> Timer:
        self._start, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = round(time.perf_counter() - self._start, 2)
        self.cpu = round(time.process_time() - self._cpu, 2)  # of all threads; says more on a busy machine


def run_package(args: argparse.Namespace, texts: list[list[str]], *, per_pair: bool) -> dict[str, Any]:
    import bert_score

    pairs = list(combinations(range(MODELS), 2))
    done = pairs[: args.pairs] if per_pair else pairs
    calls = [[pair] for pair in done] if per_pair else [done]
    scores = []
    with Timer() as timer:
        for call in calls:
            a = [text for i, _ in call for text in texts[i]]
            b = [text for _, j in call for text in texts[j]]
            found = bert_score.score(a, b, model_type=args.folder, num_layers=args.layer, device=args.device)
            scores.append(np.stack([part.numpy() for part in found], axis=1))
    if not per_pair:
        np.save(Path(args.work) / "once.npy", np.concatenate(scores))
        return {"seconds": timer.seconds, "cpu": timer.cpu}
    scale = len(pairs) / len(done)
    return {
        "seconds": timer.seconds, "cpu": timer.cpu, "pairs": len(done),
        "scaled": round(timer.seconds * scale, 1), "scaled_cpu": round(timer.cpu * scale, 1),
    }  # fmt: skip


def run_ours(args: argparse.Namespace, texts: list[list[str]], *, models: int) -> dict[str, Any]:
    """With nine models only the pairs of the ninth are scored."""
    from transformers import AutoModel, AutoTokenizer  # noqa: F401

    keys = [[text_key(text) for text in some] for some in texts]
    prompts = range(args.prompts)
    with Timer() as timer:
        options = BertScoreOptions(args.folder, args.layer, device=args.device, threads=args.threads)
        scorer = BertScorer(options, Path(args.work) / "cache")
        by = {keys[m][q]: texts[m][q] for m in range(models) for q in prompts}
        lacking = sorted(scorer.lacking(list(by)), key=lambda key: -len(by[key]))
        with Timer() as encoding:
            for start in range(0, len(lacking), scorer.batch):
                asyncio.run(scorer.encode({key: by[key] for key in lacking[start : start + scorer.batch]}))
        which = [(i, j) for i, j in combinations(range(models), 2) if models == MODELS or j == MODELS]
        flat = [keys[m][q] for q in prompts for m in range(models)]
        first, second = (np.array([q * models + pair[k] for q in prompts for pair in which]) for k in (0, 1))
        with Timer() as scoring:
            found = scorer.score(flat, first, second)
    told = np.stack([found[name] for name in scorer.names], axis=1)
    if models == MODELS:
        np.save(Path(args.work) / "ours.npy", told.reshape(args.prompts, -1, 3).swapaxes(0, 1).reshape(-1, 3))
    return {
        "seconds": timer.seconds, "cpu": timer.cpu, "encode": encoding.seconds, "score": scoring.seconds,
        "encoded": len(lacking), "pairs": len(first), "tokens": sum(scorer._cache.length(key) for key in lacking),
        "cache_mb": round(sum(f.stat().st_size for f in scorer._cache.folder.iterdir()) / 1e6, 1),
    }  # fmt: skip


def run_memory(args: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of scoring 8 × 30,000 texts; they are written by a process of its own."""
    prompts = args.memory_prompts
    if args.fill:
        fill_cache(args, prompts)
        return {}
    scorer = BertScorer(BertScoreOptions(args.folder, args.layer, device=args.device), Path(args.work) / "synthetic")
    keys = [text_key(f"{q}/{m}") for q in range(prompts) for m in range(MODELS)]
    pairs = np.array(list(combinations(range(MODELS), 2)))
    with Timer() as timer:
        total = 0.0
        for start in range(0, prompts, 512):  # as the stage does
            block = keys[start * MODELS : (start + 512) * MODELS]
            places = np.arange(len(block) // MODELS)[:, None] * MODELS
            first, second = ((places + pairs[:, k]).ravel() for k in (0, 1))
            total += float(scorer.score(block, first, second)["bertscore-f1"].sum())
    files = sum(path.stat().st_size for path in scorer._cache.folder.iterdir())
    return {
        "texts": len(keys), "pairs": prompts * len(pairs), "seconds": timer.seconds,
        "mean_f1": round(total / (prompts * len(pairs)), 4), "cache_mb": round(files / 1e6),
    }  # fmt: skip


def fill_cache(args: argparse.Namespace, prompts: int, tokens: int = 40, dimensions: int = 64) -> None:
    from workbench.similarity.bertscore.packing import pack

    scorer = BertScorer(BertScoreOptions(args.folder, args.layer, device="cpu"), Path(args.work) / "synthetic")
    scorer._cache.special = (101, 102)
    rng = np.random.default_rng(0)
    step = 500
    for start in range(0, prompts, step):
        here = min(step, prompts - start) * MODELS
        keys = [text_key(f"{start + i // MODELS}/{i % MODELS}") for i in range(here)]
        rows = rng.normal(size=(here * tokens, dimensions)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        pieces = rng.integers(1000, 30_000, (here, tokens)).astype(np.uint32)
        scorer._cache.append(keys, list(pieces), np.split(pack(rows), here))


def run_part(args: argparse.Namespace) -> dict[str, Any]:
    if args.threads and args.part != "memory":
        import torch

        torch.set_num_threads(args.threads)
    if args.part == "memory":
        return run_memory(args)
    texts = make_texts(args.prompts)
    if args.part in ("pair", "once"):
        return run_package(args, texts, per_pair=args.part == "pair")
    return run_ours(args, texts, models=MODELS + (args.part == "ninth"))


def child(args: argparse.Namespace, part: str, *more: str) -> dict[str, Any]:
    command = [sys.executable, __file__, args.folder, "--part", part, "--work", args.work, *sys.argv[2:], *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    print(part, done.stdout.decode().strip(), file=sys.stderr, flush=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--layer", type=int, required=True)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=28)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--memory-prompts", type=int, default=30_000)
    parser.add_argument("--part")
    parser.add_argument("--work")
    parser.add_argument("--fill", action="store_true")
    args = parser.parse_args()
    if args.part and args.work:
        found = run_part(args)
        print(json.dumps({**found, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
        return
    with tempfile.TemporaryDirectory() as args.work:
        if args.part == "memory":
            sys.argv = [word for word in sys.argv if word not in ("--part", "memory")]
            child(args, "memory", "--fill")
            print(json.dumps(child(args, "memory")))
            return
        report: dict[str, Any] = {"load_before": os.getloadavg(), "cores": os.cpu_count(), "arguments": sys.argv[2:]}
        names = {"ours": "ours", "once": "once", "pair": "pair", "again": "ours", "ninth": "ninth"}
        report |= {name: child(args, part) for name, part in names.items()}
        report["load_after"] = os.getloadavg()
        off = np.abs(np.load(Path(args.work) / "ours.npy") - np.load(Path(args.work) / "once.npy"))
        report["largest_difference"] = dict(zip("prf", off.max(axis=0).tolist(), strict=True))
        ours, pair, once = report["ours"], report["pair"], report["once"]
        report["times_faster"] = {
            "than_per_pair": round(pair["scaled"] / ours["seconds"], 2),
            "than_per_pair_cpu": round(pair["scaled_cpu"] / ours["cpu"], 2),
            "than_once": round(once["seconds"] / ours["seconds"], 2),
            "than_once_cpu": round(once["cpu"] / ours["cpu"], 2),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
