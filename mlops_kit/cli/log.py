"""`mlops-kit log`: metrics over commits, branches and tags."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.cli.light import add_command, argument, option
from mlops_kit.cli.place import check_place, form_of, print_text, write_text
from mlops_kit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from mlops_kit.compare.history import History
    from mlops_kit.report.history_text import Line

# Width of a table that goes into a file or a pipe, where there is no terminal to fit.
PIPE_WIDTH = 120
COLOURS = {"dim": "2", "bold": "1", "good": "32", "bad": "31", "warn": "33"}


METRICS = argument(
    None, help="Metrics by name, `file:name` or glob such as 'roc_*'. What fits by default, KPIs first."
)
MAX_COUNT = option(20, "--max-count", "-n", least=0, help="At most this many rows; 0 for all.")
REV = option(
    None, "--rev", help="Revision or range such as main..HEAD; may be given several times. HEAD by default."
)
BRANCHES = option(False, "--all-branches", "-a", help="A row for each branch instead of a history.")
TAGS = option(False, "--tags", "-T", help="A row for each tag instead of a history.")
COMMITS = option(False, "--all-commits", "-A", help="The history of all branches and tags.")
FIRST_PARENT = option(
    True, "--first-parent/--no-first-parent", help="Take a merged branch as one commit, or list its commits."
)
SINCE = option("", "--since", help="Only commits after this date, as in git: '2 weeks ago'.")
CHANGES = option(
    False, "--changes", help="Only commits at which a shown metric changed, not those with a branch or tag."
)
EVERY = option(False, "--every-commit", help="Also commits at which nothing changed.")
ALL = option(False, "--all", help="All metrics, in as many tables as it takes.")
SPARK = option(False, "--spark", help="A sparkline for each metric instead of the table.")
JSON = option(False, "--json", help="Print JSON.")
HTML = option(False, "--html", help="Print a self-contained HTML page with charts.")
OUTPUT = option(None, "--output", "-o", help="Write to this file instead.")
REPO = option(Path(), "--repo", help="Folder of the DVC repository.")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    add_command(app, log)


def log(
    metrics: list[str] = METRICS,
    max_count: int = MAX_COUNT,
    rev: list[str] = REV,
    all_branches: bool = BRANCHES,
    tags: bool = TAGS,
    all_commits: bool = COMMITS,
    first_parent: bool = FIRST_PARENT,
    since: str = SINCE,
    changes: bool = CHANGES,
    every_commit: bool = EVERY,
    show_all: bool = ALL,
    spark: bool = SPARK,
    as_json: bool = JSON,
    as_html: bool = HTML,
    output: Path | None = OUTPUT,
    repo: Path = REPO,
) -> int:
    """Show metrics over commits, branches and tags: what changed when, and which commit was the best.

    Works in any repository with a dvc.yaml, whether git or DVC keeps the metrics. By default the last 20 commits of the branch at
    which a metric changed or that a branch or tag names, and the work tree if its metrics differ. `*` is the best value, `?` one
    that could not be read.

    Exit codes: 0 fine, 4 something could not be read.

    Examples:

        mlops-kit log roc_auc 'log_*'

        mlops-kit log --tags              (release by release)

        mlops-kit log --rev main..HEAD --spark

        mlops-kit log -n 200 --html -o history.html
    """
    from mlops_kit.compare.history import exit_code
    from mlops_kit.project.log import LogOptions, Rows, read_log

    form = _form(output, spark=spark, as_json=as_json, as_html=as_html)
    if changes and every_commit:
        raise UsageError("--changes and --every-commit exclude each other", fix="choose one")
    rows: Rows = "changed" if changes else "every" if every_commit else "named"
    start = (tuple(rev or ()), all_branches, tags, all_commits)
    options = LogOptions(tuple(metrics or ()), max_count, *start, first_parent, since, rows)
    with _Progress() as progress:
        history = read_log(repo.resolve(), options, progress.show)
    text = _render(history, form, every=show_all or bool(metrics), to_file=output is not None)
    if output is None and form in ("table", "spark"):
        print_text(text)
    else:
        write_text(text, output)
    return exit_code(history)


def _form(output: Path | None, *, spark: bool, as_json: bool, as_html: bool) -> str:
    chosen = [name for name, on in (("spark", spark), ("json", as_json), ("html", as_html)) if on]
    if len(chosen) > 1:
        raise UsageError("--spark, --json and --html exclude each other", fix="choose one")
    if output:
        check_place(output)
    known = {".txt": "table", ".json": "json", ".html": "html", ".htm": "html"}
    return chosen[0] if chosen else form_of(output, known) if output else "table"


def _render(history: History, form: str, *, every: bool, to_file: bool) -> str:
    if form == "json":
        from mlops_kit.report import history_json

        return history_json.dumps(history)
    if form == "html":
        from mlops_kit.report import history_html

        return history_html.render(history)
    from mlops_kit.report import history_text

    width = _width(to_file=to_file)
    plain = not to_file and not _can_print(history_text.BARS)
    lines = (
        history_text.sparklines(history, width, plain=plain)
        if form == "spark"
        else history_text.table(history, width, every=every)
    )
    colours = not to_file and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return _paint(lines) if colours else history_text.join(lines)


def _width(*, to_file: bool) -> int:
    if not to_file and (sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()):
        return shutil.get_terminal_size().columns
    return PIPE_WIDTH


def _can_print(signs: str) -> bool:
    """Return whether the terminal's encoding has `signs`."""
    try:
        signs.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _paint(lines: Sequence[Line]) -> str:
    return "".join(
        "".join(f"\x1b[{COLOURS[style]}m{text}\x1b[0m" if style and text else text for text, style in line)
        + "\n"
        for line in lines
    )


class _Progress:
    """Says on a terminal how far a long history has been read; keeps silent elsewhere and about short ones."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._shown = False

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, count: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - self._started > 0.5:
            self._shown = True
            sys.stderr.write(f"\rread {count:,} commits")
            sys.stderr.flush()
