"""Which local modules a Python file imports, transitively, found in the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.errors import SpecError


@dataclass(frozen=True)
class ImportClosure:
    """What a file reaches by imports."""

    local: tuple[str, ...]
    """Files of the project, the starting one included, relative with forward slashes, sorted."""
    external: tuple[str, ...]
    """Top-level names of all other modules that these files import, sorted."""


def find_imports(root: Path, start: str) -> ImportClosure:
    """Return what the file `start` (relative to `root`) imports, directly and through local modules, inside functions too.

    A module is local when it is a file or a folder below `root`; packages contribute their `__init__.py` files. mlops_kit itself
    never counts as local, not in its own repository either: its steps carry contract versions instead.
    Raises SpecError with file and line for a file that is not valid Python.
    """
    seen: set[str] = set()
    external: set[str] = set()
    queue = [start]
    while queue:
        path = queue.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in _imported_names(root, path):
            found = [] if name.split(".")[0] == "mlops_kit" else _local_files(root, name)
            if found:
                queue.extend(found)
            else:
                external.add(name.split(".")[0])
    return ImportClosure(tuple(sorted(seen)), tuple(sorted(external)))


def _imported_names(root: Path, path: str) -> Iterator[str]:
    try:
        tree = ast.parse((root / path).read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise SpecError(
            f"not valid Python: {error}", where=f"{path}:{getattr(error, 'lineno', None) or 1}"
        ) from error
    package = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module.split(".") if node.module else [])])
            if module:
                yield module
            # `from package import module` may name a file
            yield from (
                f"{module}.{alias.name}" if module else alias.name
                for alias in node.names
                if _is_local(root, module, alias.name)
            )


def _is_local(root: Path, module: str, name: str) -> bool:
    base = root.joinpath(*module.split(".")) if module else root
    return (base / f"{name}.py").is_file() or (base / name / "__init__.py").is_file()


def _local_files(root: Path, name: str) -> list[str]:
    """Return the files behind a dotted module name, `__init__.py` of its packages included; empty if it is not local."""
    parts = name.split(".")
    found: list[str] = []
    for depth in range(1, len(parts) + 1):
        base = "/".join(parts[:depth])
        if (root / f"{base}.py").is_file():
            found.append(f"{base}.py")
            break
        if (root / base / "__init__.py").is_file():
            found.append(f"{base}/__init__.py")
        elif not (root / base).is_dir():
            break
    return found
