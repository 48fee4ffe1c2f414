"""Frames on the socket between a client and the store's owner.

A frame is two big-endian 32-bit lengths, a JSON header and a raw body (rows as JSON). A request is
one frame; a reply is one frame, or several whose header says ``more``.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

import orjson

PROTOCOL = 1
_LENGTHS = struct.Struct("!II")
MAX_HEADER = 4 << 20
MAX_BODY = 1 << 30

Header = dict[str, Any]


class Closed(ConnectionError):
    """The other side hung up."""


def dumps(value: Any) -> bytes:
    """JSON of rows; what JSON cannot hold exactly (bytes, wide integers, odd text) goes as the nearest thing."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        # Integers beyond 64 bits and lone surrogates are refused by orjson but not by the standard library.
        text = json.dumps(value, default=_plain, ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, frozenset | set):
        return sorted(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "__float__"):
        return float(value)
    return str(value)


def send(sock: socket.socket, header: Header, body: bytes = b"") -> None:
    head = dumps(header)
    if len(head) > MAX_HEADER or len(body) > MAX_BODY:
        raise ValueError("frame too large")
    if len(body) < 65536:
        sock.sendall(_LENGTHS.pack(len(head), len(body)) + head + body)
    else:
        sock.sendall(_LENGTHS.pack(len(head), len(body)) + head)
        sock.sendall(body)


def receive(sock: socket.socket) -> tuple[Header, bytes]:
    head_len, body_len = _LENGTHS.unpack(_exactly(sock, _LENGTHS.size))
    if head_len > MAX_HEADER or body_len > MAX_BODY:
        raise Closed("not a workbench frame")
    header = orjson.loads(_exactly(sock, head_len))
    if not isinstance(header, dict):
        raise Closed("not a workbench frame")
    return header, _exactly(sock, body_len) if body_len else b""


def _exactly(sock: socket.socket, n: int) -> bytes:
    buffer = bytearray(n)
    view = memoryview(buffer)
    got = 0
    while got < n:
        count = sock.recv_into(view[got:])
        if not count:
            raise Closed("connection closed")
        got += count
    return bytes(buffer)
