"""What a selection is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from workbench.errors import BadInput, Unknown

METHODS = ("mad", "label-next", "mad-judges")
GOALS = ("ranking", "disagreement", "both")
#: The metric that is the cosine of two answers' embeddings.
EMBEDDING = "embedding"
#: Items a pair of models where nothing is said (arXiv 2404.08008).
TOP_K = 10
#: Stands for the category of questions that have none.
NO_CATEGORY = "none"


@dataclass(frozen=True, slots=True)
class SelectSpec:
    """Which items are picked. Without ``models``, all that have answers.

    ``control`` is how many items a pair of models are drawn at random besides. ``mad`` picks ``top_k`` items for each
    pair: ``diversity`` is λ, ``embedder`` what embeds the instructions for it (and made the metric ``embedding``),
    ``mode`` the reading of the published filters. ``metric`` is any there are similarities of, ``metric_version`` which
    of its versions where there are several. ``across``: λ also counts instructions selected for other pairs.
    ``per_category`` items of every category, or ``quota`` (``("math=3", "coding=2")``), take the place of ``top_k``.
    ``extend`` names a selection whose items are kept and added to: K up to ``top_k``, and pairs of further models.

    ``mad-judges`` picks ``top_k`` pairs of answers on which each two of ``judges`` (at least two) disagree most.
    ``label-next`` picks ``items`` over all pairs (default: ``top_k`` a pair) by ``goal``, led by the verdicts of
    ``judges`` (default: all); ``overlap`` allows items that somebody voted on.
    """

    method: Literal["mad", "label-next", "mad-judges"] = "mad"
    top_k: int | None = None
    diversity: float = 0.0
    metric: str = EMBEDDING
    embedder: str = "hashing"
    models: tuple[str, ...] = ()
    bench: str | None = None
    mode: Literal["corrected", "compat"] = "corrected"
    name: str | None = None
    control: int = 0
    goal: Literal["ranking", "disagreement", "both"] = "ranking"
    items: int | None = None
    judges: tuple[str, ...] = ()
    overlap: bool = False
    metric_version: str | None = None
    across: bool = False
    per_category: int | None = None
    quota: tuple[str, ...] = ()
    extend: str | None = None

    @property
    def k(self) -> int:
        """K as asked for, or the paper's 10."""
        return TOP_K if self.top_k is None else self.top_k

    @property
    def shown_name(self) -> str:
        """What the selection is called: the name given, or one made of its options."""
        if self.name or self.extend:
            return self.name or self.extend or ""
        rest = "".join(f"-{word}" for word in self._words())
        if self.method == "label-next":
            return f"{self.method}-{self.goal}-" + (f"n{self.items}" if self.items else f"k{self.k}") + rest
        if self.method == "mad-judges":
            return f"{self.method}-{'-'.join(self.judges)}-k{self.k}{rest}"
        encoder = f"-{self.embedder}" if self.metric == EMBEDDING else ""
        version = f"-{self.metric_version}" if self.metric_version else ""
        size = f"p{self.per_category}" if self.per_category else "-".join(("q", *self.quota)) if self.quota else ""
        return f"{self.method}-{self.metric}{encoder}{version}-{size or f'k{self.k}'}{rest}"

    def _words(self) -> list[str]:
        """What a name says of options that are not as usual, so that other options have another name."""
        found: list[tuple[object, str]] = [
            (self.method != "label-next" and self.diversity, f"d{self.diversity:g}"),
            (self.across, "across"),
            (self.method == "mad" and self.mode == "compat", "compat"),
            (self.bench, str(self.bench)),
            (self.control, f"c{self.control}"),
        ]
        if self.method == "label-next":
            found += [(self.overlap, "overlap"), (self.judges, "-".join(self.judges))]
        return [word for given, word in found if given]


def check_spec(spec: SelectSpec) -> None:
    """Raises Unknown for a word that is none of an option's, BadInput for a number out of range or options that do not
    go together."""
    for value, known, kind in (
        (spec.method, METHODS, "method"),
        (spec.mode, ("corrected", "compat"), "mode"),
        (spec.goal, GOALS, "goal"),
    ):
        if value not in known:
            raise Unknown(kind, value, known)
    for field, least in (("top_k", 1), ("items", 1), ("control", 0), ("per_category", 1)):
        number = getattr(spec, field)
        if number is not None and number < least:
            wanted = "must not be negative" if least == 0 else f"must be at least {least}"
            raise BadInput(f"{wanted}, not {number}", field=field)
    if not (0 <= spec.diversity < float("inf")):
        raise BadInput(f"must be 0 or more, not {spec.diversity}", field="diversity")
    _check_together(spec)


def _check_together(spec: SelectSpec) -> None:
    if spec.method != "mad":
        for field in ("across", "per_category", "quota", "extend", "metric_version"):
            if getattr(spec, field):
                raise BadInput(f"is for method mad; {spec.method} has no such option", field=field)
    if spec.per_category and spec.quota:
        raise BadInput("goes without per_category: quota already says how many", field="quota")
    if spec.across and not spec.diversity and not spec.extend:
        raise BadInput("has no effect without λ", field="across", hint="add --diversity 0.1")
    if spec.extend and spec.name and spec.name != spec.extend:
        raise BadInput(f"an extended selection keeps its name, '{spec.extend}'", field="name")
    if spec.method == "mad-judges":
        if len(set(spec.judges)) < 2 or len(set(spec.judges)) != len(spec.judges):
            raise BadInput(
                "mad-judges needs two different judges or more",
                field="judges",
                hint="name them: --judges JUDGE1,JUDGE2",
            )
        if spec.control:
            raise BadInput("is for method mad and label-next; mad-judges has no such option", field="control")
    quotas(spec)


def quotas(spec: SelectSpec) -> dict[str, int]:
    """Category → items, of ``quota``; empty without. Raises BadInput for an entry that is not CATEGORY=NUMBER."""
    return parse_quotas(spec.quota)


def parse_quotas(entries: tuple[str, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in entries:
        category, equals, number = entry.rpartition("=")
        category = category.strip()
        if not equals or not category or not number.strip().isdecimal() or not number.strip().isascii():
            raise BadInput(
                f"must be CATEGORY=NUMBER, not '{entry}'", field="quota", hint="e.g. --quota math=3,coding=2"
            )
        if category in found:
            raise BadInput(f"names '{category}' twice", field="quota")
        if not int(number):
            raise BadInput(f"must be at least 1, not '{entry}'", field="quota", hint="leave the category out instead")
        found[category] = int(number)
    return found


def quota_words(wanted: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{category}={n}" for category, n in wanted.items())
