"""Requests on their way into the next batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.engines.api import ApiEngine
from workbench.engines.batch import lines
from workbench.engines.batch.client import line_path
from workbench.engines.protocol import Request

#: The Batch API's limits on a file, the second with room to spare (200 MB; nobody says of which kind).
MOST_REQUESTS, MOST_BYTES = 50_000, 190_000_000
#: What a line has besides the body, at most (bytes).
AROUND = 200


@dataclass(slots=True)
class Ask:
    """A request on its way. ``fields`` are those of the body that was sent last; ``failures`` its tries so far."""

    request: Request
    digest: str
    body: bytes = b""
    fields: tuple[str, ...] = ()
    failures: int = 0


class Asks:
    """What the next batch will hold. ``most``: requests in it at most."""

    def __init__(self, api: ApiEngine) -> None:
        self._api = api
        self._gathered: list[Ask] = []
        self._bytes = 0
        self.most = MOST_REQUESTS

    def __bool__(self) -> bool:
        return bool(self._gathered)

    @property
    def full(self) -> bool:
        return len(self._gathered) >= self.most or self._bytes >= MOST_BYTES

    def add(self, ask: Ask, body: Mapping[str, Any] | None = None) -> None:
        body = self._api.body(ask.request) if body is None else body
        ask.body, ask.fields = lines.encode(body), tuple(body)
        self._bytes += len(ask.body) + AROUND
        self._gathered.append(ask)

    def take(self) -> list[Ask]:
        """The requests of one batch; what does not fit stays."""
        size = count = 0
        for ask in self._gathered:
            if count and (count >= self.most or size + len(ask.body) + AROUND > MOST_BYTES):
                break
            size += len(ask.body) + AROUND
            count += 1
        taken, self._gathered = self._gathered[:count], self._gathered[count:]
        self._bytes -= size
        return taken

    def lines(self, asks: list[Ask], url: str) -> tuple[list[str], list[bytes]]:
        """Custom ids and lines of a batch's requests; their bodies are let go."""
        numbers: Counter[str] = Counter()
        ids: list[str] = []
        written: list[bytes] = []
        path = line_path(url, self._api.path)
        for ask in asks:
            ids.append(f"{ask.digest}-{numbers[ask.digest]}")
            numbers[ask.digest] += 1
            written.append(lines.request_line(ids[-1], path, ask.body))
            ask.body = b""
        return ids, written
