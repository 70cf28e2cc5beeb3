"""Compressed files and archives as streams of bytes, with limits; nothing is ever unpacked under a name that an archive chooses."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
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
    plain: Path | None
    """The file itself, when it is neither packed nor in an archive."""
    open: Callable[[], AbstractContextManager[Stream]]
    """Starts reading from the beginning. Raises BadDataError for what is damaged, encrypted or a bomb, also while reading."""


def contents(path: Path, options: FormatOptions, label: str) -> tuple[Content, ...]:
    """Return the data files in `path`: itself, or the members of an archive that `options.member` chooses, by name.

    `label` is what messages call the file. Raises BadDataError for an archive that is damaged, has a member outside of its folder, has no
    data file, or several of which none is chosen.
    """
    file = _File(path, label, options)
    if not is_archive(path.name):
        return (Content(label, path.name, None if path.name.lower().endswith(PACKED) else path, file.plain),)
    zipped = path.name.lower().endswith(".zip")
    names = file.zip_names() if zipped else file.tar_names()
    for name in names:
        if _leaves(name):
            raise BadDataError(
                f"{label}: the member {name!r} leaves the archive's folder", fix="do not trust this archive"
            )
    opener = file.zipped if zipped else file.tarred
    return tuple(
        Content(f"{label}!{name}", name, None, partial(opener, name))
        for name in _choose(label, names, options.member)
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


# What the readers of the standard library raise on bytes that are not as they should be; the last five come from headers (an empty name).
_DAMAGE = (EOFError, zipfile.BadZipFile, zlib.error, tarfile.TarError, OSError, struct.error, ValueError, IndexError, KeyError, OverflowError)  # fmt: skip


@contextmanager
def _described(name: str) -> Iterator[None]:
    import lzma

    try:
        yield
    except PermissionError as error:
        raise BadDataError(
            f"{name}: cannot be read ({error.strerror})", fix="look at who may read it"
        ) from None
    except (*_DAMAGE, lzma.LZMAError) as error:
        raise BadDataError(
            f"{name}: cannot be decompressed ({str(error) or type(error).__name__})",
            fix="fetch the file again; it is damaged or not whole",
        ) from None
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or a method that Python does not have
        raise BadDataError(
            f"{name}: cannot be decompressed ({error})", fix="pack it again, without a password"
        ) from None


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


@dataclass(frozen=True)
class _File:
    """A file on disk, its name in messages, and how to read it."""

    path: Path
    label: str
    options: FormatOptions

    @contextmanager
    def plain(self) -> Iterator[Stream]:
        with ExitStack() as stack:
            raw = stack.enter_context(self.path.open("rb"))
            yield self._unpacked(raw, self.label, self.path.name, stack)

    def zip_names(self) -> list[str]:
        with _described(self.label), zipfile.ZipFile(self.path) as archive:
            return [member.filename for member in archive.infolist() if not member.is_dir()]

    def tar_names(self) -> list[str]:
        with self._tar() as archive, _described(self.label):
            return [member.name for member in archive if not member.isdir()]

    @contextmanager
    def zipped(self, name: str) -> Iterator[Stream]:
        label = f"{self.label}!{name}"
        with ExitStack() as stack:
            with _described(label):
                archive = stack.enter_context(zipfile.ZipFile(self.path))
                raw = stack.enter_context(archive.open(name))
            packed = archive.getinfo(name).compress_size
            yield self._unpacked(Stream(raw, label, packed, self.options.max_ratio), label, name, stack)

    @contextmanager
    def tarred(self, name: str) -> Iterator[Stream]:
        label = f"{self.label}!{name}"
        with ExitStack() as stack:
            archive = stack.enter_context(self._tar())
            with _described(label):
                member = next(member for member in archive if member.name == name)
                raw = archive.extractfile(member) if member.isfile() else None
            if raw is None:
                raise BadDataError(f"{label}: a link or a device, not a file", fix="pack the file itself")
            yield self._unpacked(Stream(raw, label, self._size(), self.options.max_ratio), label, name, stack)

    @contextmanager
    def _tar(self) -> Iterator[tarfile.TarFile]:
        # `.tgz` and its like as their long forms; the tar itself is read as a stream, so that the limits hold.
        name = self.path.name.lower()
        name = name.replace(".tgz", ".gz").replace(".tbz2", ".bz2").replace(".txz", ".xz")
        with ExitStack() as stack:
            raw = stack.enter_context(self.path.open("rb"))
            stream = self._unpacked(raw, self.label, name, stack)
            with _described(self.label):
                archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r|"))
            yield archive

    def _unpacked(self, raw: Any, label: str, name: str, stack: ExitStack) -> Stream:
        """Return `raw` decompressed as the ending of `name` says; bytes as they are when it has none."""
        ending = next((end for end in PACKED if name.lower().endswith(end)), "")
        if not ending and isinstance(raw, Stream):
            return raw
        with _described(label):
            source: Any = _OPENERS[ending](raw)
        if ending:
            stack.callback(source.close)
        return Stream(source, label, self._size(), self.options.max_ratio if ending else 1 << 62)

    def _size(self) -> int:
        return self.path.stat().st_size


def _leaves(name: str) -> bool:
    plain = PurePosixPath(name.replace("\\", "/"))
    return plain.is_absolute() or ".." in plain.parts or name[1:2] == ":"


def _choose(label: str, names: list[str], wanted: str) -> list[str]:
    visible = [name for name in names if not _is_litter(name)]
    if wanted in names:
        found = [wanted]
    elif wanted:
        found = sorted({name for name in visible if fnmatchcase(name, wanted)})
    else:
        found = sorted({name for name in visible if is_table(name)})
    listed = ", ".join(sorted(found or names)[:5]) or "nothing"
    if not found:
        raise BadDataError(
            f"{label}: no data file inside{f' is named {wanted}' if wanted else ''}; it has {listed}",
            fix="set format.member to the name of one",
        )
    if len(found) > 1 and not wanted:
        raise BadDataError(
            f"{label}: {len(found)} data files inside: {listed}",
            fix="set format.member to one of them, or to a pattern such as '*.csv' for all",
        )
    if repeated := [name for name in found if names.count(name) > 1]:
        raise BadDataError(f"{label}: has {repeated[0]} twice", fix="pack it again")
    return found


def _is_litter(name: str) -> bool:
    """Return whether a system left the file in an archive, such as `__MACOSX/._data.csv`."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
