"""BERTScore by real (tiny, random) encoders: against the ``bert-score`` package, and what can be wrong with an encoder.

torch and transformers are an extra; without them, and without the package, these tests skip.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import BadInput, EngineError
from workbench.similarity.bertscore import BertScoreOptions, BertScorer, Corpus
from workbench.similarity.bertscore.source import Source, open_source
from workbench.similarity.cache import text_key

torch = pytest.importorskip("torch", reason="needs the extra bert-score (torch)")
transformers = pytest.importorskip("transformers", reason="needs the extra bert-score (transformers)")

WORDS = [
    "the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven",
    "wizards", "brew", "strong", "tea", "in", "old", "copper", "pots",
]  # fmt: skip


def save_bert(folder: Path, name: str = "tiny", **settings: Any) -> str:
    """A random BERT of three layers with a word-piece vocabulary of its own."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    where = folder / name
    where.mkdir()
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", ".", "!"]
    pieces += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"] + [word for word in WORDS if len(word) > 1]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {f"{kind}_token": f"[{kind.upper()}]" for kind in ("pad", "unk", "cls", "sep", "mask")}
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, **special, **settings).save_pretrained(where)
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40, initializer_range=0.5,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(where)
    return str(where)


@pytest.fixture
def bert(tmp_path: Path) -> str:
    return save_bert(tmp_path, model_max_length=40)


def answers(questions: int = 6, models: int = 4, seed: int = 0) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[" ".join(rng.choice(WORDS, int(rng.integers(1, 30)))) for _ in range(models)] for _ in range(questions)]


class Bed:
    """Texts of questions, all their pairs, and a scorer over them."""

    def __init__(self, texts: list[list[str]], folder: Path) -> None:
        self.flat = [text for question in texts for text in question]
        self.keys = [text_key(text) for text in self.flat]
        self.by = dict(zip(self.keys, self.flat, strict=True))
        width = len(texts[0])
        pairs = [(q * width + i, q * width + j) for q in range(len(texts)) for i, j in combinations(range(width), 2)]
        self.first, self.second = np.array(pairs).T
        self.folder = folder

    def open(self, encoder: str, **options: Any) -> BertScorer:
        corpus = Corpus(Counter(self.keys), lambda keys: {key: self.by[key] for key in keys})
        return BertScorer(BertScoreOptions(encoder, **options), self.folder, corpus)

    def encode(self, scorer: BertScorer) -> int:
        lacking = scorer.lacking(self.keys)
        asyncio.run(scorer.encode({key: self.by[key] for key in lacking}))
        return len(lacking)

    def score(self, encoder: str, **options: Any) -> np.ndarray:
        """(pairs, 3): precision, recall, F1."""
        scorer = self.open(encoder, **options)
        self.encode(scorer)
        found = scorer.score(self.keys, self.first, self.second)
        asyncio.run(scorer.close())
        return np.stack([found[name] for name in scorer.names], axis=1)

    def package(self, encoder: str, layer: int, *, idf: bool = False, **options: Any) -> np.ndarray:
        """The same by the package, with a last pair that is longer than any other: so that all others are padded."""
        bert_score = pytest.importorskip("bert_score", reason="the bert-score package is not installed")
        longest = " ".join(["fox"] * 36)
        scorer = bert_score.BERTScorer(
            model_type=encoder, num_layers=layer, idf=idf, idf_sents=self.flat if idf else None, nthreads=0,
            batch_size=10_000, device="cpu", lang="en", **options,
        )  # fmt: skip
        a, b = ([self.flat[i] for i in some] + [longest] for some in (self.first, self.second))
        return np.stack([part.numpy() for part in scorer.score(a, b)], axis=1)[:-1]


@pytest.mark.parametrize("layer", [1, 3])
def test_equals_the_package(bert: str, tmp_path: Path, layer: int) -> None:
    bed = Bed(answers(), tmp_path)
    np.testing.assert_allclose(bed.score(bert, layer=layer), bed.package(bert, layer), atol=1e-5)


def test_equals_the_package_with_idf_and_rescaling(bert: str, tmp_path: Path) -> None:
    bed = Bed(answers(), tmp_path)
    np.testing.assert_allclose(bed.score(bert, layer=2, idf=True), bed.package(bert, 2, idf=True), atol=1e-5)
    own = tmp_path / "own.tsv"
    own.write_text("LAYER,P,R,F\n" + "".join(f"{i},0.1,0.2,0.15\n" for i in range(4)), "utf-8")
    rescaled = bed.package(bert, 2, rescale_with_baseline=True, baseline_path=str(own))
    np.testing.assert_allclose(bed.score(bert, layer=2, rescale=str(own)), rescaled, atol=1e-5)


