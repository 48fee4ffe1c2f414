"""Where an encoder comes from: a folder, or a name on the Hugging Face hub; which files make it what it is.

Read from ``config.json`` and ``tokenizer_config.json`` alone: nothing here needs torch, and no weights are loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from workbench.errors import BadInput, EngineError
from workbench.similarity.bertscore.layers import known_layer

EXTRA_HINT = "pip install 'workbench-llm[bert-score]'"
#: Truncation where neither tokenizer nor model says how much the model can read.
DEFAULT_LENGTH = 512
_MANY = 1_000_000  # tokenizers without a limit say 10**30
_CONFIG = ("config.json",)
_TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "*.model",
)  # fmt: skip
_SAFE = ("model*.safetensors", "model.safetensors.index.json")
_PICKLED = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
#: Models whose positions begin after the padding's number.
_SHIFTED = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "mpnet", "data2vec-text", "ibert"}


@dataclass(frozen=True)
class Source:
    """An encoder as it was asked for: ``name`` (a folder or a hub name), its settings, and ``identity``, which names
    its very weights and tokenizer: a hash of the files, or the hub's revision. ``folder`` is where the files lie; for a
    hub name that was not fetched yet there is none."""

    name: str
    identity: str
    config: Mapping[str, Any]
    tokenizer_config: Mapping[str, Any]
    folder: Path | None = field(compare=False, default=None)

    @property
    def local(self) -> bool:
        """Whether it was given as a folder."""
        return Path(self.name).expanduser().is_dir()

    @property
    def shown(self) -> str:
        """The name without folders of this machine."""
        return Path(self.name).expanduser().resolve().name if self.local else self.name

    @property
    def dimensions(self) -> int:
        """Length of a token's vector."""
        for key in ("hidden_size", "d_model", "dim", "n_embd", "emb_dim"):
            if isinstance(self.config.get(key), int):
                return int(self.config[key])
        return 1024

    @property
    def layers(self) -> int | None:
        """How many layers the model (of an encoder-decoder, the encoder) has, if its settings say so."""
        for key in ("num_hidden_layers", "encoder_layers", "num_layers", "n_layers", "n_layer"):
            if isinstance(self.config.get(key), int):
                return int(self.config[key])
        return None

    @cached_property
    def max_length(self) -> int:
        """Tokens read of a text, special ones included: what the tokenizer says, else the model's positions."""
        said = self.tokenizer_config.get("model_max_length", self.tokenizer_config.get("max_len"))
        if isinstance(said, int | float) and 0 < said < _MANY:
            return int(said)
        for key in ("max_position_embeddings", "n_positions", "max_encoder_position_embeddings"):
            positions = self.config.get(key)
            if isinstance(positions, int) and positions > 0:
                pad = self.config.get("pad_token_id")
                shift = (pad if isinstance(pad, int) else 1) + 1 if self.config.get("model_type") in _SHIFTED else 0
                return max(positions - shift, 2)
        return DEFAULT_LENGTH

    @cached_property
    def leading_space(self) -> bool:
        """Whether texts get a space in front, as the package does for RoBERTa's and GPT-2's tokenizers, so that a first
        word is cut into the pieces it has elsewhere. With transformers 5 the package asks for it in vain."""
        cls = str(self.tokenizer_config.get("tokenizer_class") or "").removesuffix("Fast")
        named = cls in ("RobertaTokenizer", "GPT2Tokenizer") or (
            cls in ("", "PreTrainedTokenizer", "TokenizersBackend")
            and self.config.get("model_type") in ("roberta", "gpt2")
        )
        return named and _transformers_major() == 4

    def layer(self, wanted: int | None) -> int:
        """The hidden layer to take: the one asked for, else the one published for this encoder.

        Raises BadInput when none is published, or there is no such layer.
        """
        last = self.layers
        if wanted is None:
            wanted = known_layer(self.name, ask_package=not self.local)
        if wanted is None:
            made_from = self.config.get("_name_or_path")
            of = known_layer(made_from) if isinstance(made_from, str) else None
            hint = f"its last is layer {last}" if last is not None else "count them in its config.json"
            if of is not None:
                hint = f"it says it was made from {made_from}, for which layer {of} is published; {hint}"
            raise BadInput(
                f"no layer is published for '{self.shown}': say which one to take", field="layer",
                hint=f"add --layer N ({hint})",
            )  # fmt: skip
        if wanted < 0 or (last is not None and wanted > last):
            raise BadInput(f"'{self.shown}' has layers 0 to {last}, not {wanted}", field="layer")
        return wanted


