"""Compressed files and archives as streams of bytes, with limits; nothing is ever unpacked under a name that an archive chooses."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mlops_kit.data.formats.options import PACKED, FormatOptions, is_archive, is_table
from mlops_kit.errors import BadDataError

FREE = (
    256 << 20
)  # decompressed bytes below which no ratio is judged: small files of one repeated line are common


@dataclass(frozen=True)
class Content:
    """One data file, perhaps inside an archive, whose decompressed bytes can be read once or more."""

    name: str
    """The path, and the member after a `!`."""
    inner: str
    """The name that tells its format."""
    open: Callable[[], AbstractContextManager[Stream]]
    """Starts reading from the beginning. Raises BadDataError for what is damaged, encrypted or a bomb, also while reading."""


def contents(path: Path, options: FormatOptions) -> tuple[Content, ...]:
    """Return the data files in `path`: itself, or the members of an archive that `options.member` chooses, by name.

    Raises BadDataError for an archive that is damaged, has a member outside of its folder, has no data file, or several of which
    none is chosen.
    """
    if not is_archive(path.name):
        return (Content(str(path), path.name, lambda: _open_file(path, options)),)
    zipped = path.name.lower().endswith(".zip")
    names = _zip_names(path) if zipped else _tar_names(path, options)
    for name in names:
        if _leaves(name):
            raise BadDataError(
                f"{path}: the member {name!r} leaves the archive's folder", fix="do not trust this archive"
            )
    opener = _open_zipped if zipped else _open_tarred
    return tuple(
        Content(f"{path}!{name}", name, lambda name=name: opener(path, name, options))  # type: ignore[misc]
        for name in _choose(path, names, options)
    )


class Stream(io.RawIOBase):
    """A stream of bytes that stops a bomb and says what is wrong with a damaged file."""

    def __init__(self, source: IO[bytes], name: str, packed: int, ratio: int) -> None:
        super().__init__()
        self._source = source
        self._name = name
        self._most = max(FREE, packed * ratio)
        self._count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return exactly `size` bytes, fewer only at the end. Raises BadDataError."""
        parts: list[bytes] = []
        wanted = size if size >= 0 else 1 << 62
        while wanted > 0 and (part := self._part(min(wanted, 1 << 22))):
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: Any, /) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def _part(self, size: int) -> bytes:
        with _described(self._name):
            part = self._source.read(size)
        self._count += len(part)
        if self._count > self._most:
            raise BadDataError(
                f"{self._name}: more than {self._most >> 20} MiB come out of this file, as of a decompression bomb",
                fix="if that is right, raise format.max_ratio in params.yaml",
            )
        return part


@contextmanager
def _described(name: str) -> Iterator[None]:
    import lzma

    try:
        yield
    except (EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, tarfile.TarError, OSError) as error:
        raise BadDataError(
            f"{name}: cannot be decompressed ({str(error) or type(error).__name__})",
            fix="fetch the file again; it is damaged or not whole",
        ) from None
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or a method that Python does not have
        raise BadDataError(
            f"{name}: cannot be decompressed ({error})", fix="pack it again, without a password"
        ) from None


@contextmanager
def _open_file(path: Path, options: FormatOptions) -> Iterator[Stream]:
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        yield _unpacked(raw, str(path), path.name, path.stat().st_size, options, stack)


def _unpacked(
    raw: IO[bytes], label: str, name: str, size: int, options: FormatOptions, stack: ExitStack
) -> Stream:
    """Return `raw` decompressed as the ending of `name` says; bytes as they are when it has none."""
    ending = next((end for end in PACKED if name.lower().endswith(end)), "")
    with _described(label):
        source: Any = _OPENERS[ending](raw)
    if ending:
        stack.callback(source.close)
    return Stream(source, label, size, options.max_ratio if ending else 1 << 62)


def _gunzip(raw: IO[bytes]) -> Any:
    import gzip

    return gzip.GzipFile(fileobj=raw)


