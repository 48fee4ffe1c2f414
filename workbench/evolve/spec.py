"""What a run of instruction evolution is asked for."""

from __future__ import annotations

from dataclasses import dataclass

#: Cosine from which a new instruction counts as one that is there already. By the ``hashing`` encoder the most alike of
#: MAD's own published seeds, which share a long preamble, come to 0.88; a seed with other numbers in it to 0.93.
THRESHOLD = 0.9


@dataclass(frozen=True, slots=True)
class EvolveSpec:
    """Which model evolves which questions.

    ``bench``: the seeds; ``category``, ``limit`` and ``questions`` narrow them as in ``generate``. ``scenario``: a
    shipped one (Understanding, Reasoning, Writing, Coding) or the path of a TOML file; without it every seed's own,
    as its file's name told, else Understanding. ``per_seed`` lines of descent start at each seed, and each is asked
    to go on once a round. ``into``: the benchmark of the new questions, ``BENCH-evolved`` if not said. ``threshold``:
    cosine by ``embedder`` from which two instructions are near-duplicates. ``retry_failed`` asks again where no
    instruction could be read; ``concurrency`` goes before the models' own.

    ``checker``: a model that reads every new instruction that is otherwise fit, and has those left out that do not hold
    all that is needed or cannot be answered. ``max_cost`` (US dollars, over both models of this run; embedding is not
    counted) stops the run before it would be passed; ``log_requests`` logs requests under ``STORE.files/logs``,
    ``log_bodies`` what was said in them too.
    """

    model: str
    bench: str
    scenario: str | None = None
    rounds: int = 1
    per_seed: int = 1
    into: str | None = None
    category: str | None = None
    limit: int | None = None
    questions: tuple[str, ...] = ()
    embedder: str = "hashing"
    threshold: float = THRESHOLD
    concurrency: int | None = None
    retry_failed: bool = False
    checker: str | None = None
    max_cost: float | None = None
    log_requests: bool = False
    log_bodies: bool = False

    @property
    def target(self) -> str:
        """The benchmark the new questions go into."""
        return self.into or f"{self.bench}-evolved"
