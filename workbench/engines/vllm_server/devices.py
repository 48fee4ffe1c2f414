"""GPUs for one server: those it names, or as many free ones as it needs, locked as long as it runs.

A GPU's lock is a file in the user's runtime directory; the supervisor of the server inherits it, so the kernel frees it
when the last process that could use the GPU has been ended. A server that takes at most half a GPU's memory
(``gpu_memory_utilization``) shares the lock with others of that kind. What programs outside the workbench use is seen
in the GPU's used memory.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from workbench.engines import gpus
from workbench.engines.gpus import Gpu
from workbench.engines.side_by_side import waits_for_siblings
from workbench.engines.vllm_server import leases
from workbench.engines.vllm_settings import gpu_names, gpus_needed
from workbench.errors import EngineError

#: The share of a GPU's memory that vLLM takes where nothing is said.
UTILIZATION = 0.9
#: What takes no more than this can share a GPU with another such server.
SHARED_UP_TO = 0.5
#: Seconds between two looks for free GPUs.
LOOK_S = 1.0
#: How long a GPU that nobody has locked may show memory in use before it counts as somebody else's: what a server that
#: has just ended used is given back with a delay.
SETTLE_S = 15.0

Say = Callable[[str], None]


class Cancelled(Exception):
    """The work was cancelled before its server could be used."""


@dataclass(slots=True)
class Devices:
    """Locked GPUs; none for a server on the processor. ``setting`` is for ``CUDA_VISIBLE_DEVICES`` (``None``: leave it
    as it is)."""

    gpus: tuple[Gpu, ...] = ()
    setting: str | None = None
    locks: list[IO[bytes]] = field(default_factory=list)

    @property
    def hardware(self) -> str:
        return gpus.hardware(self.gpus)

    def close(self) -> None:
        """Let go of our hold on the locks (a supervisor that inherited them keeps its own)."""
        for held in self.locks:
            held.close()
        self.locks = []


#: GPUs under servers that this process uses, by UUID: waiting for these would be waiting for oneself.
in_use: Counter[str] = Counter()


async def take(params: Mapping[str, Any], say: Say, cancelled: Callable[[], bool]) -> Devices:
    """The GPUs for a server with these settings, locked. Waits for those under other servers of the workbench.

    Raises:
        EngineError: there are too few, a named one is not there, somebody else uses them, or a server that this very
            job needs runs on them.
        Cancelled: the work was cancelled while it waited.
    """
    setting = params.get("gpus")
    if setting == "cpu":
        return Devices(setting="")
    wanted = gpu_names(setting)
    there = await asyncio.to_thread(_there)
    if not there and not wanted:
        return Devices()  # the processor, or a device that is not NVIDIA's: vLLM finds out
    needed = gpus_needed(params)
    chosen = _named(wanted, there) if wanted else there
    if len(chosen) < needed:
        raise EngineError(
            f"{needed} GPUs are needed, and there are {len(chosen)}",
            hint="lower tensor_parallel, pipeline_parallel or data_parallel",
        )
    share = float(params.get("gpu_memory_utilization") or UTILIZATION)
    told = False
    settle = time.monotonic() + SETTLE_S
    while True:
        found, locked, taken = _try(chosen, needed, share)
        if len(found.gpus) == needed:
            found.setting = ",".join(str(gpu.index) for gpu in found.gpus)
            return found
        found.close()
        if not waits_for_siblings.get() and len(chosen) - sum(in_use[gpu.uuid] > 0 for gpu in locked) < needed:
            raise EngineError(
                f"GPU {_numbers(locked)} is under another model that this job uses at the same time",
                hint="give each model GPUs of its own (gpus), let both take at most half of one "
                "(gpu_memory_utilization = 0.45), or use them one after another",
            )
        if not locked and time.monotonic() > settle:
            raise EngineError(_occupied(taken, share), hint=_room_hint(taken))
        if not told:
            others = locked or taken
            say(f"waiting for GPU {_numbers(others)}")
            told = True
        if cancelled():
            raise Cancelled
        await asyncio.sleep(LOOK_S)
        chosen = await asyncio.to_thread(_again, chosen)


def _there() -> list[Gpu]:
    return gpus.visible(gpus.list_gpus())


def _again(chosen: Sequence[Gpu]) -> list[Gpu]:
    """The same GPUs as they are now."""
    now = {gpu.uuid: gpu for gpu in gpus.list_gpus()}
    return [now.get(gpu.uuid, gpu) for gpu in chosen]


def _named(names: Sequence[str], there: Sequence[Gpu]) -> list[Gpu]:
    found = []
    for name in names:
        gpu = gpus.find(there, name)
        if gpu is None:
            listed = ", ".join(f"{g.index} ({g.name})" for g in there) or "none"
            raise EngineError(f"there is no GPU {name}", hint=f"GPUs here: {listed}; see: workbench doctor")
        found.append(gpu)
    return found


def _try(chosen: Sequence[Gpu], needed: int, share: float) -> tuple[Devices, list[Gpu], list[Gpu]]:
    """Lock as many as are needed of those free. Returns them, those locked by others, those with too little memory."""
    found, locked, taken = Devices(), [], []
    for gpu in chosen:
        if len(found.gpus) == needed:
            break
        held = leases.lock(leases.gpu_lock(gpu.uuid), shared=share <= SHARED_UP_TO)
        if held is None:
            locked.append(gpu)
        elif gpu.memory_total and gpu.memory_free < share * gpu.memory_total:
            held.close()
            taken.append(gpu)
        else:
            found.locks.append(held)
            found.gpus = (*found.gpus, gpu)
    return found, locked, taken


def _numbers(some: Sequence[Gpu]) -> str:
    return ", ".join(str(gpu.index) for gpu in some)


def _occupied(taken: Sequence[Gpu], share: float) -> str:
    """Who uses GPUs that nobody of the workbench has locked."""
    parts = []
    for gpu in taken[:4]:
        users = ", ".join(
            f"{p.name.rpartition('/')[2] or 'a process'} (pid {p.pid}{f', of {p.user}' if p.user else ''})"
            for p in gpu.processes[:3]
        )
        parts.append(
            f"GPU {gpu.index} has {gpu.memory_free:,} of {gpu.memory_total:,} MiB free, "
            f"{share * gpu.memory_total:,.0f} are wanted" + (f"; used by {users}" if users else "")
        )
    return "; ".join(parts)


def _room_hint(taken: Sequence[Gpu]) -> str:
    most = max((g.memory_free / g.memory_total for g in taken if g.memory_total), default=0.0)
    fits = f", or set gpu_memory_utilization to {most - 0.02:.2f} or less" if most > 0.1 else ""
    return f"wait until it is free or choose others (gpus){fits}"
