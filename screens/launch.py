"""Launching a job: what kind, its options, what it would take, then into the background."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Static

from screens.actions import bindings
from screens.base import WorkbenchScreen
from screens.help import ConfirmScreen
from screens.widgets.choices import Choices
from screens.widgets.line_input import LineInput
from screens.widgets.pages import steady
from workbench.errors import BadInput
from workbench.protocol_names import BUILT_IN, chosen
from workbench.text import one_line

if TYPE_CHECKING:
    from workbench.progress import Estimate
    from workbench.store import Store


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. ``kind``: text, word, whole, number, turns, protocol or models. ``names`` are offered while
    one of them is typed; ``hint`` may hold ``{names}``, and ``{benches}``, ``{models}``, ``{selections}``,
    ``{embedders}``, filled in with what there is."""

    name: str
    title: str
    kind: str = "text"
    default: str = ""
    hint: str = ""
    names: tuple[str, ...] = ()


_ASKED = Field("models", "Models", "models", hint="space: choose; tab: go on")
_MODELS = Field("models", "Models", "models", hint="space: choose; none chosen: all")
_BENCH = Field("bench", "Benchmark", hint="all; known: {benches}")
_LIMIT = Field("limit", "Questions", "whole", hint="all, or only the first N")
_EMBEDDER = Field("embedder", "Embedder", default="hashing", hint="{embedders}")

#: As ``workbench.similarity.spec`` has them, which takes numpy along.
METRICS = ("embedding", "bertscore", "judge", "rouge-l", "chrf")

#: The options of each kind of job that people change; the others are the command line's.
FORMS: dict[str, tuple[Field, ...]] = {
    "generate": (
        _ASKED, _BENCH, _LIMIT,
        Field("samples", "Samples", "whole", "1", "answers of each model to each question"),
    ),
    "similarity": (
        Field("metric", "Metric", "word", "embedding", names=METRICS, hint="{names}"),
        Field("embedder", "Model", hint="embedder ({embedders}), BERTScore's encoder or judge; empty: the default"),
        _MODELS, _BENCH, _LIMIT,
    ),
    "select": (
        Field("method", "Method", "word", "mad", names=("mad", "label-next", "mad-judges"),
              hint="mad: where answers are least alike; label-next: what a vote would teach most"),
        Field("top_k", "Top k", "whole", "10", "items for each pair of models"),
        Field("diversity", "λ", "number", "0.0", "mad: weight of unlikeness among chosen questions; 0: none"),
        Field("goal", "Goal", "word", "ranking", names=("ranking", "disagreement", "both"),
              hint="label-next: {names}"),
        Field("items", "Items", "whole", hint="label-next: items over all pairs; empty: top k for each pair"),
        Field("metric", "Metric", default="embedding", hint="mad: embedding, bertscore, …, or a judge's name"),
        _EMBEDDER, _MODELS, _BENCH,
        Field("extend", "Extend", hint="mad: keep the items of this selection and add; known: {selections}"),
        Field("control", "Control", "whole", "0", "random items a pair besides"),
        Field("name", "Name", hint="what to call this selection"),
    ),
    "judge": (
        Field("judge", "Judge", hint="{models}"),
        Field("protocol", "Protocol", "protocol", "pairwise-all", "{names}; or rubric:FILE, user:FILE; right: complete",
              tuple(BUILT_IN)),
        Field("baseline", "Baseline", hint="model the others are compared with (pairwise-baseline)"),
        _MODELS,
        Field("selection", "Selection", hint="only its pairs; known: {selections}"),
        _BENCH, _LIMIT,
        Field("turns", "Turns", "turns", "1", "1, 2 or 1,2"),
    ),
}  # fmt: skip
LETTERS = {"g": "generate", "s": "similarity", "e": "select", "j": "judge"}
SAYS = {
    "generate": "let models answer questions",
    "similarity": "measure how alike answers are",
    "select": "choose where models differ most",
    "judge": "let a model judge answers",
}


@dataclass(frozen=True, slots=True)
class Known:
    """Names that a form can offer. ``answering`` are models with answers, ``askable`` those that can be asked for more,
    ``judging`` these and juries."""

    benches: tuple[str, ...]
    answering: tuple[str, ...]
    askable: tuple[str, ...]
    judging: tuple[str, ...]
    selections: tuple[str, ...]
    embedders: tuple[str, ...]


def known_names(store: Store) -> Known:
    from workbench.engines.juries import is_jury
    from workbench.engines.registry import BUILTIN_EMBEDDERS
    from workbench.models import known_models

    found: dict[str, list[str]] = {}
    for row in store.query("ui_names"):
        found.setdefault(row["what"], []).append(row["name"])
    judging = {name: model for name, model in known_models(store).items() if model.engine != "import"}
    askable = [name for name, model in judging.items() if not is_jury(model)]
    return Known(
        tuple(found.get("bench", ())), tuple(found.get("model", ())), tuple(askable), tuple(judging),
        tuple(found.get("selection", ())), tuple(BUILTIN_EMBEDDERS),
    )  # fmt: skip


def parse_field(field: Field, text: str) -> Any:
    """A field's value as the spec wants it; ``None`` when left empty.

    Raises:
        BadInput: not a number.
    """
    text = text.strip()
    if not text:
        return None
    try:
        if field.kind == "whole":
            return int(text)
        if field.kind == "number":
            return float(text)
        if field.kind == "word":
            return text.replace("_", "-")
        if field.kind == "protocol":
            return chosen(text)
        if field.kind == "turns":
            return tuple(int(part) for part in text.split(","))
    except ValueError:
        wanted = "a number" if field.kind == "number" else "a whole number"
        raise BadInput(f"must be {wanted}, not '{one_line(text, 30)}'", field=field.title) from None
    return text


