"""The evolution stage: asking for new instructions round by round, and keeping those that are new and usable.

Everything that came back is in a journal before anything is made of it (``journal.py``), and a request is known by a
hash of all that shapes its answer. So a run that was stopped, killed or cancelled is continued by running it again,
and nothing that was answered is asked twice. A round is decided as a whole (``deciding.py``), after its new
instructions were checked, if a model was named for that (``checking.py``).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import Any

from workbench.batches import Saver, recover
from workbench.claims import claim
from workbench.engines import event_loop
from workbench.engines.protocol import Embedder, Engine, Request, Result, Sampling
from workbench.engines.registry import open_embedder, open_engine
from workbench.evolve.checking import Check, check_of, check_sampling, check_state
from workbench.evolve.deciding import ACCEPTED, Bench, Round, state_of
from workbench.evolve.duplicates import Duplicates
from workbench.evolve.journal import Journal, Kept, write_rejected
from workbench.evolve.lines import Ask, Line, advance, ask, check, sampling_of, seeds, start_lines
from workbench.evolve.spec import EvolveSpec
from workbench.exchange import Tally, exchange, working
from workbench.progress import Progress, Silent, StageReport
from workbench.records import Model
from workbench.store import Store
from workbench.text import plural


def evolve(store: Store, spec: EvolveSpec, progress: Progress | None = None, job_id: str | None = None) -> StageReport:
    """Evolve seeds into new questions of the benchmark ``spec.target``.

    The report counts requests, checks among them: ``ok`` are answers from which an instruction (or an opinion on one)
    could be read. How many instructions were accepted and what the others were left out for is in its notes, over all
    rounds, those of earlier runs included. ``already`` counts instructions asked for, not checks.

    Raises:
        Unknown, BadInput: a model, encoder, bench or scenario there is not; before anything is sent.
        BadInput: another job is evolving into the same benchmark.
        EngineError: a model or the encoder cannot be used at all; what came back is kept.
        Incomplete: stopped before ``max_cost`` would be passed; what came back is kept.
        StoreError: answers or questions could not be saved; says where they are.
    """
    progress = progress or Silent()
    model, encoder, checker = check(store, spec)
    what = f"instructions for '{spec.target}' are being evolved"
    with claim(store, "evolve", spec.target, what=what, job_id=job_id), working(store, spec), ExitStack() as opened:
        recover(store, progress)
        saver = opened.enter_context(Saver(store, progress))
        writer = Party(model, sampling_of(model), opened.enter_context(Journal(store, spec.target)), state_of)
        other = None
        if checker is not None:
            journal = opened.enter_context(Journal(store, spec.target, "checks"))
            other = Party(checker, check_sampling(checker), journal, check_state)
        return event_loop.run(_evolve(Run(store, spec, writer, other, saver, progress, job_id), encoder))


@dataclass(slots=True)
class Party:
    """A model that is asked, the journal of its answers, and the state of one (``read``: ok if it says something)."""

    model: Model
    sampling: Sampling
    journal: Journal
    read: Callable[[Kept], str]
    answers: dict[str, Kept] = field(default_factory=dict)
    engine: Engine | None = None

    def open(self, concurrency: int | None) -> Engine:
        asked = self.model
        if concurrency is not None:
            asked = dataclasses.replace(asked, params={**asked.params, "concurrency": concurrency})
        self.engine = open_engine(asked)
        return self.engine

    def missing(self, asks: Sequence[Ask | Check], *, again: bool) -> list[Ask | Check]:
        """Requests without an answer; ``again``: also those without one that says something."""
        return [
            a for a in asks
            if a.key not in self.answers or (again and self.read(self.answers[a.key]) != "ok")
        ]  # fmt: skip


@dataclass(slots=True)
class Run:
    """What the rounds of one run share."""

    store: Store
    spec: EvolveSpec
    writer: Party
    checker: Party | None
    saver: Saver
    progress: Progress
    job_id: str | None
    tally: Tally = field(default_factory=lambda: Tally("evolve"))
    outcomes: Counter[str] = field(default_factory=Counter)
    unread: int = 0


async def _evolve(run: Run, encoder: Model) -> StageReport:
    spec, store = run.spec, run.store
    async with AsyncExitStack() as opened:
        embedder: Embedder = open_embedder(encoder)
        opened.push_async_callback(embedder.close)
        for party in (run.writer, run.checker):
            if party is not None:
                opened.push_async_callback(party.open(spec.concurrency).close)
                party.answers |= party.journal.read()
                store.insert("models", [party.model.row()])
        bench = Bench(store, spec, Duplicates(store, embedder))
        run.writer.answers = {**_accepted_answers(bench.raw), **run.writer.answers}
        lines = start_lines(seeds(store, spec), spec)
        if await bench.open(run.progress):
            await _rounds(run, bench, lines)
        else:
            run.tally.total = len(lines) * spec.rounds
        return run.tally.report(cancelled=run.progress.cancelled)


def _accepted_answers(raw: Mapping[str, str]) -> dict[str, Kept]:
    """Answers that became questions: known from the store, should the journal have been lost."""
    return {key: Kept("ok", text) for key, text in raw.items()}


async def _rounds(run: Run, bench: Bench, lines: Sequence[Line]) -> None:
    for number in range(1, run.spec.rounds + 1):
        asks = [ask(line, number, run.writer.model, run.writer.sampling, run.spec) for line in lines]
        asked = await _ask(run, run.writer, asks, f"evolve round {number} of {run.spec.rounds}")
        run.tally.already += len(asks) - asked
        left = any(a.key not in run.writer.answers for a in asks)
        decided = None if left else await _decide(run, bench, asks, number)
        if decided is None:
            later = (run.spec.rounds - number) * len(lines)
            run.tally.total += later
            run.tally.notes.append(f"stopped in round {number}; its answers are kept, and the same command goes on")
            break
        _keep(run, decided, number)
        advance(lines, asks, decided.accepted)
    run.tally.notes.extend(_notes(run))


async def _decide(run: Run, bench: Bench, asks: Sequence[Ask], number: int) -> Round | None:
    """What becomes of a round's answers; ``None`` when somebody asked to stop before it was known."""
    answers = run.writer.answers
    found = await bench.begin(asks, answers, run.progress)
    if found is None:
        return None
    checks: dict[str, Kept] = {}
    if run.checker is not None:
        by = run.checker
        wanted = {
            request: check_of(request, instruction, by.model, by.sampling, run.spec)
            for request, instruction in bench.suspects(found).items()
        }
        # The same text may have been written twice: it is checked once.
        distinct = {check.key: check for check in wanted.values()}
        await _ask(run, by, list(distinct.values()), f"check round {number} of {run.spec.rounds}")
        if any(key not in by.answers for key in distinct):
            return None
        checks = {request: by.answers[check.key] for request, check in wanted.items()}
    bench.settle(asks, answers, checks, found)
    return found


