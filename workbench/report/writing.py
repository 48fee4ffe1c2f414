"""A gathered report as one file."""

from __future__ import annotations

import html
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput, Unknown
from workbench.report.content import Report, Section
from workbench.report.markup import html_text, markdown_cell, markdown_text
from workbench.tables import csv_text, latex_text
from workbench.text import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: File ending → what it holds.
KINDS = {
    ".html": "everything in one page, figures inside",
    ".md": "everything as Markdown, figures in a folder beside it",
    ".tex": "the tables for LaTeX (booktabs)",
    ".csv": "the leaderboard, every column",
    ".svg": "one figure",
    ".pdf": "one figure",
    ".png": "one figure",
}
PICTURES = (".svg", ".pdf", ".png")
#: Figure → what it shows.
FIGURES = {
    "intervals": "ratings with their intervals",
    "heat-map": "win rate of every model against every other",
    "radar": "a line a model, an axis a category",
    "agreement": "how often judges and people agree",
    "reliability": "how often a judge is right, by how sure it was",
}

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; font-size: 0.9rem; display: block; overflow-x: auto; }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid #e5e5e5; text-align: left; white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
ul.notes { color: #555; font-size: 0.85rem; } figure { margin: 1rem 0; } svg { max-width: 100%; height: auto; }
@media (prefers-color-scheme: dark) {
  body { background: #16181c; color: #e4e4e4; } figure { background: #fff; padding: 0.5rem; }
}
"""


def check_out(out: Path, *, force: bool) -> None:
    """Raises BadInput: an ending that says nothing, a file that exists, or no such folder."""
    if out.suffix.lower() not in KINDS:
        kinds = ", ".join(f"{end} ({what})" for end, what in KINDS.items())
        raise BadInput("the file's ending must say what to write", file=str(out), hint=f"endings: {kinds}")
    if out.exists() and not force:
        raise BadInput("the file exists", file=str(out), hint="write over it with --force")
    if not out.parent.is_dir():
        raise BadInput("there is no such folder", file=str(out.parent))


def write(report: Report, out: Path, *, figure: str | None = None, force: bool = False) -> list[str]:
    """Write the report to ``out``, in the form its ending says. Returns the names of the sections written.

    Raises:
        BadInput: see ``check_out``; or there is nothing to draw in the figure asked for.
        Unknown: no such figure.
    """
    check_out(out, force=force)
    kind = out.suffix.lower()
    if kind in PICTURES:
        section = _figure(report, figure)
        assert section.draw is not None
        _save(out, _drawn(section.draw(), kind[1:]))
        return [section.title]
    made = {".html": _html, ".tex": _latex, ".csv": _csv}
    if kind == ".md":
        _markdown(report, out)
    else:
        _save(out, made[kind](report).encode("utf-8", "replace"))
    return [section.title for section in report.sections]


def check_figure(out: Path, *, force: bool) -> None:
    """Raises BadInput: no ending of a picture, a file that exists, or no such folder."""
    if out.suffix.lower() not in PICTURES:
        raise BadInput(
            "the file's ending must say what picture to write", file=str(out), hint=f"endings: {', '.join(PICTURES)}"
        )
    check_out(out, force=force)


def write_figure(figure: Figure, out: Path, *, force: bool = False) -> None:
    """One figure as a file of its own. Raises BadInput: see ``check_figure``, or the file cannot be written."""
    check_figure(out, force=force)
    _save(out, _drawn(figure, out.suffix.lower()[1:]))


def _figure(report: Report, name: str | None) -> Section:
    if name is not None and name not in FIGURES:
        raise Unknown("figure", name, FIGURES)
    there = {section.figure: section for section in report.sections if section.draw is not None}
    if name is None:
        name = next(iter(there), None)
    if name is None or name not in there:
        some = ", ".join(str(found) for found in there) or "none yet"
        raise BadInput(f"nothing to draw in the figure {name or 'of a report'}", hint=f"figures with data: {some}")
    return there[name]


def _drawn(figure: Figure, kind: str) -> bytes:
    """The picture. The same data give the same bytes: no date, no random ids."""
    import warnings

    import matplotlib

    held = BytesIO()
    with (
        warnings.catch_warnings(),
        matplotlib.rc_context({"svg.hashsalt": "workbench", "svg.fonttype": "none", "pdf.compression": 6}),
    ):
        # A name in a script that the font lacks shows as boxes in PNG and PDF (SVG leaves fonts to the reader).
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
        figure.savefig(held, format=kind, dpi=160, bbox_inches="tight", metadata={**dated})
    return held.getvalue()


def _save(out: Path, content: bytes) -> None:
    """All of it or nothing."""
    half = out.with_name(out.name + ".part")
    try:
        half.write_bytes(content)
        half.replace(out)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise BadInput(f"cannot be written ({error.strerror or error})", file=str(out)) from None


def _html(report: Report) -> str:
    page = StringIO()
    say: Callable[[str], Any] = page.write
    say('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n')
    say('<meta name="viewport" content="width=device-width, initial-scale=1">\n')
    say(f"<title>{html.escape(one_line(report.title))}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n")
    say(f"<h1>{html.escape(one_line(report.title))}</h1>\n<p>{html.escape(one_line(report.origin))}</p>\n")
    for section in report.sections:
        say(f"<h2>{html.escape(one_line(section.title))}</h2>\n")
        if section.rows:
            say(html_text(section.rows, section.columns))
        if section.draw is not None:
            drawn = _drawn(section.draw(), "svg").decode("utf-8")
            say(f"<figure>\n{drawn[drawn.index('<svg') :]}\n</figure>\n")
        if section.notes:
            say(
                '<ul class="notes">\n'
                + "".join(f"<li>{html.escape(one_line(n))}</li>\n" for n in section.notes)
                + "</ul>\n"
            )
    say("</body>\n</html>\n")
    return page.getvalue()


def _markdown(report: Report, out: Path) -> None:
    """The page, and its figures in ``NAME.figures/`` beside it: they are written first."""
    beside = out.with_name(out.stem + ".figures")
    lines = [f"# {markdown_cell(report.title)}", "", markdown_cell(report.origin), ""]
    for section in report.sections:
        lines += [f"## {markdown_cell(section.title)}", ""]
        if section.rows:
            lines += [markdown_text(section.rows, section.columns)]
        if section.draw is not None:
            beside.mkdir(exist_ok=True)
            _save(beside / f"{section.figure}.svg", _drawn(section.draw(), "svg"))
            lines += [f"![{section.figure}]({_link(beside.name)}/{section.figure}.svg)", ""]
        lines += [f"- {markdown_cell(text)}" for text in section.notes]
        lines.append("")
    _save(out, "\n".join(lines).encode("utf-8", "replace"))


def _link(name: str) -> str:
    from urllib.parse import quote

    return quote(name)


def _latex(report: Report) -> str:
    tables = [
        latex_text(section.rows, section.columns, title=section.title, notes=section.notes)
        for section in report.sections
        if section.rows
    ]
    return f"% {one_line(report.title)}: {one_line(report.origin)}\n" + "\n".join(tables)


def _csv(report: Report) -> str:
    for section in report.sections:
        if section.every:
            return csv_text(section.every)
    raise BadInput("there is no leaderboard to write yet", hint="workbench leaderboard says what is missing")
