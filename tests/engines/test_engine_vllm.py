"""The offline vLLM engine without vLLM: settings, what is asked and read, the driving, errors. The real one:
``tests/vllm``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engines.fake_llm import SDK, FakeLLM, completion
from workbench.engines import checkpoints
from workbench.engines.protocol import Described, Engine, Message, Request, Result, Sampling, Telling
from workbench.engines.registry import open_engine, params_hash, validate_model
from workbench.engines.vllm_failures import as_engine_error, explain
from workbench.engines.vllm_offline import arguments, engine, installed, orphans
from workbench.engines.vllm_offline.engine import VllmEngine
from workbench.engines.vllm_offline.loaded import LoadedModel, Rejected
from workbench.engines.vllm_offline.outputs import read_output
from workbench.errors import BadInput, EngineError
from workbench.exchange import Feed
from workbench.progress import Silent
from workbench.records import Model

SCHEMA = {"type": "object", "properties": {"verdict": {"enum": ["A", "B"]}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As much of a model's folder as is looked at before it is loaded."""
    found = tmp_path / "model"
    found.mkdir()
    (found / "config.json").write_text(json.dumps({"num_attention_heads": 9, "max_position_embeddings": 2048}))
    (found / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (found / "model.safetensors").write_bytes(bytes(range(256)) * 64)
    return found


def adapter(tmp_path: Path, rank: int = 16) -> Path:
    found = tmp_path / "adapter"
    found.mkdir(exist_ok=True)
    (found / "adapter_config.json").write_text(json.dumps({"r": rank}))
    (found / "adapter_model.safetensors").write_bytes(b"x")
    return found


def request(key: str, text: str = "hi there", **more: Any) -> Request:
    return Request(key, (Message("user", text),), more.pop("sampling", Sampling(max_tokens=64)), **more)


# -- settings --------------------------------------------------------------------------------------


def test_settings_become_vllms_arguments(folder: Path, tmp_path: Path) -> None:
    params = {
        "tensor_parallel": 3, "dtype": "half", "max_model_len": 512, "gpu_memory_utilization": 0.5,
        "quantization": "fp8", "trust_remote_code": True, "lora_path": str(adapter(tmp_path, 12)),
        "vllm_args": ["--max-num-seqs", "4"],
    }  # fmt: skip
    model = Model("m", "vllm", str(folder), params)
    validate_model(model)
    assert arguments.arguments(model, cpu=False) == [
        "--model", str(folder), "--tensor-parallel-size", "3", "--dtype", "half", "--quantization", "fp8",
        "--max-model-len", "512", "--gpu-memory-utilization", "0.5", "--trust-remote-code",
        "--no-use-tqdm-on-load", "--enable-prefix-caching",
        "--enable-lora", "--max-lora-rank", "16", "--max-num-seqs", "4",
    ]  # fmt: skip


def test_what_is_passed_on_goes_before_our_defaults(folder: Path) -> None:
    own = ["--no-enforce-eager", "--no-enable-prefix-caching"]
    model = Model("m", "vllm", str(folder), {"vllm_args": own})
    assert arguments.arguments(model, cpu=True) == [
        "--model", str(folder), "--no-use-tqdm-on-load", "--block-size", "32", *own
    ]  # fmt: skip
    assert "--enforce-eager" in arguments.arguments(Model("m", "vllm", str(folder)), cpu=True)
    assert "--enforce-eager" not in arguments.arguments(Model("m", "vllm", str(folder)), cpu=False)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"data_parallel": 2}, "field 'data_parallel'"),
        ({"port": 8000}, "inside this process"),
        ({"tensor_parallel": 2}, "9 attention heads"),
        ({"max_model_len": 4096}, "more than the model's 2048"),
        ({"lora_path": "/no/such/adapter"}, "adapter_config.json"),
        ({"chat_template": "/no/such/file.jinja"}, "chat_template"),
        ({"vllm_args": ["--tensor_parallel_size=2"]}, "vllm_args"),
        ({"model": "owner/name"}, "which of the two"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_loaded(folder: Path, params: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        validate_model(Model("m", "vllm", str(folder), params))


def test_ranks_of_adapters(tmp_path: Path) -> None:
    assert arguments.lora_rank(adapter(tmp_path, 33)) == 64
    with pytest.raises(BadInput, match="rank 1000"):
        arguments.lora_rank(adapter(tmp_path, 1000))
    (adapter(tmp_path) / "adapter_config.json").write_text("{}")
    with pytest.raises(BadInput, match="no rank"):
        arguments.lora_rank(tmp_path / "adapter")


def test_without_vllm_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match="not installed") as caught:
        open_engine(Model("m", "vllm", str(folder)))
    assert "workbench-llm[vllm]" in str(caught.value.hint)


def test_the_version_is_read_without_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "vllm"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "_version.py").write_text("__version__ = version = '0.32.0'\n__version_tuple__ = (0, 32, 0)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed.vllm_version() == "0.32.0"


def test_the_fingerprint_tells_weights_apart(folder: Path) -> None:
    before = checkpoints.fingerprint(folder)
    (folder / "README.md").write_text("not part of it")
    assert checkpoints.fingerprint(folder) == before
    large = folder / "more.safetensors"
    large.write_bytes(b"\0" * (checkpoints.WHOLE_BYTES + 1000))
    other = checkpoints.fingerprint(folder)
    place = list(checkpoints.places(large.stat().st_size))[40]
    with large.open("r+b") as file:
        file.seek(place)
        file.write(b"\1")
    assert len({before, other, checkpoints.fingerprint(folder)}) == 3


def test_samples_reach_from_the_first_byte_to_the_last() -> None:
    found = list(checkpoints.places(10_000_000))
    assert found[0] == 0 and found[-1] == 10_000_000 - checkpoints.SAMPLE_BYTES and len(set(found)) == 64


def test_what_shapes_a_text_is_in_the_hash(folder: Path, tmp_path: Path) -> None:
    def of(**params: Any) -> str:
        return params_hash(Model("m", "vllm", str(folder), params))

    assert of(gpus="0", concurrency=4, max_model_len=512) == of()
    assert len({of(), of(dtype="half"), of(lora_path="x"), of(vllm_args=["--kv-cache-dtype", "fp8"])}) == 4
    assert of(vllm_args=["--max-num-seqs", "8"]) == of()


# -- asking and reading ----------------------------------------------------------------------------


def loaded(llm: FakeLLM, **params: Any) -> LoadedModel:
    return LoadedModel(Model("m", "vllm", None, {"model": "o/n", **params}), llm, SDK)


def test_a_request_becomes_sampling_params() -> None:
    model = loaded(FakeLLM(), extra_body={"min_p": 0.1, "chat_template_kwargs": {"enable_thinking": False}})
    sampling = Sampling(temperature=0.5, top_p=0.9, max_tokens=7, seed=3, stop=("END",))
    model.add(request("k", "hello \ud83d", sampling=sampling, json_schema=SCHEMA, logprobs=50, n=3))
    [(messages, params, more)] = model.llm.seen
    assert messages == [{"role": "user", "content": "hello \ufffd"}]
    assert more["chat_template_kwargs"] == {"enable_thinking": False}
    structured = vars(params).pop("structured_outputs")
    assert structured.json == SCHEMA
    assert vars(params) == {
        "temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "seed": 3, "stop": ["END"], "n": 3, "logprobs": 20,
        "top_k": 50, "min_p": 0.1,
    }  # fmt: skip


def test_what_is_not_said_is_the_models_own() -> None:
    model = loaded(FakeLLM(), structured_output=False)
    model.add(request("k", sampling=Sampling(), json_schema=SCHEMA))
    assert vars(model.llm.seen[0][1]) == {"max_tokens": None, "top_k": 50}


def test_wrapped_prompts_go_without_a_template() -> None:
    model = loaded(FakeLLM(), wrap="llama-2")
    model.add(request("k", "a [/INST] b", json_schema=SCHEMA, logprobs=5))
    assert model.llm.raw == ["[INST] a [ /INST] b [/INST]"] and not model.llm.seen


def test_adapters_go_along(tmp_path: Path) -> None:
    model = loaded(FakeLLM(), lora_path=str(adapter(tmp_path)))
    model.add(request("k"))
    lora = model.llm.seen[0][2]["lora_request"]
    assert (lora.name, lora.number, lora.path) == ("adapter", 1, str(tmp_path / "adapter"))


def test_refused_requests() -> None:
    model = loaded(FakeLLM())
    for text, state in (("too long", "too_long"), ("refused", "error")):
        with pytest.raises(Rejected) as caught:
            model.add(request("k", text))
        assert caught.value.result.state == state and caught.value.result.key == "k"
    assert not model.busy


def output(*outputs: Any) -> Any:
    return SimpleNamespace(prompt_token_ids=[1] * 10, outputs=list(outputs))


def test_an_answer_is_read() -> None:
    result = read_output("k", output(completion("<think>hm</think>fine so", tokens=6)), {"price_out": 1e6}, 2.5)
    assert (result.state, result.text, result.reasoning, result.finish_reason) == ("ok", "fine so", "hm", "stop")
    assert (result.prompt_tokens, result.completion_tokens, result.latency) == (10, 6, 2.5)


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (completion("cut", "length"), "truncated"),
        (completion("  "), "error"),
        (completion("half", "abort"), "error"),
        (completion("<think>never ends", "stop"), "truncated"),
    ],
)
def test_states(one: Any, state: str) -> None:
    assert read_output("k", output(one), {}, 1.0).state == state


