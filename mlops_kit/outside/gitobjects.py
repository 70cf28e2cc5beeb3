"""Content from git's object store: one `git cat-file --batch` process, however much is asked for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from mlops_kit.errors import OutsideError
from mlops_kit.outside.git import git_environment, prefix_of, resolve, subject

# Asked for before the answers are read: no more than the smallest pipe holds (4 KiB), or both processes would wait for each other.
_NAMES_AT_ONCE = 64
_BYTES_AT_ONCE = 4_000


@dataclass(frozen=True)
class GitObject:
    """An object as git keeps it."""

    id: str
    """Full object id."""
    kind: str
    """`blob`, `tree`, `commit` or `tag`."""
    content: bytes
    """Its content."""


class ObjectReader:
    """Hands out objects by id through one `git cat-file --batch` process, many for one wait."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=root,
            env=git_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.stdout.close()
        with suppress(OSError):  # what it was asked for last is of no interest any more
            self._process.stdin.close()
        self._process.wait(timeout=10)

    def read(self, names: Sequence[str]) -> list[GitObject | None]:
        """Return the objects that `names` name, in their order; None for what is not here.

        A name is an object id, or one with a suffix such as `^{tree}` or `:path`; no line break is allowed in it.
        """
        found: list[GitObject | None] = []
        for part in _batches(names):
            self._ask(part)
            found += [self._take() for _ in part]
        return found

    def _ask(self, names: Sequence[str]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(
                "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
            )
            self._process.stdin.flush()
        except BrokenPipeError:
            raise OutsideError("git cat-file ended early", fix="git fsck") from None

    def _take(self) -> GitObject | None:
        assert self._process.stdout is not None
        header = self._process.stdout.readline().decode("ascii", "replace").split()
        if not header:
            raise OutsideError("git cat-file ended early", fix="git fsck")
        if len(header) < 3 or header[-1] == "missing":
            return None
        content = self._process.stdout.read(int(header[2]))
        self._process.stdout.read(1)
        return GitObject(header[0], header[1], content)


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for name in names:
        if batch and (len(batch) >= _NAMES_AT_ONCE or size + len(name) > _BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += len(name)
    if batch:
        yield batch


class BlobReader:
    """Reads files of commits, by their paths below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = prefix_of(root)
        self._objects = ObjectReader(root)

    def __enter__(self) -> BlobReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._objects.__exit__(kind, error, trace)

    def describe(self, rev: str) -> tuple[str, str]:
        """Return the full commit id of `rev` and the first line of its message (untrusted text). Raises what `resolve` raises."""
        plain = rev.strip() and not rev.startswith("-") and not any(sign in rev for sign in "\0\n")
        (found,) = self._objects.read([f"{rev}^{{commit}}"]) if plain else (None,)
        if found is None:
            sha = resolve(self._root, rev)
            return sha, subject(self._root, sha)
        return found.id, _subject_of(found.content)

    def read(self, sha: str, paths: Iterable[str]) -> dict[str, bytes]:
        """Return path -> content for those `paths` (relative to the root) that are files of the commit."""
        plain = [path for path in paths if "\n" not in path]
        found = self._objects.read([f"{sha}:{self._prefix}{path}" for path in plain])
        return {
            path: one.content for path, one in zip(plain, found, strict=True) if one and one.kind == "blob"
        }


def _subject_of(commit: bytes) -> str:
    """Return the first paragraph of a commit object's message on one line, as git shows it."""
    head, _, message = commit.partition(b"\n\n")
    named = [line for line in head.split(b"\n") if line.startswith(b"encoding ")]
    coding = named[0].removeprefix(b"encoding ").decode("ascii", "replace") if named else "utf-8"
    try:
        text = message.decode(coding, "replace")
    except LookupError:
        text = message.decode("utf-8", "replace")
    return " ".join(text.lstrip("\n").partition("\n\n")[0].split("\n")).rstrip()
