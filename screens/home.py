"""Home: which store, what it holds, and the next step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from screens.actions import BY_ID, bindings, key_name, keys_of
from screens.base import WorkbenchScreen
from screens.next_step import Overview, Step, next_step
from screens.widgets.pages import steady
from workbench.errors import WorkbenchError
from workbench.records import Row
from workbench.text import plural

if TYPE_CHECKING:
    from workbench.store import Store

Parts = list[tuple[str, str]]


def overview(rows: Iterable[Row]) -> Overview:
    """The counts of ``ui_overview`` as one record."""
    found: dict[str, Any] = {"responses": {}, "judgments": {}}
    for row in rows:
        if row["what"] in ("responses", "judgments"):
            found[row["what"]][row["state"]] = row["n"]
        else:
            found[row["what"]] = row["n"]
    return Overview(**found)


class HomeScreen(WorkbenchScreen):
    WHERE = "home"
    TABLES = frozenset(
        {"questions", "models", "responses", "similarities", "selections", "annotations", "judgments", "jobs"}
    )
    BINDINGS = bindings("home")
    CSS_PATH = "home.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._step: Step | None = None

    def body(self) -> Iterable[Widget]:
        yield Static(Content.styled(steady(str(self.app.store_path)), "bold"), id="store")
        yield Static(Content.styled("Opening the store …", "$quiet"), id="counts")
        yield Static("", id="next")

    def load(self, store: Store) -> Overview:
        return overview(store.query("ui_overview", annotator=self.app.annotator or ""))

    def show(self, data: Overview) -> None:
        self.query_one("#counts", Static).update(Content.assemble(*self._counts(data)))
        self._step = next_step(data)
        self.query_one("#next", Static).update(Content.assemble(*self._next(self._step)))

    def failed(self, error: WorkbenchError) -> None:
        super().failed(error)
        if self.app.store is None:
            self.query_one("#counts", Static).update(Content("The store cannot be opened; trying again."))

    def _counts(self, seen: Overview) -> Parts:
        lines = [
            ("Questions", seen.questions, plural(seen.benches, "benchmark") if seen.questions else ""),
            ("Models", seen.models, f"{seen.answering:,} with answers" if seen.models else ""),
            ("Responses", sum((seen.responses or {}).values()), _states(seen.responses)),
            ("Similarities", seen.similarities, ""),
            (
                "Selections",
                seen.selections,
                f"{plural(seen.selected, 'pair')} in the newest" if seen.selections else "",
            ),
            ("Judgments", sum((seen.judgments or {}).values()), _states(seen.judgments)),
            ("Annotations", seen.votes, f"by {plural(seen.annotators, 'annotator')}" if seen.votes else ""),
            ("Jobs running", seen.running, ""),
        ]
        parts: Parts = []
        for name, n, more in lines:
            parts += [(f"{name:<14}", "$quiet"), (f"{n:>12,}", "bold" if n else "$quiet")]
            parts += [(f"   {more}", "$quiet"), ("\n", "")]
        return parts[:-1]

    def _next(self, step: Step) -> Parts:
        parts: Parts = [("Next  ", "bold $primary"), (step.say + "\n", "bold")]
        if step.mode is not None:
            here = f"{key_name(keys_of(BY_ID['home.next'], self.app.keys)[0])}"
            go = key_name(keys_of(BY_ID[f"go.{step.mode}"], self.app.keys)[0])
            parts += [
                ("here  ", "$quiet"),
                (here, "bold $primary"),
                (" or ", ""),
                (go, "bold $primary"),
                ("\n", ""),
            ]
        return [*parts, ("shell ", "$quiet"), (step.command, "$accent")]

    def action_next_step(self) -> None:
        if self._step and self._step.mode:
            self.app.action_go(self._step.mode)
        elif self._step:
            self.say(f"This step is done in a shell: {self._step.command}")


def _states(states: dict[str, int] | Any) -> str:
    """Everything that is not ok is named: it counts nowhere."""
    if not states:
        return ""
    others = [f"{n:,} {state}" for state, n in sorted(states.items()) if state != "ok"]
    return ", ".join([f"{states.get('ok', 0):,} ok", *others])
