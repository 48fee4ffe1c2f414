"""``workbench similarity``: how alike models' answers are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.running import (
    Bench,
    Concurrency,
    Detach,
    DryRun,
    Json,
    Limit,
    LogBodies,
    LogRequests,
    MaxCost,
    go,
    names,
)  # fmt: skip


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Examples: workbench similarity --metric embedding --model hashing; "
        "workbench similarity --metric bertscore --model microsoft/deberta-xlarge-mnli --dry-run; "
        "workbench similarity --metric judge --model gpt-4o --max-cost 5"
    )(similarity)


def similarity(
    ctx: typer.Context,
    metric: Annotated[
        str, typer.Option("--metric", help="embedding, bertscore, judge, rouge-l or chrf.")
    ] = "embedding",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="embedding: hashing (default), smollm2-embed, an api model you added, or a sentence-transformers "
            "folder. bertscore: an encoder's folder or Hugging Face name. judge: the judge.",
        ),
    ] = None,
    layer: Annotated[
        int | None, typer.Option("--layer", min=0, help="bertscore: the hidden layer. Default: the package's.")
    ] = None,
    idf: Annotated[bool, typer.Option("--idf", help="bertscore: rare tokens count for more.")] = False,
    rescale: Annotated[
        str | None,
        typer.Option("--rescale", metavar="LANG|FILE", help="bertscore: by the published baseline, such as en's."),
    ] = None,
    precision: Annotated[
        str, typer.Option("--precision", help="bertscore: of the encoder; f32, or bf16, f16: faster, off by some 1e-3.")
    ] = "f32",
    models: Annotated[
        str | None, typer.Option("--models", help="Only answers of these models, separated by commas.")
    ] = None,
    bench: Bench = None,
    limit: Limit = None,
    memory: Annotated[
        float, typer.Option("--memory", help="Gigabytes for the texts that are scored at once, besides weights.")
    ] = 1.0,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps, for what runs by torch.")
    ] = "auto",
    concurrency: Concurrency = None,
    max_cost: MaxCost = None,
    log_requests: LogRequests = False,
    log_bodies: LogBodies = False,
    detach: Detach = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Measure how alike every two models' answers to the same question are.

    Each answer is encoded once and kept; a model added later costs only its own answers. Stopping loses at most one
    batch; the same command goes on.
    """
    if model is not None and "/" in model and Path(model).expanduser().is_dir():
        model = str(Path(model).expanduser().absolute())  # a job may run in another folder
    values = {
        "metric": metric.replace("_", "-"), "embedder": model, "layer": layer, "idf": idf, "rescale": rescale,
        "precision": precision,
        "models": names(models), "bench": bench, "limit": limit, "memory": memory, "device": device,
        "concurrency": concurrency, "max_cost": max_cost, "log_requests": log_requests, "log_bodies": log_bodies,
    }  # fmt: skip
    go(ctx, "similarity", values, detach=detach, dry=dry_run, as_json=as_json)
