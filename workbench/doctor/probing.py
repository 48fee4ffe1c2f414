"""Endpoints asked whether they are there: ``GET /models``, once each, all at the same time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.doctor.findings import Finding, State
from workbench.doctor.keys import named
from workbench.engines.access import Access, access_of
from workbench.engines.retry import connection_fault
from workbench.engines.transport import default_client, proxy_for
from workbench.errors import EngineError
from workbench.records import Model
from workbench.text import one_line

TIMEOUT_S = 8.0
#: Longest list of models that is read, in bytes.
MOST = 4 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint and how it is entered, with the models that are asked there: (our name, its name)."""

    url: str
    access: Access
    models: tuple[tuple[str, str], ...]


def places(models: Iterable[Model]) -> tuple[list[Place], list[Finding]]:
    """The endpoints of API models, each once a key; and those that cannot be asked because a variable is not set."""
    found: dict[tuple[str, str], tuple[Access, list[tuple[str, str]]]] = {}
    left: list[Finding] = []
    for model in models:
        if model.engine != "api" or not model.endpoint:
            continue
        try:
            access = access_of(model.params)
        except EngineError as error:
            what = f"{model.endpoint} was not asked for {one_line(model.model_id, 40)}: {error.message}"
            left.append(Finding("endpoint.key", "unknown", what, error.hint or ""))
            continue
        entry = (model.endpoint.rstrip("/"), repr((sorted(access.headers.items()), access.query)))
        found.setdefault(entry, (access, []))[1].append(
            (model.model_id, str(model.params.get("model") or model.model_id))
        )
    return [Place(url, access, tuple(names)) for (url, _), (access, names) in found.items()], left


def probe(models: Iterable[Model], timeout_s: float = TIMEOUT_S) -> list[Finding]:
    """Ask every endpoint for its models: is it there, how fast, are the key and the models known to it."""
    asked, left = places(models)
    return [*asyncio.run(_ask_all(asked, timeout_s)), *left] if asked else left


async def _ask_all(asked: list[Place], timeout_s: float) -> list[Finding]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        return list(await asyncio.gather(*(_ask(session, place, timeout_s) for place in asked)))


async def _ask(session: Any, place: Place, timeout_s: float) -> Finding:
    import aiohttp

    query = f"?{place.access.query}" if place.access.query else ""
    begin = time.monotonic()
    try:
        async with session.get(
            f"{place.url}/models{query}", headers=dict(place.access.headers), proxy=proxy_for(place.url),
            allow_redirects=False,  # a key goes nowhere but where it was meant to
        ) as response:  # fmt: skip
            body = await response.content.read(MOST)
            status = response.status
            while len(body) < MOST and (more := await response.content.read(MOST - len(body))):
                body += more
    except TimeoutError:
        return _finding(
            place, "problem", f"does not answer within {timeout_s:g} s", "is it running? is a proxy needed?"
        )
    except (aiohttp.ClientError, OSError, ValueError) as error:
        fault = connection_fault(error)
        return _finding(place, "problem", f"cannot be reached: {fault.message}", "is it running? is the address right?")
    return _answered(place, status, body, (time.monotonic() - begin) * 1000)


def _answered(place: Place, status: int, body: bytes, milliseconds: float) -> Finding:
    took = f"{milliseconds:,.0f} ms"
    if status in (401, 403):
        key = place.access.key_env
        fix = (
            f"check {key}"
            if key
            else "name the variable of its key: workbench models add NAME --replace --api-key-env VAR …"
        )
        return _finding(
            place, "problem", f"refuses {'the key of ' + key if key else 'us without a key'} ({status})", fix
        )
    if status != 200:
        state: State = "problem" if status >= 500 else "warning"
        what = f"answers in {took}, but not with a list of models (status {status})"
        return _finding(place, state, what, "the base URL often ends in /v1; some endpoints list no models")
    served = served_names(body)
    if served is None:
        return _finding(place, "warning", f"answers in {took}, but not with a list of models", "is the base URL right?")
    # Some endpoints list models with a folder before the name that they are asked by.
    known = {*served, *(name.rpartition("/")[2] for name in served)}
    lacking = [ours for ours, theirs in place.models if theirs not in known]
    if lacking:
        there = ", ".join(one_line(name, 60) for name in served[:4]) + (", …" if len(served) > 4 else "")
        what = f"answers in {took}, but does not serve {named(lacking)}; it serves: {there or '(nothing)'}"
        # A server of one's own lists all it has; big providers do not always.
        sure: State = "problem" if default_client(place.url) == "lean" else "warning"
        return _finding(place, sure, what, "workbench models add NAME --replace --model ID …")
    return _finding(place, "ok", f"answers in {took} and serves {named([ours for ours, _ in place.models])}")


def served_names(body: bytes) -> list[str] | None:
    """The ids in an answer to ``GET /models``; ``None`` if it is none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    listed = data.get("data") if isinstance(data, Mapping) else None
    if not isinstance(listed, list):
        return None
    return [str(one["id"]) for one in listed if isinstance(one, Mapping) and "id" in one]


def _finding(place: Place, state: State, what: str, fix: str = "") -> Finding:
    name = f"endpoint.{place.url.partition('://')[2] or place.url}"
    return Finding(name, state, f"{place.url} {what}", fix)
