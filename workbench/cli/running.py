"""Commands that make models work: generate, and the jobs they are.

The others are in ``judging``, ``selecting`` and ``similarity``.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench.cli.context import context, note, print_json, print_report, print_table
from workbench.cli.progress import terminal_progress

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Run in the background; see: workbench jobs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done and what it would cost.")]
Bench = Annotated[str | None, typer.Option("--bench", help="Only questions of this benchmark.")]
Category = Annotated[str | None, typer.Option("--category", help="Only questions of this category.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N questions.")]
Concurrency = Annotated[int | None, typer.Option("--concurrency", min=1, help="Requests in flight at once.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try recorded failures again.")]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", min=0.0, help="US dollars: stop before they would be passed. Needs the model's prices."),
]
LogRequests = Annotated[bool, typer.Option("--log-requests", help="Log requests under STORE.files/logs, without keys.")]
LogBodies = Annotated[bool, typer.Option("--log-bodies", help="Also log what was asked and answered.")]
Batch = Annotated[
    bool, typer.Option("--batch", help="Through the endpoint's Batch API: half the price, answers within a day.")
]
Wait = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="With --batch: --no-wait collects, submits, and leaves the rest for later."),
]

jobs_app = typer.Typer(help="List, watch and cancel background jobs.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    from workbench.cli import judging, selecting, similarity  # which take their options from here

    app.command(epilog="Example: workbench generate --models gpt-4o,llama --bench mt_bench")(generate)
    similarity.register(app)
    selecting.register(app)
    judging.register(app)
    app.add_typer(jobs_app, name="jobs")


def alone(ctx: typer.Context, *, as_json: bool) -> bool:
    """Whether a group such as ``jobs`` was named without a command, so that it shows its list."""
    from workbench.errors import BadInput

    if ctx.invoked_subcommand is None:
        return True
    if as_json:
        raise BadInput(f"--json goes after the command: {ctx.info_name} {ctx.invoked_subcommand} --json")
    return False


def names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def go(ctx: typer.Context, kind: str, values: dict[str, Any], *, detach: bool, dry: bool, as_json: bool) -> None:
    """Check the request, then print its estimate, launch it, or run it here."""
    from workbench import jobs
    from workbench.stages import estimate_stage, make_spec, spec_values
    from workbench.worker import run_here

    spec = make_spec(kind, values)
    with context(ctx).open() as store:
        if dry:
            from workbench.cli.plans import print_estimates

            print_estimates([estimate_stage(store, kind, spec)], as_json=as_json)
        elif detach:
            estimate_stage(store, kind, spec)  # what is wrong with the request is said here, not in a log
            job_id = jobs.launch(store, kind, spec_values(spec))
            if as_json:
                print_json({"job_id": job_id})
            else:
                note(f"job {job_id} runs in the background; watch it with: workbench jobs log {job_id} --follow")
        else:
            with terminal_progress() as progress:
                report = run_here(store, kind, spec, progress)
            print_report(report, as_json=as_json)
            if report.states.get("error"):
                raise typer.Exit(1)


def generate(
    ctx: typer.Context,
    models: Annotated[str, typer.Option("--models", help="Models to answer, separated by commas.")],
    bench: Bench = None,
    category: Category = None,
    limit: Limit = None,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Answers of each model to each question.")] = 1,
    concurrency: Concurrency = None,
    retry_failed: RetryFailed = False,
    max_cost: MaxCost = None,
    log_requests: LogRequests = False,
    log_bodies: LogBodies = False,
    batch: Batch = False,
    wait: Wait = True,
    detach: Detach = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Have models answer the questions that they have not answered yet.

    Every turn of a question is asked in turn, with the answers before it. Stopping loses at most the requests in
    flight; the same command continues.
    """
    values = {
        "models": names(models), "bench": bench, "category": category, "limit": limit, "samples": samples,
        "concurrency": concurrency, "retry_failed": retry_failed, "max_cost": max_cost,
        "log_requests": log_requests, "log_bodies": log_bodies,
        "batch": batch, "wait": wait,
    }  # fmt: skip
    go(ctx, "generate", values, detach=detach, dry=dry_run, as_json=as_json)


@jobs_app.callback()
def jobs_top(ctx: typer.Context, as_json: Json = False) -> None:
    if alone(ctx, as_json=as_json):
        jobs_list(ctx, as_json=as_json)


@jobs_app.command("list")
def jobs_list(ctx: typer.Context, as_json: Json = False) -> None:
    """Jobs, newest first."""
    from workbench import jobs

    with context(ctx).open() as store:
        rows = jobs.list_jobs(store)
    if as_json:
        print_json(rows)
        return
    columns = ["job_id", "kind", "state", "done", "total", "failed", "created_at", "message"]
    print_table(columns, [[row[c] for c in columns] for row in rows])


@jobs_app.command("cancel")
def jobs_cancel(ctx: typer.Context, job_id: str) -> None:
    """Ask a job to stop; what came back is kept."""
    from workbench import jobs

    with context(ctx).open() as store:
        state = jobs.cancel(store, job_id)
    asked = state in ("queued", "running")
    note(f"job {job_id} was asked to stop" if asked else f"job {job_id} has ended already ({state})")


@jobs_app.command("wait")
def jobs_wait(ctx: typer.Context, job_id: str, as_json: Json = False) -> None:
    """Wait until a job has ended. Exit code 0 if it is done, 1 if it failed or was cancelled."""
    from workbench import jobs

    with context(ctx).open() as store:
        job = jobs.wait(store, job_id)
    if as_json:
        print_json(job)
    else:
        note(f"{job['state']}: {job['message'] or ''}")
    if job["state"] != "done":
        raise typer.Exit(1)


@jobs_app.command("log")
def jobs_log(
    ctx: typer.Context,
    job_id: str,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
) -> None:
    """Print a job's log."""
    import time

    from workbench import jobs
    from workbench.text import clean

    with context(ctx).open() as store:
        job = jobs.get(store, job_id)
        path = jobs.log_path(store, job_id)
        for event in [] if path.exists() else jobs.events(store, job_id):
            print(f"{event['created_at']} {event['level']}: {clean(event['message'])}")
        offset = 0
        while True:
            if path.exists():
                with path.open("rb") as file:
                    file.seek(offset)
                    new = file.read()
                offset += len(new)
                if new:
                    print(clean(new.decode("utf-8", "replace")), end="", flush=True)
            if not follow or job["state"] not in ("queued", "running"):
                break
            time.sleep(0.5)
            jobs.bury_the_dead(store)
            job = jobs.get(store, job_id)
        if job["message"]:
            note(f"{job['state']}: {job['message']}")
