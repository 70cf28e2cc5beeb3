"""The command line: parses, calls one library function, prints, sets the exit code."""

from __future__ import annotations

import sys
from importlib import import_module

# One file per command group; each has `register(app)`.
GROUPS = (
    "init",
    "adopt",
    "acquire",
    "data",
    "label",
    "plan",
    "run",
    "stats",
    "why",
    "compare",
    "log",
    "sweep",
    "reproduce",
    "restore",
    "kpi",
    "generate",
    "lint",
    "eject",
    "diff",
    "update",
    "push",
    "pull",
    "merge",
    "fsck",
    "ci",
    "doctor",
    "help",
)

EPILOG = "Exit codes: `mlops-kit help exit-codes`. Each command has examples: `mlops-kit COMMAND --help`."


def main() -> None:
    """Run the command line and end the process with the exit code of what happened."""
    from mlops_kit.cli.edge import run_guarded

    sys.exit(run_guarded(sys.argv[1:]))


def build_app() -> object:
    """Return the typer application with every command group."""
    import typer

    app = typer.Typer(
        name="mlops-kit",
        help="git push is the MLOps platform: plain DVC stages for the whole lifecycle, rerun and compared on each commit.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def options(
        version: bool = typer.Option(
            False, "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
        ),
    ) -> None:
        """Options of all commands."""

    for group in GROUPS:
        import_module(f"mlops_kit.cli.{group}").register(app)
    return app


def _print_version(value: bool) -> None:
    if value:
        import typer

        from mlops_kit import __version__

        typer.echo(f"mlops-kit {__version__}")
        raise typer.Exit
