"""Every action of the terminal UI, once: its id, its words, its keys and where it works.

The key bindings, the key bar at the foot of a screen, the help and the command palette are all made from
this list. Users change keys by id in the settings file: ``keys = {"annotate.tie" = "t,0"}``.

Keys are chosen so that a terminal, tmux (ctrl+b) and screen (ctrl+a) do not take them: plain letters where no
text is typed, function keys where text may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from workbench.errors import BadInput, Unknown


@dataclass(frozen=True, slots=True)
class Action:
    """``keys`` as Textual writes them, comma-separated. ``short`` is what the key bar says, empty to leave it out.

    ``where`` is the screen or widget it works on, ``everywhere`` for all. ``priority`` keys work while typing.
    """

    id: str
    title: str
    keys: str
    where: str
    run: str
    short: str = ""
    priority: bool = False


#: (mode, title, key) of the destinations, in the order of the bar at the top.
DESTINATIONS = (
    ("home", "Home", "f2"),
    ("jobs", "Jobs", "f3"),
    ("annotate", "Annotate", "f4"),
    ("leaderboard", "Leaderboard", "f5"),
    ("agreement", "Agreement", "f6"),
    ("sql", "SQL", "f7"),
    ("select", "Select", "f8"),
    ("doctor", "Doctor", "ctrl+g"),
)

ACTIONS: tuple[Action, ...] = (
    *(
        Action(f"go.{mode}", f"Go to {title}", key, "everywhere", f"app.go('{mode}')", priority=True)
        for mode, title, key in DESTINATIONS
    ),
    Action("app.go", "Go to … (then one letter)", "m", "everywhere", "app.choose_destination"),
    Action("app.help", "Help: all keys of this screen", "question_mark,f1", "everywhere", "app.help"),
    Action("app.palette", "Find an action by name", "ctrl+p", "everywhere", "app.command_palette"),
    Action("app.redraw", "Draw the screen again", "ctrl+l", "everywhere", "app.redraw", priority=True),
    Action("app.quit", "Quit (jobs go on)", "q", "everywhere", "app.quit"),
    Action("app.quit_always", "Quit while typing", "ctrl+q", "everywhere", "app.quit", priority=True),
    # -- tables
    Action("table.up", "Row up", "up,k", "table", "move(-1)"),
    Action("table.down", "Row down", "down,j", "table", "move(1)"),
    Action("table.page_up", "Page up", "pageup", "table", "page(-1)"),
    Action("table.page_down", "Page down", "pagedown,space", "table", "page(1)"),
    Action("table.first", "First row", "home,g", "table", "jump(0)"),
    Action("table.last", "Last row", "end,G", "table", "jump(-1)"),
    Action("table.left", "Columns to the left", "left", "table", "sideways(-8)"),
    Action("table.right", "Columns to the right", "right", "table", "sideways(8)"),
    Action("table.open", "Open the row", "enter", "table", "open"),
    Action("choices.toggle", "Choose or drop the name", "space,enter", "choices", "choose"),
    # -- home
    Action("home.next", "Go to the next step", "enter", "home", "next_step", "next step"),
    # -- jobs
    Action("jobs.new", "Launch a job", "n", "jobs", "launch", "new job"),
    Action("jobs.log", "Show a job's log", "enter", "jobs", "log", "log"),
    Action("jobs.cancel", "Cancel the job", "c", "jobs", "cancel", "cancel"),
    Action("launch.check", "Check the form and show what it would take", "f9", "launch", "check", "check", True),
    Action("launch.back", "Back without launching", "escape", "launch", "back", "back"),
    Action("log.back", "Back", "escape", "log", "back", "back"),
    # -- plain text that scrolls
    Action("scroll.down", "Line down", "down,j", "scroll", "scroll_lines(1)"),
    Action("scroll.up", "Line up", "up,k", "scroll", "scroll_lines(-1)"),
    Action("scroll.page_down", "Page down", "pagedown,space", "scroll", "scroll_pages(1)"),
    Action("scroll.page_up", "Page up", "pageup", "scroll", "scroll_pages(-1)"),
    Action("scroll.top", "To the beginning", "home,g", "scroll", "scroll_edge(-1)"),
    Action("scroll.end", "To the end", "end,G", "scroll", "scroll_edge(1)"),
    # -- annotate
    Action("annotate.left", "A is better", "a,1,left", "annotate", "vote('left')", "A"),
    Action("annotate.right", "B is better", "b,2,right", "annotate", "vote('right')", "B"),
    Action("annotate.tie", "Tie: equally good", "t,0", "annotate", "vote('tie')", "tie"),
    Action("annotate.both_bad", "Both are bad", "x", "annotate", "vote('both_bad')", "both bad"),
    Action("annotate.skip", "Skip (after a reveal: go on)", "s", "annotate", "vote('skip')", "skip"),
    Action("annotate.undo", "Undo the last vote", "u", "annotate", "undo", "undo"),
    Action("annotate.flag", "Flag this item", "f", "annotate", "flag", "flag"),
    Action("annotate.note", "Write a note on this item", "n", "annotate", "note", "note"),
    Action("annotate.diff", "Mark the words that differ", "d", "annotate", "look('diff')", "diff"),
    Action("annotate.view", "Side by side or stacked", "v", "annotate", "look('view')", "view"),
    Action("annotate.sync", "Scroll both or one", "z", "annotate", "look('sync')", "sync"),
    Action("annotate.raw", "Raw text, whole and unstyled", "r", "annotate", "look('raw')", "raw"),
    Action("annotate.copy", "Copy question and answers", "y", "annotate", "copy", "copy"),
    Action("annotate.reveal", "Reveal the models (gives up the vote)", "i", "annotate", "reveal", "reveal"),
    Action("annotate.reference", "Show the reference answer", "e", "annotate", "look('reference')"),
    Action("annotate.selection", "Choose another selection", "o", "annotate", "selection"),
    Action("annotate.down", "Scroll down", "j,down", "annotate", "scroll_answers(1)", "scroll"),
    Action("annotate.up", "Scroll up", "k,up", "annotate", "scroll_answers(-1)"),
    Action("annotate.page_down", "Page down", "space,pagedown", "annotate", "page_answers(1)"),
    Action("annotate.page_up", "Page up", "pageup", "annotate", "page_answers(-1)"),
    Action("annotate.top", "To the beginning", "g,home", "annotate", "scroll_to_edge(-1)"),
    Action("annotate.end", "To the end", "G,end", "annotate", "scroll_to_edge(1)"),
    Action("annotate.question_down", "Scroll the question down", "J", "annotate", "scroll_question(1)"),
    Action("annotate.question_up", "Scroll the question up", "K", "annotate", "scroll_question(-1)"),
    Action("annotate.side", "Other side, when scrolling one", "tab", "annotate", "look('side')"),
    Action("annotate.retry", "Try again what went wrong", "ctrl+r", "annotate", "retry"),
    # -- leaderboard
    Action("leaderboard.method", "Other rating method", "t", "leaderboard", "method", "method"),
    Action("leaderboard.method_back", "The method before", "T", "leaderboard", "method_back"),
    Action("leaderboard.source", "Votes of: all, people, each judge", "s", "leaderboard", "source", "source"),
    Action("leaderboard.source_back", "The source before", "S", "leaderboard", "source_back"),
    Action("leaderboard.category", "Other category", "c", "leaderboard", "category", "category"),
    Action("leaderboard.matrix", "Win rates, each against each", "w", "leaderboard", "matrix", "matrix"),
    Action("leaderboard.baseline", "Win rates against this model", "b", "leaderboard", "baseline", "baseline"),
    Action("leaderboard.export", "Write as CSV, JSON and LaTeX", "x", "leaderboard", "export", "export"),
    Action("leaderboard.refresh", "Compute again", "ctrl+r", "leaderboard", "refresh"),
    # -- agreement
    Action("agreement.view", "Pairs, coefficients, confusion, annotators", "v", "agreement", "view", "view"),
    Action("agreement.view_back", "The view before", "V", "agreement", "view_back"),
    Action("agreement.turn", "Other turn", "t", "agreement", "turn", "turn"),
    Action("agreement.refresh", "Compute again", "ctrl+r", "agreement", "refresh"),
    # -- select, and an item opened there
    Action("select.next", "Next list: metrics, pairs, selections, items", "tab", "select", "next_part", "list"),
    Action("select.pairs", "To the pairs of models", "p", "select", "go_to('pairs')", "pair"),
    Action("select.category", "Only one category", "c", "select", "category", "category"),
    Action("select.lowest", "The least alike answers", "l", "select", "end(False)", "least alike"),
    Action("select.highest", "The most alike answers", "h", "select", "end(True)", "most"),
    Action("select.annotate", "Annotate this selection", "a", "select", "annotate", "annotate"),
    Action("select.new", "Make a new selection", "n", "select", "launch", "new"),
    Action("select.names", "Show or hide models' names of items", "i", "select", "names", "names"),
    Action("select.export", "How to export", "x", "select", "export", "export"),
    Action("select.refresh", "Read everything again", "ctrl+r", "select", "refresh"),
    Action("item.next", "Next item", "n,right", "item", "step(1)", "next"),
    Action("item.previous", "Item before", "p,left", "item", "step(-1)", "before"),
    Action("item.annotate", "Annotate this selection", "a", "item", "annotate", "annotate"),
    Action("item.names", "Show the models' names (gives up the vote)", "i", "item", "names", "names"),
    Action("item.diff", "Mark the words that differ", "d", "item", "look('diff')", "diff"),
    Action("item.view", "Side by side or stacked", "v", "item", "look('view')", "view"),
    Action("item.sync", "Scroll both or one", "z", "item", "look('sync')", "sync"),
    Action("item.side", "Other side, when scrolling one", "tab", "item", "look('side')"),
    Action("item.raw", "Raw text, whole and unstyled", "r", "item", "look('raw')", "raw"),
    Action("item.reference", "Show the reference answer", "e", "item", "look('reference')"),
    Action("item.down", "Scroll down", "j,down", "item", "scroll_answers(1)", "scroll"),
    Action("item.up", "Scroll up", "k,up", "item", "scroll_answers(-1)"),
    Action("item.page_down", "Page down", "space,pagedown", "item", "page_answers(1)"),
    Action("item.page_up", "Page up", "pageup", "item", "page_answers(-1)"),
    Action("item.top", "To the beginning", "g,home", "item", "scroll_to_edge(-1)"),
    Action("item.end", "To the end", "G,end", "item", "scroll_to_edge(1)"),
    Action("item.back", "Back to the list", "escape", "item", "back", "back"),
    # -- doctor
    Action("doctor.part", "GPUs or findings", "tab", "doctor", "part", "GPUs"),
    Action("doctor.probe", "Ask every endpoint whether it is there", "p", "doctor", "probe", "ask endpoints"),
    Action("doctor.refresh", "Look at everything again", "ctrl+r", "doctor", "refresh", "again"),
    # -- sql
    Action("sql.run", "Run the statement", "ctrl+r,f9", "sql", "run", "run", True),
    Action("sql.clear", "Empty the editor", "ctrl+n", "sql", "clear", "clear", True),
    Action("sql.leave", "Leave the editor for the results, and back", "escape", "sql", "leave", "results"),
    Action("sql.tables", "What tables and columns there are", "ctrl+t", "sql", "tables", "tables", True),
)

BY_ID = {action.id: action for action in ACTIONS}

_NAMES = {
    "question_mark": "?", "left": "←", "right": "→", "up": "↑", "down": "↓", "pageup": "PgUp", "pagedown": "PgDn",
    "home": "Home", "end": "End", "space": "space", "enter": "enter", "escape": "esc", "tab": "tab",
}  # fmt: skip


def actions_of(where: str) -> list[Action]:
    return [action for action in ACTIONS if action.where == where]


def bindings(*where: str) -> list[BindingType]:
    """The bindings of a screen or widget. Each carries its action's id, by which the keymap changes it."""
    return [
        Binding(a.keys, a.run, a.title, id=a.id, priority=a.priority, show=False, system=place == "everywhere")
        for place in where
        for a in actions_of(place)
    ]