def test_several_answers_share_the_prompt_and_count_their_own_tokens() -> None:
    params = {"price_in": 1e6, "price_out": 1e6}
    result = read_output("k", output(completion("a b c"), completion("d")), params, 1.0)
    [other] = result.also
    assert (result.prompt_tokens, other.prompt_tokens) == (10, 0)
    assert (result.completion_tokens, other.completion_tokens) == (3, 1)
    assert (result.cost, other.cost) == (13.0, 1.0)


def test_logprobs_are_read() -> None:
    def one(text: str | None, value: float) -> Any:
        return SimpleNamespace(decoded_token=text, logprob=value, rank=1)

    nowhere = one("never", -math.inf)
    places = [{0: one("B", -2.0), 7: one("A", -0.2), 8: nowhere}, {1: one(None, -0.1)}, {2: one("<end>", 0.0)}]
    result = read_output("k", output(completion("B x", logprobs=places, tokens=3)), {}, 1.0)
    assert result.tokens is not None
    assert [t.text for t in result.tokens] == ["B", ""]
    assert result.tokens[0].logprob == -2.0 and result.tokens[0].top == (("A", -0.2), ("B", -2.0))
    assert read_output("k", output(completion("x")), {}, 1.0).tokens is None


# -- driving ---------------------------------------------------------------------------------------


