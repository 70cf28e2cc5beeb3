"""Reading a data file that somebody else wrote: CSV, compressed CSV or Parquet, in the project or inside an installed package."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = (".csv", ".csv.gz", ".csv.zip", ".parquet")


def open_source(source: str) -> Path:
    """Return the file that `source` names: a path, or `package:NAME/path/in/package` (found without importing the package).

    Raises BadDataError when it does not exist.
    """
    if not source.startswith("package:"):
        if not source or not Path(source).is_file():
            raise BadDataError(
                f"the source `{source}` does not exist",
                fix="put the file there, or change `source` in params.yaml",
            )
        return Path(source)
    name, _, inner = source.removeprefix("package:").partition("/")
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise BadDataError(
            f"the package {name} of source `{source}` is not installed", fix=f"pip install {name}"
        )
    path = Path(next(iter(spec.submodule_search_locations)), inner)
    if not path.is_file():
        raise BadDataError(f"the package {name} has no file {inner}", fix="change `source` in params.yaml")
    return path


def read_table(path: Path) -> pa.Table:
    """Return the rows of a data file; columns of a CSV file are texts, which the clean step casts by the schema.

    Raises BadDataError for a file that is empty, is not UTF-8 (with the line), has duplicate or nameless columns, has rows of
    another length than the header (with the line), or has an unknown format.
    """
    name = path.name.lower()
    if not name.endswith(FORMATS):
        raise BadDataError(f"{path}: unknown format", fix=f"one of {', '.join(FORMATS)}")
    if path.stat().st_size == 0:
        raise BadDataError(f"{path}: the file is empty")
    if name.endswith(".parquet"):
        from mlops_kit.artifacts.tables import read_parquet

        return read_parquet(path)
    return parse_csv(_decompress(path), str(path))


def parse_csv(content: bytes, where: str) -> pa.Table:
    """Return CSV `content` as a table of texts; empty cells are missing. Raises BadDataError like read_table."""
    import pyarrow as pa
    import pyarrow.csv as pc

    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise BadDataError(f"{where}: the file is empty")
    _check_utf8(content, where)
    header = next(
        csv.reader(io.StringIO(content[: content.find(b"\n") if b"\n" in content else None].decode("utf-8"))),
        [],
    )
    _check_header(header, where)
    options = pc.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    try:
        return pc.read_csv(
            io.BytesIO(content),
            read_options=pc.ReadOptions(use_threads=False, block_size=max(1 << 20, len(content) + 1)),
            parse_options=pc.ParseOptions(newlines_in_values=True),
            convert_options=options,
        )
    except pa.ArrowInvalid as error:
        raise BadDataError(
            f"{where}: {_ragged(content, len(header)) or error}",
            fix="every row needs as many cells as the header",
        ) from None


def _decompress(path: Path) -> bytes:
    try:
        if path.name.lower().endswith(".gz"):
            return gzip.decompress(path.read_bytes())
        if path.name.lower().endswith(".zip"):
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
                if len(names) != 1:
                    raise BadDataError(f"{path}: {len(names)} CSV files inside, not one")
                return archive.read(names[0])
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadDataError(f"{path}: cannot be decompressed ({error})") from None
    return path.read_bytes()


def _check_utf8(content: bytes, where: str) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadDataError(
            f"{where}:{line}: not UTF-8 (byte 0x{content[error.start]:02x} at offset {error.start})",
            fix="convert it: iconv -f LATIN1 -t UTF-8",
        ) from None


def _check_header(header: list[str], where: str) -> None:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BadDataError(
            f"{where}:1: duplicate columns: {', '.join(twice)}", fix="rename or remove one of each"
        )
    if any(not name.strip() for name in header):
        raise BadDataError(f"{where}:1: a column has no name", fix="give every column a name")


def _ragged(content: bytes, width: int) -> str:
    reader = csv.reader(io.StringIO(content.decode("utf-8")))
    for row in reader:
        if row and len(row) != width:
            return f"line {reader.line_num} has {len(row)} cells, the header has {width}"
    return ""
