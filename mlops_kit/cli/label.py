"""`mlops-kit label`: what to label, by whom, and what came of it."""

from __future__ import annotations

from importlib import import_module

import typer

# One file per command; each has `register(group)`.
PARTS: tuple[str, ...] = (
    "label_annotator",
    "label_check",
    "label_diff",
    "label_export",
    "label_import",
    "label_queue",
    "label_serve",
    "label_status",
)


def register(app: typer.Typer) -> None:
    """Add the command group to `app`."""
    group = typer.Typer(
        help="Labels: what to label next, by whom, and what came of it.", no_args_is_help=True
    )

    @group.callback()
    def _group() -> None:
        """Keep the commands names of their own."""

    for part in PARTS:
        import_module(f"mlops_kit.cli.{part}").register(group)
    app.add_typer(group, name="label")
