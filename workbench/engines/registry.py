"""Models and encoders by name, and engines for them. Light to import: an engine's libraries load when it is opened."""

from __future__ import annotations

from typing import Any

from workbench.engines.juries import is_jury
from workbench.engines.protocol import Embedder, Engine
from workbench.engines.settings import validate_model
from workbench.engines.vllm_settings import VLLM_ENGINES, shaping_arguments, template_hash
from workbench.errors import EngineError
from workbench.records import Model, stable_id

__all__ = ["BUILTIN_EMBEDDERS", "BUILTIN_MODELS", "open_embedder", "open_engine", "params_hash", "validate_model"]

#: Params that shape a text. The others say how it is asked for, what it costs, or whether it fits at all.
SHAPING = ("model", "system_prompt", "temperature", "top_p", "max_tokens", "seed", "stop", "extra_body", "wrap")
#: The same of models that vLLM runs; of ``vllm_args`` only what shapes a text, of a chat template the text.
VLLM_SHAPING = ("dtype", "quantization", "revision", "lora_path")


def _smollm2(name: str, **params: Any) -> Model:
    # It runs on the user's own machine: its price is known to be nothing.
    return Model(name, "bundled", None, {"max_tokens": 200, "price_in": 0.0, "price_out": 0.0, **params})


#: The bundled small model in settings that can be told apart, each named for what it is.
BUILTIN_MODELS: dict[str, Model] = {
    m.model_id: m
    for m in (
        _smollm2("smollm2-plain", temperature=0.0, seed=1),
        _smollm2(
            "smollm2-brief",
            temperature=0.0,
            seed=2,
            system_prompt="Answer in one or two short sentences. Leave out everything that was not asked for.",
        ),
        _smollm2("smollm2-wild", temperature=1.3, top_p=0.95, seed=3),
        _smollm2(
            "smollm2-teacher",
            temperature=0.0,
            seed=4,
            system_prompt="You are a patient teacher. Explain step by step, in numbered steps, with a small example.",
        ),
    )
}

BUILTIN_EMBEDDERS: dict[str, Model] = {
    "hashing": Model("hashing", "hashing"),
    "smollm2-embed": Model("smollm2-embed", "bundled"),
}


def open_engine(model: Model) -> Engine:
    """An engine that asks this model. Nothing is started, fetched or sent before it is first used.

    Raises:
        BadInput: the model's settings are wrong.
        EngineError: a key's variable is not set, a package is missing, or the model cannot generate at all.
    """
    if model.engine == "hashing":
        raise EngineError(f"'{model.model_id}' is an encoder: it cannot answer", hint="name a chat model")
    validate_model(model)
    if model.engine == "sentence-transformers":
        raise EngineError(f"'{model.model_id}' is an encoder: it cannot answer", hint="name a chat model")
    if model.engine == "import":
        raise EngineError(
            f"the answers of '{model.model_id}' came from a file; it cannot be asked for more",
            hint=f"say how to ask it: workbench models add {model.model_id} --replace …",
        )
    if is_jury(model):
        raise EngineError(
            f"'{model.model_id}' is a jury: it judges by its members and cannot be asked itself",
            hint=f"workbench judge --judge {model.model_id}, or name one of its members",
        )
    if model.engine == "bundled":
        from workbench.engines.bundled import BundledEngine

        return BundledEngine(model)
    if model.engine == "vllm-server":
        from workbench.engines.vllm_server.engine import VllmServerEngine

        return VllmServerEngine(model)
    if model.engine == "vllm":
        from workbench.engines.vllm_offline.engine import VllmEngine

        return VllmEngine(model)
    from workbench.engines.api import ApiEngine

    return ApiEngine(model)


def open_embedder(model: Model, *, device: str = "auto") -> Embedder:
    """An encoder. Nothing is started, fetched, loaded or sent before it is first used. ``device`` (auto, cpu, cuda,
    cuda:N, mps) is for those that run in this process by torch.

    Raises:
        BadInput, EngineError: as ``open_engine``.
    """
    if model.engine == "hashing":
        from workbench.engines.hashing import HashingEmbedder

        return HashingEmbedder()
    validate_model(model)
    if model.engine == "import":
        raise EngineError(f"'{model.model_id}' is known from a file only; it cannot embed texts")
    if is_jury(model):
        raise EngineError(f"'{model.model_id}' is a jury; it cannot embed texts")
    if model.engine == "sentence-transformers":
        from workbench.engines.sentences import SentenceEmbedder

        return SentenceEmbedder(model, device=device)
    if model.engine in VLLM_ENGINES:
        raise EngineError(
            f"'{model.model_id}' is a chat model that vLLM serves; it cannot embed texts",
            hint="serve an encoder (vllm serve … --runner pooling) and add it as --engine api",
        )
    if model.engine == "bundled":
        from workbench.engines.embeddings import BundledEmbedder

        return BundledEmbedder(model)
    from workbench.engines.embeddings import ApiEmbedder

    return ApiEmbedder(model)


def params_hash(model: Model) -> str:
    """A hash of everything about a model that shapes its text: engine, endpoint, and the params in ``SHAPING``.

    Concurrency, limits, timeouts, prices and the name of the key's variable are left out, and so is ``context``: it
    decides whether a text fits, not what it says. Spelling does not matter (0 and 0.0, a trailing slash, a missing
    param and an empty one).
    """
    params: dict[str, Any] = {key: _plain(model.params.get(key)) for key in SHAPING}
    if model.engine == "api":
        params["model"] = params["model"] or model.model_id
    if model.engine in VLLM_ENGINES:
        params |= {key: _plain(model.params.get(key)) for key in VLLM_SHAPING}
        params["vllm_args"] = shaping_arguments(model.params.get("vllm_args") or ())
        params["chat_template"] = template_hash(model.params.get("chat_template"))
    given = {key: value for key, value in params.items() if value is not None and value not in ("", [], {})}
    endpoint = model.endpoint.rstrip("/") if model.endpoint else None
    return stable_id("params", model.engine, endpoint, given)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
