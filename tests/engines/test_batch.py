"""The batch engine against a server that serves files and batches, and misbehaves."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.engines.fake_batches import FakeBatches, Plan
from workbench.engines.batch import asks as asks_module
from workbench.engines.batch import client, course, handing, open_batch_engine, run
from workbench.engines.batch.journal import Batch, Journal
from workbench.engines.protocol import Message, Request, Result, Sampling
from workbench.engines.workplace import at_work
from workbench.errors import BadInput, EngineError
from workbench.exchange import Feed
from workbench.records import Model


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "QUIET_S", 0.05)
    monkeypatch.setattr(run, "AGAIN_S", 0.01)
    monkeypatch.setattr(handing, "FULL_S", 0.02)
    monkeypatch.setattr(course, "FIRST_LOOK_S", 0.02)
    monkeypatch.setattr(course, "LONGEST_LOOK_S", 0.05)
    monkeypatch.setattr(client, "LISTED_AFTER_S", 0.1)
    monkeypatch.setattr(client, "BASE_S", 0.02)
    monkeypatch.setattr(client, "CAP_S", 0.05)


@pytest.fixture
def server() -> Iterator[FakeBatches]:
    with FakeBatches() as started:
        yield started


class Heard:
    """Progress that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.cancelled = False

    def start(self, label: str, total: int | None) -> None: ...

    def advance(self, done: int = 1, *, failed: int = 0) -> None: ...

    def say(self, message: str, *, level: str = "info") -> None:
        self.said.append(message)


def model_at(server: FakeBatches, **params: Any) -> Model:
    prices = {"price_in": 2.0, "price_out": 8.0}
    return Model("m", "api", server.url, {"model": "fake", **prices, "timeout_s": 5, **params})


def asked(n: int, start: int = 0, **options: Any) -> list[Request]:
    return [
        Request(str(i), (Message("user", f"question {i}"),), Sampling(0.0, max_tokens=50), name=f"q{i}", **options)
        for i in range(start, start + n)
    ]


async def _stream(requests: Sequence[Request]) -> AsyncIterator[Request]:
    for request in requests:
        yield request


async def ask(
    files: Path, model: Model, requests: Sequence[Request], progress: Any = None, *, save: bool = True, **options: Any
) -> dict[str, Result]:
    """All results by key; every key once."""
    found: dict[str, Result] = {}
    with at_work(files):
        engine = open_batch_engine(model, progress, **options)
        try:
            async for result in engine.complete(_stream(requests)):
                assert result.key not in found
                found[result.key] = result
        finally:
            await engine.close()
        if save:
            engine.saved()
    return found


def left(files: Path) -> list[Batch]:
    return Journal(files).all()


# -- the straight way ------------------------------------------------------------------------------


async def test_requests_go_as_one_batch_and_cost_half(tmp_path: Path, server: FakeBatches) -> None:
    server.polls = 2
    heard = Heard()
    found = await ask(tmp_path, model_at(server), asked(30), heard, job_id="j")
    assert set(found) == {str(i) for i in range(30)}
    assert all(f"question {i}." in found[str(i)].text for i in range(30))  # matched by id, not by place
    one = found["3"]
    assert one.state == "ok" and one.latency is None
    full = (one.prompt_tokens * 2.0 + one.completion_tokens * 8.0) / 1e6  # type: ignore[operator]
    assert one.cost == pytest.approx(full / 2)
    assert server.chats == [] and len(server.batches) == 1
    assert [c for c in server.calls if c.startswith("POST")] == ["POST /v1/files", "POST /v1/batches"]
    assert any("30 requests submitted, at most $" in line for line in heard.said)
    assert any("completed, 30 of 30 done" in line for line in heard.said)
    assert left(tmp_path) == [] and not list((tmp_path / "batches").glob("wb-*"))  # nothing is left behind


async def test_own_discount(tmp_path: Path, server: FakeBatches) -> None:
    one = (await ask(tmp_path, model_at(server, batch_discount=0.25), asked(1)))["0"]
    full = (one.prompt_tokens * 2.0 + one.completion_tokens * 8.0) / 1e6  # type: ignore[operator]
    assert one.cost == pytest.approx(full * 0.75)


