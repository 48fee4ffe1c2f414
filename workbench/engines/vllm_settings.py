"""Settings of models that vLLM runs: what each may be, what together makes no sense, and what a model's own files say.

Both vLLM engines take them. What only vLLM itself can tell is told by its own words later
(``vllm_server/diagnosis.py``); what can be told before anything is started is told here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import BadInput
from workbench.records import Model

VLLM_ENGINES = ("vllm-server", "vllm")
DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")
#: A hub id: one or two names; what is a path instead has another shape.
_HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")
#: Arguments of vLLM's server that are settings here, or that this program decides. Other spellings (``--a_b``,
#: ``--a=b``) are told alike.
OWN_ARGUMENTS: Mapping[str, str] = {
    "--model": "path or model", "--served-model-name": "served_name", "--tensor-parallel-size": "tensor_parallel",
    "-tp": "tensor_parallel", "--pipeline-parallel-size": "pipeline_parallel", "-pp": "pipeline_parallel",
    "--data-parallel-size": "data_parallel", "-dp": "data_parallel", "--dtype": "dtype",
    "--quantization": "quantization", "-q": "quantization", "--max-model-len": "max_model_len",
    "--chat-template": "chat_template",
    "--gpu-memory-utilization": "gpu_memory_utilization", "--trust-remote-code": "trust_remote_code",
    "--revision": "revision", "--port": "port", "--host": "", "--uds": "", "--api-key": "", "--config": "",
    "--ssl-keyfile": "", "--ssl-certfile": "", "--root-path": "", "--headless": "", "--hf-token": "",
}  # fmt: skip
#: Arguments that decide how fast and where a text is made, not what it says, with how many values each takes.
SPEED_ARGUMENTS: Mapping[str, int] = {
    "--enforce-eager": 0, "--max-num-seqs": 1, "--max-num-batched-tokens": 1, "--block-size": 1, "--swap-space": 1,
    "--enable-prefix-caching": 0, "--no-enable-prefix-caching": 0, "--enable-chunked-prefill": 0,
    "--no-enable-chunked-prefill": 0, "--enable-prompt-tokens-details": 0, "--cpu-offload-gb": 1,
    "--disable-custom-all-reduce": 0, "--distributed-executor-backend": 1, "--disable-log-stats": 0,
    "--max-parallel-loading-workers": 1, "--load-format": 1, "--download-dir": 1, "--api-server-count": 1,
}  # fmt: skip


def check_vllm(model: Model) -> None:
    """Check what one setting cannot tell by itself, and a local model's own files.

    Raises:
        BadInput: no model or two, a folder without a model, a chat template that is not there, arguments that are
            settings here, GPUs that do not go with the parallel sizes, heads that cannot be divided, a context longer
            than the model's. Names the field.
    """
    params = model.params
    if model.endpoint is None:
        check_hub_id(params.get("model"))
    elif params.get("model") is not None:
        raise BadInput("a folder is given too: which of the two?", field="model", hint="leave out --model or --path")
    if params.get("lora_path") and model.engine != "vllm":
        raise BadInput(
            "is for the engine vllm only", field="lora_path",
            hint="use --engine vllm, or merge the adapter into the model",
        )  # fmt: skip
    if template := params.get("chat_template"):
        check_chat_template(str(template))
    check_arguments(params.get("vllm_args") or ())
    named = gpu_names(params.get("gpus"))
    needed = gpus_needed(params)
    if named and len(named) != needed:
        raise BadInput(
            f"{len(named)} GPUs are named, but tensor × pipeline × data parallel makes {needed}", field="gpus",
            hint="name as many GPUs as that, or set tensor_parallel to their number",
        )  # fmt: skip
    if model.endpoint is not None:
        check_folder(Path(model.endpoint).expanduser(), params)


def check_hub_id(name: Any) -> None:
    """Raises BadInput unless the text can be the id of a model on the hub."""
    if not name:
        raise BadInput("a vLLM model needs one", field="path", hint="add --path FOLDER, or --model HUB_ID")
    if not isinstance(name, str) or not _HUB_ID.fullmatch(name) or name.startswith((".", "/", "~")):
        raise BadInput(
            f"'{str(name)[:80]}' is not the id of a model on the hub", field="model",
            hint="ids are OWNER/NAME; for a folder say --path FOLDER",
        )  # fmt: skip


def check_chat_template(path: str) -> None:
    """Raises BadInput unless the file can be read."""
    found = Path(path).expanduser()
    try:
        found.read_text("utf-8")
    except FileNotFoundError:
        raise BadInput(f"there is no file {found}", field="chat_template") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{found} cannot be read as text: {error}", field="chat_template") from None


def check_arguments(arguments: Sequence[str]) -> None:
    """Raises BadInput for an argument that is a setting of its own, or that would hide the server from us."""
    for text in arguments:
        name = argument_name(text)
        if name in OWN_ARGUMENTS:
            setting = OWN_ARGUMENTS[name]
            raise BadInput(
                f"{name} cannot be passed on", field="vllm_args",
                hint=f"use the setting {setting}" if setting else "the workbench decides this one",
            )  # fmt: skip


def argument_name(text: str) -> str:
    """``--max-model-len`` of ``--max_model_len=5``; the text itself when it is no option."""
    if not text.startswith("-"):
        return text
    name = text.partition("=")[0]
    return name.replace("_", "-") if name.startswith("--") else name


def shaping_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments passed on, without those that decide nothing about a text."""
    kept: list[str] = []
    skip = 0
    for text in arguments:
        if skip and not text.startswith("-"):
            skip -= 1
            continue
        skip = 0
        name = argument_name(text)
        if name in SPEED_ARGUMENTS:
            skip = 0 if "=" in text else SPEED_ARGUMENTS[name]
            continue
        kept.append(text)
    return kept


