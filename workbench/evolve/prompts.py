"""Prompts of instruction evolution: TOML files of a scenario each, and a renderer that trusts nobody.

A file holds a system prompt, one prompt, and several *directions*, of which every request gets one: which, is told by
seed, line of descent and round alone, so that the lines of one seed go different ways and a run can be repeated.

Seeds were written by others, some of them as attacks. Their text is inserted in one pass, so that a placeholder in it
stays what it is, and stands between fence lines longer than any run of that character in it.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from workbench.engines.protocol import Message
from workbench.errors import BadInput, Unknown
from workbench.records import stable_id
from workbench.toml_files import parse_toml, read_text

#: The shipped scenarios, as MAD-Eval calls them.
SHIPPED = ("Understanding", "Reasoning", "Writing", "Coding")
DEFAULT = SHIPPED[0]
FENCE_LENGTH = 5
#: Words of a new instruction, unless the file says otherwise.
MIN_WORDS, MAX_WORDS = 4, 400

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_NEEDED = {"instruction", "direction"}
_ALLOWED = {*_NEEDED, "fence", "topic", "reference"}
_KEYS = {
    "scenario": str, "version": int, "answer": bool, "system": str, "prompt": str, "directions": list, "limits": dict,
}  # fmt: skip
_REQUIRED = ("scenario", "system", "prompt", "directions")


@dataclass(frozen=True, slots=True)
class Direction:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario's prompts. ``wants_answer``: the model is also asked for the new instruction's answer."""

    name: str
    version: int
    system: str
    prompt: str
    directions: tuple[Direction, ...]
    wants_answer: bool = False
    min_words: int = MIN_WORDS
    max_words: int = MAX_WORDS

    @property
    def template(self) -> str:
        return f"evolve-{self.name.lower()}-v{self.version}"

    @property
    def hash(self) -> str:
        """Of all that shapes the answer besides the seed. The limits do not: changing them costs no request."""
        parts = [(d.name, d.text) for d in self.directions]
        return stable_id("evolve template", self.system, self.prompt, parts, self.schema)[:16]

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the answer; only keywords that every provider's strict mode takes."""
        names = ["instruction", "answer"] if self.wants_answer else ["instruction"]
        return {
            "type": "object",
            "additionalProperties": False,
            "required": names,
            "properties": {name: {"type": "string"} for name in names},
        }

    def direction(self, seed_id: str, slot: int, round_number: int) -> Direction:
        """The way a line of descent goes in a round: neighbouring slots and rounds go different ways."""
        offset = int(stable_id("direction", seed_id)[:8], 16)
        return self.directions[(offset + slot + round_number - 1) % len(self.directions)]

    def render(
        self, instruction: str, direction: Direction, topic: str | None = None, reference: str | None = None
    ) -> tuple[Message, ...]:
        texts = {"instruction": instruction, "topic": topic or "none given", "reference": reference or "none given"}
        values = {**texts, "direction": direction.text, "fence": fence(texts.values())}
        prompt = _PLACEHOLDER.sub(lambda found: values[found.group(1)], self.prompt)
        return Message("system", self.system), Message("user", prompt)


def fence(texts: Any) -> str:
    """A run of ``%`` longer than any in the texts, and at least five."""
    longest = max((len(run) for text in texts for run in re.findall("%+", text)), default=0)
    return "%" * max(FENCE_LENGTH, longest + 1)


def scenario(name: str) -> Scenario:
    """A shipped scenario by name (case does not matter), or one read from a TOML file.

    Raises:
        Unknown: neither a shipped one nor a ``.toml`` file.
        BadInput: the file cannot be read or is not a scenario; names file and field.
    """
    shipped = {known.lower(): known for known in SHIPPED}
    if name.lower() in shipped:
        return _shipped(shipped[name.lower()])
    if not name.lower().endswith(".toml"):
        raise Unknown("scenario", name, SHIPPED, hint="or give the path of your own: FILE.toml (docs/evolve.md)")
    return parse_scenario(read_text(Path(name).expanduser()), name)


@functools.cache
def _shipped(name: str) -> Scenario:
    source = resources.files("workbench.evolve").joinpath("scenarios", f"{name.lower()}.toml")
    return parse_scenario(source.read_text("utf-8"), f"{name.lower()}.toml")


def parse_scenario(text: str, file: str) -> Scenario:
    """A scenario from TOML. Raises BadInput naming file and field."""
    data = parse_toml(text, file)
    for key, value in data.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(_KEYS)}"
            raise BadInput("unknown key", file=file, field=key, hint=hint)
        wanted = _KEYS[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise BadInput(f"must be {_SAID[wanted]}, not {value!r}", file=file, field=key)
    for key in _REQUIRED:
        if not data.get(key) or (isinstance(data[key], str) and not data[key].strip()):
            raise BadInput("missing or empty", file=file, field=key, hint="see docs/evolve.md")
    _check_placeholders(data["prompt"], data["system"], file)
    least, most = _limits(data.get("limits", {}), file)
    return Scenario(
        data["scenario"].strip(), data.get("version", 1), data["system"].strip(), data["prompt"].strip(),
        _directions(data["directions"], file), data.get("answer", False), least, most,
    )  # fmt: skip


_SAID = {str: "text", int: "a whole number", bool: "true or false", list: "a list of tables", dict: "a table"}


def _check_placeholders(prompt: str, system: str, file: str) -> None:
    found = set(_PLACEHOLDER.findall(prompt))
    if lacking := sorted(_NEEDED - found):
        raise BadInput(f"lacks {{{{{lacking[0]}}}}}", file=file, field="prompt")
    if unknown := sorted(found - _ALLOWED):
        raise BadInput(
            f"has the unknown placeholder {{{{{unknown[0]}}}}}", file=file, field="prompt",
            hint=f"known: {', '.join(sorted(_ALLOWED))}",
        )  # fmt: skip
    if _PLACEHOLDER.search(system):
        raise BadInput("takes no placeholders: it is the same for every seed", file=file, field="system")


def _directions(given: list[Any], file: str) -> tuple[Direction, ...]:
    found: list[Direction] = []
    for number, entry in enumerate(given, 1):
        field = f"directions[{number}]"
        if not isinstance(entry, Mapping) or set(entry) != {"name", "text"}:
            raise BadInput("must be a table of 'name' and 'text'", file=file, field=field)
        if not all(isinstance(v, str) and v.strip() for v in entry.values()):
            raise BadInput("'name' and 'text' must be texts", file=file, field=field)
        found.append(Direction(entry["name"].strip(), entry["text"].strip()))
    return tuple(found)


def _limits(given: Mapping[str, Any], file: str) -> tuple[int, int]:
    for key, value in given.items():
        if key not in ("min_words", "max_words"):
            raise BadInput("unknown key", file=file, field=f"limits.{key}", hint="known: min_words, max_words")
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise BadInput(f"must be a positive whole number, not {value!r}", file=file, field=f"limits.{key}")
    least, most = given.get("min_words", MIN_WORDS), given.get("max_words", MAX_WORDS)
    if least > most:
        raise BadInput(f"min_words {least} is more than max_words {most}", file=file, field="limits")
    return least, most
