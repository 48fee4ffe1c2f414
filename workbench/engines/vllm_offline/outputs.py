"""What vLLM hands out, as results: read by the same rules as what its server would have sent."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.engines.api import read_answer
from workbench.engines.endpoint import Answer
from workbench.engines.pricing import cost_usd
from workbench.engines.protocol import Result, Token


def read_output(key: str, output: Any, params: Mapping[str, Any], latency: float) -> Result:
    """A finished ``vllm.RequestOutput`` as a result. ``latency`` is seconds since vLLM was given the request."""
    prompt = len(output.prompt_token_ids or ())
    results = [_read(key, one, params, latency, 0 if i else prompt) for i, one in enumerate(output.outputs)]
    if not results:
        return Result(key, "error", error="no answer came of it", latency=latency)
    return dataclasses.replace(results[0], also=tuple(results[1:])) if len(results) > 1 else results[0]


def _read(key: str, one: Any, params: Mapping[str, Any], latency: float, prompt: int) -> Result:
    completion = len(one.token_ids or ())
    choice = {"message": {"content": one.text}, "finish_reason": one.finish_reason}
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    result = read_answer(key, Answer({"choices": [choice], "usage": usage}, 0, latency), params)
    if one.finish_reason in ("abort", "error"):
        result = dataclasses.replace(result, state="error", error="vLLM gave it up")
    return dataclasses.replace(
        result, cost=cost_usd(params, prompt, completion), tokens=_tokens(_said(one), one.logprobs)
    )


def _said(one: Any) -> Sequence[int]:
    """An answer's tokens without the one that ended it, which is no part of its text."""
    ids: Sequence[int] = one.token_ids or ()
    ended = one.finish_reason == "stop" and not isinstance(one.stop_reason, str)
    return ids[:-1] if ended else ids


def _tokens(ids: Iterable[int], logprobs: Any) -> tuple[Token, ...] | None:
    """The tokens of an answer with the likeliest ones at each place, from ``{token id: Logprob}`` a place."""
    if not logprobs:
        return None
    found: list[Token] = []
    for number, place in zip(ids, logprobs, strict=False):
        chosen = place.get(number) if place else None
        if chosen is None:
            continue
        # The chosen one comes first and may not be among the likeliest; what cannot come is told as minus infinity.
        ranked = sorted((one for one in place.values() if one.logprob > -math.inf), key=lambda one: -one.logprob)
        found.append(Token(_text(chosen), float(chosen.logprob), tuple((_text(o), float(o.logprob)) for o in ranked)))
    return tuple(found) or None


def _text(one: Any) -> str:
    return one.decoded_token or ""
