"""A session of blind pairwise annotation, without any screen.

Items come from a selection, rank 1 of every pair of models first. Which answer is shown left is drawn per
item and annotator from a hash, so it is the same after a restart, and it is stored with the vote. Votes are
rows of the append-only table ``annotations``; an undo is a row that cancels an earlier one.

A vote is written to a journal beside the store before it is sent to the store: a crash or a store that is
away loses nothing. The next session of anybody on this store sends what is left in the journal.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import statistics
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Protocol

from workbench.errors import BadInput, Unknown
from workbench.records import Annotation, Row, item_id, stable_id, utcnow

#: What a person can say about an item; left and right are mapped to the models.
CHOICES = ("left", "right", "tie", "both_bad", "skip")
FLAGGED = "flagged"
REVEALED = "identity_revealed"
#: A pause longer than this between seeing and deciding is a break, not work: it counts as this much.
LONGEST_LOOK = timedelta(minutes=10)
#: Decisions the pace is taken from.
PACE_OF = 20


class AnnotationStore(Protocol):
    """The part of ``workbench.store.Store`` used here."""

    @property
    def files(self) -> Path: ...
    def query(self, name: str, **params: Any) -> list[Row]: ...
    def insert(self, table: str, rows: Iterable[Row]) -> int: ...


@dataclass(frozen=True, slots=True)
class Key:
    """An item without its texts. ``model_a`` sorts before ``model_b``."""

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


@dataclass(frozen=True, slots=True)
class SessionProgress:
    """How far the annotator is. ``done`` counts standing decisions, skips among them; ``here`` this session's.

    ``seconds_each`` is the median time from seeing to deciding of the last 20 decisions of this session,
    ``eta_s`` that times what is left (seconds); both ``None`` before the first decision.
    """

    total: int
    done: int
    skipped: int
    here: int
    unsaved: int
    seconds_each: float | None
    eta_s: float | None


class Journal:
    """Votes on their way to the store: JSON lines, one a row, then ``{"saved": id}`` when it arrived.

    Several processes may write to it; each write holds an ``flock``. Emptied when nothing is on its way.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, row: Row) -> None:
        """Raises OSError when it cannot be written."""
        with self._locked() as file:
            self._add(file, row)

    def settle(self, ids: Sequence[str]) -> None:
        """These rows are in the store."""
        with self._locked() as file:
            left = self._read(file)
            if all(annotation_id in ids for annotation_id in left):
                file.truncate(0)
                return
            for annotation_id in ids:
                self._add(file, {"saved": annotation_id})

    def pending(self) -> list[Row]:
        """Rows not known to be in the store, oldest first. Half-written lines are left out."""
        if not self.path.exists():
            return []
        with self._locked() as file:
            return list(self._read(file).values())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        with self.path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    @staticmethod
    def _add(file: IO[bytes], row: Row) -> None:
        line = json.dumps(row, default=lambda value: value.isoformat()).encode() + b"\n"
        end = file.seek(0, 2)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":  # a crash in the middle of a line: do not grow onto it
                line = b"\n" + line
        file.write(line)

    @staticmethod
    def _read(file: IO[bytes]) -> dict[str, Row]:
        file.seek(0)
        found: dict[str, Row] = {}
        for line in file.read().splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and "saved" in row:
                found.pop(row["saved"], None)
            elif isinstance(row, dict) and "annotation_id" in row:
                found[row["annotation_id"]] = row
        return found


def replay(store: AnnotationStore) -> int:
    """Send what an earlier session left in the journal. Returns how many rows the store did not have yet."""
    journal = Journal(store.files / "pending-annotations.jsonl")
    rows = journal.pending()
    if not rows:
        return 0
    new = store.insert("annotations", rows)
    journal.settle([row["annotation_id"] for row in rows])
    return new


