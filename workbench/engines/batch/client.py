"""Talking to an endpoint about batches: files up and down, batches made, looked up and cancelled.

Built on the ``openai`` client; answers are read as plain JSON. Whatever can be asked twice without harm is tried again
when the endpoint is busy or the connection breaks. Making a batch cannot: where it is not known whether a try arrived,
the list of batches is looked through first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import openai
from openai import AsyncOpenAI

from workbench.engines.access import Access
from workbench.engines.batch.journal import Journal, keep
from workbench.engines.endpoint import Endpoint, parse
from workbench.engines.openai_transport import open_client, unwanted_headers
from workbench.engines.retry import BASE_S, CAP_S, MAX_RETRY_AFTER_S, Fault, backoff_s, connection_fault
from workbench.engines.transport import Destination
from workbench.engines.workplace import here

#: Key of the batch's metadata that holds our own id for it.
MARK = "workbench_batch"
#: Statuses after which nothing more happens.
ENDED = ("completed", "failed", "expired", "cancelled")
#: Batches listed at once, and clocks may differ by so much (seconds).
PAGE, CLOCKS_S = 100, 3600
#: Seconds until a batch that was made is sure to be listed.
LISTED_AFTER_S = 10.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Remote:
    """A batch as the endpoint tells it. ``errors`` are those of the file as a whole: (code, message, line or None)."""

    batch_id: str
    status: str
    input_file: str | None = None
    output_file: str | None = None
    error_file: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    created_at: int = 0
    errors: tuple[tuple[str, str, int | None], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


class BatchClient:
    """Batches of one endpoint. Belongs to one event loop. ``endpoint`` tells what errors mean."""

    def __init__(self, endpoint: Endpoint, access: Access) -> None:
        limits = endpoint.limits
        self._endpoint, self._attempts = endpoint, limits.max_attempts
        where = Destination(root_of(endpoint.url), access.headers, access.query, 8, limits.timeout_s, limits.idle_s)
        self.url = where.url
        self._where = where
        self._headers = unwanted_headers(where)
        self._opened: AsyncOpenAI | None = None
        self._log = here().log

    # -- what can be asked -------------------------------------------------------------------------

    async def upload(self, path: Path) -> str:
        """Upload an input file; returns the endpoint's id for it. Raises Fault."""

        async def send() -> str:
            with path.open("rb") as file:
                sent = await self._client.files.with_raw_response.create(
                    file=(path.name, file, "application/jsonl"), purpose="batch", extra_headers=self._headers
                )
            return _text(_object(sent.content), "id")

        return await self._patiently("/files", send)

    async def make(self, input_file: str, path: str, mark: str) -> Remote:
        """Make a batch of an uploaded file, once: after a try of which it is not known whether it arrived, it is looked
        for. Raises Fault."""
        body = {
            "input_file_id": input_file, "endpoint": path, "completion_window": "24h", "metadata": {MARK: mark},
        }  # fmt: skip
        for attempt in range(self._attempts):
            try:
                return _remote(await self._once("/batches", lambda: self._post("/batches", body)))
            except Fault as fault:
                if fault.consequence != "retry" or attempt + 1 == self._attempts:
                    raise
                sure = fault.kind == "connect" or fault.status == 429
                await asyncio.sleep(_delay(fault, attempt))
            if not sure and (found := await self.find(mark, input_file, settle_s=LISTED_AFTER_S)) is not None:
                return found
        raise AssertionError("unreachable")

    async def find(self, mark: str, input_file: str | None, *, since: float = 0, settle_s: float = 0) -> Remote | None:
        """The batch that carries our mark or was made of this file, if there is one. ``since``: seconds since 1970
        before which it cannot have been made; ``settle_s``: look again for so long. Raises Fault."""
        until = time.monotonic() + settle_s
        while True:
            after: str | None = None
            while True:
                query = f"/batches?limit={PAGE}" + (f"&after={quote(after, safe='')}" if after else "")
                page = await self._patiently("/batches", lambda query=query: self._get(query))  # type: ignore[misc]
                listed = [_remote(one) for one in page.get("data") or () if isinstance(one, Mapping)]
                for one in listed:
                    if one.metadata.get(MARK) == mark or (input_file and one.input_file == input_file):
                        return one
                if not page.get("has_more") or not listed or listed[-1].created_at < since - CLOCKS_S:
                    break
                after = listed[-1].batch_id
            if time.monotonic() >= until:
                return None
            await asyncio.sleep(min(2.0, settle_s / 2))

    async def look(self, batch_id: str) -> Remote:
        """Raises Fault."""
        return _remote(await self._patiently("/batches/ID", lambda: self._get(f"/batches/{quote(batch_id, safe='')}")))

    async def cancel(self, batch_id: str) -> Remote:
        """Ask the endpoint to stop; what is done by then can be collected. Raises Fault."""
        path = f"/batches/{quote(batch_id, safe='')}/cancel"
        return _remote(await self._patiently("/batches/ID/cancel", lambda: self._post(path, {})))

    async def download(self, file_id: str, path: Path) -> None:
        """Bring a file whole, or not at all. Raises Fault, OSError."""
        part = path.with_name(f"{path.name}.{id(self):x}.part")

        async def receive() -> None:
            content = self._client.files.with_streaming_response.content(file_id, extra_headers=self._headers)
            async with content as answer:
                with Journal.open_part(part) as file:
                    async for piece in answer.iter_bytes(1 << 20):
                        file.write(piece)
                    keep(file)

        try:
            await self._patiently("/files/ID/content", receive)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)

    async def forget_file(self, file_id: str) -> None:
        """Delete an uploaded file; that it stays does no harm."""
        try:
            await self._once("/files/ID", lambda: self._client.delete(
                f"/files/{quote(file_id, safe='')}", cast_to=httpx2.Response, options={"headers": self._headers}
            ))  # fmt: skip
        except Fault:
            return

    async def close(self) -> None:
        client, self._opened = self._opened, None
        if client is not None:
            await client.close()

    # -- one call ----------------------------------------------------------------------------------

    @property
    def _client(self) -> AsyncOpenAI:
        if self._opened is None:
            self._opened = open_client(self._where)
        return self._opened

    async def _get(self, path: str) -> dict[str, Any]:
        answer = await self._client.get(path, cast_to=httpx2.Response, options={"headers": self._headers})
        return _object(answer.content)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        options: Any = {"headers": self._headers}
        answer = await self._client.post(path, cast_to=httpx2.Response, body=body, options=options)
        return _object(answer.content)

    async def _patiently(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(self._attempts):
            try:
                return await self._once(what, call, attempt)
            except Fault as fault:
                if fault.consequence != "retry" or attempt + 1 == self._attempts:
                    raise
                await asyncio.sleep(_delay(fault, attempt))
        raise AssertionError("unreachable")

    async def _once(self, what: str, call: Callable[[], Awaitable[T]], attempt: int = 0) -> T:
        """One call. Raises Fault."""
        started = time.monotonic()
        met: Fault | None = None
        try:
            return await call()
        except Exception as error:
            met = self._fault(error)
            if met is None:
                raise
            raise met from None
        finally:
            if self._log is not None:
                line = {
                    "endpoint": self.url, "model": self._endpoint.model, "path": what, "attempt": attempt,
                    "status": 200 if met is None else met.status, "fault": None if met is None else met.kind,
                    "error": None if met is None else met.message, "seconds": round(time.monotonic() - started, 4),
                }  # fmt: skip
                self._log.attempt(line, self._endpoint.without_keys)

    def _fault(self, error: Exception) -> Fault | None:
        if isinstance(error, Fault):
            return error
        if isinstance(error, openai.APIStatusError):
            data = error.body if isinstance(error.body, Mapping) else None
            said: object = data.get("error", data) if data else str(error.body or error.message)
            return self._endpoint.error_fault(said, error.status_code, error.response.headers)
        from_aiohttp = type(error).__module__.partition(".")[0] == "aiohttp"
        if from_aiohttp or isinstance(error, openai.APIConnectionError | httpx2.HTTPError | TimeoutError):
            return connection_fault(error)
        return None


def root_of(url: str) -> str:
    """Where an endpoint's files and batches are: on Azure not under its deployments."""
    head, azure, _ = url.rstrip("/").rpartition("/deployments/")
    return head if azure else url.rstrip("/")


def line_path(url: str, path: str) -> str:
    """The address in a batch's lines, e.g. ``/v1/chat/completions``: what follows an endpoint's host, by OpenAI's
    names, whatever stands before it at a gateway."""
    return path if "/deployments/" in url else f"/v1{path}"


def _delay(fault: Fault, attempt: int) -> float:
    if fault.retry_after is not None:
        return min(fault.retry_after, MAX_RETRY_AFTER_S)
    return backoff_s(attempt, BASE_S, CAP_S)


def _object(content: bytes) -> dict[str, Any]:
    data = parse(content)
    if not isinstance(data, dict):
        raise Fault("malformed", "the answer is not a JSON object")
    return data


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise Fault("malformed", f"the answer has no {name}")
    return value


def _remote(data: Mapping[str, Any]) -> Remote:
    """A batch object; what is missing or of a wrong type is read as not there. Raises Fault without an id."""
    counts = data.get("request_counts")
    counts = counts if isinstance(counts, Mapping) else {}
    errors = data.get("errors")
    listed = errors.get("data") if isinstance(errors, Mapping) else errors
    metadata = data.get("metadata")

    def number(value: object) -> int:
        return value if isinstance(value, int) else 0

    def name(field_name: str) -> str | None:
        value = data.get(field_name)
        return value if isinstance(value, str) and value else None

    return Remote(
        _text(data, "id"), _text(data, "status"), name("input_file_id"), name("output_file_id"), name("error_file_id"),
        number(counts.get("total")), number(counts.get("completed")), number(counts.get("failed")),
        number(data.get("created_at")),
        tuple(_error(e) for e in (listed if isinstance(listed, list) else ()) if isinstance(e, Mapping)),
        metadata if isinstance(metadata, Mapping) else {},
    )  # fmt: skip


def _error(said: Mapping[str, Any]) -> tuple[str, str, int | None]:
    line = said.get("line")
    return str(said.get("code") or ""), str(said.get("message") or ""), line if isinstance(line, int) else None
