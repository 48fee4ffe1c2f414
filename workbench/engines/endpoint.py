"""One OpenAI-compatible endpoint: sending, retrying, keeping to its limits, and telling when it is of no use.

Requests go through the ``openai`` client with its aiohttp transport; the client's own retries are off, because it
retries without regard to what its neighbours have just been told. Answers are read as plain JSON: building the
client's response models costs more than the rest of a request.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from workbench.engines.limits import Gate, Pace
from workbench.engines.retry import (
    BASE_S,
    CAP_S,
    MAX_RETRY_AFTER_S,
    Fault,
    backoff_s,
    connection_fault,
    retry_after_s,
)
from workbench.errors import EngineError
from workbench.text import one_line

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

#: A server that does not take a connection in this time is taken for unreachable (seconds).
CONNECT_S = 15.0
#: Attempts to reach an endpoint that has never answered yet: it is more likely misspelt than busy.
FIRST_CONTACT = 3
#: Requests given up one after another, without an answer between, before the endpoint counts as broken.
BROKEN_AFTER = 20
#: Longest error text kept, in characters.
MESSAGE_CHARS = 300

_KEY_LIKE = re.compile(r"\b(sk|pk|rk|hf|gsk|xai|key)[-_][A-Za-z0-9*_\-.]{6,}|Bearer\s+\S+|(?<=//)[^/\s:@]+:[^/\s@]+@")


class Stopped(Exception):
    """The request was given up because the endpoint is of no use any more; ``Endpoint.failure`` says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``latency`` is seconds from the first send to the last byte, retries included."""

    data: dict[str, Any]
    retries: int
    latency: float


@dataclass(frozen=True, slots=True)
class Limits:
    concurrency: int = 8
    rpm: float | None = None
    tpm: float | None = None
    timeout_s: float = 600.0
    max_attempts: int = 6


class Endpoint:
    """Sends requests to one base URL for one model. Used from one event loop.

    ``key_env`` is the name of the variable that ``key`` came from, for messages; the key itself is never in one.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        key_env: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.model = model
        self.limits = limits or Limits()
        self.gate = Gate(self.limits.concurrency)
        self.pace = Pace(self.limits.rpm, self.limits.tpm)
        self.failure: EngineError | None = None
        self._key = key
        self._key_env = key_env
        self._client: AsyncOpenAI | None = None
        self._answered = False
        self._succeeded = False
        self._given_up = 0
        self._stop = asyncio.Event()

    # -- sending -----------------------------------------------------------------------------------

    async def send(self, path: str, body: Mapping[str, Any], tokens: float = 0) -> Answer:
        """POST until it succeeds or cannot. ``tokens`` estimates what the request will use of the tpm budget.

        Raises:
            Fault: this request failed for good; its ``consequence`` tells how it counts.
            Stopped: the endpoint is of no use (``failure`` is set).
        """
        first: float | None = None
        for attempt in range(self.limits.max_attempts):
            async with self.gate:
                await self._turn(tokens)
                sent = time.monotonic()
                first = sent if first is None else first
                try:
                    data = await self._attempt(path, body)
                except Fault as met:
                    fault = met
                    self.pace.used(tokens, 0)
                    self._learn(fault, sent)
                else:
                    self._answered = self._succeeded = True
                    self._given_up = 0
                    self.gate.succeeded()
                    self.pace.used(tokens, _tokens_used(data, tokens))
                    return Answer(data, attempt, time.monotonic() - first)
            fault.retries, fault.latency = attempt, time.monotonic() - first
            if fault.consequence == "fatal":
                raise self.stop(self._fatal(fault))
            if fault.consequence != "retry":
                raise fault
            if self._stop.is_set():
                raise Stopped
            if attempt + 1 >= self._attempts(fault):
                break
            await self._sleep(self._delay(fault, attempt))
        self._give_up(fault)
        raise fault

    def resume(self) -> None:
        """Forget an earlier failure: the next request tries again."""
        self.failure = None
        self._stop = asyncio.Event()

    def stop(self, failure: EngineError) -> Stopped:
        """No more attempts are made. Returns what to raise."""
        self.failure = self.failure or failure
        self._stop.set()
        return Stopped()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _turn(self, tokens: float) -> None:
        """Wait for the budgets and for the end of a pause, which may be prolonged meanwhile."""
        wait = self.pace.wait_s(tokens)
        while wait > 0:
            await self._sleep(wait)
            wait = self.pace.paused_s
        if self._stop.is_set():
            raise Stopped

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped

    async def _attempt(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        import httpx2
        import openai

        client = self._open()
        try:
            # The client's own limit is for each read; this one is for the request as a whole.
            async with asyncio.timeout(self.limits.timeout_s):
                response = await client.post(path, cast_to=httpx2.Response, body=body)
        except TimeoutError:
            raise Fault("timeout", f"no answer in {self.limits.timeout_s:g} s") from None
        except openai.APIStatusError as error:
            raise self._status_fault(error) from None
        except (openai.APIConnectionError, httpx2.HTTPError, OSError) as error:
            raise connection_fault(error) from None
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "aiohttp":
                raise
            raise connection_fault(error) from None
        try:
            data = json.loads(response.content)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise Fault("malformed", "the answer is not a JSON object")
        if data.get("error") and not data.get("choices") and not data.get("data"):
            raise self._error_fault(data["error"], None, {})
        return data

    def _open(self) -> AsyncOpenAI:
        if self._client is None:
            import httpx2
            from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient

            # A proxy from the environment cannot reach this machine's own loopback.
            trust_env = not _is_loopback(self.url)
            timeout = httpx2.Timeout(self.limits.timeout_s, connect=min(CONNECT_S, self.limits.timeout_s))
            try:
                http: httpx2.AsyncClient = DefaultAioHttpClient(trust_env=trust_env, timeout=timeout)
            except RuntimeError:  # installed without aiohttp
                http = DefaultAsyncHttpxClient(trust_env=trust_env, timeout=timeout)
            # Without a key of our own the SDK would send OPENAI_API_KEY to whatever this endpoint is.
            self._client = AsyncOpenAI(
                api_key=self._key or "none", base_url=self.url, http_client=http, max_retries=0, timeout=timeout
            )
        return self._client

    # -- what faults mean --------------------------------------------------------------------------

    def _status_fault(self, error: APIStatusError) -> Fault:
        body = error.body
        if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping):
            body = body["error"]
        return self._error_fault(body, error.status_code, error.response.headers)

    def _error_fault(self, said: object, status: int | None, headers: Mapping[str, str]) -> Fault:
        """A fault from an error object or text. Some gateways send one with status 200 and the real one inside."""
        code: object = None
        message: object = said
        if isinstance(said, Mapping):
            code = said.get("code") or said.get("type")
            message = said.get("message") or said.get("detail") or ""
            if isinstance(said.get("type"), str) and str(code) == str(status):
                code = said["type"]
        if status is None:
            status = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else 500
        text = self.scrub(message if isinstance(message, str) else json.dumps(message, default=str))
        if status in (401, 407):
            text = ""  # such answers like to repeat the key
        return Fault(
            "status", f"HTTP {status}" + (f": {text}" if text.strip() else ""), status=status,
            code=None if code is None else str(code), retry_after=retry_after_s(headers),
        )  # fmt: skip

    def scrub(self, text: str) -> str:
        """One line of at most ``MESSAGE_CHARS`` characters, without this endpoint's key or what looks like one."""
        if self._key and len(self._key) >= 4:
            text = text.replace(self._key, "***")
        return one_line(_KEY_LIKE.sub("***", text), MESSAGE_CHARS)

    def _learn(self, fault: Fault, sent: float) -> None:
        if fault.kind in ("status", "malformed"):
            self._answered = True
        if fault.overload:
            self.gate.overloaded(sent)
        if fault.retry_after is not None and fault.consequence == "retry":
            if fault.retry_after > MAX_RETRY_AFTER_S:
                minutes = round(fault.retry_after / 60)
                hint = "what has come so far is kept; run the same again later"
                self.stop(EngineError(f"{self.url} asks to wait {minutes} minutes ({fault.message})", hint=hint))
            else:
                self.pace.pause(fault.retry_after)

    def _attempts(self, fault: Fault) -> int:
        if fault.kind == "connect" and not self._answered:
            return min(FIRST_CONTACT, self.limits.max_attempts)
        return self.limits.max_attempts

    def _delay(self, fault: Fault, attempt: int) -> float:
        if fault.retry_after is not None:
            return fault.retry_after + random.uniform(0.0, BASE_S / 2)
        return backoff_s(attempt, BASE_S, CAP_S)

    def _give_up(self, fault: Fault) -> None:
        """A request used up its attempts: is it the endpoint? Raises Stopped if so."""
        self._given_up += 1
        message, hint = "", "what has come so far is kept; run the same again when the endpoint works"
        if fault.kind == "connect" and not self._answered:
            message = f"cannot reach {self.url}: {fault.message}"
            hint = "check that the server is running and that the base URL is right (most end in /v1)"
        elif fault.kind == "malformed" and not self._succeeded:
            message = f"{self.url} answers, but not as an OpenAI-compatible API: {fault.message}"
            hint = "check the base URL (most end in /v1)"
        elif self._given_up >= max(BROKEN_AFTER, 2 * self.limits.concurrency):
            message = f"{self.url} failed {self._given_up} requests in a row, the last with: {fault.message}"
        if message:
            raise self.stop(EngineError(message, hint=hint))

    def _fatal(self, fault: Fault) -> EngineError:
        said = f"({fault.message})"
        if fault.no_credit:
            hint = "what has come so far is kept; run the same again when there is credit"
            return EngineError(f"the account at {self.url} has no credit left {said}", hint=hint)
        if fault.status in (401, 403) and self._key_env:
            hint = f"check the key in ${self._key_env} and what it may use"
            return EngineError(f"{self.url} refused the key in ${self._key_env} {said}", hint=hint)
        if fault.status in (401, 403):
            hint = "put the key into an environment variable and name it as api_key_env"
            return EngineError(f"{self.url} wants a key {said}", hint=hint)
        hint = "check the model's name and the base URL (most end in /v1)"
        return EngineError(f"{self.url} does not serve the model '{self.model}' {said}", hint=hint)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tokens_used(data: Mapping[str, Any], estimated: float) -> float:
    usage = data.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, Mapping) else None
    return float(total) if isinstance(total, int | float) else estimated
