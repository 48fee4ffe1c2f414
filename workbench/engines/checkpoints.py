"""What tells a model's weights from others', without loading them or importing torch: the version that judgments are
stored under must be known before anything is started."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

#: Weights, by the ends of their files' names.
WEIGHTS = (".safetensors", ".bin", ".pt", ".gguf")
#: Files up to this size are read whole, larger ones at so many places, so much at each: two checkpoints of one
#: architecture have equal sizes and headers, and may share their embeddings, but not 64 samples spread over all.
WHOLE_BYTES, PLACES, SAMPLE_BYTES = 4 << 20, 64, 1 << 14
#: Besides the weights, what shapes a model's text.
SHAPING = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json",
    "merges.txt", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json",
    "adapter_config.json", "params.json", "tekken.json",
)  # fmt: skip


def fingerprint(folder: Path) -> str:
    """16 hexadecimal digits of what shapes a model's text: configuration and tokenizer whole, weights by their size and
    samples. Other files (a README, an optimizer's state) do not count, nor does the folder's name.

    Raises:
        OSError: the folder or a file in it cannot be read.
    """
    state = tuple((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _files(folder))
    return _fingerprint(folder, state)


@functools.lru_cache(64)
def _fingerprint(folder: Path, state: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name, size, _ in state:
        digest.update(f"{name}\0{size}\0".encode())
        with (folder / name).open("rb") as file:
            _take(file, size, digest)
    return digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if (p.name in SHAPING or p.suffix in WEIGHTS) and p.is_file())


def _take(file: IO[bytes], size: int, digest: Any) -> None:
    if size <= WHOLE_BYTES:
        digest.update(file.read())
        return
    for place in places(size):
        file.seek(place)
        digest.update(file.read(SAMPLE_BYTES))


def places(size: int) -> Iterable[int]:
    """The first byte of each sample of a large file, from its beginning to its end."""
    return (place * (size - SAMPLE_BYTES) // (PLACES - 1) for place in range(PLACES))


def template_hash(text: str) -> str:
    """16 hexadecimal digits of a chat template's text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
