"""Room on disks, and what caches take of it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.doctor.findings import Finding, bytes_text
from workbench.text import plural

GIB = 1 << 30
#: Free bytes below which something is told. A checkpoint of a model alone takes gigabytes.
LITTLE, NONE = 10 * GIB, 1 * GIB
#: Seconds spent on adding up one cache folder; what was seen by then is told as "at least".
COUNTING_S = 0.25
#: File systems on which locks and memory maps are slow or not to be trusted.
REMOTE = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "lustre",
    "ceph",
    "fuse.sshfs",
    "fuse.glusterfs",
    "beegfs",
    "gpfs",
    "9p",
    "afs",
)


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder that may be emptied without loss; ``what`` is in it, ``fix`` tells how."""

    name: str
    what: str
    folder: Path
    fix: str = ""


def hub_cache(environment: Mapping[str, str] | None = None) -> Path:
    """Where the Hugging Face libraries keep models (``huggingface_hub.constants``)."""
    env = os.environ if environment is None else environment
    if given := env.get("HF_HUB_CACHE") or env.get("HUGGINGFACE_HUB_CACHE"):
        return Path(given).expanduser()
    home = env.get("HF_HOME") or str(Path(env.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(home).expanduser() / "hub"


def caches(store: Path) -> list[Cache]:
    """The folders that we, and the libraries we use, keep what can be made or fetched again in."""
    from workbench.engines.model_files import cache_dir
    from workbench.store.location import files_dir

    files = files_dir(store)
    fetched = "what is missing is fetched again"
    return [
        Cache("models", "models fetched by the workbench", cache_dir(), fetched),
        Cache("embeddings", "embeddings of this store", files / "embeddings", "embedded again if it goes"),
        Cache("bertscore", "BERTScore's vectors of this store", files / "bertscore", "encoded again if it goes"),
        Cache("hub", "Hugging Face models", hub_cache(), "to make room: hf cache scan; hf cache delete"),
    ]  # fmt: skip


def check_disks(store: Path) -> list[Finding]:
    """Room where the store, the caches and temporary files lie: one finding a disk."""
    import tempfile

    wanted = {"store": store.parent, **{cache.name: cache.folder for cache in caches(store)}}
    wanted["temporary files"] = Path(tempfile.gettempdir())
    disks: dict[int, tuple[Path, list[str]]] = {}
    found: list[Finding] = []
    for name, folder in wanted.items():
        there = _nearest(folder)
        try:
            disks.setdefault(there.stat().st_dev, (there, []))[1].append(name)
        except OSError as error:
            found.append(Finding("disk.room", "unknown", f"{there} cannot be looked at: {error.strerror}"))
            continue
        if not os.access(there, os.W_OK):
            fix = "name another place: --store PATH" if name == "store" else "set WORKBENCH_CACHE, HF_HOME or TMPDIR"
            found.append(Finding(f"disk.{name}", "problem", f"{there} ({name}) cannot be written to", fix))
    found += [_room(folder, names) for folder, names in disks.values()]
    return found + _remote(_nearest(store.parent))


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next((one for one in (folder, *folder.parents) if one.is_dir()), Path("/"))


def _room(folder: Path, names: Iterable[str]) -> Finding:
    at = f"{folder} ({', '.join(names)})"
    try:
        found = os.statvfs(folder)
    except OSError as error:
        return Finding("disk.room", "unknown", f"{at} cannot be asked for room: {error.strerror}")
    size, free = found.f_frsize * found.f_blocks, found.f_frsize * found.f_bavail
    what = f"{bytes_text(free)} of {bytes_text(size)} free at {at}"
    fix = f"make room: du -xh {folder} | sort -h | tail"
    if found.f_files and found.f_favail < 1000:
        return Finding("disk.room", "problem", f"{what}; only {found.f_favail:,} files more can be made", fix)
    if free < NONE:
        return Finding("disk.room", "problem", what, fix)
    return Finding("disk.room", "warning", what, fix) if free < LITTLE else Finding("disk.room", "ok", what)


def _remote(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> list[Finding]:
    """A warning when the store lies on a network file system."""
    best, kind = "", ""
    with contextlib.suppress(OSError):
        for line in mounts.read_text("utf-8", "replace").splitlines():
            words = line.split()
            if len(words) < 3:
                continue
            point = words[1].replace("\\040", " ")
            inside = point == "/" or folder == Path(point) or Path(point) in folder.parents
            if inside and len(point) >= len(best):
                best, kind = point, words[2]
    if kind not in REMOTE:
        return []
    what = f"the store lies on a network file system ({kind} at {best}): slow, and one machine at a time"
    return [Finding("disk.remote", "warning", what, "keep it on a local disk: --store /local/store.duckdb")]


# -- caches ----------------------------------------------------------------------------------------


def check_caches(store: Path) -> list[Finding]:
    """What each cache takes."""
    found = []
    for cache in caches(store):
        if not cache.folder.is_dir():
            found.append(Finding(f"disk.{cache.name}", "ok", f"{cache.what}: none ({cache.folder})"))
            continue
        size, files, whole = folder_size(cache.folder, COUNTING_S)
        least = "" if whole else "at least "
        what = f"{cache.what}: {least}{bytes_text(size)} in {plural(files, 'file')} ({cache.folder})"
        found.append(Finding(f"disk.{cache.name}", "ok", what, cache.fix if size > GIB else ""))
    return [*found, _hub()]


def folder_size(folder: Path, seconds: float) -> tuple[int, int, bool]:
    """Bytes and number of the files below a folder, links not followed, and whether all were seen in time."""
    until = time.monotonic() + seconds
    size = files = 0
    todo = [str(folder)]
    while todo:
        with contextlib.suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        size += entry.stat(follow_symlinks=False).st_size
                        files += 1
                if files % 256 == 0 and time.monotonic() > until:
                    return size, files, False
    return size, files, True


def _hub(environment: Mapping[str, str] | None = None) -> Finding:
    """Whether models may be fetched from the hub, and with whose rights."""
    env = os.environ if environment is None else environment
    offline = [
        n for n in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if env.get(n, "").upper() in ("1", "ON", "YES", "TRUE")
    ]
    if offline:
        what = f"{offline[0]} is set: only models in the cache or in folders can be loaded"
        return Finding("disk.hub_access", "ok", what, f"to fetch others: unset {' '.join(offline)}")
    token = env.get("HF_TOKEN") or env.get("HUGGING_FACE_HUB_TOKEN")
    kept = Path(env.get("HF_TOKEN_PATH") or hub_cache(env).parent / "token").is_file()
    if token or kept:
        return Finding(
            "disk.hub_access", "ok", f"the hub is asked with a token ({'HF_TOKEN' if token else 'from its file'})"
        )
    return Finding("disk.hub_access", "ok", "the hub is asked without a token", "for gated models: export HF_TOKEN=…")
