"""``workbench models``: what can answer and judge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.context import context, note, print_json, print_table
from workbench.cli.running import Json, alone, names

models_app = typer.Typer(help="Add, list and remove models.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.add_typer(models_app, name="models")


@models_app.callback()
def models_top(ctx: typer.Context, as_json: Json = False) -> None:
    if alone(ctx, as_json=as_json):
        models_list(ctx, as_json=as_json)


@models_app.command(
    "add",
    epilog="Examples: workbench models add llama --engine api --base-url http://localhost:8000/v1 "
    "--model meta-llama/Llama-3.1-8B-Instruct; "
    "workbench models add panel --engine jury --members a,b,c --rule majority; "
    "workbench models add mine --engine vllm-server --path ./checkpoint --tensor-parallel 2",
)
def models_add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name used everywhere in the workbench.")],
    engine: Annotated[
        str,
        typer.Option(
            "--engine",
            help="api (any OpenAI-compatible URL), bundled, vllm-server, vllm, jury, sentence-transformers.",
        ),
    ] = "api",
    base_url: Annotated[str | None, typer.Option("--base-url", help="URL that ends in /v1.")] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="The endpoint's name of the model [default: NAME]; for vLLM its hub id."),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option("--path", help="A GGUF file for bundled, a model's folder for vLLM and sentence-transformers."),
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option("--api-key-env", metavar="VAR", help="Environment variable that holds the key."),
    ] = None,
    system_prompt: Annotated[str | None, typer.Option("--system-prompt")] = None,
    temperature: Annotated[float | None, typer.Option("--temperature", min=0.0)] = None,
    top_p: Annotated[float | None, typer.Option("--top-p", min=0.0, max=1.0)] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1)] = None,
    seed: Annotated[int | None, typer.Option("--seed")] = None,
    price_in: Annotated[
        float | None, typer.Option("--price-in", min=0.0, help="US dollars a million prompt tokens.")
    ] = None,
    price_out: Annotated[
        float | None, typer.Option("--price-out", min=0.0, help="US dollars a million completion tokens.")
    ] = None,
    batch_discount: Annotated[
        float | None, typer.Option("--batch-discount", min=0.0, max=1.0, help="What --batch saves. Default: 0.5.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option("--concurrency", min=1)] = None,
    rpm: Annotated[float | None, typer.Option("--rpm", min=0.0, help="Requests a minute at most.")] = None,
    tpm: Annotated[float | None, typer.Option("--tpm", min=0.0, help="Tokens a minute at most.")] = None,
    timeout: Annotated[float | None, typer.Option("--timeout", min=0.0, help="Seconds for one request.")] = None,
    idle_timeout: Annotated[
        float | None, typer.Option("--idle-timeout", min=0.0, help="Seconds between two pieces of an answer.")
    ] = None,
    client: Annotated[
        str | None,
        typer.Option("--client", help="lean (fast; default for servers of one's own) or openai (default elsewhere)."),
    ] = None,
    api_version: Annotated[
        str | None, typer.Option("--api-version", help="Goes into the query, as Azure wants it; the key into api-key.")
    ] = None,
    key_header: Annotated[
        str | None, typer.Option("--key-header", help="Header for the key, instead of Authorization.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="NAME=VALUE", help="Sent along; $VAR in it is read from the environment."),
    ] = None,
    structured: Annotated[
        bool, typer.Option("--structured", help="The endpoint obeys JSON schemas (vLLM, OpenAI).")
    ] = False,
    window: Annotated[
        int | None, typer.Option("--context", min=128, help="Tokens it can read and write at once.")
    ] = None,
    wrap: Annotated[
        str | None, typer.Option("--wrap", help="llama-2: send [INST] … [/INST] as one raw prompt (served Auto-J).")
    ] = None,
    members: Annotated[
        str | None, typer.Option("--members", help="Judges of a jury, by commas; of a cascade from cheap to strong.")
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", help="majority (default), mean, weighted, or cascade: see docs/juries.md.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="NAME=N,…", help="For --rule weighted; others weigh 1.")
    ] = None,
    confidence: Annotated[
        float | None, typer.Option("--confidence", help="Cascade: escalate verdicts with a smaller share than this.")
    ] = None,
    escalate_on: Annotated[
        str | None,
        typer.Option("--escalate-on", help="Cascade: disagreement, tie, unparsed, low-confidence; by commas."),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option("--revision", help="Tells apart what an endpoint serves under one name at different times."),
    ] = None,
    served_name: Annotated[str | None, typer.Option("--served-name", help="vLLM: the name it serves.")] = None,
    tensor_parallel: Annotated[int | None, typer.Option("--tensor-parallel", min=1, help="vLLM: GPUs a layer.")] = None,
    pipeline_parallel: Annotated[
        int | None, typer.Option("--pipeline-parallel", min=1, help="vLLM: GPUs one after another.")
    ] = None,
    data_parallel: Annotated[int | None, typer.Option("--data-parallel", min=1, help="vLLM: copies.")] = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="vLLM: auto, bfloat16, float16, float32.")] = None,
    quantization: Annotated[str | None, typer.Option("--quantization", help="vLLM: awq, gptq, fp8, …")] = None,
    max_model_len: Annotated[
        int | None, typer.Option("--max-model-len", min=1, help="vLLM: tokens of prompt and answer together.")
    ] = None,
    chat_template: Annotated[str | None, typer.Option("--chat-template", help="vLLM: a Jinja file.")] = None,
    lora_path: Annotated[
        str | None, typer.Option("--lora-path", help="Engine vllm: the folder of a PEFT adapter.")
    ] = None,
    gpu_memory_utilization: Annotated[
        float | None,
        typer.Option("--gpu-memory-utilization", min=0.0, max=1.0, help="vLLM: share of a GPU's memory; 0.9."),
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="vLLM: run code that comes with the model.")
    ] = False,
    gpus: Annotated[str | None, typer.Option("--gpus", help="vLLM: auto, cpu, or GPUs as in 0,1.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="vLLM: default any free one.")] = None,
    vllm_args: Annotated[
        str | None, typer.Option("--vllm-args", metavar='"--ARG VALUE …"', help="Passed on to vLLM's server.")
    ] = None,
    vllm_python: Annotated[
        str | None, typer.Option("--vllm-python", help="The interpreter of the environment that has vLLM.")
    ] = None,
    startup_timeout: Annotated[
        float | None, typer.Option("--startup-timeout", min=0.0, help="vLLM: seconds until it is ready; 1800.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Change the settings of a known model.")] = False,
) -> None:
    """Add a model, or a jury of models. The key itself is never stored: only the name of the variable that holds it."""
    from workbench.models import save_model
    from workbench.records import Model

    if members and engine == "api" and base_url is None:
        engine = "jury"
    params: dict[str, Any] = {
        "model": model or (name if engine == "api" else None), "api_key_env": api_key_env,
        "system_prompt": system_prompt, "temperature": temperature, "top_p": top_p, "max_tokens": max_tokens,
        "seed": seed, "price_in": price_in, "price_out": price_out, "batch_discount": batch_discount,
        "concurrency": concurrency, "rpm": rpm,
        "tpm": tpm, "timeout_s": timeout, "idle_timeout_s": idle_timeout, "client": client,
        "api_version": api_version, "key_header": key_header, "headers": _headers(header),
        "structured_output": structured or None, "context": window, "wrap": wrap,
        "members": names(members) if members is not None else None, "rule": rule, "weights": _weights(weights),
        "confidence": confidence, "escalate_on": names(escalate_on) if escalate_on is not None else None,
        "revision": revision, "served_name": served_name, "tensor_parallel": tensor_parallel,
        "pipeline_parallel": pipeline_parallel, "data_parallel": data_parallel, "dtype": dtype,
        "quantization": quantization, "max_model_len": max_model_len, "chat_template": _absolute(chat_template),
        "lora_path": _absolute(lora_path),
        "gpu_memory_utilization": gpu_memory_utilization, "trust_remote_code": trust_remote_code or None, "gpus": gpus,
        "port": port, "vllm_args": _words(vllm_args), "startup_timeout_s": startup_timeout,
        "vllm_python": _absolute(vllm_python) if vllm_python and "/" in vllm_python else vllm_python,
    }  # fmt: skip
    given = {key: value for key, value in params.items() if value is not None}
    if path is not None and engine in ("sentence-transformers", "vllm-server", "vllm"):
        path = _absolute(path)
    with context(ctx).open(create=True) as store:
        changed = save_model(store, Model(name, engine, base_url or path, given), replace=replace)
    note(f"model '{name}' {'added' if changed else 'was there already'}")


def _absolute(path: str | None) -> str | None:
    """Whoever uses it may stand in another folder."""
    return str(Path(path).expanduser().absolute()) if path else None


def _words(text: str | None) -> list[str] | None:
    """Arguments as a shell would part them."""
    import shlex

    from workbench.errors import BadInput

    try:
        return shlex.split(text) if text is not None else None
    except ValueError as error:
        raise BadInput(f"cannot be parted into arguments: {error}", field="vllm_args") from None


def _headers(given: list[str] | None) -> dict[str, str] | None:
    from workbench.errors import BadInput

    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput("must be NAME=VALUE", field="header")  # never repeated: it may be a key
        found[name.strip()] = value.strip()
    return found or None


def _weights(given: str | None) -> dict[str, float] | None:
    from workbench.errors import BadInput

    if given is None:
        return None
    found = {}
    for text in names(given):
        name, _, number = text.rpartition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            raise BadInput(f"must be NAME=NUMBER by commas, not '{text}'", field="weights") from None
    return found


@models_app.command("list")
def models_list(ctx: typer.Context, as_json: Json = False) -> None:
    """Models that can be named: in the store, or built in."""
    import json

    from workbench.engines.registry import BUILTIN_MODELS

    with context(ctx).open(create=True) as store:
        rows = store.query("models")
    there = {row["model_id"] for row in rows}
    listed = [{**row, "params": json.loads(row["params"]), "builtin": False} for row in rows]
    for row in listed:
        row["builtin"] = row["model_id"] in BUILTIN_MODELS
    listed += [
        {"model_id": m.model_id, "engine": m.engine, "endpoint": m.endpoint, "params": dict(m.params),
         "responses": 0, "judgments": 0, "builtin": True}
        for m in BUILTIN_MODELS.values() if m.model_id not in there
    ]  # fmt: skip
    if as_json:
        print_json(listed)
        return
    print_table(
        ["model", "engine", "endpoint", "responses", "judgments", "settings"],
        [
            [r["model_id"], r["engine"], r["endpoint"] or ("built in" if r["builtin"] else None), r["responses"],
             r["judgments"], r["params"]]
            for r in listed
        ],
    )  # fmt: skip


@models_app.command("remove")
def models_remove(ctx: typer.Context, name: str) -> None:
    """Forget a model that has answered and judged nothing."""
    from workbench.models import remove_model

    with context(ctx).open() as store:
        remove_model(store, name)
    note(f"model '{name}' removed")
