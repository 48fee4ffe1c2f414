"""BERTScore of pairs of texts as the similarity stage asks for it (arXiv 1904.09675; ``bert-score`` 0.3.13's numbers).

Each text goes through the encoder once and is kept on disk (``token_cache``); all pairs are scored from there. The
first text of a pair is the candidate, the second the reference: the other way round, precision and recall change
places and F1 stays.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from workbench.errors import BadInput
from workbench.similarity.bertscore import greedy
from workbench.similarity.bertscore.baseline import Baseline, find_baseline, rescaled
from workbench.similarity.bertscore.encoder import PRECISIONS, Encoder, Pieces, pick_device
from workbench.similarity.bertscore.idf import Ids, Weights, corpus_hash, idf_weights, weigh
from workbench.similarity.bertscore.packing import EXTRA, Packed, unpack
from workbench.similarity.bertscore.source import fetched, open_source
from workbench.similarity.bertscore.token_cache import TokenCache
from workbench.similarity.metrics import Footprint, Places, Scores

NAMES = ("bertscore-p", "bertscore-r", "bertscore-f1")
#: Characters of a token, about; for sizing only.
_CHARS = 4
#: Texts are handed over in batches of about so much work: what a run that is stopped still finishes (some ten seconds).
_OPERATIONS = {"cpu": 1.5e12, "cuda": 1e15}
_MOST_TEXTS = 256
#: Seconds of encoding at most that are not on disk yet, where a batch takes longer.
_SAVED = 1.0
#: Bytes of vectors matched at a time on a processor: larger blocks only leave its cache.
_BLOCK = 64_000_000
#: Documents whose pieces are counted at a time.
_DOCUMENTS = 512


@dataclass(frozen=True, slots=True)
class BertScoreOptions:
    """``encoder``: a folder, or a name on the Hugging Face hub. ``layer``: the published one if not given.
    ``rescale``: a language whose published baseline is taken, or a file of LAYER,P,R,F. ``memory``: bytes that buffers
    for scoring may take. ``device``: auto, cpu, cuda, cuda:N or mps. ``precision`` of the encoder: f32, or bf16 and
    f16, which are faster on some hardware and move scores by some 1e-3. ``threads``: torch's own choice if not given.
    """

    encoder: str
    layer: int | None = None
    idf: bool = False
    rescale: str | None = None
    memory: int = 1_000_000_000
    device: str = "auto"
    precision: str = "f32"
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of idf: for each text's key how many answers have it, and the texts of such keys."""

    documents: Mapping[bytes, int]
    texts_of: Callable[[Sequence[bytes]], Mapping[bytes, str]]


