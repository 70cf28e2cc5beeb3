"""Which pipeline files of a side belong to its DVC repository: not those of another one inside it, nor those that .dvcignore names."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from mlops_kit.artifacts.trees import Tree

CONFIG = ".dvc/config"
IGNORE = ".dvcignore"


def pipeline_files(tree: Tree) -> list[str]:
    """Return the dvc.yaml, dvc.lock and .dvc files of the side's own DVC repository, by name."""
    names = list(tree.names())
    inner = tuple(name.removesuffix(CONFIG) for name in names if name.endswith(f"/{CONFIG}"))
    found = [name for name in names if _is_pipeline_file(name) and not (inner and name.startswith(inner))]
    ignored = (
        _ignored(tree, [name for name in names if posixpath.basename(name) == IGNORE]) if found else None
    )
    return sorted(name for name in found if ignored is None or not ignored(name))


def _is_pipeline_file(name: str) -> bool:
    base = posixpath.basename(name)
    return base in ("dvc.yaml", "dvc.lock") or (base.endswith(".dvc") and base != ".dvc")


def _ignored(tree: Tree, files: list[str]) -> Callable[[str], bool] | None:
    """Return a test of whether a path is ignored by the .dvcignore files of the side; None when they hold no pattern."""
    return read_ignores({posixpath.dirname(file): content for file, content in tree.read(files).items()})


def read_ignores(files: Mapping[str, bytes]) -> Callable[[str], bool] | None:
    """Return a test of whether a path is ignored; `files` is folder -> content of its .dvcignore. None when they hold no pattern."""
    patterns = {
        folder: lines
        for folder, content in files.items()
        if (lines := [line for line in content.splitlines() if line.strip() and not line.startswith(b"#")])
    }
    if not patterns:
        return None
    from dulwich.ignore import IgnoreFilter  # the rules of .gitignore; DVC brings it along

    filters = {folder: IgnoreFilter(lines) for folder, lines in patterns.items()}

    def ignored(path: str) -> bool:
        return any(
            rules.is_ignored(path[len(folder) + 1 :] if folder else path)
            for folder, rules in filters.items()
            if not folder or path.startswith(f"{folder}/")
        )

    return ignored