def test_roberta_equals_the_package(tmp_path: Path) -> None:
    """Byte-level pieces, other special tokens, positions that begin after the padding's number, no limit told."""
    from tokenizers import ByteLevelBPETokenizer

    where = tmp_path / "roberta"
    where.mkdir()
    made = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made.train_from_iterator([" ".join(WORDS)] * 20, vocab_size=380, special_tokens=special, show_progress=False)
    made.save_model(str(where))
    torch.manual_seed(3)
    config = transformers.RobertaConfig(
        vocab_size=made.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=60, initializer_range=0.5,
    )  # fmt: skip
    transformers.RobertaModel(config).save_pretrained(where)
    assert open_source(str(where)).max_length == 58
    texts = [[text.replace("tea", "tea\n\n") for text in question] for question in answers()]
    bed = Bed(texts, tmp_path)
    mine = bed.score(str(where), layer=2)
    settings = where / "tokenizer_config.json"  # the package fails without a limit
    told = json.loads(settings.read_text("utf-8")) if settings.exists() else {}
    settings.write_text(json.dumps({**told, "model_max_length": 58, "tokenizer_class": "RobertaTokenizer"}), "utf-8")
    np.testing.assert_allclose(mine, bed.package(str(where), 2), atol=1e-5)


def test_gpu_code_gives_the_same(bert: str, tmp_path: Path) -> None:
    """The code that matches on a GPU, run on the processor; on a real GPU too where there is one."""
    from workbench.similarity.bertscore import greedy, greedy_torch
    from workbench.similarity.bertscore.packing import unpack

    bed = Bed(answers(), tmp_path)
    bed.score(bert, layer=2)
    scorer = bed.open(bert, layer=2)
    packed, _ = scorer._cache.read(bed.keys)
    starts = np.concatenate([[0], np.cumsum([scorer._cache.length(key) for key in bed.keys])])
    weights = np.random.default_rng(0).random(len(packed))
    expected = greedy.match(greedy.Texts(unpack(packed), starts, weights), bed.first, bed.second)
    for device in ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        there = greedy_torch.DeviceTexts(packed, starts, weights, device)
        for memory in (1, 10**9):
            found = greedy_torch.match(there, bed.first, bed.second, memory)
            np.testing.assert_allclose(found, expected, atol=2e-6)


def test_texts_are_encoded_once_and_a_model_more_costs_its_own(bert: str, tmp_path: Path) -> None:
    texts = answers(models=4)
    old = Bed([question[:3] for question in texts], tmp_path)
    scorer = old.open(bert, layer=2)
    assert old.encode(scorer) == len(set(old.keys)) and old.encode(scorer) == 0
    new = Bed(texts, tmp_path)
    scorer = new.open(bert, layer=2)
    assert new.encode(scorer) == len({*new.keys} - {*old.keys})
    fresh = Bed(texts, tmp_path / "other")
    np.testing.assert_allclose(new.score(bert, layer=2), fresh.score(bert, layer=2), atol=3e-6)


