"""Rebuild, or with --check compare, the documentation that is made from the code.

python scripts/reference.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from mlops_kit.cli.help import exit_code_table, step_table
from mlops_kit.data.rules.reference import describe_rules
from mlops_kit.labels.events.rules import describe_label_rules
from mlops_kit.report.run_events import describe_events
from mlops_kit.spec.reference import render_reference

DOCS = Path(__file__).resolve().parent.parent / "docs" / "reference"


def pages() -> dict[str, str]:
    made = "Made from the code; do not edit, run `make generate`."
    return {
        "project-files.md": render_reference(),
        "clean-rules.md": f"# Rules of cleaning\n\n{made} How they are used: [cleaning](../how-to/clean.md).\n\n{describe_rules()}",
        "exit-codes.md": f"# Exit codes\n\n{made}\n\n```\n{exit_code_table()}\n```\n",
        "label-rules.md": f"# Rules of label events\n\n{made} What they mean in practice: [label events](../how-to/labels-events.md).\n\n{describe_label_rules()}",
        "run-events.md": f"# Events of a run\n\n{made}\n\n{describe_events()}",
        "steps.md": f"# Built-in steps\n\n{made} The keys of `params.yaml` stand in each step's own file, which\n`mlops-kit eject STAGE` copies to yours.\n\n```\n{step_table()}\n```\n",
    }


def main() -> int:
    behind = [
        name
        for name, text in pages().items()
        if not (DOCS / name).exists() or (DOCS / name).read_text() != text
    ]
    if "--check" in sys.argv:
        print(
            f"not up to date: {', '.join(behind)}; run: make generate"
            if behind
            else "reference pages are up to date"
        )
        return 1 if behind else 0
    DOCS.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (DOCS / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
