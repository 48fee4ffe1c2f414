"""What a similarity metric is to the stage: texts are encoded once, pairs are scored from what is kept.

One file a metric: ``embedding``, ``lexical`` (rouge-l, chrf) and the package ``bertscore``; ``judged`` asks a judge and
needs no encodings. The stage hands a scorer one block of questions at a time: the texts it lacks, in small batches,
then all pairs of the block at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
#: Places in a list of keys.
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one text costs, in bytes, as near as can be told from its length: ``disk`` in the cache for good,
    ``memory`` while the pairs of its block are scored."""

    disk: int
    memory: int


class Scorer(Protocol):
    """Scores pairs of texts by one metric (or a few that come together). Opened once a run; used by one thread.

    Opening must be cheap (a dry run opens one too): weights are loaded when ``encode`` or ``score`` first needs them.
    Texts are known by their keys, ``cache.text_key`` of the text as it is encoded.
    """

    @property
    def version(self) -> str:
        """Names everything that could change a score: weights, layer, options. It is the rows' ``metric_version``;
        scores of two versions are never mixed. Equal before and after weights are loaded."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics it writes, one row of ``similarities`` a pair each: ``("embedding",)``,
        ``("bertscore-p", "bertscore-r", "bertscore-f1")``."""
        ...

    @property
    def raw_texts(self) -> bool:
        """Whether texts are encoded (and keyed) as they are. False: with line breaks as spaces, as MAD-Eval embeds."""
        ...

    @property
    def batch(self) -> int:
        """How many texts ``encode`` is handed at most: what a killed run loses, how soon it notices a wish to stop."""
        ...

    def lacking(self, keys: Sequence[bytes]) -> list[bytes]:
        """Those of these keys whose texts must be handed to ``encode`` before ``score`` can be asked, each once."""
        ...

    async def encode(self, texts: Mapping[bytes, str]) -> None:
        """Encode these texts (never blank, longest first within a block). When it returns, they are durably on disk,
        or, for metrics too cheap to be worth a cache, in memory until ``forget``.

        Raises:
            EngineError: the encoder cannot be used, or gives what cannot be compared; says which text.
            StoreError: the cache cannot be written, or was made otherwise.
        """
        ...

    def score(self, keys: Sequence[bytes], first: Places, second: Places) -> Mapping[str, Scores]:
        """For each of ``names`` the scores of the pairs (keys[first[i]], keys[second[i]]), n float64 each, higher =
        more alike; finite. ``keys`` names the texts of a block, question by question (a text that two models gave may
        stand there twice), and the pairs of one question stand together: its answers can be scored by one matrix
        product, and a scorer may go through them in parts to stay within its memory limit."""
        ...

    def forget(self) -> None:
        """The block has been scored: whatever is held in memory for it may go."""
        ...

    def footprint(self, chars: int) -> Footprint:
        """For a text of so many characters; for sizing blocks and dry runs."""
        ...

    async def close(self) -> None: ...
