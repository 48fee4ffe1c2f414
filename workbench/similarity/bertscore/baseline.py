"""Rescaling by a baseline: (score − b) / (1 − b), b being what unrelated sentences score with this encoder and layer.

Baselines are files of four columns, LAYER,P,R,F. Those of common encoders come with the ``bert-score`` package, one
folder a language; they are read from it where it is installed, without importing it.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from workbench.errors import BadInput
from workbench.similarity.metrics import Scores

_COLUMNS = ("LAYER", "P", "R", "F")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What unrelated sentences score: precision, recall, F1; each below 1."""

    p: float
    r: float
    f: float

    def __str__(self) -> str:
        return f"{self.p:g},{self.r:g},{self.f:g}"


def find_baseline(rescale: str, encoder: str, layer: int) -> Baseline:
    """The baseline of an encoder's layer: from the file ``rescale`` names, or the package's for that language.

    Raises:
        BadInput: no such file, none for this encoder or layer, or it cannot be read.
    """
    if rescale.endswith((".tsv", ".csv")) or "/" in rescale:
        return read_baseline(Path(rescale).expanduser(), layer)
    own = "or give a file of LAYER,P,R,F: --rescale FILE.tsv"
    if Path(encoder).expanduser().is_dir():
        raise BadInput("there is no published baseline for an encoder given as a folder", field="rescale", hint=own)
    package = find_spec("bert_score")
    if package is None or not package.submodule_search_locations:
        raise BadInput(
            "published baselines come with the bert-score package, which is not installed", field="rescale",
            hint=f"pip install 'bert-score>=0.3.13', {own}",
        )  # fmt: skip
    folder = Path(package.submodule_search_locations[0]) / "rescale_baseline"
    languages = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if rescale not in languages:
        raise BadInput(f"unknown language '{rescale}' (known: {', '.join(languages)})", field="rescale", hint=own)
    path = folder / rescale / f"{encoder}.tsv"
    if not path.is_file():
        path = folder / rescale / f"{encoder.rpartition('/')[2]}.tsv"  # FacebookAI/roberta-large was roberta-large
    if not path.is_file():
        raise BadInput(f"no published baseline of {encoder} for '{rescale}'", field="rescale", hint=own)
    return read_baseline(path, layer)


def read_baseline(path: Path, layer: int) -> Baseline:
    """One layer's line of a baseline file. Raises BadInput where there is none, or no three numbers below 1 in it."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if tuple(name.strip() for name in rows.fieldnames or ()) != _COLUMNS:
                raise BadInput(f"must begin with the line {','.join(_COLUMNS)}", file=str(path), line=1)
            found = [(rows.line_num, row) for row in rows if (row["LAYER"] or "").strip() == str(layer)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"cannot be read: {getattr(error, 'strerror', None) or error}", file=str(path)) from None
    if not found:
        raise BadInput(f"has no line for layer {layer}", file=str(path), field="LAYER")
    line, row = found[0]
    values = []
    for column in _COLUMNS[1:]:
        try:
            value = float(row[column])
        except (TypeError, ValueError):
            value = math.nan
        if not value < 1:
            raise BadInput(f"must be a number below 1, not {row[column]!r}", file=str(path), line=line, field=column)
        values.append(value)
    return Baseline(*values)


def rescaled(scores: Scores, baseline: float) -> Scores:
    return (scores - baseline) / (1 - baseline)