def describe(kind: str, estimate: Estimate) -> str:
    """What a job would take, in words."""
    lines = [f"{estimate.items:,} items, {estimate.already:,} of them done already"]
    if estimate.requests:
        lines.append(f"{estimate.requests:,} requests to models")
    if estimate.prompt_tokens or estimate.completion_tokens:
        lines.append(f"about {estimate.prompt_tokens:,} tokens in, {estimate.completion_tokens:,} out")
    if estimate.requests:
        known = estimate.cost is not None
        lines.append(f"about ${estimate.cost:,.2f}" if known else "cost unknown: no price is set for a model")
    if estimate.unknown:
        lines.append(f"not known yet: {one_line(steady(estimate.unknown), 200)}")
    return "\n".join(lines)


class KindScreen(ModalScreen[str | None]):
    """One letter chooses the kind of job."""

    def compose(self) -> ComposeResult:
        parts: list[tuple[str, str]] = [("Launch a job\n\n", "bold $primary")]
        for letter, kind in LETTERS.items():
            parts += [(f"{letter}  ", "bold $primary"), (f"{kind:<12}", ""), (f"{SAYS[kind]}\n", "$quiet")]
        with Vertical(classes="dialog"):
            yield Static(Content.assemble(*parts, ("\nesc: back", "$quiet")))

    def on_key(self, event: Key) -> None:
        event.stop()
        self.dismiss(LETTERS.get(event.key))


class LaunchScreen(WorkbenchScreen):
    """The form. Its result is the id of the launched job."""

    WHERE = "launch"
    TOP = "jobs"
    BINDINGS = bindings("launch")
    CSS_PATH = "launch.tcss"

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self._checking = False

    def body(self) -> Iterable[Widget]:
        yield Static(Content.assemble((self._kind, "bold $primary"), (f"  {SAYS[self._kind]}", "$quiet")), id="kind")
        with VerticalScroll(id="form", can_focus=False):
            for field in FORMS[self._kind]:
                with Horizontal(classes="field"):
                    yield Static(Content(field.title), classes="name")
                    if field.kind == "models":
                        yield Choices(id=field.name)
                    else:
                        names = SuggestFromList(field.names) if field.names else None
                        yield LineInput(field.default, id=field.name, suggester=names)
                if field.hint:
                    yield Static("", id=f"hint-{field.name}", classes="hint")

    def on_mount(self) -> None:
        store = self.app.store
        if store is not None:
            self.background(lambda: known_names(store), self._offer)

    def _offer(self, known: Known) -> None:
        """Fill in what there is to choose from."""
        asked = known.askable if self._kind == "generate" else known.judging
        listed = {
            "benches": _listed(known.benches), "models": _listed(asked),
            "selections": _listed(("latest", *known.selections)), "embedders": _listed(known.embedders),
        }  # fmt: skip
        for field in FORMS[self._kind]:
            if field.kind == "models":
                names = known.askable if self._kind == "generate" else known.answering
                self.query_one(f"#{field.name}", Choices).offer(names)
            if field.hint:
                hint = field.hint.format(**listed, names=", ".join(field.names))
                self.query_one(f"#hint-{field.name}", Static).update(Content(hint))
        self.query("Choices, LineInput").first().focus()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self.action_check()

    def on_line_input_left(self) -> None:
        self.action_back()

    def action_back(self) -> None:
        self.dismiss(None)

    def values(self) -> dict[str, Any]:
        """The form's values by option. Raises BadInput for a field that cannot be read."""
        found: dict[str, Any] = {}
        for field in FORMS[self._kind]:
            if field.kind == "models":
                found[field.name] = self.query_one(f"#{field.name}", Choices).chosen
            else:
                found[field.name] = parse_field(field, self.query_one(f"#{field.name}", Input).value)
        return found

    def action_check(self) -> None:
        """Validate, then ask with the estimate whether to launch."""
        store = self.app.store
        if store is None or self._checking:
            return
        try:
            values = self.values()
            if self._kind == "generate" and not values["models"]:
                raise BadInput("choose at least one", field="Models", hint="tab to the list, space to choose")
            if self._kind == "judge" and not values["judge"]:
                raise BadInput("a judge is needed", field="Judge")
        except BadInput as error:
            self.failed(error)
            return

        def check() -> tuple[Any, Estimate]:
            from workbench import stages

            spec = stages.make_spec(self._kind, values)
            return spec, stages.estimate_stage(store, self._kind, spec)

        self._checking = True
        self.say("Counting …")
        self.background(check, self._ask, self._not_checked)

    def _not_checked(self, error: Any) -> None:
        self._checking = False
        self.failed(error)

    def _ask(self, found: tuple[Any, Estimate]) -> None:
        self._checking = False
        self.say("")
        spec, estimate = found

        def answered(yes: bool | None) -> None:
            if yes:
                self._launch(spec)

        self.app.push_screen(
            ConfirmScreen(f"Launch {self._kind}?", describe(self._kind, estimate), "launch", "back to the form"),
            answered,
        )

    def _launch(self, spec: Any) -> None:
        store = self.app.store
        assert store is not None

        def launch() -> str:
            from workbench import jobs, stages

            return jobs.launch(store, self._kind, stages.spec_values(spec))

        self.background(launch, self.dismiss)


def _listed(names: Iterable[str]) -> str:
    """Names for a hint, the first few."""
    shown = [one_line(steady(name), 40) for name in names]
    return ", ".join(shown[:6]) + (f", … ({len(shown)})" if len(shown) > 6 else "") if shown else "none yet"
