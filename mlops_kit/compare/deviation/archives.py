"""zip, tar, gzip and folders: members one by one, and what only the container says."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlops_kit.compare.deviation.content import MOST_BYTES, Content, read_bounded, same_bytes
from mlops_kit.compare.deviation.findings import Findings, TooMuchError
from mlops_kit.compare.deviation.model import Level

Explain = Callable[[Content, Content, Findings], None]
MOST_MEMBERS = 100_000


@dataclass(frozen=True)
class Member:
    """One member of an archive."""

    content: Content
    """What it holds."""
    facts: Mapping[str, object]
    """What the container says of it: date, owner, mode."""


def compare_members(
    old: Mapping[str, Content], new: Mapping[str, Content], found: Findings, explain: Explain
) -> None:
    """Compare two sets of named contents; those of the same name by `explain`."""
    for fresh, (one, other) in enumerate(((old, new), (new, old))):
        lost = [name for name in sorted(one) if name not in other]
        for name in lost:
            found.only(bool(fresh), name)
    for name in sorted(old.keys() & new.keys()):
        if not same_bytes(old[name], new[name]):
            with found.within(name):
                explain(old[name], new[name], found)


def explain_zip(old: Content, new: Content, found: Findings, explain: Explain) -> None:
    """Compare two zip archives."""
    _explain_archive(_zip(old), _zip(new), found, explain)


def explain_tar(old: Content, new: Content, found: Findings, explain: Explain) -> None:
    """Compare two tar archives, compressed or not."""
    _explain_archive(_tar(old), _tar(new), found, explain)


def explain_gzip(old: Content, new: Content, found: Findings, explain: Explain) -> None:
    """Compare what two gzip files hold; the time and the name in their headers are known noise."""
    heads = (old.head(10), new.head(10))
    inner = (_gunzip(old), _gunzip(new))
    if heads[0][4:8] != heads[1][4:8]:
        times = [int.from_bytes(head[4:8], "little") for head in heads]
        found.change("gzip header, time", *times, note="known noise", level=Level.EQUAL)
    elif inner[0].data == inner[1].data:
        found.say("the same content, other gzip header or compression")
    if inner[0].data != inner[1].data:
        explain(*inner, found)


def _gunzip(content: Content) -> Content:
    with content.open() as raw, gzip.GzipFile(fileobj=raw) as file:
        name = content.name[:-3] if content.name.lower().endswith(".gz") else content.name
        return Content(name, data=read_bounded(file))  # type: ignore[arg-type]  # a GzipFile reads like any file


def _explain_archive(
    old: dict[str, Member], new: dict[str, Member], found: Findings, explain: Explain
) -> None:
    shared = [name for name in old if name in new]
    noise: dict[str, list[str]] = {}
    for name in sorted(shared):
        for fact, value in old[name].facts.items():
            if new[name].facts[fact] != value:
                noise.setdefault(fact, []).append(name)
    for fact, names in noise.items():
        name = names[0]
        found.change(
            f"{fact} of {len(names):,} members, such as {name}",
            old[name].facts[fact],
            new[name].facts[fact],
            note="known noise",
            level=Level.EQUAL,
        )
    if shared != [name for name in new if name in old]:
        found.say("the same members in another order (known noise)")
    one, other = ({name: member.content for name, member in side.items()} for side in (old, new))
    compare_members(one, other, found, explain)
    if not found.count:
        found.say("the same members, other compression or container fields")


def _zip(content: Content) -> dict[str, Member]:
    members: dict[str, Member] = {}
    left = MOST_BYTES
    with content.open() as raw, zipfile.ZipFile(raw) as archive:
        infos = archive.infolist()
        if len(infos) > MOST_MEMBERS:
            raise TooMuchError(f"more than {MOST_MEMBERS:,} members")
        for info in infos:
            if info.filename in members:
                raise ValueError(f"member {info.filename!r} stands twice")
            with archive.open(info) as file:
                data = read_bounded(file, left)  # type: ignore[arg-type]  # the size in the directory may lie
            left -= len(data)
            facts = {
                "modification time": "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(*info.date_time),
                "mode": oct(info.external_attr >> 16),
            }
            members[info.filename] = Member(
                Content(PurePosixPath(info.filename).name or info.filename, data=data), facts
            )
    return members


def _tar(content: Content) -> dict[str, Member]:
    members: dict[str, Member] = {}
    left = MOST_BYTES
    with content.open() as raw, tarfile.open(fileobj=raw, mode="r:*") as archive:
        for count, info in enumerate(archive):
            if count >= MOST_MEMBERS:
                raise TooMuchError(f"more than {MOST_MEMBERS:,} members")
            if info.name in members:
                raise ValueError(f"member {info.name!r} stands twice")
            if info.isreg() and info.size > left:
                raise TooMuchError(f"more than {MOST_BYTES // 2**20:,} MiB")
            file = archive.extractfile(info) if info.isreg() else None
            data = read_bounded(file, left) if file is not None else f"{info.type!r} {info.linkname}".encode()  # type: ignore[arg-type]
            left -= len(data)
            facts = {
                "modification time": info.mtime,
                "owner": f"{info.uid}:{info.gid} {info.uname}:{info.gname}",
                "mode": oct(info.mode),
            }
            members[info.name] = Member(Content(PurePosixPath(info.name).name, data=data), facts)
    return members


def decompress(content: Content) -> bytes:
    """Return what a file holds that may be compressed by zlib, gzip, bz2, xz or lzma, as joblib writes it."""
    import bz2
    import lzma
    import zlib

    head = content.head(6)
    with content.open() as raw:
        if head[:2] == b"\x1f\x8b":
            return read_bounded(gzip.GzipFile(fileobj=raw))  # type: ignore[arg-type]
        if head[:3] == b"BZh":
            return read_bounded(bz2.BZ2File(raw))  # type: ignore[arg-type]
        if head == b"\xfd7zXZ\0" or head[:1] == b"\x5d":
            return read_bounded(lzma.LZMAFile(raw))  # type: ignore[arg-type]
        if head[:1] == b"\x78" and head[1:2] in b"\x01\x5e\x9c\xda" and head[1:2]:
            opener = zlib.decompressobj()
            data = opener.decompress(raw.read(), MOST_BYTES + 1)
            return read_bounded(io.BytesIO(data))
        return read_bounded(raw)


def folder_contents(root: Path) -> dict[str, Content]:
    """Return relative path -> content of the files below `root`; a symbolic link stands for the text of its target."""
    found: dict[str, Content] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = Content(path.name, data=f"link to {path.readlink().as_posix()}".encode())
        elif path.is_file():
            found[name] = Content(path.name, path)
    return found
