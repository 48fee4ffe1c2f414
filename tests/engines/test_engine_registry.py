from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from workbench.engines.registry import (
    BUILTIN_EMBEDDERS,
    BUILTIN_MODELS,
    open_embedder,
    open_engine,
    params_hash,
    validate_model,
)
from workbench.errors import BadInput, EngineError, Unknown
from workbench.records import Model

URL = "http://localhost:8000/v1"


def api(endpoint: str | None = URL, **params: Any) -> Model:
    return Model("m", "api", endpoint, params)


def test_builtin_models_are_valid_and_differ() -> None:
    assert {"smollm2-plain", "smollm2-brief", "smollm2-wild"} <= set(BUILTIN_MODELS)
    for name, model in BUILTIN_MODELS.items():
        validate_model(model)
        assert model.model_id == name and model.params["max_tokens"] and model.params["seed"] is not None
    assert len({params_hash(m) for m in BUILTIN_MODELS.values()}) == len(BUILTIN_MODELS)
    assert {"hashing", "smollm2-embed"} <= set(BUILTIN_EMBEDDERS)


def test_a_full_model_is_valid() -> None:
    validate_model(api(
        model="gpt", system_prompt="Be kind.", temperature=0, top_p=1, max_tokens=5, seed=0, stop=["a"],
        api_key_env="MY_KEY", price_in=0.5, price_out=2, concurrency=64, rpm=500, tpm=1e6, timeout_s=60,
        structured_output=True, max_attempts=3, idle_timeout_s=5, client="lean", api_version="2024-10-21",
        key_header="api-key", headers={"X-Team": "a", "Authorization": "Basic $BASIC", "X-Token": "${TOKEN}"},
        extra_body={"chat_template_kwargs": {"enable_thinking": False}},
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (Model("m", "apu", URL), "unknown engine 'apu' .*'api'"),
        (Model("m", "sglang", URL), "unknown engine"),
        (Model(" ", "api", URL), "name"),
        (api(None), "base_url"),
        (api("localhost:8000"), "not an http"),
        (api("ftp://host/v1"), "not an http"),
        (api("http://ho st/v1"), "not an http"),
        (api("http://host:99999/v1"), "not a URL"),
        (api("http:///v1"), "not an http"),
        (api("http://host/v1?key=1"), "after"),
        (api("http://host/v1/chat/completions"), "must end before"),
        (api(temprature=1), r"unknown setting 'temprature' \(did you mean 'temperature'\?\)"),
        (api(temperature="hot"), "'temperature': must be a number"),
        (api(temperature=True), "must be a number"),
        (api(temperature=-1), "at least 0"),
        (api(temperature=float("nan")), "must be a number"),
        (api(top_p=0), "above 0"),
        (api(top_p=1.5), "at most 1"),
        (api(max_tokens=0), "from 1"),
        (api(max_tokens=1.5), "whole number"),
        (api(price_in=-1), "'price_in': must be at least 0"),
        (api(concurrency=0), "from 1"),
        (api(rpm=0), "above 0"),
        (api(stop="END"), "list of texts"),
        (api(structured_output="yes"), "true or false"),
        (api(extra_body={"a": {1, 2}}), "JSON"),
        (api(client="fast"), "lean or openai"),
        (api(idle_timeout_s=0), "above 0"),
        (api(key_header="api key"), "name of a header"),
        (api(headers={"Content-Length": "1"}), "not the name of a header"),
        (api(headers={"X-A": "a\r\nX-B: b"}), "on one line"),
        (api(headers=["X-A"]), "table of header"),
        (Model("m", "bundled", "/no/such/file.gguf"), "no such model file"),
    ],
)
def test_wrong_settings_are_named(model: Model, match: str) -> None:
    with pytest.raises(BadInput, match=match):
        validate_model(model)


def test_secrets_given_by_mistake_are_not_repeated() -> None:
    for wrong in (
        api(api_key_env="sk-verysecret"), api(api_key="sk-verysecret"), api("http://u:verysecret@host/v1"),
        api(headers={"Authorization": "Bearer verysecret"}), api(headers={"X-Team-Key": "verysecret"}),
        api(headers={"X-Team": "sk-verysecret"}),
    ):  # fmt: skip
        with pytest.raises(BadInput) as raised:
            validate_model(wrong)
        assert "verysecret" not in f"{raised.value} {raised.value.hint}"
        assert "variable" in f"{raised.value} {raised.value.hint}"


def test_params_hash_follows_what_shapes_the_text() -> None:
    base = api(temperature=0.5, seed=1)
    same = [
        api(temperature=0.5, seed=1.0, concurrency=64, price_in=1, rpm=2, timeout_s=9, api_key_env="K", max_attempts=1),
        api("http://localhost:8000/v1/", temperature=0.5, seed=1, model="m", stop=[], system_prompt=None),
    ]
    assert {params_hash(m) for m in same} == {params_hash(base)}
    other = [
        api(temperature=0.6, seed=1), api(temperature=0.5, seed=2), api(temperature=0.5),
        api("http://b/v1", temperature=0.5, seed=1),
        api(temperature=0.5, seed=1, model="n"), api(temperature=0.5, seed=1, system_prompt="x"),
        api(temperature=0.5, seed=1, extra_body={"top_k": 1}), dataclasses.replace(base, engine="bundled"),
    ]  # fmt: skip
    assert len({params_hash(m) for m in [base, *other]}) == len(other) + 1
    # 0 is a setting, not the absence of one; the hash is the same in every process.
    assert params_hash(api(temperature=0)) != params_hash(api())
    assert params_hash(Model("m", "bundled", None, {"temperature": 0})) == params_hash(
        Model("x", "bundled", None, {"temperature": 0.0})
    )


def test_imported_and_encoders_cannot_answer() -> None:
    with pytest.raises(EngineError, match="came from a file"):
        open_engine(Model("gpt-4", "import", None, {"anything": {"goes": 1}}))
    with pytest.raises(EngineError, match="encoder"):
        open_engine(BUILTIN_EMBEDDERS["hashing"])
    with pytest.raises(EngineError, match="cannot embed"):
        open_embedder(Model("gpt-4", "import"))


async def test_open_engine_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    engine = open_engine(api(concurrency=3))
    assert engine.capabilities.concurrency == 3
    assert not engine.capabilities.structured_output and not engine.capabilities.seed
    assert open_engine(api(structured_output=True, seed=0)).capabilities.structured_output
    await engine.close()
    with pytest.raises(Unknown):
        open_engine(api(colour="red"))
    pytest.importorskip("xllamacpp")
    bundled = open_engine(BUILTIN_MODELS["smollm2-plain"])
    assert bundled.capabilities.structured_output and bundled.capabilities.seed
    assert "SmolLM2" in bundled.version
    await bundled.close()
    assert not list(tmp_path.iterdir())
