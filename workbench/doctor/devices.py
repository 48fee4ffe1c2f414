"""The GPUs: are they there, who is on them, will vLLM run on them.

``nvidia-smi -L`` goes first: it is the cheapest question, tells slices (MIG) apart, and shows a driver that hangs or
fails before anything else is asked of it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.doctor.deadlines import Hangs, Said, run, within
from workbench.doctor.findings import Finding, concealed, mib_text
from workbench.engines.gpus import Gpu, GpuProcess, find, list_gpus, visible
from workbench.errors import WorkbenchError
from workbench.text import one_line

#: A driver that is well answers within a second or two, even with eight GPUs and no persistence mode.
TIMEOUT_S = 4.0
#: MiB of a GPU in use by nobody that can be seen, above which it is told. The driver itself takes a few hundred.
UNSEEN = 1024
#: A GPU with less of its memory free than this is no place for another model.
FULL = 0.1
#: Compute capability that vLLM needs, and that bfloat16 needs.
VLLM_NEEDS, BFLOAT16_NEEDS = (7, 0), (8, 0)

_GPU_LINE = re.compile(r"^GPU (\d+): (.*) \(UUID: (GPU-[^)]+)\)", re.MULTILINE)
_SLICE_LINE = re.compile(r"^\s+MIG (\S+)\s+Device\s+(\d+): \(UUID: (MIG-[^)]+)\)")
_RELOAD = "sudo modprobe nvidia; after an update of driver or kernel, restart the machine; in a container: --gpus all"


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a GPU (MIG): ``profile`` as 3g.20gb."""

    gpu: int
    profile: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Devices:
    """What there is, and what is to be said about getting at it."""

    gpus: tuple[Gpu, ...] = ()
    slices: tuple[Slice, ...] = ()
    findings: tuple[Finding, ...] = ()


def look(seconds: float = TIMEOUT_S) -> Devices:
    """Every GPU of this machine, in two questions of at most ``seconds`` each."""
    if shutil.which("nvidia-smi") is None:
        return Devices(findings=(_no_driver(),))
    try:
        said = within(seconds + 2, "nvidia-smi -L", lambda: run(["nvidia-smi", "-L"], seconds))
        if (trouble := _trouble(said)) is not None:
            return Devices(findings=(trouble,))
        gpus = within(seconds + 2, "nvidia-smi", _list)
    except Hangs:
        return Devices(findings=(_hangs(seconds),))
    except OSError as error:
        return Devices(findings=(Finding("gpu.driver", "problem", f"nvidia-smi cannot be run: {error.strerror}"),))
    except WorkbenchError as error:
        fix = error.hint if error.hint and "doctor" not in error.hint else "run nvidia-smi and see what it says"
        return Devices(findings=(Finding("gpu.driver", "problem", error.message, fix),))
    listed = _GPU_LINE.findall(said.out)
    found: tuple[Finding, ...] = ()
    if len(gpus) < len(listed):
        what = f"{len(listed)} GPUs are there, of which only {len(gpus)} can be read"
        found = (Finding("gpu.driver", "problem", what, "nvidia-smi; sudo dmesg | grep -i xid"),)
    return Devices(tuple(gpus), tuple(slices_in(said.out)), found)


def _list() -> list[Gpu]:
    """The GPUs, their processes named by what they run. Reading a process's command line may hang like the rest."""
    return [
        replace(gpu, processes=tuple(replace(one, name=command_of(one)) for one in gpu.processes))
        for gpu in list_gpus()
    ]


def slices_in(text: str) -> list[Slice]:
    """The MIG devices in what ``nvidia-smi -L`` printed, each below its GPU."""
    found, gpu = [], -1
    for line in text.splitlines():
        if above := _GPU_LINE.match(line):
            gpu = int(above[1])
        elif below := _SLICE_LINE.match(line):
            found.append(Slice(gpu, below[1], below[3]))
    return found


def _no_driver() -> Finding:
    if list(Path("/dev").glob("nvidia[0-9]*")):
        what = "there are NVIDIA devices, but nvidia-smi is not on PATH"
        return Finding("gpu.driver", "warning", what, "add its folder to PATH, or install the driver's utilities")
    return Finding(
        "gpu.driver", "ok", "no NVIDIA driver here (no nvidia-smi); API models and the bundled one need none"
    )