def _bunzip(raw: IO[bytes]) -> Any:
    import bz2

    return bz2.BZ2File(raw)


def _unxz(raw: IO[bytes]) -> Any:
    import lzma

    return lzma.LZMAFile(raw)


def _unzstd(raw: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")


_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    "": lambda raw: raw,
    ".gz": _gunzip,
    ".bz2": _bunzip,
    ".xz": _unxz,
    ".zst": _unzstd,
}


def _zip_names(path: Path) -> list[str]:
    with _described(str(path)), zipfile.ZipFile(path) as archive:
        return [member.filename for member in archive.infolist() if not member.is_dir()]


def _tar_names(path: Path, options: FormatOptions) -> list[str]:
    with _tar(path, options) as archive, _described(str(path)):
        return [member.name for member in archive if not member.isdir()]


@contextmanager
def _tar(path: Path, options: FormatOptions) -> Iterator[tarfile.TarFile]:
    # `.tgz` and its like as their long forms; the tar itself is read as a stream, so that the limits hold.
    long = path.name.lower().replace(".tgz", ".gz").replace(".tbz2", ".bz2").replace(".txz", ".xz")
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        stream = _unpacked(raw, str(path), long, path.stat().st_size, options, stack)
        with _described(str(path)):
            archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r|"))
        yield archive


@contextmanager
def _open_zipped(path: Path, name: str, options: FormatOptions) -> Iterator[Stream]:
    label = f"{path}!{name}"
    with ExitStack() as stack:
        with _described(label):
            archive = stack.enter_context(zipfile.ZipFile(path))
            raw = stack.enter_context(archive.open(name))
        inner = Stream(raw, label, archive.getinfo(name).compress_size, options.max_ratio)
        yield _nested(inner, label, name, path, options, stack)


@contextmanager
def _open_tarred(path: Path, name: str, options: FormatOptions) -> Iterator[Stream]:
    label = f"{path}!{name}"
    with ExitStack() as stack:
        archive = stack.enter_context(_tar(path, options))
        with _described(label):
            member = next(member for member in archive if member.name == name)
            raw = archive.extractfile(member) if member.isfile() else None
        if raw is None:
            raise BadDataError(f"{label}: a link or a device, not a file", fix="pack the file itself")
        inner = Stream(raw, label, path.stat().st_size, options.max_ratio)
        yield _nested(inner, label, name, path, options, stack)


def _nested(
    inner: Stream, label: str, name: str, path: Path, options: FormatOptions, stack: ExitStack
) -> Stream:
    if not name.lower().endswith(PACKED):
        return inner
    return _unpacked(inner, label, name, path.stat().st_size, options, stack)  # type: ignore[arg-type]


def _leaves(name: str) -> bool:
    plain = PurePosixPath(name.replace("\\", "/"))
    return plain.is_absolute() or ".." in plain.parts or name[1:2] == ":"


def _choose(path: Path, names: list[str], options: FormatOptions) -> list[str]:
    visible = [name for name in names if not any(p[0] in "._" for p in PurePosixPath(name).parts)]
    wanted = options.member
    found = sorted(
        {name for name in (names if wanted else visible) if wanted == name or fnmatchcase(name, wanted)}
        if wanted
        else {name for name in visible if is_table(name)}
    )
    listed = ", ".join(sorted(found or names)[:5]) or "nothing"
    if not found:
        raise BadDataError(
            f"{path}: no data file inside{f' is named {wanted}' if wanted else ''}; it has {listed}",
            fix="set format.member to the name of one",
        )
    if len(found) > 1 and not wanted:
        raise BadDataError(
            f"{path}: {len(found)} data files inside: {listed}",
            fix="set format.member to one of them, or to a pattern such as '*.csv' for all",
        )
    repeated = sorted({name for name in found if names.count(name) > 1})
    if repeated:
        raise BadDataError(f"{path}: has {repeated[0]} twice", fix="pack it again")
    return found
