"""Where things lie, seen from a stage: the project, its folders that are no input (environment, caches), the system, the rest."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from functools import lru_cache
from pathlib import Path

import mlops_kit

# Folders of tools. Nothing in them is an input of a stage; most are large.
TOOL_FOLDERS = frozenset({
    ".git", ".dvc", ".hg", ".svn", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox",
    ".ipynb_checkpoints", ".idea", ".vscode", ".import_linter_cache",
})  # fmt: skip
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/proc", "/sys", "/dev", "/run", "/nix", "/gnu",
           "/var/cache/fontconfig", "/var/lib/dbus", "/System", "/Library", "/private/etc", "/private/var/db")  # fmt: skip
_HOME_CACHES = (
    ".cache/matplotlib",
    ".cache/fontconfig",
    ".cache/uv",
    ".fonts",
    ".local/share/fonts",
    ".fontconfig",
)


class Places:
    """Tells what a path is to the project at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self._prefix = _with_separator(self.root)
        self.libraries = tuple(_with_separator(path) for path in _library_folders())
        self.system = tuple(_with_separator(path) for path in _system_folders())
        # What most opens are of: one test of a text against a tuple. A project in /tmp or /opt must not be skipped with it.
        self.uninteresting = tuple(
            path for path in (*self.libraries, *self.system) if not self._prefix.startswith(path)
        )
        self.relative = lru_cache(maxsize=4096)(self._relative)

    # relative(path): absolute `path` relative to the project, with forward slashes, byte code as its source; None when it is not
    # in the project or belongs to a tool or a library there.

    def is_inside(self, path: str) -> bool:
        """Return whether absolute `path` is the project's folder or in it."""
        return path.startswith(self._prefix) or path == self.root

    def _relative(self, path: str) -> str | None:
        if path == self.root:
            return ""
        if not path.startswith(self._prefix) or _is_below(path, self.libraries):
            return None
        inner = path[len(self._prefix) :].replace(os.sep, "/")
        parts = inner.split("/")
        if any(part in TOOL_FOLDERS or part.endswith((".egg-info", ".dist-info")) for part in parts):
            return None
        return _source_of(inner)

    def is_library(self, path: str) -> bool:
        """Return whether `path` is code or data of an installed package or of Python."""
        return path.startswith(self.libraries) or "site-packages" in path or "dist-packages" in path

    def is_system(self, path: str) -> bool:
        """Return whether `path`, which is outside of the project, is nothing of the user's: the system, Python, a temporary file."""
        return _is_below(path, self.system) or self.is_library(path)


def home_caches() -> list[str]:
    """Return folders below the user's home that hold no data: caches of fonts and of installed packages."""
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE")
    uv = [os.environ["UV_CACHE_DIR"]] if os.environ.get("UV_CACHE_DIR") else []
    return [*(f"{home}/{cache}" for cache in _HOME_CACHES if home), *uv]


def _system_folders() -> list[str]:
    windows = [os.environ[name] for name in ("SYSTEMROOT", "WINDIR") if os.environ.get(name)]
    temporary = [tempfile.gettempdir(), os.path.realpath(tempfile.gettempdir())]
    return [*SYSTEM_FOLDERS, *home_caches(), *windows, *temporary]


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    return path.startswith(folders) or path + os.sep in folders


def _library_folders() -> list[str]:
    package = Path(mlops_kit.__file__).resolve().parent
    folders = [
        sys.prefix,
        sys.exec_prefix,
        sys.base_prefix,
        sys.base_exec_prefix,
        package,
        package.parent / "templates",
    ]
    folders += [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    names = [str(path) for path in folders]
    found = {*names, *(os.path.realpath(name) for name in names)}
    return sorted(path for path in found if path not in ("/", ""))


def _with_separator(path: str) -> str:
    return path.rstrip("/\\") + os.sep


def _source_of(inner: str) -> str:
    """Return the module's source for its byte code, and any other path as it is."""
    folder, _, name = inner.rpartition("/")
    if name.endswith(".pyc") and (folder == "__pycache__" or folder.endswith("/__pycache__")):
        return folder.removesuffix("__pycache__") + name.split(".")[0] + ".py"
    return inner
