"""Checking a model's settings before anything is stored or sent."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from workbench.engines.access import VARIABLE
from workbench.engines.juries import is_jury, jury_of
from workbench.engines.transport import CLIENTS
from workbench.engines.vllm_settings import VLLM_ENGINES, check_vllm, dtype_setting, gpus_setting
from workbench.engines.wrapping import WRAPS
from workbench.errors import BadInput, Unknown
from workbench.records import Model

ENGINES = ("api", "bundled", "vllm-server", "vllm", "jury", "sentence-transformers", "import")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
#: Headers whose values are secrets by their name, and values that look like one.
_SECRET_HEADER = re.compile(r"auth|key|token|secret|cookie|password|credential", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"\b(sk|pk|rk|hf|gsk|xai)[-_][A-Za-z0-9_\-]{6,}|^(bearer|basic)\s+\S", re.IGNORECASE)
#: Set by the client itself: another value would break the request.
_OWN_HEADERS = ("host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding")
#: Returns what is wrong with a value, or nothing.
Check = Callable[[Any], str | None]


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be text"


def _name(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be a name"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _number(least: float, most: float = math.inf, *, above: bool = False) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return "must be a number"
        if value < least or (above and value == least):
            return f"must be {'above' if above else 'at least'} {least:g}, not {value:g}"
        return f"must be at most {most:g}, not {value:g}" if value > most else None

    return check


def _whole(least: int, most: int = 2**31) -> Check:
    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be a whole number"
        return None if least <= value <= most else f"must be from {least} to {most}, not {value}"

    return check


def _texts(value: Any) -> str | None:
    good = isinstance(value, list | tuple) and all(isinstance(v, str) and v for v in value)
    return None if good else "must be a list of texts"


def _object(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a table of fields to add to each request"
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return "must hold only what JSON can"
    return None


def _variable(value: Any) -> str | None:
    # A key given by mistake must not end up in a message, a log or the store.
    if isinstance(value, str) and _VARIABLE.fullmatch(value) and not value.lower().startswith(("sk_", "hf_", "gsk_")):
        return None
    return "must be the NAME of an environment variable that holds the key, not the key itself"


def _client(value: Any) -> str | None:
    return None if value in CLIENTS else f"must be {' or '.join(CLIENTS)}"


def _wrap(value: Any) -> str | None:
    return None if value in WRAPS else f"must be {' or '.join(WRAPS)}"


def _header_name(value: Any) -> str | None:
    good = isinstance(value, str) and _HEADER.fullmatch(value) and value.lower() not in _OWN_HEADERS
    return None if good else "must be the name of a header"


def _headers(value: Any) -> str | None:
    """Headers to send along. Never repeats a value: it may be a key."""
    if not isinstance(value, Mapping):
        return "must be a table of header names and values"
    for name, text in value.items():
        if _header_name(name):
            return f"'{str(name)[:40]}' is not the name of a header that can be set"
        if not isinstance(text, str) or not text.isprintable():
            return f"the value of '{name}' must be text on one line"
        literal = VARIABLE.sub("", text)
        if _SECRET_VALUE.search(literal) or (_SECRET_HEADER.search(name) and not VARIABLE.search(text)):
            return f"the value of '{name}' looks like a secret: put it into an environment variable and write $NAME"
    return None


#: What a model's settings may be. ``client``: ``lean`` or ``openai`` (``engines/transport.py``; without it what suits
#: the address). ``api_version`` goes into the query (Azure); ``key_header`` carries the key instead of Authorization;
#: ``wrap`` sends one raw prompt in that form (``wrapping.WRAPS``) to the completions endpoint.
#: ``headers`` are sent along, ``$NAME`` in their values stands for an environment variable. ``timeout_s`` is for a
#: request as a whole, ``idle_timeout_s`` for a pause within an answer. ``revision`` tells apart what an endpoint served
#: under one name at different times: it is part of an encoder's version; for a hub
#: model it is the commit or tag. What vLLM takes besides: ``vllm_settings``.
PARAMS: Mapping[str, Check] = {
    "model": _name,
    "system_prompt": _text,
    "temperature": _number(0),
    "top_p": _number(0, 1, above=True),
    "max_tokens": _whole(1),
    "seed": _whole(-(2**31)),
    "stop": _texts,
    "extra_body": _object,
    "api_key_env": _variable,
    "price_in": _number(0),
    "price_out": _number(0),
    "batch_discount": _number(0, 1),
    "concurrency": _whole(1, 4096),
    "rpm": _number(0, above=True),
    "tpm": _number(0, above=True),
    "timeout_s": _number(0, above=True),
    "idle_timeout_s": _number(0, above=True),
    "client": _client,
    "api_version": _name,
    "key_header": _header_name,
    "headers": _headers,
    "max_attempts": _whole(1, 100),
    "structured_output": _flag,
    "wrap": _wrap,
    "logprobs": _flag,
    "context": _whole(128, 2**20),
    "dimensions": _whole(1, 2**16),
    "batch_size": _whole(1, 4096),
    "revision": _name,
    "served_name": _name,
    "tensor_parallel": _whole(1, 4096),
    "pipeline_parallel": _whole(1, 4096),
    "data_parallel": _whole(1, 4096),
    "dtype": dtype_setting,
    "quantization": _name,
    "max_model_len": _whole(1),
    "chat_template": _name,
    "lora_path": _name,
    "gpu_memory_utilization": _number(0, 1, above=True),
    "trust_remote_code": _flag,
    "gpus": gpus_setting,
    "port": _whole(1, 65535),
    "vllm_args": _texts,
    "vllm_python": _name,
    "startup_timeout_s": _number(0, above=True),
}


def validate_model(model: Model) -> None:
    """Check a model's engine, endpoint and params.

    Raises:
        Unknown: the engine or a param is not known; names the nearest one.
        BadInput: a value is wrong; names its field and what it must be. Never repeats what may be a key.
    """
    if not model.model_id.strip() or not model.model_id.isprintable():
        raise BadInput("must be a name on one line", field="name")
    if model.engine not in ENGINES:
        raise Unknown("engine", model.engine, ENGINES)
    if model.engine == "import":
        return  # whatever the file said about it
    if "," in model.model_id:
        raise BadInput("must not hold a comma: --models separates names with it", field="name")
    if is_jury(model):
        jury_of(model)
        return
    if model.engine == "api":
        check_url(model.endpoint)
    elif model.engine == "sentence-transformers":
        check_encoder_folder(model.endpoint)
    elif model.endpoint is not None and model.engine not in VLLM_ENGINES:
        from pathlib import Path

        from workbench.engines.model_files import check_gguf

        check_gguf(Path(model.endpoint).expanduser())
    for key, value in model.params.items():
        if key not in PARAMS:
            raise Unknown("setting", key, PARAMS, hint=_hint(key, model.model_id))
        if value is not None and (wrong := PARAMS[key](value)):
            raise BadInput(wrong, field=key)
    if model.engine in VLLM_ENGINES:
        check_vllm(model)
    if model.engine == "vllm":
        from workbench.engines.vllm_offline.arguments import check_offline

        check_offline(model)


def _hint(key: str, model: str) -> str | None:
    if key.lower() in ("api_key", "key", "token"):
        return "keys are not stored: put yours into an environment variable and give its name as api_key_env"
    if key.lower() in ("base_url", "url", "path"):
        return f"the address of '{model}' is its endpoint, not one of its params"
    return None


def check_encoder_folder(path: str | None) -> None:
    """Raises BadInput unless the path is a folder that holds an encoder."""
    from pathlib import Path

    if not path:
        raise BadInput("a sentence-transformers model needs one", field="path", hint="add --path FOLDER")
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", field="path")
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise BadInput(
            f"{folder} holds neither modules.json nor config.json", field="path",
            hint="name the folder that the encoder was saved into",
        )  # fmt: skip


def check_url(url: str | None) -> None:
    """Raises BadInput unless the text is a base URL that paths can be added to."""
    if not url:
        raise BadInput("an api model needs one", field="base_url", hint="for example http://localhost:8000/v1")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadInput("not a URL", field="base_url") from None
    if parts.username or parts.password:
        raise BadInput(
            "holds a user name or password, which would be stored",
            field="base_url",
            hint="put the secret into an environment variable and give its name as api_key_env",
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or any(c.isspace() for c in url):
        raise BadInput(
            f"not an http or https URL: '{url}'", field="base_url", hint="for example http://localhost:8000/v1"
        )
    if parts.query or parts.fragment:
        raise BadInput("must not have a part after ? or #", field="base_url")
    for tail in ("/chat/completions", "/completions", "/embeddings"):
        if parts.path.rstrip("/").endswith(tail):
            raise BadInput(f"must end before {tail}", field="base_url", hint=url.rstrip("/").removesuffix(tail))
