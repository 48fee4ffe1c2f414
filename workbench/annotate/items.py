"""What is put before an annotator: which items, in which order, which answer left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import BadInput, Unknown
from workbench.records import Row, item_id, stable_id
from workbench.store import Store


@dataclass(frozen=True, slots=True)
class Key:
    """An item without its texts. ``model_a`` sorts before ``model_b``; ``ab`` shows model_a's answer left."""

    item: str
    question_id: str
    turn: int
    model_a: str
    model_b: str
    response_a: str
    response_b: str
    presented_order: str


@dataclass(frozen=True, slots=True)
class Item:
    """What the annotator sees. Everything in ``key`` that names a model must stay hidden until the vote.

    ``left`` and ``right`` are the answers as presented, one entry a turn; ``question`` the user's turns.
    """

    key: Key
    category: str | None
    question: tuple[str, ...]
    reference: tuple[str, ...]
    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def question_id(self) -> str:
        return self.key.question_id

    @property
    def left_model(self) -> str:
        return self.key.model_a if self.key.presented_order == "ab" else self.key.model_b

    @property
    def right_model(self) -> str:
        return self.key.model_b if self.key.presented_order == "ab" else self.key.model_a


def find_selection(store: Store, annotator: str, wanted: str | None) -> Row:
    """A selection by id, by name (the newest of that name), or the newest of all.

    Raises:
        BadInput: there is no selection yet.
        Unknown: none of that name.
    """
    rows = store.query("annotate_selections", annotator=annotator)
    if not rows:
        raise BadInput("nothing is selected for annotation yet", hint="choose items with: workbench select")
    for row in rows:
        if wanted in (None, row["selection_id"], row["name"]):
            return row
    assert wanted is not None
    raise Unknown("selection", wanted, {row["name"] for row in rows})


def load_keys(
    store: Store,
    annotator: str,
    seed: int,
    selection_id: str,
    category: str | None,
    pair: tuple[str, str] | None,
) -> dict[str, Key]:
    """A selection's items by id, in the order of annotation: by rank, within a rank as drawn for the annotator."""
    first, second = sorted(pair) if pair else (None, None)
    rows = store.query("annotate_items", selection_id=selection_id, category=category, model_a=first, model_b=second)
    found: list[tuple[int, str, Key]] = []
    for row in rows:
        # One turn is the whole conversation, and judges call it turn 1: so votes and verdicts can be compared.
        turn = 1 if row["turns"] == 1 else 0
        sides = (row["model_a"], row["model_b"], row["response_a"], row["response_b"])
        item = item_id(row["question_id"], turn, *sides)
        drawn = stable_id("order", seed, annotator, item)
        order = "ab" if int(drawn[:8], 16) % 2 == 0 else "ba"
        # The rest of the draw orders a rank: neighbours of one pair would give the pair away.
        found.append((row["rank"], drawn[8:], Key(item, row["question_id"], turn, *sides, order)))
    found.sort(key=lambda entry: entry[:2])
    keys: dict[str, Key] = {}
    for _, _, key in found:
        keys.setdefault(key.item, key)
    return keys


def fetch_items(store: Store, keys: Sequence[Key]) -> dict[str, Item]:
    """The texts of a few items, by item id; one whose texts are gone is left out."""
    rows = store.query(
        "annotate_texts",
        question_ids=[key.question_id for key in keys],
        responses_a=[key.response_a for key in keys],
        responses_b=[key.response_b for key in keys],
    )
    by_ids = {(row["question_id"], row["response_a"], row["response_b"]): row for row in rows}
    found: dict[str, Item] = {}
    for key in keys:
        row = by_ids.get((key.question_id, key.response_a, key.response_b))
        if row is None:
            continue
        left, right = tuple(row["turns_a"]), tuple(row["turns_b"])
        if key.presented_order == "ba":
            left, right = right, left
        reference = tuple(text for text in row["reference"] or () if text)
        found[key.item] = Item(key, row["category"], tuple(row["question"]), reference, left, right)
    return found
