"""What is in the store as files: tables, and FastChat's own formats.

CSV cells are raw. Text of a model that begins with ``=``, ``+``, ``-`` or ``@`` is not disarmed: an export that
changed data would be no export. Open such files as text columns in a spreadsheet program.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import BadInput, Unknown

if TYPE_CHECKING:
    from workbench.store import Store

__all__ = ["FORMATS", "KINDS", "export"]

KINDS = ("questions", "responses", "judgments", "annotations", "battles")
#: Format name → one line of help.
FORMATS: dict[str, str] = {
    "jsonl": "every column, one JSON object a line",
    "csv": "every column; lists and objects as JSON text",
    "parquet": "every column",
    "fastchat": "FastChat's files: question.jsonl, model_answer/, model_judgment/, votes",
}


def export(
    store: Store, kind: str, format: str, out: Path | str, *, force: bool = False, bench: str | None = None
) -> int:
    """Write one kind of thing. Returns the rows or lines written.

    Args:
        store: where from.
        kind: one of ``KINDS``.
        format: one of ``FORMATS``.
        out: a file, or ``-`` for standard output; for FastChat's answers and judgments the folder that holds
            (or will hold) ``model_answer``, ``reference_answer`` and ``model_judgment``.
        force: write over files that exist.
        bench: only what belongs to questions of this benchmark.

    Raises:
        Unknown: no such kind or format.
        BadInput: a file exists and ``force`` is not set, it cannot be written, or FastChat has no form for the kind.
    """
    if kind not in KINDS:
        raise Unknown("kind of export", kind, KINDS)
    if format not in FORMATS:
        raise Unknown("format", format, FORMATS, hint="formats: " + ", ".join(FORMATS))
    if format != "fastchat":
        from workbench.exporting.tables import export_table

        return export_table(store, kind, format, out, bench=bench, force=force)
    if kind == "questions":
        from workbench.exporting.fastchat_questions import export_questions as write
    elif kind == "responses":
        from workbench.exporting.fastchat_answers import export_answers as write
    elif kind == "judgments":
        from workbench.exporting.fastchat_judgments import export_judgments as write
    elif kind == "annotations":
        from workbench.exporting.fastchat_votes import export_votes as write
    else:
        raise BadInput("FastChat has no file of battles", hint="export annotations or judgments, or battles as jsonl")
    return write(store, out, bench=bench, force=force)
