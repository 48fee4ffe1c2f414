"""Which hidden layer of an encoder to take, and how to make a model stop there."""

from __future__ import annotations

from typing import Any

from workbench.errors import EngineError

#: The layer whose BERTScore follows human judgments best (WMT16), as its authors publish it for the encoders in common
#: use. For others the table of the ``bert-score`` package is asked, where that is installed.
KNOWN = {
    "bert-base-uncased": 9, "bert-large-uncased": 18, "bert-base-chinese": 8, "bert-base-multilingual-cased": 9,
    "roberta-base": 10, "roberta-large": 17, "roberta-large-mnli": 19, "xlm-roberta-base": 9, "xlm-roberta-large": 17,
    "distilbert-base-uncased": 5, "distilroberta-base": 5, "facebook/bart-base": 6, "facebook/bart-large-mnli": 11,
    "microsoft/deberta-base": 9, "microsoft/deberta-base-mnli": 9, "microsoft/deberta-large-mnli": 18,
    "microsoft/deberta-xlarge": 18, "microsoft/deberta-xlarge-mnli": 40, "microsoft/deberta-v2-xlarge-mnli": 17,
    "microsoft/deberta-v3-base": 9, "microsoft/deberta-v3-large": 12, "microsoft/mpnet-base": 8,
}  # fmt: skip
#: Organisations that encoders once known by one word have moved to.
_MOVED = ("google-bert/", "FacebookAI/", "distilbert/", "google-t5/", "albert/", "xlnet/")
#: Where models keep their layers, outermost first.
_LISTS = ("encoder.block", "encoder.layer", "encoder.layers", "transformer.layer", "layer", "layers", "block", "h")


def known_layer(name: str, *, ask_package: bool = False) -> int | None:
    """The layer published for an encoder, by its hub name; ``None`` if none is. To ask the package is slow."""
    for prefix in _MOVED:
        name = name.removeprefix(prefix)
    return KNOWN[name] if name in KNOWN else _package_layer(name) if ask_package else None


def _package_layer(name: str) -> int | None:
    try:
        from bert_score.utils import model2layers
    except ImportError:
        return None
    found = model2layers.get(name)
    return found if isinstance(found, int) else None


def stop_at(model: Any, layer: int) -> None:
    """Drop the layers after ``layer``, so that the model's output is that layer's (with whatever norm the model puts on
    its output, as in the package). Raises EngineError when the model keeps its layers where nobody knows."""
    if hasattr(model, "n_layers") and isinstance(model.n_layers, int):  # XLM
        model.n_layers = layer
        return
    inner = getattr(model, "encoder", None)
    if inner is not None and hasattr(inner, "albert_layer_groups"):  # ALBERT runs the same layers again
        inner.config.num_hidden_layers = layer
        return
    for path in _LISTS:
        owner, _, name = path.rpartition(".")
        holder = getattr(model, owner, None) if owner else model
        layers = getattr(holder, name, None)
        if layers is None or not hasattr(layers, "__len__"):
            continue
        if layer > len(layers):
            raise EngineError(f"this encoder has layers 0 to {len(layers)}, not {layer}")
        setattr(holder, name, layers[:layer])
        return
    raise EngineError(
        f"cannot take a layer of a {type(model).__name__}: give an encoder such as BERT, RoBERTa or DeBERTa"
    )
