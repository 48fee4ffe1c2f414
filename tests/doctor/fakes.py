"""A machine as the tests want it: an ``nvidia-smi`` of our own on PATH, Python environments made of files."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

GIB = 1024  # MiB


@dataclass(frozen=True)
class FakeGpu:
    index: int
    used: int = 4
    total: int = 80 * GIB
    name: str = "NVIDIA H100 80GB HBM3"
    capability: str = "9.0"
    slices: tuple[str, ...] = ()

    @property
    def uuid(self) -> str:
        return f"GPU-{self.index}{self.index}aa-4bf7"


#: pid, name, MiB or None, on which GPU
Process = tuple[int, str, "int | None", int]


def nvidia_smi(
    folder: Path,
    *gpus: FakeGpu,
    processes: tuple[Process, ...] = (),
    driver: str = "580.65.06",
    cuda: str = "13.0",
) -> Path:
    """Write an ``nvidia-smi`` that tells of these GPUs, in the form the real one does. Returns its folder."""
    listed, queried, using = [], [], []
    for gpu in gpus:
        listed.append(f"GPU {gpu.index}: {gpu.name} (UUID: {gpu.uuid})")
        listed += [
            f"  MIG {profile}     Device  {i}: (UUID: MIG-{gpu.index}{i}cc-55)" for i, profile in enumerate(gpu.slices)
        ]
        queried.append(f"{gpu.index}, {gpu.uuid}, {gpu.name}, {gpu.total}, {gpu.used}, {driver}, {gpu.capability}")
    for pid, name, memory, index in processes:
        using.append(f"GPU-{index}{index}aa-4bf7, {pid}, {name}, {'[N/A]' if memory is None else memory}")
    table = f"| NVIDIA-SMI {driver}   Driver Version: {driver}   CUDA Version: {cuda} |"
    return script(
        folder,
        'case "$1" in\n'
        f"-L) {_print(listed)} ;;\n"
        f"--query-gpu*) {_print(queried)} ;;\n"
        f"--query-compute-apps*) {_print(using)} ;;\n"
        f"*) {_print([table])} ;;\nesac",
    )


def _print(lines: list[str]) -> str:
    return "printf '%s\\n' " + " ".join(shlex.quote(line) for line in lines) if lines else ":"


def script(folder: Path, body: str) -> Path:
    """Write an ``nvidia-smi`` that runs these lines of shell."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)
    return folder


def on_path(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> None:
    """Only this folder's programs and the system's: whatever GPUs the machine has, the tests know theirs."""
    system = "/usr/bin:/bin"
    monkeypatch.setenv("PATH", f"{folder}:{system}" if folder else system)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def environment(
    folder: Path, *, vllm: str | None = None, torch: str | None = None, cuda: str | None = None, name: str = "vllm"
) -> str:
    """A Python environment as files: packages with the files that tell their versions. Returns its interpreter."""
    site = folder / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    python.chmod(0o755)
    if torch:
        (site / "torch").mkdir()
        value = repr(cuda)
        text = f"__all__ = ['__version__']\n__version__ = '{torch}'\ndebug = False\ncuda: Optional[str] = {value}\n"
        (site / "torch" / "version.py").write_text(text, "utf-8")
    if vllm:
        (site / "vllm").mkdir()
        info = site / f"{name.replace('-', '_')}-{vllm}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {vllm}\n", "utf-8")
    return str(python)
