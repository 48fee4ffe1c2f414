"""Adding to a selection: what was chosen is kept, rank by rank, and the choice goes on from there.

The result is a new selection of the same name (selections are never changed); the name means the newest. Annotation
knows an item by its question and answers, whichever selection it is in: what was voted on is done, and not asked again.

An item of the control arm that the longer selection picks is in both arms then. So it must be: the rest of the control
arm is a random draw from the items that are not selected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from workbench.errors import BadInput, Unknown
from workbench.records import Row
from workbench.select.spec import SelectSpec, quota_words, quotas
from workbench.store import Store

Pair = tuple[str, str]
#: What an extension cannot change, and where a selection keeps it: a column, or an entry of ``options``.
FIXED = ("diversity", "mode", "metric", "metric_version", "bench", "embedder", "across")
_COPIED = (
    "method", "arm", "model_a", "model_b", "rank", "question_id", "response_a", "response_b", "score", "similarity",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Rows of the selection that is added to, and the version of the embedder that spread it; none without one."""

    rows: list[Row] = field(default_factory=list)
    embedder_version: str | None = None
    _places: dict[tuple[Pair, str], list[int]] = field(default_factory=dict)
    _last: dict[tuple[Pair, str], int] = field(default_factory=dict)

    def pairs(self) -> Iterable[Pair]:
        return dict.fromkeys(pair for pair, _ in self._places)

    def places(self, pair: Pair, arm: str = "selected") -> list[int]:
        """Places in file order of the questions that this pair has already; −1 for one that is gone."""
        return self._places.get((pair, arm), [])

    def count(self, pair: Pair, arm: str = "selected") -> int:
        return len(self.places(pair, arm))

    def last_rank(self, pair: Pair, arm: str) -> int:
        return self._last.get((pair, arm), 0)

    def check(self, spec: SelectSpec, version: str, encoder: str | None) -> None:
        """Raises BadInput when the instructions were embedded by another version of the embedder than now."""
        if self.rows and encoder is not None and self.embedder_version not in (None, encoder):
            raise BadInput(
                f"selection '{spec.extend}' was spread by {self.embedder_version}; '{spec.embedder}' is {encoder} now",
                hint="vectors of two encoders are never mixed: make a selection of another --name",
            )


def extended(store: Store, spec: SelectSpec) -> tuple[SelectSpec, Kept]:
    """The spec of ``spec.extend`` with what is new, and its items.

    Raises:
        Unknown: no selection of this name.
        BadInput: it was made by another method, with options that an extension cannot change, or asks for more already.
    """
    assert spec.extend is not None
    found = store.query("select_find", wanted=spec.extend)
    if not found or spec.extend == "latest":
        raise Unknown("selection", spec.extend, {row["name"] for row in store.query("select_names")})
    head = found[0]
    if head["method"] not in ("mad", "random"):
        raise BadInput(f"selection '{spec.extend}' was made by {head['method']}; only those of mad can be extended")
    options: dict[str, Any] = json.loads(head["options"] or "{}")
    rows = store.query("select_rows", selection_id=head["selection_id"], bench=options.get("bench"))
    before = {name: head.get(name, options.get(name)) for name in FIXED}
    merged = replace(spec, name=head["name"], extend=head["name"], **_settled(spec, before, options))
    merged = replace(merged, **_sizes(spec, head, options, rows))
    models = set(options.get("models") or {row[side] for row in rows for side in ("model_a", "model_b")})
    if spec.models or not options.get("all_models", True):
        merged = replace(merged, models=tuple(sorted(models | set(spec.models))))
    places: dict[tuple[Pair, str], list[int]] = {}
    last: dict[tuple[Pair, str], int] = {}
    for row in rows:
        key = (row["model_a"], row["model_b"]), row["arm"]
        places.setdefault(key, []).append(row["place"])
        last[key] = max(last.get(key, 0), row["rank"])
    kept = [{name: row[name] for name in _COPIED} for row in rows]
    return merged, Kept(kept, options.get("embedder_version"), places, last)


def _settled(spec: SelectSpec, before: Row, options: Row) -> dict[str, Any]:
    """The options that stay as they were. Raises BadInput where the spec asks for something else."""
    usual = {f.name: f.default for f in fields(SelectSpec)}
    found: dict[str, Any] = {}
    for name in FIXED:
        given, was = getattr(spec, name), before[name]
        unsaid = given == usual[name] or (name == "metric" and given == "bertscore" and was == "bertscore-f1")
        if was is None and name in ("embedder", "across"):
            found[name] = given  # made without one, or before this was kept
            continue
        if not unsaid and given != was and not (name == "metric_version" and str(given) in str(was)):
            raise BadInput(
                f"selection '{spec.extend}' was made with {was}, not {given}", field=name,
                hint="an extension keeps the options; for others make a selection of another --name",
            )  # fmt: skip
        found[name] = was
    return found


def _sizes(spec: SelectSpec, head: Row, options: Row, rows: list[Row]) -> dict[str, Any]:
    """K, quotas and the control arm: as they were, or more. Raises BadInput for less."""
    was_quota = {str(name): int(n) for name, n in (options.get("quota") or {}).items()}
    was_each = options.get("per_category")
    now_quota = quotas(spec)
    by_quota = bool(was_quota or was_each)
    if (by_quota and spec.top_k is not None) or (not by_quota and (now_quota or spec.per_category)):
        how = "quotas" if by_quota else "K for each pair"
        raise BadInput(f"selection '{spec.extend}' was made with {how}; an extension keeps to that", field="extend")
    if (was_quota and spec.per_category) or (was_each and now_quota):
        raise BadInput(f"selection '{spec.extend}' was made with the other kind of quotas", field="quota")
    drawn: dict[Pair, int] = {}
    for row in rows:
        drawn[row["model_a"], row["model_b"]] = drawn.get((row["model_a"], row["model_b"]), 0) + (
            row["arm"] == "control"
        )
    control = max(int(options.get("control") or 0), max(drawn.values(), default=0))
    wishes: list[tuple[str, int | None, int | None]] = [
        ("top_k", spec.top_k, None if by_quota else head["k"]),
        ("per_category", spec.per_category, was_each),
        ("control", spec.control or None, control),
    ]
    wishes += [("quota", now_quota.get(name), n) for name, n in was_quota.items() if now_quota]
    for name, now, was in wishes:
        if now is not None and was is not None and now < was:
            raise BadInput(
                f"selection '{spec.extend}' has {was} already, not {now}", field=name, hint="it cannot shrink"
            )
    return {
        "top_k": None if by_quota else max(spec.top_k or 0, head["k"]),
        "per_category": spec.per_category or was_each,
        "quota": quota_words({**was_quota, **now_quota}),
        "control": max(spec.control, control),
    }
