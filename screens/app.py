"""The application: modes, the store's feed, help and palette. Everything else is in the screens."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.screen import Screen

from screens.actions import actions_of, bindings, check_keymap, key_name, keys_of
from screens.base import WorkbenchScreen
from screens.feed import Crashed, Feed, StoreReady, StoreTrouble, TablesChanged
from screens.theme import DARK, LIGHT
from workbench.errors import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.store import Store

#: Tells the CLI that it found this package and not another of the same name.
WORKBENCH_SCREENS = True

_SCREENS = {
    "home": ("screens.home", "HomeScreen"),
    "jobs": ("screens.jobs", "JobsScreen"),
    "annotate": ("screens.annotate", "AnnotateScreen"),
    "leaderboard": ("screens.leaderboard", "LeaderboardScreen"),
    "agreement": ("screens.agreement", "AgreementScreen"),
    "sql": ("screens.sql", "SqlScreen"),
    "select": ("screens.selections", "SelectScreen"),
    "doctor": ("screens.doctor", "DoctorScreen"),
}


def _screen(mode: str) -> Callable[[], Screen[Any]]:
    """Import a screen when it is first gone to: the first paint pays for one screen only."""

    def make() -> Screen[Any]:
        module, name = _SCREENS[mode]
        screen: Screen[Any] = getattr(importlib.import_module(module), name)()
        return screen

    return make


class WorkbenchApp(App[None]):
    """The workbench's terminal UI over one store.

    ``keys`` changes keys by action id; ``poll_s`` is how often to look for changes, in seconds.

    Raises:
        Unknown, BadInput: ``start`` or ``keys`` name something that does not exist.
    """

    TITLE = "workbench"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings("everywhere")
    ENABLE_COMMAND_PALETTE = True
    # The palette's key is in the registry; Textual adds its own unless told another that nobody presses.
    COMMAND_PALETTE_BINDING = "ctrl+p"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {mode: _screen(mode) for mode in _SCREENS}
    DEFAULT_MODE = "home"

    def __init__(
        self,
        store_path: Path,
        *,
        start: str = "home",
        annotator: str | None = None,
        selection: str | None = None,
        keys: Mapping[str, str] | None = None,
        poll_s: float = 1.0,
    ) -> None:
        if start not in _SCREENS:
            raise Unknown("screen", start, _SCREENS)
        self.keys = dict(keys or {})
        check_keymap(self.keys)
        # Textual reads it in its constructor: begin there without composing Home first.
        self.DEFAULT_MODE = start  # type: ignore[misc]
        # With NO_COLOR, Textual would turn colours to greys; the terminal's own colours lose theirs altogether.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.animation_level = "none"
        self.store_path = store_path
        self.annotator = annotator
        self.selection = selection
        self.store: Store | None = None
        self.counters: dict[str, int] = {}
        self.mounted: list[WorkbenchScreen] = []
        self.feed = Feed(self, store_path, poll_s)
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        if "TEXTUAL_THEME" not in os.environ:
            self.theme = DARK.name
        self.set_keymap(self.keys)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """``$quiet``: secondary text, readable on dark and light; for themes that do not bring it."""
        return {"quiet": "#808a96"}

    def on_mount(self) -> None:
        # After the first paint: opening a store may start a process.
        self.call_after_refresh(self.feed.start)

    def on_unmount(self) -> None:
        self.feed.stop()

    # -- the store ---------------------------------------------------------------------------------

    def on_store_ready(self, message: StoreReady) -> None:
        self.store = message.store
        for screen in self.mounted:
            screen.opened(message.store)

    def on_tables_changed(self, message: TablesChanged) -> None:
        self.counters = message.counters
        for screen in self.screen_stack:
            if isinstance(screen, WorkbenchScreen):
                screen.tables_changed(message.counters)

    def on_store_trouble(self, message: StoreTrouble) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, WorkbenchScreen):
                if message.error is None:
                    screen.say("The store is back.")
                else:
                    screen.failed(message.error)

    def on_crashed(self, message: Crashed) -> None:
        raise message.error

    # -- actions -----------------------------------------------------------------------------------

    def action_go(self, mode: str) -> None:
        self.switch_mode(mode)

    def action_choose_destination(self) -> None:
        from screens.help import DestinationScreen

        def chosen(mode: str | None) -> None:
            if mode:
                self.switch_mode(mode)

        self.push_screen(DestinationScreen(), chosen)

    def action_help(self) -> None:
        from screens.help import HelpScreen

        where = self.screen.WHERE if isinstance(self.screen, WorkbenchScreen) else ""
        self.push_screen(HelpScreen(where, self.keys))

    def action_redraw(self) -> None:
        self.screen.refresh(layout=True)

    async def action_quit(self) -> None:
        for screen in self.mounted:
            await screen.leaving()
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette's entries: the actions of this screen, then those of all."""
        where = screen.WHERE if isinstance(screen, WorkbenchScreen) else ""
        for action in (*actions_of(where), *actions_of("everywhere")):
            keys = ", ".join(key_name(key) for key in keys_of(action, self.keys))
            target = screen if action.where != "everywhere" else self
            yield SystemCommand(
                action.title, f"key: {keys}", lambda a=action.run, t=target: self.run_action(a, default_namespace=t)
            )
        yield SystemCommand("Theme: dark or light", "", self.action_change_theme)


def run(
    store_path: Path,
    *,
    start: str = "home",
    annotator: str | None = None,
    no_mouse: bool = False,
    selection: str | None = None,
) -> None:
    """Show the terminal UI until the user leaves it. Keys and polling interval come from the settings file.

    ``start`` is the mode to begin with, ``annotator`` the name votes are stored under (the login name if
    ``None``), ``selection`` the one to annotate (the newest if ``None``).

    Raises:
        BadInput: the settings are wrong.
    """
    from workbench.config import annotator_name, load_settings

    settings = load_settings()
    app = WorkbenchApp(
        store_path,
        start=start,
        annotator=annotator_name(annotator),
        selection=selection,
        keys=settings.keys,
        poll_s=settings.poll_s,
    )
    app.run(mouse=not no_mouse)
    if app.store is not None:
        app.store.close()
