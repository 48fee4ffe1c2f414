"""What servers really do, below HTTP and above it: both transports end the same way on each of them."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.misbehaving import (
    CLOSE,
    CUT,
    Misbehaving,
    Script,
    chunked,
    completion,
    cut_off,
    error,
    http,
    trickle,
)  # fmt: skip
from workbench.engines import breaker, endpoint, pieces
from workbench.engines.api import ApiEngine
from workbench.engines.protocol import Message, Request, Result
from workbench.engines.transport import default_client, proxy_for
from workbench.engines.workplace import at_work
from workbench.errors import EngineError
from workbench.records import Model

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "BASE_S", 0.01)
    monkeypatch.setattr(breaker, "PROBE_AFTER", (0.05, 0.05, 0.05))
    monkeypatch.setattr(breaker, "LOOK_S", 0.01)


@pytest.fixture(params=["lean", "openai"])
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def engine(server: Misbehaving, client: str, **params: Any) -> ApiEngine:
    settings = {"model": "fake", "timeout_s": 10, "client": client, **params}
    return ApiEngine(Model("m", "api", server.url, settings))


async def ask(used: ApiEngine, *questions: str) -> list[Result]:
    async def requests() -> AsyncIterator[Request]:
        for text in questions:
            yield Request(text, (Message("user", text),))

    try:
        return [result async for result in used.complete(requests())]
    finally:
        await used.close()


async def ask_one(scripts: list[Script], client: str, **params: Any) -> tuple[Result, Misbehaving]:
    with Misbehaving(scripts) as server:
        [result] = await ask(engine(server, client, **params), "why?")
    return result, server


# -- tried again -----------------------------------------------------------------------------------

GOOD = http(completion("fine"))
AGAIN: dict[str, Script] = {
    "429": [error("429 Too Many Requests")],
    "429 with Retry-After": [error("429 Too Many Requests", headers=["Retry-After: 0.05"])],
    "500": [error("500 Internal Server Error")],
    "502 in HTML": [http(b"<html>bad gateway</html>", "502 Bad Gateway", "text/html")],
    "503": [error("503 Service Unavailable")],
    "reset before an answer": [CUT],
    "closed before an answer": [CLOSE],
    "reset within the head": [b"HTTP/1.1 200 O", 0.01, CUT],
    "reset within the body": cut_off(),
    "closed within the body": [http(completion("x"), length=5000), 0.01, CLOSE],
    "closed within a chunk": [chunked(b'{"id":')[:-12], 0.01, CLOSE],
    "slow loris": trickle(0.02),
    "stops within the body": [http(completion("x"), length=5000), 30.0],
    "HTML with status 200": [http(b"<html>sign in</html>", kind="text/html")],
    "truncated JSON": [http(json.dumps(completion("x")).encode()[:-20])],
    "empty body": [http(b"")],
    "not HTTP": [b"220 smtp.example.com ESMTP\r\n\r\n" * 3, 0.05, CLOSE],
    "broken chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0.05, CLOSE],
    "error inside a 200": [http({"error": {"message": "overloaded", "code": 503}})],
}


@pytest.mark.parametrize("name", AGAIN)
async def test_what_may_succeed_is_tried_again(name: str, client: str) -> None:
    result, server = await ask_one([AGAIN[name]], client, idle_timeout_s=0.3)
    assert (result.state, result.text, result.retries) == ("ok", "why?", 1), result
    assert len(server.bodies) == 2


async def test_a_wait_for_the_first_byte_is_not_idling(client: str) -> None:
    """A model that thinks for long sends nothing for long; blank lines meanwhile are a sign of life."""
    waited: Script = [0.6, GOOD]
    alive: Script = [
        chunked()[:-5],
        *[b"1\r\n\n\r\n", 0.1] * 6,
        b"%x\r\n" % len(GOOD_BODY),
        GOOD_BODY,
        b"\r\n0\r\n\r\n",
    ]
    for script in (waited, alive):
        result, server = await ask_one([script], client, idle_timeout_s=0.3)
        assert (result.state, result.text) == ("ok", "fine") and len(server.bodies) == 1


GOOD_BODY = json.dumps(completion("fine")).encode()


async def test_the_whole_request_has_a_time_limit(client: str) -> None:
    started = time.monotonic()
    result, _ = await ask_one([[30.0], [30.0]], client, timeout_s=0.3, max_attempts=2)
    assert result.state == "error" and "no answer in 0.3 s" in str(result.error)
    assert time.monotonic() - started < 3


# -- answers that are odd but answers --------------------------------------------------------------

ODD: dict[str, tuple[Script, str, str]] = {
    "chunks": ([chunked(GOOD_BODY[:7], GOOD_BODY[7:9], GOOD_BODY[9:])], "ok", "fine"),
    "byte by byte": ([GOOD[i : i + 1] for i in range(len(GOOD))], "ok", "fine"),
    "another content type": ([http(completion("fine"), kind="text/plain")], "ok", "fine"),
    "compressed unasked": (
        [http(zlib.compress(GOOD_BODY), headers=["Content-Encoding: deflate"])], "ok", "fine",
    ),
    "100 first": ([b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD], "ok", "fine"),
    "until the end": ([b"HTTP/1.0 200 OK\r\n\r\n" + GOOD_BODY, CLOSE], "ok", "fine"),
    "lower-case headers, odd spaces": (
        [b"HTTP/1.1 200 OK\r\ncontent-length:%d \r\n\r\n%b" % (len(GOOD_BODY), GOOD_BODY)], "ok", "fine",
    ),
    "empty choices": ([http(completion(choices=[]))], "error", ""),
    "null content": ([http(completion(None))], "error", ""),
    "content filter": ([http(completion("", finish="content_filter"))], "refused", ""),
    "cut off": ([http(completion("half an ans", finish="length"))], "truncated", "half an ans"),
    "context length": (
        [error("400 Bad Request", "This model's maximum context length is 8 tokens", "context_length_exceeded")],
        "too_long", "",
    ),
    "filtered prompt": ([error("400 Bad Request", "filtered", "content_filter")], "refused", ""),
    "another model's name": ([http(completion("fine", model="cheaper-model"))], "ok", "fine"),
    "10 MB": ([http(completion("long " * 2_000_000))], "ok", ("long " * 2_000_000)),
    "invalid UTF-8": ([http(json.dumps(completion("caf@")).encode().replace(b"@", b"\xe9"))], "ok", "caf\ufffd"),
    "lone surrogate": ([http(json.dumps(completion("half \ud83d")).encode())], "ok", "half \ufffd"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
async def test_what_is_an_answer_is_asked_once(name: str, client: str) -> None:
    script, state, text = ODD[name]
    result, server = await ask_one([script], client)
    assert (result.state, result.text.strip()) == (state, text.strip())
    assert (result.error is None) == (state == "ok") and result.retries == 0
    assert len(server.bodies) == 1


async def test_too_large_an_answer_is_an_error_and_not_repeated(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "MAX_ANSWER", 1 << 20)
    for script in ([http(completion("x" * (2 << 20)))], [chunked(*[b"x" * (1 << 16)] * 40)]):
        result, server = await ask_one([script], client)
        assert result.state == "error" and "larger than" in str(result.error) and len(server.bodies) == 1


async def test_redirects_are_said(client: str) -> None:
    moved = http(b"", "307 Temporary Redirect", headers=["Location: https://elsewhere.example/v1"])
    if client == "openai":
        pytest.skip("the openai client follows redirects by itself")
    result, _ = await ask_one([[moved]], client)
    assert result.state == "error" and "moved to https://elsewhere.example/v1" in str(result.error)


# -- whose answer is it ----------------------------------------------------------------------------


@pytest.mark.parametrize("late_s", [0.0, 0.03])
async def test_an_answer_delivered_twice_is_never_taken_for_another_ones(client: str, late_s: float) -> None:
    """Every fifth answer comes twice on its connection, at once or while the next question is under way."""

    def twice(number: int, body: dict[str, Any]) -> Script | None:
        one = http(completion(body["messages"][-1]["content"]))
        return [one, late_s, one] if number % 5 == 0 else [0.005, one]

    with Misbehaving(choose=twice) as server:
        results = await ask(engine(server, client, concurrency=2), *(f"question {i}" for i in range(60)))
    assert len(results) == 60
    wrong = [(r.key, r.text) for r in results if r.text != r.key]
    assert not wrong, wrong
    assert len(server.bodies) <= 90


async def test_the_first_answer_of_all_delivered_twice(client: str) -> None:
    def twice(number: int, body: dict[str, Any]) -> Script | None:
        one = http(completion(body["messages"][-1]["content"]))
        return [one, 0.03, one] if number == 1 else [0.05, one]

    with Misbehaving(choose=twice) as server:
        results = await ask(engine(server, client, concurrency=1), *(f"question {i}" for i in range(6)))
    assert all(r.text == r.key for r in results) and len(results) == 6 and len(server.bodies) == 7


@pytest.mark.parametrize("n", [2, 40])
async def test_the_same_answer_to_everything_costs_one_request(client: str, n: int) -> None:
    def same(number: int, body: dict[str, Any]) -> Script | None:
        return [http(completion("yes", id="always"))]

    with Misbehaving(choose=same) as server:
        results = await ask(engine(server, client, concurrency=1), *(f"question {i}" for i in range(n)))
    assert [r.text for r in results] == ["yes"] * n and len(server.bodies) == n + 1


async def test_servers_that_number_nothing_are_believed(client: str) -> None:
    def constant(number: int, body: dict[str, Any]) -> Script | None:
        return [http(completion(body["messages"][-1]["content"], id="always"))]

    with Misbehaving(choose=constant) as server:
        results = await ask(engine(server, client), *(f"question {i}" for i in range(40)))
    assert all(r.text == r.key for r in results) and len(server.bodies) == 40


async def test_other_names_are_remarked(client: str) -> None:
    def renamed(number: int, body: dict[str, Any]) -> Script | None:
        return [http(completion(model="fake-2026-01-01" if number % 2 else "mini"))]

    with Misbehaving(choose=renamed) as server:
        used = engine(server, client)
        await ask(used, "a", "b", "c")
    [remark] = used.remarks()
    assert "fake-2026-01-01 (2)" in remark and "mini (1)" in remark
    with Misbehaving([[http(completion(model="fake-2026-01-01"))]]) as server:
        used = engine(server, client)
        await ask(used, "a")
    assert used.remarks() == []  # a dated form of the name that was asked for


# -- breakers --------------------------------------------------------------------------------------


async def test_an_outage_is_waited_out_without_using_requests_up(client: str) -> None:
    """40 failures in a row: the breaker opens at 20, probes one by one, and every request still ends well."""

    def outage(number: int, body: dict[str, Any]) -> Script | None:
        return [error("500 Internal Server Error")] if number <= 22 else None

    with Misbehaving(choose=outage) as server:
        results = await ask(engine(server, client, concurrency=8), *(f"question {i}" for i in range(30)))
    assert [r.state for r in results] == ["ok"] * 30
    assert len(server.bodies) <= 60


async def test_an_outage_that_stays_ends_the_work_with_nothing_recorded_as_failed(client: str) -> None:
    with Misbehaving(choose=lambda *_: [error("503 Service Unavailable", "down")]) as server:
        with pytest.raises(EngineError, match=r"failed \d+ attempts in a row, the last with: HTTP 503: down"):
            await ask(engine(server, client, concurrency=8), *(f"question {i}" for i in range(300)))
        assert len(server.bodies) < 50


# -- how one gets in -------------------------------------------------------------------------------


async def test_azure_style(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_KEY", KEY)
    with Misbehaving() as server:
        used = ApiEngine(
            Model("m", "api", f"{server.url}/openai/deployments/gpt", {
                "model": "gpt", "api_version": "2024-10-21", "api_key_env": "AZURE_KEY", "client": client,
            })
        )  # fmt: skip
        assert [r.state for r in await ask(used, "hello")] == ["ok"]
    head = server.heads[0].decode()
    assert head.startswith("POST /v1/openai/deployments/gpt/chat/completions?api-version=2024-10-21 HTTP/1.1\r\n")
    assert f"api-key: {KEY}" in head and "uthorization" not in head


async def test_headers_from_the_environment_are_sent_and_never_shown(
    client: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEAM_TOKEN", "tt-" + "s3cret" * 3)
    said = f"token {'tt-' + 's3cret' * 3} is refused"
    with Misbehaving([[error("400 Bad Request", said)]]) as server:
        headers = {"X-Team-Token": "v1 ${TEAM_TOKEN}", "X-Plain": "yes"}
        with at_work(tmp_path, log_bodies=True) as place:
            [result] = await ask(engine(server, client, headers=headers), "tt-" + "s3cret" * 3)
        assert place.log is not None
        logged = place.log.path.read_text()
    head = server.heads[0].decode().lower()
    assert f"x-team-token: v1 tt-{'s3cret' * 3}\r\n" in head and "x-plain: yes\r\n" in head
    assert "s3cret" not in str(result.error) and "s3cret" not in logged and "***" in logged


def test_which_client_suits_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [
        "http://127.0.0.1:1/v1",
        "http://localhost/v1",
        "http://10.1.2.3/v1",
        "http://[::1]:8/v1",
        "http://gpu7:8000",
    ]
    assert {default_client(url) for url in [*own, "http://box.lan/v1"]} == {"lean"}
    assert {default_client(url) for url in ("https://api.openai.com/v1", "http://8.8.8.8/v1")} == {"openai"}
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "intern.example.com")
    assert proxy_for("https://api.openai.com/v1") == "http://proxy:3128"
    assert proxy_for("https://intern.example.com/v1") is None and proxy_for("https://localhost/v1") is None


# -- the log ---------------------------------------------------------------------------------------


async def test_each_attempt_is_logged(client: str, tmp_path: Path) -> None:
    with (
        Misbehaving([[error("503 Service Unavailable")], cut_off()]) as server,
        at_work(tmp_path, log_requests=True) as at,
    ):
        await ask(engine(server, client), "secret question")
    assert at.log is not None
    lines = [json.loads(line) for line in at.log.path.read_text().splitlines()]
    assert [(one["attempt"], one["status"], one["fault"]) for one in lines] == [
        (0, 503, "status"), (1, None, "disconnect"), (2, 200, None),
    ]  # fmt: skip
    assert lines[2]["prompt_tokens"] == 10 and lines[2]["sent"] > 20 and lines[2]["received"] > 100
    assert "secret question" not in at.log.path.read_text()
    assert oct(at.log.path.stat().st_mode & 0o777) == "0o600"


async def test_cancelled_requests_leave_no_answer_behind(client: str) -> None:
    """The connection of a request that was given up must not carry its answer to the next one."""
    with Misbehaving([[0.5, http(completion("late"))]]) as server:
        used = engine(server, client, concurrency=1)

        async def first() -> AsyncIterator[Request]:
            yield Request("a", (Message("user", "a"),))

        results = used.complete(first())
        waiting = asyncio.ensure_future(anext(results))
        while not server.bodies:
            await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0.6)
        [result] = await ask(used, "b")
    assert result.text == "b"
