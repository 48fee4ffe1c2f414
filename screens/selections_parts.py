"""What the select screen draws: cells of its tables, its head, its histograms, and what to do when there is nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from screens.selections_data import NEWEST, Chosen, Loaded, Pair, counts_of
from screens.widgets.histogram import Bars
from screens.widgets.pages import steady
from screens.widgets.table import Column, Table
from workbench.records import Row, stable_id
from workbench.text import one_line, plural

if TYPE_CHECKING:
    from textual.widget import Widget

#: Cells and keys of a table's rows.
Listed = tuple[list[tuple[str, ...]], list[str]]
METRIC_COLUMNS = (Column("metric", most=16), Column("version", most=24), Column("compared", True))
SELECTION_COLUMNS = (
    Column("selection", most=36), Column("method", most=12), Column("K", True), Column("λ", True),
    Column("items", True), Column("voted", True), Column("you", True), Column("metric", most=16), Column("mode"),
    Column("made", most=16),
)  # fmt: skip
#: The first row of the selections: items of all that is compared.
EVERYTHING = "everything"
ALL_PAIRS = "all"
NO_SIMILARITIES = (
    "Answers are not compared yet: similarity shows where models differ, and MAD selects by it.\n\n"
    "F3, n, s: compare here, or in a shell: workbench similarity\n"
    "It needs answers of two models to the same questions: workbench generate --models NAME,NAME\n\n"
    "n: select what to label next (no similarity needed), or: workbench select --method label-next"
)
NOT_COMPARED = "These answers are not compared.\nF3, n, s, or in a shell:\nworkbench similarity"
NO_SELECTION = "Nothing is selected yet. n: select; in a shell: workbench select --top-k 10"
EXPORT = (
    "Export: workbench export similarities --format mad-similarity -o FOLDER; after voting: "
    "workbench export annotations --format mad-annotation -o annotation.json"
)
NAMES_SHOWN = (
    "Names are shown: an item's pair of models is no longer hidden from you. Which answer is whose still is. i: hide"
)


def pair_key(pair: Pair | None) -> str:
    return ALL_PAIRS if pair is None else json.dumps(pair)


def pair_of(key: str) -> Pair | None:
    if key == ALL_PAIRS:
        return None
    first, second = json.loads(key)
    return first, second


def pair_columns(width: int) -> tuple[Column, ...]:
    """Columns of the pairs of models for this many cells: the names take what the numbers leave."""
    most = max((width - 28) // 2, 7)
    return (
        Column("model", most=most), Column("against", most=most), Column("n", True), Column("median", True),
        Column("min", True),
    )  # fmt: skip


def short(n: int) -> str:
    """A count in five cells at most: 9,999, 30.0k, 840k, 1.2M."""
    if n < 10_000:
        return f"{n:,}"
    if n < 100_000:
        return f"{n / 1000:.1f}k"
    return f"{n / 1000:.0f}k" if n < 1_000_000 else f"{n / 1e6:.1f}M"


def decimal(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"


def pair_rows(data: Loaded) -> Listed:
    """Cells and keys, all pairs together first, then those with the least median: there the models differ most."""
    found = sorted(
        data.pool.pairs.items(), key=lambda one: (one[0] is not None, one[1]["middle"] or 0.0, one[0] or ("", ""))
    )
    cells: list[tuple[str, ...]] = [
        (*(pair or ("all", "pairs")), short(row["n"]), decimal(row["middle"]), decimal(row["least"]))
        for pair, row in found
    ]
    return cells, [pair_key(pair) for pair, _ in found]


def metric_rows(rows: Sequence[Row]) -> Listed:
    cells: list[tuple[str, ...]] = [(row["metric"], row["metric_version"], f"{row['n']:,}") for row in rows]
    return cells, [json.dumps([row["metric"], row["metric_version"]]) for row in rows]


def selection_rows(data: Loaded) -> Listed:
    cells: list[tuple[str, ...]] = []
    keys: list[str] = []
    for row in data.selections:
        arms = f"{row['items']:,}" + (f" ({row['control']:,} random)" if row["control"] else "")
        metric = "" if row["method"] == "label-next" else row["metric"] or ""
        cells.append(
            (row["name"], row["method"], f"{row['k']:,}", f"{row['diversity']:g}", arms, f"{row['voted']:,}",
             f"{row['mine']:,}", metric, row["mode"], row["created_at"][:16])
        )  # fmt: skip
        keys.append(row["selection_id"])
    if data.pool.compared:
        n = sum(row["n"] for row in data.metrics if (row["metric"], row["metric_version"]) == data.chosen.metric)
        ends = "most alike" if data.chosen.highest else "least alike"
        cells.append((f"(everything compared, {ends})", "", "", "", f"{n:,}", "", "", "", "", ""))
        keys.append(EVERYTHING)
    return cells, keys


def selection_key(chosen: Chosen) -> str:
    return EVERYTHING if chosen.selection in (None, NEWEST) else str(chosen.selection)


# -- items -----------------------------------------------------------------------------------------


def item_columns(names: bool, narrow: bool) -> tuple[Column, ...]:
    most = 12 if narrow else 24
    pair = (Column("model", most=most), Column("against", most=most)) if names else (Column("pair"),)
    return (
        Column("#", True), *pair, Column("similarity", True), Column("voted"), Column("category", most=most),
        Column("instruction", most=220),
    )  # fmt: skip


def item_key(row: Row) -> str:
    return f"{row['arm']} {row['response_a']} {row['response_b']} {row['question_id']}"


def hidden_names(pairs: Sequence[Pair]) -> dict[Pair, str]:
    """A number for each pair of models, in an order that does not tell which one it is."""
    order = sorted(set(pairs), key=lambda pair: stable_id("hidden pair", *pair))
    return {pair: f"·{i}" for i, pair in enumerate(order, 1)}


def item_rows(rows: Sequence[Row], names: bool) -> Listed:
    """Cells and keys. Names of models only when they are asked for."""
    hidden = hidden_names([(row["model_a"], row["model_b"]) for row in rows])
    cells: list[tuple[str, ...]] = []
    for row in rows:
        pair = (row["model_a"], row["model_b"])
        marks = "✓" if row["mine"] else ""
        voted = marks + (f" {row['people']}" if row["people"] > 1 or (row["people"] and not row["mine"]) else "")
        rank = f"{row['rank']}{'r' if row['arm'] == 'control' else ''}"
        cells.append(
            (rank, *(pair if names else (hidden[pair],)), decimal(row["similarity"]), voted, row["category"] or "",
             row["instruction"] or "(the question is not stored)")
        )  # fmt: skip
    return cells, [item_key(row) for row in rows]


def extreme(rows: Sequence[Row], highest: bool) -> int | None:
    """The row with the lowest or highest similarity; ``None`` when none has one."""
    found = [(row["similarity"], i) for i, row in enumerate(rows) if row["similarity"] is not None]
    if not found:
        return None
    best = max(value for value, _ in found) if highest else min(value for value, _ in found)
    return next(i for value, i in found if value == best)


# -- words and bars --------------------------------------------------------------------------------


def head(data: Loaded, names: bool, width: int) -> Content:
    """What is looked at: metric, category, pair; names cut so that all of it fits."""
    chosen = data.chosen
    metric = one_line(steady(" ".join(chosen.metric) if chosen.metric else "nothing compared"), max(width // 3, 12))
    category = one_line(steady(chosen.category or "all"), max(width // 6, 8))
    warning = "   ! names shown" if names else ""
    free = width - cell_len(metric) - cell_len(category) - len("   category    pair " + warning)
    pair = " · ".join(_cut(name, (free - 3) // 2) for name in chosen.pair) if chosen.pair else "all"
    return Content.assemble(
        (metric, "bold $primary"), ("   category ", "$quiet"), (category, "bold"), ("   pair ", "$quiet"),
        (pair, "bold"), (warning, "bold $warning"),
    )  # fmt: skip


def _cut(name: str, cells: int) -> str:
    text = one_line(steady(name))
    return text if cell_len(text) <= cells else set_cell_size(text, max(cells - 1, 1)).rstrip() + "…"


def histograms(data: Loaded) -> list[Bars]:
    """What is compared, and of it what the selection took, arm by arm, over the same axis."""
    pool, chosen = data.pool, data.chosen
    if not pool.compared:
        return []
    row = pool.pairs.get(chosen.pair)
    counts = counts_of(row)
    broken = f", {pool.broken:,} no number" if pool.broken else ""
    middle = f", median {decimal(row['middle'])}" if row else ""
    bars = [Bars(f"compared {row['n'] if row else 0:,}{broken}{middle}", counts)]
    titles = {"selected": ("selected", "$accent"), "control": ("random arm", "$success")}
    for arm, (title, style) in titles.items():
        hits: Mapping[str, Sequence[int]] = data.picked
        if arm in hits or (arm == "selected" and data.selection is not None):
            mine = hits.get(arm, [0] * len(counts))
            lost = f" ({data.unplaced:,} not compared by it)" if data.unplaced and arm == "selected" else ""
            bars.append(Bars(f"{title} {sum(mine):,}{lost}", mine, style))
    return bars


def foot(data: Loaded) -> str:
    """What has to be known to read the items: which they are, how many, and what a mark means."""
    shown, chosen = len(data.items), data.chosen
    if data.selection is None and not data.selections:
        return NO_SELECTION
    if not shown:
        return "No item of this selection is in this category and pair. c: other category; p: other pair"
    more = f"the first {shown:,} of {data.total:,}; c, p: narrow" if data.total > shown else plural(shown, "item")
    if data.selection is None:
        end = "most" if chosen.highest else "least"
        return f"{more} · the {end} alike of everything compared · l, h: either end"
    random = " · r: drawn at random" if any(row["arm"] == "control" for row in data.items) else ""
    known = " · its two models are on the screen" if chosen.pair else ""
    return f"{more}{random} · ✓ you decided it, n: others{known}"


def empty_text(data: Loaded) -> str | None:
    """What to say instead of everything; ``None`` when there is something to show."""
    return NO_SIMILARITIES if not data.metrics and not data.selections else None


class CategoryScreen(ModalScreen[str | None]):
    """Choose a category; the empty name stands for all of them."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", show=False)]

    def __init__(self, rows: Sequence[Row], now: str | None) -> None:
        super().__init__()
        self._rows = rows
        self._now = now

    def compose(self) -> ComposeResult:
        parts: list[Widget] = [
            Static(Content.styled("Category", "bold $primary")),
            Table(Column("category", most=48), Column("questions", True), id="categories"),
            Static(Content.styled("enter: only this one    esc: back", "$quiet")),
        ]
        yield Vertical(*parts, classes="dialog", id="picker")

    def on_mount(self) -> None:
        table = self.query_one(Table)
        cells = [("all", f"{sum(row['n'] for row in self._rows):,}"), *((r["name"], f"{r['n']:,}") for r in self._rows)]
        keys = ["", *(row["name"] for row in self._rows)]
        table.set_rows(cells, keys)
        table.go_to(keys.index(self._now or ""))
        table.focus()

    def on_table_opened(self, message: Table.Opened) -> None:
        self.dismiss(message.table.key)
