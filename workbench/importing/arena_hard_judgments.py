"""Arena-Hard's judgments: every line is two games of a model against the baseline, the second with the places changed.

In game 1 the baseline is assistant A and the model is B; in game 2 the model is A and the baseline is B (both versions
of ``gen_judgment.py`` do so). ``score`` is ``A>>B``, ``A>B``, ``A=B``, ``B>A`` or ``B>>A``; v2.0 also reads the signs
turned round (``B<A`` is ``A>B``). A score that is missing or none of these could not be read (state ``unparsed``); a
game that is ``null`` failed (state ``error``).

Each game is one judgment, order ``ab`` or ``ba`` by which of the two models (in name order) was A, and its verdict is
mapped back to the models. Arena-Hard counts ``>>`` three times: the score itself stays in ``meta.score``, and
``meta.as_imported`` says which side is the baseline.

v0.1 names no baseline: it is the one the user names, else the one of the published configuration, with a warning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.importing import fields
from workbench.importing.converting import Context
from workbench.importing.fields import BadRecord
from workbench.importing.keeping import kept
from workbench.records import Judgment, stable_id

#: Baselines of the published configurations: of v0.1, and of v2.0 by category.
BASELINE = "gpt-4-0314"
BASELINES = {
    "hard_prompt": "o3-mini-2025-01-31",
    "coding": "o3-mini-2025-01-31",
    "math": "o3-mini-2025-01-31",
    "creative_writing": "gemini-2.0-flash-001",
}
#: Score → the assistant that won, or a tie.
SCORES = {
    "A>>B": "A", "A>B": "A", "B<A": "A", "B<<A": "A", "A=B": "tie", "B=A": "tie",
    "B>A": "B", "B>>A": "B", "A<B": "B", "A<<B": "B",
}  # fmt: skip
_SCORE = re.compile(r"[AB<>=]+")


def is_judgment(record: Mapping[str, Any]) -> bool:
    return "games" in record


def question_id(record: Mapping[str, Any]) -> tuple[str, str]:
    """A line's question as text, and the field that names it: ``question_id`` (v0.1) or ``uid`` (v2.0)."""
    name = "uid" if "uid" in record and "question_id" not in record else "question_id"
    if name not in record:
        raise fields.missing("question_id", record, ("question_id", "uid"))
    return fields.text_id(record[name], name), name


@dataclass(frozen=True, slots=True)
class _Match:
    """A model against the baseline on a question, by a judge."""

    question_id: str
    judge: str
    model: str
    baseline: str

    @property
    def baseline_side(self) -> str:
        """The baseline's side in the store, where the name that sorts first is ``a``."""
        return "a" if self.baseline < self.model else "b"

    def side(self, assistant: str, game: int) -> str:
        """The side in the store of assistant A or B of a game (from 0): the baseline is A in the first."""
        baseline_is = "A" if game % 2 == 0 else "B"
        other = "b" if self.baseline_side == "a" else "a"
        return self.baseline_side if assistant == baseline_is else other


