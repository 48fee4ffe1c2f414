"""The ``openai`` client with its aiohttp transport. Its own retries are off, because it retries without regard to
what its neighbours have just been told; answers are taken as bytes, because building the client's response models
costs more than the rest of a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient, Omit

from workbench.engines.pieces import watched
from workbench.engines.retry import Fault, connection_fault
from workbench.engines.transport import CONNECT_S, Destination, Reply, proxy_for

#: The client puts this before the key itself.
_BEARER = "Bearer "


class OpenAITransport:
    def __init__(self, where: Destination) -> None:
        self._where = where
        self._client: AsyncOpenAI | None = None
        self._options: Any = {"headers": unwanted_headers(where)}

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        if self._client is None:
            self._client = self._open()
        try:
            # The client's own limits are for each read; this one is for the request as a whole.
            async with asyncio.timeout(self._where.timeout_s):
                response = await self._client.post(path, cast_to=httpx2.Response, body=body, options=self._options)
        except TimeoutError:
            raise Fault("timeout", f"no answer in {self._where.timeout_s:g} s") from None
        except openai.APIStatusError as error:
            response = error.response
        except (openai.APIConnectionError, httpx2.HTTPError, OSError) as error:
            raise _cause(error) or connection_fault(error) from None
        except Fault:
            raise
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "aiohttp":
                raise
            raise connection_fault(error) from None
        sent = int(response.request.headers.get("content-length", 0))
        return Reply(response.status_code, response.headers, response.content, sent)

    async def distrust(self, reply: Reply) -> None:
        await self.close()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _open(self) -> AsyncOpenAI:
        idle_s = self._where.idle_s

        async def watch(response: httpx2.Response) -> None:
            response.stream = Watched(response.stream, idle_s)

        return open_client(self._where, watch)


def open_client(where: Destination, *hooks: Callable[[httpx2.Response], Awaitable[None]]) -> AsyncOpenAI:
    """The SDK's client for an address, without retries of its own; ``hooks`` see each response before it is read."""
    timeout = httpx2.Timeout(where.timeout_s, connect=min(CONNECT_S, where.timeout_s))
    limits = httpx2.Limits(max_connections=max(1000, where.connections), max_keepalive_connections=None)
    options: dict[str, Any] = {
        # A proxy from the environment cannot reach this machine's own loopback.
        "timeout": timeout, "limits": limits, "trust_env": proxy_for(where.url) is not None,
        "event_hooks": {"response": list(hooks)},
    }  # fmt: skip
    try:
        http: httpx2.AsyncClient = DefaultAioHttpClient(**options)
    except RuntimeError:  # installed without aiohttp
        http = DefaultAsyncHttpxClient(**options)
    headers = {"Authorization" if n.lower() == "authorization" else n: v for n, v in where.headers.items()}
    bearer = headers.get("Authorization", "")
    if bearer.startswith(_BEARER):
        del headers["Authorization"]
    query = dict(part.split("=", 1) for part in where.query.split("&")) if where.query else None
    # Without a key of our own the SDK would send OPENAI_API_KEY to whatever this endpoint is.
    return AsyncOpenAI(
        api_key=bearer.removeprefix(_BEARER) or "none", base_url=where.url,
        http_client=http, max_retries=0, timeout=timeout, default_headers=headers, default_query=query,
    )  # fmt: skip


def unwanted_headers(where: Destination) -> dict[str, Any]:
    """Headers that leave out what the client would send by itself: without a key nothing goes in its place, nor does
    what it takes from ``OPENAI_*`` variables."""
    given = {name.lower() for name in where.headers}
    unwanted = [n for n in ("Authorization", "OpenAI-Organization", "OpenAI-Project") if n.lower() not in given]
    return {name: Omit() for name in unwanted}


class Watched(httpx2.AsyncByteStream):
    """An answer's bytes under ``watched``."""

    def __init__(self, stream: Any, idle_s: float) -> None:
        self._stream, self._idle_s = stream, idle_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = aiter(self._stream)

        async def more() -> bytes:
            async for piece in pieces:
                if piece:
                    return bytes(piece)
            return b""

        async for piece in watched(more, self._idle_s):
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def _cause(error: BaseException | None) -> Fault | None:
    """The fault that a stream of ours raised, under whatever the client made of it."""
    while error is not None:
        if isinstance(error, Fault):
            return error
        error = error.__cause__ or error.__context__
    return None
