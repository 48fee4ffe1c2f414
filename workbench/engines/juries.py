"""Juries: several judges whose verdicts make one. What may be said of a jury, and what is meant by it.

A jury is a model of the engine ``jury``: it has a name, settings and no endpoint. Its members are models of their own.
Who its members are is checked against the store by ``workbench.models``; how they judge together is
``workbench.judging.jury``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from workbench.errors import BadInput, Unknown
from workbench.records import Model

ENGINE = "jury"
#: What a jury's ``judge_version`` begins with; the views tell juries' verdicts from judges' by it.
VERSION = "jury:"
RULES = ("majority", "mean", "weighted", "cascade")
#: Why a cascade asks its next member.
REASONS = ("disagreement", "tie", "unparsed", "low-confidence")
#: Below this share a verdict is ``low-confidence``, unless said otherwise.
CONFIDENCE = 0.8
SETTINGS = ("members", "rule", "weights", "confidence", "escalate_on")
LEAST = 2


@dataclass(frozen=True, slots=True)
class Jury:
    """A jury's settings, checked. Members of a cascade are in the order in which they are asked.

    ``weights`` has an entry for each member, exact: what was written, not its nearest binary number.
    """

    name: str
    members: tuple[str, ...]
    rule: str = "majority"
    weights: Mapping[str, Fraction] = field(default_factory=dict)
    confidence: float = CONFIDENCE
    escalate_on: tuple[str, ...] = ()

    @property
    def cascade(self) -> bool:
        return self.rule == "cascade"


def is_jury(model: Model) -> bool:
    return model.engine == ENGINE


def jury_of(model: Model) -> Jury:
    """The jury that a model's settings describe.

    Raises:
        Unknown: a setting, rule, reason to escalate, or a member named in the weights, that there is not.
        BadInput: fewer than two members, one named twice or itself, a weight that is not above 0, a setting that the
            rule does not use.
    """
    params = {key: value for key, value in model.params.items() if value is not None}
    for key in params:
        if key not in SETTINGS:
            raise Unknown("setting of a jury", key, SETTINGS)
    if model.endpoint is not None:
        raise BadInput("a jury has no address: its members have", field="base_url")
    members = _members(model.model_id, params.get("members"))
    rule = params.get("rule", "majority")
    if rule not in RULES:
        raise Unknown("rule of a jury", str(rule), RULES)
    weights = _weights(params.get("weights"), rule, members)
    confidence, reasons = _escalation(params.get("confidence"), params.get("escalate_on"), rule)
    return Jury(model.model_id, members, rule, weights, confidence, reasons)


def _members(name: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(isinstance(m, str) and m for m in given):
        raise BadInput("must be a list of names of models", field="members", hint="for example --members a,b,c")
    for member in given:
        if given.count(member) > 1:
            raise BadInput(f"'{member}' is named twice", field="members", hint="a rule's weights count a judge more")
        if member == name:
            raise BadInput("a jury cannot be a member of itself", field="members")
    if len(given) < LEAST:
        raise BadInput(f"a jury has {LEAST} members or more, not {len(given)}", field="members")
    return tuple(given)


def _weights(given: Any, rule: str, members: tuple[str, ...]) -> dict[str, Fraction]:
    if given is None:
        if rule == "weighted":
            raise BadInput("are missing", field="weights", hint=f"for example --weights {members[0]}=2")
        return dict.fromkeys(members, Fraction(1))
    if rule != "weighted":
        raise BadInput(f"the rule {rule} takes none", field="weights", hint="use the rule weighted")
    if not isinstance(given, Mapping):
        raise BadInput("must be a table of members and numbers", field="weights")
    found = dict.fromkeys(members, Fraction(1))
    for member, weight in given.items():
        if member not in members:
            raise Unknown("member", str(member), members)
        number = isinstance(weight, int | float) and not isinstance(weight, bool) and math.isfinite(weight)
        if not number or weight <= 0:
            raise BadInput(f"that of '{member}' must be a number above 0, not {weight}", field="weights")
        # By its decimal digits: 0.1 and 0.2 weigh as much as 0.3.
        found[member] = Fraction(repr(weight))
    return found


def _escalation(confidence: Any, reasons: Any, rule: str) -> tuple[float, tuple[str, ...]]:
    if rule != "cascade":
        for name, given in (("confidence", confidence), ("escalate_on", reasons)):
            if given is not None:
                raise BadInput(f"the rule {rule} asks all members; only cascade takes it", field=name)
        return CONFIDENCE, ()
    if reasons is not None:
        if not isinstance(reasons, Sequence) or isinstance(reasons, str) or not reasons:
            raise BadInput(f"must be a list of: {', '.join(REASONS)}", field="escalate_on")
        for reason in reasons:
            if reason not in REASONS:
                raise Unknown("reason to escalate", str(reason), REASONS)
    chosen = {"disagreement", "unparsed"} if reasons is None else set(reasons)
    if confidence is None:
        return CONFIDENCE, tuple(reason for reason in REASONS if reason in chosen)
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 < confidence <= 1:
        raise BadInput(f"must be above 0 and at most 1, not {confidence}", field="confidence")
    chosen.add("low-confidence")
    return float(confidence), tuple(reason for reason in REASONS if reason in chosen)
