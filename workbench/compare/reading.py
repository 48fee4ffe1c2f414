"""What one side said about each item, from its stored judgments.

An item is a question's turn with the answers judged together. A pair's two games make one verdict, as everywhere: the
same winner twice wins, two ties are a tie, anything else is a tie marked inconsistent. Where a judge judged an item
under several settings the one that stands counts (finished, then ``corrected``, then the latest), and of several
samples the first that could be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.compare.spec import Side
from workbench.errors import BadInput, Unknown
from workbench.records import Row

if TYPE_CHECKING:
    from workbench.compare.running import Source
    from workbench.judging.items import Key
    from workbench.store import Store

#: Kinds of judgments that are about answers: where an imported one names none, the answers in force are meant.
WITHOUT_ANSWERS = ("critique-pairwise", "complexity")


class ItemKey(NamedTuple):
    """What is judged. Sorts in file order of the questions; absent parts are empty."""

    position: int
    question_id: str
    turn: int
    model_a: str
    model_b: str
    answer_a: str
    answer_b: str
    sample_a: int
    sample_b: int
    about: str


@dataclass(frozen=True, slots=True)
class Game:
    """One judgment: ``order`` is ab, ba, both (an imported verdict over two games) or single."""

    order: str
    state: str
    verdict: str | None
    inconsistent: bool | None
    score: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    latency: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """What one side says of an item in one sample. ``state``: ok, pending (a game is missing), or the first failure's.
    ``consistent``: whether two games had the same verdict; ``None`` where there were not two."""

    state: str
    verdict: str | None
    score: float | None
    consistent: bool | None
    games: tuple[Game, ...]


@dataclass(frozen=True, slots=True)
class SideRead:
    """All that one side said, by item: the ``said`` that counts, and every sample in ``samples``.

    ``templates``, ``versions`` and ``modes`` are those of the judgments that count, ``orders`` the orders in which they
    showed the answers. ``identity``: version, template, hash, mode, variant and sample of what counts of each item.
    """

    side: Side
    kind: str
    said: Mapping[ItemKey, Said]
    samples: Mapping[ItemKey, tuple[Said, ...]]
    templates: tuple[str, ...]
    versions: tuple[str, ...]
    modes: tuple[str, ...]
    orders: tuple[str, ...]
    identity: Mapping[ItemKey, tuple[str, ...]]


def read_side(store: Store, source: Source, shared: Mapping[str, Any]) -> SideRead:
    """One side of the comparison. ``shared`` are the options all sides have in common.

    Raises:
        Unknown: no such judge, template, bench, category or selection; the judge did not judge by this protocol.
        BadInput: the protocol's judgments cannot be compared.
    """
    from workbench.judging.protocols import find_protocol
    from workbench.protocol_names import BUILT_IN

    side, spec = source.side, source.spec
    name = side.protocol
    kind = name if spec is None and name not in BUILT_IN and ":" not in name else find_protocol(name).kind
    if kind == "critique":
        raise BadInput(
            f"{side.protocol} has neither verdicts nor scores that could be compared",
            field="protocol",
            hint="compare critiques with: --protocol critique-pairwise",
        )
    turns = spec.turns if spec else shared.get("turns")
    params: dict[str, Any] = {
        "version": source.version, "mode": spec.mode if spec else shared.get("mode"), "templates": None,
        "questions": None, "turns": list(turns) if turns else None,
    }  # fmt: skip
    if source.keys is not None:
        keys = frozenset(_normal(key) for key in source.keys)
        return _side(side, kind, [row for row in _rows(store, side, kind, params) if _key(row) in keys], keys, "both")
    scope = Scope(store, shared)
    params["questions"] = scope.questions
    if spec is None:
        params["templates"] = _known_templates(store, side, kind)
    rows = [row for row in _rows(store, side, kind, params) if scope.holds(row)]
    return _side(side, kind, rows, None, str(shared.get("order") or "both"), int(shared.get("samples") or 0))


def _rows(store: Store, side: Side, kind: str, params: Mapping[str, Any]) -> list[Row]:
    return store.query(
        "compare_judgments", judge=side.judge, protocol=kind, answers=kind not in WITHOUT_ANSWERS, **params
    )


def _key(row: Row) -> tuple[Any, ...]:
    """As ``_normal`` makes of ``items.stored_key``."""
    return (
        row["question_id"], row["turn"], row["presented_order"], row["template_hash"], row["sample"], row["variant"],
        row["model_a"], row["model_b"], row["answer_a"], row["answer_b"],
    )  # fmt: skip


def _normal(key: Key) -> tuple[Any, ...]:
    return tuple("" if part is None else part for part in key)


def _known_templates(store: Store, side: Side, kind: str) -> list[str] | None:
    """``name@hash`` of the templates that are named, with commas between; ``None``: any.

    Raises Unknown for a judge that has no such judgments, or a template that it was not asked with.
    """
    rows = store.query("compare_stored")
    judges = {row["judge"] for row in rows if row["protocol"] == kind}
    if side.judge not in judges:
        raise Unknown(
            f"judge with stored {kind} verdicts", side.judge, judges,
            hint=f"have it judge: workbench judge --judge {side.judge} --protocol {side.protocol}",
        )  # fmt: skip
    if side.template is None:
        return None
    there = {
        (row["template"], row["template_hash"]) for row in rows if (row["judge"], row["protocol"]) == (side.judge, kind)
    }
    found = []
    for wanted in filter(None, (part.strip() for part in side.template.split(","))):
        name, _, digest = wanted.partition("@")
        mine = [f"{a}@{b}" for a, b in sorted(there) if a == name and b.startswith(digest)]
        if not mine:
            raise Unknown(f"template of {side.judge}", wanted, {a for a, _ in there})
        found += mine
    return found


class Scope:
    """Which stored judgments are in the scope that a judging stage with the same options would have."""

    def __init__(self, store: Store, shared: Mapping[str, Any]) -> None:
        from workbench.scope import NO_LIMIT, check_questions

        bench, category, limit = (shared.get(name) for name in ("bench", "category", "limit"))
        check_questions(store, bench, category, limit)
        self.questions: list[str] | None = None
        if bench is not None or category is not None or limit is not None:
            found = store.query("judge_questions", bench=bench, category=category, limit=limit or NO_LIMIT)
            self.questions = [row["question_id"] for row in found]
        self._models = set(shared.get("models") or ())
        self._baseline = shared.get("baseline")
        if self._baseline and self._models:
            self._models.add(self._baseline)
        self._pairs = self._answers = None
        if wanted := shared.get("selection"):
            matches = store.query("select_find", wanted=wanted)
            if not matches:
                raise Unknown("selection", wanted, [row["name"] for row in store.query("select_names")])
            rows = store.query("judge_selected", selection_id=matches[0]["selection_id"])
            self._pairs = {(row["response_a"], row["response_b"]) for row in rows}
            self._answers = {answer for pair in self._pairs for answer in pair}

    def holds(self, row: Row) -> bool:
        """Whether a row of ``compare_judgments`` is in the scope; bench, category and limit were looked at before."""
        models = {row["model_a"], row["model_b"]} - {""}
        if self._models and not models <= self._models:
            return False
        if self._baseline and self._baseline not in models:
            return False
        if self._pairs is None or self._answers is None:
            return True
        if row["model_b"]:
            return (row["answer_a"], row["answer_b"]) in self._pairs
        return row["answer_a"] in self._answers


def _item(row: Row) -> ItemKey:
    return ItemKey(
        -1 if row["position"] is None else row["position"], row["question_id"], row["turn"], row["model_a"],
        row["model_b"], row["answer_a"], row["answer_b"], row["sample_a"], row["sample_b"], row["about"],
    )  # fmt: skip


def _side(
    side: Side, kind: str, rows: Iterable[Row], planned: frozenset[tuple[Any, ...]] | None, order: str, samples: int = 0
) -> SideRead:
    """From rows of ``compare_judgments``. ``order`` ab or ba leaves other games out; ``samples``: at most so many."""
    groups: dict[ItemKey, dict[int, dict[tuple[str, ...], list[Row]]]] = {}
    for row in rows:
        if (order != "both" and row["presented_order"] not in (order, "single")) or 0 < samples <= row["sample"]:
            continue
        setting = (row["judge_version"], row["template"], row["template_hash"], row["mode"], row["variant"])
        groups.setdefault(_item(row), {}).setdefault(row["sample"], {}).setdefault(setting, []).append(row)
    both = _in_both_orders(planned, groups)
    said: dict[ItemKey, Said] = {}
    every: dict[ItemKey, tuple[Said, ...]] = {}
    identity: dict[ItemKey, tuple[str, ...]] = {}
    for item, by_sample in groups.items():
        chosen = [(sample, *_standing(settings, both)) for sample, settings in sorted(by_sample.items())]
        every[item] = tuple(one for _, _, one in chosen)
        sample, which, said[item] = next((found for found in chosen if found[2].state == "ok"), chosen[0])
        identity[item] = (*which, str(sample))
    templates, versions, modes = (tuple(sorted({one[k] for one in identity.values()})) for k in (1, 0, 3))
    orders = tuple(sorted({game.order for one in said.values() for game in one.games}))
    return SideRead(side, kind, said, every, templates, versions, modes, orders, identity)


def _in_both_orders(
    planned: frozenset[tuple[Any, ...]] | None, groups: Mapping[ItemKey, Mapping[int, Mapping[Any, list[Row]]]]
) -> bool:
    """Whether this side shows each pair in both orders: by its plan, else if it did so anywhere."""
    if planned is not None:
        seen = {(*key[:2], *key[3:]) for key in planned if key[2] in ("ab", "ba")}
        return len(seen) < sum(key[2] in ("ab", "ba") for key in planned)
    return any(
        {"ab", "ba"} <= {row["presented_order"] for row in found}
        for by_sample in groups.values() for settings in by_sample.values() for found in settings.values()
    )  # fmt: skip


def _standing(settings: Mapping[tuple[str, ...], list[Row]], both: bool) -> tuple[tuple[str, ...], Said]:
    """The setting that counts among those in which one sample of an item was judged."""
    found = [(setting, together([_game(row) for row in rows], both), rows) for setting, rows in settings.items()]
    best = max(
        found,
        key=lambda one: (
            one[1].state != "pending",
            one[0][3] == "corrected",
            max(r["made"] or 0 for r in one[2]),
            one[0],
        ),
    )
    return best[0], best[1]


def _game(row: Row) -> Game:
    return Game(
        row["presented_order"], row["state"], row["verdict"], row["inconsistent"], row["score_a"],
        row["prompt_tokens"], row["completion_tokens"], row["latency"], row["cost"],
    )  # fmt: skip


def together(games: list[Game], both: bool) -> Said:
    """The games of an item as one verdict; ``both``: a pair has two of them."""
    games.sort(key=lambda game: game.order)
    single = [game for game in games if game.order in ("ab", "ba", "single")]
    if not single:  # a verdict over two games counts only where the games themselves are not there
        one = games[0]
        consistent = None if one.inconsistent is None else not one.inconsistent
        return Said(one.state, one.verdict, one.score, consistent if one.state == "ok" else None, tuple(games))
    kept = tuple(single)
    failed = [game.state for game in kept if game.state != "ok"]
    if failed:
        return Said(failed[0], None, None, None, kept)
    if both and len(kept) < 2 and kept[0].order != "single":
        return Said("pending", None, None, None, kept)
    scores = [game.score for game in kept if game.score is not None]
    score = sum(scores) / len(scores) if scores else None
    if len(kept) < 2:
        return Said("ok", kept[0].verdict, score, None, kept)
    same = kept[0].verdict == kept[1].verdict
    return Said("ok", kept[0].verdict if same else "tie", score, same, kept)
