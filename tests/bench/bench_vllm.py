"""What the workbench costs over bare vLLM: the same prompts, the same machine, the same run, both engines.

Run it by the interpreter of an environment with vLLM (``.ci/vllm-env`` builds one):

    PYTHONPATH=. FOLDER/bin/python tests/bench/bench_vllm.py FOLDER/model [--prompts 64] [--rounds 5] [--engines vllm]

``vllm``: ``LLM.chat`` of a bare ``vllm.LLM`` in a process of its own, against the generation stage with the engine
``vllm``, from the first request to the last row committed in a real store with its owner process. ``vllm-server``: the
``openai`` client against a server of the workbench's, then the stage against the same server.

They take turns, and rounds alternate which goes first. Every run has prompts of its own (a number in front), so that
the prefix cache helps nobody; all answers reach ``max_tokens`` (``ignore_eos``), so that both compute as many tokens.
``overhead`` is the median over rounds of ours / bare - 1, ``overhead_of_best`` that of the fastest runs of each, which
other programs disturbed least. Loading is left out: it is vLLM's own.

On a machine that is busy with other things these say little. ``added_share`` does there too: the processor time of
everything but vLLM (the stage's own threads, the store's owner) over the time that the machine's cores had, so the
share of the machine that the workbench takes from vLLM.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from workbench.engines import registry
from workbench.engines.protocol import Engine
from workbench.generate import GenerateSpec, generate
from workbench.progress import Silent
from workbench.records import Model
from workbench.store import Store, open_store

WORDS = (
    "rivers", "bread", "clocks", "bridges", "whales", "glass", "snow", "maps", "paper", "honey", "tides", "sails",
    "salt", "wool", "stars", "mills",
)  # fmt: skip
#: Makes every answer as long as it may be.
ENDLESS = {"ignore_eos": True}


def prompts(n: int, tag: str) -> list[str]:
    """Prompts of about 40 tokens that share no prefix with those of another tag."""
    return [
        f"{tag}-{i}: Explain to a curious child what people should know about {WORDS[i % 16]} and "
        f"{WORDS[i // 16 % 16]}, with an example from daily life."
        for i in range(n)
    ]


class Lent:
    """The engine as the stage gets it, kept open between runs: a stage closes its engine, and with it the model."""

    #: called when the stage sends its first request: what comes before (planning, loading) is not timed
    when_asked: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def complete(self, requests: Any) -> Any:
        Lent.when_asked()
        return self._engine.complete(requests)

    async def close(self) -> None:
        pass


@contextmanager
def lending(engine: Any) -> Iterator[None]:
    """Stages that open an engine get this one."""
    from workbench import generate as stage

    before, lent = stage.open_engine, Lent(engine)
    stage.open_engine = lambda model: lent  # type: ignore[assignment,return-value]
    try:
        yield
    finally:
        stage.open_engine = before


#: By run of a stage: seconds of processor time that were not vLLM's.
added: list[float] = []


def ticks(path: str) -> int:
    """Processor time of a process or thread, in clock ticks (``man 5 proc``)."""
    fields = Path(path).read_text("utf-8", "replace").rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def vllms_threads() -> dict[str, int]:
    """Ticks of this process's threads between two stages but the main one: those are vLLM's and torch's."""
    found = {}
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) != os.getpid():
            with suppress(OSError):  # ended meanwhile
                found[task.name] = ticks(f"{task}/stat")
    return found


def stage_s(store: Store, model: Model, texts: list[str], tag: str) -> float:
    """Seconds of the generation stage, from the first request to the last row that is committed."""
    add_questions_of(store, texts, tag)
    began: list[tuple[float, dict[str, int], int]] = []
    owner = f"/proc/{store.status()['pid']}/stat"

    def note() -> None:
        began.append((time.perf_counter(), vllms_threads(), ticks("/proc/self/stat") + ticks(owner)))

    Lent.when_asked = staticmethod(note)
    report = generate(store, GenerateSpec((model.model_id,), bench=tag), Silent())
    ended = time.perf_counter()
    now, total = vllms_threads(), ticks("/proc/self/stat") + ticks(owner)
    [(since, threads, before)] = began
    others = sum(now.get(task, spent) - spent for task, spent in threads.items())
    added.append((total - before - others) / os.sysconf("SC_CLK_TCK"))
    assert report.states == {"ok": len(texts)}, report
    return ended - since


def add_questions_of(store: Store, texts: list[str], tag: str) -> None:
    from workbench.records import Question

    rows = [Question(f"{tag}-{i}", tag, (text,), category="math", position=i).row() for i, text in enumerate(texts)]
    store.insert("questions", rows)


def compare(
    bare: Callable[[list[str]], float], ours: Callable[[list[str], str], float], n: int, rounds: int, tokens: int
) -> dict[str, Any]:
    """Both on prompts of their own, taking turns; one round before that does not count."""
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    added.clear()
    for number in range(rounds + 1):
        for who in ("bare", "ours") if number % 2 else ("ours", "bare"):
            tag = f"{who[0]}{number}"
            texts = prompts(n, tag)
            seconds = bare(texts) if who == "bare" else ours(texts, tag)
            if number:
                times[who].append(seconds)
    ratios = [ours_s / bare_s - 1 for ours_s, bare_s in zip(times["ours"], times["bare"], strict=True)]
    middle = {who: statistics.median(found) for who, found in times.items()}
    return {
        "bare_s": round(middle["bare"], 3), "ours_s": round(middle["ours"], 3),
        "bare_tokens_per_s": round(n * tokens / middle["bare"]),
        "ours_tokens_per_s": round(n * tokens / middle["ours"]),
        "overhead": round(statistics.median(ratios), 4),
        "overhead_of_best": round(min(times["ours"]) / min(times["bare"]) - 1, 4),
        "added_cpu_ms_a_request": round(statistics.median(added[1:]) / n * 1000, 3),
        "added_share": round(statistics.median(added[1:]) / (min(times["bare"]) * (os.cpu_count() or 1)), 4),
        "overhead_of_medians": round(middle["ours"] / middle["bare"] - 1, 4),
        "rounds": [round(ratio, 4) for ratio in ratios],
    }  # fmt: skip


