"""The packaged templates: the one place that knows where they are."""

from __future__ import annotations

from pathlib import Path

from mlops_kit.errors import MlopsKitError


def templates_root() -> Path:
    """Return the folder of the templates: inside the installed package, or beside it in a checkout.

    Raises MlopsKitError when neither is there (a damaged installation).
    """
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "templates", package.parent / "templates"):
        if (candidate / "common").is_dir() or (candidate / "ci").is_dir():
            return candidate
    raise MlopsKitError(
        f"the templates are missing from the installation at {package}",
        fix="pip install --force-reinstall dvc-mlops-kit",
    )