async def _ask(run: Run, party: Party, asks: Sequence[Ask | Check], label: str) -> int:
    """Have a party answer what it has not answered yet. Returns how much that was."""
    missing = party.missing(asks, again=run.spec.retry_failed)
    run.tally.total += len(missing)
    if not missing:
        return 0
    run.progress.start(label, len(missing))
    engine, open_now = party.engine, {one.key: one for one in missing}
    assert engine is not None
    seeded, model_seed = engine.capabilities.seed, int(party.model.params.get("seed") or 0)
    attempts = {key: party.answers[key].attempt + 1 if key in party.answers else 0 for key in open_now}

    def fresh() -> Iterator[Request]:
        for one in missing:
            yield one.request(party.sampling, attempts[one.key], seeded=seeded, model_seed=model_seed)

    def handle(result: Result) -> list[Request]:
        about: dict[str, Any] = open_now.pop(result.key).about(run.spec)
        about |= {"version": engine.version, "job_id": run.job_id}
        kept = party.answers[result.key] = party.journal.add(result.key, result, attempts[result.key], about)
        state = party.read(kept)
        run.tally.count(state, result.prompt_tokens, result.completion_tokens, result.cost)
        run.progress.advance(1, failed=state != "ok")
        return []

    await exchange(engine, fresh(), handle, run.progress, run.saver)
    return len(missing)


def _keep(run: Run, decided: Round, number: int) -> None:
    """Save what a round brought, and say it."""
    for question in decided.questions:
        run.saver.add("questions", question.row())
    write_rejected(run.store, run.spec.target, decided.rejected, decided.accepted)
    run.outcomes.update(decided.counts)
    run.unread += decided.unread
    run.progress.say(f"round {number}: {_counted(decided.counts)}")


def _counted(counts: Mapping[str, int]) -> str:
    left_out = {name: n for name, n in counts.items() if name != ACCEPTED}
    text = plural(counts.get(ACCEPTED, 0), "new instruction")
    if left_out:
        rules = ", ".join(f"{n} {name}" for name, n in sorted(left_out.items(), key=lambda item: (-item[1], item[0])))
        text += f"; {sum(left_out.values()):,} left out ({rules})"
    return text


def _notes(run: Run) -> list[str]:
    notes = [f"'{run.spec.target}', all rounds: {_counted(run.outcomes)}"]
    if any(name != ACCEPTED for name in run.outcomes):
        notes.append("what was left out, and why: workbench evolve --rejected --into " + run.spec.target)
    if run.unread:
        notes.append(f"{plural(run.unread, 'check')} could not be read: these instructions were kept")
    return notes
