"""The NVIDIA GPUs of this machine, as ``nvidia-smi`` tells of them. No driver, no GPUs: that is no error here.

``nvidia-smi`` is part of the driver, so it is there wherever a GPU can be used, and a subprocess cannot take the
workbench down with it when the driver hangs.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import EngineError

#: A driver that is busy answers within seconds; one that hangs, never.
TIMEOUT_S = 20.0
GPU_QUERY = "index,uuid,name,memory.total,memory.used,driver_version,compute_cap"
PROCESS_QUERY = "gpu_uuid,pid,process_name,used_memory"
_CUDA = re.compile(r"CUDA(?: UMD)? Version\s*:\s*([0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that uses a GPU. ``memory`` is MiB (``None``: not told, as in containers); ``user`` is its owner's name
    (``None``: not told, as for processes outside this container)."""

    pid: int
    name: str
    memory: int | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. Memory is MiB (0 where the driver does not tell, as on boards that share the machine's memory);
    ``driver`` is its version; ``cuda`` the newest CUDA it can run, as "13.0" (``None``: not told); ``capability`` the
    compute capability, as "9.0"."""

    index: int
    uuid: str
    name: str
    memory_total: int
    memory_used: int
    processes: tuple[GpuProcess, ...] = ()
    driver: str = ""
    cuda: str | None = None
    capability: str | None = None

    @property
    def memory_free(self) -> int:
        """MiB."""
        return max(0, self.memory_total - self.memory_used)


def list_gpus() -> list[Gpu]:
    """Every GPU of this machine, in the driver's order (that of the bus); none where there is no NVIDIA driver.

    Raises:
        EngineError: there is a driver that does not answer, or answers with an error.
    """
    if shutil.which("nvidia-smi") is None:
        return []
    said = _ask(f"--query-gpu={GPU_QUERY}", "--format=csv,noheader,nounits")
    if said is None:
        return []
    used = _ask(f"--query-compute-apps={PROCESS_QUERY}", "--format=csv,noheader,nounits") or ""
    return read_gpus(said, used, _ask() or "")


def read_gpus(gpus: str, processes: str = "", summary: str = "") -> list[Gpu]:
    """GPUs from what ``nvidia-smi`` printed: ``--query-gpu=GPU_QUERY``, ``--query-compute-apps=PROCESS_QUERY`` (both as
    csv,noheader,nounits), and the plain table, which alone names the CUDA version. Lines of another form are ignored.
    """
    using: dict[str, list[GpuProcess]] = {}
    for row in _rows(processes, 4):
        if (pid := _number(row[1])) is not None:
            process = GpuProcess(pid, row[2], _number(row[3]), _owner(pid))
            using.setdefault(row[0], []).append(process)
    cuda = _CUDA.search(summary)
    found = []
    for row in _rows(gpus, 7):
        if (index := _number(row[0])) is None:
            continue
        found.append(
            Gpu(
                index, row[1], row[2], _number(row[3]) or 0, _number(row[4]) or 0, tuple(using.get(row[1], ())), row[5],
                cuda[1] if cuda else None, row[6] if re.fullmatch(r"\d+\.\d+", row[6]) else None,
            )
        )  # fmt: skip
    return found


def visible(gpus: Sequence[Gpu], setting: str | None = None) -> list[Gpu]:
    """Those that ``CUDA_VISIBLE_DEVICES`` leaves to this process (``setting``, or the environment's), in its order.

    As CUDA reads it: indices or beginnings of UUIDs by commas, up to the first that names none; not set means all.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES") if setting is None else setting
    if given is None:
        return list(gpus)
    found: list[Gpu] = []
    for name in (part.strip() for part in given.split(",")):
        gpu = find(gpus, name)
        if gpu is None or gpu in found:
            break
        found.append(gpu)
    return found


def find(gpus: Sequence[Gpu], name: str) -> Gpu | None:
    """The GPU of an index ("0") or the beginning of a UUID ("GPU-8f2…")."""
    for gpu in gpus:
        if name == str(gpu.index) or (len(name) >= 5 and gpu.uuid.startswith(name)):
            return gpu
    return None


def hardware(gpus: Sequence[Gpu]) -> str:
    """One line that names what ran a model: "2 × NVIDIA H200 (143771 MiB), driver 580.65.06, CUDA 13.0", or the
    processor where there are no GPUs."""
    if not gpus:
        return f"CPU: {processor()}, {len(os.sched_getaffinity(0))} cores" if _linux() else f"CPU: {processor()}"
    kinds: dict[str, int] = {}
    for gpu in gpus:
        kind = f"{gpu.name} ({gpu.memory_total} MiB)"
        kinds[kind] = kinds.get(kind, 0) + 1
    named = ", ".join(f"{n} × {kind}" if n > 1 else kind for kind, n in kinds.items())
    cuda = f", CUDA {gpus[0].cuda}" if gpus[0].cuda else ""
    return f"{named}, driver {gpus[0].driver}{cuda}"


def processor() -> str:
    """The processor's name, as well as it can be told."""
    import platform

    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _linux() -> bool:
    return hasattr(os, "sched_getaffinity")


def _ask(*arguments: str) -> str | None:
    """What ``nvidia-smi`` prints; ``None`` where it finds no driver or no GPU."""
    try:
        done = subprocess.run(
            ["nvidia-smi", *arguments], capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired:
        raise EngineError(
            f"nvidia-smi did not answer within {TIMEOUT_S:.0f} seconds",
            hint="the driver hangs, or a GPU fell off the bus: see dmesg; a restart of the machine helps",
        ) from None
    except OSError as error:
        raise EngineError(f"nvidia-smi cannot be run: {error.strerror or error}") from None
    said = (done.stdout + done.stderr).strip()
    if done.returncode == 0:
        return done.stdout
    if re.search(r"couldn't communicate with the NVIDIA driver|No devices were found", said):
        return None
    first = said.splitlines()[0] if said else f"exit code {done.returncode}"
    raise EngineError(f"nvidia-smi fails: {first}", hint="see: workbench doctor")


def _rows(text: str, columns: int) -> list[list[str]]:
    rows = csv.reader(text.splitlines(), skipinitialspace=True)
    return [[cell.strip() for cell in row] for row in rows if len(row) == columns]


def _number(text: str) -> int | None:
    """The whole number in a cell; ``None`` for "[N/A]" and the like."""
    try:
        return int(float(text))
    except ValueError:
        return None


def _owner(pid: int) -> str | None:
    import pwd

    try:
        return pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name
    except (OSError, KeyError):
        return None
