"""How requests travel: one interface, two implementations.

``lean`` (``workbench.engines.lean``) is aiohttp and nothing else; it is the default for servers of one's own.
``openai`` (``workbench.engines.openai_transport``) is the ``openai`` client with its aiohttp transport, for everything
else. Both bring back the same ``Reply`` or raise the same ``Fault``; what either means is the endpoint's.
"""

from __future__ import annotations

import ipaddress
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

#: A server that does not take a connection in this time is taken for unreachable (seconds).
CONNECT_S = 15.0
#: Longest answer read, in bytes: nothing a judge says is longer, and memory is not endless.
MAX_ANSWER = 64 << 20
#: Slowest answer that is waited for, in bytes a second, measured once it has been coming for the idle time.
SLOWEST = 100.0

CLIENTS = ("lean", "openai")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer of any status; header names in any case. ``sent`` is the length of the request's body in bytes,
    ``via`` the connection the answer came by, where the transport knows."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    sent: int = 0
    via: object = None


@dataclass(frozen=True, slots=True)
class Destination:
    """Where requests go. ``headers`` are sent with each one and hold secrets: never show them.

    ``timeout_s`` limits a request as a whole; ``idle_s`` the pause between two pieces of an answer that has begun.
    """

    url: str
    headers: Mapping[str, str]
    query: str = ""
    connections: int = 8
    timeout_s: float = 600.0
    idle_s: float = 60.0


class Transport(Protocol):
    """Sends one request at a time a call; any number of calls at once. Belongs to one event loop."""

    async def post(self, path: str, body: Mapping[str, Any]) -> Reply:
        """The server's answer, whatever its status.

        Raises:
            Fault: there was none (no connection, broken off, out of time, not HTTP).
        """
        ...

    async def distrust(self, reply: Reply) -> None:
        """Drop the connection a reply came by, or all where it cannot be told: requests on them fail as broken off."""
        ...

    async def close(self) -> None: ...


def open_transport(where: Destination, client: str | None = None) -> Transport:
    """The transport a setting names, or the one that suits the address. Connects at the first request."""
    if (client or default_client(where.url)) == "lean" and proxy_for(where.url) is None:
        from workbench.engines.lean import LeanTransport

        return LeanTransport(where)
    from workbench.engines.openai_transport import OpenAITransport

    return OpenAITransport(where)


def default_client(url: str) -> str:
    """``lean`` for servers of one's own: loopback, private and link-local addresses, and names without a public domain.
    ``openai`` for the rest."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        own = "." not in host or host.endswith((".local", ".internal", ".lan", ".localhost", ".svc", ".home.arpa"))
        return "lean" if own else "openai"
    return "lean" if address.is_loopback or address.is_private or address.is_link_local else "openai"


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this address (``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``,
    ``NO_PROXY``). Never one for this machine's own loopback, which a proxy cannot reach."""
    if is_loopback(url):
        return None
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    named = urllib.request.getproxies()
    return named.get(parts.scheme) or named.get("all")
