"""What Auto-J's files have in common: test sets whose lines are known by their place, and files that follow them.

A test set is a list: predictions and comparisons name no item, they follow its order. So each line is a question of
its own with its place as ``position``, also where the same prompt comes twice, and its id holds benchmark, place and a
digest of the line. Another test set under the same benchmark is refused: predictions could follow either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from workbench.errors import BadInput
from workbench.importing import fields
from workbench.importing.answers import EMPTY, imported_answer, is_blank
from workbench.importing.converting import Around, Context, Converter
from workbench.importing.fields import BadRecord
from workbench.importing.reading import Source, open_source
from workbench.records import Question, Response, stable_id, utcnow
from workbench.scenarios import group_of


@dataclass(frozen=True, slots=True)
class Place:
    """One item of a test set: its question, and the two models and answers that are compared (empty where none are)."""

    question_id: str
    model_a: str = ""
    model_b: str = ""
    response_a: str | None = None
    response_b: str | None = None


@dataclass
class TestSet(Converter):
    """Base of the formats that are test sets. ``placed``: the file's items by ordinal."""

    __test__: ClassVar[bool] = False
    #: The benchmark when none is named.
    default_bench: ClassVar[str] = ""
    #: The named read of a benchmark's items, for files that follow them.
    items_read: ClassVar[str] = "autoj_items"

    placed: dict[int, Place] = field(default_factory=dict)

    @classmethod
    def prepare(cls, context: Context, around: Around) -> dict[int, str]:
        """Which question stands at each place of the benchmark already."""
        bench = context.bench or cls.default_bench
        taken = {row["position"]: row["question_id"] for row in around.query("autoj_order", bench=bench)}
        for _, done in around.earlier:
            if isinstance(done, TestSet) and done.bench == bench:
                taken |= {ordinal: place.question_id for ordinal, place in done.placed.items()}
        return taken

    @property
    def bench(self) -> str:
        return self.context.bench or self.default_bench

    def question(
        self, ordinal: int, line: int, prompt: str, scenario: str | None, meta: dict[str, Any], *digested: Any
    ) -> Question:
        """The question of a line; ``digested`` is what makes the line another one besides prompt and scenario.

        Raises:
            BadRecord: another test set stands in the benchmark.
        """
        digest = stable_id("autoj", prompt, scenario, *digested)[:8]
        question_id = f"{self.context.id_prefix}{self.bench}-{ordinal + 1:04d}-{digest}"
        there = self.prepared.get(ordinal)
        if there not in (None, question_id):
            raise BadRecord(
                f"benchmark '{self.bench}' has another item number {ordinal + 1} already; "
                "name a benchmark for this file with --bench"
            )
        question = Question(
            question_id=question_id,
            bench=self.bench,
            turns=(prompt,),
            category=group_of(scenario),
            scenario=scenario,
            meta=meta,
            position=ordinal,
        )
        self.see_question(line, question)
        self.answered.add(question_id)
        return question

    def response(self, question_id: str, model: str, text: str, *, sample: int = 0, **more: Any) -> Response:
        """An answer of the file. A blank one is a failure, kept as it is."""
        self.models.add(model)
        params = {"kind": "answer", **more.pop("params", {})}
        found = imported_answer(
            question_id, model, (text,), self.context.modified, params=params, sample=sample, **more
        )
        self.notes[EMPTY] += is_blank(found.turns)
        return found


def scenario_of(record: dict[str, Any], name: str = "scenario") -> str | None:
    """The scenario of a line: any name (files of others have other ones), or none."""
    value = record.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadRecord("must be text", name)
    return value


@dataclass(frozen=True, slots=True)
class Follows:
    """What a file that follows a test set needs: the items in order, when it is imported, and which content it has.

    ``version`` is a digest of the file (or files): another one by the same judge is stored beside the first, and the
    one imported last counts.
    """

    bench: str
    places: tuple[Place, ...]
    version: str
    now: datetime
    judge: str
    warnings: tuple[str, ...] = ()
    more: Any = None


