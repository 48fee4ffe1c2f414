"""A small program that behaves as vLLM's server does: it takes a while, has children, and dies in vLLM's ways.

It is told what to do by ``VLLM_FAKE``, a JSON object: ``delay`` (seconds until ready), ``fail`` (a name in
``FAILURES``: ends at the start with that text), ``taken`` (a file: while it is there the port is taken, and it is
removed), ``slow`` (seconds an answer takes), ``die_after`` (answers until it is killed; once, if ``died``, a file, is
named), ``template`` (false: every chat is refused for want of a chat template), ``daemon`` (its child goes into a
session of its own), ``stubborn`` (its child does not end when asked to).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.engines.fake_openai import FakeOpenAI, Reply, default_reply

PREFIX = "(EngineCore pid=77) ERROR 11-21 18:01:02 [core.py:858] "
FAILURES = {
    "oom": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
    "79.10 GiB of which 1.2 GiB is free.",
    "kv": "ValueError: To serve at least one request with the models's max seq len (32768), (4.00 GiB KV cache is "
    "needed, which is larger than the available KV cache memory (2.10 GiB). Based on the available memory, the "
    "estimated maximum model length is 17184. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` "
    "when initializing the engine.",
    "driver": "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU "
    "driver.",
    "gated": "OSError: You are trying to access a gated repo.\nMake sure to have access to it at "
    "https://huggingface.co/org/model.",
    "missing": "OSError: org/nothing is not a local folder and is not a valid model identifier listed on "
    "'https://huggingface.co/models'",
    "remote-code": "ValueError: The repository /models/x contains custom code which must be executed to correctly load "
    "the model. Please pass the argument `trust_remote_code=True` to allow custom code to be run.",
    "quantization": "ValueError: Unknown quantization method: awqq. Must be one of ['awq', 'gptq'].",
    "dtype": "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 "
    "GPU has compute capability 7.5. You can use float16 instead by explicitly setting the `dtype` flag in CLI, for "
    "example: --dtype=half.",
    "heads": "ValueError: Total number of attention heads (9) must be divisible by tensor parallel size (2).",
    "odd": "ValueError: something nobody has seen before",
}


class FakeVllm(FakeOpenAI):
    def routes(self, app: web.Application) -> None:
        async def health(_: web.Request) -> web.Response:
            return web.Response()

        async def version(_: web.Request) -> web.Response:
            return web.json_response({"version": "0.0.1"})

        app.router.add_get("/health", health)
        app.router.add_get("/version", version)


def main() -> None:
    parser = argparse.ArgumentParser("api_server.py")
    for name in ("--model", "--served-model-name", "--host", "--port", "--max-model-len", "--dtype"):
        parser.add_argument(name)
    parser.add_argument("--disable-uvicorn-access-log", action="store_true")
    parser.add_argument("--enforce-eager", action="store_true")
    given = parser.parse_args()
    settings: dict[str, Any] = json.loads(os.environ.get("VLLM_FAKE", "{}"))
    print(f"INFO 11-21 18:01:00 [api_server.py:1772] vLLM API server, model {given.model}", flush=True)
    # The engine's own process, which outlives its parent when that is killed, as vLLM's does.
    code = "import time; time.sleep(300)"
    if settings.get("stubborn"):
        code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {code}"
    subprocess.Popen([sys.executable, "-c", code, "VLLM::EngineCore"], start_new_session=bool(settings.get("daemon")))
    if text := FAILURES.get(settings.get("fail", "")):
        for line in ["Traceback (most recent call last):", *text.splitlines()]:
            print(PREFIX + line, file=sys.stderr)
        sys.exit("RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}")
    if "taken" in settings and Path(settings["taken"]).exists():
        Path(settings["taken"]).unlink()
        sys.exit(
            "OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 1): address already in use"
        )
    time.sleep(settings.get("delay", 0.2))
    answers = 0

    def reply(body: dict[str, Any]) -> str | Reply:
        nonlocal answers
        answers += 1
        if answers > settings.get("die_after", 10**9):
            marker = Path(settings.get("died", "/nonexistent/died"))
            if not marker.exists():
                if marker.parent.is_dir():
                    marker.touch()
                print("CUDA error: an illegal memory access was encountered", file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
        return default_reply(body)

    server = FakeVllm(
        reply, key=os.environ["VLLM_API_KEY"], models=[given.served_model_name], delay=settings.get("slow", 0.0),
        port=int(given.port),
    )  # fmt: skip
    if settings.get("template") is False:
        message = (
            "As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template."
        )
        refused = web.json_response({"error": {"message": message, "type": "BadRequestError", "code": 400}}, status=400)
        server._refusal_of = lambda body: refused  # type: ignore[method-assign]
    with server:
        print("INFO:     Application startup complete.", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