class Told(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, message: str, *, level: str = "info") -> None:
        self.said.append(message)


@pytest.fixture
def llm() -> FakeLLM:
    return FakeLLM()


@pytest.fixture
def opened(folder: Path, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch) -> VllmEngine:
    """The engine on a fake vLLM."""

    @contextlib.contextmanager
    def placed(model: Model, taken: Any) -> Iterator[str]:
        yield "a fake"

    monkeypatch.setattr(installed, "vllm_version", lambda: "0.0.1")
    monkeypatch.setattr(engine, "placed", placed)
    monkeypatch.setattr(engine, "load", lambda model: LoadedModel(model, llm, SDK))
    found = open_engine(Model("m", "vllm", str(folder), {"concurrency": 16}))
    assert isinstance(found, VllmEngine)
    return found


async def stream(requests: list[Request]) -> AsyncIterator[Request]:
    for one in requests:
        yield one


async def asked(engine: Engine, requests: list[Request]) -> dict[str, Result]:
    return {result.key: result async for result in engine.complete(stream(requests))}


async def test_all_come_back_from_one_thread_in_whole_batches(opened: VllmEngine, llm: FakeLLM) -> None:
    found = await asked(opened, [request(str(i), f"word {i}") for i in range(50)])
    assert {key: r.text for key, r in found.items()} == {str(i): f"echo word {i}" for i in range(50)}
    # 16 at once were handed over before the first step, of which 8 run.
    assert llm.batches[:3] == [8, 8, 8] and len(llm.threads) == 1
    await opened.close()
    assert llm.shut


