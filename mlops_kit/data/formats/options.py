"""What can be declared about a data file, and what its name says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from mlops_kit.errors import BadDataError, UsageError

FormatName = Literal["csv", "tsv", "jsonl", "parquet"]

ENDINGS: dict[str, FormatName] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}
PACKED = (".gz", ".bz2", ".xz", ".zst")
ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")


@dataclass(frozen=True)
class FormatOptions:
    """How to read a data file; what is left empty is told by its name and its first bytes."""

    type: FormatName | None = None
    """`csv`, `tsv`, `jsonl` (one JSON object a line) or `parquet`; by the ending of the name when empty."""
    delimiter: str = ""
    """One character between cells; a comma for CSV and a tab for TSV when empty."""
    quote: str = '"'
    """One character round cells that hold delimiters or line ends, doubled inside of them; empty when there is none."""
    escape: str = ""
    """One character that takes its meaning from the next one, such as a backslash; none when empty."""
    encoding: str = ""
    """Encoding of the text, such as `latin-1`, `cp1252` or `utf-16`; by the byte order mark, else UTF-8, when empty."""
    header: bool = True
    """Whether the first line names the columns."""
    columns: tuple[str, ...] = ()
    """Names of the columns of a file without header."""
    skip: int = 0
    """Lines before the header that are no data."""
    member: str = ""
    """Which file of an archive, by name or pattern (`2024/*.csv`); needed when there are several."""
    max_rejected: float = 0.5
    """Share of lines (0 to 1) that may be no rows; above it the file is refused, since it is probably something else."""
    max_ratio: int = 250
    """How many times larger than the file its decompressed content may be, beyond 256 MiB."""

    def __post_init__(self) -> None:
        for name in ("delimiter", "quote", "escape"):
            value = getattr(self, name)
            if len(value) > 1 or not value.isascii() or value in ("\n", "\r"):
                raise UsageError(
                    f"format.{name} is {value!r}", fix="give one ASCII character that is no line end"
                )
        if self.quote and self.quote in (self.delimiter, self.escape):
            raise UsageError(f"format.quote is {self.quote!r}, and so is another sign of the format")
        if self.encoding:
            try:
                b"".decode(self.encoding)
            except LookupError:
                raise UsageError(
                    f"format.encoding: {self.encoding!r} is no encoding",
                    fix="such as utf-8, latin-1, cp1252, utf-16",
                ) from None


def format_of(name: str, options: FormatOptions) -> FormatName:
    """Return the format of the file `name`, declared or by its ending. Raises BadDataError when neither tells it."""
    if options.type:
        return options.type
    found = ENDINGS.get(PurePosixPath(plain_name(name)).suffix.lower())
    if found is None:
        raise BadDataError(
            f"{name}: unknown format",
            fix=f"name it {', '.join(ENDINGS)} (with {', '.join(PACKED)} if packed), or set `format: {{type: csv}}`",
        )
    return found


def plain_name(name: str) -> str:
    """Return `name` without the ending of its compression."""
    return next((name[: -len(end)] for end in PACKED if name.lower().endswith(end)), name)


def is_table(name: str) -> bool:
    """Return whether the name ends as a data file does, compressed or not."""
    return PurePosixPath(plain_name(name)).suffix.lower() in ENDINGS


def is_archive(name: str) -> bool:
    """Return whether the name ends as an archive of several files does."""
    return name.lower().endswith(ARCHIVES)
