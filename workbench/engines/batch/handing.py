"""What an ended batch means for the requests that were in it."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections import Counter
from typing import TYPE_CHECKING

from workbench.engines.api import read_answer
from workbench.engines.batch import lines
from workbench.engines.batch.asks import Ask
from workbench.engines.batch.journal import Batch
from workbench.engines.batch.known import unanswered
from workbench.engines.endpoint import Answer
from workbench.engines.retry import Fault, backoff_s
from workbench.errors import EngineError
from workbench.text import one_line, plural

if TYPE_CHECKING:
    from workbench.engines.batch.run import Run

#: Results handed out before others may work (a file has up to 50,000).
AT_ONCE = 256
#: Pauses while the account's queue is full: the first at most, the longest (seconds), and how many.
FULL_S, FULL_MOST_S, FULL_TRIES = 60.0, 900.0, 120
_FULL = re.compile(r"token_limit_exceeded|enqueued token limit", re.IGNORECASE)
_NO_MODEL = re.compile(r"model_not_found|invalid_model|model .{0,80}does not exist", re.IGNORECASE)


async def hand_out(run: Run, batch: Batch, stopped_before: bool) -> None:
    """Turn a collected batch's lines into results. What it has no answer for is sent again, unless somebody cancelled
    it while it was waited for (``stopped_before`` is false): then the work ends."""
    asks = run.waiting_for(batch.id)
    wanted = len(asks)
    ours, seen, odd = set(batch.requests), set[str](), Counter[str]()
    stopped: list[Ask] = []
    for path in (run.journal.output_path(batch.id), run.journal.errors_path(batch.id)):
        for number, line in enumerate(lines.read_lines(path)):
            if line is None or line.custom_id not in ours or line.custom_id in seen:
                what = "cannot be read" if line is None else "twice" if line.custom_id in seen else "of no request"
                odd[what] += 1
                continue
            seen.add(line.custom_id)
            ask = asks.pop(line.custom_id, None)
            if ask is not None and not _read(run, batch, ask, line):
                stopped.append(ask)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
    if odd:
        said = ", ".join(f"{n} {what}" for what, n in odd.items())
        run.course.progress.say(f"batch {batch.name}: lines ignored: {said}", level="warning")
    _left_over(run, batch, [*stopped, *asks.values()], wanted, stopped_before)


def _read(run: Run, batch: Batch, ask: Ask, line: lines.Line) -> bool:
    """Hand out one answer or fault. False: the endpoint did not come to it because the batch was cancelled."""
    endpoint = run.api.endpoint
    try:
        data = lines.answer_of(line, endpoint)
    except Fault as fault:
        if fault.code == lines.CANCELLED:
            return False
        run.handed[batch.id] += 1
        run.failed(ask, fault)
        return True
    run.handed[batch.id] += 1
    name = data.get("model")
    if isinstance(name, str) and (name in endpoint.served or len(endpoint.served) < 100):
        endpoint.served[name] += 1
    result = read_answer(ask.request.key, Answer(data, ask.failures, 0.0), run.engine.prices)
    # How long a batch waited in the endpoint's queue says nothing about the model.
    run.emit(dataclasses.replace(result, latency=None))
    return True


def _left_over(run: Run, batch: Batch, asks: list[Ask], wanted: int, stopped_before: bool) -> None:
    run.handed[batch.id] += len(asks)
    if not asks:
        return
    came = f"{wanted - len(asks):,} of {plural(wanted, 'request')} came back"
    if batch.status in ("cancelled", "cancelling") and not stopped_before:
        hint = "what came is kept; run the same again to send the rest"
        run.fail(EngineError(f"batch {batch.name} was cancelled: {came}", hint=hint))
        return
    run.course.progress.say(f"batch {batch.name} {batch.status}: {came}; the rest is sent again", level="warning")
    for ask in asks:
        if batch.status == "cancelled":
            run.again(ask)
        else:
            run.failed(ask, unanswered(batch))


async def refused(run: Run, batch: Batch) -> None:
    """The endpoint refused a batch as a whole: nothing was answered, and nothing is paid for."""
    asks = run.waiting_for(batch.id)
    run.journal.remove(batch.id)
    said = "; ".join(one_line(f"{code}: {message}", 200) for code, message, _ in batch.errors[:3]) or "no reason given"
    said = run.api.endpoint.scrub(said)
    if any(_FULL.search(f"{code} {message}") for code, message, _ in batch.errors):
        await _queue_full(run, batch, list(asks.values()), said)
        return
    run.refusals += 1
    named = {
        batch.requests[line - 1]: _fault(code, run.api.endpoint.scrub(message))
        for code, message, line in batch.errors if line is not None and 1 <= line <= len(batch.requests)
    }  # fmt: skip
    if not named or run.refusals > run.engine.attempts:
        hint = "nothing of it was paid for; see docs/engines.md on batches"
        run.fail(EngineError(f"{run.course.client.url} refused batch {batch.name} ({said})", hint=hint))
        return
    bad = plural(len(named), "request")
    run.course.progress.say(f"batch {batch.name} was refused because of {bad} ({said}); the others are sent again",
                            level="warning")  # fmt: skip
    for custom_id, ask in asks.items():
        if (fault := named.get(custom_id)) is not None:
            run.failed(ask, fault)
        else:
            run.again(ask)


def _fault(code: str, message: str) -> Fault:
    """A line the endpoint would not take, as if the request had been sent by itself."""
    text = f"{code}: {message}" if code else message
    return Fault("status", text, status=404 if _NO_MODEL.search(text) else 400, code=code or None)


async def _queue_full(run: Run, batch: Batch, asks: list[Ask], said: str) -> None:
    """The account may not queue so many tokens: wait, one batch at a time from now on, and smaller ones if no other
    batch of this model is what fills the queue."""
    run.full += 1
    others = [b for b in run.journal.all() if (b.url, b.model, b.state) == (batch.url, batch.model, "made")]
    if not others:
        run.asks.most = max(1, min(run.asks.most, (len(batch.requests) + 1) // 2))
    hint = "what was submitted goes on; run the same again when the account's queue has room"
    full = EngineError(f"{run.course.client.url} queues no more for this account ({said})", hint=hint)
    if not run.course.wait or run.full > FULL_TRIES:
        run.fail(full)
        return
    run.course.progress.say(
        f"the account's queue is full ({said}); at most {plural(run.asks.most, 'request')} a batch, one at a time",
        level="warning",
    )
    if not await run.course.nap(backoff_s(min(run.full, 8) - 1, FULL_S, FULL_MOST_S)):
        for ask in asks:
            run.again(ask)
