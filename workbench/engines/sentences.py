"""A local sentence-transformers folder as an encoder: pooled (mean, CLS, …) and scaled as its own files say."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from workbench.errors import EngineError
from workbench.records import Model

DEFAULT_BATCH = 32
#: Files that cannot change a vector.
_UNUSED = (".md", ".txt.bak", ".png", ".onnx", ".h5", ".msgpack", ".ot", ".gitattributes")
_CHUNK = 1 << 20


class SentenceEmbedder:
    """Embeds with the sentence-transformers library, in this process. Weights are loaded at the first text.

    Raises:
        BadInput: the endpoint is no folder that holds an encoder.
        EngineError: its files cannot be read.
    """

    def __init__(self, model: Model, *, device: str = "auto") -> None:
        self._folder = Path(model.endpoint or "").expanduser()
        self._batch = int(model.params.get("batch_size") or DEFAULT_BATCH)
        self._device = None if device == "auto" else device
        apart = f" {model.params['revision']}" if model.params.get("revision") else ""
        self._version = f"sentence-transformers {folder_hash(self._folder)[:16]}{apart}"
        self._encoder: Any = None

    @property
    def version(self) -> str:
        return self._version

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text, in order. Texts beyond the encoder's length lose their end.

        Raises:
            EngineError: sentence-transformers is not installed, or the folder cannot be loaded.
        """
        # An array of two dimensions is a sequence of sequences to all who use it.
        return cast(Sequence[Sequence[float]], await asyncio.to_thread(self._embed, list(texts)))

    async def close(self) -> None:
        self._encoder = None

    def _embed(self, texts: list[str]) -> npt.NDArray[np.float32]:
        if self._encoder is None:
            self._encoder = self._load()
        found = self._encoder.encode(
            texts, batch_size=self._batch, convert_to_numpy=True, show_progress_bar=False, normalize_embeddings=False
        )
        vectors: npt.NDArray[np.float32] = np.asarray(found, np.float32)
        return vectors

    def _load(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
            from transformers.utils import logging
        except ImportError as error:
            raise EngineError(
                f"sentence-transformers cannot be used: {error}",
                hint="pip install 'workbench-llm[sentence-transformers]'",
            ) from None
        logging.disable_progress_bar()  # it would be drawn over the run's own
        try:
            # Code that lies in the folder is never run, and nothing is fetched: what was hashed is what is used.
            return SentenceTransformer(
                str(self._folder), device=self._device, trust_remote_code=False, local_files_only=True
            )
        except Exception as error:  # whatever the library meets in a folder of someone else's
            raise EngineError(f"{self._folder} cannot be loaded as an encoder: {error}") from None


def folder_hash(folder: Path) -> str:
    """A hash of all files of the folder that can change a vector: their names below it and contents.

    Raises:
        EngineError: one cannot be read.
    """
    found = hashlib.sha256()
    try:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.name.startswith(".") or path.suffix in _UNUSED or ".cache" in path.parts:
                continue
            found.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    found.update(chunk)
    except OSError as error:
        raise EngineError(f"{folder} cannot be read: {error.strerror or error}") from None
    return found.hexdigest()
