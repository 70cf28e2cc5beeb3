"""One side of a table as a relation of DuckDB: files of one format or several, read in place or turned into Parquet once."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlops_kit.artifacts.canonical.parquet import stream_arrow
from mlops_kit.artifacts.duck import Duck, literal
from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.formats.reading import read_rows
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import duckdb

_FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
}
_PACKED = {".gz": "gzip", ".zst": "zstd"}
_UNPACKED = (".bz2", ".xz", ".zip")
_BYTE_ORDERS = (b"\xff\xfe", b"\xfe\xff")
_Convert = Callable[[Path], tuple[bool, int]]
_HEAD = 1 << 20
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class FileVersion:
    """One file of one side of a table."""

    name: str
    """Path below the table's folder; of a table that is one file, its path."""
    digest: str
    """MD5 of the content; empty when it is not known."""
    place: Path | None
    """Where the content lies; None when it is not here."""
    rows: int | None = None
    """Rows, where they are recorded."""


@dataclass(frozen=True)
class Relation:
    """Rows that DuckDB can read."""

    sql: str
    """What to read from, to stand after FROM; its columns are `c0`, `c1`, ..."""
    columns: Mapping[str, str]
    """Column name -> type in DuckDB's words, in the order of `c0`, `c1`, ..."""
    texts: bool
    """Whether all cells are texts because the format has no types (CSV)."""
    rejects: int = 0
    """Lines that are no rows (another number of cells, not UTF-8); they are not among the rows."""

    def place(self, column: str) -> str:
        """Return the column's name within the relation."""
        return f"c{list(self.columns).index(column)}"


def table_format(name: str) -> str | None:
    """Return `parquet`, `csv` (any delimiter), `json` (one object a line), `packed` (one of these, compressed in a way that DuckDB does not
    read) by the name of a file; None when it is no table."""
    path = PurePosixPath(name.lower())
    inner = _FORMATS.get(path.with_suffix("").suffix)
    if path.suffix in _PACKED and inner in ("csv", "json"):
        return inner
    if path.suffix in _UNPACKED and inner:
        return "packed"
    return _FORMATS.get(path.suffix)


