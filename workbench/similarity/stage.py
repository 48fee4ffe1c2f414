"""The similarity stage: every two models' answers to the same question, compared by one metric.

Block by block of questions, so that memory stays within what was asked for: the texts that are not encoded yet are
encoded in small batches, each durable before the next, then all pairs of the block are scored and saved. Killed at any
moment, a run loses the batch it was encoding, or the block it was scoring; the same command goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from workbench.claims import claim
from workbench.engines import event_loop
from workbench.engines.registry import BUILTIN_EMBEDDERS
from workbench.errors import EngineError
from workbench.exchange import working
from workbench.progress import Estimate, Progress, Silent, StageReport
from workbench.scope import CHARS_PER_TOKEN, answering_models, check_questions, price
from workbench.similarity.blocks import Block, Scope, blocks, read_scope, save
from workbench.similarity.embedding import EmbeddingScorer, named_embedder
from workbench.similarity.metrics import Scorer, Scores
from workbench.similarity.spec import SimilaritySpec, check_spec
from workbench.store import Store
from workbench.text import plural

#: Taken for a text's length where only whether anything is kept of it matters.
_USUAL_CHARS = 1000


def similarity(
    store: Store, spec: SimilaritySpec, progress: Progress | None = None, job_id: str | None = None
) -> StageReport:
    """Compare every two models' answers that have not been compared by this metric and version.

    Raises:
        Unknown, BadInput: a model, bench, metric or encoder there is not; an option the metric does not take; fewer
            than two models with answers; another job is comparing by the same metric and encoder.
        EngineError: the encoder cannot be used; what it gave so far is kept.
        Incomplete: stopped before ``max_cost`` would be passed.
        StoreError: similarities or encodings could not be saved.
    """
    progress = progress or Silent()
    check_spec(spec)
    if spec.metric == "judge":
        from workbench.similarity.judged import judge_similarity

        return judge_similarity(store, spec, progress, job_id)
    models = _models(store, spec)
    who = _encoder_name(spec)
    what = f"similarities by {spec.metric}{f' of {who!r}' if who else ''} are being made"
    with claim(store, "similarity", spec.metric, who, what=what, job_id=job_id), working(store, spec):
        return event_loop.run(_similarity(store, spec, models, progress))


def estimate_similarity(store: Store, spec: SimilaritySpec) -> Estimate:
    """Pairs to compare, the texts to encode for it, their tokens and cost, and what the cache will grow by on disk.

    Raises:
        Unknown, BadInput: as ``similarity``.
    """
    check_spec(spec)
    if spec.metric == "judge":
        from workbench.similarity.judged import estimate_judged

        return estimate_judged(store, spec)
    return event_loop.run(_estimate(store, spec, _models(store, spec)))


def open_scorer(store: Store, spec: SimilaritySpec) -> Scorer:
    """The scorer of the spec's metric; weights are not loaded yet.

    Raises:
        Unknown, BadInput: an encoder there is not, or an option that is wrong for it.
        EngineError: a package or file it needs is missing.
    """
    if spec.metric == "embedding":
        model = named_embedder(store, spec.encoder)
        if spec.concurrency is not None:
            model = dataclasses.replace(model, params={**model.params, "concurrency": spec.concurrency})
        return EmbeddingScorer(store, model, spec.device)
    if spec.metric == "bertscore":
        from workbench.similarity.bertscore import open_bertscore

        scorer: Scorer = open_bertscore(store, spec)
        return scorer
    from workbench.similarity.lexical import LexicalScorer

    return LexicalScorer(spec.metric)


def _models(store: Store, spec: SimilaritySpec) -> tuple[str, ...]:
    check_questions(store, spec.bench, limit=spec.limit)
    if spec.metric == "embedding":
        named_embedder(store, spec.encoder)
    return answering_models(store, spec.models, spec.bench)


def _encoder_name(spec: SimilaritySpec) -> str:
    return spec.encoder if spec.metric in ("embedding", "bertscore") else ""


@dataclass(slots=True)
class Run:
    """One run of the stage: what is done so far."""

    store: Store
    scorer: Scorer
    scope: Scope
    progress: Progress
    encoded: int = 0
    done: int = 0
    #: texts not encoded yet when the run began; what the bar counts while there are any
    to_encode: int = 0
    notes: list[str] = field(default_factory=list)

    async def blocks(self, memory: int) -> None:
        self._start()
        for block in blocks(self.scope.questions, self.scorer, memory):
            if self.progress.cancelled or not await self._encode(block):
                return
            scores = self.scorer.score(block.keys, block.first, block.second)
            columns = [scores[name] for name in self.scorer.names]
            _check_finite(block, columns, self.scorer)
            save(self.store, block, self.scorer.names, self.scorer.version, columns)
            self.scorer.forget()
            self.done += len(block)
            if not self.to_encode:
                self.progress.advance(len(block))

    def _start(self) -> None:
        if self.to_encode:
            self.progress.start("encode", self.to_encode)
        else:
            self.progress.start("similarity", self.scope.left - self.done)

    async def _encode(self, block: Block) -> bool:
        """Encode what the block's pairs lack; False when somebody asked to stop before all was there."""
        sources = block.sources()
        # Texts of like length together: encoders pad a batch to its longest.
        lacking = sorted(self.scorer.lacking(list(sources)), key=lambda key: -sources[key][1])
        left = iter(lacking)
        while some := list(islice(left, self.scorer.batch)):
            if self.progress.cancelled:
                return False
            ids = {sources[key][0]: key for key in some}
            found = self.store.query("similarity_texts", ids=list(ids), raw=self.scorer.raw_texts)
            texts = {ids[row["response_id"]]: row["text"] for row in found}
            await self.scorer.encode({key: texts[key] for key in some})
            self._encoded(len(some))
        return True

    def _encoded(self, n: int) -> None:
        self.encoded += n
        if not self.to_encode:
            return
        self.progress.advance(n)
        if self.encoded >= self.to_encode:
            self.to_encode = 0
            self._start()  # what is left is scoring


