"""Lines of descent: what is asked, in which order, and by what name an answer is known again.

``per_seed`` lines start at every seed. In each round every line is asked for one instruction made from its latest
accepted one, or from the seed while it has none: a line whose answer was rejected tries again, another way, in the next
round. So the number of requests is seeds × lines × rounds, whatever is rejected.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.engines.protocol import Message, Request, Sampling
from workbench.engines.registry import params_hash
from workbench.engines.spending import prices
from workbench.errors import BadInput
from workbench.evolve.prompts import DEFAULT, SHIPPED, Direction, Scenario, scenario
from workbench.evolve.spec import EvolveSpec
from workbench.records import Model, Row, stable_id
from workbench.scope import NO_LIMIT, check_questions, named_model
from workbench.similarity.embedding import named_embedder
from workbench.store import Store

#: Longest answer in tokens and sampling temperature, unless the model's own settings say otherwise.
MAX_TOKENS, TEMPERATURE = 1024, 0.7


@dataclass(slots=True)
class Line:
    """One line of descent of a seed, and where it has come to: the id and text its next instruction is made from."""

    seed: Row
    slot: int
    scenario: Scenario
    parent_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. ``key`` is a hash of all that shapes its answer."""

    key: str
    line: Line
    round: int
    direction: Direction
    parent_id: str
    parent_text: str
    messages: tuple[Message, ...]

    def request(self, sampling: Sampling, attempt: int, *, seeded: bool, model_seed: int) -> Request:
        """Another attempt draws by another seed: the same one would bring the same answer."""
        if seeded:
            number = int(stable_id("evolve seed", model_seed, self.key, attempt)[:8], 16) & 0x7FFFFFFF
            sampling = dataclasses.replace(sampling, seed=number)
        return Request(self.key, self.messages, sampling, self.line.scenario.schema)

    def about(self, spec: EvolveSpec) -> dict[str, Any]:
        """What the answer was asked for, as it is kept with answers and new questions."""
        used = self.line.scenario
        return {
            "round": self.round, "scenario": used.name, "template": used.template, "template_hash": used.hash,
            "direction": self.direction.name, "model": spec.model, "parent_id": self.parent_id,
            "seed_id": self.line.seed["question_id"], "line": self.line.slot,
        }  # fmt: skip


def check(store: Store, spec: EvolveSpec) -> tuple[Model, Model, Model | None]:
    """The model, the encoder, and the model that checks, if one does.

    Raises:
        Unknown, BadInput: a model, encoder, bench, category, question or scenario there is not, or a wrong number.
        BadInput: there is a limit on cost, and a model has no prices.
    """
    model = named_model(store, spec.model)
    encoder = named_embedder(store, spec.embedder)
    checker = None if spec.checker is None else named_model(store, spec.checker, "checker")
    if spec.max_cost is not None:
        for asked in (model, checker):
            if asked is not None:
                prices(asked.params, asked.model_id)
    for name in ("rounds", "per_seed", "concurrency"):
        value = getattr(spec, name)
        if value is not None and value < 1:
            raise BadInput(f"must be at least 1, not {value}", field=name)
    if not 0.0 < spec.threshold <= 1.0:
        raise BadInput(f"must be above 0 and at most 1, not {spec.threshold}", field="threshold")
    if spec.into is not None and not spec.into.strip():
        raise BadInput("is empty", field="into")
    if spec.target == spec.bench:
        raise BadInput(
            f"new questions cannot go among their seeds ('{spec.bench}')",
            field="into",
            hint="name another: --into NAME",
        )
    if spec.scenario is not None:
        scenario(spec.scenario)
    check_questions(store, spec.bench, spec.category, spec.limit, spec.questions)
    return model, encoder, checker


def seeds(store: Store, spec: EvolveSpec) -> list[Row]:
    return store.query(
        "evolve_seeds", bench=spec.bench, category=spec.category, questions=list(spec.questions),
        limit=spec.limit or NO_LIMIT,
    )  # fmt: skip


def start_lines(seeds: Sequence[Row], spec: EvolveSpec) -> list[Line]:
    """All lines at their seeds, seed by seed. Of a seed with several turns the first is evolved."""
    found = []
    for seed in seeds:
        used = scenario(spec.scenario or _own_scenario(seed))
        for slot in range(spec.per_seed):
            found.append(Line(seed, slot, used, seed["question_id"], seed["instruction"]))
    return found


def _own_scenario(seed: Row) -> str:
    own = str(seed["scenario"] or "")
    return own if own in SHIPPED else DEFAULT


def sampling_of(model: Model) -> Sampling:
    params = model.params
    temperature = params.get("temperature")
    return Sampling(
        temperature=TEMPERATURE if temperature is None else float(temperature),
        top_p=params.get("top_p"),
        max_tokens=int(params.get("max_tokens") or MAX_TOKENS),
        stop=tuple(params.get("stop") or ()),
    )


def ask(line: Line, round_number: int, model: Model, sampling: Sampling, spec: EvolveSpec) -> Ask:
    """What a line is asked in a round, from where it has come to."""
    seed_id = line.seed["question_id"]
    way = line.scenario.direction(seed_id, line.slot, round_number)
    reference = line.seed["reference"] if line.parent_id == seed_id else None
    messages = line.scenario.render(line.text, way, line.seed["category"], reference)
    if own := model.params.get("system_prompt"):
        messages = (Message("system", f"{own}\n\n{messages[0].content}"), *messages[1:])
    key = stable_id(
        "evolve", spec.target, seed_id, line.slot, round_number, line.parent_id, params_hash(model),
        dataclasses.asdict(sampling), line.scenario.hash, [(m.role, m.content) for m in messages],
    )  # fmt: skip
    return Ask(key, line, round_number, way, line.parent_id, line.text, messages)


def question_id(bench: str, parent_id: str, instruction: str) -> str:
    """The id of a new instruction: the same whenever the same text is made from the same parent."""
    return "e-" + stable_id("evolved", bench, parent_id, instruction)[:20]


def advance(lines: Sequence[Line], asks: Sequence[Ask], accepted: Mapping[str, tuple[str, str]]) -> None:
    """Move every line whose answer was accepted on to it. ``accepted``: request → (id, instruction)."""
    for line, asked in zip(lines, asks, strict=True):
        if asked.key in accepted:
            line.parent_id, line.text = accepted[asked.key]
