"""Files of this machine as a source: paths, folders, globs, and files inside of installed packages."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

from mlops_kit.artifacts.statcache import StatCache
from mlops_kit.data.formats.options import ARCHIVES, ENDINGS, PACKED, FormatOptions, is_archive, is_table
from mlops_kit.data.partitions.source import Fetched, Offer, Progress, State, partition_name
from mlops_kit.errors import BadDataError, OutsideError, SpecError

_PACKAGE = "package:"
# Nothing of these is data, or not yet: hidden files, what editors, browsers and copying programs have half done.
_PASSED_OVER = (".*", "_*", "*~", "*.tmp", "*.part", "*.partial", "*.crdownload", "*.swp")


@dataclass(frozen=True)
class LocalFiles:
    """Files of this machine; each is one piece."""

    paths: tuple[str, ...]
    """Files, folders (with all data files below), globs (`inbox/*.csv`, `**` for folders below), `package:NAME/path`; relative to the project."""
    options: FormatOptions | None = None
    """How to read them; by the endings of their names when None."""

    @property
    def complete(self) -> bool:
        """Return True: all that is there is offered."""
        return True

    @property
    def single(self) -> bool:
        """Return whether one path names one file."""
        return len(self.paths) == 1 and not _is_pattern(self.paths[0]) and _is_data(self.paths[0])

    @property
    def local(self) -> bool:
        """Return True."""
        return True

    def describe(self) -> str:
        """Return the paths."""
        return ", ".join(self.paths)

    def look(self, state: State) -> Sequence[Offer]:
        """Return the files, by the MD5 of their content; a file that has not changed since the last look is not read.

        Raises BadDataError for a path that does not exist.
        """
        found: dict[Path, Offer] = {}
        cache = StatCache(state.root)
        listed = [
            (path, base, shown) for text in self.paths for path, base, shown in _expand(text, state.root)
        ]
        cache.warm(path for path, _, _ in listed)
        for path, base, shown in listed:
            try:
                hashed = cache.hash(path)
            except OSError as error:
                raise BadDataError(f"{shown}: cannot be read ({error.strerror})") from None
            name = partition_name(_stem(path.relative_to(base).as_posix()).replace("/", "."))
            found.setdefault(path, Offer(name, shown, f"md5:{hashed.md5}", hashed.size, handle=(path, cache)))
        cache.save()
        return list(found.values())

    def fetch(self, offer: Offer, into: Path, progress: Progress) -> Fetched:  # noqa: ARG002 - a Source
        """Return the file itself. Raises OutsideError when it has changed since it was looked at."""
        path, cache = offer.handle
        try:
            same = f"md5:{cache.hash(path).md5}" == offer.origin
        except OSError as error:
            raise OutsideError(f"{offer.source}: cannot be read ({error.strerror})") from None
        if not same:
            raise OutsideError(
                f"{offer.source} is still being written: it has changed since it was looked at",
                fix="the same command again, when it is whole",
            )
        progress(offer.size or 0, offer.size)
        return Fetched(path, options=self.options)


def _expand(text: str, root: Path) -> Iterator[tuple[Path, Path, str]]:
    """Yield (file, folder that its name is relative to, how to show it) for each file that `text` names, sorted."""
    shown, pattern = "", text
    if text.startswith(_PACKAGE):
        name, _, pattern = text.removeprefix(_PACKAGE).partition("/")
        root, shown = _package_folder(name), f"{_PACKAGE}{name}/"
    if not pattern:
        raise SpecError(f"`{text}` names no file", where="params.yaml", fix="a path, a folder or a glob")
    base = root / _fixed_part(pattern)
    if _is_pattern(pattern):
        names = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - Path.glob looks into hidden folders and follows no links
        files = [root / name for name in names]
    elif (root / pattern).is_dir():
        files = [path for path in (root / pattern).rglob("*") if _is_data(path.name)]
        base = root / pattern
    elif (root / pattern).is_file():
        files, base = [root / pattern], (root / pattern).parent
    else:
        raise BadDataError(
            f"the source `{text}` does not exist", fix="put the file there, or change `paths` in params.yaml"
        )
    for path in sorted({path for path in files if path.is_file() and not _is_passed_over(path, base)}):
        inner = path.relative_to(root) if path.is_relative_to(root) else path
        yield path, base, shown + inner.as_posix()


def _package_folder(name: str) -> Path:
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise BadDataError(f"the package {name} of a source is not installed", fix=f"pip install {name}")
    return Path(next(iter(spec.submodule_search_locations)))


def _is_pattern(text: str) -> bool:
    return any(sign in text for sign in "*?[")


def _fixed_part(pattern: str) -> str:
    parts = pattern.replace(os.sep, "/").split("/")
    fixed = next((number for number, part in enumerate(parts) if _is_pattern(part)), len(parts) - 1)
    return "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else ".")


def _is_passed_over(path: Path, base: Path) -> bool:
    return any(fnmatchcase(part, sign) for part in path.relative_to(base).parts for sign in _PASSED_OVER)


def _is_data(name: str) -> bool:
    return is_table(name) or is_archive(name)


def _stem(name: str) -> str:
    """Return a path without the endings that say how a file is written."""
    while name.lower().endswith((*PACKED, *ARCHIVES, *ENDINGS)):
        shorter = name.rpartition(".")[0]
        if not shorter or shorter.endswith("/"):
            break
        name = shorter
    return name
