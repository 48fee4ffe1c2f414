"""``workbench classify`` and ``workbench scenarios``."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from workbench.cli.context import context, note, print_json, print_table
from workbench.cli.running import (
    Bench,
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
    alone,
    go,
)  # fmt: skip

scenarios_app = typer.Typer(
    help="Auto-J's 58 scenarios: what there is, and how well classifiers find them.", invoke_without_command=True
)


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: workbench classify --judge gpt-4o --bench mt_bench --dry-run")(classify)
    app.add_typer(scenarios_app, name="scenarios")


def classify(
    ctx: typer.Context,
    judge: Annotated[str, typer.Option("--judge", help="The model that classifies.")],
    bench: Bench = None,
    category: Category = None,
    limit: Limit = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace scenarios there are; without it only questions without one.")
    ] = False,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Ask about questions that came with a scenario; change nothing.")
    ] = False,
    template: Annotated[
        str | None, typer.Option("--template", help="Another prompt, e.g. an imported one of Auto-J's classifier.")
    ] = None,
    concurrency: Concurrency = None,
    retry_failed: RetryFailed = False,
    max_cost: MaxCost = None,
    log_requests: LogRequests = False,
    log_bodies: LogBodies = False,
    detach: Detach = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Have a model say which of Auto-J's 58 scenarios each question belongs to.

    Answers are kept; running again asks for nothing twice. What could not be read is counted and kept as unparsed.
    """
    values = {
        "judge": judge, "bench": bench, "category": category, "limit": limit, "overwrite": overwrite,
        "evaluate": evaluate, "template": template, "concurrency": concurrency, "retry_failed": retry_failed,
        "max_cost": max_cost, "log_requests": log_requests, "log_bodies": log_bodies,
    }  # fmt: skip
    go(ctx, "classify", values, detach=detach, dry=dry_run, as_json=as_json)


@scenarios_app.callback()
def scenarios_top(ctx: typer.Context, as_json: Json = False) -> None:
    if alone(ctx, as_json=as_json):
        scenarios_list(ctx, as_json=as_json)


@scenarios_app.command("list", epilog="Example: workbench scenarios list --json")
def scenarios_list(ctx: typer.Context, as_json: Json = False) -> None:
    """The scenarios by group, with the number of questions in each."""
    from workbench.scenarios import GROUPS, SCENARIOS
    from workbench.store.location import store_path

    counts: dict[str, int] = {}
    if store_path(context(ctx).store).exists():
        with context(ctx).open() as store:
            counts = {row["scenario"]: row["n"] for row in store.query("scenario_counts")}
    found = [
        {"group": group, "scenario": name, "questions": counts.get(name, 0)}
        for group, members in GROUPS.items()
        for name in members
    ]
    others = [
        {"group": None, "scenario": name or None, "questions": n} for name, n in counts.items() if name not in SCENARIOS
    ]
    if as_json:
        print_json(found + others)
        return
    rows = [[row["group"] or "", row["scenario"] or "(none)", row["questions"]] for row in found + others]
    print_table(("group", "scenario", "questions"), rows)


@scenarios_app.command("accuracy", epilog="Example: workbench scenarios accuracy --judge gpt-4o")
def scenarios_accuracy(
    ctx: typer.Context,
    judge: Annotated[str | None, typer.Option("--judge", help="Only this classifier.")] = None,
    bench: Bench = None,
    as_json: Json = False,
) -> None:
    """How often classifiers found the scenario a question came with, by group."""
    from workbench.agree.scenarios import scenario_accuracy

    with context(ctx).open() as store:
        found = scenario_accuracy(store, judge, bench)
    if as_json:
        print_json([dataclasses.asdict(row) for row in found])
        return
    columns = ("judge", "group", "n", "accuracy", "lower", "upper", "group_accuracy", "unparsed", "failed")
    print_table(columns, [[getattr(row, column) for column in columns] for row in found])
    note(f"accuracy in percent; {found[0].interval}; unparsed answers count as wrong, failed ones are left out")
