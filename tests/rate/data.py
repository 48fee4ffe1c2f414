"""Published files as rows of the store, read here independently of the importers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.rate.db import later
from workbench.rate.battles import SCORES, Battles
from workbench.records import Annotation, Judgment, stable_id

SWAP = {"model_a": "model_b", "model_b": "model_a"}
VERDICT = {"model_a": "a", "model_b": "b"}


def json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def named_order(vote: dict[str, Any]) -> tuple[str, str, str]:
    """(model_a, model_b, winner) with the models in name order."""
    a, b, winner = vote["model_a"], vote["model_b"], vote["winner"]
    return (a, b, winner) if a < b else (b, a, SWAP.get(winner, winner))


def human_rows(votes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """People's votes as annotations, in the file's order."""
    out = []
    for position, vote in enumerate(votes):
        a, b, winner = named_order(vote)
        stamp = vote.get("tstamp")
        question = vote["question_id"] if "question_id" in vote else stable_id(vote["data"]["instruction"])
        out.append(
            Annotation(
                annotation_id=stable_id(position, vote),
                annotator=vote["judge"],
                annotator_kind="author" if vote["judge"].startswith("author") else "human",
                question_id=str(question),
                turn=vote["turn"],
                model_a=a,
                model_b=b,
                presented_order="ab" if vote["model_a"] == a else "ba",
                verdict=VERDICT.get(winner, "tie"),
                decided_at=datetime.fromtimestamp(stamp, UTC).replace(tzinfo=None) if stamp else later(position),
                position=position,
            ).row()
        )
    return out


def judge_rows(votes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A judge's votes, each over two games."""
    out = []
    for position, vote in enumerate(votes):
        a, b, winner = named_order(vote)
        out.append(
            Judgment(
                protocol="pairwise",
                judge=vote["judge"],
                judge_version="import",
                template="import",
                template_hash="import",
                question_id=str(vote["question_id"]),
                turn=vote["turn"],
                model_a=a,
                model_b=b,
                presented_order="both",
                verdict=VERDICT.get(winner, "tie"),
                inconsistent="inconsistent" in winner,
                created_at=later(position),
            ).row()
        )
    return out


def mad_votes(shared_data: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared_data / "mad" / "annotation-bert-score.json").read_text("utf-8"))
    return found


def mad_battles(shared_data: Path) -> Battles:
    votes = mad_votes(shared_data)
    return Battles.from_columns(
        [v["model_a"] for v in votes],
        [v["model_b"] for v in votes],
        [SCORES[v["winner"]] for v in votes],
        [v["data"]["instruction"] for v in votes],
    )


def mt_bench_votes(shared_data: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(people's votes, GPT-4's votes) of MT-bench."""
    folder = shared_data / "mt_bench_votes"
    return json_lines(folder / "human.jsonl"), json_lines(folder / "gpt4_pair.jsonl")
