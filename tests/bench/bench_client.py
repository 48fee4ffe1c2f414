"""Requests a second of our clients and of their peers, and judgments a second through to rows in the store.

One run, one loopback server in a process of its own (``loopback_server.py``), concurrency 64 and 256: the bare
``openai[aiohttp]`` client (``chat.completions.create``; also on the event loop and with the garbage collection of our
stages), bare aiohttp with orjson, our engine with either transport (retries, limits, accounting and all), then the
judging stage with either transport into a real store with its owner process. Each is timed several times, the peers in
turn; the medians count. ``cpu_us`` is this process's processor time a request; the machine's load is printed too,
because a busy machine slows each of them alike but the chain of three processes (client, server, owner) most.

    PYTHONPATH=. python tests/bench/bench_client.py [--rounds 3] [--judgments 12000]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.bench.loopback_server import running
from tests.stages.filling import add_answers, add_model, add_questions
from workbench.engines import event_loop
from workbench.engines.api import ApiEngine
from workbench.engines.protocol import Message, Request, Sampling
from workbench.judging import JudgeSpec, judge
from workbench.progress import Silent
from workbench.records import Model
from workbench.store import open_store

PROMPT = "Which of the two answers is better? " * 30
BODY = {"model": "judge", "messages": [{"role": "user", "content": PROMPT}], "temperature": 0.0, "max_tokens": 64}
Client = Callable[[str, int, int], Coroutine[Any, Any, None]]
Runner = Callable[[Coroutine[Any, Any, None]], None]


async def _together(n: int, concurrency: int, one: Callable[[], Awaitable[None]]) -> None:
    left = iter(range(n))

    async def work() -> None:
        for _ in left:
            await one()

    await asyncio.gather(*(work() for _ in range(concurrency)))


async def bare_openai(url: str, n: int, concurrency: int) -> None:
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async with AsyncOpenAI(api_key="x", base_url=url, http_client=DefaultAioHttpClient(), max_retries=0) as client:

        async def one() -> None:
            answer = await client.chat.completions.create(**BODY)  # type: ignore[call-overload]
            assert answer.choices[0].message.content == "[[A]]"

        await _together(n, concurrency, one)


async def bare_aiohttp(url: str, n: int, concurrency: int) -> None:
    import aiohttp
    import orjson

    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def one() -> None:
            async with session.post(f"{url}/chat/completions", data=orjson.dumps(BODY), headers=headers) as answer:
                assert orjson.loads(await answer.read())["choices"][0]["message"]["content"] == "[[A]]"

        await _together(n, concurrency, one)


def ours(client: str) -> Client:
    async def ask(url: str, n: int, concurrency: int) -> None:
        params = {"model": "judge", "client": client, "concurrency": concurrency, "price_in": 1.0, "price_out": 2.0}
        engine = ApiEngine(Model("judge", "api", url, params))
        messages, sampling = (Message("user", PROMPT),), Sampling(temperature=0.0, max_tokens=64)

        async def requests() -> AsyncIterator[Request]:
            for i in range(n):
                yield Request(str(i), messages, sampling)

        good = 0
        async for result in engine.complete(requests()):
            good += result.text == "[[A]]" and result.cost is not None
        await engine.close()
        assert good == n, good

    return ask


#: Each with the requests of one timing and what runs it: ours as the stages do, the peers as their users would, and
#: once more as ours.
CLIENTS: dict[str, tuple[Client, int, Runner]] = {
    "bare openai[aiohttp]": (bare_openai, 2_000, asyncio.run),
    "bare openai[aiohttp] on our loop": (bare_openai, 2_000, event_loop.run),
    "our openai path": (ours("openai"), 2_000, event_loop.run),
    "bare aiohttp": (bare_aiohttp, 10_000, asyncio.run),
    "our lean path": (ours("lean"), 20_000, event_loop.run),
}


def clients(url: str, concurrency: int, rounds: int) -> dict[str, dict[str, float]]:
    """Requests a second and processor time, medians over rounds in which all take turns."""
    rates: dict[str, list[float]] = {name: [] for name in CLIENTS}
    spent: dict[str, list[float]] = {name: [] for name in CLIENTS}
    for _ in range(rounds):
        for name, (client, n, run) in CLIENTS.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run(client(url, n, concurrency))
            rates[name].append(n / (time.perf_counter() - wall))
            spent[name].append((time.process_time() - cpu) / n * 1e6)
    return {
        name: {
            "per_s": round(statistics.median(rates[name])),
            "best_per_s": round(max(rates[name])),
            "cpu_us": round(statistics.median(spent[name]), 1),
        }
        for name in CLIENTS
    }


class Asking(Silent):
    """Notes when the asking begins: before it the plan is made."""

    began = 0.0

    def start(self, label: str, total: int | None) -> None:
        self.began = time.perf_counter()


def _processor_s(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def through_to_rows(url: str, client: str, judgments: int, concurrency: int = 256) -> dict[str, Any]:
    """The judging stage on a new store: every verdict asked for, read, and committed."""
    n = judgments // 2
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store.duckdb") as store:
        add_questions(store, [f"question {i}: what is to be done about all of this?" for i in range(n)])
        add_answers(store, {"m-a": ["an answer of some length " * 10] * n, "m-b": ["another one " * 20] * n})
        add_model(store, "j", url, client=client, concurrency=concurrency, price_in=1.0, price_out=2.0)
        owner = int(store.status()["pid"])
        asking = Asking()
        before, cpu, theirs = time.perf_counter(), time.process_time(), _processor_s(owner)
        report = judge(store, JudgeSpec("j", output="text"), asking)
        ended = time.perf_counter()
        cpu, theirs = time.process_time() - cpu, _processor_s(owner) - theirs
        [[rows]] = store.sql("SELECT count(*) FROM judgments WHERE state = 'ok'").rows
        assert rows == 2 * n == report.states["ok"]
        store.stop_owner()
    return {
        "judgments": rows, "per_s": round(rows / (ended - asking.began)),
        "per_s_with_planning": round(rows / (ended - before)),
        "worker_cpu_us": round(cpu / rows * 1e6, 1), "owner_cpu_us": round(theirs / rows * 1e6, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--judgments", type=int, default=12_000)
    given = parser.parse_args()
    found: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    with running() as url:
        for concurrency in (64, 256):
            by_name = clients(url, concurrency, given.rounds)
            bare, same = by_name["bare openai[aiohttp]"], by_name["bare openai[aiohttp] on our loop"]
            found[f"concurrency {concurrency}"] = {
                **by_name,
                "lean_over_bare_openai": round(by_name["our lean path"]["per_s"] / bare["per_s"], 2),
                "lean_over_bare_openai_on_our_loop": round(by_name["our lean path"]["per_s"] / same["per_s"], 2),
                "openai_path_over_bare_openai": round(by_name["our openai path"]["per_s"] / bare["per_s"], 2),
                "lean_over_bare_openai_by_cpu": round(bare["cpu_us"] / by_name["our lean path"]["cpu_us"], 2),
            }
        runs = [through_to_rows(url, "lean", given.judgments) for _ in range(given.rounds)]
        found["judging to rows, lean"] = sorted(runs, key=lambda one: one["per_s"])[len(runs) // 2]
        found["judging to rows, lean, best"] = max(one["per_s"] for one in runs)
        found["judging to rows, openai"] = through_to_rows(url, "openai", given.judgments // 6)
    found["load_after"] = os.getloadavg()[0]
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
