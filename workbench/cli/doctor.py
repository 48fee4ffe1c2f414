"""``workbench doctor``: is everything ready, and what to do where it is not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import context, print_json
from workbench.cli.running import Json

if TYPE_CHECKING:
    from workbench.doctor import Report

#: What stands above the findings of a state.
TITLES = {"problem": "Problems", "warning": "Worth a look", "unknown": "Could not be told", "ok": "Fine"}


def register(app: typer.Typer) -> None:
    app.command(epilog="Examples: workbench doctor; workbench doctor --probe; workbench doctor --json")(doctor)


def doctor(
    ctx: typer.Context,
    probe: Annotated[bool, typer.Option("--probe", help="Ask the endpoints of the store's models, too.")] = False,
    as_json: Json = False,
) -> None:
    """GPUs and who uses them, driver and vLLM, packages, the store, keys, disks, ports: what was found, and its fix.

    Nothing is changed, started (but the store's owner) or sent (without --probe). Values of keys are never shown. Exit
    code 1 when there is a problem.
    """
    from workbench.doctor import examine
    from workbench.store import store_path

    report = examine(store_path(context(ctx).store), probe=probe)
    if as_json:
        print_json(_document(report))
    else:
        _print(report)
    if report.count("problem"):
        raise typer.Exit(1)


def _document(report: Report) -> dict[str, Any]:
    from workbench.text import clean

    gpus = [
        {
            "index": gpu.index, "uuid": gpu.uuid, "name": gpu.name, "memory_mib": gpu.memory_total,
            "used_mib": gpu.memory_used, "driver": gpu.driver, "cuda": gpu.cuda, "capability": gpu.capability,
            "slices": [{"profile": s.profile, "uuid": s.uuid} for s in report.devices.slices if s.gpu == gpu.index],
            "processes": [
                {"pid": p.pid, "user": p.user, "command": clean(p.name), "memory_mib": p.memory} for p in gpu.processes
            ],
        }
        for gpu in report.gpus
    ]  # fmt: skip
    findings = [
        {"name": f.name, "group": f.group, "state": f.state, "what": clean(f.what), "fix": clean(f.fix) or None}
        for f in report.findings
    ]
    counts = {state: report.count(state) for state in TITLES}
    return {"counts": counts, "findings": findings, "gpus": gpus, "seconds": round(report.seconds, 3)}


def _print(report: Report) -> None:
    """A line a finding, its fix below; problems first, then group by group."""
    from workbench.doctor import GROUPS
    from workbench.text import one_line

    lines: list[str] = []
    heading = ("", "")
    for finding in report.findings:
        if heading[0] != finding.state:
            lines += ["", TITLES[finding.state]] if lines else [TITLES[finding.state]]
        if heading != (finding.state, finding.group):
            lines.append(f"  {GROUPS[finding.group]}")
        heading = (finding.state, finding.group)
        lines.append(f"    {one_line(finding.what, 400)}")
        if finding.fix:
            lines.append(f"      → {one_line(finding.fix, 400)}")
    counts = [f"{report.count(state)} {words}" for state, words in (("problem", "problems"), ("warning", "to look at"))]
    lines += ["", f"{', '.join(counts)}; {report.count('ok')} fine ({report.seconds:.1f} s)"]
    out = "\n".join(lines)
    encoding = sys.stdout.encoding or "utf-8"
    print(out.encode(encoding, "replace").decode(encoding))