class Following(Converter):
    """Base of the formats that follow a test set: a line is about the item at its place. ``prepared``: ``Follows``."""

    def __post_init__(self) -> None:
        for text in self.prepared.warnings:
            self.notes[text] += 1

    def place(self, ordinal: int) -> Place:
        """The item that a line is about.

        Raises:
            BadRecord: the test set ends before it.
        """
        places: tuple[Place, ...] = self.prepared.places
        if ordinal >= len(places):
            raise BadRecord(f"there are only {len(places):,} test items")
        self.answered.add(places[ordinal].question_id)
        return places[ordinal]


def output_text(record: dict[str, Any]) -> str:
    """``output``: what the judge or critic wrote.

    Raises:
        BadRecord: missing, or no text.
    """
    if "output" not in record:
        raise fields.missing("output", record)
    return fields.any_text(record["output"], "output")


def follow(
    context: Context,
    around: Around,
    kind: type[TestSet],
    *,
    format: str,
    judge: str,
    protocol: str,
    files: Iterable[Path],
    critics: list[str] | None = None,
) -> Follows:
    """Find the test set that some files follow, and see that they are as long.

    Raises:
        BadInput: the test set is not there, a file is of another length, or it cannot be read.
    """
    bench = context.bench or kind.default_bench
    places = _places(bench, around, kind)
    if not places:
        raise BadInput(
            f"follows the order of test data that are not in the store (benchmark '{bench}')",
            file=str(context.path),
            hint=f"first: workbench import {kind.default_bench.replace('autoj-', 'testdata_')}.jsonl --format {format}"
            + (f" --bench {bench}" if context.bench else "; or name their benchmark with --bench"),
        )
    contents = []
    for path in files:
        source = open_source(path)
        n = sum(1 for _ in source.records())
        if n != len(places):
            raise BadInput(
                f"holds {n:,} lines, but benchmark '{bench}' has {len(places):,} items; there must be one for each",
                file=str(path),
                hint="name the benchmark that these lines follow with --bench",
            )
        contents.append(stable_id(path.read_bytes().decode("utf-8", "surrogateescape")))
    version = "import:" + stable_id(*contents)[:16]
    sets = around.query("autoj_imported", judge=judge, protocol=protocol, bench=bench, critics=critics)
    return Follows(bench, places, version, utcnow(), judge, tuple(_warnings(judge, version, sets)))


def _places(bench: str, around: Around, kind: type[TestSet]) -> tuple[Place, ...]:
    for _, done in around.earlier:
        if isinstance(done, kind) and done.bench == bench:
            return tuple(place for _, place in sorted(done.placed.items()))
    return tuple(
        Place(row["question_id"], row["model_a"] or "", row["model_b"] or "", row["response_a"], row["response_b"])
        for row in around.query(kind.items_read, bench=bench)
    )


def _warnings(judge: str, version: str, sets: list[dict[str, Any]]) -> list[str]:
    versions = [row["judge_version"] for row in sets]
    imported = [name for name in versions if name.startswith("import")]
    found = []
    if version in imported[1:]:
        found.append(f"verdicts by '{judge}' that are in the store already; others imported later count")
    elif imported and version not in imported:
        found.append(f"earlier set of verdicts by '{judge}' on this benchmark, which stays stored but counts no more")
    if len(imported) < len(versions):
        found.append(f"set of verdicts by '{judge}' made by other means, which may count instead of imported ones")
    return found


def numbered(source: Source) -> list[tuple[int, dict[str, Any]]]:
    """All records of a file with their lines.

    Raises:
        BadInput: one cannot be read.
    """
    found = []
    for line, record in source.records():
        if isinstance(record, BadRecord):
            raise BadInput(record.reason, file=str(source.path), line=line, field=record.field)
        found.append((line, record))
    return found
