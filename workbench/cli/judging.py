"""``workbench judge``: have a model judge stored answers."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.running import (
    Batch,
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
    Wait,
    go,
    names,
)  # fmt: skip

Order = Annotated[str, typer.Option("--order", help="Orders in which pairs are shown: both, ab or ba.")]


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Examples: workbench judge --judge gpt-4o --protocol pairwise-all --probabilities; "
        "workbench judge --judge gpt-4o --protocol user:toxicity.toml --dry-run"
    )(judge)


def judge(
    ctx: typer.Context,
    judge: Annotated[str, typer.Option("--judge", help="Model that judges.")],
    protocol: Annotated[
        str,
        typer.Option("--protocol", help="single, pairwise-all, quality, rubric:FILE, user:FILE, …"),
    ] = "pairwise-all",
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Model the others are compared with (pairwise-baseline).")
    ] = None,
    models: Annotated[
        str | None, typer.Option("--models", help="Only answers of these models, separated by commas.")
    ] = None,
    bench: Bench = None,
    category: Category = None,
    limit: Limit = None,
    turns: Annotated[str, typer.Option("--turns", help="Turns to judge: 1, 2 or 1,2.")] = "1",
    selection: Annotated[
        str | None, typer.Option("--selection", help="Only the pairs of this selection (or 'latest').")
    ] = None,
    mode: Annotated[str, typer.Option("--mode", help="corrected or compat reading of verdicts.")] = "corrected",
    template: Annotated[
        str | None, typer.Option("--template", help="Another template: NAME, NAME@HASH, or fastchat for its routing.")
    ] = None,
    criteria: Annotated[
        bool, typer.Option("--criteria", help="Add the imported criteria of each question's scenario.")
    ] = False,
    output: Annotated[
        str | None, typer.Option("--output", help="Form of the answer: json or text. Default: json if constrained.")
    ] = None,
    order: Order = "both",
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Verdicts drawn for each item, each a row of its own.")
    ] = 1,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0.0, help="Default: 0, and 1 for several samples.")
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also ask how likely A, B and a tie were (log probabilities).")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair/--no-repair", help="Ask once for the verdict alone where a text holds none.")
    ] = True,
    group_order: Annotated[
        str, typer.Option("--group-order", help="Answers scored together are shown: shuffled (by --seed) or given.")
    ] = "shuffled",
    seed: Annotated[
        int, typer.Option("--seed", help="Draws the order of answers scored together, and of two critiques.")
    ] = 0,
    at_once: Annotated[
        int, typer.Option("--at-once", min=1, help="Questions asked about in one request (complexity).")
    ] = 1,
    cut: Annotated[str | None, typer.Option("--cut", help="Cut answers too long for the judge: middle or end.")] = None,
    retry_state: Annotated[
        str | None,
        typer.Option("--retry-state", help="Judge again: unparsed, refused, truncated, too_long, error; by commas."),
    ] = None,
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
    """Have a model judge the answers: grades, both orders of every pair, or by another protocol.

    What is judged already by the same judge, template and settings is not judged again.
    """
    from workbench.errors import BadInput
    from workbench.protocol_names import chosen

    try:
        turn_numbers = [int(t) for t in names(turns)]
    except ValueError:
        raise BadInput(f"--turns must be 1, 2 or 1,2, not '{turns}'") from None
    values = {
        "judge": judge, "protocol": chosen(protocol), "baseline": baseline, "models": names(models), "bench": bench,
        "category": category, "limit": limit, "turns": turn_numbers, "selection": selection, "mode": mode,
        "template": template, "criteria": criteria, "output": output, "order": order, "samples": samples,
        "temperature": temperature, "probabilities": probabilities, "repair": repair, "cut": cut,
        "group_order": group_order, "seed": seed, "at_once": at_once,
        "retry_states": [state.replace("-", "_") for state in names(retry_state)],
        "concurrency": concurrency, "retry_failed": retry_failed, "max_cost": max_cost,
        "log_requests": log_requests, "log_bodies": log_bodies,
        "batch": batch, "wait": wait,
    }  # fmt: skip
    go(ctx, "judge", values, detach=detach, dry=dry_run, as_json=as_json)