def _hangs(seconds: float) -> Finding:
    return Finding(
        "gpu.driver", "problem", f"nvidia-smi does not answer within {seconds:g} s: the driver hangs",
        "sudo dmesg | grep -iE 'nvrm|xid' says why; a GPU that fell off the bus needs a restart of the machine",
    )  # fmt: skip


def _trouble(said: Said) -> Finding | None:
    """What is wrong with an answer to ``nvidia-smi -L``, if anything."""
    text = f"{said.out}\n{said.err}".strip()
    if said.status == 0 and _GPU_LINE.search(said.out):
        return None
    first = concealed(one_line(next(iter(text.splitlines()), ""), 160))
    if "version mismatch" in text:
        what = "the driver was updated while it was running (driver and library versions differ)"
        return Finding("gpu.driver", "problem", what, "restart the machine, or unload and load its modules")
    if "communicate with the NVIDIA driver" in text:
        return Finding("gpu.driver", "problem", "nvidia-smi is here, but the NVIDIA driver does not run", _RELOAD)
    if "No devices were found" in text:
        return Finding("gpu.driver", "problem", "the NVIDIA driver runs, but finds no GPU", "sudo dmesg | grep -i nvrm")
    if said.status:
        what = f"nvidia-smi fails with exit code {said.status}: {first or 'it says nothing'}"
        return Finding("gpu.driver", "problem", what, "sudo dmesg | grep -iE 'nvrm|xid'")
    what = f"nvidia-smi says nothing that can be read: {first or '(nothing)'}"
    return Finding("gpu.driver", "unknown", what, "is it NVIDIA's own? see: command -v nvidia-smi")


# -- each GPU --------------------------------------------------------------------------------------


def check_devices(devices: Devices) -> list[Finding]:
    """What there is to say about each GPU, its slices, and which of them this process may use."""
    found = list(devices.findings)
    if devices.gpus:
        first = devices.gpus[0]
        runs = f", runs CUDA up to {first.cuda}" if first.cuda else ""
        found.append(Finding("gpu.driver", "ok", f"driver {first.driver}{runs}"))
    elsewhere = _elsewhere(devices)
    for gpu in devices.gpus:
        found.append(_memory(gpu, elsewhere))
        found += _able(gpu)
    for gpu in devices.gpus:
        if mine := [s for s in devices.slices if s.gpu == gpu.index]:
            listed = ", ".join(f"{s.profile} {s.uuid}" for s in mine[:4]) + (", …" if len(mine) > 4 else "")
            found.append(
                Finding(
                    f"gpu.{gpu.index}.mig", "warning", f"GPU {gpu.index} is cut into {len(mine)} MIG slices: {listed}",
                    f"a model uses one slice: export CUDA_VISIBLE_DEVICES={mine[0].uuid}",
                )
            )  # fmt: skip
    return found + _chosen(devices)


def others(gpu: Gpu) -> list[GpuProcess]:
    """The processes on a GPU that belong to somebody else, or to nobody who can be seen from here."""
    me = _me()
    return [process for process in gpu.processes if process.user != me]


def command_of(process: GpuProcess) -> str:
    """What a process runs, short: its command line where it can be read, without secrets, else its name."""
    try:
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        words = []
    shown, hide = [], False
    for word in filter(None, words):
        shown.append("***" if hide else re.sub(r"(?i)((?:key|token|secret|passw)[^=\s]*=).*", r"\1***", word))
        hide = re.fullmatch(r"(?i)--?\S*(key|token|secret|passw)[^=]*", word) is not None
    if shown:
        shown[0] = shown[0].rpartition("/")[2] or shown[0]
    return one_line(concealed(" ".join(shown) or process.name.rpartition("/")[2] or process.name), 60)


def who(process: GpuProcess) -> str:
    """A process of ``Devices`` in words: user, pid, command, memory."""
    memory = f", {mib_text(process.memory)}" if process.memory is not None else ""
    return f"{process.user or 'somebody unseen'} (pid {process.pid}{memory}): {process.name}"


