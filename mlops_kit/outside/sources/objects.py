"""Objects of stores that fsspec reaches (S3 and what speaks like it, Google, Azure, file systems): listed, and fetched piece by piece.

What identifies an object is its ETag or the hash that its store keeps, else its date and size. An object is looked at again after the last
byte has come: pieces of two versions never make a file.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_kit.errors import MlopsKitError, OutsideError, UsageError
from mlops_kit.outside.sources.disk import appending, disk
from mlops_kit.outside.sources.patience import Patience
from mlops_kit.outside.sources.secrets import expanded, masked, scrubbed, secrets_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")
CHUNK = 8 << 20
LARGEST = 1 << 40
_HASHES = ("ETag", "etag", "e_tag", "md5Hash", "content_md5", "checksum")
_DATES = ("LastModified", "last_modified", "updated", "mtime", "modified")
_LOCAL = ("file", "local", "memory")
_GLOB = re.compile(r"[*?\[]")
_AMBIENT = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AZURE_STORAGE_KEY")
# Errors that a second try mends; everything else says what is wrong at once.
_NETWORK = (
    "botocore",
    "aiobotocore",
    "aiohttp",
    "urllib3",
    "requests",
    "google",
    "azure",
    "asyncio",
    "socket",
)
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, NotImplementedError)


@dataclass(frozen=True)
class ObjectStore:
    """Which objects to read, and how to reach their store; secrets as `${NAME}`, or where the store's own tools look for them."""

    url: str
    """`s3://bucket/folder/*.parquet`, `gs://...`, `az://...`, `file:///...`: a pattern (`**` for folders below), a folder or an object."""
    endpoint: str = ""
    """Address of a store of one's own that speaks as S3 does."""
    anonymous: bool = False
    """Whether to ask without credentials, for public buckets."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further options of the file system, as fsspec names them."""
    size_limit: int = LARGEST
    """Most bytes of one object."""

    def __str__(self) -> str:
        return masked(self.url)

    def protocol(self) -> str:
        """Return the part before `://`. Raises UsageError without one."""
        found, sign, rest = self.url.partition("://")
        if not sign or not rest.strip("/"):
            raise UsageError(f"{self}: not an address of objects", fix="such as s3://bucket/folder/*.parquet")
        return found

    def secrets(self) -> tuple[str, ...]:
        """Return the values that no message may show."""
        texts = [self.url, self.endpoint, *_texts(self.options)]
        ambient = [os.environ.get(name, "") for name in _AMBIENT]
        return tuple(
            dict.fromkeys(s for s in [*(s for text in texts for s in secrets_of(text)), *ambient] if s)
        )


@dataclass(frozen=True)
class StoredObject:
    """One object."""

    path: str
    """Where the store has it, with its bucket."""
    name: str
    """Its path below the fixed part of the address."""
    size: int
    """Bytes."""
    identity: str
    """What changes when its content does."""


def list_objects(store: ObjectStore, patience: Patience | None = None) -> tuple[StoredObject, ...]:
    """Return the objects that an address names, by path.

    Raises OutsideError when the store does not answer or has nothing there, UsageError when its file system is not installed.
    """

    def ask() -> tuple[StoredObject, ...]:
        system = _system(store)
        pattern = system._strip_protocol(expanded(store.url))  # noqa: SLF001 - what fsspec's own functions begin with
        fixed = _fixed(pattern)
        found = _found(system, pattern, fixed)
        return tuple(
            StoredObject(
                path, path.removeprefix(fixed).lstrip("/"), int(about["size"]), _identity(system, path, about)
            )
            for path, about in sorted(found.items())
        )

    return _persist(store, ask, patience or Patience())


