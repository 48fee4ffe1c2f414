"""Texts to token vectors by a transformer encoder: one hidden layer, as the ``bert-score`` package takes it.

torch and transformers are imported when the encoder is opened, and only then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import BadInput, EngineError
from workbench.similarity.bertscore.idf import Ids
from workbench.similarity.bertscore.layers import stop_at
from workbench.similarity.bertscore.linear import speed_up
from workbench.similarity.bertscore.packing import LARGEST, MOST_DIMENSIONS, PEAKS, Packed, join
from workbench.similarity.bertscore.source import EXTRA_HINT, Source

PRECISIONS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
#: Tokens, padding included, that go through the model at once. On a processor larger batches leave its cache: with
#: MiniLM 16,384 (about the package's 64 texts) take 1.5 times the time of 2,048.
TOKENS = {"cpu": 2_048, "cuda": 65_536}
#: The T5 family: AutoModel would also load the decoder, and the package loads whatever has t5 in its path as a T5.
_T5 = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}
#: Weights an encoder may come without: they have no part in hidden layers.
_UNUSED = ("pooler", "position_ids", "lm_head", "classifier", "decoder")


@dataclass(frozen=True, slots=True)
class Encoded:
    """Some texts, by their places in what ``encode`` was given, each with its packed unit vectors."""

    places: list[int]
    packed: list[Packed]


class Pieces:
    """An encoder's tokenizer. ``special`` holds the pieces that weigh nothing without idf: the separator's and the
    classifier token's. Raises EngineError when transformers is not installed or the tokenizer cannot be loaded."""

    def __init__(self, source: Source, folder: Path) -> None:
        self._source = source
        _, transformers = _libraries()
        with _loading(transformers, source):
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
        ids = (self._tokenizer.sep_token_id, self._tokenizer.cls_token_id)
        self.special = tuple(sorted({int(piece) for piece in ids if piece is not None}))
        self.pad = int(self._tokenizer.pad_token_id or 0)

    def __call__(self, texts: Sequence[str]) -> list[Ids]:
        """The pieces of each text, special ones included, cut to what the model reads."""
        space = " " if self._source.leading_space else ""
        stripped = [text.encode("utf-8", "replace").decode("utf-8").strip() for text in texts]
        found = self._tokenizer(
            [space + text if text else "" for text in stripped],
            add_special_tokens=True, truncation=True, max_length=self._source.max_length, padding=False, verbose=False,
        )["input_ids"]  # fmt: skip
        return [np.asarray(ids, np.uint32) for ids in found]


