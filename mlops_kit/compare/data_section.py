"""What changed in the data of two sides: partitions, quarantine and profile at once, rows within a budget."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from mlops_kit.artifacts.datadocs import CONTRACT, MANIFEST, PROFILE
from mlops_kit.artifacts.datafiles import DataFile
from mlops_kit.artifacts.side import Side
from mlops_kit.artifacts.store import DIRECTORY, Store, open_store
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    from mlops_kit.compare.hiding import Hiding
    from mlops_kit.compare.section import DataSection
    from mlops_kit.data.diff.model import TableDiff
    from mlops_kit.data.diff.table import DiffOptions
    from mlops_kit.data.diff.tracked import Facts

DataLevel: TypeAlias = Literal["none", "summary", "auto", "full"]
"""Nothing, what needs no row, rows of tables within the budget, all rows."""
Documents: TypeAlias = Mapping[str, bytes]
MOST_PARTITIONS = 200
BUDGET = 64 << 20
"""Bytes of files that differ, of all tables together, that an ordinary comparison reads."""
INNER = MANIFEST.lstrip(".")


def describe_data(
    root: Path,
    base: Side | None,
    head: Side,
    level: DataLevel = "auto",
    *,
    budget: int = BUDGET,
    fetch: bool = False,
) -> DataSection | None:
    """Return what changed in the data that lies here; None when nothing did.

    Content that is not here is fetched with `fetch`, else it is not compared, which the section says. The lines of manifests in git are compared in any case. `budget` is
    the most bytes of files that differ that level `auto` reads.
    """
    if level == "none" or base is None or not _differ(base, head):
        return None
    # A comparison without other data does not wait for these.
    from mlops_kit.compare.hiding import Hiding
    from mlops_kit.compare.partitions import compare_manifests
    from mlops_kit.compare.profiles import compare_profiles
    from mlops_kit.compare.quarantine import compare_quarantine
    from mlops_kit.compare.section import DataSection
    from mlops_kit.data.diff.tracked import read_facts

    facts = (read_facts(head.documents), read_facts(base.documents))
    hiding = Hiding(facts[0].hidden | facts[1].hidden, any(one.hides_all for one in facts))
    store = open_store(root)
    left_out: list[str] = []
    try:
        partitions = compare_manifests(*_manifests(base, head, store))
    except BadDataError as error:
        partitions = ()
        left_out.append(f"partitions could not be compared: {error.message}; {error.fix}")
    if len(partitions) > MOST_PARTITIONS:
        left_out.append(f"{len(partitions) - MOST_PARTITIONS:,} more partitions differ")
    tables: tuple[TableDiff, ...] = ()
    if level != "summary":
        from mlops_kit.compare.row_diffs import compare_rows  # with what it needs, a tenth of a second

        def bring(digests: Sequence[str]) -> None:
            from mlops_kit.artifacts.remote_store import fetch_objects

            fetch_objects(root, digests)

        most = None if level == "full" else budget
        way = bring if fetch and store.elsewhere else None
        tables, said = compare_rows(base, head, store, _options(facts[0], hiding), budget=most, fetch=way)
        left_out += said
    section = DataSection(
        tables=tables,
        partitions=partitions[:MOST_PARTITIONS],
        quarantine=compare_quarantine(_quarantine(base), _quarantine(head), hiding),
        profile=compare_profiles(base.documents.get(PROFILE), head.documents.get(PROFILE), hiding),
        left_out=tuple(left_out),
    )
    return None if section.is_empty else section


def _options(facts: Facts, hiding: Hiding) -> DiffOptions:
    from mlops_kit.data.diff.keys import KeyWish
    from mlops_kit.data.diff.table import DiffOptions

    wishes = (KeyWish(facts.key, "task.key in mlops.yaml"),) if facts.key else ()
    return DiffOptions(
        wishes, hidden=hiding.columns, hides_all=hiding.everything, target=facts.target, time=facts.time
    )


def _differ(base: Side, head: Side) -> bool:
    """Return whether anything of the data differs, which is known from hashes alone."""
    files = {path: file.digest for path, file in base.data.items()}
    return (
        files != {path: file.digest for path, file in head.data.items()}
        or _telling(base) != _telling(head)
        or dict(_folders(base)) != dict(_folders(head))
    )


def _telling(side: Side) -> Documents:
    """Return the documents that say of the data what it is; params.yaml and mlops.yaml only say how to read it."""
    return {
        path: content
        for path, content in side.documents.items()
        if path.endswith(MANIFEST) or path in (PROFILE, CONTRACT)
    }


def _folders(side: Side) -> Iterator[tuple[str, str]]:
    for stage in side.stages.values():
        yield from ((path, digest) for path, digest in stage.outs.items() if digest.endswith(DIRECTORY))


def _manifests(base: Side, head: Side, store: Store) -> tuple[Documents, Documents]:
    """Return the manifests that git has, and those in folders of DVC's that differ, where both sides' are here."""
    old, new = (
        {path: content for path, content in side.documents.items() if path.endswith(MANIFEST)}
        for side in (base, head)
    )
    before, after = dict(_folders(base)), dict(_folders(head))
    for folder in before.keys() | after.keys():
        path = posixpath.join(folder, INNER)
        sides = ((before.get(folder), old), (after.get(folder), new))
        if f"{folder}{MANIFEST}" in {**old, **new} or before.get(folder) == after.get(folder):
            continue
        read = [(made, _read(store, digest)) for digest, made in sides if digest]
        if all(content is not None for _, content in read):
            for made, content in read:
                made[path] = content or b""
    return old, new


def _read(store: Store, digest: str) -> bytes | None:
    try:
        listing = store.listing(digest) or {}
        return store.read(listing[INNER]) if INNER in listing else None
    except (BadDataError, ValueError, TypeError, KeyError):
        return None  # a damaged object is found where its content is needed; mlops-kit fsck


def _quarantine(side: Side) -> DataFile | None:
    from mlops_kit.compare.quarantine import NAME

    return next((file for path, file in side.data.items() if posixpath.basename(path) == NAME), None)
