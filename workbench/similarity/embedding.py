"""Metric ``embedding``: the cosine of two texts' embeddings (MAD, formats-and-rules §2). And embeddings for others.

Embeddings of answers are kept in half precision (see ``cache``): a model added later costs only its own answers'
embeddings, and answers that a paid encoder has seen are never sent again. An endpoint can change behind its name, so
each run that embeds sends one known text along, and stops if its vector is not what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workbench.engines.protocol import Embedder, Result
from workbench.engines.registry import BUILTIN_EMBEDDERS, open_embedder
from workbench.engines.workplace import here
from workbench.errors import BadInput, EngineError, Incomplete, Unknown
from workbench.progress import Progress
from workbench.records import Model
from workbench.similarity.cache import EmbeddingCache, Vectors, text_key
from workbench.similarity.cosine import check_device, pair_cosines
from workbench.similarity.metrics import Footprint, Places, Scores
from workbench.store import Store
from workbench.text import one_line

METRIC = "embedding"
#: Texts handed to the encoder between two looks at whether to stop; what is kept when it fails.
TEXTS = 256
#: Taken for the length of vectors that nobody has seen yet.
USUAL_DIMENSIONS = 1536
#: Sent along to see that an endpoint's encoder is still the same one, and how alike its vectors must be: endpoints
#: differ from call to call by about 1e-4.
PROBE = "The workbench sends this sentence to see whether an encoder is still the same one."
SAME = 0.999


def named_embedder(store: Store, name: str) -> Model:
    """An encoder by name, or by the folder of a sentence-transformers model.

    Raises:
        Unknown: none is built in or in the store, and there is no such folder.
    """
    from workbench.models import known_models

    known = {**known_models(store), **BUILTIN_EMBEDDERS}
    if name in known:
        return known[name]
    if "/" in name and Path(name).expanduser().is_dir():
        return Model(name, "sentence-transformers", str(Path(name).expanduser().absolute()))
    raise Unknown("embedder", name, known, hint="or name the folder of a sentence-transformers model, with a / in it")


def embedding_cache(store: Store, embedder: Embedder, *, half: bool = False) -> EmbeddingCache:
    """The stored vectors of this encoder: of instructions, exact; with ``half``, of answers."""
    return EmbeddingCache(store.files / "embeddings", embedder.version, half=half)


async def embed_missing(
    embedder: Embedder,
    cache: EmbeddingCache,
    wanted: Mapping[bytes, str],
    texts_of: Callable[[Sequence[str]], Mapping[str, str]],
    progress: Progress,
    label: str,
) -> bool:
    """Embed what the cache lacks. ``wanted`` names a source for each key; ``texts_of`` reads the texts of sources.

    Returns whether all is there; False when somebody asked to stop. Raises EngineError as ``vectors_of``.
    """
    lacking = [(key, source) for key, source in wanted.items() if key not in cache]
    if not lacking:
        return True
    progress.start(label, len(lacking))
    left = iter(lacking)
    while some := list(islice(left, TEXTS)):
        if progress.cancelled:
            return False
        texts = texts_of([source for _, source in some])
        cache.append([key for key, _ in some], await vectors_of(embedder, [texts[source] for _, source in some], cache))
        progress.advance(len(some))
    return True


async def vectors_of(embedder: Embedder, texts: Sequence[str], cache: EmbeddingCache) -> npt.NDArray[np.float32]:
    """One vector of finite numbers a text, as long as those the cache holds.

    Raises:
        EngineError: the encoder cannot be used, gave no number for a text (says which), or gives vectors of another
            length than before.
    """
    found = await embedder.embed(texts)
    if len(found) != len(texts):
        raise EngineError(f"encoder {embedder.version} gave {len(found)} vectors for {len(texts)} texts")
    lengths = {len(vector) for vector in found}
    before = cache.dimensions
    if len(lengths) > 1 or (before is not None and lengths - {before}):
        now = " and ".join(map(str, sorted(lengths)))
        raise EngineError(
            f"encoder {embedder.version} gives vectors of {now} numbers"
            + (f"; those it gave before ({len(cache):,} texts) have {before}" if before is not None else ""),
            hint="another model answers there now, or other settings apply: tell the two apart with "
            "workbench models add NAME --replace … --revision TEXT",
        )
    vectors = np.asarray(found, np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        bad = texts[int(np.argmin(finite))]
        raise EngineError(
            f"encoder {embedder.version} gave no finite numbers for {np.sum(~finite)} of {len(texts)} texts, "
            f"such as: {one_line(bad, 60)}",
            hint="what it could embed in earlier batches is kept; use another encoder, or leave that answer out",
        )
    return vectors


class EmbeddingScorer:
    """``Scorer`` by the cosine of embeddings, kept in half precision on disk."""

    names = (METRIC,)
    raw_texts = False

    def __init__(self, store: Store, model: Model, device: str = "auto") -> None:
        self._model = model
        self._embedder = open_embedder(model, device=device)
        self._cache = embedding_cache(store, self._embedder, half=True)
        self._exact = embedding_cache(store, self._embedder)
        # Sending vectors to a GPU takes longer than multiplying them here: only if it is asked for by name.
        self._device = "cpu" if device == "auto" else device
        self._probed = model.engine != "api"
        #: Prompt tokens and dollars of this run, as far as the endpoint told them.
        self.tokens = 0
        self.cost: float | None = None
        if model.engine == "api" and here().spending is not None and model.params.get("price_in") is None:
            raise BadInput(
                f"a limit on cost needs the price of '{model.model_id}'",
                field="max_cost",
                hint=f"workbench models add {model.model_id} --replace … --price-in DOLLARS (a million tokens)",
            )

    @property
    def version(self) -> str:
        return self._embedder.version

    @property
    def batch(self) -> int:
        return TEXTS

    def lacking(self, keys: Sequence[bytes]) -> list[bytes]:
        return [key for key in dict.fromkeys(keys) if key not in self._cache and key not in self._exact]

    async def encode(self, texts: Mapping[bytes, str]) -> None:
        probe = {} if self._probed else {text_key(PROBE): PROBE}
        sent = {**probe, **texts}
        with_room = self._reserve(list(sent.values()))
        vectors = await vectors_of(self._embedder, list(sent.values()), self._cache)
        self._settle(with_room)
        if probe:
            self._check_probe(vectors[0])
        self._cache.append(list(sent), vectors)

    def score(self, keys: Sequence[bytes], first: Places, second: Places) -> Mapping[str, Scores]:
        check_device(self._device)
        self._cache.adopt(self._exact, keys)
        rows = self._cache.rows(keys)
        return {METRIC: pair_cosines(self._cache.matrix(), rows, first, second, self._device)}

    def forget(self) -> None:
        pass

    def footprint(self, chars: int) -> Footprint:
        d = self._cache.dimensions or self._exact.dimensions or USUAL_DIMENSIONS
        return Footprint(2 * d + 20, 6 * d + 512)

    def remarks(self, keys: Sequence[bytes]) -> list[str]:
        """What is worth saying about the vectors of these texts."""
        rows = self._cache.rows(list(dict.fromkeys(keys)))
        matrix = self._cache.matrix()
        blank = sum(
            int((~np.asarray(matrix[rows[start : start + 4096]]).view(np.int16).any(axis=1)).sum())
            for start in range(0, len(rows), 4096)
        )
        return [f"{blank:,} texts have a vector of zeros: like nothing, similarity 0"] if blank else []

    async def close(self) -> None:
        await self._embedder.close()

    # -- an encoder's name is no promise -------------------------------------------------------------

    def _check_probe(self, vector: npt.NDArray[np.float32]) -> None:
        self._probed = True
        key = text_key(PROBE)
        if key not in self._cache:
            return
        before: Vectors = self._cache.unit_vectors([key])[0]
        length = float(np.linalg.norm(vector.astype(np.float64)))
        cosine = float(before @ vector) / length if length else 0.0
        if cosine < SAME:
            raise EngineError(
                f"encoder {self.version} gives other vectors than before (cosine {cosine:.4f} for the same text): "
                "its similarities would be mixed with those of another encoder",
                hint="tell the two apart with workbench models add "
                f"{self._model.model_id} --replace … --revision TEXT, and compare again",
            )

    def _reserve(self, texts: Sequence[str]) -> str | None:
        spending = here().spending
        if spending is None or self._model.engine != "api":
            return None
        # No token of a byte-level vocabulary is shorter than a byte.
        most = sum(len(text.encode("utf-8", "replace")) for text in texts) * float(self._model.params["price_in"]) / 1e6
        key = f"embed {self.tokens}"
        if not spending.reserve(key, most):
            hint = "what came back is stored; run the same again with another --max-cost to go on"
            raise Incomplete(spending.message(), hint=hint)
        return key

    def _settle(self, key: str | None) -> None:
        """Count what the last batch cost, as the endpoint says; where it does not, the most it can have been."""
        total = int(getattr(self._embedder, "prompt_tokens", 0))
        new, self.tokens = total - self.tokens, total
        price = self._model.params.get("price_in") if self._model.engine == "api" else None
        cost = new * float(price) / 1e6 if price is not None and new else None
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost
        spending = here().spending
        if key is not None and spending is not None:
            spending.settle(Result(key, "ok", cost=cost))
