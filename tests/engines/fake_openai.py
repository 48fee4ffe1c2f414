"""A loopback server that speaks the OpenAI protocol and fails on demand, for tests of everything that asks models.

    with FakeOpenAI(faults=[Fault(status=429, headers={"Retry-After": "1"})]) as server:
        model = Model("m", "api", server.url, {"model": "fake"})

Faults are used up in order, one a request; requests after them are answered. ``reply`` decides what is answered: it
gets the request's JSON body and returns a text or a ``Reply``; without it a text of more than 20 words comes back that
is the same for the same request.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.engines.loopback import Loopback

WORDS = [
    "river", "stone", "cloud", "ember", "forest", "harbour", "lantern", "meadow", "orchard", "pebble", "quarry",
    "ridge", "saddle", "timber", "valley", "willow", "anchor", "bridge", "canyon", "desert", "engine", "falcon",
    "garden", "hammer", "island", "jacket", "kettle", "ladder", "mirror", "needle", "oyster", "paddle",
]  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """What happens instead of an answer. ``disconnect`` drops the connection, ``raw`` is sent as it is with ``status``,
    ``delay`` seconds pass before anything happens; with nothing but a delay the request is then answered."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    raw: str | None = None
    delay: float = 0.0
    disconnect: bool = False


@dataclass(frozen=True)
class Reply:
    """An answer in detail. ``usage=None`` leaves the token counts out; ``extra`` adds fields to the message.

    ``tokens``: (text, {alternative: probability}) of the answer's tokens, told when the request asks for logprobs.
    """

    text: str | None = ""
    finish_reason: str = "stop"
    reasoning: str | None = None
    refusal: str | None = None
    usage: tuple[int, int] | None = (-1, -1)
    extra: Mapping[str, Any] = field(default_factory=dict)
    tokens: Sequence[tuple[str, Mapping[str, float]]] = ()


