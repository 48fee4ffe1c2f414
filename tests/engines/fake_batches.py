"""``FakeOpenAI`` with files and batches: requests of a batch are answered as if they had been sent by themselves, when
the test says so.

    with FakeBatches() as server:
        server.polls = 2          # looks at a batch before it is completed; None: it never ends by itself
        server.plans.append(Plan(expire_after=3))   # what befalls the next batch

Everything is kept in memory of the test: the process that asks can be killed at any moment.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.engines.fake_openai import FakeOpenAI, Seen, _error

Line = dict[str, Any]


@dataclass
class Plan:
    """What befalls a batch. ``refuse``: (code, message, line) of each error of the file as a whole; ``expire_after``
    and ``cancel_after``: so many lines are answered before it expires, or somebody cancels it; ``fail``: a line's place
    → status and error of its answer; ``change`` may do anything to the lines of the output file."""

    refuse: list[tuple[str, str, int | None]] = field(default_factory=list)
    expire_after: int | None = None
    cancel_after: int | None = None
    fail: Mapping[int, tuple[int, Any]] = field(default_factory=dict)
    change: Callable[[list[bytes]], list[bytes]] | None = None
    polls: int | None = -1


class FakeBatches(FakeOpenAI):
    """``http`` is asked before any of the files and batches paths is served: (method, path) → a response, or None."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.polls: int | None = 0
        self.plans: deque[Plan] = deque()
        self.http: Callable[[str, str], web.Response | str | None] | None = None
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self._plan_of: dict[str, Plan] = {}
        self._left: dict[str, int] = {}

    @property
    def submitted(self) -> list[Line]:
        """The lines of every batch that was made, in order."""
        return [line for one in self.batches.values() for line in self.lines(one["input_file_id"])]

    def lines(self, file_id: str) -> list[Line]:
        return [json.loads(line) for line in self.files[file_id].splitlines()]

    def routes(self, app: web.Application) -> None:
        for prefix in ("/v1", "/openai"):
            app.router.add_post(f"{prefix}/files", self._outer(self._upload))
            app.router.add_get(f"{prefix}/files/{{id}}/content", self._outer(self._content))
            app.router.add_delete(f"{prefix}/files/{{id}}", self._outer(self._delete))
            app.router.add_post(f"{prefix}/batches", self._outer(self._make))
            app.router.add_get(f"{prefix}/batches", self._outer(self._batches))
            app.router.add_get(f"{prefix}/batches/{{id}}", self._outer(self._look))
            app.router.add_post(f"{prefix}/batches/{{id}}/cancel", self._outer(self._cancel))

    def _outer(self, serve: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            path = request.path.replace("/openai", "/v1", 1)
            self.calls.append(f"{request.method} {path}")
            headers = dict(request.headers)
            self.requests.append(Seen(request.path_qs, {}, headers, time.monotonic()))
            given = headers.get("Authorization", "").removeprefix("Bearer ") or headers.get("api-key", "")
            if self.key is not None and given != self.key:
                return _error(401, "Incorrect API key provided.", "invalid_api_key")
            instead = self.http(request.method, path) if self.http else None
            if isinstance(instead, web.Response):
                return instead
            answer: web.Response = await serve(request)
            if instead == "drop":  # it is done, but nobody hears of it
                assert request.transport is not None
                request.transport.abort()
            if instead == "500":  # the same
                return _error(500, "internal error")
            return answer

        return handle

    async def _upload(self, request: web.Request) -> web.Response:
        found = await request.post()
        assert found["purpose"] == "batch"
        content = found["file"].file.read()  # type: ignore[union-attr]
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id] = content
        return web.json_response({"id": file_id, "object": "file", "bytes": len(content), "purpose": "batch"})

    async def _content(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["id"])
        return _error(404, "No such File object") if content is None else web.Response(body=content)

    async def _delete(self, request: web.Request) -> web.Response:
        self.files.pop(request.match_info["id"], None)
        return web.json_response({"deleted": True})

    async def _make(self, request: web.Request) -> web.Response:
        body = await request.json()
        assert body["completion_window"] == "24h"
        plan = self.plans.popleft() if self.plans else Plan()
        batch_id = f"batch_{len(self.batches) + 1}"
        lines = self.lines(body["input_file_id"])
        assert len({line["custom_id"] for line in lines}) == len(lines)
        assert all(line["url"] == body["endpoint"] and line["method"] == "POST" for line in lines)
        self._plan_of[batch_id] = plan
        left = self.polls if plan.polls == -1 else plan.polls
        self._left[batch_id] = 10**9 if left is None else left
        self.batches[batch_id] = {
            "id": batch_id, "object": "batch", "status": "validating", "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"], "completion_window": "24h", "created_at": int(time.time()),
            "metadata": body.get("metadata"), "output_file_id": None, "error_file_id": None, "errors": None,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }  # fmt: skip
        return web.json_response(self.batches[batch_id])

    async def _batches(self, request: web.Request) -> web.Response:
        rows = list(self.batches.values())[::-1]
        after = request.query.get("after")
        if after:
            rows = rows[[one["id"] for one in rows].index(after) + 1 :]
        limit = min(int(request.query.get("limit", 20)), 2)  # small pages, so that there are several
        return web.json_response({"object": "list", "data": rows[:limit], "has_more": len(rows) > limit})

    async def _look(self, request: web.Request) -> web.Response:
        one = self.batches.get(request.match_info["id"])
        if one is None:
            return _error(404, "No batch found with this id")
        if one["status"] in ("validating", "in_progress"):
            plan = self._plan_of[one["id"]]
            if self._left[one["id"]] <= 0 or plan.refuse:
                self.finish(one["id"])
            else:
                self._left[one["id"]] -= 1
                one["status"] = "in_progress"
        return web.json_response(one)

    async def _cancel(self, request: web.Request) -> web.Response:
        one = self.batches[request.match_info["id"]]
        plan = self._plan_of[one["id"]]
        plan.cancel_after = plan.cancel_after or 0
        self.finish(one["id"])
        return web.json_response(one)

    def finish(self, batch_id: str) -> None:
        """End a batch as its plan says."""
        one, plan = self.batches[batch_id], self._plan_of[batch_id]
        if plan.refuse:
            errors = [{"code": code, "message": message, "line": line} for code, message, line in plan.refuse]
            one |= {"status": "failed", "errors": {"object": "list", "data": errors}}
            return
        status = "expired" if plan.expire_after is not None else "cancelled" if plan.cancel_after is not None else ""
        until = plan.expire_after if plan.expire_after is not None else plan.cancel_after
        good: list[bytes] = []
        bad: list[bytes] = []
        for i, line in enumerate(self.lines(one["input_file_id"])):
            if until is not None and i >= until:
                code = f"batch_{status}"
                bad.append(_line(line, None, {"code": code, "message": f"This request was not run: {code}"}))
                continue
            if i in plan.fail:
                code, said = plan.fail[i]
                bad.append(_line(line, {"status_code": code, "request_id": "r", "body": {"error": said}}))
                continue
            refused = self._refusal_of(line["body"])
            answer = refused or (self._chat if "messages" in line["body"] else self._complete)(line["body"])
            body = json.loads(answer.body)  # type: ignore[arg-type]
            done = _line(line, {"status_code": answer.status, "request_id": "r", "body": body})
            (good if answer.status == 200 else bad).append(done)
        one["request_counts"] |= {"completed": len(good), "failed": len(bad)}
        # As the real one does, in an order of its own.
        good = plan.change(good) if plan.change else good[::-1]
        for name, lines in (("output_file_id", good), ("error_file_id", bad)):
            if lines:
                one[name] = f"file-{len(self.files) + 1}"
                self.files[one[name]] = b"\n".join(lines) + b"\n"
        one["status"] = status or "completed"


def _line(asked: Line, response: Any, error: Any = None) -> bytes:
    return json.dumps(
        {"id": "batch_req_1", "custom_id": asked["custom_id"], "response": response, "error": error}
    ).encode()
