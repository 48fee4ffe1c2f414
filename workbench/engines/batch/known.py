"""What the journal holds of a model's requests: answers that are here, answers to come, tries that brought none."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from workbench.engines.api import ApiEngine
from workbench.engines.batch import lines
from workbench.engines.batch.journal import Batch, Journal
from workbench.engines.retry import Fault

#: All that an endpoint may complain of in a request of an earlier run, whose body is not known any more.
ANY_BODY = {"max_tokens": True, "logprobs": True}


def digest_of(custom_id: str) -> str:
    """The hash in a custom id, which is the hash and a number."""
    return custom_id.partition("-")[0]


@dataclass(slots=True)
class Known:
    """By digest: ``slots``, the (batch, custom id) whose answer is here or to come, each to be taken once;
    ``failures``, what came of tries that can be repeated. ``batches`` are those read so far."""

    slots: dict[str, deque[tuple[str, str]]] = field(default_factory=dict)
    failures: dict[str, list[Fault]] = field(default_factory=dict)
    batches: set[str] = field(default_factory=set)

    def take(self, digest: str) -> tuple[str, str] | None:
        found = self.slots.get(digest)
        return found.popleft() if found else None

    def learn(self, batch: Batch, journal: Journal, api: ApiEngine) -> None:
        """Read a batch of an earlier run, or of another worker."""
        self.batches.add(batch.id)
        good = _good(batch, journal, api, self.failures) if batch.state == "collected" else batch.requests
        for custom_id in good:
            self.slots.setdefault(digest_of(custom_id), deque()).append((batch.id, custom_id))


def _good(batch: Batch, journal: Journal, api: ApiEngine, failures: dict[str, list[Fault]]) -> list[str]:
    """The requests of a collected batch whose answers need not be asked for again."""
    good: list[str] = []
    open_now = set(batch.requests)
    for path in (journal.output_path(batch.id), journal.errors_path(batch.id)):
        for line in lines.read_lines(path):
            if line is None or line.custom_id not in open_now:
                continue
            open_now.discard(line.custom_id)
            try:
                lines.answer_of(line, api.endpoint)
            except Fault as fault:
                if fault.code == lines.CANCELLED or api.adapt(fault, ANY_BODY) or fault.consequence == "fatal":
                    continue  # to be sent again, and no try that counts
                if fault.consequence == "retry":
                    failures.setdefault(digest_of(line.custom_id), []).append(fault)
                    continue
            good.append(line.custom_id)
    if batch.status != "cancelled":
        for custom_id in open_now:
            failures.setdefault(digest_of(custom_id), []).append(unanswered(batch))
    return good


def unanswered(batch: Batch) -> Fault:
    """The fault of a request that an ended batch says nothing about."""
    if batch.status == "expired":
        return Fault("timeout", "the batch expired before its turn", code=lines.EXPIRED)
    return Fault("disconnect", "the batch ended without an answer")