def gpus_needed(params: Mapping[str, Any]) -> int:
    """How many GPUs one server takes."""
    sizes = (params.get(f"{kind}_parallel") or 1 for kind in ("tensor", "pipeline", "data"))
    product = 1
    for size in sizes:
        product *= int(size)
    return product


def gpu_names(setting: Any) -> list[str]:
    """The GPUs a setting names: indices or UUIDs; none for ``auto``, ``cpu`` and nothing."""
    if setting is None or setting in ("auto", "cpu"):
        return []
    return [part.strip() for part in str(setting).split(",")]


def gpus_setting(value: Any) -> str | None:
    """What is wrong with a value of ``gpus``, or nothing."""
    if not isinstance(value, str):
        return 'must be text: "auto", "cpu", or GPUs as in "0,1"'
    names = gpu_names(value)
    for name in names:
        if not name.isdecimal() and not name.startswith(("GPU-", "MIG-")):
            return f'must be "auto", "cpu", or GPUs as in "0,1", not "{value[:80]}"'
    return f"names a GPU twice: {value}" if len(set(names)) < len(names) else None


def dtype_setting(value: Any) -> str | None:
    return None if value in DTYPES else f"must be one of {', '.join(DTYPES)}"


# -- a local model's files -------------------------------------------------------------------------


def check_folder(folder: Path, params: Mapping[str, Any]) -> None:
    """Raises BadInput unless the folder holds a model in Hugging Face form that these settings can run."""
    if folder.suffix == ".gguf" and folder.is_file():
        return
    if not folder.is_dir():
        raise BadInput(
            f"there is no folder {folder}", field="path", hint="name the folder of the model, or its hub id as --model"
        )
    if not any((folder / name).is_file() for name in ("config.json", "params.json")):
        raise BadInput(
            f"{folder} holds no config.json", field="path",
            hint="name the folder that the model was saved into (a GGUF file: --engine bundled)",
        )  # fmt: skip
    if not any(one for kind in ("*.safetensors", "*.bin", "*.pt", "*.gguf") for one in folder.glob(kind)):
        raise BadInput(f"{folder} holds no weights (*.safetensors)", field="path", hint="download the whole model")
    config = model_config(folder)
    check_sizes(config, params)
    if not params.get("wrap") and not params.get("chat_template") and not has_chat_template(folder):
        raise BadInput(
            f"the model in {folder} has no chat template", field="chat_template",
            hint="add --chat-template FILE (a Jinja template), or --wrap llama-2 for models trained on that form",
        )  # fmt: skip


def check_weights(folder: Path) -> None:
    """Raises BadInput for weights that were not copied whole, or are Git LFS's pointers: vLLM needs long to say so."""
    for path in sorted(folder.glob("*.safetensors")):
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if length > min(size, 100 << 20):
                    raise ValueError
                header = json.loads(file.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            whole = size >= 8 + length + max(ends, default=0)
        except OSError as error:
            raise BadInput(f"cannot be read: {error.strerror}", file=str(path)) from None
        except (ValueError, AttributeError, KeyError, TypeError, IndexError):
            whole = False
        if not whole:
            raise BadInput("is damaged or not whole", file=str(path), hint="copy or download it again (git lfs pull)")


def check_sizes(config: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Raises BadInput when the heads cannot be divided over the GPUs, or the context is longer than the model's."""
    heads = config.get("num_attention_heads")
    tensor = int(params.get("tensor_parallel") or 1)
    if isinstance(heads, int) and heads % tensor:
        good = [str(n) for n in range(1, min(heads, 64) + 1) if heads % n == 0]
        raise BadInput(
            f"the model's {heads} attention heads cannot be divided by {tensor}", field="tensor_parallel",
            hint=f"use one of {', '.join(good)}",
        )  # fmt: skip
    most, wanted = config.get("max_position_embeddings"), params.get("max_model_len")
    stretched = config.get("rope_scaling") or config.get("rope_parameters")
    overridden = any(argument_name(a) == "--hf-overrides" for a in params.get("vllm_args") or ())
    plain = not isinstance(stretched, Mapping) or stretched.get("rope_type", "default") == "default"
    if isinstance(most, int) and isinstance(wanted, int) and wanted > most and plain and not overridden:
        raise BadInput(
            f"{wanted} tokens are more than the model's {most}", field="max_model_len", hint=f"use at most {most}"
        )


def model_config(folder: Path) -> dict[str, Any]:
    """A model's configuration, that of its text part where it has several.

    Raises:
        BadInput: the file is not a JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot be read: {error}", file=str(path)) from None
    if not isinstance(found, dict):
        raise BadInput("is not a JSON object", file=str(path))
    text = found.get("text_config")
    return {**found, **text} if isinstance(text, dict) else found


def has_chat_template(folder: Path) -> bool:
    """Whether the model brings a chat template of its own (or is in Mistral's form, which needs none)."""
    return own_template(folder) is not None or any((folder / n).is_file() for n in ("tekken.json", "params.json"))


def template_hash(path: Any) -> str | None:
    """16 hexadecimal digits of a template file's text; its path where it cannot be read here."""
    if not path:
        return None
    try:
        return text_hash(Path(str(path)).expanduser().read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return str(path)


def text_hash(text: str) -> str:
    """16 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def own_template(folder: Path) -> str | None:
    """The chat template that a model's files hold, as text."""
    for name in ("chat_template.jinja", "chat_template.json", "tokenizer_config.json"):
        path = folder / name
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if name.endswith(".jinja"):
            return text
        try:
            found = json.loads(text).get("chat_template")
        except (ValueError, AttributeError):
            continue
        if found:
            return found if isinstance(found, str) else json.dumps(found, sort_keys=True)
    return None
