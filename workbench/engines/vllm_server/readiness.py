"""Waiting until a server answers, while its log tells what it is doing."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from workbench.engines.vllm_server.devices import Cancelled, Say
from workbench.engines.vllm_server.diagnosis import log_tail
from workbench.engines.vllm_server.launch import HOST
from workbench.errors import EngineError
from workbench.text import clean, one_line

#: Seconds between two looks, and between two lines of the log in the job's.
LOOK_S, SAY_S = 0.25, 10.0
LINE_CHARS = 160
_HEAD = re.compile(r"^(?:\([^)]*\)\s*)*[A-Z]+\s+[\d-]+\s+[\d:.]+\s+\[[^\]]*\]\s*")


class Ended(Exception):
    """The server ended before it was ready."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a server says of itself: vLLM's version, and the longest prompt and answer together, in tokens."""

    version: str | None
    max_model_len: int | None


async def wait(
    port: int, key: str, name: str, *, log: Path, since: int, runs: Callable[[], bool], say: Say,
    cancelled: Callable[[], bool], timeout_s: float,
) -> Served:  # fmt: skip
    """Wait until the server at ``port`` serves ``name``. ``since`` is the byte of the log where it began.

    Raises:
        Ended: it ended (``runs`` is false).
        Cancelled: the work was cancelled.
        EngineError: it was not ready within ``timeout_s`` seconds, or somebody else answers at its port.
    """
    began = time.monotonic()
    next_line = began + SAY_S
    last = ""
    timeout = aiohttp.ClientTimeout(total=10.0)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while not await _healthy(session, port):
            if cancelled():
                raise Cancelled
            if not runs():
                raise Ended
            now = time.monotonic()
            if now - began > timeout_s:
                raise EngineError(
                    f"vLLM for '{name}' was not ready within {timeout_s:g} seconds",
                    hint=f"see its log: {log}; if it needs longer, set startup_timeout_s",
                )
            if now >= next_line:
                next_line = now + SAY_S
                line = last_line(log, since)
                if line and line != last:
                    say(f"vLLM for '{name}', {now - began:.0f} s: {line}")
                    last = line
            await asyncio.sleep(LOOK_S)
        return await _served(session, port, key, name)


async def _healthy(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://{HOST}:{port}/health") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


async def _served(session: aiohttp.ClientSession, port: int, key: str, name: str) -> Served:
    base = f"http://{HOST}:{port}"
    version: Any = None
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
        async with session.get(f"{base}/version") as answer:
            found = await answer.json(content_type=None)
            version = found.get("version") if isinstance(found, dict) else None
    try:
        async with session.get(f"{base}/v1/models", headers={"Authorization": f"Bearer {key}"}) as answer:
            found = await answer.json(content_type=None) if answer.status == 200 else None
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        found = None
    rows = found.get("data") if isinstance(found, dict) else None
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("id") == name:
            length = row.get("max_model_len")
            return Served(version if isinstance(version, str) else None, length if isinstance(length, int) else None)
    raise EngineError(
        f"port {port} is answered by another program than our vLLM for '{name}'", hint="set another port, or none"
    )


def last_line(log: Path, since: int) -> str:
    """The last line of a log that says anything, without its time and place."""
    lines = log_tail(log, since).replace("\r", "\n").splitlines()
    for line in reversed(lines):
        if text := one_line(_HEAD.sub("", clean(line)), LINE_CHARS).strip():
            return text
    return ""


def free_port() -> int:
    """A port of this machine that nobody listens at now."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def port_is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
    return True