async def test_journal_is_private_and_holds_no_key(
    tmp_path: Path, server: FakeBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret-123456")
    server.key = "sk-secret-123456"
    await ask(tmp_path, model_at(server, api_key_env="MY_KEY"), asked(3), save=False)
    files = [p for p in (tmp_path / "batches").iterdir() if p.is_file()]
    assert {p.suffix for p in files} >= {".json", ".jsonl", ".lock"}
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert b"sk-secret" not in path.read_bytes()
    assert stat.S_IMODE((tmp_path / "batches").stat().st_mode) == 0o700


async def test_full_batches_are_closed(tmp_path: Path, server: FakeBatches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asks_module, "MOST_REQUESTS", 10)
    found = await ask(tmp_path, model_at(server), asked(25))
    assert len(found) == 25
    assert sorted(b["request_counts"]["total"] for b in server.batches.values()) == [5, 10, 10]


async def test_batches_are_closed_by_size(tmp_path: Path, server: FakeBatches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asks_module, "MOST_BYTES", 2000)
    assert len(await ask(tmp_path, model_at(server), asked(20))) == 20
    assert len(server.batches) > 2
    assert all(len(server.files[b["input_file_id"]]) <= 2000 for b in server.batches.values())


async def test_follow_ups_form_the_next_batch(tmp_path: Path, server: FakeBatches) -> None:
    """As exchange does it: a second request for each, asked for when the first result is handled."""
    done: list[str] = []
    with at_work(tmp_path):
        engine = open_batch_engine(model_at(server))
        feed = Feed(iter(asked(20)), lambda: False)
        async for result in engine.complete(feed):
            first = result.key.startswith("again") is False
            done.append(result.key)
            feed.answered(
                [Request(f"again {result.key}", (Message("user", result.text),), name="again")] if first else []
            )
        await engine.close()
    assert len(done) == 40 and len(set(done)) == 40
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [20, 20]


async def test_equal_requests_are_told_apart(tmp_path: Path, server: FakeBatches) -> None:
    requests = [Request(str(i), (Message("user", "the same"),), name="same") for i in range(5)]
    assert len(await ask(tmp_path, model_at(server), requests)) == 5
    assert len(server.submitted) == 5


async def test_azure_addresses(tmp_path: Path, server: FakeBatches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZ", "azure-key-1")
    server.key = "azure-key-1"
    url = server.url.removesuffix("/v1") + "/openai/deployments/gpt"
    model = Model("m", "api", url, {"model": "gpt", "api_version": "2024-10-21", "api_key_env": "AZ"})
    assert len(await ask(tmp_path, model, asked(2))) == 2
    assert {line["url"] for line in server.submitted} == {"/chat/completions"}
    assert all("api-version=2024-10-21" in r.path for r in server.requests)
    assert all("Authorization" not in r.headers for r in server.requests)


def test_only_api_models(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="only endpoints have a Batch API"):
        open_batch_engine(Model("b", "bundled"))


# -- faults ----------------------------------------------------------------------------------------


async def test_error_lines_are_read_like_errors(tmp_path: Path, server: FakeBatches) -> None:
    long = {"message": "This model's maximum context length is 8 tokens", "code": "context_length_exceeded"}
    filtered = {"message": "The response was filtered due to our content management policy", "code": "content_filter"}
    server.plans.append(
        Plan(fail={
            0: (400, long), 1: (400, filtered), 2: (400, {"message": "bad field"}), 3: (500, {"message": "oops"}),
            4: (429, {"message": "slow down"}), 5: (0, None),
        })
    )  # fmt: skip
    found = await ask(tmp_path, model_at(server), asked(10))
    states = [found[str(i)].state for i in range(10)]
    assert states == ["too_long", "refused", "error", "ok", "ok", "ok", "ok", "ok", "ok", "ok"]
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [10, 3]
    assert [found[str(i)].retries for i in (3, 4, 6)] == [1, 1, 0]


async def test_attempts_come_to_an_end(tmp_path: Path, server: FakeBatches) -> None:
    server.plans.extend(Plan(fail={0: (500, {"message": "oops"})}) for _ in range(3))
    found = await ask(tmp_path, model_at(server, max_attempts=3), asked(2))
    assert found["0"].state == "error" and found["0"].retries == 2 and "oops" in (found["0"].error or "")
    assert found["1"].state == "ok" and len(server.batches) == 3


async def test_expired_keeps_what_came(tmp_path: Path, server: FakeBatches) -> None:
    server.plans.append(Plan(expire_after=4))
    heard = Heard()
    found = await ask(tmp_path, model_at(server), asked(10), heard)
    assert {r.state for r in found.values()} == {"ok"} and len(found) == 10
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [10, 6]


async def test_expired_every_time_is_an_error(tmp_path: Path, server: FakeBatches) -> None:
    server.plans.extend(Plan(expire_after=0) for _ in range(2))
    found = await ask(tmp_path, model_at(server, max_attempts=2), asked(2))
    assert all(r.state == "error" and "expired" in (r.error or "") for r in found.values())


async def test_cancelled_elsewhere_stops_and_goes_on(tmp_path: Path, server: FakeBatches) -> None:
    server.plans.append(Plan(cancel_after=4))
    with pytest.raises(EngineError, match="cancelled: 4 of 10 requests came back"):
        await ask(tmp_path, model_at(server), asked(10))
    found = await ask(tmp_path, model_at(server), asked(10))
    assert len(found) == 10
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [10, 6]


async def test_odd_lines_are_ignored(tmp_path: Path, server: FakeBatches) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        stranger = json.dumps({**json.loads(lines[0]), "custom_id": "stranger"}).encode()
        return [b"\xff not json", lines[0], lines[0], stranger, b"[]", *lines[1:-1]]  # one is lost

    server.plans.append(Plan(change=change))
    heard = Heard()
    found = await ask(tmp_path, model_at(server), asked(5), heard)
    assert len(found) == 5 and {r.state for r in found.values()} == {"ok"}
    said = next(line for line in heard.said if "ignored" in line)
    assert "2 cannot be read" in said and "1 twice" in said and "1 of no request" in said
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [5, 1]


async def test_refused_lines_do_not_take_the_others_along(tmp_path: Path, server: FakeBatches) -> None:
    server.plans.append(Plan(refuse=[("invalid_value", "no such field", 2)]))
    heard = Heard()
    found = await ask(tmp_path, model_at(server), asked(4), heard)
    assert [found[str(i)].state for i in range(4)] == ["ok", "error", "ok", "ok"]
    assert any("refused because of 1 request" in line for line in heard.said)


async def test_refused_as_a_whole(tmp_path: Path, server: FakeBatches) -> None:
    server.plans.append(Plan(refuse=[("billing_hard_limit_reached", "Billing hard limit has been reached", None)]))
    with pytest.raises(EngineError, match="billing_hard_limit_reached"):
        await ask(tmp_path, model_at(server), asked(4))
    assert left(tmp_path) == []  # nothing was paid for


async def test_full_queue_makes_smaller_batches(tmp_path: Path, server: FakeBatches) -> None:
    limit = [("token_limit_exceeded", "Enqueued token limit reached for fake", None)]
    server.plans.extend([Plan(refuse=limit), Plan(refuse=limit)])
    found = await ask(tmp_path, model_at(server), asked(20))
    assert len(found) == 20
    done = [b["request_counts"]["total"] for b in server.batches.values() if b["status"] == "completed"]
    assert sum(done) == 20 and max(done) <= 10


async def test_endpoint_without_the_new_name(tmp_path: Path, server: FakeBatches) -> None:
    wants = {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "code": "x"}
    server.plans.append(Plan(fail=dict.fromkeys(range(3), (400, wants))))
    found = await ask(tmp_path, model_at(server), asked(3))
    assert {r.state for r in found.values()} == {"ok"}
    assert [("max_tokens" in line["body"]) for line in server.submitted] == [True] * 3 + [False] * 3


async def test_polls_uploads_and_downloads_are_tried_again(tmp_path: Path, server: FakeBatches) -> None:
    server.polls = 3
    failing = {"POST /v1/files": 2, "GET /v1/batches/batch_1": 4, "GET /v1/files/file-2/content": 2}

    def http(method: str, path: str) -> Any:
        if failing.get(f"{method} {path}", 0) > 0:
            failing[f"{method} {path}"] -= 1
            return web.json_response({"error": {"message": "busy"}}, status=503)
        return None

    server.http = http
    assert len(await ask(tmp_path, model_at(server), asked(5))) == 5
    assert len(server.batches) == 1 and not any(failing.values())


@pytest.mark.parametrize("way", ["drop", "500"])
async def test_making_is_never_done_twice(tmp_path: Path, server: FakeBatches, way: str) -> None:
    """The batch is made, but the answer is lost."""
    times = iter([way])

    def http(method: str, path: str) -> Any:
        return next(times, None) if (method, path) == ("POST", "/v1/batches") else None

    server.http = http
    for _ in range(3):  # older batches of others, so that the list has several pages
        server.batches[f"old-{_}"] = {"id": f"old-{_}", "status": "completed", "created_at": 2**31}
    found = await ask(tmp_path, model_at(server), asked(5))
    assert len(found) == 5
    assert [name for name in server.batches if name.startswith("batch_")] == ["batch_4"]


async def test_bad_key_and_no_batch_api(tmp_path: Path, server: FakeBatches, monkeypatch: pytest.MonkeyPatch) -> None:
    server.http = lambda method, path: web.json_response({"error": {"message": "no"}}, status=404)
    with pytest.raises(EngineError, match="has no Batch API"):
        await ask(tmp_path, model_at(server), asked(2))
    server.http, server.key = None, "right"
    monkeypatch.setenv("MY_KEY", "sk-wrong-123456")
    with pytest.raises(EngineError, match=r"refused the key in \$MY_KEY") as caught:
        await ask(tmp_path, model_at(server, api_key_env="MY_KEY"), asked(2))
    assert "sk-wrong" not in str(caught.value)
    assert left(tmp_path) == []


# -- restarts --------------------------------------------------------------------------------------


async def test_stopped_while_waiting_and_continued(tmp_path: Path, server: FakeBatches) -> None:
    server.polls = None
    heard = Heard()
    with at_work(tmp_path):
        engine = open_batch_engine(model_at(server), heard)
        work = asyncio.create_task(_drain(engine, asked(5)))
        while not server.batches:
            await asyncio.sleep(0.02)
        heard.cancelled = True
        assert await asyncio.wait_for(work, 5) == []
        assert "5 requests in 1 batch under way" in engine.remarks()[0]
        await engine.close()
    [batch] = left(tmp_path)
    assert batch.state == "made" and batch.batch_id == "batch_1"
    server.finish("batch_1")
    assert len(await ask(tmp_path, model_at(server), asked(5))) == 5
    assert len(server.batches) == 1 and left(tmp_path) == []


async def _drain(engine: Any, requests: Sequence[Request]) -> list[Result]:
    return [result async for result in engine.complete(_stream(requests))]


async def test_not_waiting_submits_and_collects(tmp_path: Path, server: FakeBatches) -> None:
    server.polls = None
    assert await ask(tmp_path, model_at(server), asked(5), wait=False) == {}
    assert await ask(tmp_path, model_at(server), asked(7), wait=False) == {}  # two more, in a batch of their own
    assert [b["request_counts"]["total"] for b in server.batches.values()] == [5, 2]
    server.finish("batch_1")
    assert set(await ask(tmp_path, model_at(server), asked(7), wait=False)) == {str(i) for i in range(5)}
    server.finish("batch_2")
    assert len(await ask(tmp_path, model_at(server), asked(7), wait=False)) == 7  # the first from their kept file
    assert len(server.batches) == 2 and left(tmp_path) == []


async def test_kept_answers_go_by_content_not_by_place(tmp_path: Path, server: FakeBatches) -> None:
    await ask(tmp_path, model_at(server), asked(6), save=False)
    turned = [Request(f"k{i}", r.messages, r.sampling, name=r.name) for i, r in enumerate(asked(6)[::-1])]
    found = await ask(tmp_path, model_at(server), turned[1:4], save=False)
    assert [f"question {5 - i}." in found[f"k{i}"].text for i in (1, 2, 3)] == [True] * 3
    other = await ask(tmp_path, model_at(server, temperature=1), [
        Request("x", asked(1)[0].messages, Sampling(1.0, max_tokens=50), name="q0"),
        Request("y", asked(1)[0].messages, Sampling(0.0, max_tokens=50), name="another attempt"),
    ], save=False)  # fmt: skip
    assert set(other) == {"x", "y"} and len(server.submitted) == 8  # another content, another purpose: asked anew
    assert len(await ask(tmp_path, model_at(server, model="else"), asked(1))) == 1
    assert len(server.submitted) == 9


async def test_failed_tries_of_earlier_runs_count(tmp_path: Path, server: FakeBatches) -> None:
    server.plans.extend(Plan(fail={0: (500, {"message": "oops"})}) for _ in range(2))
    found = await ask(tmp_path, model_at(server, max_attempts=2), asked(1), save=False)
    assert found["0"].state == "error"
    again = await ask(tmp_path, model_at(server, max_attempts=2), asked(1), save=False)
    assert again["0"].state == "error" and len(server.batches) == 2
    assert (await ask(tmp_path, model_at(server, max_attempts=3), asked(1)))["0"].state == "ok"


async def test_journal_of_the_same_command_goes_when_it_has_ended(tmp_path: Path, server: FakeBatches) -> None:
    await ask(tmp_path, model_at(server), asked(6), save=False, scope="s")
    # Killed when four were stored: only two are asked for by the next run.
    await ask(tmp_path, model_at(server), asked(2), scope="other")
    assert len(left(tmp_path)) == 1
    await ask(tmp_path, model_at(server), asked(2), scope="s")
    assert left(tmp_path) == [] and len(server.batches) == 1


async def test_two_workers_submit_the_same_once(tmp_path: Path, server: FakeBatches) -> None:
    server.polls = 3
    first, second = await asyncio.gather(
        ask(tmp_path, model_at(server), asked(10), save=False), ask(tmp_path, model_at(server), asked(10), save=False)
    )
    assert len(first) == len(second) == 10
    assert len(server.submitted) == 10


async def test_batch_that_is_gone_is_not_paid_twice(tmp_path: Path, server: FakeBatches) -> None:
    server.polls = None
    await ask(tmp_path, model_at(server), asked(3), wait=False)
    server.batches.clear()
    with pytest.raises(EngineError, match="does not know batch batch_1") as caught:
        await ask(tmp_path, model_at(server), asked(3))
    assert f"workbench batches forget {left(tmp_path)[0].id}" in str(caught.value.hint)
    assert not server.batches
