"""Where DVC keeps content: the cache, and remotes that are folders. Read directly, because loading DVC costs a second."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.dvcconfig import DvcConfig, read_config
from mlops_kit.errors import BadDataError
from mlops_kit.outside import git

DIRECTORY = ".dir"


@dataclass(frozen=True)
class Store:
    """The folders that may hold an object, the cache first."""

    folders: tuple[Path, ...]
    elsewhere: bool = False
    """Whether a remote is configured that is no folder, so that DVC may find what the folders lack."""

    def find(self, digest: str) -> Path | None:
        """Return the file with the content of MD5 `digest` (`….dir` for the listing of a folder), None if no folder has it."""
        if len(digest) < 32:
            return None
        for folder in self.folders:
            for path in (
                folder / "files" / "md5" / digest[:2] / digest[2:],
                folder / digest[:2] / digest[2:],
            ):
                if path.is_file():
                    return path
        return None

    def read(self, digest: str) -> bytes | None:
        """Return the content of MD5 `digest`, None if no folder has it. Raises BadDataError when it is not that content."""
        path = self.find(digest)
        if path is None:
            return None
        content = path.read_bytes()
        check_content(content, digest, path)
        return content

    def listing(self, digest: str) -> dict[str, str] | None:
        """Return path below the folder -> MD5 for the folder `digest` (`….dir`), None if its listing is not here."""
        content = self.read(digest)
        if content is None:
            return None
        import json

        return {str(entry["relpath"]): str(entry["md5"]) for entry in json.loads(content) if "md5" in entry}


def check_content(content: bytes, digest: str, path: Path) -> None:
    """Raise BadDataError when `content`, read from `path`, does not have the MD5 `digest`.

    DVC before 3 took the hash of texts with Unix line ends, so that counts too.
    """
    import hashlib

    wanted = digest.removesuffix(DIRECTORY)
    for form in (content, content.replace(b"\r\n", b"\n")):
        if hashlib.md5(form, usedforsecurity=False).hexdigest() == wanted:
            return
    raise BadDataError(
        f"{path} is damaged: its content does not have the hash in its name",
        fix=f'rm -f "{path}" and fetch it again: dvc fetch, or dvc repro',
    )


def open_store(root: Path) -> Store:
    """Return the store of the DVC repository at `root`. In a linked work tree the main one's cache counts too."""
    dvc = root / ".dvc"
    local = _remotes(dvc / "config", dvc / "config.local")
    urls = [url.removeprefix("file://") for url in local.remotes.values()]
    folders = [dvc / local.cache_dir, *(dvc / url for url in urls if url and "://" not in url)]
    main = git.main_work_tree(root)
    if main is not None:
        folders.append(main / ".dvc" / local.cache_dir)
    shared = _remotes(*_user_configs())
    return Store(tuple(folders), any("://" in url for url in urls) or bool(shared.remotes))


def read_settings(root: Path) -> DvcConfig:
    """Return the settings of the DVC repository at `root`: those of the machine, the user, the project and its local file."""
    dvc = root / ".dvc"
    return _remotes(*reversed(_user_configs()), dvc / "config", dvc / "config.local")


def _remotes(*configs: Path) -> DvcConfig:
    return read_config(*(path.read_text(encoding="utf-8") for path in configs if path.is_file()))


def _user_configs() -> tuple[Path, ...]:
    """Return where DVC keeps the settings of the user and of the machine, by system."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - unlike Path.home() it is no error without a home
    named = [os.environ.get(f"DVC_{scope}_CONFIG_DIR", "") for scope in ("GLOBAL", "SYSTEM")]
    local = os.environ.get("LOCALAPPDATA", "")
    folders = [
        *(Path(folder) for folder in named if folder),
        Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "dvc",
        Path("/etc/xdg/dvc"),
        home / "Library" / "Application Support" / "dvc",
        Path("/Library/Application Support/dvc"),
        *([Path(local) / "iterative" / "dvc"] if local else []),
    ]
    return tuple(folder / "config" for folder in folders)
