"""FastChat ``model_judgment/JUDGE_single.jsonl`` and ``JUDGE_pair.jsonl``.

A pair is written when both of its games were played; an imported verdict over two games as FastChat's
older rows with one ``winner``. Prompts are not stored, so ``user_prompt`` is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.exporting.naming import folder, make_folders, question_number, safe_name, seconds
from workbench.records import Row
from workbench.store.tabular import write_rows

if TYPE_CHECKING:
    from workbench.store import Store

_SUFFIX = {"single": "_single.jsonl", "pairwise": "_pair.jsonl"}
_WINNER = {"a": "model_1", "b": "model_2", "tie": "tie"}
#: FastChat's score of a grade that could not be read.
UNPARSED = -1


def export_judgments(store: Store, out: Path | str, *, bench: str | None, force: bool) -> int:
    """Write the judgments in force, a file a judge and protocol, in ``model_judgment`` under ``out``. Returns lines."""
    base = folder(out, kind="judgments") / "model_judgment"
    targets = [
        (row["judge"], row["protocol"], base / safe_name(row["judge"], _SUFFIX[row["protocol"]]))
        for row in store.query("export_fastchat_judges", bench=bench)
    ]
    make_folders([file for _, _, file in targets], force=force)
    count = 0
    for judge, protocol, file in targets:
        if protocol == "single":
            lines = _single(store.stream("export_fastchat_single", judge=judge, bench=bench), judge)
        else:
            lines = _pair(store.stream("export_fastchat_pair", judge=judge, bench=bench), judge)
        count += write_rows(file, "jsonl", None, lines, force=force)
    return count


def _single(rows: Iterator[Row], judge: str) -> Iterator[Row]:
    for row in rows:
        yield {
            "question_id": question_number(row["question_id"]),
            "model": row["model"],
            "judge": [judge, row["template"]],
            "user_prompt": "",
            "judgment": row["raw_text"] or "",
            "score": UNPARSED if row["score"] is None else row["score"],
            "turn": row["turn"],
            "tstamp": seconds(row["created_at"]),
        }


def _pair(rows: Iterator[Row], judge: str) -> Iterator[Row]:
    for row in rows:
        line: dict[str, Any] = {
            "question_id": question_number(row["question_id"]),
            "model_1": row["model_a"],
            "model_2": row["model_b"],
        }
        if row["state_ab"] is None and row["state_ba"] is None:
            line["winner"] = _winner(row["verdict"])
        else:
            line |= {"g1_winner": _winner(row["verdict_ab"]), "g2_winner": _winner(row["verdict_ba"])}
        yield {
            **line,
            "judge": [judge, row["template"]],
            "g1_user_prompt": "",
            "g1_judgment": row["raw_ab"] or "",
            "g2_user_prompt": "",
            "g2_judgment": row["raw_ba"] or "",
            "turn": row["turn"],
            "tstamp": seconds(row["decided_at"]),
        }


def _winner(verdict: str | None) -> str:
    """A verdict in FastChat's words; one that could not be read is an error."""
    return "error" if verdict is None else _WINNER[verdict]
