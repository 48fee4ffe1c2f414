"""A loopback server below HTTP: it sends whatever bytes a script says, when it says, and cuts connections off.

    with Misbehaving([cut_off(200)]) as server: ...

Scripts are used up in order, one a request (``choose`` may pick them instead); requests after them get a good answer
that repeats the question, so that an answer given to the wrong question shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.engines.loopback import Loopback

#: Bytes are sent, numbers are seconds to wait, CUT resets the connection, CLOSE ends it in order.
Step = bytes | float | str
Script = Sequence[Step]
CUT, CLOSE = "cut", "close"
_numbers = itertools.count(1)


def completion(content: Any = "ok", **more: Any) -> dict[str, Any]:
    """A chat completion with a new id. ``more`` replaces fields of the answer; ``finish`` the finish reason."""
    finish = more.pop("finish", "stop")
    message = {"role": "assistant", "content": content}
    return {
        "id": f"chatcmpl-{next(_numbers)}", "object": "chat.completion", "created": 0, "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}, **more,
    }  # fmt: skip


def http(
    body: Any, status: str = "200 OK", kind: str = "application/json", headers: Iterable[str] = (), length: int = -1
) -> bytes:
    """A whole HTTP answer. ``length``: another length than the true one."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *headers]
    lines.append(f"Content-Length: {len(data) if length < 0 else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def error(status: str, message: str = "no", code: str = "fault", headers: Iterable[str] = ()) -> bytes:
    return http({"error": {"message": message, "code": code}}, status, headers=headers)


def chunked(*parts: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def cut_off(after: int = 120) -> Script:
    """A good answer that breaks off in its body, by a reset."""
    return [http(completion("x" * 500))[: after + 100], 0.01, CUT]


def trickle(every_s: float, times: int = 1000) -> Script:
    """A body that comes one byte at a time (slow loris)."""
    whole = http(completion("x" * 5000))
    head, body = whole.split(b"\r\n\r\n", 1)
    steps: list[Step] = [head + b"\r\n\r\n"]
    for i in range(times):
        steps += [body[i : i + 1], every_s]
    return steps


class Misbehaving(Loopback):
    """The server. ``bodies`` are the requests seen, in order of arrival."""

    def __init__(
        self, scripts: Iterable[Script] = (), *, choose: Callable[[int, dict[str, Any]], Script | None] | None = None
    ) -> None:
        self.scripts = deque(scripts)
        self.choose = choose
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[bytes] = []
        self.connections = 0
        super().__init__()

    async def _open(self, port: int) -> int:
        self._loop.set_exception_handler(lambda *_: None)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=1 << 24)
        return int(self._server.sockets[0].getsockname()[1])

    async def _shut(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, RuntimeError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                body = json.loads(await reader.readexactly(int(found.split(b":")[1])))
                self.bodies.append(body)
                self.heads.append(head)
                if not await self._play(self._script(len(self.bodies), body), writer):
                    return

    def _script(self, number: int, body: dict[str, Any]) -> Script:
        script = self.choose(number, body) if self.choose else self.scripts.popleft() if self.scripts else None
        return [http(completion(body["messages"][-1]["content"]))] if script is None else script

    async def _play(self, script: Script, writer: asyncio.StreamWriter) -> bool:
        for step in script:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif step == CUT:
                sock = writer.get_extra_info("socket")
                # No lingering: the connection is reset, not closed.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            elif step == CLOSE:
                writer.close()
                return False
            else:
                await asyncio.sleep(float(step))
        return True