class BertScorer:
    """Precision, recall and F1 by one encoder and layer; a ``workbench.similarity.metrics.Scorer``.

    Raises BadInput and EngineError as ``source.open_source``, ``Source.layer`` and ``baseline.find_baseline`` do.
    """

    names = NAMES
    #: Texts are wanted as they are: to many tokenizers a line break is not a space.
    raw_texts = True

    def __init__(self, options: BertScoreOptions, folder: Path, corpus: Corpus | None = None) -> None:
        if options.precision not in PRECISIONS:
            raise BadInput(f"must be one of {', '.join(PRECISIONS)}, not '{options.precision}'", field="precision")
        if options.idf and corpus is None:
            raise ValueError("idf needs the documents to count")
        self._options = options
        self._source = open_source(options.encoder)
        self._layer = self._source.layer(options.layer)
        self._corpus = corpus if options.idf else None
        self._baseline: Baseline | None = None
        if options.rescale:
            self._baseline = find_baseline(options.rescale, options.encoder, self._layer)
        self._cache = TokenCache(folder, self._encoder_version())
        self.version = self._version()

    def _encoder_version(self) -> str:
        """Names everything that could change an encoded text."""
        source, options = self._source, self._options
        space = " space" if source.leading_space else ""
        return (
            f"{source.shown}@{source.identity[:16]} layer {self._layer} {options.precision} "
            f"length {source.max_length}{space}"
        )

    def _version(self) -> str:
        idf = f" idf {corpus_hash(self._corpus.documents)}" if self._corpus is not None else ""
        baseline = f" rescaled {self._baseline}" if self._baseline is not None else ""
        return f"bertscore {self._cache.version}{idf}{baseline} v1"

    # -- encoding ----------------------------------------------------------------------------------

    @cached_property
    def batch(self) -> int:
        layers, width = max(self._layer, 1), self._source.dimensions
        operations = 2 * 12 * layers * width**2 * min(self._source.max_length, 256)
        kind = pick_device(self._options.device).partition(":")[0]
        return int(min(max(_OPERATIONS.get(kind, _OPERATIONS["cpu"]) / operations, 1), _MOST_TEXTS))

    def lacking(self, keys: Sequence[bytes]) -> list[bytes]:
        return self._cache.lacking(keys)

    async def encode(self, texts: Mapping[bytes, str]) -> None:
        if texts:
            await asyncio.to_thread(self._encode, texts)

    def _encode(self, texts: Mapping[bytes, str]) -> None:
        keys = list(texts)
        pieces = self._pieces([texts[key] for key in keys])
        self._cache.special = self._pieces.special
        places: list[int] = []
        packed: list[Packed] = []
        saved, left = time.monotonic(), len(keys)
        for done in self._encoder.encode(pieces, self._pieces.pad):
            places += done.places
            packed += done.packed
            left -= len(done.places)
            if not left or time.monotonic() - saved >= _SAVED:
                self._cache.append([keys[i] for i in places], [pieces[i] for i in places], packed)
                places, packed = [], []
                saved = time.monotonic()

    @cached_property
    def _folder(self) -> Path:
        return fetched(self._source)

    @cached_property
    def _pieces(self) -> Pieces:
        return Pieces(self._source, self._folder)

    @cached_property
    def _encoder(self) -> Encoder:
        options = self._options
        return Encoder(
            self._source, self._folder, self._layer, options.precision, options.device, threads=options.threads
        )

    # -- scoring -----------------------------------------------------------------------------------

    def score(self, keys: Sequence[bytes], first: Places, second: Places) -> Mapping[str, Scores]:
        precision, recall = np.zeros(len(first)), np.zeros(len(first))
        for part in self._parts(keys, first, second):
            precision[part], recall[part] = self._match(keys, first[part], second[part])
        columns = [precision, recall, greedy.f1(precision, recall)]
        if self._baseline is not None:
            levels = (self._baseline.p, self._baseline.r, self._baseline.f)
            columns = [rescaled(column, level) for column, level in zip(columns, levels, strict=True)]
        return dict(zip(NAMES, columns, strict=True))

    def forget(self) -> None:
        """Nothing is held between blocks."""

    def _parts(self, keys: Sequence[bytes], first: Places, second: Places) -> Iterator[slice]:
        """Stretches of pairs whose texts' vectors fit the buffers."""
        row = (self._cache.dimensions or 0) * 4 + ((self._cache.dimensions or 0) + EXTRA) * 4
        limit = self._options.memory // 2 if self._gpu else min(self._options.memory // 2, _BLOCK)
        start, held, seen = 0, 0, set[bytes]()
        for i, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
            new = {keys[place] for place in pair} - seen
            size = sum(self._cache.length(key) for key in new) * row
            if i > start and held + size > limit:
                yield slice(start, i)
                start, held, seen = i, 0, set()
                new = {keys[place] for place in pair}
                size = sum(self._cache.length(key) for key in new) * row
            held += size
            seen |= new
        if len(first):
            yield slice(start, len(first))

    def _match(self, keys: Sequence[bytes], first: Places, second: Places) -> tuple[Scores, Scores]:
        used, inverse = np.unique(np.concatenate([first, second]), return_inverse=True)
        texts = list(dict.fromkeys(keys[place] for place in used.tolist()))
        where = {key: i for i, key in enumerate(texts)}
        local = np.fromiter((where[keys[place]] for place in used.tolist()), np.int64, len(used))[inverse]
        packed, ids = self._cache.read(texts)
        starts = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([self._cache.length(key) for key in texts], out=starts[1:])
        a, b = local[: len(first)], local[len(first) :]
        weights = self._weigh(ids)
        if self._gpu:
            from workbench.similarity.bertscore import greedy_torch

            there = greedy_torch.DeviceTexts(packed, starts, weights, self._gpu)
            return greedy_torch.match(there, a, b, self._options.memory // 2)
        return greedy.match(greedy.Texts(unpack(packed), starts, weights), a, b)

    @cached_property
    def _gpu(self) -> str:
        """The device that matches tokens, if it is not the processor."""
        if self._options.device == "cpu" or (self._options.device == "auto" and not _torch_is_there()):
            return ""
        device = pick_device(self._options.device)
        return "" if device == "cpu" else device

    # -- weights -----------------------------------------------------------------------------------

    def _weigh(self, ids: Ids) -> Weights:
        if self._corpus is not None:
            return weigh(ids, self._idf)
        return (~np.isin(ids, np.asarray(self._cache.special, np.uint32))).astype(np.float64)

    @cached_property
    def _idf(self) -> Weights:
        """Weights of pieces, counted once for a corpus and kept beside the vectors."""
        assert self._corpus is not None
        path = self._cache.folder / f"idf-{corpus_hash(self._corpus.documents)}.npy"
        try:
            found: Weights = np.load(path, allow_pickle=False)
            return found
        except (OSError, ValueError):
            weights = idf_weights(self._counted(self._corpus))
        part = path.with_name(f"{path.stem}.{id(self)}.part.npy")
        np.save(part, weights)
        part.replace(path)
        return weights

    def _counted(self, corpus: Corpus) -> Iterator[tuple[Ids, int]]:
        """Each document's pieces: from the cache, or of its text where that was not encoded (yet)."""
        keys = list(corpus.documents)
        for start in range(0, len(keys), _DOCUMENTS):
            some = keys[start : start + _DOCUMENTS]
            lacking = self._cache.lacking(some)
            texts = corpus.texts_of(lacking) if lacking else {}
            cut = dict(zip(texts, self._pieces(list(texts.values())), strict=True)) if texts else {}
            for key in some:
                yield cut[key] if key in cut else self._cache.pieces(key), corpus.documents[key]

    # -- the rest ----------------------------------------------------------------------------------

    def footprint(self, chars: int) -> Footprint:
        """Scoring goes through a block in parts, so a text takes no memory there but its place in lists."""
        tokens = min(chars // _CHARS + 2, self._source.max_length)
        return Footprint(disk=tokens * (2 * (self._source.dimensions + EXTRA) + 4) + 32, memory=500)

    def remarks(self, keys: Sequence[bytes]) -> Iterator[str]:
        """What a reader of the scores should know about these texts."""
        limit = self._source.max_length
        cut = sum(self._cache.length(key) >= limit for key in set(keys) if key in self._cache)
        if cut:
            yield f"{cut:,} of {len(set(keys)):,} texts were read only up to the encoder's {limit:,} tokens"

    async def close(self) -> None:
        self._cache.close()


def _torch_is_there() -> bool:
    from importlib.util import find_spec

    return find_spec("torch") is not None