def test_texts_are_saved_as_they_are_done(bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.similarity.bertscore import encoder, scorer

    bed = Bed(answers(), tmp_path)
    expected = Bed(answers(), tmp_path / "other").score(bert, layer=2)
    monkeypatch.setitem(encoder.TOKENS, "cpu", 60)
    for seconds in (0.0, 0.004):
        monkeypatch.setattr(scorer, "_SAVED", seconds)
        bed.folder = tmp_path / str(seconds)
        np.testing.assert_allclose(bed.score(bert, layer=2), expected, atol=3e-6)


def test_both_libraries_for_products_give_the_same(bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.similarity.bertscore import linear

    found = []
    for fast in (True, False):
        monkeypatch.setattr(linear, "_better", lambda torch, product, fast=fast: fast)
        found.append(Bed(answers(), tmp_path / str(fast)).score(bert, layer=3, device="cpu"))
    np.testing.assert_allclose(*found, atol=3e-6)


def test_batches_shrink_when_a_gpus_memory_is_full(bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workbench.similarity.bertscore.encoder import Encoder

    bed = Bed(answers(), tmp_path)
    expected = Bed(answers(), tmp_path / "other").score(bert, layer=2)
    usual = Encoder._vectors

    def full(self: Encoder, pieces: Any, pad: int) -> Any:
        if len(pieces) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return usual(self, pieces, pad)

    monkeypatch.setattr(Encoder, "_vectors", full)
    most = 3
    np.testing.assert_allclose(bed.score(bert, layer=2), expected, atol=3e-6)
    most = 0
    with pytest.raises(EngineError, match="a text of 30 tokens does not fit the memory of cpu"):
        bed.score(bert, layer=1)


def test_small_buffers_give_the_same(bert: str, tmp_path: Path) -> None:
    bed = Bed(answers(), tmp_path)
    np.testing.assert_allclose(bed.score(bert, layer=2, memory=1), bed.score(bert, layer=2), atol=1e-6)


def test_blank_and_repeated_texts(bert: str, tmp_path: Path) -> None:
    bed = Bed([["", "the fox", " \n", "the fox"]], tmp_path)
    found = bed.score(bert, layer=2)
    same = [(i, j) == (1, 3) for i, j in zip(bed.first, bed.second, strict=True)]
    assert found[~np.array(same)].tolist() == [[0, 0, 0]] * 5
    assert found[same][0] == pytest.approx([1, 1, 1], abs=2e-5)


def test_versions_name_what_changes_scores(bert: str, tmp_path: Path) -> None:
    bed = Bed(answers(), tmp_path)
    own = tmp_path / "own.tsv"
    own.write_text("LAYER,P,R,F\n2,0.1,0.2,0.15\n", "utf-8")
    versions = {
        bed.open(bert, layer=2).version, bed.open(bert, layer=1).version, bed.open(bert, layer=2, idf=True).version,
        Bed(answers(seed=1), tmp_path).open(bert, layer=2, idf=True).version,
        bed.open(bert, layer=2, rescale=str(own)).version, bed.open(bert, layer=2, precision="bf16").version,
    }  # fmt: skip
    assert len(versions) == 6 and not any(str(tmp_path) in version for version in versions)
    before = bed.open(bert, layer=2).version
    bed.score(bert, layer=2)
    assert bed.open(bert, layer=2).version == before
    weights = Path(bert) / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert bed.open(bert, layer=2).version != before


def test_texts_longer_than_the_encoder_reads(bert: str, tmp_path: Path) -> None:
    bed = Bed([["fox " * 60, "dog " * 10, "fox " * 38]], tmp_path)
    found = bed.score(bert, layer=2)
    assert found[1] == pytest.approx([1, 1, 1], abs=2e-5)  # the first 38 words and two special tokens are the same
    assert list(bed.open(bert, layer=2).remarks(bed.keys)) == [
        "2 of 3 texts were read only up to the encoder's 40 tokens"
    ]


def test_a_tokenizer_without_a_limit(tmp_path: Path) -> None:
    """transformers says 10**30 then, on which the package fails; the model's positions are the limit."""
    bert = save_bert(tmp_path)
    assert open_source(bert).max_length == 40
    assert np.isfinite(Bed([["fox " * 60, "the dog"]], tmp_path).score(bert, layer=2)).all()


def test_a_path_with_t5_in_it_is_no_t5(tmp_path: Path) -> None:
    """The package loads any such path as a T5 with random weights."""
    plain, named = save_bert(tmp_path), save_bert(tmp_path, "my-t5-distilled")
    bed = Bed(answers(2), tmp_path / "cache")
    np.testing.assert_allclose(bed.score(named, layer=2), bed.score(plain, layer=2), atol=1e-6)


def test_a_real_t5(tmp_path: Path) -> None:
    """Its encoder is taken, and stops at the layer asked for."""
    named = save_bert(tmp_path)
    config = transformers.T5Config(
        vocab_size=100, d_model=32, d_kv=16, d_ff=64, num_layers=3, num_heads=2, decoder_start_token_id=0
    )
    transformers.T5EncoderModel(config).save_pretrained(named)
    bed = Bed(answers(2), tmp_path)
    one, two = bed.score(named, layer=1), bed.score(named, layer=3)
    assert np.isfinite(one).all() and np.abs(one - two).max() > 1e-3


def test_weights_that_are_not_this_models_are_refused(bert: str, tmp_path: Path) -> None:
    other = transformers.DistilBertModel(
        transformers.DistilBertConfig(vocab_size=100, dim=32, n_layers=2, n_heads=2, hidden_dim=64)
    )
    config = (Path(bert) / "config.json").read_text("utf-8")
    other.save_pretrained(bert)
    (Path(bert) / "config.json").write_text(config, "utf-8")
    bed = Bed(answers(2), tmp_path)
    with pytest.raises(EngineError, match=r"lack \d+ parts of the model.*random numbers"):
        bed.score(bert, layer=2)


def test_what_is_wrong_with_a_folder(bert: str, tmp_path: Path) -> None:
    bed = Bed(answers(2), tmp_path)
    with pytest.raises(BadInput, match="no layer is published for 'tiny'") as caught:
        bed.open(bert)
    assert "its last is layer 3" in str(caught.value.hint)
    with pytest.raises(BadInput, match="has layers 0 to 3, not 4"):
        bed.open(bert, layer=4)
    with pytest.raises(BadInput, match="there is no folder"):
        open_source(str(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"config\.json: field 'model': is not there"):
        open_source(str(tmp_path / "empty"))
    with pytest.raises(BadInput, match="device"):
        bed.score(bert, layer=2, device="abacus")
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="there is no cuda here"):
            bed.score(bert, layer=2, device="cuda")
    (Path(bert) / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(EngineError, match="cannot load encoder tiny"):
        bed.score(bert, layer=2)
    (Path(bert) / "model.safetensors").unlink()
    with pytest.raises(BadInput, match="holds no weights"):
        open_source(bert)


def test_published_layers_go_by_name() -> None:
    def layer(name: str) -> int:
        return Source(name, "x", {"num_hidden_layers": 48}, {}).layer(None)

    assert layer("microsoft/deberta-xlarge-mnli") == 40
    assert layer("roberta-large") == layer("FacebookAI/roberta-large") == 17


def test_published_numbers_are_the_packages() -> None:
    utils = pytest.importorskip("bert_score.utils", reason="the bert-score package is not installed")
    from workbench.similarity.bertscore.baseline import find_baseline
    from workbench.similarity.bertscore.layers import KNOWN, known_layer

    assert {name: utils.model2layers[name] for name in KNOWN} == KNOWN
    assert known_layer("albert-xxlarge-v2", ask_package=True) == 8
    assert str(find_baseline("en", "microsoft/deberta-xlarge-mnli", 40)) == "0.516907,0.517029,0.515019"
    assert find_baseline("en", "FacebookAI/roberta-large", 17) == find_baseline("en", "roberta-large", 17)
    with pytest.raises(BadInput, match="unknown language 'tlh'"):
        find_baseline("tlh", "roberta-large", 17)
    with pytest.raises(BadInput, match="no published baseline of some/encoder"):
        find_baseline("en", "some/encoder", 17)


def _encode(encoder: str, folder: str, texts: list[list[str]]) -> None:
    bed = Bed(texts, Path(folder))
    scorer = bed.open(encoder, layer=3)
    for key in scorer.lacking(bed.keys):
        asyncio.run(scorer.encode({key: bed.by[key]}))


@pytest.mark.kill
def test_a_killed_run_loses_one_batch_at_most(bert: str, tmp_path: Path) -> None:
    texts = answers(50)
    bed = Bed(texts, tmp_path)
    one = multiprocessing.get_context("spawn").Process(target=_encode, args=(bert, str(tmp_path), texts))
    one.start()
    index = bed.open(bert, layer=3)._cache.folder / "index.bin"
    until = time.monotonic() + 60
    while (not index.exists() or index.stat().st_size < 32 * 12) and one.is_alive() and time.monotonic() < until:
        time.sleep(0.001)
    written = index.stat().st_size // 32
    os.kill(one.pid or 0, signal.SIGKILL)
    one.join(30)
    scorer = bed.open(bert, layer=3)
    kept = len(set(bed.keys)) - len(scorer.lacking(bed.keys))
    assert 12 <= written <= kept < len(set(bed.keys))
    fresh = Bed(texts, tmp_path / "fresh")
    np.testing.assert_allclose(bed.score(bert, layer=3), fresh.score(bert, layer=3), atol=3e-6)


def test_a_name_that_the_hubs_client_has_on_disk(bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network is asked, and the version names the revision rather than a folder."""
    hub = pytest.importorskip("huggingface_hub")
    revision = "0123456789abcdef" * 2 + "01234567"
    there = tmp_path / "hub" / "models--someone--tiny"
    (there / "refs").mkdir(parents=True)
    (there / "refs" / "main").write_text(revision)
    (there / "snapshots").mkdir()
    Path(bert).rename(there / "snapshots" / revision)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    bed = Bed(answers(2), tmp_path)
    assert np.isfinite(bed.score("someone/tiny", layer=2)).all()
    assert (
        bed.open("someone/tiny", layer=2).version == f"bertscore someone/tiny@{revision[:16]} layer 2 f32 length 40 v1"
    )
    with pytest.raises(EngineError, match="cannot look up encoder someone/other") as caught:
        bed.open("someone/other", layer=2)
    assert "--model FOLDER" in str(caught.value.hint)
