"""`mlops-kit help TOPIC`: what does not belong to one command."""

from __future__ import annotations

import typer

from mlops_kit.errors import EXIT_MEANINGS, UsageError

TOPICS = ("exit-codes", "steps")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("help")(show_help)


def show_help(
    topic: str = typer.Argument(..., help="exit-codes or steps", autocompletion=lambda: list(TOPICS)),
) -> None:
    """Explain a topic: `exit-codes`, or the built-in `steps` that mlops.yaml may name.

    Examples:

        mlops-kit help exit-codes

        mlops-kit help steps
    """
    if topic not in TOPICS:
        raise UsageError(f"no help topic `{topic}`", fix=f"one of: {', '.join(TOPICS)}")
    typer.echo(exit_code_table() if topic == "exit-codes" else step_table())


def exit_code_table() -> str:
    """Return the exit codes with their meanings, a line each."""
    return "\n".join(f"{int(code):>4}  {meaning}" for code, meaning in EXIT_MEANINGS.items())


def step_table() -> str:
    """Return the built-in steps, a line each: name, what it reads and writes, what it does."""
    from mlops_kit.steps.catalog import CATALOG, module_file
    from mlops_kit.steps.contract import read_contract

    lines = []
    for name, module in CATALOG.items():
        contract = read_contract(module_file(module))
        reads = ", ".join(ref.name for ref in contract.inputs) or "its source"
        writes = ", ".join(ref.name for ref in contract.outputs)
        lines.append(f"{name}\n    {contract.summary}\n    reads {reads}; writes {writes}")
    return "\n".join(lines)
