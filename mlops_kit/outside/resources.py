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


def render_template(path: str, **names: str) -> str:
    """Return the text of the template `path` (relative to the templates) with each `@@name@@` replaced.

    Names only: a template holds no logic. Raises MlopsKitError when a name is left over.
    """
    text = (templates_root() / path).read_text(encoding="utf-8").replace("\r\n", "\n")
    for name, value in names.items():
        text = text.replace(f"@@{name}@@", value)
    if "@@" in text:
        raise MlopsKitError(f"template {path}: a name was not given: {text[text.index('@@') :][:40]}")
    return text
