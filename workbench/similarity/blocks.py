"""The pairs that are to be compared, cut into blocks of questions that fit the memory limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import orjson

from workbench.records import utcnow
from workbench.scope import NO_LIMIT
from workbench.similarity.metrics import Places, Scorer, Scores
from workbench.similarity.spec import SimilaritySpec
from workbench.store import Store
from workbench.text import plural

#: Questions and pairs of a block at most, whatever the memory: what one save holds.
QUESTIONS = 512
PAIRS = 15_000
#: Bytes of rows sent in one save at most; more are sent as several.
SAVED_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class Compared:
    """A question whose answers are compared: ids, text keys and characters of the answers, by model name, and places
    (from 0) of the pairs that have no similarity yet."""

    question_id: str
    responses: tuple[str, ...]
    keys: tuple[bytes, ...]
    chars: tuple[int, ...]
    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.first)


@dataclass(slots=True)
class Scope:
    """What a run is about: the questions with pairs left, and how many pairs there are and were compared before."""

    questions: list[Compared] = field(default_factory=list)
    pairs: int = 0
    already: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.pairs - self.already

    def chars(self) -> dict[bytes, int]:
        """The characters of every text that has a pair left, by key."""
        return {
            question.keys[place]: question.chars[place]
            for question in self.questions
            for place in used_places(question)
        }  # fmt: skip


def used_places(question: Compared) -> list[int]:
    """Places of the answers that have a pair left."""
    if len(question) == len(question.keys) * (len(question.keys) - 1) // 2:
        return list(range(len(question.keys)))
    found: list[int] = np.unique(np.concatenate([question.first, question.second])).tolist()
    return found


def read_scope(store: Store, spec: SimilaritySpec, models: Sequence[str], scorer: Scorer) -> Scope:
    """The pairs in scope, and which of them lack one of the scorer's metrics in its version."""
    where = {"bench": spec.bench, "models": list(models), "limit": NO_LIMIT if spec.limit is None else spec.limit}
    scope = Scope()
    triangles: dict[int, tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = {}
    for row in store.stream(
        "similarity_questions", **where, raw=scorer.raw_texts, metrics=list(scorer.names), metric_version=scorer.version
    ):
        answers = len(row["responses"])
        if answers not in triangles:
            i, j = np.triu_indices(answers, 1)
            triangles[answers] = i.astype(np.int32), j.astype(np.int32)
        first, second = triangles[answers]
        scope.pairs += len(first)
        scope.already += len(row["scored"])
        if row["scored"]:
            left = ~np.isin(first * 65536 + second, np.asarray(row["scored"]))
            first, second = first[left], second[left]
        if len(first):
            keys = tuple(map(bytes.fromhex, row["keys"]))
            scope.questions.append(
                Compared(row["question_id"], tuple(row["responses"]), keys, tuple(row["chars"]), first, second)
            )
    scope.notes = _left_out(store, where, scope.pairs)
    return scope


def _left_out(store: Store, where: Mapping[str, object], pairs: int) -> list[str]:
    """Which answers cannot be compared, and how many pairs that leaves out."""
    rows = store.query("similarity_left_out", **where)
    notes = []
    for row in rows:
        reasons = [
            f"{row[name]:,} {said}"
            for name, said in (("absent", "not answered"), ("failed", "failed"), ("blank", "blank"))
            if row[name]
        ]
        if reasons:
            notes.append(f"{row['model_id']}: left out of {plural(row['questions'], 'question')}: {', '.join(reasons)}")
    if notes:
        possible = rows[0]["questions"] * len(rows) * (len(rows) - 1) // 2
        notes.append(f"{pairs:,} of {possible:,} pairs can be compared: those that both models answered")
    return notes


@dataclass(frozen=True, slots=True)
class Block:
    """Questions that are encoded, scored and saved together. ``first`` and ``second`` are places in ``keys``."""

    questions: list[Compared]
    keys: list[bytes]
    first: Places
    second: Places

    def __len__(self) -> int:
        return len(self.first)

    def sources(self) -> dict[bytes, tuple[str, int]]:
        """For each text that has a pair left, an answer with that text, and its characters."""
        return {
            question.keys[place]: (question.responses[place], question.chars[place])
            for question in self.questions
            for place in used_places(question)
        }  # fmt: skip


def blocks(questions: Sequence[Compared], scorer: Scorer, memory: int) -> Iterator[Block]:
    """Cut into blocks whose texts take at most ``memory`` bytes while they are scored (a single question may take
    more), in the order given."""
    some: list[Compared] = []
    held = pairs = 0
    for question in questions:
        need = sum(scorer.footprint(chars).memory for chars in question.chars)
        if some and (held + need > memory or len(some) >= QUESTIONS or pairs + len(question) > PAIRS):
            yield _block(some)
            some, held, pairs = [], 0, 0
        some.append(question)
        held += need
        pairs += len(question)
    if some:
        yield _block(some)


def _block(questions: list[Compared]) -> Block:
    """Only answers that have a pair left stand in ``keys``: the others need not even be encoded."""
    keys: list[bytes] = []
    first: list[npt.NDArray[np.int64]] = []
    second: list[npt.NDArray[np.int64]] = []
    for question in questions:
        places = used_places(question)
        where = np.full(len(question.keys), -1, np.int64)
        where[places] = np.arange(len(keys), len(keys) + len(places))
        keys += [question.keys[place] for place in places]
        first.append(where[question.first])
        second.append(where[question.second])
    return Block(questions, keys, np.concatenate(first), np.concatenate(second))


def save(store: Store, block: Block, names: Sequence[str], version: str, scores: Sequence[Scores]) -> None:
    """Save a block's scores: rows of ``similarities``, one a pair and metric. Several statements only when it is large;
    what was saved of a block that failed stays, and is not compared again."""
    now = utcnow().isoformat()
    rows: dict[str, list[object]] = {name: [] for name in "qrfsx"}
    size = place = 0

    def send() -> None:
        text = orjson.dumps(rows, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        store.write("similarity_save", rows=text, metrics=list(names), metric_version=version, created_at=now)

    for question in block.questions:
        n = len(question)
        rows["q"].append(question.question_id)
        rows["r"].append(question.responses)
        rows["f"].append(question.first)
        rows["s"].append(question.second)
        rows["x"].append([np.ascontiguousarray(some[place : place + n]) for some in scores])
        place += n
        size += len(question.question_id) + 36 * len(question.responses) + n * (8 + 22 * len(scores))
        if size > SAVED_BYTES:
            send()
            rows = {name: [] for name in "qrfsx"}
            size = 0
    if rows["q"]:
        send()
