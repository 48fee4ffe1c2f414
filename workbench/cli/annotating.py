"""Commands that open the terminal UI."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.context import context


def register(app: typer.Typer) -> None:
    app.command()(ui)
    app.command(epilog="Example: workbench annotate --annotator kim")(annotate)


def open_ui(
    ctx: typer.Context,
    start: str,
    annotator: str | None = None,
    *,
    no_mouse: bool = False,
    selection: str | None = None,
) -> None:
    """The terminal UI on this store; made if it does not exist, so that the first-run screen has one to fill."""
    import importlib
    import sys

    from workbench.config import annotator_name
    from workbench.errors import BadInput
    from workbench.store import store_path

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("the terminal UI needs a terminal", hint="for scripts, see: workbench --help")
    screens = importlib.import_module("screens.app")
    if not getattr(screens, "WORKBENCH_SCREENS", False):
        raise BadInput(
            f"another package named 'screens' is in the way ({screens.__file__})",
            hint="uninstall it, or use a venv",
        )
    screens.run(
        store_path(context(ctx).store),
        start=start,
        annotator=annotator_name(annotator),
        no_mouse=no_mouse,
        selection=selection,
    )


def ui(
    ctx: typer.Context,
    no_mouse: Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")] = False,
) -> None:
    """Open the terminal UI (also: workbench without a command)."""
    open_ui(ctx, "home", no_mouse=no_mouse)


def annotate(
    ctx: typer.Context,
    annotator: Annotated[
        str | None, typer.Option("--annotator", help="Name written with the votes [default: your login].")
    ] = None,
    selection: Annotated[
        str | None, typer.Option("--selection", help="Which selection, by name or id [default: the newest].")
    ] = None,
    no_mouse: Annotated[bool, typer.Option("--no-mouse", help="Leave the mouse to the terminal.")] = False,
) -> None:
    """Vote on the selected pairs, one key each."""
    open_ui(ctx, "annotate", annotator, no_mouse=no_mouse, selection=selection)
