"""Keys: is each variable that a model names set, and does it look like one. No part of a value is ever shown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from workbench.doctor.environments import this_environment
from workbench.doctor.findings import Finding
from workbench.doctor.software import DISTRIBUTION
from workbench.engines.access import VARIABLE
from workbench.records import Model
from workbench.text import one_line

#: Length classes of a key, in characters.
SHORT, LONG = 16, 200
#: Engine → the extra it needs and the module by which that is known.
NEEDS = {
    "bundled": ("demo", "xllamacpp"), "sentence-transformers": ("sentence-transformers", "sentence_transformers"),
    "vllm": ("vllm", "vllm"), "vllm-server": ("vllm", "vllm"),
}  # fmt: skip


def variables(model: Model) -> list[str]:
    """The environment variables that hold what a model is entered with."""
    name = model.params.get("api_key_env")
    names = [name] if isinstance(name, str) and name else []
    headers = model.params.get("headers")
    for value in headers.values() if isinstance(headers, Mapping) else ():
        names += [found[1] or found[2] for found in VARIABLE.finditer(str(value))]
    return list(dict.fromkeys(names))


def check_keys(models: Iterable[Model]) -> list[Finding]:
    """One finding a variable."""
    needed: dict[str, list[str]] = {}
    for model in models:
        for name in variables(model):
            needed.setdefault(name, []).append(model.model_id)
    return [_key(name, named(users)) for name, users in sorted(needed.items())]


def named(names: list[str]) -> str:
    """Some names of models, the first few of them, each on one line."""
    shown = ", ".join(one_line(name, 40) for name in names[:4])
    return shown + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _key(name: str, users: str) -> Finding:
    value = os.environ.get(name)
    about, fix = f"key.{name}", f"export {name}=…"
    if value is None:
        return Finding(about, "problem", f"{name} is not set; needed by {users}", fix)
    bare = value.strip()
    if not bare:
        return Finding(about, "problem", f"{name} is empty; needed by {users}", fix)
    if not bare.isprintable():
        return Finding(about, "problem", f"{name} holds more than one line; needed by {users}", fix)
    if bare[0] in "'\"" or bare[-1] in "'\"":
        return Finding(about, "warning", f"{name} begins or ends with a quote; used by {users}", fix)
    length = "short" if len(bare) < SHORT else "long" if len(bare) > LONG else "of usual length"
    return Finding(about, "ok", f"{name} is set ({length}); used by {users}")


def check_engines(models: Iterable[Model]) -> list[Finding]:
    """Models whose engine needs an extra that is not installed."""
    lacking: dict[str, list[str]] = {}
    here = this_environment()
    for model in models:
        extra, module = NEEDS.get(model.engine, ("", ""))
        if extra and not model.params.get("vllm_python") and here.package(module) is None:
            lacking.setdefault(extra, []).append(model.model_id)
    return [
        Finding(
            f"software.{extra}_needed", "problem", f"extra {extra} is not installed; needed by {named(users)}",
            f'pip install "{DISTRIBUTION}[{extra}]"',
        )
        for extra, users in lacking.items()
    ]  # fmt: skip