def find_selection(store: AnnotationStore, annotator: str, wanted: str | None) -> Row:
    """A selection by id, by name (the newest of that name), or the newest of all.

    Raises:
        BadInput: there is no selection yet.
        Unknown: none of that name.
    """
    rows = store.query("annotate_selections", annotator=annotator)
    if not rows:
        raise BadInput(
            "nothing is selected for annotation yet",
            hint="select items with: workbench select --top-k 10",
        )
    for row in rows:
        if wanted in (None, row["selection_id"], row["name"]):
            return row
    assert wanted is not None
    raise Unknown("selection", wanted, {row["name"] for row in rows})


class Session:
    """One annotator at one selection. Methods that read or save block on the store; ``decide`` and ``undo``'s
    common case do not. Safe to use from several threads.

    ``pair`` limits it to two models, ``category`` to questions of one category.

    Raises:
        BadInput: no selection, or no item of it matches.
        StoreError: the store cannot be asked.
    """

    def __init__(
        self,
        store: AnnotationStore,
        annotator: str,
        *,
        selection: str | None = None,
        category: str | None = None,
        pair: tuple[str, str] | None = None,
        kind: str = "human",
        seed: int = 0,
    ) -> None:
        if not annotator:
            raise BadInput("an annotator needs a name", hint="give one with --annotator")
        self.store = store
        self.annotator = annotator
        self.kind = kind
        self.seed = seed
        self.journal = Journal(store.files / "pending-annotations.jsonl")
        self.journal_error: str | None = None
        self.replayed = replay(store)
        self.selection = find_selection(store, annotator, selection)
        self._state = threading.RLock()
        self._saving = threading.Lock()
        self._texts: dict[str, Item] = {}
        self._unsaved: dict[str, Annotation] = {}
        self._history: list[tuple[Annotation, Item]] = []
        self._taken_back: set[str] = set()
        self._looks: deque[float] = deque(maxlen=PACE_OF)
        self._here = 0
        self._keys = {key.item: key for key in self._load_keys(category, pair)}
        if not self._keys:
            raise BadInput(
                f"selection '{self.selection['name']}' has no item of that category or pair",
                hint="leave --category and --pair out",
            )
        self._verdicts: dict[str, str] = {}
        self._seen_through: set[str] = set()
        self._queue: deque[Key] = deque()
        self.refresh()

    @property
    def selection_id(self) -> str:
        return str(self.selection["selection_id"])

    def _load_keys(self, category: str | None, pair: tuple[str, str] | None) -> list[Key]:
        first, second = sorted(pair) if pair else (None, None)
        rows = self.store.query(
            "annotate_items",
            selection_id=self.selection_id, category=category, model_a=first, model_b=second,
        )  # fmt: skip
        found: list[tuple[int, str, Key]] = []
        for row in rows:
            # One turn is the same as the whole conversation; judges call it turn 1, so votes can be compared.
            turn = 1 if row["turns"] == 1 else 0
            models = (row["model_a"], row["model_b"], row["response_a"], row["response_b"])
            item = item_id(row["question_id"], turn, *models)
            drawn = stable_id("order", self.seed, self.annotator, item)
            order = "ab" if int(drawn[:8], 16) % 2 == 0 else "ba"
            # Within a rank the order is drawn too: neighbours of one pair would give the pair away.
            found.append((row["rank"], drawn, Key(item, row["question_id"], turn, *models, order)))
        return [key for _, _, key in sorted(found, key=lambda entry: entry[:2])]

    def refresh(self) -> None:
        """Read again what this annotator has decided, here or in another terminal."""
        rows = self.store.query("annotate_decided", annotator=self.annotator)
        with self._state:
            verdicts = {
                row["item"]: row["verdict"]
                for row in rows
                if row["standing"] and row["annotation_id"] not in self._taken_back and row["item"] in self._keys
            }
            for annotation, item in self._history:
                verdicts[item.key.item] = str(annotation.verdict)
            self._verdicts = verdicts
            self._seen_through |= {row["item"] for row in rows if REVEALED in row["flags"]}
            waiting = [key for key in self._queue if key.item not in verdicts]
            known = {key.item for key in waiting}
            for item, key in self._keys.items():
                if item not in verdicts and item not in known and item not in self._seen_through:
                    waiting.append(key)
            self._queue = deque(waiting)

    def next_items(self, n: int = 1) -> list[Item]:
        """The next ``n`` undecided items with their texts; the same ones again until they are decided."""
        with self._state:
            keys = [self._queue[i] for i in range(min(n, len(self._queue)))]
            missing = [key for key in keys if key.item not in self._texts]
        fetched = self._fetch(missing) if missing else {}
        with self._state:
            self._texts = {k.item: t for k in keys if (t := fetched.get(k.item) or self._texts.get(k.item))}
            return [self._texts[key.item] for key in keys if key.item in self._texts]

    def _fetch(self, keys: Sequence[Key]) -> dict[str, Item]:
        rows = self.store.query(
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
            sides = [tuple(row["turns_a"]), tuple(row["turns_b"])]
            left, right = sides if key.presented_order == "ab" else reversed(sides)
            reference = tuple(text for text in row["reference"] or () if text)
            found[key.item] = Item(key, row["category"], tuple(row["question"]), reference, left, right)
        return found

    # -- deciding ----------------------------------------------------------------------------------

    def record(
        self,
        item: Item,
        verdict: str,
        shown_at: datetime,
        flags: Sequence[str] = (),
        note: str | None = None,
    ) -> Annotation:
        """Decide and save at once. Raises as ``decide`` and ``save`` do; a vote the store refused is kept."""
        decided = self.decide(item, verdict, shown_at, flags, note)
        self.save()
        return decided

    def decide(
        self,
        item: Item,
        verdict: str,
        shown_at: datetime,
        flags: Sequence[str] = (),
        note: str | None = None,
    ) -> Annotation:
        """Take a verdict (one of ``CHOICES``) and note it in the journal; ``save`` sends it to the store.

        Raises:
            Unknown: no such verdict.
            BadInput: the item is decided already, or its models were revealed.
        """
        if verdict not in CHOICES:
            raise Unknown("verdict", verdict, CHOICES)
        key = item.key
        sides = {"left": key.presented_order[0], "right": key.presented_order[1]}
        now = utcnow()
        decided = Annotation(
            annotation_id=stable_id("vote", self.annotator, key.item, shown_at.isoformat(), now.isoformat()),
            annotator=self.annotator,
            annotator_kind=self.kind,
            question_id=key.question_id,
            turn=key.turn,
            model_a=key.model_a,
            model_b=key.model_b,
            response_a=key.response_a,
            response_b=key.response_b,
            selection_id=self.selection_id,
            presented_order=key.presented_order,
            verdict=sides.get(verdict, verdict),
            flags=tuple(flags),
            note=note or None,
            shown_at=shown_at,
            decided_at=now,
        )
        with self._state:
            if key.item in self._seen_through:
                raise BadInput("its models were revealed: it takes no vote any more")
            if key.item in self._verdicts:
                raise BadInput("this item is decided already", hint="undo first")
            self._verdicts[key.item] = str(decided.verdict)
            self._history.append((decided, item))
            with contextlib.suppress(ValueError):
                self._queue.remove(key)
            self._here += 1
            self._looks.append(min(now - shown_at, LONGEST_LOOK).total_seconds())
        self._keep(decided)
        return decided

    def reveal(self, item: Item, shown_at: datetime) -> list[Row]:
        """Give up voting on an item to see what was hidden: it is recorded as skipped and flagged.

        Returns similarities and judges' verdicts (columns of ``annotate_reveal``); saves before it asks.
        """
        self.decide(item, "skip", shown_at, (REVEALED,))
        with self._state:
            self._seen_through.add(item.key.item)
        self.save()
        return self.store.query(
            "annotate_reveal", response_a=item.key.response_a, response_b=item.key.response_b
        )

    def undo(self) -> Item | None:
        """Take back the latest standing decision on this selection, of this session or an earlier one.

        Returns the item, which comes next again; ``None`` when there is nothing to take back. ``save`` sends it.

        Raises:
            BadInput: its models were revealed.
        """
        with self._state:
            last = self._history[-1] if self._history else None
        if last is not None:
            annotation_id, item, flags = last[0].annotation_id, last[1], last[0].flags
        else:
            found = self._last_stored()
            if found is None:
                return None
            annotation_id, flags = found["annotation_id"], tuple(found["flags"])
            texts = self._fetch([replace(self._keys[found["item"]], presented_order=found["presented_order"])])
            if found["item"] not in texts:
                return None
            item = texts[found["item"]]
        if REVEALED in flags:
            raise BadInput("the models of the last item were revealed: its skip stands")
        self._take_back(annotation_id, item)
        return item

    def _last_stored(self) -> Row | None:
        for row in self.store.query(
            "annotate_last", annotator=self.annotator, selection_id=self.selection_id
        ):
            if row["annotation_id"] not in self._taken_back and row["item"] in self._keys:
                return row
        return None

    def _take_back(self, annotation_id: str, item: Item) -> None:
        key = item.key
        now = utcnow()
        cancelling = Annotation(
            annotation_id=stable_id("undo", annotation_id),
            annotator=self.annotator,
            annotator_kind=self.kind,
            question_id=key.question_id,
            turn=key.turn,
            model_a=key.model_a,
            model_b=key.model_b,
            response_a=key.response_a,
            response_b=key.response_b,
            selection_id=self.selection_id,
            presented_order=key.presented_order,
            verdict=None,
            decided_at=now,
            cancels=annotation_id,
        )
        with self._state:
            if self._history and self._history[-1][0].annotation_id == annotation_id:
                self._history.pop()
                self._here -= 1
                if self._looks:
                    self._looks.pop()
            self._taken_back.add(annotation_id)
            self._verdicts.pop(key.item, None)
            self._texts[key.item] = item
            self._queue.appendleft(key)
        self._keep(cancelling)

    # -- saving ------------------------------------------------------------------------------------

    def _keep(self, annotation: Annotation) -> None:
        with self._state:
            self._unsaved[annotation.annotation_id] = annotation
        try:
            self.journal.append(annotation.row())
            self.journal_error = None
        except OSError as error:
            # The vote is still in memory and on its way; the screen says that the second copy is missing.
            self.journal_error = f"{self.journal.path}: {error.strerror}"

    def save(self) -> int:
        """Send what is not in the store yet. Returns how many rows were sent; votes stay kept if it fails.

        Raises:
            StoreError: the store did not take them.
        """
        with self._saving:
            with self._state:
                waiting = list(self._unsaved.values())
            if not waiting:
                return 0
            self.store.insert("annotations", [annotation.row() for annotation in waiting])
            with self._state:
                for annotation in waiting:
                    del self._unsaved[annotation.annotation_id]
            with contextlib.suppress(OSError):
                self.journal.settle([annotation.annotation_id for annotation in waiting])
            return len(waiting)

    def progress(self) -> SessionProgress:
        with self._state:
            each = statistics.median(self._looks) if self._looks else None
            left = len(self._queue)
            return SessionProgress(
                total=len(self._keys),
                done=len(self._keys) - left,
                skipped=sum(1 for verdict in self._verdicts.values() if verdict == "skip"),
                here=self._here,
                unsaved=len(self._unsaved),
                seconds_each=each,
                eta_s=None if each is None else each * left,
            )

    def skipped(self) -> list[str]:
        """Ids of the questions this annotator skipped here, in the order of the items."""
        with self._state:
            return [k.question_id for k in self._keys.values() if self._verdicts.get(k.item) == "skip"]
