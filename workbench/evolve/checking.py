"""A model's opinion of each new instruction: does it hold all that is needed, and can it be answered?

Rules see what a person would see at once; whether a problem can be solved takes reading it. Only what breaks no rule
and is nothing like what was there before is checked. A check that cannot be read drops nothing: it is counted, and
the question's ``meta.check`` says so.
"""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from workbench.engines.protocol import Message, Request, Sampling
from workbench.engines.registry import params_hash
from workbench.evolve.answers import Unreadable, read_object, whole_text
from workbench.evolve.journal import Kept
from workbench.evolve.prompts import fence
from workbench.evolve.spec import EvolveSpec
from workbench.records import Model, stable_id

#: What an instruction is left out for, beside the rules.
NOT_SELF_CONTAINED, UNANSWERABLE = "not_self_contained", "unanswerable"
#: Longest answer in tokens, unless the model's own settings say more: a sentence and two words.
MAX_TOKENS = 256
_BOTH = ("self_contained", "answerable")


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the model found. ``reason`` is its own words."""

    self_contained: bool
    answerable: bool
    reason: str = ""

    @property
    def fault(self) -> str | None:
        """The name it is left out under; ``None`` for an instruction that may be used."""
        if not self.self_contained:
            return NOT_SELF_CONTAINED
        return None if self.answerable else UNANSWERABLE


@dataclass(frozen=True, slots=True)
class Template:
    """The prompt of a check. ``hash`` covers all that shapes the answer besides the instruction."""

    version: int
    system: str
    prompt: str

    @property
    def name(self) -> str:
        return f"evolve-check-v{self.version}"

    @property
    def hash(self) -> str:
        return stable_id("evolve check", self.system, self.prompt, self.schema)[:16]

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the answer; the reason comes first, so that it is not made up to fit."""
        kinds = {"reason": "string", **dict.fromkeys(_BOTH, "boolean")}
        return {
            "type": "object",
            "additionalProperties": False,
            "required": list(kinds),
            "properties": {name: {"type": kind} for name, kind in kinds.items()},
        }

    def render(self, instruction: str) -> tuple[Message, ...]:
        # The fence first: an instruction may hold the text of a placeholder.
        prompt = self.prompt.replace("{{fence}}", fence([instruction])).replace("{{instruction}}", instruction)
        return Message("system", self.system), Message("user", prompt)


@functools.cache
def template() -> Template:
    """The shipped prompt."""
    data = tomllib.loads(resources.files("workbench.evolve").joinpath("check.toml").read_text("utf-8"))
    return Template(data["version"], data["system"].strip(), data["prompt"].strip())


@dataclass(frozen=True, slots=True)
class Check:
    """One check to be asked for. ``key`` is a hash of all that shapes its answer; ``asked_for`` is the request whose
    answer is checked."""

    key: str
    messages: tuple[Message, ...]
    asked_for: str

    def request(self, sampling: Sampling, attempt: int, *, seeded: bool, model_seed: int) -> Request:
        return Request(self.key, self.messages, sampling, template().schema)

    def about(self, spec: EvolveSpec) -> dict[str, Any]:
        """What the answer was asked for, as it is kept with it."""
        used = template()
        return {
            "model": spec.checker, "template": used.name, "template_hash": used.hash, "answer": self.asked_for,
        }  # fmt: skip


def check_of(request: str, instruction: str, model: Model, sampling: Sampling, spec: EvolveSpec) -> Check:
    """The check of the instruction that came of a request."""
    messages = template().render(instruction)
    if own := model.params.get("system_prompt"):
        messages = (Message("system", f"{own}\n\n{messages[0].content}"), *messages[1:])
    key = stable_id(
        "evolve check", spec.target, params_hash(model), dataclasses.asdict(sampling), template().hash,
        [(m.role, m.content) for m in messages],
    )  # fmt: skip
    return Check(key, messages, request)


def check_sampling(model: Model) -> Sampling:
    """Checks are drawn at temperature 0, as verdicts are."""
    longest = max(MAX_TOKENS, int(model.params.get("max_tokens") or 0))
    return Sampling(temperature=0.0, max_tokens=longest, stop=tuple(model.params.get("stop") or ()))


def read_opinion(text: str) -> Opinion:
    """The answer as one JSON object; other fields than those asked for are passed over.

    Raises:
        Unreadable: it is none, or one of the two is neither true nor false.
    """
    found = read_object(text)
    for name in _BOTH:
        if not isinstance(found.get(name), bool):
            raise Unreadable(f"'{name}' is neither true nor false")
    reason = found.get("reason")
    return Opinion(found["self_contained"], found["answerable"], whole_text(reason) if isinstance(reason, str) else "")


def opinion_of(kept: Kept) -> Opinion | None:
    """What a kept answer says; ``None`` if nothing can be read from it."""
    if kept.state != "ok":
        return None
    try:
        return read_opinion(kept.text)
    except Unreadable:
        return None


def check_state(kept: Kept) -> str:
    """``ok`` for an answer that says both, ``unparsed`` if it only came back."""
    return kept.state if kept.state != "ok" else "unparsed" if opinion_of(kept) is None else "ok"
