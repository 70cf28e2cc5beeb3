"""Objects of a store as a source: each is one piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_kit.data.formats.options import FormatOptions, is_archive, is_table
from mlops_kit.data.partitions.naming import stem
from mlops_kit.data.partitions.source import Fetched, Offer, Progress, State, partition_name
from mlops_kit.outside.sources.objects import LARGEST, ObjectStore, fetch_object, list_objects
from mlops_kit.outside.sources.patience import Patience


@dataclass(frozen=True)
class StoredFiles:
    """Objects of S3, Google Cloud Storage, Azure or anything else that fsspec reaches."""

    url: str
    """`s3://bucket/folder/*.parquet`: a pattern (`**` for folders below), a folder, or an object."""
    endpoint: str = ""
    """Address of a store of one's own that speaks as S3 does."""
    anonymous: bool = False
    """Whether to ask without credentials."""
    storage: Mapping[str, Any] = field(default_factory=dict)
    """Further options of the file system, as fsspec names them; secrets as `${NAME}`."""
    options: FormatOptions | None = None
    """How to read them."""
    size_limit: int = LARGEST
    """Most bytes of one object."""
    time_limit: float = 6 * 3600.0
    """Seconds for one object."""

    @property
    def complete(self) -> bool:
        """Return True: all that is there is offered."""
        return True

    @property
    def single(self) -> bool:
        """Return whether the address is that of one object."""
        last = self.url.rpartition("/")[2]
        return not set("*?[") & set(self.url) and (is_table(last) or is_archive(last))

    @property
    def local(self) -> bool:
        """Return whether the store is a folder of this machine."""
        return self.url.startswith(("file://", "local://"))

    def describe(self) -> str:
        """Return the address, without secrets."""
        return str(self._store())

    def look(self, state: State) -> Sequence[Offer]:  # noqa: ARG002 - a Source
        """Return the objects. A folder gives those that are named like tables. Raises OutsideError when the store does not answer."""
        found = list_objects(self._store(), Patience(time_limit=self.time_limit))
        chosen = bool(set("*?[") & set(self.url)) or len(found) == 1
        return [
            Offer(
                partition_name(stem(one.name).replace("/", ".")),
                f"{self._store().protocol()}://{one.path.lstrip('/')}",
                one.identity,
                one.size,
                handle=one,
            )
            for one in found
            if chosen or is_table(one.name) or is_archive(one.name)
        ]

    def fetch(self, offer: Offer, into: Path, progress: Progress) -> Fetched:
        """Fetch an object, going on with what is in `into`. Raises OutsideError."""
        path = into / partition_name(offer.handle.path.rpartition("/")[2])
        fetch_object(
            self._store(),
            offer.handle,
            path,
            patience=Patience(time_limit=self.time_limit),
            progress=progress,
        )
        return Fetched(path, options=self.options, origin=offer.origin)

    def _store(self) -> ObjectStore:
        return ObjectStore(self.url, self.endpoint, self.anonymous, self.storage, self.size_limit)
