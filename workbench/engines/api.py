"""Engine for any OpenAI-compatible endpoint: OpenAI, vLLM, llama.cpp, gateways."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from workbench.engines.access import access_of
from workbench.engines.endpoint import Answer, Endpoint, Limits, Stopped
from workbench.engines.logprobs import MOST, read_tokens
from workbench.engines.pricing import cost_usd
from workbench.engines.protocol import Capabilities, Request, Result
from workbench.engines.retry import Fault
from workbench.engines.thinking import part_thinking
from workbench.engines.wrapping import WRAPS
from workbench.records import Model

DEFAULT_CONCURRENCY = 8
#: English text is about this many characters a token: what the tokens-a-minute budget is charged beforehand.
CHARS_PER_TOKEN = 4
_WANTS_NEW_NAME = re.compile(r"max_tokens.*max_completion_tokens", re.DOTALL)
_ONE_CHOICE = re.compile(
    r"(?<![\w'])['\"`]?n['\"`]?(?![\w'])|one completion choice|best_of|multiple (choices|completions)"
)


def limits_of(params: Mapping[str, Any], concurrency: int = DEFAULT_CONCURRENCY, timeout_s: float = 600.0) -> Limits:
    """A model's limits, from its params or the defaults given."""
    return Limits(
        concurrency=int(params.get("concurrency") or concurrency),
        rpm=params.get("rpm"),
        tpm=params.get("tpm"),
        timeout_s=float(params.get("timeout_s") or timeout_s),
        idle_s=float(params.get("idle_timeout_s") or Limits().idle_s),
        max_attempts=int(params.get("max_attempts") or Limits().max_attempts),
    )


class ApiEngine:
    """Asks one model at one endpoint. Belongs to one event loop.

    ``key`` and ``version`` are for engines that start a server of their own; others leave them out.

    Raises:
        EngineError: the variable named by ``api_key_env`` is not set.
    """

    def __init__(
        self,
        model: Model,
        *,
        key: str | None = None,
        version: str | None = None,
        capabilities: Capabilities | None = None,
        limits: Limits | None = None,
    ) -> None:
        params = model.params
        self._params = params
        self._name = str(params.get("model") or model.model_id)
        limits = limits or limits_of(params)
        self._endpoint = Endpoint(
            model.endpoint or "", self._name, access=access_of(params, key), limits=limits, shared=key is None
        )
        self._capabilities = capabilities or Capabilities(
            # A prompt wrapped for a model that knows nothing else goes without a schema.
            structured_output=bool(params.get("structured_output", False)) and not params.get("wrap"),
            # Tried when asked for; an endpoint that refuses is not asked again.
            logprobs=bool(params.get("logprobs", True)),
            # Only those who name a seed know that the endpoint takes one.
            seed=params.get("seed") is not None,
            # Servers that know one choice only say so, or bring one.
            choices=True,
            concurrency=limits.concurrency,
        )
        self._version = version or f"openai-compatible {self._endpoint.url} {self._name}"
        self._length_field = "max_tokens"
        self._wrap = WRAPS[params["wrap"]] if params.get("wrap") else None
        self._logprobs = self._capabilities.logprobs
        self._choices = self._capabilities.choices

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def version(self) -> str:
        return self._version

    async def complete(self, requests: AsyncIterator[Request]) -> AsyncIterator[Result]:
        """Results in the order they finish; at most ``concurrency`` requests are taken ahead of them.

        When the endpoint turns out to be of no use, requests under way may still finish and their results come first.

        Raises:
            EngineError: bad key, no credit, unknown model, unreachable or broken endpoint.
        """
        self._endpoint.resume()
        run = _Run(self, requests)
        try:
            while (result := await run.next()) is not None:
                yield result
            run.raise_failure()
        finally:
            await run.close()

    @property
    def prices(self) -> Mapping[str, Any]:
        """The params that hold ``price_in`` and ``price_out``, for a limit on cost."""
        return self._params

    def remarks(self) -> list[str]:
        """What a user should know about who answered."""
        return self._endpoint.remarks()

    async def close(self) -> None:
        await self._endpoint.close()

    # -- one request -------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Result:
        """One request's result. Raises Stopped when the endpoint is of no use."""
        tokens = sum(len(m.content) for m in request.messages) / CHARS_PER_TOKEN
        tokens += (request.sampling.max_tokens or 0) * request.n
        try:
            while True:
                body = self.body(request)
                try:
                    answer = await self._endpoint.send(self.path, body, tokens)
                    break
                except Fault as fault:
                    if not self.adapt(fault, body):
                        raise
        except Fault as fault:
            return failed(request.key, fault)
        return read_answer(request.key, answer, self._params)

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    @property
    def path(self) -> str:
        """Where requests go, after the base URL."""
        return "/completions" if self._wrap else "/chat/completions"

    def adapt(self, fault: Fault, body: Mapping[str, Any]) -> bool:
        """Whether the endpoint complained of a field that can be left out or named otherwise, from now on."""
        if fault.kind != "status" or fault.status not in (400, 404, 422):
            return False
        if "max_tokens" in body and _WANTS_NEW_NAME.search(fault.message):
            # OpenAI's newer models know the same limit by another name only.
            self._length_field = "max_completion_tokens"
            return True
        if "logprobs" in body and "logprobs" in fault.message:
            self._logprobs = False
            return True
        if "n" in body and _ONE_CHOICE.search(fault.message):
            self._choices = False
            return True
        return False

    def body(self, request: Request) -> dict[str, Any]:
        """A request as the endpoint wants it."""
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self._name,
            "messages": [{"role": m.role, "content": mend(m.content)} for m in request.messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self._length_field: sampling.max_tokens,
            "seed": sampling.seed,
            "stop": list(sampling.stop) or None,
            "n": request.n if request.n > 1 and self._choices else None,
        }
        if self._wrap is not None:
            # One raw prompt; the completions endpoint tells log probabilities in a form of its own, so none are asked.
            body["prompt"] = mend(self._wrap(request.messages))
            del body["messages"]
        elif request.logprobs and self._logprobs:
            body |= {"logprobs": True, "top_logprobs": min(request.logprobs, MOST)}
        if request.json_schema is not None and self._capabilities.structured_output:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": dict(request.json_schema)},
            }
        return {**{k: v for k, v in body.items() if v is not None}, **(self._params.get("extra_body") or {})}


