"""What a project is called."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.spec.names import LIFECYCLE


def project_name(root: Path) -> str:
    """Return the name of the project, or of its folder when it is none of ours."""
    if (root / LIFECYCLE).exists():
        from mlops_kit.spec.load import read_lifecycle

        return read_lifecycle(root).project.name
    return root.resolve().name
