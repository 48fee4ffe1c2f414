"""A limit on what a run may cost, kept before each request is sent rather than noticed after.

A request is let through only if everything paid so far, what requests under way may cost at most, and what this one
may cost at most stay within the limit together. The most a request can cost: as many prompt tokens as its messages
have bytes of UTF-8 (no token of a byte-level vocabulary is shorter), a few a message for the chat template, and its
``max_tokens`` of answer, by the model's own prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.engines.protocol import Request, Result
from workbench.errors import BadInput

#: Tokens a chat template adds to each message, generously.
TEMPLATE_TOKENS = 16
#: Taken for the longest answer where a request sets no limit.
UNLIMITED_TOKENS = 8192
#: States of which it is certain that an answer was made and is paid for, even if the server did not count its tokens.
_ANSWERED = ("ok", "truncated", "refused", "unparsed")


class Spending:
    """What a run has cost and may still cost, in US dollars. Not safe to share between threads."""

    def __init__(self, most: float) -> None:
        if not most > 0:
            raise BadInput(f"must be above 0, not {most:g}", field="max_cost")
        self.most = most
        self.spent = 0.0
        self._reserved: dict[str, float] = {}

    @property
    def reserved(self) -> float:
        """What requests under way may cost at most."""
        return sum(self._reserved.values())

    def reserve(self, key: str, cost: float) -> bool:
        """Set aside what the request of this key may cost. False: it does not fit (now)."""
        if self.spent + self.reserved + cost > self.most:
            return False
        self._reserved[key] = cost
        return True

    def settle(self, result: Result) -> None:
        """A request came back. One that was answered without a count of tokens is taken to have cost the most."""
        most = self._reserved.pop(result.key, 0.0)
        if result.cost is not None:
            self.spent += result.cost + sum(other.cost or 0.0 for other in result.also)
        elif result.state in _ANSWERED:
            self.spent += most

    def message(self) -> str:
        return f"stopped before the limit of ${self.most:g} would be passed: ${self.spent:.4f} spent"


def most_cost(params: Mapping[str, Any], request: Request) -> float:
    """The most a request can cost, in US dollars.

    Raises:
        BadInput: the model has no prices.
    """
    price_in, price_out = prices(params)
    prompt = sum(len(m.content.encode("utf-8", "replace")) + TEMPLATE_TOKENS for m in request.messages)
    completion = request.sampling.max_tokens or UNLIMITED_TOKENS
    return (prompt * price_in + completion * price_out * request.n) / 1e6


def prices(params: Mapping[str, Any], name: str = "") -> tuple[float, float]:
    """``price_in`` and ``price_out``, US dollars a million tokens.

    Raises:
        BadInput: one is not known.
    """
    price_in, price_out = params.get("price_in"), params.get("price_out")
    if price_in is None or price_out is None:
        raise BadInput(
            f"a limit on cost needs the prices of {repr(name) if name else 'the model'}",
            field="max_cost",
            hint=f"workbench models add {name or 'NAME'} --replace … --price-in DOLLARS --price-out DOLLARS "
            "(a million tokens; 0 for a server of your own)",
        )
    return float(price_in), float(price_out)