async def test_follow_ups_join_what_runs(opened: VllmEngine, llm: FakeLLM) -> None:
    feed = Feed(iter([request("slow", "w " * 400), request("a")]), lambda: False)
    order: list[str] = []
    async for result in opened.complete(feed):
        order.append(result.key)
        more = {"a": "b", "b": "c"}.get(result.key)
        feed.answered([request(more)] if more else [])
    assert order == ["a", "b", "c", "slow"]
    await opened.close()


async def test_refused_ones_do_not_hold_up_others(opened: VllmEngine) -> None:
    texts = ["too long", "fine", "refused", "fine too"]
    found = await asked(opened, [request(str(i), text) for i, text in enumerate(texts)])
    assert [found[str(i)].state for i in range(4)] == ["too_long", "ok", "error", "ok"]
    await opened.close()


async def test_a_model_without_a_template_ends_the_work(opened: VllmEngine) -> None:
    with pytest.raises(EngineError, match="no chat template"):
        await asked(opened, [request(str(i), "no template") for i in range(100)])
    await opened.close()


async def test_one_refusal_after_another_ends_the_work(opened: VllmEngine) -> None:
    with pytest.raises(EngineError, match="grammar cannot be compiled"):
        await asked(opened, [request(str(i), "refused") for i in range(100)])
    await opened.close()


async def test_what_came_before_a_failure_is_handed_out(opened: VllmEngine, llm: FakeLLM) -> None:
    llm.fail_after = 5
    found = []
    with pytest.raises(EngineError, match="out of memory") as caught:
        async for result in opened.complete(
            stream([request(str(i), "w") for i in range(8)] + [request("l", "w " * 9)])
        ):
            found.append(result.key)
    assert sorted(found) == [str(i) for i in range(8)]
    assert "max_model_len" in str(caught.value.hint)
    await opened.close()
    assert llm.shut


async def test_leaving_early_gives_up_what_runs(opened: VllmEngine, llm: FakeLLM) -> None:
    results = opened.complete(stream([request("quick", "w"), *(request(str(i), "w " * 10_000) for i in range(5))]))
    first = await anext(results)
    await results.aclose()  # type: ignore[attr-defined]
    assert first.key == "quick"
    again = await asked(opened, [request("next")])  # the same model serves the next stream
    assert again["next"].state == "ok" and len(llm.aborted) == 5
    await opened.close()


async def test_cancelled_before_it_began_nothing_is_loaded(opened: VllmEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "load", lambda model: pytest.fail("loaded"))
    progress = Told()
    progress.cancelled = True
    opened.tell(progress)
    assert await asked(opened, [request("k")]) == {}
    await opened.close()


