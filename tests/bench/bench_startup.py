"""How long ``workbench --help`` takes against ``python -c "import typer"`` and a bare typer app's ``--help``."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = "import typer\napp = typer.Typer()\n@app.command()\ndef hello(name: str = 'x'):\n    print(name)\napp()\n"
ROUNDS = 15


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        commands = {
            "workbench --help": [str(Path(sys.executable).parent / "workbench"), "--help"],
            "import typer": [sys.executable, "-c", "import typer"],
            "bare typer --help": [sys.executable, str(bare), "--help"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                times[name].append(seconds(command))
    ours = times["workbench --help"]
    print(
        json.dumps(
            {
                "rounds": ROUNDS,
                "median_ms": {name: round(1000 * statistics.median(t), 1) for name, t in times.items()},
                "ratio_to_import_typer": round(
                    statistics.median(a / b for a, b in zip(ours, times["import typer"], strict=True)), 2
                ),
                "ratio_to_bare_typer_help": round(
                    statistics.median(a / b for a, b in zip(ours, times["bare typer --help"], strict=True)), 2
                ),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
