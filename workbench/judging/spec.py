"""What a judging stage is asked for: who judges, by which protocol, what, and how verdicts are got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench.judging.protocols import find_protocol


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """Who judges what. Without ``models``, all that have answers.

    ``protocol`` is a name of ``protocols.names()`` or ``user:FILE.toml``. ``selection`` is a selection's name or id (a
    name: the newest of that name), or ``latest``. ``mode`` is the reading of verdicts: corrected or compat (see
    ``verdicts``). ``template`` names another template than the protocol's own. ``output`` is the form of the answer;
    without it JSON where the engine takes schemas. ``order`` leaves one of the two orders of pairs out.

    ``samples`` verdicts are drawn for each item, each a row; ``temperature`` is 0 for one and 1 for several, unless
    given: at 1 the shares of the verdicts estimate the judge's own probabilities. ``probabilities`` asks for them
    directly (log probabilities). ``repair`` asks once more for the verdict alone where free text holds none.
    ``cut`` shortens answers to the judge's ``context``. ``criteria`` adds those of the question's scenario.

    Answers that are scored together are shown in an order drawn by ``seed``, or (``group_order``) as they are given: by
    model. Questions that are judged without answers are asked about ``at_once`` in one request.

    ``retry_failed`` judges again whatever failed or could not be read, ``retry_states`` what is in these states.
    ``concurrency`` goes before the judge's own. ``max_cost`` (US dollars) stops the run before it would be passed;
    ``log_requests`` logs requests under ``STORE.files/logs``, ``log_bodies`` what was said in them too.
    ``batch`` asks through the endpoint's Batch API; without ``wait`` what is answered there is collected, what is new
    submitted, and the rest left for the next run.
    """

    judge: str
    protocol: str = "pairwise-all"
    baseline: str | None = None
    models: tuple[str, ...] = ()
    bench: str | None = None
    category: str | None = None
    limit: int | None = None
    turns: tuple[int, ...] = (1,)
    selection: str | None = None
    concurrency: int | None = None
    retry_failed: bool = False
    mode: Literal["corrected", "compat"] = "corrected"
    retry_states: tuple[str, ...] = ()
    template: str | None = None
    output: Literal["json", "text"] | None = None
    order: Literal["both", "ab", "ba"] = "both"
    samples: int = 1
    temperature: float | None = None
    probabilities: bool = False
    repair: bool = True
    cut: Literal["middle", "end"] | None = None
    criteria: bool = False
    group_order: Literal["shuffled", "given"] = "shuffled"
    seed: int = 0
    at_once: int = 1
    max_cost: float | None = None
    log_requests: bool = False
    log_bodies: bool = False
    batch: bool = False
    wait: bool = True

    @property
    def kind(self) -> str:
        """The protocol as judgments are stored under it, e.g. ``single`` or ``pairwise``.

        Raises:
            Unknown, BadInput: there is no such protocol.
        """
        return find_protocol(self.protocol).kind

    @property
    def drawn_at(self) -> float:
        """The temperature verdicts are drawn at."""
        if self.temperature is not None:
            return self.temperature
        return 0.0 if self.samples == 1 else 1.0
