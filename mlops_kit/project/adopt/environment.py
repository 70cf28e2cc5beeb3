"""The project's own environment and CI: which files say how it is made, on which host it lives."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.dvcconfig import read_config
from mlops_kit.artifacts.values import load_foreign_yaml
from mlops_kit.errors import SpecError
from mlops_kit.outside import git
from mlops_kit.project.adopt.model import Automation, Environment, Survey

MAX_BYTES = 4 << 20
_VERSION = re.compile(r"3\.\d{1,2}")
_CML = re.compile(
    r"iterative/setup-cml|\bcml[ -](?:comment|send-comment|publish|runner|pr|tensorboard-dev)\b"
)
_REQUIREMENTS = (
    "requirements.txt",
    "requirements/base.txt",
    "requirements/requirements.txt",
    "requirements.in",
)
_CONDA = ("environment.yml", "environment.yaml", "conda.yaml", "conda.yml")
# DVC remotes by the scheme of their address, and the package that DVC needs for them.
_PLUGINS = {
    "s3": "dvc-s3", "gs": "dvc-gs", "gdrive": "dvc-gdrive", "azure": "dvc-azure", "ssh": "dvc-ssh", "hdfs": "dvc-hdfs",
    "webhdfs": "dvc-webhdfs", "oss": "dvc-oss", "webdav": "dvc-webdav", "webdavs": "dvc-webdav",
}  # fmt: skip


def understand_environment(survey: Survey) -> Environment:
    """Return how the project's environment is made: the first of lock file, tool section and plain list that is there.

    Files at the top of the repository count, and those in the DVC root.
    """
    for folder in dict.fromkeys((survey.prefix, "")):
        found = _environment_in(survey.top, f"{folder}/" if folder else "")
        if found.kind:
            return found
    nested = [name for name in survey.files if name.rpartition("/")[2] in ("requirements.txt", *_CONDA)]
    if nested:
        first, *others = sorted(nested, key=lambda name: (name.count("/"), name))
        kind = "requirements" if first.endswith(".txt") else "conda"
        return Environment(kind, survey.from_top(first), _python(survey.top, "", {}), others=tuple(others))
    return Environment(python=_python(survey.top, "", {}))


def _environment_in(top: Path, lead: str) -> Environment:
    project = _toml(top / f"{lead}pyproject.toml")
    table, tool = project.get("project") or {}, project.get("tool") or {}
    poetry = tool.get("poetry") or {}
    installable = (
        "build-system" in project and bool(table or poetry.get("name")) and poetry.get("package-mode", True)
    )
    python = _python(top, lead, project)
    if (top / f"{lead}uv.lock").is_file():
        return Environment("uv", f"{lead}uv.lock", python, installable)
    if poetry.get("dependencies") or (top / f"{lead}poetry.lock").is_file():
        return Environment(
            "poetry", f"{lead}pyproject.toml", python, installable and _has_package(top, lead, project)
        )
    if table.get("dependencies") or "dependencies" in (table.get("dynamic") or ()):
        return Environment("pyproject", f"{lead}pyproject.toml", python, installable)
    if (top / f"{lead}Pipfile").is_file():
        return Environment("pipenv", f"{lead}Pipfile", python)
    for name in _REQUIREMENTS:
        if (top / lead / name).is_file():
            packaged = installable or (top / f"{lead}setup.py").is_file()
            return Environment("requirements", f"{lead}{name}", python, packaged)
    for name in _CONDA:
        if (top / lead / name).is_file():
            return Environment("conda", f"{lead}{name}", _conda_python(top / lead / name) or python)
    if (top / f"{lead}setup.py").is_file():
        return Environment("setup", f"{lead}setup.py", python, installable=True)
    return Environment("pyproject", f"{lead}pyproject.toml", python, installable) if table else Environment()


def _has_package(top: Path, lead: str, project: Mapping[str, Any]) -> bool:
    """Return whether the package that poetry would install is there; without it `poetry install` fails."""
    poetry = (project.get("tool") or {}).get("poetry") or {}
    name = str(poetry.get("name") or (project.get("project") or {}).get("name") or "").replace("-", "_")
    return bool(poetry.get("packages")) or any(
        (top / lead / folder / name).is_dir() for folder in ("", "src") if name
    )


def _python(top: Path, lead: str, project: Mapping[str, Any]) -> str:
    """Return the Python version that the project names: .python-version, else the lowest that its metadata allows."""
    for name in (f"{lead}.python-version", f"{lead}runtime.txt"):
        if found := _VERSION.search(_text(top / name)):
            return found[0]
    poetry = ((project.get("tool") or {}).get("poetry") or {}).get("dependencies") or {}
    asked = str((project.get("project") or {}).get("requires-python") or poetry.get("python") or "")
    found = _VERSION.search(asked)
    return found[0] if found else ""


def _conda_python(path: Path) -> str:
    try:
        value = load_foreign_yaml(_text(path), path.name) or {}
    except SpecError:
        return ""
    listed = value.get("dependencies") if isinstance(value, dict) else None
    for item in listed if isinstance(listed, list) else []:
        if (
            isinstance(item, str)
            and item.replace(" ", "").startswith("python=")
            and (found := _VERSION.search(item))
        ):
            return found[0]
    return ""


def understand_automation(survey: Survey) -> Automation:
    """Return the CI that is there, which of it uses CML, where the repository lives, and DVC's remotes."""
    workflows = [name for name in survey.others if name.startswith(".github/workflows/")]
    gitlab = [name for name in survey.others if name == ".gitlab-ci.yml"]
    rest = [
        name
        for name in survey.others
        if name in ("Jenkinsfile", "azure-pipelines.yml", "bitbucket-pipelines.yml", ".circleci/config.yml")
    ]
    files = [*workflows, *gitlab, *rest]
    address = git.remote_url(survey.top)
    host = "github"
    if "gitlab" in address or (gitlab and not workflows and "github" not in address):
        host = "gitlab"
    elif address and "github" not in address and not workflows and "://" in address.replace("git@", "://"):
        host = "other" if rest else "github"
    config = survey.root / ".dvc/config"
    remotes = read_config(_text(config)).remotes if config.is_file() else {}
    cml = tuple(name for name in files if _CML.search(_text(survey.top / name)))
    return Automation(host, tuple(files), cml, remotes)


