"""``workbench select`` and ``workbench selections``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.context import context, note, print_json, print_report, print_table
from workbench.cli.progress import terminal_progress
from workbench.cli.running import Bench, DryRun, Json, alone, go, names

if TYPE_CHECKING:
    from workbench.progress import StageReport
    from workbench.select.stored import Coverage

selections_app = typer.Typer(help="List selections, and what one covers.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Examples: workbench select --top-k 10 --diversity 0.1 --control 5 --name first --report; "
        "workbench select --extend first --top-k 20; workbench select --metric bertscore-f1 --quota math=3,coding=2; "
        "workbench select --method mad-judges --judges gpt-4o,llama --top-k 20; "
        "workbench select --method label-next --goal ranking --items 200"
    )(select)
    app.add_typer(selections_app, name="selections")


def select(
    ctx: typer.Context,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="mad (arXiv 2404.08008); mad-judges: where two judges disagree most; label-next: what a vote would "
            "teach most.",
        ),
    ] = "mad",
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, help="Items for each pair of models, or of judges. [default: 10]")
    ] = None,
    diversity: Annotated[
        float,
        typer.Option("--diversity", min=0.0, help="λ: weight of unlikeness among the chosen questions."),
    ] = 0.0,
    across: Annotated[
        bool, typer.Option("--across", help="mad: λ also counts questions chosen for other pairs of models.")
    ] = False,
    metric: Annotated[
        str, typer.Option("--metric", help="Similarity to select by: embedding, bertscore-f1, judge, rouge-l, …")
    ] = "embedding",
    metric_version: Annotated[
        str | None, typer.Option("--metric-version", help="Which version of the metric, where there are several.")
    ] = None,
    embedder: Annotated[
        str, typer.Option("--embedder", "--model", help="Embedder of the metric embedding, and of questions for λ.")
    ] = "hashing",
    models: Annotated[
        str | None, typer.Option("--models", help="Only pairs of these models, separated by commas.")
    ] = None,
    bench: Bench = None,
    per_category: Annotated[
        int | None, typer.Option("--per-category", min=1, help="mad: so many of each category, in place of --top-k.")
    ] = None,
    quota: Annotated[
        str | None, typer.Option("--quota", help="mad: items by category, e.g. math=3,coding=2, in place of --top-k.")
    ] = None,
    mode: Annotated[
        str, typer.Option("--mode", help="corrected, or compat for the published filters to the letter.")
    ] = "corrected",
    control: Annotated[
        int, typer.Option("--control", min=0, help="Also draw N random items a pair as a control arm.")
    ] = 0,
    name: Annotated[str | None, typer.Option("--name", help="What to call this selection.")] = None,
    extend: Annotated[
        str | None,
        typer.Option(
            "--extend", help="mad: keep this selection's items, and add pairs of new models, or up to --top-k."
        ),
    ] = None,
    goal: Annotated[
        str, typer.Option("--goal", help="label-next: ranking, disagreement (of judges), or both.")
    ] = "ranking",
    items: Annotated[
        int | None, typer.Option("--items", min=1, help="label-next: items in all. Default: --top-k a pair.")
    ] = None,
    judges: Annotated[
        str | None,
        typer.Option("--judges", help="label-next: judges to go by (default: all); mad-judges: two or more."),
    ] = None,
    overlap: Annotated[
        bool, typer.Option("--overlap", help="label-next: also items that somebody voted on already.")
    ] = False,
    report: Annotated[bool, typer.Option("--report", help="Also say what the selection covers.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Pick the pairs of answers that are worth a human's time.

    mad: the answers that are least alike (MAD competition). mad-judges: those on which two judges disagree most.
    label-next: the comparisons that most shrink the ranking's uncertainty, or on which judges disagree; needs no
    similarities, and works with or without votes and verdicts. The same again changes nothing.
    """
    values = {
        "method": method.replace("_", "-"), "top_k": top_k, "diversity": diversity, "across": across, "metric": metric,
        "metric_version": metric_version, "embedder": embedder, "models": names(models), "bench": bench,
        "per_category": per_category, "quota": names(quota), "mode": mode, "control": control, "name": name,
        "extend": extend, "goal": goal, "items": items, "judges": names(judges), "overlap": overlap,
    }  # fmt: skip
    if dry_run or not report:
        go(ctx, "select", values, detach=False, dry=dry_run, as_json=as_json)
    else:
        _reported(ctx, values, as_json=as_json)