def keys_of(action: Action, keymap: Mapping[str, str]) -> list[str]:
    return [key.strip() for key in keymap.get(action.id, action.keys).split(",")]


def key_name(key: str) -> str:
    """A key as people read it: ``ctrl+r`` → ``^r``, ``f5`` → ``F5``."""
    if key.startswith("ctrl+"):
        return "^" + key_name(key.removeprefix("ctrl+"))
    if key[:1] == "f" and key[1:].isdigit():
        return key.upper()
    return _NAMES.get(key, key)


def check_keymap(keymap: Mapping[str, str]) -> None:
    """Raises Unknown for an action id that does not exist, BadInput for empty keys or two actions on one key."""
    for action_id, keys in keymap.items():
        if action_id not in BY_ID:
            raise Unknown("key setting", action_id, BY_ID)
        if not isinstance(keys, str) or not all(key.strip() for key in keys.split(",")):
            raise BadInput("must be keys separated by commas", field=f"keys.{action_id}", hint='for example "t,0"')
    for where in {action.where for action in ACTIONS}:
        _check_clashes([*actions_of(where), *actions_of("everywhere")], keymap)


def _check_clashes(actions: Iterable[Action], keymap: Mapping[str, str]) -> None:
    taken: dict[str, Action] = {}
    for action in actions:
        for key in keys_of(action, keymap):
            other = taken.setdefault(key, action)
            if other.id != action.id and {other.id, action.id} & keymap.keys():
                raise BadInput(
                    f"key '{key}' is taken by {other.id}", field=f"keys.{action.id}", hint="choose another key"
                )