@dataclass
class Games:
    """Reads the lines of one file."""

    context: Context
    notes: Counter[str]
    seen: Counter[_Match] = field(default_factory=Counter)

    def judgments(self, ordinal: int, record: dict[str, Any]) -> list[Judgment]:
        """A line's games as judgments.

        Raises:
            BadRecord: a field is missing or wrong, or the model is its own baseline.
        """
        match, line = self._match(record)
        games = record["games"]
        if not isinstance(games, list) or not games:
            raise BadRecord(f"must be a list of two games, not {_empty_or_kind(games)}", "games")
        if len(games) != 2:
            self.notes["not two games: the comparison counts only where both orders were played"] += 1
        first = self.seen[match]
        self.seen[match] += (len(games) + 1) // 2
        key = stable_id("arena-hard", record, first)
        found = []
        for i, game in enumerate(games):
            # What belongs to the line as a whole is kept with its first game.
            found.append(self._game(match, ordinal, i, game, first + i // 2, line if i == 0 else {}, key))
        return found

    def _match(self, record: dict[str, Any]) -> tuple[_Match, dict[str, Any]]:
        """Who plays, and what of the line (games aside) the columns do not hold."""
        given, name = question_id(record)
        if "model" not in record:
            raise fields.missing("model", record)
        model = fields.text_id(record["model"], "model")
        judge = self._judge(record)
        category = fields.optional_text(record.get("category"), "category")
        baseline = self._baseline(record, name, category)
        if baseline == model:
            raise BadRecord(f"the baseline itself ({fields.shown(model)}): nothing is compared", "model")
        match = _Match(self.context.id_prefix + given, judge, model, baseline)
        # Names that the user gave are what an export says, too.
        named = {key: value for key, value in record.items() if key != "games"}
        if self.context.id_prefix:
            named[name] = match.question_id
        if self.context.judge is not None:
            named["judge"] = judge
        if self.context.baseline is not None:
            named["baseline"] = baseline
        natural = {name: match.question_id, "category": None, "judge": judge, "model": model, "baseline": baseline}
        return match, kept(named, natural, form="v2.0" if name == "uid" else "v0.1")

    def _judge(self, record: dict[str, Any]) -> str:
        if self.context.judge is not None:
            return self.context.judge
        for name in ("judge", "annotator"):
            if record.get(name) is not None:
                return fields.text_id(record[name], name)
        folder = self.context.path.resolve().parent
        if folder.parent.name == "model_judgment":
            return folder.name
        missing = fields.missing("judge", record)
        raise BadRecord(f"{missing.reason}; name the judge with --judge", "judge")

    def _baseline(self, record: dict[str, Any], id_name: str, category: str | None) -> str:
        if self.context.baseline is not None:
            return self.context.baseline
        if record.get("baseline") is not None:
            return fields.text_id(record["baseline"], "baseline")
        found = BASELINES.get(category or "", BASELINES["hard_prompt"]) if id_name == "uid" else BASELINE
        self.notes[f"no baseline named: taken to be {found}, as published; another is named with --baseline"] += 1
        return found

    def _game(
        self,
        match: _Match,
        ordinal: int,
        number: int,
        game: Any,
        sample: int,
        line: dict[str, Any],
        key: str,
    ) -> Judgment:
        if game is not None and not isinstance(game, dict):
            raise BadRecord(f"must be an object or null, not {fields.kind(game)}", f"games[{number}]")
        played = game or {}
        won = _won(played.get("score"), f"games[{number}].score")
        text, thought = _said(played.get("judgment"), f"games[{number}].judgment")
        marks: dict[str, Any] = {
            "game": number,
            "baseline": match.baseline_side,
            "failed": True if game is None else None,
            "whole": line or None,
        }
        natural: dict[str, Any] = {"judgment": text}
        if isinstance(played.get("judgment"), dict):
            marks["object"] = True
            natural = {"judgment": {"answer": text} if thought is None else {"thought": thought, "answer": text}}
        a, b = sorted((match.model, match.baseline))
        return Judgment(
            protocol="pairwise",
            judge=match.judge,
            judge_version="import",
            template="arena-hard",
            template_hash="import",
            mode="compat",
            question_id=match.question_id,
            turn=1,
            model_a=a,
            model_b=b,
            presented_order="ab" if match.side("A", number) == "a" else "ba",
            sample=sample,
            state="error" if game is None else "unparsed" if won is None else "ok",
            error="the game is missing" if game is None else None,
            verdict=won if won in (None, "tie") else match.side(won, number),
            raw_text=text,
            reasoning=thought,
            created_at=self.context.modified,
            meta=kept(played, natural if game is not None else {}, **marks),
            position=ordinal,
            import_key=stable_id(key, number),
        )


def _won(score: Any, field: str) -> str | None:
    """``A``, ``B`` or ``tie``; ``None`` for a score that could not be read.

    Raises:
        BadRecord: it is no score at all.
    """
    if score is None or score == "":
        return None
    found = score.strip().upper() if isinstance(score, str) else ""
    if not _SCORE.fullmatch(found):
        given = fields.shown(score) if isinstance(score, str) else fields.kind(score)
        raise BadRecord(f"must be A>>B, A>B, A=B, B>A, B>>A or null, not {given}", field)
    return SCORES.get(found)


def _said(judgment: Any, field: str) -> tuple[str | None, str | None]:
    """The judge's text and thinking: v0.1 has text, v2.0 an object with ``answer`` and perhaps ``thought``."""
    if isinstance(judgment, dict):
        text, thought = (fields.text_or_null(judgment.get(name), f"{field}.{name}") for name in ("answer", "thought"))
        return text, thought
    return fields.text_or_null(judgment, field), None


def _empty_or_kind(value: Any) -> str:
    return "an empty list" if value == [] else fields.kind(value)
