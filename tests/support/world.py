"""What stories and the demo share: a project, a wheel of this checkout, and an environment for CI runs without network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Taken when this module is first imported, before a test gets a HOME of its own: uv's cache holds what `make` installed.
UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")


def run_kit(*args: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line of this checkout."""
    environment = {**os.environ, "COLUMNS": "120"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-m", "mlops_kit", *args], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if check and done.returncode:
        raise AssertionError(
            f"mlops-kit {' '.join(args)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done


def git(folder: Path, *args: str) -> str:
    """Run git in a folder and return its output."""
    done = subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"git {' '.join(args)} ended with {done.returncode}: {done.stderr}")
    return done.stdout.strip()


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def pin_to_installed(project: Path) -> None:
    """Constrain a project to the versions installed here, the only ones that uv can find without network."""
    pins = sorted(f"{d.name}=={d.version}" for d in distributions() if d.name.lower() != "dvc-mlops-kit")
    path = project / "pyproject.toml"
    lines = "".join(f'  "{pin}",\n' for pin in dict.fromkeys(pins))
    text = path.read_text().replace(
        "[tool.uv]\npackage = false\n", f"[tool.uv]\npackage = false\nconstraint-dependencies = [\n{lines}]\n"
    )
    path.write_text(text)


def ci_environment(wheels: Path, environment: Path) -> dict[str, str]:
    """Return variables for CI runs: uv works offline with this wheel, in one environment that all runs share."""
    return {
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": str(wheels),
        "UV_CACHE_DIR": UV_CACHE,
        "UV_PROJECT_ENVIRONMENT": str(environment),
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PYTHON": sys.executable,
    }


def clone(url: str, folder: Path, name: str) -> Path:
    """Clone a repository and set the identity of `name` in it."""
    subprocess.run(["git", "clone", "-q", url, str(folder)], check=True, capture_output=True)
    git(folder, "config", "user.name", name)
    git(folder, "config", "user.email", f"{name}@localhost")
    return folder


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = path.read_text()
    assert old in text, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new))


def fresh_folder(path: Path) -> Path:
    """Return an empty folder."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
