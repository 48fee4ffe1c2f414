"""How often judges and people agree, by FastChat's rule (Zheng et al. 2023, "Judging LLM-as-a-Judge", §4).

A comparison is (question, turn, two models). Between two groups every vote of the one meets every vote of the other on
the same comparison; a judge has one vote per comparison. Within a group of people each unordered pair of votes counts
once. Setup 1 counts ties; setup 2 leaves out a meeting in which either vote is a tie. Which votes meet is decided in
one place, the view ``vote_pairs``; the view ``agreement`` has the same counts as this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput
from workbench.records import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.store import Store

ROUNDS = 1000
SEED = 42
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """Agreement of the groups ``a`` and ``b`` (human, author, or a judge's name; the same twice: among themselves).

    ``share`` = agree / n meetings, with the percentile interval ``lower`` to ``upper`` at ``level``; ``kappa`` is
    agreement beyond chance, with an interval of its own. Questions are resampled as a whole, ``rounds`` times, with
    ``seed``; fewer than two questions have no interval. ``left_out``: meetings lost because one vote was skipped, could
    not be read, or failed. ``kappa_method``: Cohen (1960) between two groups; Scott (1955), whose chance comes from
    pooled shares, within one. Values that cannot be had are ``None``.
    """

    a: str
    b: str
    turn: int
    setup: int
    agree: int
    n: int
    share: float | None
    lower: float | None
    upper: float | None
    kappa: float | None
    kappa_lower: float | None
    kappa_upper: float | None
    kappa_method: str
    questions: int
    left_out: int
    interval: str | None
    level: float | None
    rounds: int | None
    seed: int | None


def agreement(store: Store, *, rounds: int = ROUNDS, seed: int = SEED, level: float = LEVEL) -> list[AgreementRow]:
    """Agreement of every two groups that voted on the same comparisons, per turn and setup.

    Raises:
        BadInput: level does not lie between 0 and 1, or rounds is not positive.
    """
    if not 0.0 < level < 1.0:
        raise BadInput(f"must lie between 0 and 1, not {level}", field="level")
    if rounds < 1:
        raise BadInput(f"must be positive, not {rounds}", field="rounds")
    return agreement_rows(store.query("agreement_cells"), rounds=rounds, seed=seed, level=level)


def agreement_rows(
    cells: Iterable[Row], *, rounds: int = ROUNDS, seed: int = SEED, level: float = LEVEL
) -> list[AgreementRow]:
    """The same from rows of ``queries/read/agreement_cells.sql`` (ordered by turn and groups)."""

    def groups(row: Row) -> tuple[int, str, str]:
        return row["turn"], row["source_a"], row["source_b"]

    out: list[AgreementRow] = []
    for (turn, a, b), found in groupby(cells, key=groups):
        rows = list(found)
        left_out = int(sum(row["left_out"] for row in rows))
        table = [row["cells"] for row in rows]
        for setup in (1, 2):
            out.append(_row(table, a, b, turn, setup, left_out, rounds, seed, level))
    return out


def _row(
    table: Sequence[Sequence[float]],
    a: str,
    b: str,
    turn: int,
    setup: int,
    left_out: int,
    rounds: int,
    seed: int,
    level: float,
) -> AgreementRow:
    """One row from per-question counts (9 numbers each)."""
    import numpy as np

    counts = np.array(table, dtype=np.float64).reshape(-1, 3, 3)
    if setup == 2:
        counts = counts[:, :2, :2]
    counts = counts[counts.sum(axis=(1, 2)) > 0]
    total = counts.sum(axis=0)
    share, kappa = statistics(total)
    bounds: list[float | None] = [None] * 4
    resampled = len(counts) >= 2
    if resampled:
        shares, kappas = statistics(resample(counts, rounds, seed))
        bounds = [*_middle(shares, level), *_middle(kappas, level)]
    return AgreementRow(
        a,
        b,
        turn,
        setup,
        round(float(np.trace(total))),
        round(float(total.sum())),
        _finite(share),
        bounds[0],
        bounds[1],
        _finite(kappa),
        bounds[2],
        bounds[3],
        "Scott" if a == b else "Cohen",
        len(counts),
        left_out,
        f"{level * 100:.4g} % bootstrap by question, {rounds} rounds, seed {seed}" if resampled else None,
        level if resampled else None,
        rounds if resampled else None,
        seed if resampled else None,
    )


def statistics(counts: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(share, κ) of tables (… × classes × classes) of one rater's class by the other's.

    κ = (observed − expected) / (1 − expected), where expected is the chance that both say the same if each keeps to its
    own shares (Cohen 1960). Of a symmetric table, as within one group, that is Scott's π (1955). Not a number where
    nothing was compared, and for κ where chance alone gives full agreement.
    """
    import numpy as np

    total = counts.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.trace(counts, axis1=-2, axis2=-1) / total
        expected = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1) / total**2
        return share, (share - expected) / (1.0 - expected)


def resample(counts: NDArray[Any], rounds: int, seed: int) -> NDArray[Any]:
    """(rounds × classes × classes) sums over questions drawn with replacement (questions × classes × classes)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    n, cells = len(counts), counts.reshape(len(counts), -1)
    out = np.empty((rounds, cells.shape[1]))
    # A few million numbers at once: bounds memory whatever the number of questions.
    step = max(1, 2_000_000 // n)
    for first in range(0, rounds, step):
        some = min(step, rounds - first)
        drawn = rng.integers(n, size=(some, n)) + np.arange(some)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n)
        out[first : first + some] = times @ cells
    return out.reshape(rounds, *counts.shape[1:])


def _middle(draws: NDArray[Any], level: float) -> tuple[float | None, float | None]:
    """Bounds of the middle ``level`` of the draws that have a value."""
    import numpy as np

    known = draws[np.isfinite(draws)]
    if not len(known):
        return None, None
    lower, upper = np.quantile(known, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(lower), float(upper)


def _finite(value: Any) -> float | None:
    found = float(value)
    return found if found - found == 0.0 else None
