"""A model's settings as arguments of vLLM's engine: those of ``vllm serve``, read by vLLM's own parser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from workbench.engines.vllm_settings import argument_name
from workbench.errors import BadInput
from workbench.records import Model

#: Settings that are passed on under vLLM's name for them.
NAMES: Mapping[str, str] = {
    "tensor_parallel": "--tensor-parallel-size",
    "pipeline_parallel": "--pipeline-parallel-size",
    "dtype": "--dtype",
    "quantization": "--quantization",
    "max_model_len": "--max-model-len",
    "gpu_memory_utilization": "--gpu-memory-utilization",
    "revision": "--revision",
}
#: Settings of the server that vLLM inside this process has no use for, and what to do instead.
SERVER_ONLY: Mapping[str, str] = {
    "data_parallel": "one process runs one copy of a model: use --engine vllm-server",
    "port": "leave it out, or use --engine vllm-server",
    "vllm_python": "run the workbench by that Python itself, or use --engine vllm-server",
    "served_name": "leave it out, or use --engine vllm-server",
}
#: Ranks of adapters that vLLM makes room for.
LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
#: On a processor compiling takes a minute and brings little, and blocks are best this long (docs/vllm.md).
CPU_ARGUMENTS: Mapping[str, tuple[str, ...]] = {"--enforce-eager": (), "--block-size": ("32",)}


def check_offline(model: Model) -> None:
    """What only this engine cannot do.

    Raises:
        BadInput: a setting of the server, or an adapter's folder that holds none.
    """
    for name, hint in SERVER_ONLY.items():
        value = model.params.get(name)
        if value is not None and not (name == "data_parallel" and value == 1):
            raise BadInput("the vllm engine takes none: it runs inside this process", field=name, hint=hint)
    if folder := lora_folder(model):
        lora_rank(folder)


def served(model: Model) -> str:
    """The folder or hub id of a model."""
    return str(Path(model.endpoint).expanduser()) if model.endpoint else str(model.params["model"])


def lora_folder(model: Model) -> Path | None:
    given = model.params.get("lora_path")
    return Path(str(given)).expanduser() if given else None


def lora_rank(folder: Path) -> int:
    """The rank that room must be made for, for the adapter in a folder.

    Raises:
        BadInput: it holds no PEFT adapter, or one of a rank that vLLM does not know.
    """
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        rank = int(config["r"])
    except OSError:
        raise BadInput(
            f"{folder} holds no adapter_config.json", field="lora_path", hint="name the folder that PEFT saved into"
        ) from None
    except (ValueError, TypeError, KeyError):
        raise BadInput("names no rank r", file=str(folder / "adapter_config.json")) from None
    if not any((folder / f"adapter_model{end}").is_file() for end in (".safetensors", ".bin", ".pt")):
        raise BadInput(f"{folder} holds no adapter_model.safetensors", field="lora_path")
    for room in LORA_RANKS:
        if rank <= room:
            return room
    raise BadInput(f"rank {rank} is more than vLLM's {LORA_RANKS[-1]}", field="lora_path", hint="merge the adapter")


def arguments(model: Model, *, cpu: bool) -> list[str]:
    """The command line that ``vllm.LLM`` is made from. What ``vllm_args`` says goes before our defaults."""
    params = model.params
    found = ["--model", served(model)]
    for name, argument in NAMES.items():
        if params.get(name) is not None:
            found += [argument, str(params[name])]
    if params.get("trust_remote_code"):
        found.append("--trust-remote-code")
    own = [str(text) for text in params.get("vllm_args") or ()]
    named = {argument_name(text) for text in own}
    if "--use-tqdm-on-load" not in named:
        found.append("--no-use-tqdm-on-load")
    if "--enable-prefix-caching" not in named and "--no-enable-prefix-caching" not in named:
        found.append("--enable-prefix-caching")
    if folder := lora_folder(model):
        found.append("--enable-lora")
        if "--max-lora-rank" not in named:
            found += ["--max-lora-rank", str(lora_rank(folder))]
    for name, values in CPU_ARGUMENTS.items() if cpu else ():
        if name not in named and name.replace("--", "--no-", 1) not in named:
            found += [name, *values]
    return [*found, *own]


def engine_arguments(model: Model, *, cpu: bool) -> dict[str, Any]:
    """Keyword arguments for ``vllm.LLM``. Imports vLLM.

    Raises:
        BadInput: vLLM's parser refuses one of ``vllm_args``; in its words.
    """
    from vllm.engine.arg_utils import EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = EngineArgs.add_cli_args(FlexibleArgumentParser(prog="vllm", add_help=False))

    def refuse(message: str) -> NoReturn:
        raise BadInput(message, field="vllm_args", hint="vLLM's arguments: docs.vllm.ai, engine arguments")

    parser.error = refuse
    found = dict(vars(EngineArgs.from_cli_args(parser.parse_args(arguments(model, cpu=cpu)))))
    if template := model.params.get("chat_template"):
        found["chat_template"] = str(Path(str(template)).expanduser())
    return found
