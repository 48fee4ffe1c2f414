"""The lean transport: aiohttp with nothing in between.

An SDK's request and model building costs ten times what the request itself does; with short constrained verdicts a few
GPUs answer faster than it can ask. Fault by fault this reports what the ``openai`` transport does
(``tests/engines/test_faults.py`` runs both against the same server).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

import aiohttp
import orjson
from aiohttp.connector import Connection
from yarl import URL

from workbench.engines.pieces import watched
from workbench.engines.retry import Fault, connection_fault
from workbench.engines.transport import CONNECT_S, MAX_ANSWER, Destination, Reply

#: Longest line of an answer's head, in bytes.
MAX_LINE = 64 << 10


class Response(aiohttp.ClientResponse):
    """Remembers the connection it came by, which is given back as soon as the answer is whole."""

    via: asyncio.Transport | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        self.via = connection.transport
        return await super().start(connection)


class LeanTransport:
    """One session of connections, opened at the first request."""

    def __init__(self, where: Destination) -> None:
        self._where = where
        self._headers = {
            "Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json",
            "User-Agent": "workbench", **where.headers,
        }  # fmt: skip
        self._urls: dict[str, URL] = {}
        self._session: aiohttp.ClientSession | None = None
        #: connections given up, whose next request may have been sent already
        self._distrusted: set[object] = set()

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        session = self._session or self._open()
        data = encode(body)
        try:
            async with (
                asyncio.timeout(self._where.timeout_s),
                session.post(self._urls.get(path) or self._url(path), data=data, allow_redirects=False) as response,
            ):
                content = await self._content(response.content)
        except TimeoutError as error:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise connection_fault(error) from None
            raise Fault("timeout", f"no answer in {self._where.timeout_s:g} s") from None
        except aiohttp.ClientResponseError:
            raise Fault("malformed", "the answer is not HTTP/1.1") from None
        except (aiohttp.ClientError, OSError) as error:
            raise connection_fault(error) from None
        via = getattr(response, "via", None)
        if via in self._distrusted:
            raise Fault("disconnect", "the connection was given up")
        return Reply(response.status, response.headers, content, len(data), via)

    async def _content(self, stream: aiohttp.StreamReader) -> bytes:
        if stream.is_eof() and stream.total_bytes <= MAX_ANSWER:
            return stream.read_nowait()  # it came with the head: nothing to watch
        return b"".join([piece async for piece in watched(stream.readany, self._where.idle_s)])

    async def distrust(self, reply: Reply) -> None:
        # Not asked for its class: uvloop's transports are none of asyncio's.
        transport = cast("asyncio.Transport | None", reply.via)
        if transport is not None:
            self._distrusted.add(transport)
            transport.abort()

    async def close(self) -> None:
        session, self._session = self._session, None
        self._distrusted.clear()
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            # How many requests are made at once is the endpoint's business, and so are redirects and cookies.
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=Response,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_S, self._where.timeout_s)),
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
        )
        return self._session

    def _url(self, path: str) -> URL:
        query = f"?{self._where.query}" if self._where.query else ""
        return self._urls.setdefault(path, URL(f"{self._where.url.rstrip('/')}{path}{query}", encoded=True))


def encode(body: Mapping[str, Any]) -> bytes:
    """The body as JSON. What orjson refuses (integers beyond 64 bits, odd keys) the standard library writes."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()
