"""As much of ``vllm.LLM`` as the offline engine touches: a queue, and steps that each add a token to what runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class SamplingParams(SimpleNamespace):
    pass


class StructuredOutputsParams(SimpleNamespace):
    pass


class LoRARequest:
    def __init__(self, name: str, number: int, path: str) -> None:
        self.name, self.number, self.path = name, number, path


SDK = SimpleNamespace(
    SamplingParams=SamplingParams, StructuredOutputsParams=StructuredOutputsParams, LoRARequest=LoRARequest
)


class TooLong(Exception):
    def __str__(self) -> str:
        return (
            "This model's maximum context length is 16 tokens. However, your prompt contains 99 input tokens, which "
            "exceeds this limit even without any output tokens. (parameter=input_tokens, value=99)"
        )


def completion(text: str, finish: str = "stop", logprobs: Any = None, tokens: int | None = None) -> Any:
    ids = list(range(len(text.split()) if tokens is None else tokens))
    return SimpleNamespace(text=text, token_ids=ids, finish_reason=finish, logprobs=logprobs, stop_reason=None)


class FakeLLM:
    """``say`` makes answers of the last message; an answer takes as many steps as it has words. ``longest`` requests
    run at once. Ids are as vLLM's: what ``enqueue`` returns has a random part that outputs lack."""

    def __init__(self, say: Callable[[str], str] = lambda text: f"echo {text}", longest: int = 8) -> None:
        self.say, self.longest = say, longest
        self.default_sampling_params: dict[str, Any] | None = None
        self.own = {"top_k": 50}
        self.seen: list[tuple[list[dict[str, str]], SamplingParams, Any]] = []
        self.raw: list[str] = []
        self.batches: list[int] = []
        self.threads: set[str] = set()
        self.shut = False
        self.fail_after: int | None = None
        self._queue: list[tuple[str, list[str], SamplingParams]] = []
        self.llm_engine = SimpleNamespace(
            step=self._step, abort_request=self._abort, engine_core=SimpleNamespace(shutdown=self._shutdown)
        )
        self.aborted: list[str] = []
        self.model_config = SimpleNamespace(dtype="torch.bfloat16", quantization=None, max_model_len=2048)
        self.chat_template = None

    def get_default_sampling_params(self) -> None:
        self.default_sampling_params = self.own

    def enqueue_chat(self, messages: Any, sampling: SamplingParams, **more: Any) -> list[str]:
        [conversation] = messages
        self.seen.append((conversation, sampling, more))
        if any("too long" in m["content"] for m in conversation):
            raise TooLong
        if any("no template" in m["content"] for m in conversation):
            raise ValueError("As of transformers v4.44, default chat template is no longer allowed")
        if any("refused" in m["content"] for m in conversation):
            raise ValueError("the grammar cannot be compiled")
        return [self._put(self.say(conversation[-1]["content"]), sampling)]

    def enqueue(self, prompts: list[str], sampling: SamplingParams, **more: Any) -> list[str]:
        [prompt] = prompts
        self.raw.append(prompt)
        return [self._put(self.say(prompt), sampling)]

    def _put(self, text: str, sampling: SamplingParams) -> str:
        number = f"{len(self.seen) + len(self.raw)}-deadbeef"
        self._queue.append((number, text.split(), sampling))
        return number

    def _step(self) -> list[Any]:
        time.sleep(0.001)  # vLLM lets others run while it computes
        self.threads.add(threading.current_thread().name)
        if self.fail_after is not None:
            self.fail_after -= 1
            if self.fail_after < 0:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        running = self._queue[: self.longest]
        self.batches.append(len(running))
        found = []
        for one in running:
            number, words, sampling = one
            done = getattr(sampling, "done", "")
            sampling.done = f"{done} {words.pop(0)}".strip() if words else done
            limit = sampling.max_tokens
            cut = limit is not None and len(sampling.done.split()) >= limit and bool(words)
            if not words or cut:
                self._queue.remove(one)
                n = getattr(sampling, "n", 1)
                outputs = [completion(sampling.done, "length" if cut else "stop") for _ in range(n)]
                found.append(
                    SimpleNamespace(
                        request_id=number.rpartition("-")[0], finished=True, prompt_token_ids=[1, 2, 3], outputs=outputs
                    )
                )
        return found

    def _abort(self, numbers: list[str], internal: bool = False) -> None:
        assert internal
        self.aborted += numbers
        self._queue = [one for one in self._queue if one[0] not in numbers]

    def _shutdown(self) -> None:
        self.shut = True
