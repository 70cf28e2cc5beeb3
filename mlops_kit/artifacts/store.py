"""Where DVC keeps content: the cache, and remotes that are folders. Read directly, because loading DVC costs a second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.dvcfiles import read_config


@dataclass(frozen=True)
class Store:
    """The folders that may hold an object, the cache first."""

    folders: tuple[Path, ...]

    def find(self, digest: str) -> Path | None:
        """Return the file with the content of MD5 `digest`, None if no folder has it."""
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


def open_store(root: Path) -> Store:
    """Return the store of the DVC repository at `root`."""
    dvc = root / ".dvc"
    texts = [
        path.read_text(encoding="utf-8") for path in (dvc / "config", dvc / "config.local") if path.is_file()
    ]
    config = read_config(*texts)
    local = [url for url in config.remotes.values() if url and "://" not in url]
    return Store(tuple(dvc / folder for folder in (config.cache_dir, *local)))