def fetch_object(
    store: ObjectStore,
    wanted: StoredObject,
    into: Path,
    *,
    patience: Patience | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> None:
    """Fetch an object as the file `into`, which appears when all of it is there; `<into>.part` grows until then, and is gone on with.

    To be given a folder of its own for each identity of an object. Raises OutsideError when the object is another one by now, has gone, or
    the store does not answer.
    """
    waits = patience or Patience()
    if wanted.size > store.size_limit:
        raise OutsideError(
            f"{_shown(store, wanted)}: {wanted.size:,} bytes, more than the limit of {store.size_limit:,}",
            fix="raise size_limit in params.yaml",
        )
    part = into.with_name(f"{into.name}.part")
    with disk(part), part.open("ab"):
        here = part.stat().st_size
    if here > wanted.size:
        with disk(part):
            os.truncate(part, 0)
        here = 0
    while True:
        try:
            _fetch_on(store, wanted, part, waits, progress)
        except Exception as error:  # noqa: BLE001 - stores raise what they like; what is not passing is raised again
            before, here = here, part.stat().st_size
            _wait_or_raise(store, error, waits, after_progress=here > before)
        else:
            with disk(into):
                os.replace(part, into)  # noqa: PTH105 - the one call that also replaces on Windows
            return


def _fetch_on(
    store: ObjectStore,
    wanted: StoredObject,
    part: Path,
    waits: Patience,
    progress: Callable[[int, int | None], None],
) -> None:
    """Append what is missing of `part`. Raises OutsideError when the object is another one, and what the store raises."""
    system = _system(store)
    here = part.stat().st_size
    with appending(part) as write:
        while here < wanted.size:
            chunk = system.cat_file(wanted.path, start=here, end=min(wanted.size, here + CHUNK))
            if not chunk:
                break
            write(chunk)
            here += len(chunk)
            progress(here, wanted.size)
            waits.check_time()
    about = system.info(wanted.path)
    if _identity(system, wanted.path, about) != wanted.identity or here != wanted.size:
        raise OutsideError(
            f"{_shown(store, wanted)} is another object than when it was looked at",
            fix="mlops-kit acquire again",
        )


def _system(store: ObjectStore) -> AbstractFileSystem:
    """Return a file system that remembers no listings."""
    import fsspec

    options = _expanded(dict(store.options))
    protocol = store.protocol()
    if protocol == "s3":
        if store.endpoint:
            options["endpoint_url"] = expanded(store.endpoint)
        options.setdefault(
            "config_kwargs", {"connect_timeout": 20, "read_timeout": 60, "retries": {"max_attempts": 1}}
        )
    if store.anonymous:
        options["anon"] = True
    remembered = protocol == "memory"  # which is one for the whole process
    try:
        return fsspec.filesystem(
            protocol,
            **options,
            use_listings_cache=False,
            **({} if remembered else {"skip_instance_cache": True}),
        )
    except (ImportError, ValueError) as error:
        packages = {
            "s3": "'dvc-mlops-kit[s3]'",
            "gs": "gcsfs",
            "gcs": "gcsfs",
            "az": "adlfs",
            "abfs": "adlfs",
        }
        raise UsageError(
            f"{store}: {scrubbed(str(error), store.secrets())}",
            fix=f"pip install {packages.get(protocol, 'the package of this protocol that fsspec names')}",
        ) from None


def _found(system: AbstractFileSystem, pattern: str, fixed: str) -> dict[str, dict[str, Any]]:
    if not _GLOB.search(pattern):
        about = system.info(pattern)
        if about["type"] == "file":
            return {str(about["name"]): about}
    found: dict[str, dict[str, Any]] = system.find(fixed or pattern, detail=True)
    if _GLOB.search(pattern):
        from fsspec.utils import glob_translate

        fits = re.compile(glob_translate(pattern))
        found = {path: about for path, about in found.items() if fits.match(path)}
    return {
        path: about
        for path, about in found.items()
        if about["type"] == "file"
        and not path.endswith("/")
        and not path.rpartition("/")[2].startswith((".", "_"))
    }


def _fixed(pattern: str) -> str:
    """Return the folder that all objects of a pattern lie in."""
    found = _GLOB.search(pattern)
    if found is None:
        return pattern.rpartition("/")[0] if "." in pattern.rpartition("/")[2] else pattern
    return pattern[: found.start()].rpartition("/")[0]


def _identity(system: AbstractFileSystem, path: str, about: Mapping[str, Any]) -> str:
    """Return what identifies content: the same on every machine, whatever the store tells."""
    if str(system.protocol if isinstance(system.protocol, str) else system.protocol[0]) in _LOCAL:
        digest = hashlib.md5(usedforsecurity=False)
        with system.open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return f"md5:{digest.hexdigest()}"
    for name in _HASHES:
        if about.get(name):
            value = about[name]
            return (
                f"etag:{value.hex() if isinstance(value, bytes | bytearray) else str(value).strip(chr(34))}"
            )
    for name in _DATES:
        if about.get(name):
            return f"modified:{_moment(about[name])} size:{about['size']}"
    return f"size:{about['size']}"


def _moment(value: Any) -> str:
    if isinstance(value, int | float):
        value = datetime.fromtimestamp(value, UTC)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def _persist(store: ObjectStore, act: Callable[[], T], patience: Patience) -> T:
    while True:
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - as above
            _wait_or_raise(store, error, patience)


def _wait_or_raise(
    store: ObjectStore, error: Exception, patience: Patience, *, after_progress: bool = False
) -> None:
    if isinstance(error, MlopsKitError):
        raise error
    kind = type(error)
    said = scrubbed(f"{store}: {kind.__name__}: {error}", store.secrets())
    if isinstance(error, _FINAL) or "Credentials" in kind.__name__ or "NoSuchBucket" in str(error):
        fix = "look at the address and the credentials (environment variables, or the store's own configuration)"
        raise OutsideError(said, fix=fix) from None
    if isinstance(error, OSError | TimeoutError | EOFError) or kind.__module__.partition(".")[0] in _NETWORK:
        patience.failed(said, after_progress=after_progress)
        return
    raise OutsideError(said, fix="look at the address and options in params.yaml") from None


def _shown(store: ObjectStore, wanted: StoredObject) -> str:
    return masked(f"{store.protocol()}://{wanted.path.lstrip('/')}")


def _expanded(value: Any) -> Any:
    if isinstance(value, str):
        return expanded(value)
    if isinstance(value, Mapping):
        return {key: _expanded(inner) for key, inner in value.items()}
    return value


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return [value]
    return [text for inner in value.values() for text in _texts(inner)] if isinstance(value, Mapping) else []
