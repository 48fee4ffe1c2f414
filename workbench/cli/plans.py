"""``workbench run`` and ``workbench demo``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.context import context, note, print_json, print_table
from workbench.cli.progress import terminal_progress
from workbench.cli.running import Detach, DryRun, Json

if TYPE_CHECKING:
    from workbench.pipeline import Summary
    from workbench.progress import Estimate


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: workbench run plan.toml --dry-run")(run)
    app.command(epilog="Example: workbench demo --no-ui")(demo)


def run(
    ctx: typer.Context,
    plan: Annotated[Path, typer.Argument(metavar="PLAN.toml")],
    dry_run: DryRun = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Run a whole plan headless: import, generate, compare, select, judge, report.

    Safe to stop and run again: only what is missing is done. Exit code 0 means that every item has a result, or
    a recorded failure within the plan's tolerance.
    """
    from workbench import jobs
    from workbench.pipeline import check_specs, dry_run_plan, plan_spec, run_plan
    from workbench.plan import read_plan

    found = read_plan(plan)
    check_specs(found)
    if dry_run:
        print_estimates(dry_run_plan(context(ctx).store, found), as_json=as_json)
        return
    with context(ctx).open(create=True) as store:
        if detach:
            job_id = jobs.launch(store, "run", plan_spec(found))
            if as_json:
                print_json({"job_id": job_id})
            else:
                note(f"job {job_id} runs in the background; watch it with: workbench jobs log {job_id} --follow")
            return
        with terminal_progress() as progress:
            summary = run_plan(store, found, progress)
    print_summary(summary, as_json=as_json)
    if not summary.ok:
        raise typer.Exit(1)


def print_estimates(estimates: Sequence[Estimate], *, as_json: bool) -> None:
    if as_json:
        print_json(estimates)
        return
    print_table(
        [
            "stage",
            "items",
            "there already",
            "requests",
            "prompt tokens",
            "completion tokens",
            "cost US$",
            "time",
            "remark",
        ],
        [
            [
                e.stage,
                e.items,
                e.already,
                e.requests,
                e.prompt_tokens,
                e.completion_tokens,
                e.cost,
                _time(e),
                e.remark,
            ]
            for e in estimates
        ],
        title="Dry run: nothing was sent or written. Tokens are estimates.",
    )


def _time(estimate: Estimate) -> str:
    """How long it would take; nothing where nothing is sent, ``unknown`` where nothing was observed."""
    if not estimate.requests:
        return ""
    seconds = estimate.seconds
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def print_summary(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        print_json(summary.to_json())
        return
    for report in summary.stages:
        states = ", ".join(f"{n} {state}" for state, n in sorted(report.states.items()) if n)
        note(f"{report.stage}: {report.done} of {report.total}" + (f" ({states})" if states else ""))
    for method, rows in summary.leaderboards.items():
        columns = ["rank", "model", "rating", "lower", "upper", "n", "wins", "losses", "ties"]
        print_table(columns, [[row[c] for c in columns] for row in rows], title=f"Leaderboard ({method})")
    for judge in summary.judges:
        note(
            f"judge {judge['judge']}: {judge['consistent']} of {judge['pairs']} pairs judged alike in both orders; "
            f"the answer shown first won {judge['first_wins']} of {judge['games']} games"
        )
    share = summary.failed / max(summary.items, 1)
    note(
        f"{'done' if summary.ok else 'NOT complete'} in {summary.elapsed_s:.0f} s: {summary.items:,} items, "
        f"{summary.failed:,} recorded failures ({share:.1%}; tolerance {summary.tolerance:.0%})"
    )


def demo(
    ctx: typer.Context,
    no_ui: Annotated[
        bool, typer.Option("--no-ui", help="Print the leaderboard instead of opening the terminal UI.")
    ] = False,
    questions: Annotated[int, typer.Option("--questions", min=1, help="Questions to answer.")] = 20,
    as_json: Json = False,
) -> None:
    """From nothing to votes: sample questions, a small real model on this CPU, and the annotate screen."""
    from workbench.demo import demo_plan
    from workbench.pipeline import run_plan

    with context(ctx).open(create=True) as store, terminal_progress() as progress:
        summary = run_plan(store, demo_plan(questions), progress)
    if no_ui or as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        print_summary(summary, as_json=as_json)
        note("open the terminal UI with: workbench")
        if not summary.ok:
            raise typer.Exit(1)
        return
    from workbench.cli.annotating import open_ui

    open_ui(ctx, "annotate")