def open_source(name: str) -> Source:
    """An encoder by folder or hub name. Of a hub name only the settings are fetched, if they are not there.

    Raises:
        BadInput: the folder lacks a file, or is none; no such name on the hub.
        EngineError: the hub cannot be reached, or its client is not installed.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _from_folder(name, folder)
    if name.startswith(("/", "./", "../", "~")) or name.count("/") > 1:
        raise BadInput(f"there is no folder {name}", field="model", hint="give a folder with config.json and weights")
    return _from_hub(name)


def fetched(source: Source) -> Path:
    """The folder with the encoder's files; a hub's are fetched now. Raises EngineError when that fails."""
    if source.folder is not None:
        return source.folder
    hub = _hub()
    try:
        names = hub.HfApi().list_repo_files(source.name, revision=source.identity)
        weights = _SAFE if _chosen(names, _SAFE) else _PICKLED
        wanted = [*_CONFIG, *_TOKENIZER, *weights]
        return Path(hub.snapshot_download(source.name, revision=source.identity, allow_patterns=wanted))
    except Exception as error:  # the hub's client raises its own, requests' and httpx's errors
        raise EngineError(f"cannot fetch encoder {source.name}: {_first_line(error)}", hint=_OFFLINE) from error


_OFFLINE = "without a network, fetch the encoder elsewhere and give its folder: --model FOLDER"


def _from_folder(name: str, folder: Path) -> Source:
    config = _json(folder / "config.json")
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    weights = _chosen(files, _SAFE) or _chosen(files, _PICKLED)
    if not weights:
        raise BadInput("holds no weights (model.safetensors or pytorch_model.bin)", file=str(folder), field="model")
    tokenizer = _chosen(files, _TOKENIZER)
    if not tokenizer:
        raise BadInput("holds no tokenizer (tokenizer.json or a vocabulary)", file=str(folder), field="model")
    if _is_hub(folder):
        identity = folder.name
    else:
        identity = _hash(folder / file for file in sorted({*_CONFIG, *tokenizer, *weights}))
    optional = folder / "tokenizer_config.json"
    return Source(name, identity, config, _json(optional) if optional.is_file() else {}, folder)


def _from_hub(name: str) -> Source:
    hub = _hub()
    there = hub.try_to_load_from_cache(name, "config.json")
    if isinstance(there, str):
        folder = Path(there).parent
        files = [path.name for path in folder.iterdir()]
        if _chosen(files, _SAFE + _PICKLED) and _chosen(files, _TOKENIZER):
            return _from_folder(name, folder)
    try:
        revision = hub.HfApi().model_info(name).sha
        config = _json(Path(hub.hf_hub_download(name, "config.json", revision=revision)))
    except BadInput:
        raise
    except Exception as error:
        if type(error).__name__ in ("RepositoryNotFoundError", "HFValidationError", "EntryNotFoundError"):
            raise BadInput(
                f"no encoder '{name}' on the Hugging Face hub, nor a folder of that name", field="model"
            ) from error
        raise EngineError(f"cannot look up encoder {name}: {_first_line(error)}", hint=_OFFLINE) from error
    try:
        tokenizer_config = _json(Path(hub.hf_hub_download(name, "tokenizer_config.json", revision=revision)))
    except Exception:  # old encoders have none
        tokenizer_config = {}
    return Source(name, str(revision), config, tokenizer_config)


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise EngineError("BERTScore needs torch and transformers, which are not installed", hint=EXTRA_HINT) from None
    return huggingface_hub


def _is_hub(folder: Path) -> bool:
    """Whether a folder is the hub client's own, named for the revision."""
    return folder.parent.name == "snapshots" and len(folder.name) == 40


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadInput("is not there: no encoder as transformers saves it", file=str(path), field="model") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot be read: {error}", file=str(path)) from None
    if not isinstance(found, dict):
        raise BadInput("must hold a JSON object", file=str(path))
    return found


def _chosen(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    patterns = tuple(patterns)
    return [name for name in names if any(Path(name).match(pattern) for pattern in patterns) and "/" not in name]


def _hash(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _transformers_major() -> int:
    try:
        return int(metadata.version("transformers").partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return 5


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
