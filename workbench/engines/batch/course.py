"""The course of one batch: made without ever being made twice, followed until it ends, and brought here.

Each step is in the journal before and after it is taken, so whoever comes after a kill knows how far it went.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.engines.batch import lines
from workbench.engines.batch.client import ENDED, LISTED_AFTER_S, BatchClient, Remote, line_path
from workbench.engines.batch.journal import Batch, Journal
from workbench.engines.retry import Fault
from workbench.errors import EngineError
from workbench.progress import Progress
from workbench.records import utcnow
from workbench.text import plural

#: Seconds between two looks at a batch: the first pause, each next one half as long again, the longest.
FIRST_LOOK_S, LONGEST_LOOK_S, GROWTH = 2.0, 60.0, 1.5
#: How soon a wish to stop waiting is noticed (seconds).
NOTICE_S = 0.5
#: An endpoint that cannot be asked about a batch for so long is not waited for any longer (seconds).
OUTAGE_S = 3600.0
#: Counts that grow are said this often at most (seconds).
SAY_EVERY_S = 300.0
#: Looks at a batch that is completed and has no files yet.
FILES_LATE = 5


@dataclass(slots=True)
class Course:
    """What taking batches along needs. ``params`` have the batch's prices."""

    journal: Journal
    client: BatchClient
    progress: Progress
    params: Mapping[str, Any]
    wait: bool = True

    # -- making ------------------------------------------------------------------------------------

    async def make(self, batch: Batch) -> Batch:
        """Upload a prepared batch's input and make the batch. The caller holds it (``Journal.own``).

        Raises:
            Fault: the endpoint does not take it; nothing of it is left in the journal, unless it may have been made.
        """
        try:
            input_file = await self.client.upload(self.journal.input_path(batch.id))
        except Fault:
            self.journal.remove(batch.id)
            raise
        self.journal.update(batch.id, state="uploaded", input_file=input_file)
        try:
            remote = await self.client.make(input_file, line_path(batch.url, batch.path), batch.id)
        except Fault as fault:
            if fault.consequence != "retry" or fault.status == 429:  # else it may have been made after all
                self.journal.remove(batch.id)
            raise
        return self._made(batch.id, remote)

    async def settle(self, url: str, model: str) -> None:
        """Find out what became of batches whose maker died in the middle: those that were made are known from now on,
        the others are forgotten and nothing was paid for them.

        Raises:
            Fault: the endpoint cannot be asked.
        """
        for batch in self.journal.all():
            if batch.state not in ("prepared", "uploaded") or (batch.url, batch.model) != (url, model):
                continue
            held = self.journal.own(batch.id)
            if held is None:
                continue  # its maker lives
            with held:
                await self._settle(batch.id)

    async def _settle(self, name: str) -> None:
        """The same of one batch, which the caller holds."""
        batch = self.journal.read(name)  # as it is now that nobody else changes it
        if batch is None or batch.state not in ("prepared", "uploaded"):
            return
        if batch.state == "prepared":
            self.journal.remove(batch.id)
            return
        began = datetime.fromisoformat(batch.updated_at)
        age = (utcnow() - began).total_seconds()
        settle_s = max(0.0, LISTED_AFTER_S - age) if age >= 0 else LISTED_AFTER_S
        since = time.time() - max(age, 0.0)
        remote = await self.client.find(batch.id, batch.input_file, since=since, settle_s=settle_s)
        if remote is not None:
            self._made(batch.id, remote)
            self.progress.say(f"batch {remote.batch_id} was made just before an earlier run ended; it counts")
            return
        if batch.input_file:
            await self.client.forget_file(batch.input_file)
        self.journal.remove(batch.id)

    def _made(self, batch: str, remote: Remote) -> Batch:
        made = self.journal.update(batch, state="made", batch_id=remote.batch_id, status=remote.status)
        self.journal.input_path(batch).unlink(missing_ok=True)
        if made is None:
            raise EngineError(f"the journal of batch {remote.batch_id} is gone", hint="see: workbench batches")
        most = "" if made.most_cost is None else f", at most ${made.most_cost:.4f}"
        self.progress.say(f"batch {remote.batch_id}: {plural(len(made.requests), 'request')} submitted{most}")
        return made

    async def awaited(self, batch: Batch) -> Batch | None:
        """A batch that another worker is making, once it is made; ``None`` when nothing came of it, or on a wish to
        stop."""
        while (now := self.journal.read(batch.id)) is not None and now.state in ("prepared", "uploaded"):
            if not self.wait or await self.nap(NOTICE_S):
                return None
            held = self.journal.own(batch.id)
            if held is not None:  # the other one is done, or died
                with held:
                    await self._settle(batch.id)
        return now

    # -- following and collecting ------------------------------------------------------------------

    async def end_of(self, batch: Batch) -> Batch | None:
        """Wait until a batch has ended. ``None``: it has not, and is not waited for (``wait``, or a wish to stop).

        Raises:
            EngineError: the endpoint does not know it, or cannot be asked for too long.
        """
        pause, late, failing, said = FIRST_LOOK_S, 0, None, time.monotonic()
        while batch.state != "collected":
            try:
                remote = await self.client.look(batch.batch_id or "")
            except Fault as fault:
                failing = failing or time.monotonic()
                self._failing(batch, fault, time.monotonic() - failing)
            else:
                failing = None
                before, batch = batch, self._noted(batch, remote)
                moved = (before.completed, before.failed) != (batch.completed, batch.failed)
                if before.status != batch.status or (moved and time.monotonic() - said >= SAY_EVERY_S):
                    said = time.monotonic()
                    self.progress.say(told(batch))
                late += batch.status == "completed" and not (batch.output_file or batch.error_file)
                if batch.status in ENDED and (late == 0 or late > FILES_LATE):
                    return batch
            if (not self.wait and not late) or await self.nap(pause):
                return None
            pause = min(pause * GROWTH, LONGEST_LOOK_S)
        return batch

    async def collect(self, batch: Batch) -> Batch:
        """Bring an ended batch's files here.

        Raises:
            EngineError: they cannot be had.
        """
        if batch.state == "collected":
            return batch
        wanted = ((batch.output_file, self.journal.output_path), (batch.error_file, self.journal.errors_path))
        for file_id, path in wanted:
            if file_id:
                try:
                    await self.client.download(file_id, path(batch.id))
                except Fault as fault:
                    raise EngineError(
                        f"the answers of batch {batch.name} cannot be had: {fault.message}",
                        hint="run the same again later; if they are gone for good: "
                        f"workbench batches forget {batch.id}, and they are asked for (and paid) anew",
                    ) from None
        cost = lines.bill(self.journal.output_path(batch.id), self.params)
        return self.journal.update(batch.id, state="collected", cost=cost) or batch

    async def nap(self, seconds: float) -> bool:
        """Sleep. True, and sooner, on a wish to stop."""
        until = time.monotonic() + seconds
        while not self.progress.cancelled and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, NOTICE_S))
        return self.progress.cancelled

    def _noted(self, batch: Batch, remote: Remote) -> Batch:
        changed = self.journal.update(
            batch.id, status=remote.status, completed=remote.completed, failed=remote.failed,
            output_file=remote.output_file, error_file=remote.error_file, errors=remote.errors,
        )  # fmt: skip
        if changed is None:
            raise EngineError(f"batch {batch.name} was forgotten meanwhile", hint="run the same again")
        return changed

    def _failing(self, batch: Batch, fault: Fault, seconds: float) -> None:
        """The endpoint could not be asked about a batch. Raises EngineError if that is final."""
        if fault.consequence != "retry":
            known = "does not know" if fault.status == 404 else "does not tell about"
            raise EngineError(
                f"{self.client.url} {known} batch {batch.name} ({fault.message})",
                hint="is it the key it was made with? If it is gone for good: "
                f"workbench batches forget {batch.id}, and its requests are sent (and paid) anew",
            )
        if seconds > OUTAGE_S:
            raise EngineError(
                f"{self.client.url} could not be asked about batch {batch.name} for {seconds / 60:.0f} minutes "
                f"({fault.message})",
                hint="the batch goes on there; run the same again when it works",
            )
        self.progress.say(f"cannot ask about batch {batch.name}: {fault.message}; trying again", level="warning")


def told(batch: Batch) -> str:
    """How a batch fares, on one line."""
    text = f"batch {batch.name}: {batch.status.replace('_', ' ')}, {batch.completed:,} of {len(batch.requests):,} done"
    return text + (f", {batch.failed:,} failed" if batch.failed else "")
