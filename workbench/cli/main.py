"""The ``workbench`` command."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from workbench.cli import (
    agreement,
    annotating,
    batches,
    bias,
    compare_judges,
    data,
    doctor,
    efficiency,
    evolving,
    leaderboard,
    modelling,
    plans,
    report,
    running,
    scenarios,
    templates,
)
from workbench.cli.context import Context
from workbench.errors import WorkbenchError

app = typer.Typer(
    name="workbench",
    help="Evaluate language models from a terminal: generate answers, judge them, pick the pairs worth a human's "
    "time, annotate these with one key each, and watch ratings and agreement over one DuckDB store.",
    epilog="Start with: workbench demo",
    no_args_is_help=False,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from workbench import __version__

        print(f"workbench {__version__}")
        raise typer.Exit()


@app.callback()
def top(
    ctx: typer.Context,
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="PATH", help="Store file [env WORKBENCH_STORE; default: your data folder]."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    ctx.obj = Context(store)
    if ctx.invoked_subcommand is None:
        if sys.stdin.isatty() and sys.stdout.isatty():
            annotating.ui(ctx)
        else:
            print(ctx.get_help())


for group in (
    running,
    batches,
    evolving,
    data,
    modelling,
    templates,
    scenarios,
    leaderboard,
    agreement,
    bias,
    compare_judges,
    efficiency,
    report,
    annotating,
    plans,
    doctor,
):
    group.register(app)


INTERRUPTED = 130


def store_first(arguments: list[str]) -> list[str]:
    """``--store PATH`` may stand anywhere: moved before the command, where it is parsed."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    for i, word in enumerate(arguments[:end]):
        if word == "--store" and i + 1 < end:
            return [word, arguments[i + 1], *arguments[:i], *arguments[i + 2 :]]
        if word.startswith("--store="):
            return [word, *arguments[:i], *arguments[i + 1 :]]
    return arguments


def tell(error: WorkbenchError) -> int:
    """One clear line on standard error, the next step on a line of its own."""
    from workbench.text import clean

    print(f"error: {clean(error.message)}", file=sys.stderr)
    if error.hint:
        print(f"  {clean(error.hint)}", file=sys.stderr)
    return error.exit_code


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 ended with failures, 2 bad input, 130 interrupted."""
    try:
        code = app(args=store_first(sys.argv[1:]), standalone_mode=False) or 0
    except WorkbenchError as error:
        code = tell(error)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        # A file or folder that the system refuses: no permission, too long a name, a full disk.
        code = tell(WorkbenchError(f"{error.filename or 'input/output'}: {error.strerror or error}"))
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error of the parser: it knows how to print itself
        if show is None:
            raise
        show()
        code = getattr(error, "exit_code", 2)
    if code == INTERRUPTED:  # the parser may also have turned Ctrl-C into this code by itself
        print("interrupted: what came back is stored; the same command continues", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
