"""MAD-Eval's ``MODEL1-vs-MODEL2.jsonl``: a file a pair of models."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput, Unknown
from workbench.exporting.formats import Options
from workbench.exporting.keeping import meta_of, restored
from workbench.exporting.mad_data import texts
from workbench.exporting.naming import folder, make_folders, safe_name
from workbench.records import Row
from workbench.store.tabular import write_rows

if TYPE_CHECKING:
    from workbench.store import Store


def export_similarities(store: Store, out: Path | str, options: Options) -> int:
    """Write a file a pair of models into the folder ``out``, or the one pair there is to a file. Returns lines.

    Imported lines come out as they went in, in their file's order. Then come pairs of answers whose similarity was made
    here, with ``output`` by the majority of the votes on them (``tie`` when even, empty without votes).

    Raises:
        BadInput: there are similarities of several metrics, and none is named.
    """
    pairs = [(row["model_1"], row["model_2"]) for row in store.query("export_mad_pairs", bench=options.bench)]
    metric = _metric(store, options)
    if metric is not None:
        made = store.query("export_mad_made_pairs", bench=options.bench, metric=metric)
        both = {frozenset(pair) for pair in pairs}
        pairs += [found for row in made if frozenset(found := (row["model_a"], row["model_b"])) not in both]
    if str(out) == "-" or Path(out).suffix.lower() in (".jsonl", ".ndjson"):
        if len(pairs) > 1:
            raise BadInput(f"there are {len(pairs)} pairs of models, a file each", hint="name a folder with -o FOLDER")
        return sum(write_rows(out, "jsonl", None, _lines(store, *pair, metric, options), force=options.force)
                   for pair in pairs)  # fmt: skip
    base = folder(out, kind="similarities")
    files = [base / safe_name(f"{one}-vs-{two}", ".jsonl") for one, two in pairs]
    make_folders(files, force=options.force)
    return sum(
        write_rows(file, "jsonl", None, _lines(store, *pair, metric, options), force=options.force)
        for file, pair in zip(files, pairs, strict=True)
    )


def _metric(store: Store, options: Options) -> str | None:
    """The metric of the similarities made here; ``None`` when there are none. Raises Unknown for one there is not."""
    found = [row["metric"] for row in store.query("export_mad_metrics", bench=options.bench)]
    if options.metric is not None:
        wanted = "bertscore-f1" if options.metric == "bertscore" else options.metric
        judged = {row["judge"] for row in store.query("export_mad_judges")}
        if wanted not in found and wanted not in judged:
            raise Unknown("metric", options.metric, {*found, *judged})
        return wanted
    if len(found) < 2:
        return found[0] if found else None
    raise BadInput(f"there are similarities by {', '.join(found)}", hint="choose one with --metric NAME")


def _lines(store: Store, one: str, two: str, metric: str | None, options: Options) -> Iterator[Row]:
    imported = store.stream("export_mad_lines", model_1=one, model_2=two, bench=options.bench)
    found = map(_imported, imported)
    if metric is None:
        return found
    made = store.stream(
        "export_mad_made", model_a=min(one, two), model_b=max(one, two), metric=metric, bench=options.bench
    )
    return chain(found, (_made(row, one, two) for row in made))


def _imported(row: Row) -> dict[str, Any]:
    meta = meta_of(row["meta"])
    line = texts(row, "a" if row["first"] == "a" else "b", meta.get("input"))
    if row["verdict"] is not None:
        line["output"] = _output(row)
    if row["score"] is not None:
        line["score"] = row["score"]
    if row["raw_text"] is not None:
        line["explanation"] = row["raw_text"]
    return restored(line, meta)


def _made(row: Row, one: str, two: str) -> dict[str, Any]:
    return {
        **texts(row, "a" if one < two else "b", None),
        "input": "",
        "output": _output(row),
        "score": row["score"],
        "explanation": row["explanation"] or "",
        "source": f"{one}-vs-{two}.jsonl",
    }


def _output(row: Row) -> str:
    """The winner's name, ``tie``, or nothing before annotation."""
    winner: str = {"a": row["model_a"], "b": row["model_b"], "tie": "tie"}.get(row["verdict"], "")
    return winner