def open_relation(duck: Duck, files: Sequence[FileVersion], name: str) -> Relation:
    """Return the rows of `files`, columns matched by name, as the view `name`.

    CSV and JSON are turned into Parquet in the database's scratch folder first, so that they are parsed once. Raises BadDataError for
    what cannot be read; its words hold no values.
    """
    try:
        parts = list(_parts(duck, files, name))
        sql = " UNION ALL BY NAME ".join(f"SELECT * FROM {part.sql}" for part in parts)
        described = duck.run(f"DESCRIBE {sql}").fetchall()
    except _engine_error() as error:
        raise BadDataError(f"{files[0].name}: {_first_line(error)}") from error
    columns = {str(row[0]): str(row[1]).strip('"') for row in described}
    aliases = ", ".join(f"c{number}" for number in range(len(columns)))
    duck.run(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM ({sql}) AS t({aliases})")
    texts, rejects = all(part.texts for part in parts), sum(part.rejects for part in parts)
    return Relation(name, columns, texts, rejects)


def head_columns(file: FileVersion) -> tuple[str, ...]:
    """Return the names of a file's columns from its beginning or footer; none for JSON, and for what cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = table_format(file.name)
    if file.place is None or kind not in ("parquet", "csv"):
        return ()
    try:
        if kind == "parquet":
            return tuple(pq.read_schema(file.place).names)
        return _read_head(file.place, _packing(file)).columns
    except (OSError, pa.ArrowException, BadDataError):
        return ()


def footer_rows(file: FileVersion) -> int | None:
    """Return the rows of a file without reading them: as recorded, or from the footer of a Parquet file that is here; else None."""
    if file.rows is not None or file.place is None or table_format(file.name) != "parquet":
        return file.rows
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(file.place).num_rows)
    except (OSError, pa.ArrowException):
        return None


@dataclass(frozen=True)
class _Part:
    """Files that are read together."""

    sql: str
    texts: bool = False
    rejects: int = 0


def _parts(duck: Duck, files: Sequence[FileVersion], name: str) -> Iterator[_Part]:
    by_format: dict[str, list[FileVersion]] = {}
    for file in files:
        by_format.setdefault(table_format(file.name) or "", []).append(file)
    for kind, members in sorted(by_format.items()):
        if kind == "parquet":
            yield _Part(_parquet([member.place for member in members if member.place]))
            continue
        converted = _unpacked(duck, members) if kind == "packed" else _parsed(duck, members, kind)
        for number, convert in enumerate(converted):
            made = duck.scratch / f"{name}-{kind}-{number}.parquet"
            texts, rejects = convert(made)
            yield _Part(_parquet([made]), texts, rejects)


def _parsed(duck: Duck, files: Sequence[FileVersion], kind: str) -> Iterator[_Convert]:
    for source in _json(files) if kind == "json" else _csv(files):
        yield partial(_converted, duck, source, kind == "csv")


def _unpacked(duck: Duck, files: Sequence[FileVersion]) -> Iterator[_Convert]:
    for file in files:
        yield partial(_unpack, duck, file)


def _converted(duck: Duck, source: tuple[str, str], texts: bool, made: Path) -> tuple[bool, int]:
    return texts, _convert(duck, source, made)


def _parquet(paths: Iterable[Path]) -> str:
    names = ", ".join(literal(path.as_posix()) for path in paths)
    # Statistics of Parquet leave NaN out; DuckDB trusts them in filters and joins unless it is told.
    return f"read_parquet([{names}], union_by_name = true, hive_partitioning = false, can_have_nan = true)"


def _json(files: Sequence[FileVersion]) -> Iterator[tuple[str, str]]:
    for packing, members in _by_packing(files):
        names = ", ".join(literal(path.as_posix()) for path in members)
        # All lines are looked at for the types, and a struct is never taken for a map, so that no order of lines matters.
        options = (
            f"union_by_name = true, sample_size = -1, map_inference_threshold = -1, compression = '{packing}'"
        )
        yield f"read_json([{names}], format = 'newline_delimited', {options})", ""


def _csv(files: Sequence[FileVersion]) -> Iterator[tuple[str, str]]:
    """Yield what reads the files of each header: the function, and what its options are when lines are no rows."""
    by_head: dict[_Head, list[str]] = {}
    for packing, members in _by_packing(files):
        for path in members:
            by_head.setdefault(_read_head(path, packing), []).append(literal(path.as_posix()))
    for head, names in by_head.items():
        columns = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in head.columns)
        options = (
            f"auto_detect = false, header = {str(head.named).lower()}, delim = {literal(head.delimiter)}, quote = '\"', "
            f"escape = '\"', columns = {{{columns}}}, compression = '{head.packing}', encoding = '{head.encoding}'"
        )
        yield f"read_csv([{', '.join(names)}], {options}", ")"


def _convert(duck: Duck, source: tuple[str, str], made: Path) -> int:
    """Write what `source` reads as Parquet and return how many lines are no rows."""
    function, end = source
    target = f"TO {literal(made.as_posix())} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    try:
        duck.run(f"COPY (SELECT * FROM {function}{end}) {target}")
    except _engine_error() as error:
        if not end or type(error).__name__ not in ("InvalidInputException", "ConversionException"):
            raise
    else:
        return 0
    lenient = ", ignore_errors = true, store_rejects = true, rejects_limit = 0"
    duck.run(f"COPY (SELECT * FROM {function}{lenient}{end}) {target}")
    found = duck.run("SELECT count(DISTINCT (file_id, line)) FROM reject_errors").fetchone()
    duck.run("DELETE FROM reject_errors")
    return int(found[0]) if found else 0


def _unpack(duck: Duck, file: FileVersion, made: Path) -> tuple[bool, int]:
    """Write a compressed file as Parquet; return whether all its cells are texts, and how many lines are no rows."""
    import pyarrow as pa

    place = (
        duck.scratch / made.stem / PurePosixPath(file.name).name
    )  # its name tells how it is packed, the cache's does not
    place.parent.mkdir()
    assert file.place is not None
    try:
        place.symlink_to(file.place.resolve())
    except OSError:  # Windows, without the right to make links
        shutil.copyfile(file.place, place)
    refused: list[int] = []
    source = read_rows(place, FormatOptions(max_rejected=1.0), name=file.name)
    stream_arrow(source.batches(lambda reject: refused.append(reject.line)), source.schema, made)
    return all(pa.types.is_string(field.type) for field in source.schema), len(refused)


@dataclass(frozen=True)
class _Head:
    columns: tuple[str, ...]
    named: bool
    delimiter: str
    packing: str
    encoding: str


def _read_head(path: Path, packing: str) -> _Head:
    """Return how a CSV file is written, from its first record."""
    import pyarrow as pa

    with (
        pa.OSFile(str(path)) as file,
        pa.input_stream(file, None if packing == "none" else packing) as stream,
    ):
        start: bytes = stream.read(_HEAD)
    encoding = "utf-16" if start[:2] in _BYTE_ORDERS else "utf-8"
    text = start.decode("utf-16" if encoding == "utf-16" else "utf-8-sig", "replace")
    if re.search("[\\x00-\\x08\\x0e-\\x1f]", text[:1000]):
        raise BadDataError(f"{path.name}: not a text, although its name says so")
    delimiter = max(_DELIMITERS, key=lambda sign: (_count(text, sign), -_DELIMITERS.index(sign)))
    first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    if not first:
        raise BadDataError(f"{path.name}: the file is empty")
    named = not any(_is_number(cell) for cell in first)
    cells = first if named else [""] * len(first)
    return _Head(tuple(_names(cells)), named, delimiter, packing, encoding)


def _count(text: str, sign: str) -> int:
    csv.field_size_limit(1 << 24)
    return len(next(csv.reader(io.StringIO(text, newline=""), delimiter=sign), []))


def _names(cells: Sequence[str]) -> Iterator[str]:
    """Yield a name for each column: as written, numbered where it is empty or there already (DuckDB does not tell a from A)."""
    seen: set[str] = set()
    for number, cell in enumerate(cells, start=1):
        name = fresh = cell.strip() or f"column {number}"
        again = 2
        while fresh.lower() in seen:
            fresh, again = f"{name} ({again})", again + 1
        seen.add(fresh.lower())
        yield fresh


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _by_packing(files: Sequence[FileVersion]) -> Iterator[tuple[str, list[Path]]]:
    found: dict[str, list[Path]] = {}
    for file in files:
        if file.place:
            found.setdefault(_packing(file), []).append(file.place)
    yield from found.items()


def _packing(file: FileVersion) -> str:
    return _PACKED.get(PurePosixPath(file.name.lower()).suffix, "none")


def _engine_error() -> type[duckdb.Error]:
    import duckdb

    return duckdb.Error


def _first_line(error: Exception) -> str:
    """Return what DuckDB says without the content that it shows below: that may be about persons."""
    return str(error).splitlines()[0]
