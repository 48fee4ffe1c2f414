"""Where a model runs: on which GPUs, in which environment, watched by whom. All of it ends with the model."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from contextlib import ExitStack

from workbench.engines.gpus import hardware
from workbench.engines.vllm_offline import installed, orphans
from workbench.engines.vllm_offline.loaded import on_cpu
from workbench.engines.vllm_server import devices
from workbench.engines.vllm_server.devices import Devices
from workbench.records import Model


@contextlib.contextmanager
def placed(model: Model, taken: Devices) -> Iterator[str]:
    """The surroundings of a model as long as the block runs, and one line that names the hardware. ``taken`` are the
    GPUs it may use; they are let go afterwards. Imports vLLM."""
    with ExitStack() as stack:
        stack.callback(taken.close)
        stack.enter_context(installed.surrounded(installed.SURROUNDINGS))
        if on_cpu():
            around = dict(installed.CPU_SURROUNDINGS)
            if model.params.get("gpu_memory_utilization") is None:
                around["VLLM_CPU_KVCACHE_SPACE"] = str(installed.cpu_space_gib())
            stack.enter_context(installed.surrounded(around))
            yield hardware(())
            return
        for gpu in taken.gpus:
            devices.in_use[gpu.uuid] += 1
            stack.callback(devices.in_use.subtract, [gpu.uuid])
        always = {installed.MARK: secrets.token_hex(8)}
        # Before the mark is in the environment: the watcher must not carry it.
        stack.enter_context(orphans.watched(f"{installed.MARK}={always[installed.MARK]}"))
        if taken.setting is not None:
            always |= {"CUDA_VISIBLE_DEVICES": taken.setting, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
        stack.enter_context(installed.surrounded({}, always=always))
        yield hardware(taken.gpus)
