"""Lines of the Batch API's files: requests as they are written, answers and errors as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from workbench.engines.endpoint import Endpoint, parse
from workbench.engines.pricing import cost_usd
from workbench.engines.retry import Fault
from workbench.records import stable_id

#: Codes of requests that the endpoint did not come to.
EXPIRED, CANCELLED = "batch_expired", "batch_cancelled"
#: Fields whose name or presence follows what the endpoint turned out to take (``ApiEngine.adapt``).
_RENAMED = {"max_completion_tokens": "max_tokens"}
_LEFT_OUT = ("logprobs", "top_logprobs")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an output or error file. ``status`` and ``body`` are the answer's, ``error`` the line's own."""

    custom_id: str
    status: int | None
    body: object
    error: Mapping[str, Any] | None


def digest(url: str, path: str, body: Mapping[str, Any], name: str) -> str:
    """What a request is known by at every run: endpoint, content, and what it is for."""
    content = {_RENAMED.get(field, field): value for field, value in body.items() if field not in _LEFT_OUT}
    return stable_id("batch request", url.rstrip("/"), path, content, bool(body.get("logprobs")), name)


def encode(body: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(body), default=str)


def request_line(custom_id: str, path: str, body: bytes) -> bytes:
    head = orjson.dumps({"custom_id": custom_id, "method": "POST", "url": path})
    return head[:-1] + b',"body":' + body + b"}\n"


def read_lines(path: Path) -> Iterator[Line | None]:
    """The lines of a file, ``None`` for each that is none of the Batch API's. A file there is not has no lines."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for raw in file:
            if raw.strip():
                yield _line(parse(raw))


def _line(data: object) -> Line | None:
    if not isinstance(data, Mapping) or not isinstance(data.get("custom_id"), str):
        return None
    response, error = data.get("response"), data.get("error")
    if not isinstance(response, Mapping):
        return Line(data["custom_id"], None, None, error if isinstance(error, Mapping) else {"message": str(error)})
    status = response.get("status_code")
    return Line(
        data["custom_id"], status if isinstance(status, int) else None, response.get("body"),
        error if isinstance(error, Mapping) else None,
    )  # fmt: skip


def answer_of(line: Line, endpoint: Endpoint) -> dict[str, Any]:
    """The answer in a line.

    Raises:
        Fault: there is none; its consequence is as for a request that was sent by itself.
    """
    if line.error is not None:
        code, message = line.error.get("code"), line.error.get("message")
        if code in (EXPIRED, CANCELLED):
            # Out of time, or broken off: another try is another chance.
            kind = "the batch expired" if code == EXPIRED else "the batch was cancelled"
            raise Fault("timeout" if code == EXPIRED else "disconnect", f"{kind} before its turn", code=str(code))
        if code or message:
            raise endpoint.error_fault(dict(line.error), line.status, {})
    if line.status is None or not 100 <= line.status < 600:
        raise Fault("disconnect", "the batch's line has no answer")
    if not 200 <= line.status < 300:
        said = line.body.get("error", line.body) if isinstance(line.body, Mapping) else line.body
        raise endpoint.error_fault(said, line.status, {})
    if not isinstance(line.body, dict):
        raise Fault("malformed", "the answer is not a JSON object")
    if line.body.get("error") and not line.body.get("choices"):
        raise endpoint.error_fault(line.body["error"], None, {})
    return line.body


def bill(path: Path, params: Mapping[str, Any]) -> float | None:
    """What the answers of a file cost, US dollars by the params' prices; ``None`` where nothing tells."""
    costs = [_cost(line, params) for line in read_lines(path) if line is not None]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def _cost(line: Line, params: Mapping[str, Any]) -> float | None:
    usage = line.body.get("usage") if isinstance(line.body, Mapping) else None
    counts = [usage.get(f"{name}_tokens") if isinstance(usage, Mapping) else None for name in ("prompt", "completion")]
    prompt, completion = (count if isinstance(count, int) and count >= 0 else None for count in counts)
    return cost_usd(params, prompt, completion)
