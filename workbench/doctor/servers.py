"""vLLM servers that the workbench started: those that run, and those that a killed supervisor left behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.doctor.findings import Finding
from workbench.engines.vllm_server import leases, processes
from workbench.text import one_line, plural


def check_servers() -> list[Finding]:
    """One finding a server of this user on record. Ends none, and takes no lease."""
    found = []
    for folder in leases.folders():
        about = folder.about()
        if about is None:
            continue
        if folder.alive.exists() and folder.supervised():
            found.append(Finding("server.vllm", "ok", f"a vLLM server of the workbench runs: {_described(about)}"))
        elif pids := _left(about):
            listed = " ".join(str(pid) for pid in pids)
            what = f"a vLLM server was left behind by a killed supervisor: {_described(about)} ({_processes(pids)})"
            fix = f"the next vLLM server that is started ends it; now: kill {listed}"
            found.append(Finding("server.vllm", "warning", what, fix))
    return found or [Finding("server.vllm", "ok", "no vLLM server of the workbench runs")]


def _left(about: Mapping[str, Any]) -> list[int]:
    """The processes of a server whose supervisor is gone. As ``leases.sweep`` tells them."""
    session, token = about.get("session"), about.get("token")
    if about.get("boot") != processes.boot() or not isinstance(session, int) or not isinstance(token, str):
        return []
    return processes.members(session, about.get("since"), token)


def _processes(pids: list[int]) -> str:
    return f"{plural(len(pids), 'process', 'processes')}: {', '.join(str(pid) for pid in pids[:6])}"


def _described(about: Mapping[str, Any]) -> str:
    """Which model, and where. What else is on record (its key) is nobody's business."""
    parts = [one_line(str(about.get("model") or "unknown model"), 60)]
    parts += [f"{word} {about[name]}" for name, word in (("port", "port"), ("supervisor", "pid")) if about.get(name)]
    return ", ".join(parts)
