"""Where a fetch lies until it is whole: a folder below `.dvc/tmp`, which no stage reads.

A piece is fetched and written there; a file with its hashes says that it is finished. Whoever comes after a crash uses what is
finished, lets the source go on with what is not, and removes the rest.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from mlops_kit.artifacts.statcache import WORKPLACE, replace_text
from mlops_kit.data.partitions.source import Offer
from mlops_kit.data.partitions.writing import WrittenPart

_FINISHED = "finished.json"


@dataclass(frozen=True)
class FinishedPiece:
    """What a piece has become."""

    parts: tuple[WrittenPart, ...]
    """Its partitions, by name."""
    origin: str = ""
    """Identity of what was really fetched; that of the offer when empty."""


@dataclass(frozen=True)
class Piece:
    """The folders of one offer."""

    folder: Path
    """Holds all of it."""

    @property
    def incoming(self) -> Path:
        """Return where the source puts what it fetches."""
        return self.folder / "incoming"

    @property
    def ready(self) -> Path:
        """Return where its partitions are written."""
        return self.folder / "ready"

    def begin(self) -> None:
        """Make the folders; what an earlier try has fetched stays, what it has written does not. Raises OSError."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.ready, ignore_errors=True)
        self.ready.mkdir()

    def finish(self, done: FinishedPiece) -> None:
        """Say that its partitions are whole; what was fetched is no longer needed. Raises OSError."""
        replace_text(self.folder / _FINISHED, json.dumps(asdict(done)), durable=True)
        shutil.rmtree(self.incoming, ignore_errors=True)

    def finished(self) -> FinishedPiece | None:
        """Return its partitions if they are whole and here, else None."""
        try:
            value = json.loads((self.folder / _FINISHED).read_bytes())
            parts = tuple(WrittenPart(**part) for part in value["parts"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        here = all((self.ready / name).is_file() for part in parts for name, _ in part.files())
        sizes = here and all(
            (self.ready / f"{part.name}.parquet").stat().st_size == part.bytes for part in parts
        )
        return FinishedPiece(parts, str(value.get("origin", ""))) if sizes else None

    def remove(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Staging:
    """The pieces of one stage that are on their way."""

    def __init__(self, root: Path, stage: str) -> None:
        self.folder = root / WORKPLACE / "acquire" / stage

    def piece(self, offer: Offer, version: str) -> Piece:
        """Return the folders of an offer; another identity, range, query or `version` (of the writer and its settings) has others.

        An offer without an identity of its content starts afresh, unless it is a closed range of cursor values whose fetch goes on.
        """
        facts = (offer.name, offer.source, offer.origin, offer.query)
        cursor = (offer.cursor_column, offer.cursor_from, offer.cursor_to)
        key = hashlib.sha256("\0".join((*facts, *cursor, version)).encode()).hexdigest()[:24]
        piece = Piece(self.folder / key)
        if not offer.origin:
            piece.remove()
        return piece

    def sweep(self, keep: Iterable[Piece]) -> None:
        """Remove the pieces that are not in `keep`."""
        wanted = {piece.folder for piece in keep}
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            if folder not in wanted:
                shutil.rmtree(folder, ignore_errors=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