def plugins_for(remotes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the packages that DVC needs to reach `remotes` (name -> url)."""
    schemes = {url.partition("://")[0] for url in remotes.values() if "://" in url}
    return tuple(sorted({_PLUGINS[scheme] for scheme in schemes if scheme in _PLUGINS}))


def install_lines(environment: Environment) -> tuple[str, ...]:
    """Return the shell lines that make the environment in the folder `$VIRTUAL_ENV`, for CI; uv is there."""
    file = shlex.quote(environment.file)
    folder = shlex.quote(environment.file.rpartition("/")[0] or ".")
    pip = 'uv pip install --python "$VIRTUAL_ENV"'
    itself = (f"{pip} --editable {folder}",) if environment.installable else ()
    python = f" --python {environment.python}" if environment.python else ""
    make = f'uv venv{python} "$VIRTUAL_ENV"'
    lines: dict[str, tuple[str, ...]] = {
        "uv": (f'UV_PROJECT_ENVIRONMENT="$VIRTUAL_ENV" uv sync --project {folder} --locked{python}',),
        "poetry": (make, f"uvx poetry --directory {folder} install{'' if itself else ' --no-root'}"),
        "pyproject": (make, f"{pip} --requirement {file}", *itself),
        "pipenv": (make, f"PIPENV_PIPFILE={file} PIPENV_VERBOSITY=-1 uvx pipenv install"),
        "requirements": (make, f"{pip} --requirement {file}", *itself),
        "conda": (f'"$CONDA/bin/conda" env create --quiet --prefix "$VIRTUAL_ENV" --file {file}',),
        "setup": (make, *itself),
    }
    return lines.get(environment.kind, (make,))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError:
        return {}


def _text(path: Path) -> str:
    """Return the text of a small file, empty when there is none."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return ""
    return path.read_text(encoding="utf-8", errors="replace")