class _Run:
    """One call of ``complete``: a pump that takes requests, a task for each, a queue of results."""

    def __init__(self, engine: ApiEngine, requests: AsyncIterator[Request]) -> None:
        self._engine = engine
        self._endpoint = engine._endpoint
        self._requests = requests
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()
        # Requests taken and not yet handed back as results.
        self._places = asyncio.Semaphore(engine.capabilities.concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._pump = asyncio.create_task(self._take())
        self._pump.add_done_callback(self._ended)

    async def next(self) -> Result | None:
        result = await self._results.get()
        if result is not None:
            self._places.release()
        return result

    def raise_failure(self) -> None:
        if failure := self._endpoint.failure or self._failure:
            raise failure

    async def close(self) -> None:
        left = [self._pump, *self._tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _take(self) -> None:
        while True:
            await self._places.acquire()
            try:
                request = await anext(self._requests)
            except StopAsyncIteration:
                return
            task = asyncio.create_task(self._answer(request))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _answer(self, request: Request) -> None:
        try:
            self._results.put_nowait(await self._engine.answer(request))
        except Stopped:
            # The pump may be waiting for a request that only this one's result would bring about.
            self._pump.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            self._pump.cancel()
        if self._pump.done() and not self._tasks:
            self._results.put_nowait(None)


# -- reading an answer -----------------------------------------------------------------------------


def failed(key: str, fault: Fault) -> Result:
    """The result of a request that was given up: too_long, refused or error."""
    state = fault.consequence if fault.consequence in ("too_long", "refused") else "error"
    return Result(key, state, latency=fault.latency, error=fault.message, retries=fault.retries)


def read_answer(key: str, answer: Answer, params: Mapping[str, Any]) -> Result:
    """A chat completion's JSON as a result; whatever is missing or of a wrong type is read as not there."""
    choices = answer.data.get("choices")
    there = [one if isinstance(one, Mapping) else {} for one in choices] if isinstance(choices, list) else []
    usage = answer.data.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if len(there) < 2:
        return _read_choice(key, there[0] if there else {}, answer, params, prompt, completion)
    prompts = [prompt, *[None if prompt is None else 0] * (len(there) - 1)]
    results = [
        _read_choice(key, one, answer, params, prompts[i], part)
        for i, (one, part) in enumerate(zip(there, _parts(completion, len(there)), strict=True))
    ]
    return dataclasses.replace(results[0], also=tuple(results[1:]))


def _parts(tokens: int | None, n: int) -> list[int | None]:
    """A count of tokens in ``n`` equal parts, the first larger by what does not go up."""
    if tokens is None:
        return [None] * n
    each, rest = divmod(tokens, n)
    return [each + (i < rest) for i in range(n)]


def _read_choice(
    key: str, choice: Mapping[str, Any], answer: Answer, params: Mapping[str, Any], prompt: int | None,
    completion: int | None,
) -> Result:  # fmt: skip
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {"content": choice.get("text")}
    finish = choice.get("finish_reason")
    content, thought = _content(message.get("content"))
    parted = part_thinking(content)
    apart = message.get("reasoning_content") or message.get("reasoning")
    thoughts = [t for t in (apart if isinstance(apart, str) else None, thought, parted.reasoning) if t]
    refusal = message.get("refusal")
    text, error = parted.answer, None
    if isinstance(refusal, str) and refusal.strip():
        state, text, error = "refused", text or mend(refusal), "the model refused"
    elif finish == "content_filter":
        state, error = "refused", "stopped by the endpoint's content filter"
    elif finish == "length" or not parted.closed:
        state, error = "truncated", "cut off by the length limit" if parted.closed else "the thinking did not end"
    elif not choice:
        state, error = "error", "no choices in the answer"
    elif not text.strip():
        state, error = "error", "empty answer"
    else:
        state = "ok"
    return Result(
        key, state, text, mend("\n".join(thoughts)) or None, finish if isinstance(finish, str) else None,
        prompt, completion, answer.latency, cost_usd(params, prompt, completion), error, answer.retries,
        read_tokens(choice),
    )  # fmt: skip


def _content(content: object) -> tuple[str, str | None]:
    """Text and thinking of a message's content, which some servers send as a list of parts."""
    if isinstance(content, str):
        return mend(content), None
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, Mapping):
            continue
        if part.get("type") in ("thinking", "reasoning"):
            inner = part.get("thinking") or part.get("text")
            thoughts.append(inner if isinstance(inner, str) else _content(inner)[0])
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
    return mend("".join(texts)), "".join(thoughts) or None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def mend(text: str) -> str:
    """The text with halves of surrogate pairs joined, or replaced when alone: they cannot be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
