"""The workflow that an adopted repository gets. Pure but for the template."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable

from mlops_kit import __version__
from mlops_kit.outside.resources import render_template
from mlops_kit.project.adopt.environment import install_lines, plugins_for
from mlops_kit.project.adopt.model import Automation, Environment, Survey

_CREDENTIALS = {
    "dvc-s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "dvc-gs": ("GOOGLE_APPLICATION_CREDENTIALS_DATA",),
    "dvc-gdrive": ("GDRIVE_CREDENTIALS_DATA",),
    "dvc-azure": ("AZURE_STORAGE_CONNECTION_STRING",),
    "dvc-oss": ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"),
}


def workflow_path(survey: Survey) -> str:
    """Return where the workflow goes, relative to the top; a DVC root in a sub-folder has one of its own."""
    suffix = "-" + re.sub(r"[^A-Za-z0-9]+", "-", survey.prefix).strip("-").lower() if survey.prefix else ""
    return f".github/workflows/mlops-kit{suffix}.yml"


def render_workflow(survey: Survey, environment: Environment, automation: Automation) -> str:
    """Return the text of the workflow; empty when a name in it could change its meaning (an expression of GitHub)."""
    folder = survey.prefix or "."
    plugins = plugins_for(automation.remotes)
    package = shlex.quote(f"dvc-mlops-kit=={__version__}")
    cache = f"{survey.prefix}/.dvc/cache" if survey.prefix else ".dvc/cache"
    lines = install_lines(environment)
    if any("${{" in text or "@@" in text or "\n" in text for text in (folder, survey.branch, *lines)):
        return ""
    return render_template(
        "ci/github/adopted.yml",
        name="mlops-kit"
        + (f" {json.dumps(survey.prefix)[1:-1]}" if survey.prefix.replace("/", "").isalnum() else ""),
        branch=json.dumps(survey.branch, ensure_ascii=False),
        install="\n".join(f"          {line}" for line in lines),
        kit=" ".join([package, *(f"--with {plugin}" for plugin in plugins)]),
        package=package,
        cache=json.dumps(cache, ensure_ascii=False),
        folder=shlex.quote(folder),
        credentials=_credentials(plugins),
    )


def _credentials(plugins: Iterable[str]) -> str:
    names = [name for plugin in plugins for name in _CREDENTIALS.get(plugin, ())]
    if not names:
        return "          # secrets that a DVC remote or a stage needs: NAME: ${{ secrets.NAME }}"
    lines = [f"          # {name}: ${{{{ secrets.{name} }}}}" for name in names]
    return "\n".join(
        ["          # The DVC remote needs these; add the secrets, then remove the `#`:", *lines]
    )
