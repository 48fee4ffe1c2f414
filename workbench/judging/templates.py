"""Judge templates: data files with a name, a version and four prompts each, and a renderer that trusts nobody.

A file of ``templates/`` holds one protocol in one output form:

- ``text``: the verdict stands in double brackets in free text, for any model;
- ``json``: the answer is an object under ``schema``, for engines that can constrain their output.

Its four prompts serve first turns and whole two-turn conversations, each with and without a reference answer.

Inserted text (questions, answers) was written by others, some of it to win. It is inserted in one pass, so that a
placeholder in it stays what it is, and stands between fence lines longer than any run of the same character in it, so
that it cannot end its own block. What is the same for every pair of a question (system prompt, question, reference)
comes first, for engines that keep a shared prefix.
"""

from __future__ import annotations

import functools
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from workbench.engines.protocol import Message
from workbench.errors import BadInput
from workbench.records import stable_id

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
FENCE_CHARACTER = "%"
FENCE_LENGTH = 5
#: What a prompt of each kind may refer to.
_ALWAYS = {"fence", "question_1"}
_SECOND = {"question_2"}
_ANSWERS = {
    ("single", False): {"answer_1"},
    ("single", True): {"answer_1", "answer_2"},
    ("pairwise", False): {"answer_a_1", "answer_b_1"},
    ("pairwise", True): {"answer_a_1", "answer_b_1", "answer_a_2", "answer_b_2"},
}


@dataclass(frozen=True, slots=True)
class Template:
    """One prompt for one kind of judgment.

    ``name`` tells protocol, output form, version, and whether it takes a reference or two turns; ``schema`` is the
    JSON schema of the answer, ``None`` for free text.
    """

    name: str
    protocol: str
    output: str
    system: str
    prompt: str
    schema: Mapping[str, Any] | None = None

    @property
    def hash(self) -> str:
        """Of everything the judge is given besides the texts it judges."""
        return stable_id("template", self.protocol, self.output, self.system, self.prompt, self.schema)[:16]

    def render(self, values: Mapping[str, str]) -> tuple[Message, ...]:
        """The messages of one judgment; ``values`` are the texts to insert, by placeholder."""
        filled = {**values, "fence": fence(values.values())}
        prompt = _PLACEHOLDER.sub(lambda found: filled[found.group(1)], self.prompt)
        return Message("system", self.system), Message("user", prompt)


def fence(texts: Any) -> str:
    """A run of ``%`` longer than any in the texts, and at least five."""
    runs = (len(run) for text in texts for run in re.findall(f"{FENCE_CHARACTER}+", text))
    return FENCE_CHARACTER * max(FENCE_LENGTH, 1 + max(runs, default=0))


def template(protocol: str, output: str, *, reference: bool = False, multi_turn: bool = False) -> Template:
    """The shipped template for a kind of judgment. ``protocol`` is single or pairwise, ``output`` text or json."""
    return _read(f"{protocol}-{output}")[reference, multi_turn]


def all_templates() -> list[Template]:
    return [t for p in ("single", "pairwise") for o in ("text", "json") for t in _read(f"{p}-{o}").values()]


@functools.cache
def _read(stem: str) -> dict[tuple[bool, bool], Template]:
    """The four templates of a file, by (reference, multi_turn)."""
    source = resources.files("workbench.judging").joinpath("templates", f"{stem}.toml")
    data = tomllib.loads(source.read_text("utf-8"))
    schema = json.loads(data["schema"]) if "schema" in data else None
    found = {}
    for reference in (False, True):
        for multi_turn in (False, True):
            key = "_".join(["reference"] * reference + ["multi_turn"] * multi_turn) or "plain"
            name = f"{data['name']}{'-ref' * reference}-v{data['version']}{'-multi-turn' * multi_turn}"
            made = Template(
                name, data["protocol"], data["output"], data["system"].strip(), data["prompts"][key].strip(), schema
            )
            _check(made, reference, multi_turn)
            found[reference, multi_turn] = made
    return found


def _check(made: Template, reference: bool, multi_turn: bool) -> None:
    """Raises BadInput when a prompt's placeholders are not exactly those of its kind."""
    wanted = _ALWAYS | _ANSWERS[made.protocol, multi_turn] | (_SECOND if multi_turn else set())
    if reference:
        wanted |= {"reference_1", "reference_2"} if multi_turn else {"reference_1"}
    found = set(_PLACEHOLDER.findall(made.prompt))
    if found != wanted or _PLACEHOLDER.search(made.system):
        raise BadInput(
            f"template {made.name} has the placeholders {', '.join(sorted(found))}; wanted: {', '.join(sorted(wanted))}"
        )
