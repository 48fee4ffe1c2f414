"""Columns by name: what files of no particular format call a field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: Field → accepted names, in order of preference; the field's own name first, so that ``--map`` wins.
QUESTION = {
    "question_id": ("question_id", "qid", "prompt_id", "instruction_id", "id", "uid", "idx"),
    "turns": ("turns", "question", "prompt", "instruction", "query", "question_text"),
    "input": ("input",),
    "bench": ("bench", "benchmark"),
    "category": ("category", "topic", "subject"),
    "scenario": ("scenario",),
    "language": ("language", "lang"),
    "reference": (
        "reference", "reference_answer", "references", "answer", "ground_truth", "target", "gold", "solution", "ideal",
    ),
    "parent_id": ("parent_id",),
    "meta": ("meta",),
}  # fmt: skip

RESPONSE = {
    "question_id": QUESTION["question_id"],
    "model": ("model", "model_id", "generator", "model_name"),
    "answer": (
        "answer", "answers", "response", "responses", "output", "completion", "generation", "turns", "text",
    ),
    "question": ("question", "prompt", "instruction", "query", "question_text"),
    "input": ("input",),
    "sample": ("sample", "sample_index", "choice_index"),
    "tstamp": ("tstamp", "timestamp", "created_at"),
    "reasoning": ("reasoning", "reasoning_content", "thinking"),
    "bench": QUESTION["bench"],
    "category": QUESTION["category"],
    "finish_reason": ("finish_reason", "stop_reason"),
    "prompt_tokens": ("prompt_tokens",),
    "completion_tokens": ("completion_tokens",),
    "latency": ("latency",),
    "cost": ("cost",),
    "params": ("params",),
    "params_hash": ("params_hash",),
    "attempt": ("attempt",),
    "state": ("state",),
    "error": ("error",),
}  # fmt: skip

#: Columns that mean what our own export means by them only beside a ``params_hash``, which nobody else writes.
RESPONSE_OWN = frozenset({"params", "attempt", "state", "error"})

#: Names of a field that can hold nothing but an answer.
ANSWER_ONLY = frozenset({"response", "responses", "output", "completion", "generation", "answers"})


def normal(name: str) -> str:
    """A column's name as the lists above spell it."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


class Resolver:
    """Finds the column of each field; remembers the answer for each set of columns."""

    def __init__(self, synonyms: Mapping[str, tuple[str, ...]]) -> None:
        self.synonyms = synonyms
        self._found: dict[tuple[str, ...], dict[str, str]] = {}

    def columns(self, names: Iterable[str]) -> dict[str, str]:
        """Field → column. A column serves one field only: the first that may have it."""
        key = tuple(names)
        if key not in self._found:
            if len(self._found) > 1_000:  # every line another set of columns: do not keep them all
                self._found.clear()
            self._found[key] = self._resolve(key)
        return self._found[key]

    def _resolve(self, names: tuple[str, ...]) -> dict[str, str]:
        by_normal: dict[str, str] = {}
        for name in names:
            by_normal.setdefault(normal(name), name)
        found: dict[str, str] = {}
        for field, accepted in self.synonyms.items():
            for synonym in accepted:
                if by_normal.get(synonym) in found.values():
                    continue
                if synonym in by_normal:
                    found[field] = by_normal[synonym]
                    break
        if "params_hash" not in found:
            found = {field: column for field, column in found.items() if field not in RESPONSE_OWN}
        return found
