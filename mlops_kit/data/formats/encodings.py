"""Text of any encoding as blocks of UTF-8; bytes that the encoding does not have stay recognisable."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from mlops_kit.data.formats.options import FormatOptions
from mlops_kit.data.formats.packed import Stream
from mlops_kit.errors import BadDataError

BLOCK = 2 << 20

_MARKS = (  # the longer ones first: the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHERS = (
    (b"PAR1", "a Parquet file", "name it .parquet"),
    (b"\x1f\x8b", "a gzip file", "name it .csv.gz"),
    (b"BZh", "a bzip2 file", "name it .csv.bz2"),
    (b"\xfd7zXZ", "an xz file", "name it .csv.xz"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "name it .csv.zst"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "name it .zip, or save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as CSV"),
    (b"SQLite format 3", "an SQLite database", "acquire it by a query"),
    (b"%PDF", "a PDF document", "save its table as CSV"),
    (b"Obj\x01", "an Avro file", "convert it to Parquet"),
    (b"ORC", "an ORC file", "convert it to Parquet"),
)


@dataclass(frozen=True)
class Text:
    """Text on its way."""

    blocks: Iterator[bytes]
    """Its bytes as UTF-8, without a byte order mark; no block is empty."""
    converted: bool
    """Whether it was another encoding."""

    @property
    def rule(self) -> str:
        """Return why bytes of it are no text."""
        return "not its encoding" if self.converted else "not UTF-8"


def open_text(stream: Stream, options: FormatOptions, name: str) -> Text:
    """Return the text in `stream`.

    The mark tells the encoding, else `options.encoding`, else it is taken for UTF-8 and not checked. Of another encoding, bytes that it
    does not have are written as surrogates (U+DC00 and the byte), which are no valid UTF-8. Raises BadDataError for an empty stream and
    for content that is plainly something else.
    """
    first = stream.read(BLOCK)
    _check_kind(first, name)
    mark, marked = next((pair for pair in _MARKS if first.startswith(pair[0])), (b"", ""))
    declared = codecs.lookup(options.encoding).name if options.encoding else ""
    if marked and declared and declared not in marked and not declared.startswith(("utf", marked)):
        raise BadDataError(
            f"{name}: begins with the mark of {marked}, but format.encoding is {options.encoding}",
            fix="leave format.encoding empty",
        )
    encoding = marked or declared or "utf-8"
    if not mark and not declared:
        _check_wide(first, name)
    first = first[len(mark) :]
    if encoding in ("utf-8", "ascii", "utf-8-sig"):
        return Text(_plain(first, stream), converted=False)
    return Text(filter(None, _converted(first, stream, encoding)), converted=True)


def shown(content: bytes, *, converted: bool = False) -> str:
    """Return the bytes of a line as text; what is no text, or a NUL, is written `\\xNN`. `converted` when they were another encoding."""
    if not converted:
        return content.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    text = content.decode("utf-8", "surrogatepass").replace("\0", "\\x00")
    return "".join(f"\\x{ord(sign) & 0xFF:02x}" if "\udc00" <= sign <= "\udcff" else sign for sign in text)


def _plain(block: bytes, stream: Stream) -> Iterator[bytes]:
    while block:
        yield block
        block = stream.read(BLOCK)


def _converted(block: bytes, stream: Stream, encoding: str) -> Iterator[bytes]:
    codecs.register_error("mlops-kit-bytes", _keep_bytes)
    decoder = codecs.getincrementaldecoder(encoding)("mlops-kit-bytes")
    while block:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
        block = stream.read(BLOCK)
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


def _check_kind(first: bytes, name: str) -> None:
    if not first:
        raise BadDataError(f"{name}: the file is empty")
    for magic, what, fix in _OTHERS:
        if first.startswith(magic):
            raise BadDataError(f"{name}: this is {what}, not text", fix=fix)
    start = first[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise BadDataError(
            f"{name}: this is a web page, not data", fix="fetch the file again; a login page may have come"
        )
    if start.startswith(b"<?xml"):
        raise BadDataError(f"{name}: this is XML, not text in lines", fix="convert it to CSV or JSON lines")
    if start.startswith(b"version https://git-lfs"):
        raise BadDataError(f"{name}: this is a pointer of Git LFS, not the file", fix="git lfs pull")


def _check_wide(first: bytes, name: str) -> None:
    even, odd = (first[start:4096:2] for start in (0, 1))
    for side, empty, other in (("le", odd, even), ("be", even, odd)):
        if len(empty) > 1 and empty.count(0) > 0.8 * len(empty) and other.count(0) < 0.2 * len(other):
            raise BadDataError(
                f"{name}: every other byte is NUL, as in UTF-16 without a mark",
                fix=f"set `format: {{encoding: utf-16-{side}}}` in params.yaml",
            )
