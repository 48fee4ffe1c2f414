"""Votes as FastChat's ``human_judgments``, one JSON object a line.

Our own ``annotation_id``, ``flags`` and ``note`` go along, which FastChat's readers ignore, so that an import
of the file adds nothing to the store it came from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.exporting.naming import file_in, question_number, vote_time
from workbench.records import Row
from workbench.store.tabular import write_rows

if TYPE_CHECKING:
    from workbench.store import Store

_WINNERS = {
    "ab": {"a": "model_a", "b": "model_b"},
    "ba": {"a": "model_b", "b": "model_a"},
}


def export_votes(store: Store, out: Path | str, *, bench: str | None, force: bool) -> int:
    """Write the votes in force to a file, or to ``human_judgments.jsonl`` in a folder. Returns how many."""
    rows = _lines(store.stream("export_fastchat_votes", bench=bench))
    return write_rows(file_in(out, "human_judgments.jsonl"), "jsonl", None, rows, force=force)


def _lines(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        # The order on the screen is the order in the file; where it is not known, name order.
        order = "ba" if row["presented_order"] == "ba" else "ab"
        first, second = ("model_b", "model_a") if order == "ba" else ("model_a", "model_b")
        meta = json.loads(row["meta"]) if row["meta"] else {}
        line: dict[str, Any] = {
            **(meta if isinstance(meta, dict) else {"meta": meta}),
            "question_id": question_number(row["question_id"]),
            "model_a": row[first],
            "model_b": row[second],
            "winner": _winner(row, order),
            "judge": row["annotator"],
            "turn": row["turn"],
            "annotation_id": row["annotation_id"],
        }
        moment = vote_time(row["decided_at"])
        if moment is not None:
            line["tstamp"] = moment
        if row["flags"]:
            line["flags"] = row["flags"]
        if row["note"] is not None:
            line["note"] = row["note"]
        yield line


def _winner(row: Row, order: str) -> str:
    if row["verdict"] == "both_bad":
        return "tie (bothbad)"
    if row["verdict"] == "tie":
        return "tie (inconsistent)" if "inconsistent" in (row["flags"] or ()) else "tie"
    return _WINNERS[order][row["verdict"]]