async def test_cancelled_while_it_loads_it_is_undone(
    opened: VllmEngine, llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Told()

    def load(model: Model) -> LoadedModel:
        progress.cancelled = True
        time.sleep(0.5)
        return LoadedModel(model, llm, SDK)

    monkeypatch.setattr(engine, "load", load)
    opened.tell(progress)
    assert await asked(opened, [request("k")]) == {}
    assert llm.shut and not llm.seen


async def test_failing_to_load_names_the_setting(opened: VllmEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: Model) -> LoadedModel:
        raise ValueError("No available memory for the cache blocks. Try increasing `gpu_memory_utilization`")

    monkeypatch.setattr(engine, "load", load)
    with pytest.raises(EngineError, match="no memory for the KV cache") as caught:
        await asked(opened, [request("k")])
    assert "gpu_memory_utilization" in str(caught.value.hint)
    await opened.close()


async def test_what_is_told_of_it(opened: VllmEngine) -> None:
    progress = Told()
    opened.tell(progress)
    assert isinstance(opened, Described) and isinstance(opened, Telling)
    before = opened.version
    await asked(opened, [request("k")])
    assert opened.version == before and "vllm 0.0.1 weights" in before and "template" in before
    found = opened.provenance
    assert found["hardware"] == "a fake" and found["dtype"] == "bfloat16" and found["max_model_len"] == 2048
    assert progress.said[0] == "m: loading into vLLM 0.0.1" and progress.said[1].startswith("m: ready after")
    await opened.close()


async def test_an_idle_model_takes_no_processor_time(opened: VllmEngine) -> None:
    async def late() -> AsyncIterator[Request]:
        yield request("a", "w")
        await asyncio.sleep(0.3)
        yield request("b", "w")

    spent = time.process_time()
    found = [result.key async for result in opened.complete(late())]
    assert found == ["a", "b"] and time.process_time() - spent < 0.2
    await opened.close()


# -- errors and surroundings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("To serve at least one request with the model's max seq len (8192), (9.0 GiB KV cache is needed, which is "
         "larger than the available KV cache memory (1.0 GiB). Based on the available memory, the estimated maximum "
         "model length is 912. Try", "max_model_len"),
        ("Free memory on device cuda:0 (3.1/79.2 GiB) on startup is less than desired GPU memory utilization",
         "gpu_memory_utilization"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "max_model_len"),
        ("User-specified max_model_len (9999) is greater than the derived max_model_len (max_position_embeddings=2048",
         "max_model_len"),
        ("Unknown quantization method: foo. Must be one of", "quantization"),
        ("You are trying to access a gated repo.", "path"),
        ("o/n is not a local folder and is not a valid model identifier listed on", "path"),
        ("LoRA rank 64 is greater than max_lora_rank 16.", "vllm_args"),
        ("LLM.__init__() got an unexpected keyword argument 'foo'", "vllm_args"),
        ("World size (4) is larger than the number of available GPUs (1) in this node", "tensor_parallel"),
        ("The NVIDIA driver on your system is too old (found version 11040)", None),
        ("[Errno 98] Address already in use", "port"),
    ],
)  # fmt: skip
def test_known_failures(text: str, setting: str | None) -> None:
    found = explain(text)
    assert found is not None and found.setting == setting
    assert "{" not in found.message + found.hint


def test_the_estimate_is_repeated() -> None:
    found = explain("KV cache is needed, larger. the estimated maximum model length is 912. Try")
    assert found is not None and "912" in found.hint


def test_unknown_failures_are_repeated_on_one_line() -> None:
    error = as_engine_error(RuntimeError("odd\nthings \x1b[31m happened"), "m", "cannot be loaded")
    assert error.message == "vLLM: 'm' cannot be loaded: odd things ␛[31m happened"


def test_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_LOGGING_LEVEL", "DEBUG")
    monkeypatch.delenv("VLLM_NO_USAGE_STATS", raising=False)
    with installed.surrounded(installed.SURROUNDINGS, always={"X_MARK": "1"}):
        assert os.environ["VLLM_LOGGING_LEVEL"] == "DEBUG" and os.environ["VLLM_NO_USAGE_STATS"] == "1"
        assert os.environ["X_MARK"] == "1"
    assert "VLLM_NO_USAGE_STATS" not in os.environ and "X_MARK" not in os.environ


def test_what_libraries_print_does_not_mix_with_results() -> None:
    code = (
        "import os\nfrom workbench.engines.vllm_offline.installed import stdout_kept_clean\n"
        "print('before')\nwith stdout_kept_clean():\n    os.write(1, b'[Gloo] Rank 0 is connected')\nprint('after')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "before\nafter\n" and "Gloo" in done.stderr


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
@pytest.mark.parametrize("how", ["killed", "left"])
def test_no_process_outlives_the_worker(how: str) -> None:
    """A worker with a child that is deaf to everything but SIGKILL: killed with ``kill -9``, and ended in order."""
    code = f"""
import os, subprocess, sys, time
from workbench.engines.vllm_offline.orphans import watched
mark = "WORKBENCH_TEST_MARK=" + str(os.getpid())
with watched(mark):
    name, _, value = mark.partition("=")
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"],
        env={{**os.environ, name: value}}, start_new_session=True,
    )
    print(mark, flush=True)
    time.sleep(0.5 if {how!r} == "left" else 60)
"""
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    mark = worker.stdout.readline().strip()
    until = time.monotonic() + 5
    while not orphans.marked(mark) and time.monotonic() < until:
        time.sleep(0.02)
    assert len(orphans.marked(mark)) == 1
    if how == "killed":
        worker.kill()
    worker.wait(20)
    until = time.monotonic() + 10
    while orphans.marked(mark) and time.monotonic() < until:
        time.sleep(0.05)
    assert orphans.marked(mark) == []
