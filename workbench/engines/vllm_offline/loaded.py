"""A loaded ``vllm.LLM``: requests go in, finished ones come out, one step at a time. Used from one thread."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.engines.api import mend
from workbench.engines.logprobs import MOST
from workbench.engines.protocol import Request, Result
from workbench.engines.vllm_failures import said_by
from workbench.engines.vllm_offline.arguments import engine_arguments, lora_folder, served
from workbench.engines.vllm_offline.outputs import read_output
from workbench.engines.wrapping import WRAPS
from workbench.errors import BadInput, EngineError
from workbench.records import Model
from workbench.text import one_line

#: Fields of ``extra_body`` that are no sampling parameters, but the chat template's.
_TEMPLATE_FIELDS = "chat_template_kwargs"
_TOO_LONG = ("maximum context length", "longer than the maximum model length", "maximum model length")
MESSAGE_CHARS = 300


class Rejected(Exception):
    """A single request that vLLM does not take; ``result`` says why. Others may be fine."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.error)
        self.result = result


class LoadedModel:
    """``llm`` is a ``vllm.LLM`` and ``sdk`` the module ``vllm`` (with ``SamplingParams``, ``StructuredOutputsParams``
    and ``LoRARequest`` as attributes): what tests put others in place of."""

    def __init__(self, model: Model, llm: Any, sdk: Any) -> None:
        self._model, self._llm, self._sdk = model, llm, sdk
        self._wrap = WRAPS[model.params["wrap"]] if model.params.get("wrap") else None
        folder = lora_folder(model)
        self._lora = sdk.LoRARequest(folder.name, 1, str(folder)) if folder else None
        llm.get_default_sampling_params()  # as vLLM's server: the model's own, where a request says nothing
        self._defaults: Mapping[str, Any] = dict(getattr(llm, "default_sampling_params", None) or {})
        #: by every id that an output may come back under: the request's key, all its ids, and when it was given
        self._asked: dict[str, tuple[str, tuple[str, ...], float]] = {}

    @property
    def llm(self) -> Any:
        return self._llm

    @property
    def busy(self) -> bool:
        return bool(self._asked)

    def add(self, request: Request) -> None:
        """Put a request into vLLM's queue; nothing is computed yet.

        Raises:
            Rejected: too long, or refused by vLLM.
        """
        given = time.monotonic()
        try:
            [number] = self._enqueue(request)
        except (EngineError, BadInput):
            raise
        except Exception as error:  # vLLM's own, jinja2's and tokenizers' have nothing in common
            raise Rejected(rejection(request.key, error)) from error
        # Outputs come back under the id without the random part that ``enqueue`` adds.
        ids = (number, number.rpartition("-")[0] or number)
        for one in ids:
            self._asked[one] = (request.key, ids, given)

    def step(self) -> list[Result]:
        """Let vLLM compute one step. What has finished in it."""
        found: list[Result] = []
        for output in self._llm.llm_engine.step():
            if not output.finished:
                continue
            asked = self._asked.get(output.request_id)
            if asked is None:  # given up meanwhile
                continue
            key, ids, given = asked
            for one in ids:
                self._asked.pop(one, None)
            found.append(read_output(key, output, self._model.params, time.monotonic() - given))
        return found

    def abort(self, keys: Iterable[str]) -> None:
        """Give up requests by their keys."""
        gone = set(keys)
        numbers = {ids for key, ids, _ in self._asked.values() if key in gone}
        for ids in numbers:
            for one in ids:
                self._asked.pop(one, None)
        if numbers:
            self._llm.llm_engine.abort_request([ids[0] for ids in numbers], internal=True)

    def close(self) -> None:
        """Stop vLLM and free its memory."""
        llm, self._llm = self._llm, None
        self._asked.clear()
        if llm is None:
            return
        core = getattr(llm.llm_engine, "engine_core", None)
        del llm
        if core is not None:
            with contextlib.suppress(Exception):
                core.shutdown()
        del core
        gc.unfreeze()
        gc.collect()

    # -- asking ------------------------------------------------------------------------------------

    def _enqueue(self, request: Request) -> list[str]:
        extra = dict(self._model.params.get("extra_body") or {})
        template = extra.pop(_TEMPLATE_FIELDS, None)
        sampling = self._sdk.SamplingParams(**self.sampling(request, extra))
        found: list[str]
        if self._wrap is not None:
            prompt = mend(self._wrap(request.messages))
            found = self._llm.enqueue([prompt], sampling, lora_request=self._lora, use_tqdm=False)
            return found
        messages = [{"role": m.role, "content": mend(m.content)} for m in request.messages]
        found = self._llm.enqueue_chat(
            [messages], sampling, lora_request=self._lora, chat_template_kwargs=template, use_tqdm=False
        )
        return found

    def sampling(self, request: Request, extra: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of ``SamplingParams``: the model's own defaults, the request's, then ``extra_body``'s."""
        asked = request.sampling
        found: dict[str, Any] = {
            "temperature": asked.temperature, "top_p": asked.top_p, "max_tokens": asked.max_tokens,
            "seed": asked.seed, "stop": list(asked.stop) or None, "n": request.n if request.n > 1 else None,
            "logprobs": min(request.logprobs, MOST) or None if self._wrap is None else None,
        }  # fmt: skip
        if request.json_schema is not None and self._wrap is None and self._model.params.get("structured_output", True):
            found["structured_outputs"] = self._sdk.StructuredOutputsParams(json=dict(request.json_schema))
        given = {name: value for name, value in found.items() if value is not None}
        # Without a limit vLLM would stop after 16 tokens.
        return {"max_tokens": None, **self._defaults, **given, **extra}


def rejection(key: str, error: Exception) -> Result:
    """The result of a request that vLLM refused at once."""
    said = one_line(str(error) or type(error).__name__, MESSAGE_CHARS)
    state = "too_long" if any(words in str(error) for words in _TOO_LONG) else "error"
    return Result(key, state, error=said)


def is_hopeless(error: BaseException) -> bool:
    """Whether no other request would fare better than this rejected one."""
    text = said_by(error)
    return any(
        words in text
        for words in ("ChatTemplateResolutionError", "default chat template is no longer allowed", "EngineDeadError",
                      "Unexpected keyword argument", "unexpected keyword argument", "LoRA is not enabled")
    )  # fmt: skip


def load(model: Model) -> LoadedModel:
    """Import vLLM and load a model. Takes from seconds to many minutes.

    Raises:
        BadInput: an argument of ``vllm_args`` is refused.
        Exception: whatever vLLM raises (``vllm_failures.as_engine_error`` knows many).
    """
    import vllm
    from vllm.lora.request import LoRARequest
    from vllm.platforms import current_platform
    from vllm.sampling_params import StructuredOutputsParams

    class Sdk:
        SamplingParams = vllm.SamplingParams

    sdk: Any = Sdk
    sdk.StructuredOutputsParams, sdk.LoRARequest = StructuredOutputsParams, LoRARequest
    llm = vllm.LLM(**engine_arguments(model, cpu=bool(current_platform.is_cpu())))
    if not hasattr(llm, "enqueue_chat"):
        raise EngineError(
            f"vLLM {vllm.__version__} is too old: it cannot take requests while it runs", hint="update it: 0.32 will do"
        )
    # A look for garbage through all of torch and vLLM takes 0.3 s, in which nothing else runs.
    gc.collect()
    gc.freeze()
    return LoadedModel(model, llm, sdk)


def on_cpu() -> bool:
    """Whether this vLLM runs on the processor. Imports it."""
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())


def describe(model: Model, loaded: LoadedModel) -> dict[str, Any]:
    """What can be told of a model only when it is loaded: hub revision, number form, context, chat template."""
    from workbench.engines.vllm_settings import text_hash

    config = getattr(loaded.llm, "model_config", None)
    found: dict[str, Any] = {
        "dtype": str(getattr(config, "dtype", "")).removeprefix("torch.") or None,
        "quantization": getattr(config, "quantization", None),
        "max_model_len": getattr(config, "max_model_len", None),
    }
    if not model.endpoint:
        found["revision"] = getattr(getattr(config, "hf_config", None), "_commit_hash", None)
    template = getattr(loaded.llm, "chat_template", None)
    if template is None:
        with contextlib.suppress(Exception):
            template = loaded.llm.get_tokenizer().chat_template
    if isinstance(template, str):
        found["chat_template"] = text_hash(template)
    found["model"] = served(model) if not model.endpoint else None
    return {name: value for name, value in found.items() if value is not None}
