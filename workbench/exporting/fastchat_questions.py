"""FastChat ``question.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.exporting.naming import file_in, question_number
from workbench.records import Row
from workbench.store.tabular import write_rows

if TYPE_CHECKING:
    from workbench.store import Store

#: Written when they have a value; the first three are FastChat's, our import reads them all.
_OPTIONAL = ("category", "reference", "bench", "scenario", "language", "parent_id")


def export_questions(store: Store, out: Path | str, *, bench: str | None, force: bool) -> int:
    """Write the questions to a file, or to ``question.jsonl`` in a folder. Returns how many."""
    rows = _lines(store.stream("export_questions", bench=bench))
    return write_rows(file_in(out, "question.jsonl"), "jsonl", None, rows, force=force)


def _lines(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        line: dict[str, Any] = {"question_id": question_number(row["question_id"])}
        line["turns"] = row["turns"]
        line |= {name: row[name] for name in _OPTIONAL if row[name] is not None}
        if row["parent_id"] is not None:
            line["parent_id"] = question_number(row["parent_id"])
        meta = json.loads(row["meta"]) if row["meta"] else {}
        # The question's own columns go before fields of the same name that came along with it.
        yield {**(meta if isinstance(meta, dict) else {"meta": meta}), **line}
