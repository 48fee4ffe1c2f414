"""What a similarity stage is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.errors import BadInput, Unknown

#: Metrics by name, and what each takes for its encoder when none is named; ``None``: it has none.
METRICS: Mapping[str, str | None] = {
    "embedding": "hashing",
    "bertscore": "microsoft/deberta-xlarge-mnli",
    "judge": None,
    "rouge-l": None,
    "chrf": None,
}
#: Those that take an encoder or judge (``embedder``).
WITH_MODEL = ("embedding", "bertscore", "judge")
PRECISIONS = ("f32", "bf16", "f16")
GB = 10**9
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")


@dataclass(frozen=True, slots=True)
class SimilaritySpec:
    """Which models' answers are compared, and how. Without ``models``, all that have answers.

    ``embedder`` is the encoder: for ``embedding`` an embedder by name, for ``bertscore`` a folder or a Hugging Face
    name, for ``judge`` the judge; the metric's default (``METRICS``) if not given. BERTScore's are ``layer`` (the
    hidden layer taken; the package's choice if not given), ``idf``, ``rescale`` (a language whose published baseline is
    taken, or a file of one) and ``precision`` (of the encoder: f32, bf16 or f16).

    ``memory`` is how many gigabytes (10⁹ bytes) the pairs of one block may take besides the program and its weights;
    ``device`` is auto, cpu, cuda, cuda:N or mps. ``max_cost`` (US dollars) stops the run before it would be passed;
    ``log_requests`` logs requests under ``STORE.files/logs``, ``log_bodies`` what was said in them too.
    """

    metric: str = "embedding"
    embedder: str | None = None
    layer: int | None = None
    idf: bool = False
    rescale: str | None = None
    precision: str = "f32"
    models: tuple[str, ...] = ()
    bench: str | None = None
    limit: int | None = None
    memory: float = 1.0
    device: str = "auto"
    concurrency: int | None = None
    max_cost: float | None = None
    log_requests: bool = False
    log_bodies: bool = False

    @property
    def encoder(self) -> str:
        """The encoder's name, given or the metric's default. Raises BadInput where one must be named."""
        if self.embedder:
            return self.embedder
        default = METRICS.get(self.metric)
        if default is None:
            raise BadInput("must name the judge", field="model", hint="add --model JUDGE; see: workbench models")
        return default

    @property
    def memory_bytes(self) -> int:
        return int(self.memory * GB)


def selected_by(metric: str, model: str | None = None) -> str:
    """The metric of ``similarities`` that a selection goes by where these were made: BERTScore's F1, as MAD does; of
    judged ones the judge's name."""
    if metric == "judge" and model:
        return model
    return "bertscore-f1" if metric == "bertscore" else metric


def check_spec(spec: SimilaritySpec) -> None:
    """Raises Unknown for a metric there is not, BadInput for an option that is out of range or not the metric's."""
    if spec.metric not in METRICS:
        raise Unknown("metric", spec.metric, METRICS)
    if spec.metric in WITH_MODEL:
        _ = spec.encoder
    elif spec.embedder:
        raise BadInput(f"{spec.metric} takes no model", field="model")
    if spec.metric != "bertscore":
        usual = {"layer": None, "idf": False, "rescale": None, "precision": "f32"}
        for field, value in usual.items():
            if getattr(spec, field) != value:
                raise BadInput(f"is for bertscore; {spec.metric} has no such option", field=field)
    if spec.precision not in PRECISIONS:
        raise Unknown("precision", spec.precision, PRECISIONS)
    if spec.layer is not None and spec.layer < 0:
        raise BadInput(f"must be 0 or more, not {spec.layer}", field="layer")
    if not 0.05 <= spec.memory < float("inf"):
        raise BadInput(f"must be at least 0.05 (gigabytes), not {spec.memory:g}", field="memory")
    if not _DEVICE.fullmatch(spec.device):
        raise BadInput(f"must be auto, cpu, cuda, cuda:N or mps, not '{spec.device}'", field="device")
    if spec.concurrency is not None and spec.concurrency < 1:
        raise BadInput(f"must be at least 1, not {spec.concurrency}", field="concurrency")
