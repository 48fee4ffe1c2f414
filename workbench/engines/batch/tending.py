"""Batches one by one, outside a run: what the endpoint says of them, bringing their answers, stopping them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from workbench.engines.access import access_of
from workbench.engines.api import ApiEngine
from workbench.engines.batch.client import ENDED, BatchClient
from workbench.engines.batch.course import Course
from workbench.engines.batch.journal import Batch, Journal
from workbench.engines.pricing import batch_prices
from workbench.engines.retry import Fault
from workbench.errors import BadInput, EngineError, Unknown
from workbench.progress import Progress, Silent
from workbench.records import Model


def named_batch(files: Path, name: str) -> Batch:
    """A batch by our id or the endpoint's. Raises Unknown."""
    there = Journal(files).all()
    for batch in there:
        if name in (batch.id, batch.batch_id):
            return batch
    raise Unknown("batch", name, [batch.name for batch in there])


def look(files: Path, batch: Batch, model: Model) -> Batch:
    """Ask the endpoint how a batch fares; collects it if it has ended.

    Raises:
        EngineError: it cannot be asked, or its answers cannot be had.
    """

    async def work() -> Batch:
        async with _course(files, batch, model) as course:
            await course.settle(batch.url, batch.model)
            now = course.journal.read(batch.id)
            if now is None:
                raise EngineError(f"batch {batch.name} was never made", hint="run its command again")
            ended = await course.end_of(now) if now.state == "made" else None
            if ended is not None and ended.status != "failed":
                await course.collect(ended)
            return course.journal.read(batch.id) or now

    return asyncio.run(work())


def cancel(files: Path, batch: Batch, model: Model) -> Batch:
    """Ask the endpoint to stop a batch. What is done by then is paid for, and can be collected.

    Raises:
        BadInput: it has ended, or was never made.
        EngineError: the endpoint cannot be asked.
    """
    if batch.state != "made" or batch.status in ENDED:
        raise BadInput(f"batch {batch.name} is not under way ({batch.status or batch.state})")

    async def work() -> Batch:
        async with _course(files, batch, model) as course:
            remote = await course.client.cancel(batch.batch_id or "")
            return course.journal.update(batch.id, status=remote.status, asked_to_cancel=True) or batch

    return asyncio.run(work())


def forget(files: Path, batch: Batch) -> None:
    """Strike a batch from the journal: what it was asked is asked (and paid) anew by the next run.

    Raises:
        BadInput: a worker is making it at this moment.
    """
    journal = Journal(files)
    held = journal.own(batch.id)
    if held is None:
        raise BadInput(f"batch {batch.name} is being made at this moment", hint="see: workbench jobs")
    with held:
        journal.remove(batch.id)


@contextlib.asynccontextmanager
async def _course(files: Path, batch: Batch, model: Model, progress: Progress | None = None) -> AsyncIterator[Course]:
    """The means to ask a batch's endpoint, with the model's key. Faults become EngineErrors."""
    if (model.endpoint or "").rstrip("/") != batch.url:
        raise EngineError(
            f"'{model.model_id}' is at {model.endpoint} now, and batch {batch.name} was made at {batch.url}",
            hint=f"say where it is: workbench models add {model.model_id} --replace --base-url {batch.url} …",
        )
    params = batch_prices(model.params)
    api = ApiEngine(model)
    client = BatchClient(api.endpoint, access_of(params))
    try:
        yield Course(Journal(files), client, progress or Silent(), params, wait=False)
    except Fault as fault:
        raise EngineError(f"{batch.url} cannot be asked about batch {batch.name}: {fault.message}") from None
    finally:
        await client.close()
        await api.close()
