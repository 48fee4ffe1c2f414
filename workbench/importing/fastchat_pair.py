"""FastChat ``model_judgment/JUDGE_pair.jsonl``: two answers compared, in three shapes of line.

- Two games (``g1_winner``, ``g2_winner``): the second with the answers swapped. They become two judgments, ``ab`` and
  ``ba`` by which of the two models in name order was shown first, the verdicts turned accordingly.
- One ``winner`` (older files): a verdict over both games, order ``both``.
- Each answer graded alone (``m1_score``, ``m2_score``): order ``both`` with both grades.

``error`` is a verdict that could not be read: state ``unparsed`` (``error`` when the text is FastChat's ``$ERROR$``).
The judge is the first name of the list, whatever its template: ``pair-v2`` and ``pair-math-v1`` are one judge. The
verdicts were read by the published rule: mode ``compat``. A pair judged twice in a file becomes sample 1.

What the columns cannot hold is kept in ``meta`` (see ``keeping``); ``as_imported.line`` joins the two games of a line,
``game`` is 1, 2 or 0 (both), ``order`` says ``ba`` when model_2's name sorts first in an order-``both`` row.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.importing import fields, keeping
from workbench.importing.converting import Converter, Item
from workbench.importing.fastchat_single import AGAIN, FAILED, grade, judged_by, turn_of
from workbench.importing.fastchat_votes import SWAP
from workbench.importing.fields import BadRecord
from workbench.records import Judgment, stable_id

_COLUMNS = (
    "question_id", "model_1", "model_2", "g1_winner", "g2_winner", "winner", "judge", "g1_user_prompt", "g1_judgment",
    "g2_user_prompt", "g2_judgment", "m1_score", "m2_score", "turn", "tstamp",
)  # fmt: skip
#: Winner as spelled → side of model_1, side of model_2, or a draw; ``None``: could not be read.
_WINNERS = {"model_1": "a", "model_2": "b", "tie": "tie", "error": None}


@dataclass(slots=True)
class _Line:
    record: dict[str, Any]
    ordinal: int
    first: str
    second: str
    place: dict[str, Any]
    judge: str
    template: str
    sample: int
    created: datetime
    key: str

    @property
    def swapped(self) -> bool:
        """Whether model_2's name sorts before model_1's."""
        return self.first > self.second

    def turned(self, side: str | None) -> str | None:
        """A verdict about model_1 and model_2 as one about the models in name order."""
        return SWAP.get(side, side) if side is not None and self.swapped else side


class FastchatPair(Converter):
    fields = _COLUMNS

    def __post_init__(self) -> None:
        self._samples: Counter[tuple[Any, ...]] = Counter()

    def convert(self, ordinal: int, line: int, record: dict[str, Any]) -> list[Item]:
        read = self._read(ordinal, record)
        self.answered.add(read.place["question_id"])
        if "m1_score" in record or "m2_score" in record:
            return [self._graded(read)]
        if "g1_winner" in record or "g2_winner" in record:
            return self._games(read)
        return [self._both(read)]

    def _read(self, ordinal: int, record: dict[str, Any]) -> _Line:
        for name in ("question_id", "model_1", "model_2", "judge"):
            if name not in record:
                raise fields.missing(name, record)
        first = fields.text_id(record["model_1"], "model_1")
        second = fields.text_id(record["model_2"], "model_2")
        if first == second:
            raise BadRecord(f"the same as model_1 ({fields.shown(first)})", "model_2")
        place = {
            "question_id": self.context.id_prefix + fields.text_id(record["question_id"], "question_id"),
            "turn": turn_of(record, self.notes),
            "model_a": min(first, second),
            "model_b": max(first, second),
        }
        judge, template = judged_by(record["judge"])
        created = fields.when(record.get("tstamp"), "tstamp") or self.context.modified
        same = (judge, template, *place.values())
        sample = self._samples[same]
        self._samples[same] += 1
        self.notes[AGAIN] += sample > 0
        # What tells the line from others: its content, and how often the same was judged before it.
        key = stable_id("pair", record, place["question_id"], sample)
        return _Line(record, ordinal, first, second, place, judge, template, sample, created, key)

    def _natural(self, line: _Line, **more: Any) -> dict[str, Any]:
        return {
            "question_id": keeping.number_or_text(line.place["question_id"]),
            "model_1": line.first,
            "model_2": line.second,
            "judge": [line.judge, line.template],
            "turn": line.place["turn"],
            "tstamp": keeping.seconds(line.created),
            **more,
        }

    def _kept(self, line: _Line, natural: dict[str, Any], **marks: Any) -> dict[str, Any]:
        prefixed = line.place["question_id"] if self.context.id_prefix else None
        record = keeping.under(line.record, prefixed)
        return keeping.kept(record, natural, line=line.key, **marks)

    def _judgment(self, line: _Line, **columns: Any) -> Judgment:
        return Judgment(
            protocol="pairwise",
            judge=line.judge,
            judge_version="import",
            template=line.template,
            template_hash="import",
            mode="compat",
            sample=line.sample,
            created_at=line.created,
            position=line.ordinal,
            import_key=line.key,
            **line.place,
            **columns,
        )

    def _games(self, line: _Line) -> list[Item]:
        """Two judgments. What belongs to the line as a whole is kept with the first game."""
        games: list[dict[str, Any]] = []
        natural: dict[str, Any] = {}
        for game in (1, 2):
            name = f"g{game}_winner"
            if name not in line.record:
                raise fields.missing(name, line.record)
            side = winner(line.record[name], name)
            text = fields.text_or_null(line.record.get(f"g{game}_judgment"), f"g{game}_judgment")
            natural |= {name: written(side), f"g{game}_judgment": text or ""}
            # Game 1 shows model_1 first, game 2 model_2.
            order = "ab" if (game == 1) != line.swapped else "ba"
            games.append({"presented_order": order, "verdict": line.turned(side), "raw_text": text,
                          "state": state(side, text)})  # fmt: skip
        prompts = [line.record.get(f"g{game}_user_prompt") for game in (1, 2)]
        natural |= {f"g{game}_user_prompt": text for game, text in enumerate(prompts, 1) if isinstance(text, str)}
        meta = [self._kept(line, self._natural(line, **natural), game=1)]
        meta.append({keeping.KEY: {"game": 2, "line": line.key}})
        if "user_prompt" in meta[0]:  # a field of the line that has this very name makes room
            meta[0][keeping.KEY].setdefault("fields", {})["user_prompt"] = meta[0].pop("user_prompt")
        for held, prompt in zip(meta, prompts, strict=True):
            if isinstance(prompt, str):
                held["user_prompt"] = prompt
        return [self._judgment(line, meta=held, **columns) for held, columns in zip(meta, games, strict=True)]

    def _both(self, line: _Line) -> Judgment:
        """The older shape: one verdict over two games."""
        if "winner" not in line.record:
            raise fields.missing("g1_winner", line.record, ("winner",))
        inconsistent = line.record["winner"] == "tie (inconsistent)"
        side = "tie" if inconsistent else winner(line.record["winner"], "winner")
        text = fields.text_or_null(line.record.get("judgment"), "judgment")
        natural = self._natural(line, winner="tie (inconsistent)" if inconsistent else written(side))
        if text is not None:
            natural["judgment"] = text
        return self._judgment(
            line,
            presented_order="both",
            verdict=line.turned(side),
            # A bare tie may be two ties or two different winners.
            inconsistent=True if inconsistent else None if side in ("tie", None) else False,
            state=state(side, text),
            raw_text=text,
            meta=self._kept(line, natural, game=0, order="ba" if line.swapped else None),
        )

    def _graded(self, line: _Line) -> Judgment:
        """Each answer graded alone; FastChat writes the winner twice, as that of both games."""
        scores: list[float | None] = []
        for name in ("m1_score", "m2_score"):
            if name not in line.record:
                raise fields.missing(name, line.record)
            scores.append(grade(line.record[name], name))
        names = [name for name in ("g1_winner", "g2_winner", "winner") if name in line.record]
        if not names:
            raise fields.missing("g1_winner", line.record, ("winner",))
        sides = [winner(line.record[name], name) for name in names]
        side = sides[0] if len(set(sides)) == 1 else None if None in sides else "tie"
        if None in scores and side is not None:
            self.notes["a grade of -1 (not read) took part in the published winner, which stands (compat)"] += 1
        texts = [fields.text_or_null(line.record.get(name), name) for name in ("g1_judgment", "g2_judgment")]
        natural = self._natural(line)
        for name, score in zip(("m1_score", "m2_score"), scores, strict=True):
            natural[name] = -1 if score is None else keeping.whole_or_float(score)
        first, second = reversed(scores) if line.swapped else scores
        return self._judgment(
            line,
            presented_order="both",
            verdict=line.turned(side),  # of no two orders: nothing to be consistent or not
            state=state(side, texts[0]),
            score_a=first,
            score_b=second,
            # Winner and texts stay in meta, a field each; the text people read is both, one after the other.
            raw_text="\n\n".join(text for text in texts if text) or None,
            meta=self._kept(line, natural, game=0, graded=True, order="ba" if line.swapped else None),
        )


def winner(value: Any, field: str) -> str | None:
    """``a`` (model_1), ``b`` (model_2), ``tie``, or ``None`` for ``error``.

    Raises:
        BadRecord: none of the published spellings.
    """
    name = value.strip().lower() if isinstance(value, str) else None
    if name not in _WINNERS:
        given = fields.shown(value) if isinstance(value, str) else fields.kind(value)
        raise BadRecord(f"must be one of {', '.join(_WINNERS)}; not {given}", field)
    return _WINNERS[name]


def written(side: str | None) -> str:
    """A verdict about model_1 and model_2 in FastChat's words."""
    return {"a": "model_1", "b": "model_2", "tie": "tie", None: "error"}[side]


def state(side: str | None, text: str | None) -> str:
    return "ok" if side is not None else "error" if text == FAILED else "unparsed"