#: The bare peer: reads prompts, a JSON list a line, and answers with the seconds that ``LLM.chat`` took.
BARE = """
import json, os, sys, time
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # gloo greets on it
import vllm
folder, tokens = sys.argv[1], int(sys.argv[2])
llm = vllm.LLM(folder, max_model_len=2048, enforce_eager=True, block_size=32)
sampling = vllm.SamplingParams(temperature=0.0, max_tokens=tokens, ignore_eos=True)
print("ready", file=out, flush=True)
for line in sys.stdin:
    talks = [[{"role": "user", "content": text}] for text in json.loads(line)]
    began = time.perf_counter()
    found = llm.chat(talks, sampling, use_tqdm=False)
    print(time.perf_counter() - began, file=out, flush=True)
    assert all(len(one.outputs[0].token_ids) == tokens for one in found)
"""


@contextmanager
def bare_llm(folder: str, tokens: int) -> Iterator[Callable[[list[str]], float]]:
    around = {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", BARE, folder, str(tokens)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, **around},
    )  # fmt: skip
    assert process.stdin and process.stdout
    stdin, stdout = process.stdin, process.stdout
    assert stdout.readline() == "ready\n"

    def chat(texts: list[str]) -> float:
        stdin.write(json.dumps(texts) + "\n")
        stdin.flush()
        return float(stdout.readline())

    try:
        yield chat
    finally:
        stdin.close()
        process.wait()


def offline(folder: str, n: int, rounds: int, tokens: int) -> dict[str, Any]:
    params = {"max_model_len": 2048, "max_tokens": tokens, "temperature": 0.0, "extra_body": ENDLESS}
    model = Model("m", "vllm", folder, params)
    engine = registry.open_engine(model)
    with tempfile.TemporaryDirectory() as place, open_store(Path(place) / "store.duckdb") as store:
        store.insert("models", [model.row()])
        with bare_llm(folder, tokens) as bare, lending(engine):
            found = compare(bare, lambda texts, tag: stage_s(store, model, texts, tag), n, rounds, tokens)
        store.stop_owner()
    asyncio.run(engine.close())
    return found


def timed(what: Callable[[], Any]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def server(folder: str, n: int, rounds: int, tokens: int) -> dict[str, Any]:
    """The engine ``vllm-server`` against the ``openai`` client, on one server."""
    params = {
        "max_model_len": 2048, "max_tokens": tokens, "temperature": 0.0, "extra_body": ENDLESS, "concurrency": n,
        "vllm_args": ["--enforce-eager", "--block-size", "32"], "startup_timeout_s": 300,
    }  # fmt: skip
    model = Model("m", "vllm-server", folder, params)
    engine: Any = registry.open_engine(model)

    async def address() -> tuple[str, str, str]:
        await warm(engine)
        return found_address(engine)

    from workbench.engines import event_loop

    runner = asyncio.Runner()
    try:
        url, key, name = runner.run(address())

        def bare(texts: list[str]) -> float:
            return timed(lambda: event_loop.run(bare_openai(url, key, name, texts, tokens)))

        def ours(texts: list[str], tag: str) -> float:
            with lending(registry.open_engine(model)):  # a lease of its own on the server that runs
                return stage_s(store, model, texts, tag)

        with tempfile.TemporaryDirectory() as place, open_store(Path(place) / "store.duckdb") as store:
            store.insert("models", [model.row()])
            found = compare(bare, ours, n, rounds, tokens)
            store.stop_owner()
    finally:
        runner.run(engine.close())
        runner.close()
    return found


async def warm(engine: Engine) -> None:
    from workbench.engines.protocol import Message, Request, Sampling

    async def one() -> Any:
        yield Request("k", (Message("user", "hello"),), Sampling(max_tokens=4))

    async for result in engine.complete(one()):
        assert result.state in ("ok", "truncated"), result


def found_address(engine: Any) -> tuple[str, str, str]:
    """URL, key and model name of the server that the engine runs."""
    return engine._server.url, engine._server.key, engine._wanted.name


async def bare_openai(url: str, key: str, name: str, texts: list[str], tokens: int) -> None:
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async with AsyncOpenAI(api_key=key, base_url=url, http_client=DefaultAioHttpClient(), max_retries=0) as client:

        async def one(text: str) -> None:
            answer = await client.chat.completions.create(
                model=name, messages=[{"role": "user", "content": text}], temperature=0.0, max_tokens=tokens,
                extra_body=ENDLESS,
            )  # fmt: skip
            assert answer.choices[0].message.content

        await asyncio.gather(*(one(text) for text in texts))


ENGINES: dict[str, Callable[[str, int, int, int], dict[str, Any]]] = {"vllm": offline, "vllm-server": server}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", help="a folder in Hugging Face's layout")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--engines", default="vllm,vllm-server")
    given = parser.parse_args()
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")  # the same for all, on a processor
    found: dict[str, Any] = {
        "cores": os.cpu_count(), "prompts": given.prompts, "tokens": given.tokens, "load_before": os.getloadavg()[0],
    }  # fmt: skip
    for name in given.engines.split(","):
        found[name] = ENGINES[name](given.model, given.prompts, given.rounds, given.tokens)
        print(json.dumps({name: found[name]}), file=sys.stderr, flush=True)
    found["load_after"] = os.getloadavg()[0]
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
