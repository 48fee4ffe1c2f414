"""The user's settings file: ``config.toml`` in the user's configuration folder, or where ``WORKBENCH_CONFIG`` says."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from workbench.errors import BadInput, Unknown
from workbench.toml_files import read_toml


@dataclass(frozen=True, slots=True)
class Settings:
    """What a user may set once and for all."""

    annotator: str = ""
    """Name written with your votes; the login name if empty."""

    poll_s: float = 1.0
    """Seconds between two looks of the terminal UI at what changed in the store."""

    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys of the terminal UI by action id, e.g. {"annotate.tie" = "t,0"}."""


def settings_path() -> Path:
    if given := os.environ.get("WORKBENCH_CONFIG"):
        return Path(given)
    import platformdirs

    return Path(platformdirs.user_config_dir("workbench", appauthor=False)) / "config.toml"


def load_settings() -> Settings:
    """The settings; defaults where the file says nothing or does not exist.

    Raises:
        BadInput: the file is not TOML, has an unknown key, or a value of the wrong type.
    """
    path = settings_path()
    given = read_toml(path) if path.exists() else {}
    defaults = Settings()
    known = {f.name: type(getattr(defaults, f.name)) for f in fields(Settings)}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            raise Unknown("setting", key, known, hint=f"see {path}")
        expected = known[key]
        if expected is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, expected):
            raise BadInput(f"must be a {expected.__name__}", file=str(path), field=key)
        values[key] = value
    return Settings(**values)


def annotator_name(given: str | None = None) -> str:
    """Who votes: given, from the settings, or the login name."""
    return given or load_settings().annotator or getpass.getuser()