def _check_finite(block: Block, columns: Sequence[Scores], scorer: Scorer) -> None:
    for name, column in zip(scorer.names, columns, strict=True):
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            place = int(bad[0])
            for question in block.questions:
                if place < len(question):
                    break
                place -= len(question)
            raise EngineError(
                f"{name} ({scorer.version}) gave no finite number for {plural(len(bad), 'pair')}, "
                f"such as question '{question.question_id}'",
                hint="nothing of this block was saved; look at these answers, or use another encoder",
            )


async def _similarity(store: Store, spec: SimilaritySpec, models: tuple[str, ...], progress: Progress) -> StageReport:
    scorer = open_scorer(store, spec)
    try:
        scope = read_scope(store, spec, models, scorer)
        chars = scope.chars()
        run = Run(store, scorer, scope, progress)
        new = len(scorer.lacking(list(chars))) if _keeps(scorer) else 0
        run.to_encode = new
        if scope.left:
            await run.blocks(spec.memory_bytes)
        notes = [*_told(scorer, run, len(chars), new), *scope.notes]
    finally:
        await scorer.close()
    return StageReport(
        "similarity", scope.left, run.done, already=scope.already, states={"ok": run.done} if run.done else {},
        prompt_tokens=getattr(scorer, "tokens", 0), cost=getattr(scorer, "cost", None),
        cancelled=run.done < scope.left, notes=tuple(notes),
    )  # fmt: skip


def _keeps(scorer: Scorer) -> bool:
    return scorer.footprint(_USUAL_CHARS).disk > 0


def _told(scorer: Scorer, run: Run, texts: int, new: int) -> Iterator[str]:
    if run.scope.left and _keeps(scorer):
        yield f"encoded {plural(run.encoded, 'text')}; {texts - new:,} were encoded before"
    if run.done:
        remarks = getattr(scorer, "remarks", None)
        if remarks is not None and run.done == run.scope.left:
            yield from remarks(list(run.scope.chars()))


async def _estimate(store: Store, spec: SimilaritySpec, models: tuple[str, ...]) -> Estimate:
    scorer = open_scorer(store, spec)
    try:
        scope = read_scope(store, spec, models, scorer)
        chars = scope.chars()
        lacking = scorer.lacking(list(chars)) if _keeps(scorer) else []
        disk = sum(scorer.footprint(chars[key]).disk for key in lacking)
    finally:
        await scorer.close()
    tokens = sum(chars[key] for key in lacking) // CHARS_PER_TOKEN
    cost: float | None = 0.0
    requests = 0
    if spec.metric == "embedding" and spec.encoder not in BUILTIN_EMBEDDERS:
        encoder = named_embedder(store, spec.encoder)
        if encoder.engine == "api":
            requests = len(lacking)
            cost = price({**encoder.params, "price_out": 0.0}, tokens, 0)
    return Estimate("similarity", scope.left, requests, scope.already, tokens, 0, cost, texts=len(lacking), disk=disk)
