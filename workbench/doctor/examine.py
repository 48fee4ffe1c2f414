"""Every check, side by side, each with a limit of its own; what hangs or fails becomes a finding like any other."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from workbench.doctor import devices as device_checks
from workbench.doctor.deadlines import Hangs, Underway
from workbench.doctor.devices import Devices
from workbench.doctor.findings import GROUPS, Finding, ordered, without_secrets
from workbench.doctor.storing import Contents
from workbench.engines.gpus import Gpu
from workbench.text import plural

if TYPE_CHECKING:
    from workbench.store import Store

T = TypeVar("T")
#: Seconds a check may take.
LIMIT_S = 3.0
#: The same for GPUs (three questions to a driver), for a store whose owner must be started, and for endpoints.
GPU_LIMIT_S, STORE_LIMIT_S, PROBE_LIMIT_S = 10.0, 6.0, 12.0
#: What need not be looked at every few seconds.
SLOW = frozenset({"disk", "software", "terminal"})


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, problems first; the GPUs and their slices as they are; seconds it took."""

    findings: tuple[Finding, ...]
    devices: Devices
    seconds: float = 0.0

    @property
    def gpus(self) -> Sequence[Gpu]:
        return self.devices.gpus

    def count(self, state: str) -> int:
        return sum(finding.state == state for finding in self.findings)


class _Checks:
    """Checks under way, by group."""

    def __init__(self, groups: Collection[str]) -> None:
        self._groups = groups
        self._begun: list[tuple[str, float, Underway[list[Finding]]]] = []
        self.found: list[Finding] = []

    def begin(self, group: str, name: str, work: Callable[[], list[Finding]], limit_s: float = LIMIT_S) -> None:
        if group in self._groups:
            self._begun.append((f"{group}.{name}", time.monotonic() + limit_s, Underway(f"{group}.{name}", work)))

    def collect(self) -> None:
        """Add what the checks under way find."""
        for name, until, underway in self._begun:
            found: list[Finding] = self.value(name, until, underway, [])
            self.found += found
        self._begun = []

    def value(self, name: str, until: float, underway: Underway[T], otherwise: T) -> T:
        """What one brings; if it hangs or fails, ``otherwise``, and a finding that says so."""
        try:
            return underway.result(until - time.monotonic())
        except Hangs:
            what, fix = "this check hangs", "a disk, driver or server does not answer: sudo dmesg | tail"
        except Exception as error:
            what, fix = f"this check failed: {error}", getattr(error, "hint", None) or ""
        self.found.append(Finding(name, "unknown", f"{name.partition('.')[2]}: {what}", fix))
        return otherwise


def examine(
    path: Path,
    *,
    store: Store | None = None,
    open_it: bool = True,
    probe: bool = False,
    groups: Collection[str] = tuple(GROUPS),
) -> Report:
    """Look at everything, or at the ``groups`` named, for the store at ``path`` (whether or not there is one).

    ``store`` is asked for its models if it is open already; else it is opened if ``open_it`` and it can be. ``probe``
    asks the endpoints of its models.
    """
    from workbench.doctor import disks, machine, servers

    begin = time.monotonic()
    checks = _Checks(groups)
    wants_gpus = not {"gpu", "machine", "software"}.isdisjoint(groups)
    looking = Underway("gpu.driver", device_checks.look if wants_gpus else Devices)
    reading = Underway("store.owner", lambda: _read(path, store, open_it))
    checks.begin("disk", "room", lambda: disks.check_disks(path))
    checks.begin("disk", "caches", lambda: disks.check_caches(path))
    checks.begin("terminal", "terminal", machine.check_terminal)
    checks.begin("server", "ours", servers.check_servers)
    devices = checks.value("gpu.driver", begin + GPU_LIMIT_S, looking, Devices())
    if "gpu" in groups:
        checks.found += device_checks.check_devices(devices)
    checks.begin("machine", "machine", lambda: machine.check_machine(len(devices.gpus)))
    nothing: tuple[list[Finding], Contents] = ([], Contents())
    about, contents = checks.value("store.owner", begin + STORE_LIMIT_S, reading, nothing)
    if "store" in groups:
        checks.found += [*about, *contents.findings]
    _about_models(checks, devices, contents, probe)
    checks.collect()
    found = tuple(ordered(without_secrets(finding) for finding in checks.found))
    return Report(found, devices, time.monotonic() - begin)


def _read(path: Path, store: Store | None, open_it: bool) -> tuple[list[Finding], Contents]:
    """The store's file, and what it holds as far as its owner can be asked."""
    from workbench.doctor import storing

    found, ask = storing.check_file(path)
    if not ask or (store is None and not open_it):
        return found, Contents()
    try:
        return found, storing.read_contents(store) if store is not None else storing.read_at(path)
    except Exception as error:
        what = f"the store cannot be asked: {error}"
        return [*found, Finding("store.contents", "problem", what, getattr(error, "hint", None) or "")], Contents()


def _about_models(checks: _Checks, devices: Devices, contents: Contents, probe: bool) -> None:
    """The checks that go by the models of the store."""
    from workbench.doctor import keys, software

    models = contents.models
    pythons = [str(m.params["vllm_python"]) for m in models if m.params.get("vllm_python")]
    checks.begin("software", "software", lambda: software.check_software(devices.gpus, pythons))
    checks.begin("software", "engines", lambda: keys.check_engines(models))
    checks.begin("key", "keys", lambda: keys.check_keys(models))
    asked = [model for model in models if model.engine == "api" and model.endpoint]
    if probe:
        from workbench.doctor.probing import probe as ask

        checks.begin("endpoint", "endpoints", lambda: ask(asked), PROBE_LIMIT_S)
    elif asked:
        n = plural(len({model.endpoint for model in asked}), "endpoint")
        checks.begin(
            "endpoint",
            "asked",
            lambda: [Finding("endpoint.asked", "ok", f"{n}, not asked", "workbench doctor --probe")],
        )
