"""What the stages ask of an engine, whatever serves the model.

A stage hands an engine a stream of requests and takes results as they finish, in any order.
Requests may be added while results come back (a second turn needs the first answer), so the
input is an async iterator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from workbench.progress import Progress


@dataclass(frozen=True, slots=True)
class Message:
    role: str  # system, user or assistant
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How text is drawn. ``None`` leaves the server's own default."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One chat completion. ``key`` comes back on the result; ``json_schema`` constrains the answer where the engine's
    capabilities say it can. ``logprobs``: so many of the likeliest tokens are wanted at each place of the answer, with
    their log probabilities, where the engine can tell them. ``n`` answers are drawn for one prompt, where the engine's
    capabilities say it can (it may bring fewer). ``name`` says what the request is for, the same at every run (``key``
    need not be): it tells requests of equal content apart. It is not sent."""

    key: str
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    json_schema: Mapping[str, Any] | None = None
    logprobs: int = 0
    n: int = 1
    name: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer: its text, the natural logarithm of its probability, and the likeliest ones at its place
    (text, log probability), usually with itself among them."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a request.

    ``state`` is ok, refused, truncated, too_long or error (see ``records.STATES``). ``text`` never holds
    thinking text: that is in ``reasoning``. ``latency`` is seconds from first send to last byte, retries included;
    ``cost`` is US dollars, ``None`` when no price is known.
    """

    key: str
    state: str
    text: str = ""
    reasoning: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency: float | None = None
    cost: float | None = None
    error: str | None = None
    retries: int = 0
    #: the answer's tokens, where they were asked for and the engine told them; thinking may be among them
    tokens: tuple[Token, ...] | None = None
    #: further answers to the same prompt, where several were asked for: the prompt's tokens are told on the first, the
    #: answers' tokens, which endpoints count together, in equal parts on each
    also: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True)
class Capabilities:
    structured_output: bool = False
    logprobs: bool = False
    seed: bool = False
    choices: bool = False
    concurrency: int = 8


class Engine(Protocol):
    """A source of completions. ``version`` names what served them (it is part of the provenance)."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def version(self) -> str: ...

    def complete(self, requests: AsyncIterator[Request]) -> AsyncIterator[Result]:
        """Results in the order they finish.

        Raises:
            EngineError: nothing can be answered at all (bad key, unknown model, unreachable endpoint).
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Keeping(Protocol):
    """An engine that keeps answers of its own until they are stored, so that no restart pays for them again."""

    def saved(self) -> None:
        """The stage has ended as it should, and everything handed out is stored."""
        ...


@runtime_checkable
class Described(Protocol):
    """An engine that can tell more of what serves it than ``version``: it stands on every response."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Such as the server's version, the model's revision or a hash of its files, that of the chat template, the
        hardware. Complete once the first result has come."""
        ...


@runtime_checkable
class Telling(Protocol):
    """An engine that may take long to begin."""

    def tell(self, progress: Progress) -> None:
        """Say there what goes on meanwhile, and begin nothing once the work was cancelled."""
        ...


class Embedder(Protocol):
    """A source of text embeddings; ``version`` identifies encoder and weights, and keys its cache."""

    @property
    def version(self) -> str: ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text, in order. Raises EngineError when the endpoint cannot be used."""
        ...

    async def close(self) -> None: ...