def _reported(ctx: typer.Context, values: dict[str, Any], *, as_json: bool) -> None:
    from workbench.select.stored import coverage
    from workbench.stages import make_spec
    from workbench.worker import run_here

    spec = make_spec("select", values)
    with context(ctx).open() as store:
        with terminal_progress() as progress:
            report: StageReport = run_here(store, "select", spec, progress)
        found = None if report.cancelled else coverage(store, spec.shown_name)
    if as_json:
        print_json({"report": report, "coverage": found})
        return
    print_report(report, as_json=False)
    if found is not None:
        print_coverage(found)


@selections_app.callback(epilog="Example: workbench selections show latest")
def selections_top(ctx: typer.Context, as_json: Json = False) -> None:
    if alone(ctx, as_json=as_json):
        selections_list(ctx, as_json=as_json)


@selections_app.command("list", epilog="Example: workbench selections list --json")
def selections_list(ctx: typer.Context, as_json: Json = False) -> None:
    """Selections, newest first. A name means the newest of that name."""
    from workbench.select.stored import list_selections

    with context(ctx).open() as store:
        rows = list_selections(store)
    if as_json:
        print_json(rows)
        return
    columns = [
        "name", "selection_id", "method", "metric", "mode", "diversity", "k", "pairs", "items", "control", "votes",
        "created_at",
    ]  # fmt: skip
    print_table(columns, [[r["selection_id"][:8] if c == "selection_id" else r[c] for c in columns] for r in rows])


@selections_app.command("show", epilog="Example: workbench selections show first --json")
def selections_show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name or id of a selection, or latest.")] = "latest",
    as_json: Json = False,
) -> None:
    """What a selection covers: filters, similarities, categories, and what pairs of models share.

    Filters and similarities are of the answers as they are now.
    """
    from workbench.select.stored import coverage

    with context(ctx).open() as store:
        found = coverage(store, name)
    if as_json:
        print_json(found)
    else:
        print_coverage(found)


def print_coverage(found: Coverage) -> None:
    """The report as tables on standard output, what goes with them on standard error."""
    from workbench.select.pool import FILTERS

    by = f" by {found.metric} ({found.metric_version})" if found.metric_version else ""
    how = f"{found.method}{by}, {found.mode}, λ = {found.diversity:g}"
    note(f"selection {found.name} ({found.selection_id[:8]}): {found.items:,} items, {how}")
    filters = [key for key in FILTERS if any((pair.dropped or {}).get(key) for pair in found.pairs)]
    rows = [
        [p.model_a, p.model_b, p.items, *((p.dropped or {}).get(key) for key in filters), p.pool, p.selected, p.control]
        for p in found.pairs
    ]
    print_table(["model_a", "model_b", "items", *filters, "pool", "selected", "control"], rows, title="Pairs of models")
    if found.histogram:
        h = found.histogram
        most = max(h.pool, default=0) or 1
        bars = [
            [f"{h.edges[i]:.3f} – {h.edges[i + 1]:.3f}", n, h.selected[i], h.control[i], "█" * round(30 * n / most)]
            for i, n in enumerate(h.pool)
        ]
        print_table(["similarity", "pool", "selected", "control", ""], bars, title="Similarities")
        if h.unread:
            note(f"{h.unread:,} similarities could not be read from the judge's text: they are in no bin")
    print_table(
        ["category", "questions", "pool", "selected", "items"],
        [[c.category, c.questions, c.pool, c.selected, c.items] for c in found.categories],
        title="Categories",
    )
    share = "" if found.share is None else f" ({100 * found.share:.1f} % of those that could be)"
    note(f"{found.selected_questions:,} of {found.questions:,} questions selected{share}; "
         f"{found.repeated:,} of them for two pairs of models or more")  # fmt: skip
    if found.overlaps:
        shared = [[" · ".join(o.pair_a), " · ".join(o.pair_b), o.shared] for o in found.overlaps[:10]]
        print_table(["pair", "other pair", "shared questions"], shared, title="Most shared")
