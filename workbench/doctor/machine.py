"""The machine: memory, cores, limits, shared memory, ports, proxies, and the terminal."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from workbench.doctor.findings import Finding, State, bytes_text

GIB = 1 << 30
#: Below these, in bytes: PyTorch's workers and NCCL pass tensors through shared memory; weights are read through RAM.
SHM_WARN, RAM_WARN = 2 * GIB, 2 * GIB
#: Open files: a connection a request, and vLLM's own sockets.
FILES_WARN = 1024
#: Ports looked at: vLLM's default and those after it.
PORTS = range(8000, 8100)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def check_machine(gpus: int = 0) -> list[Finding]:
    """Memory, cores, limits, shared memory, ports, proxies. ``gpus`` is how many there are."""
    return [_memory(), _cores(), _open_files(), _shared_memory(gpus), _ports(), *_proxies(os.environ)]


def _memory() -> Finding:
    """RAM that is to be had, and that of the control group where it is less."""
    said = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text("ascii", "replace").splitlines():
            name, _, rest = line.partition(":")
            if (n := rest.split()) and n[0].isdigit():
                said[name] = int(n[0]) * 1024
    if "MemTotal" not in said:
        return Finding("machine.memory", "unknown", "how much memory there is cannot be told here")
    total, free = said["MemTotal"], said.get("MemAvailable", 0)
    what = f"{bytes_text(free)} of {bytes_text(total)} RAM available"
    limit, used = _group("memory.max"), _group("memory.current")
    if limit is not None and limit < total:
        free = min(free, limit - (used or 0))
        what += f"; this container may use {bytes_text(limit)}" + (f" and uses {bytes_text(used)}" if used else "")
    if free < RAM_WARN:
        return Finding("machine.memory", "warning", what, "end what needs it not: ps aux --sort -rss | head")
    return Finding("machine.memory", "ok", what)


def _group(name: str) -> int | None:
    """A number of this process's control group (version 2); ``None`` where there is no limit."""
    try:
        own = Path("/proc/self/cgroup").read_text("ascii", "replace").partition("0::")[2].strip()
        for folder in (Path("/sys/fs/cgroup") / own.lstrip("/"), Path("/sys/fs/cgroup")):
            if (folder / name).is_file():
                return int((folder / name).read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        pass
    return None


def _cores() -> Finding:
    all_of_them = os.cpu_count() or 1
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else all_of_them
    what = f"{mine} of {all_of_them} cores may be used" if mine < all_of_them else f"{mine} cores"
    with contextlib.suppress(OSError):
        what += f", load {os.getloadavg()[0]:.1f}"
    return Finding("machine.cores", "ok", what)


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    what = f"{'unlimited' if soft == unlimited else f'{soft:,}'} open files (ulimit -n)"
    if soft != unlimited and soft < FILES_WARN:
        most = 65536 if hard == unlimited else min(hard, 65536)
        fix = f"ulimit -n {most}" if most > soft else "raise the hard limit: nofile in /etc/security/limits.conf"
        return Finding("machine.files", "warning", f"{what}: too few for many requests at once", fix)
    return Finding("machine.files", "ok", what)


def _shared_memory(gpus: int, path: str = "/dev/shm") -> Finding:
    try:
        found = os.statvfs(path)
    except OSError:
        return Finding("machine.shm", "unknown", f"there is no {path}")
    size, free = found.f_frsize * found.f_blocks, found.f_frsize * found.f_bavail
    what = f"{bytes_text(free)} of {bytes_text(size)} of {path} free"
    if free < SHM_WARN:
        state: State = "problem" if gpus > 1 else "warning"
        fix = "in a container: docker run --ipc=host, or --shm-size=16g; else: df -h /dev/shm; ls /dev/shm"
        return Finding("machine.shm", state, f"{what}: too little for a model over several GPUs", fix)
    return Finding("machine.shm", "ok", what)


def _ports() -> Finding:
    taken = [port for port in PORTS if not _is_free(port)]
    of = f"of the ports {PORTS.start} to {PORTS.stop - 1}"
    if len(taken) == len(PORTS):
        return Finding("machine.ports", "problem", f"none {of} is free", "see who has them: ss -ltnp")
    if not taken:
        return Finding("machine.ports", "ok", f"all {of} are free")
    listed = ", ".join(str(port) for port in taken[:8]) + (", …" if len(taken) > 8 else "")
    return Finding(
        "machine.ports", "ok", f"{len(PORTS) - len(taken)} {of} are free (taken: {listed}; ss -ltnp says by whom)"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do it, so that a connection that has just ended does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _proxies(environment: Mapping[str, str]) -> list[Finding]:
    """Which are set, by name only: a proxy's address may hold a password."""
    names = sorted(name for name, value in environment.items() if name.lower() in PROXIES and value)
    if not names:
        return []
    what = f"set: {', '.join(names)} (this machine's own addresses are never asked through one)"
    found = [Finding("machine.proxies", "ok", what)]
    if not any(name.lower() == "no_proxy" for name in names):
        found = [
            Finding(
                "machine.proxies",
                "warning",
                f"{what}; no_proxy is not",
                "export no_proxy=HOST,… for servers of your own",
            )
        ]
    return found


# -- the terminal ----------------------------------------------------------------------------------


def check_terminal(environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Whether the terminal UI will look as it should."""
    env = os.environ if environment is None else environment
    return [_encoding(env), _terminal(env)]


def _encoding(env: Mapping[str, str]) -> Finding:
    name = next((n for n in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(n)), None)
    value = env.get(name, "") if name else ""
    if re.search(r"utf-?8", value, re.IGNORECASE):
        return Finding("terminal.encoding", "ok", f"{name}={value}")
    what = f"{name}={value} is not UTF-8" if name else "no locale is set (LC_ALL, LC_CTYPE, LANG)"
    return Finding(
        "terminal.encoding", "warning", f"{what}: letters and lines may come out wrong", "export LANG=C.UTF-8"
    )


def _terminal(env: Mapping[str, str]) -> Finding:
    out = sys.__stdout__
    name = "terminal.terminal"
    if out is None or not out.isatty():
        return Finding(name, "ok", "output goes to a file or pipe: no terminal to look at")
    term = env.get("TERM", "")
    if term in ("", "dumb"):
        return Finding(
            name, "warning", f"TERM={term or '(not set)'}: the UI needs a terminal", "export TERM=xterm-256color"
        )
    size = shutil.get_terminal_size()
    if env.get("NO_COLOR"):
        colours = "no colours (NO_COLOR)"
    elif env.get("COLORTERM", "") in ("truecolor", "24bit"):
        colours = "all colours"
    else:
        colours = "256 colours" if "256" in term or "direct" in term else "16 colours"
    inside = "tmux" if env.get("TMUX") else "screen" if env.get("STY") else ""
    what = f"{size.columns}×{size.lines}, TERM={term}, {colours}{f', in {inside}' if inside else ''}"
    if size.columns < 80 or size.lines < 24:
        return Finding(name, "warning", f"{what}: the UI needs 80×24", "make the window larger")
    if inside and not term.startswith(("tmux", "screen")):
        fix = "in ~/.tmux.conf: set -g default-terminal tmux-256color"
        return Finding(name, "warning", f"{what}: not what {inside} says by itself", fix)
    return Finding(name, "ok", what)
