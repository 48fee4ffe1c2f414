"""Importing 100,000 responses from a FastChat answer file, as a user would: the whole command, from start to exit."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

N = 100_000
WORDS = ["the", "model", "explains", "how", "an", "answer", "follows", "from", "what", "was", "asked", "about", "it"]


def answers(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for i in range(N):
            text = " ".join(WORDS[(i + k) % len(WORDS)] for k in range(80))
            line = {
                "question_id": i, "answer_id": f"a{i}", "model_id": "model",
                "choices": [{"index": 0, "turns": [text, text[:200]]}], "tstamp": 1700000000.0 + i,
            }  # fmt: skip
            file.write(json.dumps(line) + "\n")


def main() -> None:
    program = str(Path(sys.executable).parent / "workbench")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model_answer" / "model.jsonl"
        file.parent.mkdir()
        answers(file)
        store = ["--store", str(Path(folder) / "store.duckdb")]
        figures: dict[str, object] = {"responses": N, "file_MB": round(file.stat().st_size / 1e6, 1)}
        for what in ("first_import_s", "import_again_s"):
            began = time.perf_counter()
            done = subprocess.run([program, *store, "import", str(file), "--json"], capture_output=True, check=True)
            figures[what] = round(time.perf_counter() - began, 2)
            figures[what.replace("_s", "_rows")] = json.loads(done.stdout)["imported"].get("responses", 0)
        subprocess.run([program, *store, "store", "stop"], check=True, capture_output=True)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
