"""How the votes of a jury's members become one verdict: by majority, mean or weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import fsum, isclose
from statistics import median

from workbench.engines.juries import Jury
from workbench.judging.jury.votes import VERDICTS, Vote, most_said

#: What a verdict is worth to the answer of model_a.
_WORTH = {"a": Fraction(1), "tie": Fraction(1, 2), "b": Fraction(0)}


@dataclass(frozen=True, slots=True)
class Combined:
    """A jury's verdict on one place: ok, or unparsed with the reason in ``error``. ``shares``: of the votes for a, b
    and tie (by weight), or the members' mean probabilities where they decided."""

    state: str
    verdict: str | None = None
    score_a: float | None = None
    score_b: float | None = None
    shares: Mapping[str, float] | None = None
    error: str | None = None


def combine(jury: Jury, votes: Sequence[Vote]) -> Combined:
    """The verdict of all members together. Those that cannot be read are left out; when they weigh more than half,
    there is none.

    Verdicts. ``majority``: what most votes say, a draw being a tie. ``weighted``: the same by weight. ``mean``: where a
    member told probabilities, the largest of the means of P(a), P(b) and P(tie), in which a bare verdict counts as
    certain, a draw being a tie; where none did, the mean of 1 (a), ½ (tie) and 0 (b) against ½. Scores: the median, the
    weighted mean, the mean.
    """
    readable = [vote for vote in votes if vote.readable]
    weigh = {vote.judge: jury.weights.get(vote.judge, Fraction(1)) for vote in votes}
    if 2 * sum(weigh[vote.judge] for vote in readable) < sum(weigh.values()):
        lost = ", ".join(f"{vote.judge} {vote.state}" for vote in votes if not vote.readable)
        return Combined("unparsed", error=f"{len(readable)} of {len(votes)} members could be read ({lost})")
    score_a, score_b = (
        _score(jury.rule, [(s, weigh[v.judge]) for v in readable if (s := getattr(v, side)) is not None])
        for side in ("score_a", "score_b")
    )
    voting = [vote for vote in readable if vote.verdict is not None]
    if not voting:
        return Combined("ok", None, score_a, score_b)
    verdict, shares = _mean(voting) if jury.rule == "mean" else _most(voting, weigh)
    return Combined("ok", verdict, score_a, score_b, shares)


def standing(vote: Vote) -> Combined:
    """A cascade's verdict: that of the last member asked."""
    if not vote.readable:
        return Combined("unparsed", error=f"{vote.judge}, the last one asked: {vote.state}")
    return Combined("ok", vote.verdict, vote.score_a, vote.score_b, vote.shares)


def _most(votes: Sequence[Vote], weigh: Mapping[str, Fraction]) -> tuple[str, dict[str, float]]:
    sums: Counter[str] = Counter()
    for vote in votes:
        sums[vote.verdict or "tie"] += weigh[vote.judge]  # type: ignore[assignment]
    total = sum(sums.values())
    return most_said(sums), {verdict: float(Fraction(sums[verdict]) / total) for verdict in VERDICTS}


def _mean(votes: Sequence[Vote]) -> tuple[str, dict[str, float]]:
    counts = Counter(vote.verdict for vote in votes)
    if all(vote.shares is None for vote in votes):
        worth = sum(_WORTH[vote.verdict or "tie"] for vote in votes) / len(votes)
        verdict = "a" if worth > Fraction(1, 2) else "b" if worth < Fraction(1, 2) else "tie"
        return verdict, {verdict: counts[verdict] / len(votes) for verdict in VERDICTS}
    given = [vote.shares or {vote.verdict or "tie": 1.0} for vote in votes]
    shares = {verdict: fsum(share.get(verdict, 0.0) for share in given) / len(given) for verdict in VERDICTS}
    most = max(shares.values())
    # A draw to the last digit but for what floating point makes of it.
    first = [verdict for verdict in VERDICTS if isclose(shares[verdict], most, rel_tol=1e-9)]
    return first[0] if len(first) == 1 else "tie", shares


def _score(rule: str, given: Sequence[tuple[float, Fraction]]) -> float | None:
    if not given:
        return None
    if rule == "majority":
        return float(median(score for score, _ in given))
    if rule == "mean":
        return fsum(score for score, _ in given) / len(given)
    total = sum(weight for _, weight in given)
    return float(sum(Fraction(score) * weight for score, weight in given) / total)
