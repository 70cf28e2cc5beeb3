"""zip, tar and gzip whose bytes depend on the members alone: fixed dates, owners, order and compression level.

Written the usual way they differ on every run: a gzip header holds the time, a zip member the date of its file, a tar member also the
owner, the group and the mode that the umask left. Here members are sorted by their paths, dated 1980 (zip) or 1970 (tar), owned by
nobody, and either executable or not.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from mlops_kit.errors import BadDataError

# The first moment that the zip format can name; the real one would make every run's bytes differ.
EPOCH = (1980, 1, 1, 0, 0, 0)

Members = Mapping[str, bytes]


def zip_bytes(members: Members, *, executable: Collection[str] = ()) -> bytes:
    """Return a zip archive of `members` (path -> content), in the order of the paths.

    Members named in `executable` get the mode 755, all others 644. A path that ends in a slash is an empty folder.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = _mode(name, executable) << 16
            info.create_system = 3
            archive.writestr(info, members[name])
    return buffer.getvalue()


def tar_bytes(members: Members, *, executable: Collection[str] = ()) -> bytes:
    """Return a tar archive of `members` (path -> content), in the order of the paths; see zip_bytes."""
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(members):
            info = tarfile.TarInfo(name.rstrip("/"))
            info.size = len(members[name])
            info.mode = _mode(name, executable)
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            archive.addfile(info, io.BytesIO(members[name]))
    return buffer.getvalue()


def gzip_bytes(content: bytes) -> bytes:
    """Return `content` gzipped, without file name and time."""
    return gzip.compress(content, compresslevel=6, mtime=0)


def pack_zip(value: object) -> bytes:
    """Return a zip archive of a folder (its path) or of {path: bytes or text}. Raises BadDataError as read_members does."""
    members, executable = read_members(value)
    return zip_bytes(members, executable=executable)


def pack_tar(value: object) -> bytes:
    """Return a tar archive of a folder (its path) or of {path: bytes or text}. Raises BadDataError as read_members does."""
    members, executable = read_members(value)
    return tar_bytes(members, executable=executable)


def read_members(value: object) -> tuple[dict[str, bytes], frozenset[str]]:
    """Return what an archive of `value` holds, and which of it is executable.

    `value` is {path: bytes or text} or the path of a folder, taken with its hidden files and empty folders, but not with its own name.
    Raises BadDataError for a path that leaves the archive, for links and for what is neither a file nor a folder.
    """
    if isinstance(value, Mapping):
        members = {
            _inner(name): item.encode() if isinstance(item, str) else bytes(item)
            for name, item in value.items()
        }
        return members, frozenset()
    root = Path(str(value))
    if not root.is_dir():
        raise BadDataError(f"{root}: an archive takes a folder or a mapping of paths to contents")
    found: dict[str, bytes] = {}
    executable: set[str] = set()
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BadDataError(f"{path}: a link or a device cannot be archived", fix="copy the file itself")
        if path.is_file():
            found[name] = path.read_bytes()
            if path.stat().st_mode & 0o100:
                executable.add(name)
        elif not any(path.iterdir()):
            found[f"{name}/"] = b""
    return found, frozenset(executable)


def _inner(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        raise BadDataError(f"`{name}` is no path inside an archive", fix="use a relative path with slashes")
    return path.as_posix() + ("/" if name.endswith("/") else "")


def _mode(name: str, executable: Collection[str]) -> int:
    return 0o755 if name in executable or name.endswith("/") else 0o644
