"""Faster matrix products on processors where torch's usual library is slow.

torch multiplies single-precision matrices by MKL, which on AMD processors reaches half of what oneDNN, also inside
torch, does: 82–98 against 149–223 GFLOP/s a core, measured on an EPYC. Both compute in full single precision, adding up
in another order. Which is faster here is tried when an encoder is loaded.
"""

from __future__ import annotations

import functools
import time
from typing import Any

#: Rows and numbers a row of the matrices that are tried, and how often.
_TRIED = (512, 512, 3)
#: How much faster oneDNN must be to be taken, and how near its products must be.
_GAIN, _NEAR = 0.85, 1e-4


def speed_up(torch: Any, model: Any) -> bool:
    """Have the linear layers of a single-precision model on the processor multiply by oneDNN, if that is faster and
    gives the same. Returns whether it does."""
    product = _onednn(torch)
    if product is None or not _better(torch, product):
        return False
    for module in model.modules():
        if type(module) is torch.nn.Linear:
            module.forward = functools.partial(_forward, product, module)
    return True


def _onednn(torch: Any) -> Any:
    """oneDNN's x wᵀ + b as torch's compiler calls it; ``None`` where this torch has none."""
    try:
        if not torch.backends.mkldnn.is_available():
            return None
        found = torch.ops.mkldnn._linear_pointwise
        return lambda x, weight, bias: found(x, weight, bias, "none", [], "")
    except (AttributeError, RuntimeError):
        return None


def _forward(product: Any, module: Any, x: Any) -> Any:
    flat = x.reshape(-1, x.shape[-1])
    return product(flat, module.weight, module.bias).reshape(*x.shape[:-1], -1)


def _better(torch: Any, product: Any) -> bool:
    rows, width, times = _TRIED
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(rows, width, generator=generator) / width**0.5 for _ in range(2))
    usual = torch.nn.functional.linear

    def best(multiply: Any) -> float:
        seconds = []
        for _ in range(times):
            start = time.perf_counter()
            multiply(x, weight, None)
            seconds.append(time.perf_counter() - start)
        return min(seconds[1:])

    try:
        with torch.inference_mode():
            same = bool((product(x, weight, None) - usual(x, weight)).abs().max() < _NEAR)
            return same and best(product) < _GAIN * best(usual)
    except (RuntimeError, NotImplementedError, TypeError):
        return False
