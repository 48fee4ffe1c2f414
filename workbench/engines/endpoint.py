"""One OpenAI-compatible endpoint: sending, retrying, keeping to its limits, and telling when it is of no use.

How requests travel is a transport's business (``workbench.engines.transport``); what an answer or a fault means, and
what to do about it, is decided here, the same for every transport. Answers are read as plain JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from workbench.engines.access import Access
from workbench.engines.breaker import Breaker
from workbench.engines.echoes import Echoes
from workbench.engines.limits import Gate, Pace
from workbench.engines.retry import BASE_S, CAP_S, MAX_RETRY_AFTER_S, Fault, backoff_s, retry_after_s
from workbench.engines.shared_limits import levels_for
from workbench.engines.transport import Destination, Reply, Transport, open_transport
from workbench.engines.workplace import here
from workbench.errors import EngineError
from workbench.text import one_line

#: Attempts to reach an endpoint that has never answered yet: it is more likely misspelt than busy.
FIRST_CONTACT = 3
#: Requests given up one after another, without an answer between, before the endpoint counts as broken; and attempts
#: that fail so before it is left alone for a while (twice the concurrency, if that is more).
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
    """``timeout_s`` is for a request as a whole, ``idle_s`` for a pause within an answer that has begun."""

    concurrency: int = 8
    rpm: float | None = None
    tpm: float | None = None
    timeout_s: float = 600.0
    max_attempts: int = 6
    idle_s: float = 60.0


class Endpoint:
    """Sends requests to one base URL for one model. Used from one event loop.

    Budgets and pauses are shared with every worker of the store, where there is one (``workplace.at_work``),
    unless ``shared`` is false: a server of this process's own.
    """

    def __init__(
        self, url: str, model: str, *, access: Access | None = None, limits: Limits | None = None, shared: bool = True
    ) -> None:
        self.url = url.rstrip("/")
        self.model = model
        self.limits = limits or Limits()
        self.gate = Gate(self.limits.concurrency)
        self._access = access or Access()
        self.failure: EngineError | None = None
        #: Names under which the server answered, with counts.
        self.served: Counter[str] = Counter()
        self._most_failed = max(BROKEN_AFTER, 2 * self.limits.concurrency)
        self._breaker = Breaker(self._most_failed)
        self._echoes = Echoes()
        self._transport: Transport | None = None
        self._pace: Pace | None = None
        self._taking = asyncio.Lock()
        self._log = here().log
        self._files = here().files if shared else None
        self._answered = False
        self._succeeded = False
        self._given_up = 0
        self._stop = asyncio.Event()

    @property
    def pace(self) -> Pace:
        if self._pace is None:
            levels = levels_for(self._files, self.url, self.model, self._access.key_env)
            self._pace = Pace(self.limits.rpm, self.limits.tpm, levels)
        return self._pace

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
                    data = await self._attempt(path, body, attempt)
                except Fault as met:
                    fault = met
                    self.pace.used(tokens, 0)
                    self._learn(fault, sent)
                except BaseException:
                    self._breaker.let_go()
                    raise
                else:
                    self._answered = self._succeeded = True
                    self._given_up = 0
                    self._breaker.succeeded()
                    self.gate.succeeded()
                    if self.limits.tpm:
                        self.pace.used(tokens, _tokens_used(data, tokens))
                    return Answer(data, attempt, time.monotonic() - first)
            fault.retries, fault.latency = attempt, time.monotonic() - first
            if fault.consequence == "fatal":
                raise self.stop(self.fatal(fault))
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
        self._breaker = Breaker(self._most_failed)
        self._stop = asyncio.Event()

    def stop(self, failure: EngineError) -> Stopped:
        """No more attempts are made. Returns what to raise."""
        self.failure = self.failure or failure
        self._stop.set()
        return Stopped()

    def remarks(self) -> list[str]:
        """What a user should know about who answered: another model than the one asked, or several under one name."""
        names = [name for name in self.served if self.model not in name and name not in self.model]
        if len(self.served) > 1:
            listed = ", ".join(f"{one_line(name, 60)} ({n:,})" for name, n in self.served.most_common(5))
            return [f"{self.url} answered for '{self.model}' as several models: {listed}"]
        return [f"{self.url} answered for '{self.model}' as '{one_line(names[0], 60)}'"] if names else []

    async def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()
        pace, self._pace = self._pace, None
        if pace is not None:
            pace.close()

    async def _turn(self, tokens: float) -> None:
        """Wait for the breaker, the budgets, and the end of a pause, which may be prolonged meanwhile."""
        if self._stop.is_set():
            raise Stopped
        while (wait := self._breaker.wait_s()) > 0:
            await self._sleep(wait)
        try:
            if not self.pace.limited:
                while (wait := self.pace.paused_s) > 0:
                    await self._sleep(wait)
                return
            async with self._taking:  # first come, first served, within this process
                while (wait := self.pace.take(tokens)) > 0:
                    # Another process may have given something back: look again before long.
                    await self._sleep(min(wait, 1.0))
        except BaseException:
            self._breaker.let_go()
            raise

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
        raise Stopped

    async def _attempt(self, path: str, body: Mapping[str, Any], attempt: int) -> dict[str, Any]:
        """One attempt. Raises Fault."""
        if self._transport is None:
            self._transport = open_transport(self._destination(), self._access.client)
        if self._log is None:
            return await self._read(await self._transport.post(path, body))
        started = time.monotonic()
        reply: Reply | None = None
        data: dict[str, Any] | None = None
        met: BaseException | None = None
        try:
            reply = await self._transport.post(path, body)
            data = await self._read(reply)
        except BaseException as error:
            met = error
            raise
        finally:
            self._write_log(path, body, attempt, time.monotonic() - started, reply, data, met)
        return data

    def _destination(self) -> Destination:
        limits, access = self.limits, self._access
        idle_s = min(limits.idle_s, limits.timeout_s)
        return Destination(self.url, access.headers, access.query, limits.concurrency, limits.timeout_s, idle_s)

    async def _read(self, reply: Reply) -> dict[str, Any]:
        """An answer's JSON. Raises Fault for any that is not a good one."""
        data = parse(reply.content)
        if not 200 <= reply.status < 300:
            said: object = data.get("error", data) if isinstance(data, Mapping) else data
            if data is None:
                said = reply.content[: 4 * MESSAGE_CHARS].decode("utf-8", "replace")
            if reply.status in (301, 302, 303, 307, 308):
                said = f"moved to {reply.headers.get('location', 'somewhere else')}"
            raise self.error_fault(said, reply.status, reply.headers)
        if not isinstance(data, dict):
            raise Fault("malformed", "the answer is not a JSON object")
        if data.get("error") and not data.get("choices") and not data.get("data"):
            raise self.error_fault(data["error"], None, {})
        if self._echoes.is_repeat(data.get("id"), reply.content):
            # The same answer a second time: the connection is one answer behind, and so would be all after it.
            if self._transport is not None:
                await self._transport.distrust(reply)
            raise Fault("disconnect", "an answer was delivered twice")
        name = data.get("model")
        if isinstance(name, str) and (name in self.served or len(self.served) < 100):
            self.served[name] += 1
        return data

    def _write_log(
        self, path: str, body: Mapping[str, Any], attempt: int, seconds: float, reply: Reply | None,
        data: dict[str, Any] | None, met: BaseException | None,
    ) -> None:  # fmt: skip
        assert self._log is not None
        usage = data.get("usage") if data else None
        usage = usage if isinstance(usage, Mapping) else {}
        line = {
            "endpoint": self.url, "model": self.model, "path": path, "attempt": attempt,
            "status": reply.status if reply else None,
            "fault": None if met is None else met.kind if isinstance(met, Fault) else type(met).__name__,
            "error": self.scrub(str(met)) if isinstance(met, Fault) else None,
            "seconds": round(seconds, 4), "sent": reply.sent if reply else None,
            "received": len(reply.content) if reply else None, "prompt_tokens": usage.get("prompt_tokens"),
            "completion_tokens": usage.get("completion_tokens"), "served": data.get("model") if data else None,
            "id": data.get("id") if data else None,
        }  # fmt: skip
        self._log.attempt(line, self.without_keys, body, reply.content if reply else None)

    # -- what faults mean --------------------------------------------------------------------------

    def error_fault(self, said: object, status: int | None, headers: Mapping[str, str]) -> Fault:
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
        """One line of at most ``MESSAGE_CHARS`` characters, without this endpoint's keys or what looks like one."""
        return one_line(self.without_keys(text), MESSAGE_CHARS)

    def without_keys(self, text: str) -> str:
        for secret in self._access.secrets:
            if len(secret) >= 4:
                text = text.replace(secret, "***")
        return _KEY_LIKE.sub("***", text)

    def _learn(self, fault: Fault, sent: float) -> None:
        if fault.kind in ("status", "malformed"):
            self._answered = True
        if fault.overload:
            self.gate.overloaded(sent)
        if fault.kind == "status" and (fault.status or 0) < 500:
            self._breaker.let_go() if fault.status == 429 else self._breaker.succeeded()
        else:
            self._trip(fault, sent)
        if fault.retry_after is not None and fault.consequence == "retry":
            if fault.retry_after > MAX_RETRY_AFTER_S:
                minutes = round(fault.retry_after / 60)
                hint = "what has come so far is kept; run the same again later"
                self.stop(EngineError(f"{self.url} asks to wait {minutes} minutes ({fault.message})", hint=hint))
            else:
                self.pace.pause(fault.retry_after)

    def _trip(self, fault: Fault, sent: float) -> None:
        """The endpoint failed an attempt: leave it alone for a while if it fails all, stop when it does not recover."""
        self._breaker.failure(sent)
        if self._breaker.given_up:
            message = f"{self.url} failed {self._breaker.failed} attempts in a row, the last with: {fault.message}"
            self.stop(EngineError(message, hint="what has come so far is kept; run the same again when it works"))

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
        elif self._given_up >= self._most_failed:
            message = f"{self.url} failed {self._given_up} requests in a row, the last with: {fault.message}"
        if message:
            raise self.stop(EngineError(message, hint=hint))

    def fatal(self, fault: Fault) -> EngineError:
        """What a fault that stops all work is called."""
        said = f"({fault.message})"
        if fault.no_credit:
            hint = "what has come so far is kept; run the same again when there is credit"
            return EngineError(f"the account at {self.url} has no credit left {said}", hint=hint)
        if fault.status in (401, 403) and self._access.key_env:
            hint = f"check the key in ${self._access.key_env} and what it may use"
            return EngineError(f"{self.url} refused the key in ${self._access.key_env} {said}", hint=hint)
        if fault.status in (401, 403):
            hint = "put the key into an environment variable and name it as api_key_env"
            return EngineError(f"{self.url} wants a key {said}", hint=hint)
        hint = "check the model's name and the base URL (most end in /v1)"
        return EngineError(f"{self.url} does not serve the model '{self.model}' {said}", hint=hint)


def parse(content: bytes) -> object:
    """The JSON of an answer, or ``None``. Bytes that are no UTF-8 become replacement characters: an answer with one
    broken letter is still an answer. What orjson refuses (lone surrogates, NaN) the standard library may read."""
    try:
        return orjson.loads(content)
    except ValueError:
        pass
    try:
        return json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _tokens_used(data: Mapping[str, Any], estimated: float) -> float:
    usage = data.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, Mapping) else None
    return float(total) if isinstance(total, int | float) else estimated