@dataclass
class Seen:
    """One request as it arrived. ``time`` is ``time.monotonic()``."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    time: float


def default_reply(body: Mapping[str, Any]) -> str:
    """More than 20 words that depend on model, messages, temperature and seed, and on nothing else."""
    asked = str(body["messages"][-1]["content"])
    what = repr([body.get("model"), body["messages"], body.get("temperature"), body.get("seed")])
    draw = random.Random(zlib.crc32(what.encode()))
    return f"You asked: {' '.join(asked.split()[:8])}. " + " ".join(draw.choices(WORDS, k=30)) + "."


class FakeOpenAI(Loopback):
    """The server. Subclasses may add paths (``routes``)."""

    def __init__(
        self,
        reply: Callable[[dict[str, Any]], str | Reply] | None = None,
        *,
        faults: Iterable[Fault] = (),
        delay: float = 0.0,
        models: Sequence[str] | None = None,
        key: str | None = None,
        dimensions: int = 32,
        most_tokens: int | None = None,
        choices: Literal["several", "one", "refused"] = "several",
        port: int = 0,
    ) -> None:
        """``models``: others get a 404. ``key``: without it a 401. ``most_tokens``: longer prompts get a 400.
        ``choices``: what becomes of a request for several."""
        self.reply = reply or default_reply
        self.faults = deque(faults)
        self.delay = delay
        self.models = models
        self.key = key
        self.dimensions = dimensions
        self.most_tokens = most_tokens
        self.choices = choices
        self.requests: list[Seen] = []
        self._numbers = itertools.count(1)
        self.under_way = 0
        self.most_under_way = 0
        super().__init__(port)

    @property
    def chats(self) -> list[dict[str, Any]]:
        """Bodies of the chat requests, in order of arrival."""
        return [r.body for r in self.requests if r.path == "/v1/chat/completions"]

    # -- the server's thread -----------------------------------------------------------------------

    async def _open(self, port: int) -> int:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", self._guarded(self._chat))
        app.router.add_post("/v1/completions", self._guarded(self._complete))
        app.router.add_post("/v1/embeddings", self._guarded(self._embed))
        app.router.add_get("/v1/models", self._list)
        self.routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return int(self._runner.addresses[0][1])

    async def _shut(self) -> None:
        await self._runner.cleanup()

    def routes(self, app: web.Application) -> None:
        """More paths of a server that does more."""

    def _guarded(self, answer: Callable[[dict[str, Any]], web.Response]) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            try:
                body = await request.json()
                self.requests.append(Seen(request.path, body, dict(request.headers), time.monotonic()))
                if self.faults:
                    failed = await self._fail(request, self.faults.popleft())
                    if failed is not None:
                        return failed
                if self.delay:
                    await asyncio.sleep(self.delay)
                return self._refusal(request, body) or answer(body)
            finally:
                self.under_way -= 1

        return handle

    async def _fail(self, request: web.Request, fault: Fault) -> web.Response | None:
        await asyncio.sleep(fault.delay)
        if fault.disconnect:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if fault.raw is not None:
            return web.Response(
                text=fault.raw, status=fault.status or 200, headers=fault.headers, content_type="application/json"
            )
        if fault.status is None:
            return None
        return _error(fault.status, f"fault {fault.status}", body=fault.body, headers=fault.headers)

    def _refusal(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.key is not None and given != self.key:
            # As real servers do, this one repeats what it was given.
            return _error(401, f"Incorrect API key provided: {given}.", "invalid_api_key")
        return self._refusal_of(body)

    def _refusal_of(self, body: dict[str, Any]) -> web.Response | None:
        if self.models is not None and body.get("model") not in self.models:
            return _error(404, f"The model `{body.get('model')}` does not exist.", "model_not_found")
        texts = body.get("input") or [m["content"] for m in body.get("messages", [])]
        longest = max((len(t.split()) for t in texts), default=0)
        if self.most_tokens is not None and longest > self.most_tokens:
            message = f"This model's maximum context length is {self.most_tokens} tokens, you sent {longest}."
            return _error(400, message, "context_length_exceeded")
        return None

    def _chat(self, body: dict[str, Any]) -> web.Response:
        """``reply`` is asked once for each of ``n`` choices, and told its number as ``choice``."""
        n = int(body.get("n") or 1)
        if n > 1 and self.choices == "refused":
            return _error(400, "Only one completion choice is allowed", "invalid_request_error")
        several = range(n if self.choices == "several" else 1)
        replies = [self.reply({**body, "choice": i} if n > 1 else body) for i in several]
        told = [Reply(reply) if isinstance(reply, str) else reply for reply in replies]
        data: dict[str, Any] = {
            "id": f"chatcmpl-{next(self._numbers)}", "object": "chat.completion", "created": 0,
            "model": body.get("model"), "choices": [_choice(i, reply, body) for i, reply in enumerate(told)],
        }  # fmt: skip
        if told[0].usage is not None:
            prompt, completion = told[0].usage
            if prompt < 0:
                prompt = sum(len(m["content"].split()) for m in body["messages"])
                completion = sum(len((reply.text or "").split()) for reply in told)
            data["usage"] = {
                "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
            }  # fmt: skip
        return web.json_response(data)

    def _complete(self, body: dict[str, Any]) -> web.Response:
        """A raw prompt: ``reply`` gets the body as it came."""
        reply = self.reply(body)
        if isinstance(reply, str):
            reply = Reply(reply)
        choice = {"index": 0, "text": reply.text, "finish_reason": reply.finish_reason, "logprobs": None}
        usage = {"prompt_tokens": len(body["prompt"].split()), "completion_tokens": len((reply.text or "").split())}
        return web.json_response({"object": "text_completion", "choices": [choice], "usage": usage})

    def _embed(self, body: dict[str, Any]) -> web.Response:
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [{"object": "embedding", "index": i, "embedding": self.vector(t)} for i, t in enumerate(texts)]
        tokens = sum(len(t.split()) for t in texts)
        # Out of order on purpose: the index counts, not the place.
        return web.json_response(
            {"object": "list", "model": body.get("model"), "data": data[::-1],
             "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}
        )  # fmt: skip

    def vector(self, text: str) -> list[float]:
        """Counts of a text's words by hash: texts that share words are close."""
        counts = [0.001] * self.dimensions
        for word in text.lower().split():
            counts[zlib.crc32(word.encode()) % self.dimensions] += 1.0
        return counts

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": m, "object": "model"} for m in self.models or ()]})


def _choice(index: int, reply: Reply, body: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, **reply.extra}
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    if reply.refusal is not None:
        message["refusal"] = reply.refusal
    choice: dict[str, Any] = {"index": index, "message": message, "finish_reason": reply.finish_reason}
    if reply.tokens and body.get("logprobs"):
        choice["logprobs"] = {"content": [_token(*token) for token in reply.tokens]}
    return choice


def _token(text: str, alternatives: Mapping[str, float]) -> dict[str, Any]:
    top = [{"token": other, "logprob": math.log(share), "bytes": None} for other, share in alternatives.items()]
    return {"token": text, "logprob": math.log(alternatives.get(text, 1.0)), "bytes": None, "top_logprobs": top}


def _error(
    status: int, message: str, code: str = "fault", *, body: Any = None, headers: Mapping[str, str] | None = None
) -> web.Response:
    error = {"error": {"message": message, "type": "error", "param": None, "code": code}}
    return web.json_response(error if body is None else body, status=status, headers=headers)
