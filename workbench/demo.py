"""The demonstration: a plan over the questions that ship with the workbench and the bundled small model."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import BadInput
from workbench.plan import Plan

MODELS = ("smollm2-plain", "smollm2-brief", "smollm2-wild")
#: A model of this size judges poorly; it stands in for yours. Its position bias shows in the tables.
JUDGE = "smollm2-plain"
#: Share of items that may fail: a model this small sometimes has nothing to say.
TOLERANCE = 0.2


def sample_questions() -> Path:
    """The questions that ship with the package. Raises BadInput when the installation lacks them."""
    package = Path(__file__).resolve().parent
    for folder in (package / "sample_data", package.parent / "sample_data"):
        if (folder / "questions.jsonl").is_file():
            return folder / "questions.jsonl"
    raise BadInput("the sample questions are missing from this installation", hint="install workbench again")


def demo_plan(questions: int) -> Plan:
    """Three settings of the bundled model answer; one of them judges every pair in both orders."""
    return Plan.model_validate(
        {
            "questions": {"import": [str(sample_questions())], "bench": "sample", "limit": questions},
            "models": list(MODELS),
            "similarity": {"model": "hashing"},
            "select": {"name": "demo", "top_k": 5, "diversity": 0.1, "control": 1},
            "judges": [{"model": JUDGE, "protocol": "pairwise-all"}],
            "report": {"leaderboard": ["bt", "elo"]},
            "run": {"tolerance": TOLERANCE},
        }
    )
