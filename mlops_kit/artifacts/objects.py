"""The objects of DVC's cache: content put in under its MD5, and brought back into the work tree as `cache.type` says."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from copy import copy
from pathlib import Path

from mlops_kit.artifacts.hashing import LISTING, FileHash, hash_file, read_listing
from mlops_kit.artifacts.store import read_settings
from mlops_kit.errors import OutsideError
from mlops_kit.outside.whole_files import unfinished

_PROTECTED = 0o444
_CLONE = 0x40049409  # FICLONE of linux/fs.h
_CANNOT = (
    errno.EPERM,
    errno.ENOTSUP,
    errno.EXDEV,
    errno.ENOTTY,
    errno.ENOSYS,
    errno.EINVAL,
    errno.EAGAIN,
    errno.EMLINK,
)


class Objects:
    """The cache of the DVC repository at `root`. One object is there wholly or not at all, whenever the process ends."""

    def __init__(self, root: Path, *, reading: Callable[[Path], FileHash] = hash_file) -> None:
        """`reading` hashes a file, or remembers what its hashes are."""
        settings = read_settings(root)
        self._root = root
        self._reading = reading
        self.folder = Path(os.path.normpath(root.absolute() / ".dvc" / settings.cache_dir))
        """Where `files/md5` and `runs` are."""
        self.links = settings.links
        self._shared = settings.shared
        mask = os.umask(0o022)
        os.umask(mask)
        self._file_mode = 0o664 if settings.shared else 0o666 & ~mask
        self._plain_mode = 0o666 & ~mask
        self._made: set[Path] = set()
        self._unable: set[str] = set()
        self._fresh: list[Path] = []

    def copying(self) -> Objects:
        """Return the same cache, from which everything is copied."""
        other = copy(self)
        other.links = ("copy",)
        return other

    def home(self, digest: str) -> Path:
        """Return where an object belongs."""
        return self.folder / "files" / "md5" / digest[:2] / digest[2:]

    def holds(self, digest: str, size: int | None = None) -> bool:
        """Return whether an object is here and can be trusted; one that anybody may write is read first, and dropped when it is not whole."""
        path = self.home(digest)
        try:
            found = os.stat(path)  # noqa: PTH116 - once for each object
        except OSError:
            return False
        if not stat.S_ISREG(found.st_mode):
            return False
        if stat.S_IMODE(found.st_mode) == _PROTECTED and size in (None, found.st_size):
            return True
        if hash_file(path).md5 != digest.removesuffix(LISTING):
            path.unlink(missing_ok=True)
            return False
        _protect(path)
        return True

    def holds_all(self, digest: str) -> bool:
        """Return whether an object is here, of a folder with all its files."""
        if not self.holds(digest):
            return False
        members = self.members(digest) if digest.endswith(LISTING) else {}
        return members is not None and all(self.holds(member) for member in dict.fromkeys(members.values()))

    def members(self, digest: str) -> dict[str, str] | None:
        """Return path -> MD5 of the files of a folder, None if its listing is not here or is none."""
        try:
            return read_listing(self.home(digest).read_bytes())
        except (OSError, ValueError):
            return None

    def put_file(self, path: Path, found: FileHash) -> None:
        """Put the content of a file, whose hashes are `found`, into the cache. Raises OSError, and OutsideError when it changes meanwhile."""
        home = self.home(found.md5)
        if self.holds(found.md5, found.size):
            # Not taken on trust: the right content is at hand now, and may be nowhere else.
            if self._reading(home).md5 == found.md5:
                return
            home.unlink(missing_ok=True)
        self.make_folder(home.parent)
        with self._unfinished(home) as fresh:
            if not self._moved_in(path, found, fresh):
                _copy(path, fresh)
                if fresh.stat().st_size != found.size:
                    raise OutsideError(
                        f"{path} changes while it is recorded: something still writes it", fix="mlops-kit run"
                    )
                self._fresh.append(home)
            _protect(fresh)
            os.replace(fresh, home)  # noqa: PTH105 - the one call that also replaces on Windows

    def _moved_in(self, path: Path, found: FileHash, fresh: Path) -> bool:
        """Make the object a link of the file, which is going to be one of it: nothing is copied."""
        return (
            self.links[0] == "hardlink"
            and bool(found.size)
            and not path.is_symlink()
            and _linked(path, fresh)
        )

    def put_folder(self, path: Path, members: Mapping[str, FileHash], digest: str) -> None:
        """Put all files of a folder and then its listing into the cache. Raises OSError, OutsideError."""
        for name, found in members.items():
            self.put_file(path / name, found)
        self.put_listing(members, digest)

    def put_listing(self, members: Mapping[str, FileHash], digest: str) -> None:
        """Put the listing of a folder into the cache, whether or not its files are there. Raises OSError."""
        listing = json.dumps(
            [{"md5": members[name].md5, "relpath": name} for name in sorted(members)], sort_keys=True
        ).encode()
        if not self.holds(digest, len(listing)):
            self.write(self.home(digest), listing)
            _protect(self.home(digest))

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of the cache in one step. Raises OSError."""
        self.make_folder(path.parent)
        with self._unfinished(path) as fresh:
            fresh.write_bytes(content)
            fresh.chmod(self._file_mode)
            os.replace(fresh, path)  # noqa: PTH105 - the one call that also replaces on Windows

    def _unfinished(self, path: Path) -> AbstractContextManager[Path]:
        # What is moved into a shared cache would not get the group of its folder: there it is written beside.
        return unfinished(path, None if self._shared else self._root)

    def make_folder(self, folder: Path) -> None:
        """Make a folder of the cache, open to the group when the cache is shared. Raises OSError."""
        if folder in self._made:
            return
        if not folder.is_dir():
            self.make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            if self._shared:
                folder.chmod(0o2775)
        self._made.add(folder)

    def settle(self) -> None:
        """See to it that what was put is on the disk. Raises OSError."""
        for path in self._fresh:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._fresh.clear()

    def relink_file(self, path: Path, digest: str, *, executable: bool) -> bool:
        """Let an output be what DVC makes of it when it has been put: a link, or a file of its own with the usual mode.

        Return whether the file was replaced. Raises OSError.
        """
        state = path.lstat()
        own = not stat.S_ISLNK(state.st_mode) and state.st_nlink == 1
        # A file that shares its blocks is as good as a copy; where neither comes first, DVC links anew.
        copied = self.links[0] == "copy" or self.links[:2] == ("reflink", "copy")
        replaced = not (own and copied) and not self._is_linked(path, digest)
        if replaced:
            self.link(digest, path)
        elif own and copied:
            mode = self._file_mode if self.links[0] == "copy" else self._plain_mode
            if stat.S_IMODE(state.st_mode) not in (mode, mode | stat.S_IEXEC if executable else mode):
                path.chmod(mode)
        if executable:
            make_executable(path)
        return replaced

    def relink_folder(self, path: Path, members: Mapping[str, FileHash]) -> list[str]:
        """Do the same with the files of a folder; copies keep their modes. Return those that were replaced."""
        replaced = []
        for name, found in members.items():
            file = path / name
            state = file.lstat()
            own = not stat.S_ISLNK(state.st_mode) and state.st_nlink == 1
            if not (own and {"copy", "reflink"} & set(self.links)) and not self._is_linked(file, found.md5):
                self.link(found.md5, file)
                replaced.append(name)
        return replaced

    def link(self, digest: str, target: Path, *, links: tuple[str, ...] = ()) -> None:
        """Bring an object into the work tree in one step, replacing a file. Raises OSError; FileNotFoundError when it is not here."""
        home = self.home(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        with unfinished(target, self._root) as fresh:
            for kind in links or self.links:
                if kind in self._unable:
                    continue
                if _brought(kind, home, fresh):
                    break
                self._unable.add(kind)
            else:
                raise OSError(
                    errno.ENOTSUP, f"none of cache.type = {','.join(self.links)} works here", str(target)
                )
            if not fresh.is_symlink() and fresh.stat().st_nlink == 1:
                fresh.chmod(self._plain_mode)
            os.replace(fresh, target)  # noqa: PTH105 - the one call that also replaces on Windows
            if home.samefile(target):
                _protect(home)

    def free(self, path: Path) -> None:
        """Let a file, or all files of a folder, share nothing with the cache and be writable. Raises OSError."""
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if not file.is_file():
                continue
            state = file.lstat()
            if stat.S_ISLNK(state.st_mode) or state.st_nlink > 1:
                with unfinished(file, self._root) as fresh:
                    _copy(file, fresh)
                    os.replace(fresh, file)  # noqa: PTH105 - the one call that also replaces on Windows
            file.chmod(self._file_mode)

    def drop(self, digest: str) -> None:
        """Remove an object that turned out to be damaged."""
        self.home(digest).unlink(missing_ok=True)

    def _is_linked(self, path: Path, digest: str) -> bool:
        kinds = set(self.links)
        if path.is_symlink():
            return "symlink" in kinds and os.readlink(path) == str(self.home(digest))  # noqa: PTH115 - as it is written
        return "hardlink" in kinds and path.samefile(self.home(digest))


def make_executable(path: Path) -> None:
    """Let the owner run a file."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & stat.S_IEXEC:
        path.chmod(mode | stat.S_IEXEC)


def _brought(kind: str, home: Path, fresh: Path) -> bool:
    """Make `fresh` of an object in one of DVC's ways; return False when that does not work here."""
    if kind == "symlink":
        if not home.exists():
            raise FileNotFoundError(errno.ENOENT, "not in the cache", str(home))
        try:
            fresh.symlink_to(home)
        except OSError as error:
            return _only(error)
        return True
    if kind == "hardlink":
        if (
            not home.stat().st_size
        ):  # DVC makes no links of empty files, which a data set may have too many of
            fresh.touch()
            return True
        return _linked(home, fresh)
    if kind == "reflink":
        return _cloned(home, fresh)
    if kind == "copy":
        _copy(home, fresh)
    return kind == "copy"


def _cloned(source: Path, target: Path) -> bool:
    """Make a file that shares its blocks with another one, as some file systems of Linux can; return False where that does not work."""
    if sys.platform != "linux":
        return False
    import fcntl

    with source.open("rb") as reader, target.open("wb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), _CLONE, reader.fileno())
        except OSError as error:
            target.unlink()
            return _only(error)
    return True


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError as error:
        return _only(error)
    return True


def _only(error: OSError) -> bool:
    if error.errno in _CANNOT:
        return False
    raise error


def _copy(source: Path, target: Path) -> None:
    """Copy the content of a file, sharing its blocks where the file system can."""
    if not hasattr(os, "copy_file_range"):
        shutil.copyfile(source, target)
        return
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        left = os.fstat(reader.fileno()).st_size
        try:
            while left > 0 and (count := os.copy_file_range(reader.fileno(), writer.fileno(), left)):
                left -= count
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
        if left > 0:
            shutil.copyfileobj(reader, writer, 1 << 20)


def _protect(path: Path) -> None:
    try:
        path.chmod(_PROTECTED)
    except OSError:
        return  # an object of somebody else in a shared cache, or a read-only one
