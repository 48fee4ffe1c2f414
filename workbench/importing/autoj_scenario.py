"""Auto-J's scenario classifier data: ``category`` (the scenario), ``instruction``, ``input``.

The query is instruction and input with a space between, as the classifier sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.importing import fields
from workbench.importing.autoj_shared import Place, TestSet, scenario_of
from workbench.importing.converting import Item
from workbench.importing.fields import BadRecord
from workbench.importing.keeping import kept
from workbench.scenarios import EXTRA, SCENARIOS, UNCERTAIN

_KNOWN = frozenset((*SCENARIOS, *EXTRA, UNCERTAIN))


class AutojScenario(TestSet):
    fields = ("category", "instruction", "input")
    default_bench = "autoj-scenario"

    @classmethod
    def recognises(cls, record: Mapping[str, Any], path: Path) -> bool:
        category = record.get("category")
        return isinstance(category, str) and category in _KNOWN

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        for name in ("category", "instruction"):
            if name not in record:
                raise fields.missing(name, record)
        scenario = scenario_of(record, "category")
        if scenario is None:
            raise BadRecord("empty", "category")
        if scenario not in _KNOWN:
            self.notes["scenario that Auto-J does not have"] += 1
        instruction = fields.text(record["instruction"], "instruction")
        given = fields.text_or_null(record.get("input"), "input")
        prompt = f"{instruction} {given}" if given else instruction
        # Where one ends and the other begins cannot be told from the query.
        split = len(instruction) if given else None
        meta = kept(record, {"category": scenario, "instruction": instruction, "input": given or ""}, split=split)
        question = self.question(ordinal, line, prompt, scenario, meta, split)
        self.placed[ordinal] = Place(question.question_id)
        return [question]
