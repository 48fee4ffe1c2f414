"""One annotator at one selection: next items, votes, undo, and their way into the store."""

from __future__ import annotations

import contextlib
import statistics
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workbench.annotate.items import Item, Key, fetch_items, find_selection, load_keys
from workbench.annotate.journal import Journal, replay
from workbench.errors import BadInput, Unknown
from workbench.records import Annotation, Row, stable_id, utcnow
from workbench.store import Store

#: What a person can say about an item; left and right are mapped to the models.
CHOICES = ("left", "right", "tie", "both_bad", "skip")
FLAGGED = "flagged"
REVEALED = "identity_revealed"
#: A pause longer than this between seeing and deciding is a break, not work: it counts as this much.
LONGEST_LOOK = timedelta(minutes=10)
#: Decisions the pace is taken from.
PACE_OF = 20
#: Decided items whose texts are kept for an undo; older ones are read again.
RECENT = 20


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


class Session:
    """Safe to use from several threads. ``decide`` and an undo of this session's votes never wait for the
    store; everything else does.

    ``pair`` limits it to two models, ``category`` to questions of one category. ``seed`` redraws the orders.

    Raises:
        BadInput: no selection, or no item of it matches.
        StoreError: the store cannot be asked.
    """

    def __init__(
        self,
        store: Store,
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
        self.journal = Journal(store.files)
        #: Why the journal could not be written, if so: the votes are then in memory alone until saved.
        self.journal_error: str | None = None
        self.replayed = replay(store)
        self.selection = find_selection(store, annotator, selection)
        self._keys = load_keys(store, annotator, seed, self.selection_id, category, pair)
        if not self._keys:
            raise BadInput(
                f"selection '{self.selection['name']}' has no such item whose answers are stored",
                hint="leave --category and --pair out, or choose another selection",
            )
        self._state = threading.RLock()
        self._saving = threading.Lock()
        self._queue: deque[Key] = deque()
        self._verdicts: dict[str, str] = {}  # by item: what stands
        self._seen_through: set[str] = set()  # items whose models were revealed
        self._history: list[Annotation] = []  # this session's votes that stand
        self._taken_back: set[str] = set()
        self._texts: dict[str, Item] = {}
        self._recent: dict[str, Item] = {}
        self._unsaved: dict[str, Annotation] = {}
        self._looks: deque[float] = deque(maxlen=PACE_OF)
        self.refresh()

    @property
    def selection_id(self) -> str:
        return str(self.selection["selection_id"])

    # -- items -------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read again what this annotator has decided, here or in another terminal."""
        rows = self.store.query("annotate_decided", annotator=self.annotator)
        with self._state:
            verdicts = {
                row["item"]: row["verdict"]
                for row in rows
                if row["standing"] and row["annotation_id"] not in self._taken_back and row["item"] in self._keys
            }
            verdicts.update({vote.item: str(vote.verdict) for vote in self._history})
            self._verdicts = verdicts
            self._seen_through |= {row["item"] for row in rows if REVEALED in row["flags"]}
            closed = verdicts.keys() | self._seen_through
            waiting = {key.item: key for key in self._queue if key.item not in closed}
            waiting.update({item: key for item, key in self._keys.items() if item not in closed})
            self._queue = deque(waiting.values())

    def next_items(self, n: int = 1) -> list[Item]:
        """The next ``n`` undecided items with their texts; the same ones again until they are decided."""
        with self._state:
            keys = [self._queue[i] for i in range(min(n, len(self._queue)))]
            known = {key.item: self._texts[key.item] for key in keys if key.item in self._texts}
        missing = [key for key in keys if key.item not in known]
        if missing:
            known.update(fetch_items(self.store, missing))
        with self._state:
            self._texts = known
        return [known[key.item] for key in keys if key.item in known]

    def is_open(self, item: Item) -> bool:
        """Whether the item still takes a vote."""
        with self._state:
            return item.key.item not in self._verdicts and item.key.item not in self._seen_through

    def skipped(self) -> list[str]:
        """Ids of the questions skipped here, in the order of the items."""
        with self._state:
            return [k.question_id for k in self._keys.values() if self._verdicts.get(k.item) == "skip"]

    def progress(self) -> SessionProgress:
        with self._state:
            each = statistics.median(self._looks) if self._looks else None
            left = len(self._queue)
            return SessionProgress(
                total=len(self._keys),
                done=len(self._keys) - left,
                skipped=sum(1 for verdict in self._verdicts.values() if verdict == "skip"),
                here=len(self._history),
                unsaved=len(self._unsaved),
                seconds_each=each,
                eta_s=None if each is None else each * left,
            )

    # -- deciding ----------------------------------------------------------------------------------

    def record(
        self, item: Item, verdict: str, shown_at: datetime, flags: Sequence[str] = (), note: str | None = None
    ) -> Annotation:
        """``decide`` and ``save`` at once. When the store refuses, the vote is kept and sent with the next save."""
        decided = self.decide(item, verdict, shown_at, flags, note)
        self.save()
        return decided

    def decide(
        self, item: Item, verdict: str, shown_at: datetime, flags: Sequence[str] = (), note: str | None = None
    ) -> Annotation:
        """Take a verdict (one of ``CHOICES``) and write it to the journal; ``save`` sends it to the store.

        Raises:
            Unknown: no such verdict.
            BadInput: the item is decided already, or its models were revealed.
        """
        if verdict not in CHOICES:
            raise Unknown("verdict", verdict, CHOICES)
        order = item.key.presented_order
        mapped = {"left": order[0], "right": order[1]}.get(verdict, verdict)
        now = utcnow()
        vote_id = stable_id("vote", self.annotator, item.key.item, shown_at.isoformat(), now.isoformat())
        decided = replace(
            self._annotation(item.key, vote_id, mapped, now),
            flags=tuple(flags),
            note=note or None,
            shown_at=shown_at,
        )
        with self._state:
            if item.key.item in self._seen_through:
                raise BadInput("its models were revealed: it takes no vote any more")
            if item.key.item in self._verdicts:
                raise BadInput("this item is decided already", hint="undo first")
            self._verdicts[item.key.item] = mapped
            self._history.append(decided)
            self._recent[item.key.item] = item
            while len(self._recent) > RECENT:
                del self._recent[next(iter(self._recent))]
            with contextlib.suppress(ValueError):
                self._queue.remove(item.key)
            self._looks.append(min(now - shown_at, LONGEST_LOOK).total_seconds())
        self._keep(decided)
        return decided

    def reveal(self, item: Item, shown_at: datetime) -> list[Row]:
        """Give up voting on an item to see what was hidden: it is recorded as skipped and flagged.

        Returns similarities and judges' verdicts (rows of ``annotate_reveal``); saves before it asks.
        """
        self.decide(item, "skip", shown_at, (REVEALED,))
        with self._state:
            self._seen_through.add(item.key.item)
        self.save()
        return self.store.query("annotate_reveal", response_a=item.key.response_a, response_b=item.key.response_b)

    def undo(self) -> Item | None:
        """Take back the latest standing decision on this selection, of this session or an earlier one.

        Returns the item, which comes next again; ``None`` when there is nothing to take back. ``save`` sends it.

        Raises:
            BadInput: its models were revealed.
        """
        found = self._latest()
        if found is None:
            return None
        annotation_id, item_id, flags = found
        if REVEALED in flags:
            raise BadInput("the models of the last item were revealed: its skip stands")
        item = self._recent.get(item_id) or fetch_items(self.store, [self._keys[item_id]]).get(item_id)
        if item is not None:
            self._take_back(annotation_id, item)
        return item

    def _latest(self) -> tuple[str, str, Sequence[str]] | None:
        """Id, item and flags of the latest standing decision: of this session, else of the store."""
        with self._state:
            if self._history:
                last = self._history[-1]
                return last.annotation_id, last.item, last.flags
        rows = self.store.query("annotate_last", annotator=self.annotator, selection_id=self.selection_id)
        for row in rows:
            if row["annotation_id"] not in self._taken_back and row["item"] in self._keys:
                return row["annotation_id"], row["item"], row["flags"]
        return None

    def _take_back(self, annotation_id: str, item: Item) -> None:
        now = utcnow()
        undo_id = stable_id("undo", annotation_id)
        cancelling = replace(self._annotation(item.key, undo_id, None, now), cancels=annotation_id)
        with self._state:
            if self._history and self._history[-1].annotation_id == annotation_id:
                self._history.pop()
                if self._looks:
                    self._looks.pop()
            self._taken_back.add(annotation_id)
            self._verdicts.pop(item.key.item, None)
            self._texts[item.key.item] = item
            self._queue.appendleft(item.key)
        self._keep(cancelling)

    def _annotation(self, key: Key, annotation_id: str, verdict: str | None, now: datetime) -> Annotation:
        return Annotation(
            annotation_id=annotation_id,
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
            verdict=verdict,
            decided_at=now,
        )

    # -- saving ------------------------------------------------------------------------------------

    def _keep(self, annotation: Annotation) -> None:
        with self._state:
            self._unsaved[annotation.annotation_id] = annotation
        try:
            self.journal.append(annotation.row())
            self.journal_error = None
        except OSError as error:
            self.journal_error = f"{self.journal.path}: {error.strerror}"

    def save(self) -> int:
        """Send what is not in the store yet. Returns how many rows were sent; they stay kept if it fails.

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
