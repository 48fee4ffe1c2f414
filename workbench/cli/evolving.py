"""``workbench evolve``: new instructions from seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.context import context, note, print_json, print_report, print_table
from workbench.cli.running import (
    Category,
    Concurrency,
    Detach,
    DryRun,
    Json,
    Limit,
    LogBodies,
    LogRequests,
    MaxCost,
    RetryFailed,
    go,
)  # fmt: skip


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Examples: workbench evolve --model gpt-4o --bench seeds --scenario Reasoning --rounds 3 --dry-run; "
        "workbench evolve --model gpt-4o --bench seeds --checker gpt-4o --max-cost 5; "
        "workbench evolve --rejected --into seeds-evolved"
    )(evolve)


def evolve(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Option("--model", help="Model that writes the new instructions.")] = None,
    bench: Annotated[str | None, typer.Option("--bench", help="Benchmark with the seeds.")] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            metavar="NAME|FILE.toml",
            help="Understanding, Reasoning, Writing, Coding, or your prompts. Default: as the seeds' file is named.",
        ),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Each round evolves what the last one brought.")] = 1,
    per_seed: Annotated[int, typer.Option("--per-seed", min=1, help="New instructions of each seed, a round.")] = 1,
    into: Annotated[
        str | None, typer.Option("--into", help="Benchmark of the new instructions. Default: BENCH-evolved.")
    ] = None,
    category: Category = None,
    limit: Limit = None,
    embedder: Annotated[
        str, typer.Option("--embedder", help="Tells near-duplicates: hashing, smollm2-embed, or one you added.")
    ] = "hashing",
    threshold: Annotated[
        float | None, typer.Option("--threshold", help="Cosine from which two are near-duplicates. Default: 0.9.")
    ] = None,
    checker: Annotated[
        str | None,
        typer.Option("--checker", help="Model that has those left out which hold too little or cannot be answered."),
    ] = None,
    concurrency: Concurrency = None,
    retry_failed: RetryFailed = False,
    max_cost: MaxCost = None,
    log_requests: LogRequests = False,
    log_bodies: LogBodies = False,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="List what was left out, with rule and reason, and ask nothing.")
    ] = False,
    detach: Detach = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Have a model make new instructions from seeds, in rounds (MAD competition, step 1).

    Near-duplicates and unusable ones are left out by named rules. Every answer is kept; the same command goes on where
    it stopped, and asks nothing twice.
    """
    from workbench.errors import BadInput

    if rejected:
        list_rejected(ctx, into or (f"{bench}-evolved" if bench else None), as_json=as_json)
        return
    for name, value, hint in (
        ("--model", model, "see: workbench models list"),
        ("--bench", bench, "the benchmark with the seeds; bring some with: workbench import seeds.jsonl"),
    ):
        if value is None:
            raise BadInput(f"{name} is missing", hint=hint)
    if scenario is not None and scenario.lower().endswith(".toml"):
        scenario = str(Path(scenario).expanduser().absolute())  # a detached job runs elsewhere
    values = {
        "model": model, "bench": bench, "scenario": scenario, "rounds": rounds, "per_seed": per_seed, "into": into,
        "category": category, "limit": limit, "embedder": embedder, "threshold": threshold,
        "checker": checker, "concurrency": concurrency, "retry_failed": retry_failed, "max_cost": max_cost,
        "log_requests": log_requests, "log_bodies": log_bodies,
    }  # fmt: skip
    if detach or dry_run:
        go(ctx, "evolve", values, detach=detach, dry=dry_run, as_json=as_json)
        return
    run(ctx, values, as_json=as_json)


def run(ctx: typer.Context, values: Mapping[str, object], *, as_json: bool) -> None:
    """As other stages run here; with --json also the benchmark's numbers over all runs."""
    from workbench.cli.context import plain
    from workbench.cli.progress import terminal_progress
    from workbench.evolve.estimating import evolution
    from workbench.stages import make_spec
    from workbench.worker import run_here

    spec = make_spec("evolve", values)
    with context(ctx).open() as store:
        with terminal_progress() as progress:
            report = run_here(store, "evolve", spec, progress)
        if as_json:
            print_json({**plain(report), "evolution": evolution(store, spec.target)})
        else:
            print_report(report, as_json=False)
    if report.states.get("error"):
        raise typer.Exit(1)


def list_rejected(ctx: typer.Context, bench: str | None, *, as_json: bool) -> None:
    from workbench.errors import BadInput
    from workbench.evolve.estimating import rejected

    if bench is None:
        raise BadInput("--into is missing", hint="name the benchmark of the new instructions")
    with context(ctx).open() as store:
        rows = rejected(store, bench)
    if as_json:
        print_json(rows)
        return
    columns = ["rule", "why", "round", "seed_id", "direction", "instruction"]
    print_table(columns, [[row.get(c) if row.get(c) is not None else "" for c in columns] for row in rows])
    note(f"{len(rows)} left out of '{bench}'; all of each: --json")