class Encoder:
    """A loaded encoder, cut at the layer that is taken.

    Raises EngineError when torch or transformers are not installed, the weights cannot be loaded or do not belong to
    this model, or the device is not there.
    """

    def __init__(
        self, source: Source, folder: Path, layer: int, precision: str, device: str, threads: int | None = None
    ) -> None:
        torch, transformers = _libraries()
        self._torch = torch
        if threads:
            torch.set_num_threads(threads)
        self._source = source
        self._device = pick_device(device)
        with _loading(transformers, source):
            model = _load(transformers, source, folder)
        if hasattr(model, "encoder") and hasattr(model, "decoder"):
            model = model.encoder
        stop_at(model, layer)
        self._model = model.to(dtype=getattr(torch, PRECISIONS[precision]), device=self._device).eval()
        if self._device == "cpu" and precision == "f32":
            speed_up(torch, self._model)

    def encode(self, pieces: Sequence[Ids], pad: int) -> Iterator[Encoded]:
        """Batches of texts of like length, as they are done, each text given by its pieces; ``pad`` fills up.

        Batches shrink when a GPU's memory does not hold them. Raises EngineError for texts that give no numbers.
        """
        order = sorted(range(len(pieces)), key=lambda i: len(pieces[i]), reverse=True)
        limit = TOKENS.get(self._device.partition(":")[0], TOKENS["cpu"])
        start = 0
        while start < len(order):
            end = start + max(1, limit // max(len(pieces[order[start]]), 1))
            places = order[start:end]
            try:
                packed = self._vectors([pieces[i] for i in places], pad)
            except self._torch.cuda.OutOfMemoryError:
                if len(places) == 1:
                    raise EngineError(
                        f"a text of {len(pieces[places[0]]):,} tokens does not fit the memory of {self._device}",
                        hint="--device cpu, or --precision bf16",
                    ) from None
                self._torch.cuda.empty_cache()
                limit = limit // 2
                continue
            yield Encoded(places, packed)
            start = end

    def _vectors(self, pieces: Sequence[Ids], pad: int) -> list[Packed]:
        torch = self._torch
        lengths = [len(ids) for ids in pieces]
        padded = np.full((len(pieces), max(lengths)), pad, np.int64)
        mask = np.zeros(padded.shape, bool)
        for i, ids in enumerate(pieces):
            padded[i, : len(ids)] = ids
            mask[i, : len(ids)] = True
        there = torch.from_numpy(mask).to(self._device)
        with torch.inference_mode():
            output = self._model(torch.from_numpy(padded).to(self._device), attention_mask=there.long())[0]
            rows = output[there].float()  # (all texts' tokens, dimensions): padding is gone
            rows = rows / rows.norm(dim=-1, keepdim=True)
            if not bool(torch.isfinite(rows).all()):
                raise EngineError(f"encoder {self._source.shown} gives vectors that are no numbers")
            packed = _pack(torch, rows)
        ends = np.cumsum(lengths)
        return np.split(packed, ends[:-1])


def pick_device(name: str) -> str:
    """The device in words torch knows; ``auto`` is the first GPU, else the processor. Raises EngineError, BadInput."""
    if name == "cpu":
        return "cpu"
    torch, _ = _libraries()
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if kind == "cuda" and (not number or number.isdigit()):
        if torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count():
            return name
        raise EngineError(f"there is no {name} here: torch sees {torch.cuda.device_count()} GPUs", hint="--device cpu")
    if name == "mps":
        if torch.backends.mps.is_available():
            return name
        raise EngineError("there is no mps device here", hint="--device cpu")
    raise BadInput(f"must be auto, cpu, cuda, cuda:N or mps, not '{name}'", field="device")


def _libraries() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError as error:
        missing = error.name or "transformers"
        raise EngineError(f"BERTScore needs {missing}, which is not installed", hint=EXTRA_HINT) from None
    return torch, transformers


def _load(transformers: Any, source: Source, folder: Path) -> Any:
    """The model. What class it is of goes by its settings, never by its path; weights that are missing are an error,
    for transformers would fill them with random numbers."""
    name = _T5.get(str(source.config.get("model_type")), "AutoModel")
    model, told = getattr(transformers, name).from_pretrained(
        str(folder), output_loading_info=True, ignore_mismatched_sizes=True
    )
    lost = sorted(key for key in told["missing_keys"] if not any(word in key for word in _UNUSED))
    lost += sorted(str(key[0]) for key in told["mismatched_keys"])
    if lost:
        raise EngineError(
            f"the weights of {source.shown} lack {len(lost)} parts of the model, such as {lost[0]}: "
            "it would score by random numbers", hint="check that config.json and weights belong together",
        )  # fmt: skip
    if source.dimensions > MOST_DIMENSIONS:
        raise EngineError(f"encoder {source.shown} has vectors of more than {MOST_DIMENSIONS:,} numbers")
    return model


@contextlib.contextmanager
def _loading(transformers: Any, source: Source) -> Iterator[None]:
    """No progress bars or advice on the terminal; what goes wrong is an EngineError."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except EngineError:
        raise
    except Exception as error:  # a folder can be wrong in as many ways as there are classes in transformers
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EngineError(f"cannot load encoder {source.shown}: {why}") from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _pack(torch: Any, rows: Any) -> Packed:
    """As ``packing.pack``, where the vectors are."""
    places = rows.abs().topk(PEAKS, dim=1).indices
    peaks = rows.gather(1, places)
    rest = rows.scatter(1, places, 0.0)
    scale = rest.abs().amax(dim=1) / LARGEST
    coordinates = torch.round(rest / torch.where(scale > 0, scale, 1.0)[:, None]).to(torch.int16)
    return join(
        coordinates.cpu().numpy(), scale.cpu().numpy(), peaks.cpu().numpy(), places.cpu().numpy().astype(np.uint16)
    )
