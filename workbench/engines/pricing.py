"""What a request cost, by the prices the user gave. No vendor's prices are built in: they change, and wrong ones
would be worse than none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def cost_usd(params: Mapping[str, Any], prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
    """US dollars by ``price_in`` and ``price_out`` (US dollars a million tokens).

    ``None`` when a price or a count of tokens is not known. Completion tokens hold thinking tokens, as vendors bill
    them; rebates for cached prompts are not known here and not taken off.
    """
    price_in, price_out = params.get("price_in"), params.get("price_out")
    if price_in is None or price_out is None or prompt_tokens is None or completion_tokens is None:
        return None
    return (prompt_tokens * float(price_in) + completion_tokens * float(price_out)) / 1e6


#: What the Batch API takes off, unless the model's setting ``batch_discount`` says otherwise.
BATCH_DISCOUNT = 0.5


def batch_prices(params: Mapping[str, Any]) -> dict[str, Any]:
    """The params with the prices of the Batch API: those given, less the share ``batch_discount`` (0 to 1)."""
    given = params.get("batch_discount")
    left = 1.0 - (BATCH_DISCOUNT if given is None else float(given))
    known = {name: float(params[name]) * left for name in ("price_in", "price_out") if params.get(name) is not None}
    return {**params, **known}