def _me() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _elsewhere(devices: Devices) -> str:
    """How to use only the GPUs that nobody uses, and that are whole."""
    cut = {one.gpu for one in devices.slices}
    free = [
        str(gpu.index)
        for gpu in devices.gpus
        if not gpu.processes and gpu.memory_free > (1 - FULL) * gpu.memory_total and gpu.index not in cut
    ]
    if not free:
        return "wait until a GPU is free"
    return f"use a free one: export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES={','.join(free)}"


def _memory(gpu: Gpu, elsewhere: str) -> Finding:
    """How full a GPU is and by whom. ``elsewhere`` is how to use other GPUs."""
    name = f"gpu.{gpu.index}"
    what = f"GPU {gpu.index} {gpu.name}: "
    if not gpu.memory_total:
        return Finding(name, "unknown", what + "the driver does not tell its memory (it may share the machine's)")
    what += f"{mib_text(gpu.memory_free)} of {mib_text(gpu.memory_total)} free"
    if strangers := others(gpu):
        listed = "; ".join(who(process) for process in strangers[:3])
        more = f"; {len(strangers) - 3} more" if len(strangers) > 3 else ""
        names = sorted({p.user for p in strangers if p.user})
        ask = f"ask {', '.join(names)}, or " if names else ""
        fix = f"{ask}{elsewhere}"
        return Finding(name, "warning", f"{what}; used by {listed}{more}", fix)
    if not gpu.processes and gpu.memory_used > UNSEEN:
        fix = "look on the host (containers hide processes): nvidia-smi; sudo fuser -v /dev/nvidia*"
        return Finding(name, "warning", f"{what}; {mib_text(gpu.memory_used)} are held by nobody seen from here", fix)
    own = "; ".join(who(process) for process in gpu.processes[:3])
    if gpu.memory_free < FULL * gpu.memory_total:
        pids = " ".join(str(process.pid) for process in gpu.processes)
        return Finding(name, "warning", f"{what}; used by {own}", f"if it is not needed any more: kill {pids}")
    return Finding(name, "ok", f"{what}; yours: {own}" if own else what)


def _able(gpu: Gpu) -> list[Finding]:
    """Whether vLLM's kernels run on it."""
    if gpu.capability is None:
        return []
    major, _, minor = gpu.capability.partition(".")
    able = (int(major), int(minor))
    name = f"gpu.{gpu.index}.capability"
    if able < VLLM_NEEDS:
        what = f"GPU {gpu.index} {gpu.name} has compute capability {gpu.capability}; vLLM needs 7.0"
        return [Finding(name, "warning", what, "use an API model or the bundled one, or a newer GPU")]
    if able < BFLOAT16_NEEDS:
        what = f"GPU {gpu.index} {gpu.name} has compute capability {gpu.capability}: no bfloat16"
        return [Finding(name, "warning", what, "serve models there with dtype float16")]
    return []


def _chosen(devices: Devices) -> list[Finding]:
    """What ``CUDA_VISIBLE_DEVICES`` leaves of them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None or not devices.gpus:
        return []
    name = "gpu.visible"
    named = [part.strip() for part in given.split(",") if part.strip()]
    uuids = [s.uuid for s in devices.slices]
    wrong = [n for n in named if find(devices.gpus, n) is None and not any(u.startswith(n) for u in uuids)]
    if not named or named == ["-1"]:
        what = "CUDA_VISIBLE_DEVICES hides every GPU"
        return [Finding(name, "warning", what, "unset CUDA_VISIBLE_DEVICES")]
    if wrong:
        what = (
            f"CUDA_VISIBLE_DEVICES={given} names {', '.join(wrong)}, which is not here: that and what follows is lost"
        )
        return [Finding(name, "problem", what, "unset CUDA_VISIBLE_DEVICES, or name GPUs of nvidia-smi -L")]
    whole = visible(devices.gpus)
    what = f"CUDA_VISIBLE_DEVICES={given}: {len(whole) or len(named)} of {_count(devices)} can be used"
    return [Finding(name, "ok", what)]


def _count(devices: Devices) -> str:
    n: Sequence[object] = devices.slices or devices.gpus
    return f"{len(n)} {'slices' if devices.slices else 'GPUs'}"
