"""Files as they should not be, each with its fate: it loads right, lines of it are rejected with a rule, or it is refused with a message.

The columns are `id` (key), `when` (time), `n` (a whole number) and `c` (a text) unless the file is about columns. What must never be
printed stands in cells as SECRET.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mlops_kit.data.formats.options import FormatOptions

SECRET = "s3cret"
HEAD = "id,when,n,c\n"
DAY = "2025-01-0{0}T00:00:00Z"
LONGEST = 1 << 18
"""Bytes of the longest line; tests set the reader to this."""
FREE = 1 << 20
"""Bytes below which nothing is a bomb; likewise."""
LINES = [f"{n},{DAY.format(n)},{n},c{n}\n" for n in range(1, 6)]
GOOD = HEAD + "".join(LINES)
BIG = 9 << 20


@dataclass(frozen=True)
class Malformed:
    """A file and what becomes of it."""

    about: str
    """What is wrong with it, in words; names the test."""
    file: str
    """Name of the file."""
    content: bytes
    """Its bytes."""
    rows: int = -1
    """Rows that load; -1 when the file is refused."""
    rejects: tuple[tuple[int, str], ...] = ()
    """Line and rule of each line that is no row."""
    refused: str = ""
    """Part of the message when the file is refused."""
    options: FormatOptions = field(default_factory=FormatOptions)
    """What the user declares about it."""
    quarantined: tuple[str, ...] = ()
    """Rules that rows of it break in the clean step, sorted."""
    clean_refuses: str = ""
    """Part of the message when the clean step refuses the table."""
    cells: tuple[tuple[str, Any], ...] = ()
    """Column and value of cells that must be among the rows exactly so."""


# fmt: off

def malformed_files() -> Iterator[Malformed]:
    """Yield the whole corpus."""
    yield from _shapes()
    yield from _quotes()
    yield from _encodings()
    yield from _values()
    yield from _headers()
    yield from _something_else()
    yield from _archives()
    yield from _compressed()
    yield from _json_lines()
    yield from _parquet()


def _csv(about: str, text: str | bytes, **fate: Any) -> Malformed:
    content = text.encode() if isinstance(text, str) else text
    return Malformed(about, fate.pop("file", "d.csv"), content, **fate)


def _shapes() -> Iterator[Malformed]:
    a, b, c, *_ = LINES
    yield _csv("a row with too few cells", HEAD + a + "2,x\n" + c, rows=2, rejects=((3, "ragged row"),))
    yield _csv("a row with too many cells", HEAD + a + b.strip() + f",{SECRET}\n" + c, rows=2, rejects=((3, "ragged row"),))
    yield _csv("a line of spaces", HEAD + a + "   \n" + c, rows=2, rejects=((3, "ragged row"),))
    yield _csv("blank lines", "\n\n" + HEAD + "\n" + a + "\n\n" + b + "\r\n", rows=2)
    yield _csv("rows of delimiters alone", HEAD + a + ",,,\n,,,\n", rows=3, quarantined=("not missing", "not missing"))
    yield _csv("no final line end", GOOD.rstrip("\n"), rows=5, cells=(("c", "c5"),))
    yield _csv("carriage returns as line ends", GOOD.replace("\n", "\r"), rows=5, cells=(("c", "c5"),))
    yield _csv("three kinds of line ends", HEAD.strip() + "\r" + a.strip() + "\r\n" + b + c.strip() + "\r", rows=3)
    yield _csv("a last line that was cut off", HEAD + a + b + c[:8], rows=2, rejects=((4, "ragged row"),))
    yield _csv("one row", HEAD + a, rows=1)
    yield _csv("only a header", HEAD, refused="no rows, only a header")
    yield _csv("only a header without line end", HEAD.strip(), refused="no rows, only a header")
    yield _csv("no byte", "", refused="the file is empty")
    yield _csv("only line ends", "\n\r\n\n", refused="the file is empty")
    yield _csv("mostly other rows", HEAD + a + f"{SECRET}\nx\ny\n", refused="d.csv:3: ragged row; 3 of 4 lines are no rows")
    yield _csv("semicolons in a .csv", GOOD.replace(",", ";"), refused="one column, whose name has ';' in it")
    yield _csv("semicolons that are declared", GOOD.replace(",", ";"), rows=5, options=FormatOptions(delimiter=";"))
    yield _csv("tabs in a .csv", GOOD.replace(",", "\t"), refused="one column, whose name has '\\t' in it")
    yield _csv("commas in a .tsv", GOOD, file="d.tsv", refused="one column, whose name has ',' in it")
    yield _csv("lines before the header", "exported by x\n\n" + GOOD, rows=5, options=FormatOptions(skip=2))
    yield _csv("a first line of Excel", "sep=;\n" + GOOD.replace(",", ";"), refused="the line names the delimiter, not the columns")
    yield _csv("no header", "".join(LINES), rows=5, options=FormatOptions(header=False, columns=("id", "when", "n", "c")))
    yield _csv("no header and no names", "".join(LINES), refused="there are no names", options=FormatOptions(header=False))
    yield _csv("a cell of 128 KiB", HEAD + a + f"2,{DAY.format(2)},2,{'x' * (1 << 17)}\n", rows=2)
    yield _csv("a line of many mebibytes", HEAD + a + 'x' * (5 << 20), refused="d.csv:3: a line of more than 256 KiB")
    yield _csv("the end of file of another system", GOOD + "\x1a", rows=5, rejects=((7, "ragged row"),))


def _quotes() -> Iterator[Malformed]:
    a, b, c, d, _ = LINES
    two = f"2,{DAY.format(2)},2,"
    yield _csv("line ends in quotes", HEAD + a + f'{two}"x\ny\r\nz"\n' + c, rows=3, cells=(("c", "x\ny\r\nz"),))
    yield _csv("delimiters and quotes in quotes", HEAD + f'{two}"a,""b"""\n', rows=1, cells=(("c", 'a,"b"'),))
    yield _csv("everything in quotes", '"id","when","n","c"\n' + f'"1","{DAY.format(1)}","1","x"\n', rows=1)
    yield _csv("a quote inside of a cell", HEAD + a + f'{two}5" pipe\n' + c, rows=3, cells=(("c", '5" pipe'),))
    yield _csv("a quote inside of every cell", HEAD + f'{two}a"b"c\n' * 3, rows=3, quarantined=("unique key",) * 2)
    yield _csv("text after a closing quote", HEAD + a + f'{two}"x" {SECRET}\n' + c, rows=2, rejects=((3, "stray quote"),))
    yield _csv("quotes that are not doubled", HEAD + a + f'{two}"say "hi" now"\n' + c, rows=2, rejects=((3, "stray quote"),))
    yield _csv("a quote that the next line closes", HEAD + a + f'{two}"x\n3,y,3,"z"\n' + d, rows=3, rejects=((3, "stray quote"),), quarantined=("type timestamp",))
    yield _csv("a quote that nothing closes", HEAD + a + f'{two}"x\n' + c + d, rows=3, rejects=((3, "open quote"),))
    yield _csv("an open quote before much", HEAD + a + f'{two}"x\n' + c * 3 + d * 10_000, rows=10_004, rejects=((3, "open quote"),), quarantined=("unique key",) * 10_001)
    yield _csv("an open quote in the header", 'id,"when,n,c\n' + a + b, refused="open quote in the header")
    yield _csv("an open quote in the header, before much", 'id,"when,n,c\n' + a * 80_000, refused="open quote in the header")
    yield _csv("backslashes before quotes", HEAD + f'{two}"a\\"b"\n', rows=1, options=FormatOptions(escape="\\"), cells=(("c", 'a"b'),))
    yield _csv("single quotes", HEAD + f"{two}'a,b'\n", rows=1, options=FormatOptions(quote="'"), cells=(("c", "a,b"),))
    yield _csv("quotes without a meaning", HEAD + f'{two}"x\n', rows=1, options=FormatOptions(quote=""), cells=(("c", '"x'),))


def _encodings() -> Iterator[Malformed]:
    accents = HEAD + "".join(line.replace("c", "é") for line in LINES)
    mixed = (HEAD + LINES[0] + LINES[1]).encode() + f"3,{DAY.format(3)},3,é\n".encode("latin-1") + LINES[3].encode()
    yield _csv("a mark of UTF-8", GOOD.encode("utf-8-sig"), rows=5, cells=(("id", "1"),))
    yield _csv("UTF-16 with a mark", accents.encode("utf-16"), rows=5, cells=(("c", "é5"),))
    yield _csv("UTF-16, big end first, with a mark", b"\xfe\xff" + accents.encode("utf-16-be"), rows=5)
    yield _csv("UTF-32 with a mark", accents.encode("utf-32"), rows=5, cells=(("c", "é5"),))
    yield _csv("UTF-16 without a mark", accents.encode("utf-16-le"), refused="every other byte is NUL, as in UTF-16")
    yield _csv("UTF-16 that is declared", accents.encode("utf-16-be"), rows=5, options=FormatOptions(encoding="utf-16-be"))
    yield _csv("UTF-16 that ends in a character", accents.encode("utf-16")[:-1], rows=4, rejects=((6, "not its encoding"),))
    yield _csv("Latin-1", accents.encode("latin-1"), refused="d.csv:2: not UTF-8; 5 of 5 lines are no rows")
    yield _csv("Latin-1 that is declared", accents.encode("latin-1"), rows=5, options=FormatOptions(encoding="latin-1"), cells=(("c", "é1"),))
    yield _csv("two encodings in one file", mixed, rows=3, rejects=((4, "not UTF-8"),))
    yield _csv("bytes that the declared encoding lacks", mixed.replace(b"\xe9", b"\x81"), rows=3, rejects=((4, "not its encoding"),), options=FormatOptions(encoding="cp1252"))
    yield _csv("a mark that the declared encoding contradicts", GOOD.encode("utf-8-sig"), refused="begins with the mark of utf-8, but", options=FormatOptions(encoding="latin-1"))
    yield _csv("half of a surrogate pair", (HEAD + LINES[0]).encode() + f"2,{DAY.format(2)},2,".encode() + b"\xed\xa0\x80\n", rows=1, rejects=((3, "not UTF-8"),))
    yield _csv("a NUL byte", HEAD + LINES[0] + f"2,{DAY.format(2)},2,x\0y\n" + LINES[2], rows=2, rejects=((3, "NUL byte"),))
    yield _csv("NUL bytes at the end", GOOD + "\0" * 400, rows=5, rejects=((7, "NUL byte"),))
    yield _csv("Unicode line ends, which are none", HEAD + f"1,{DAY.format(1)},1,a\u2028b\x0bc\x85d\n", rows=1, cells=(("c", "a\u2028b\x0bc\x85d"),))


def _values() -> Iterator[Malformed]:
    def column(name: str, values: list[str]) -> str:
        rows = [{"id": str(i), "when": DAY.format(1), "n": "1", "c": "x", name: v} for i, v in enumerate(values)]
        return HEAD + "".join(",".join(row.values()) + "\n" for row in rows)

    missing = ["NaN", "nan", "NA", "N/A", "null", "NULL", "None", "", " "]
    strange = ["NAN", "#N/A", "-nan", "1.#IND", "inf", "-", "?"]
    huge = ["9223372036854775807", "9223372036854775808", "9" * 400, "1e400", "-" + "9" * 30]
    formulas = ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "=cmd|' /C calc'!A0", "\tx"]
    yield _csv("words for missing", column("n", missing), rows=len(missing))
    yield _csv("other spellings of NaN", column("n", strange), rows=len(strange), quarantined=("type integer",) * len(strange))
    yield _csv("huge integers", column("n", huge), rows=5, cells=tuple(("n", value) for value in huge), quarantined=("type integer",) * 5)
    yield _csv("formulas", column("c", formulas), rows=6, cells=tuple(("c", value) for value in formulas))
    yield _csv("texts among numbers", column("n", ["1", "two", "3.5", "1_000", "0x1F", "１"]), rows=6, quarantined=("type integer",) * 5)
    yield _csv("days that do not exist", column("when", ["2025-02-30", "2025-13-01", "0000-00-00", DAY.format(1)]), rows=4, quarantined=("type timestamp",) * 3)
    yield _csv("keys that repeat", HEAD + LINES[0] * 3, rows=3, quarantined=("unique key",) * 2)
    yield _csv("a key that is missing", HEAD + LINES[0] + LINES[1][1:], rows=2, quarantined=("not missing",))


def _headers() -> Iterator[Malformed]:
    yield _csv("two columns of one name", GOOD.replace("n,c", "n,n"), refused="d.csv:1: duplicate columns: n")
    yield _csv("a column without name", GOOD.replace("n,c", "n,"), refused="d.csv:1: a column has no name")
    yield _csv("a column named by spaces", GOOD.replace("n,c", "n,  "), refused="a column has no name")
    yield _csv("an index column of pandas", "," + GOOD.replace("\n", "\n0,")[:-2], refused="a column has no name")
    yield _csv("a NUL byte in the header", GOOD.replace("n,c", "n,\0"), refused="NUL byte in the header")
    yield _csv("a header that is not UTF-8", GOOD.replace(",c\n", ",é\n").encode("latin-1"), refused="not UTF-8 in the header")
    yield _csv("no key column", GOOD.replace("id,", "ID,"), rows=5, clean_refuses="lacks columns of schema.yaml: id")
    yield _csv("columns in another order", "c,n,id,when\n" + f"x,1,7,{DAY.format(1)}\n", rows=1, cells=(("id", "7"),))
    yield _csv("a column more", GOOD.replace("\n", ",new\n"), rows=5)
    yield _csv("a column with a hostile name", HEAD.strip() + ',"a""; DROP TABLE x --"\n' + LINES[0].strip() + ",y\n", rows=1, cells=(('a"; DROP TABLE x --', "y"),))


def _something_else() -> Iterator[Malformed]:
    yield _csv("a web page", "<!DOCTYPE html><html><body>Please log in</body></html>\n", refused="this is a web page, not data")
    yield _csv("XML", "<?xml version='1.0'?><rows/>\n", refused="this is XML")
    yield _csv("a Parquet file as .csv", b"PAR1" + bytes(50), refused="this is a Parquet file, not text")
    yield _csv("an Excel workbook as .csv", b"PK\x03\x04" + bytes(50), refused="this is a zip archive or an Excel workbook")
    yield _csv("a gzip file as .csv", gzip.compress(GOOD.encode(), mtime=0), refused="this is a gzip file, not text")
    yield _csv("an SQLite database as .csv", b"SQLite format 3\0" + bytes(50), refused="this is an SQLite database")
    yield _csv("a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", refused="this is a pointer of Git LFS")
    yield _csv("a PDF document", b"%PDF-1.7\n" + bytes(50), refused="this is a PDF document")
    yield _csv("random bytes", bytes(range(128, 256)) * 8, refused="not UTF-8 in the header")
    yield _csv("an ending that nobody knows", GOOD, file="d.dat", refused="unknown format")
    yield _csv("a format that is declared", GOOD, file="d.dat", rows=5, options=FormatOptions(type="csv"))
    yield _csv("a workbook by its ending", b"PK\x03\x04" + bytes(50), file="d.xlsx", refused="unknown format")


def _zip(members: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return sink.getvalue()


def _tar(*members: tarfile.TarInfo, content: str = GOOD) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for member in members:
            if member.isfile():
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    return sink.getvalue()


def _link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def _archives() -> Iterator[Malformed]:
    def zipped(about: str, content: bytes, **fate: Any) -> Malformed:
        return Malformed(about, "d.zip", content, **fate)

    plain = _zip({"d.csv": GOOD}, zipfile.ZIP_STORED)
    locked = bytearray(plain)
    for place in (6, plain.rindex(b"PK\x01\x02") + 8):
        locked[place] |= 1
    double = _zip({"d.csv": GOOD, "e.csv": GOOD}).replace(b"e.csv", b"d.csv")
    yield zipped("a zip whose member leaves by dots", _zip({"../../d.csv": GOOD}), refused="'../../d.csv' leaves the archive's folder")
    yield zipped("a zip whose member leaves by a drive", _zip({"C:\\d.csv": GOOD}), refused="leaves the archive's folder")
    yield zipped("a zip whose member leaves by backslashes", _zip({"x\\..\\..\\d.csv": GOOD}), refused="leaves the archive's folder")
    yield zipped("a zip with a password", bytes(locked), refused="encrypted")
    yield zipped("a zip with a damaged member", plain.replace(b"c5", b"c6"), refused="Bad CRC-32")
    yield zipped("a zip without its end", plain[:-30], refused="not a zip file")
    yield zipped("a zip that is none", GOOD.encode(), refused="not a zip file")
    yield zipped("a zip without data files", _zip({"README.txt": "hello"}), refused="no data file inside; it has README.txt")
    yield zipped("a zip in a zip", _zip({"d.zip": plain}), refused="no data file inside; it has d.zip")
    yield zipped("a zip with a name of no letters", plain.replace(b"d.csv", b"\0.csv"), refused="cannot be decompressed")
    yield zipped("an empty zip", _zip({}), refused="no data file inside; it has nothing")
    yield zipped("a zip of an empty file", _zip({"d.csv": ""}), refused="d.zip!d.csv: the file is empty")
    yield zipped("a zip of two tables", _zip({"a.csv": GOOD, "b.csv": GOOD}), refused="2 data files inside: a.csv, b.csv")
    yield zipped("a zip of two tables, one named", _zip({"a.csv": GOOD, "b.csv": HEAD}), rows=5, options=FormatOptions(member="a.csv"))
    yield zipped("a zip of parts with other columns", _zip({"a.csv": GOOD, "b.csv": "x\n1\n"}), refused="other columns (x) than", options=FormatOptions(member="*.csv"))
    yield zipped("a zip with one name twice", double, refused="d.zip: has d.csv twice")
    yield zipped("a zip with litter of a system", _zip({"__MACOSX/._d.csv": "x", ".hidden.csv": "y", "d.csv": GOOD}), rows=5)
    yield zipped("a bomb in a zip", _zip({"d.csv": HEAD + LINES[0] * (BIG // len(LINES[0]))}), refused="as of a decompression bomb")
    yield Malformed("a compressed file in a zip", "d.zip", _zip({"d.csv.gz": gzip.compress(GOOD.encode(), mtime=0)}), rows=5)
    yield Malformed("a tar whose member leaves", "d.tar", _tar(tarfile.TarInfo("../d.csv")), refused="leaves the archive's folder")
    yield Malformed("a tar whose member is absolute", "d.tar", _tar(tarfile.TarInfo("/etc/d.csv")), refused="leaves the archive's folder")
    yield Malformed("a link in a tar", "d.tar", _tar(_link("d.csv", "/etc/passwd", tarfile.SYMTYPE)), refused="a link or a device, not a file")
    yield Malformed("a hard link in a tar", "d.tar", _tar(_link("d.csv", "../x", tarfile.LNKTYPE)), refused="a link or a device, not a file")
    yield Malformed("a device in a tar", "d.tar", _tar(_link("d.csv", "", tarfile.CHRTYPE)), refused="a link or a device, not a file")
    yield Malformed("a tar that is cut off", "d.tar", _tar(tarfile.TarInfo("d.csv"), content=GOOD * 20)[:700], refused="cannot be decompressed")
    yield Malformed("a bomb in a tar", "d.tar.gz", gzip.compress(_tar(tarfile.TarInfo("d.csv"), content=HEAD + LINES[0] * (BIG // 31)), mtime=0), refused="as of a decompression bomb")


def _compressed() -> Iterator[Malformed]:
    import pyarrow as pa

    text = GOOD.encode()
    more = "".join(line.replace("2025-01", "2025-02") for line in (f"{n}{line[1:]}" for n, line in zip("6789", LINES, strict=False))).encode()
    packed = gzip.compress(text, mtime=0)
    zstd = pa.Codec("zstd")
    frames = [bytes(zstd.compress(part, asbytes=True)) for part in (text, more)]
    yield Malformed("gzip that is cut off", "d.csv.gz", gzip.compress(text * 50, mtime=0)[:-40], refused="cannot be decompressed")
    yield Malformed("gzip with a wrong checksum", "d.csv.gz", packed[:-8] + bytes(4) + packed[-4:], refused="CRC check failed")
    yield Malformed("gzip of several members", "d.csv.gz", packed + gzip.compress(more, mtime=0), rows=9)
    yield Malformed("gzip with zeros behind", "d.csv.gz", packed + bytes(64), rows=5)
    yield Malformed("gzip with something behind", "d.csv.gz", packed + b"garbage", refused="cannot be decompressed")
    yield Malformed("a bomb in gzip", "d.csv.gz", gzip.compress(HEAD.encode() + LINES[0].encode() * (BIG // 31), mtime=0), refused="as of a decompression bomb")
    yield Malformed("a plain file as .gz", "d.csv.gz", text, refused="Not a gzipped file")
    yield Malformed("gzip of nothing", "d.csv.gz", gzip.compress(b"", mtime=0), refused="the file is empty")
    yield Malformed("bzip2 of several streams", "d.csv.bz2", bz2.compress(text) + bz2.compress(more), rows=9)
    yield Malformed("bzip2 that is damaged", "d.csv.bz2", bz2.compress(text)[:30] + b"xx" + bz2.compress(text)[32:], refused="cannot be decompressed")
    yield Malformed("a bomb in xz", "d.csv.xz", lzma.compress(HEAD.encode() + LINES[0].encode() * (BIG // 31)), refused="as of a decompression bomb")
    yield Malformed("zstd of several frames", "d.csv.zst", frames[0] + frames[1], rows=9)
    yield Malformed("zstd that is cut off", "d.csv.zst", frames[0][:-5], refused="cannot be decompressed")


def _json_lines() -> Iterator[Malformed]:
    def line(number: int, **more: Any) -> str:
        return json.dumps({"id": str(number), "when": DAY.format(number), "n": number, "c": "x", **more}) + "\n"

    def lines(about: str, text: str | bytes, **fate: Any) -> Malformed:
        content = text.encode() if isinstance(text, str) else text
        return Malformed(about, "d.jsonl", content, **fate)

    a, b = line(1), line(2)
    yield lines("JSON that is cut off", a + b + line(3)[:20], rows=2, rejects=((3, "not JSON"),))
    yield lines("a line that is no JSON", a + f"{SECRET}\n" + b, rows=2, rejects=((2, "not JSON"),))
    yield lines("a line that is no object", a + "[1]\n" + b, rows=2, rejects=((2, "no object"),))
    yield lines("a key that stands twice", a + '{"id": "9", "id": "8"}\n' + b, rows=2, rejects=((2, "double key"),))
    yield lines("JSON that is not UTF-8", (a + b).encode() + line(3).encode().replace(b'"x"', b'"\xe9"'), rows=2, rejects=((3, "not UTF-8"),))
    yield lines("a list of objects", "[" + a.strip() + ",\n" + b + "]", refused="begins with a list")
    yield lines("one object on many lines", json.dumps({"id": 1, "n": 2}, indent=2), refused="no line is a JSON object")
    yield lines("numbers that are none", a + line(2, n=float("nan")) + line(3, n=float("inf")), rows=3, cells=(("n", "NaN"), ("n", "Infinity")), quarantined=("type integer",))
    yield lines("numbers of many digits", line(1, n=10**30) + line(2, n=1).replace('"n": 1', '"n": 1.50'), rows=2, cells=(("n", str(10**30)), ("n", "1.50")), quarantined=("type integer",) * 2)
    yield lines("values of several types", line(1, c=1) + line(2, c=True) + line(3, c=None) + line(4, c={"k": [1, "é"]}), rows=4, cells=(("c", "1"), ("c", "true"), ("c", None), ("c", '{"k":[1,"é"]}')))
    yield lines("keys that come later", a + line(2, later="y"), rows=2, cells=(("later", None), ("later", "y")))
    yield lines("a NUL in a text", a + b + line(3, c="x\0y"), rows=2, rejects=((3, "NUL byte"),))
    yield lines("half of a surrogate pair in JSON", a + b + '{"id": "\\ud800"}\n', rows=2, rejects=((3, "not JSON"),))
    yield lines("a mark, blank lines and carriage returns", "\ufeff" + a.strip() + "\r\n\r\n" + b, rows=2)
    yield lines("JSON that is nested deeply", a + b + '{"id": ' + "[" * 100_000 + "]" * 100_000 + "}\n", rows=2, rejects=((3, "not JSON"),))
    yield lines("CSV as .jsonl", GOOD, refused="no line is a JSON object")


def _parquet() -> Iterator[Malformed]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def made(columns: dict[str, Any], **options: Any) -> bytes:
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink, **options)
        return sink.getvalue()

    ids = [str(n) for n in range(1, 4)]
    times = pa.array([f"2025-01-0{n}" for n in ids])
    good = made({"id": ids, "when": times, "n": [1, 2, 3], "c": ["x", "y", None]})
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(ids), pa.array(ids)], names=["id", "id"]), sink)

    def file(about: str, content: bytes, **fate: Any) -> Malformed:
        return Malformed(about, "d.parquet", content, **fate)

    yield file("Parquet that is cut off", good[:-20], refused="not a readable Parquet file")
    yield file("Parquet without its beginning", b"XXXX" + good[40:], refused="not a readable Parquet file")
    yield file("Parquet with a name that is not UTF-8", good.replace(b"when", b"wh\xeen"), refused="not a readable Parquet file")
    plain = made({"id": ids, "c": ["wxyz"] * 3}, compression="none", use_dictionary=False)
    yield file("Parquet with texts that are not UTF-8", plain.replace(b"wxyz", b"w\xffyz"), refused="Invalid UTF8")
    yield file("Parquet that is only a mark", b"PAR1", refused="not a readable Parquet file")
    yield file("Parquet of no bytes", b"", refused="the file is empty")
    yield file("Parquet with two columns of one name", sink.getvalue(), refused="duplicate columns: id")
    yield file("Parquet without rows", made({"id": pa.array([], pa.string())}), refused="no rows, only a header")
    yield file("CSV as .parquet", GOOD.encode(), refused="not a readable Parquet file")
    yield file("Parquet with numbers as texts", made({"id": ids, "when": times, "n": ["1", "two", "NaN"], "c": ids}), rows=3, quarantined=("type integer",))
    yield file("Parquet with a column of nothing", made({"id": ids, "when": times, "n": pa.nulls(3, pa.int64()), "c": ids}), rows=3)
    yield Malformed("Parquet in gzip that is cut off", "d.parquet.gz", gzip.compress(good, mtime=0)[:-12], refused="cannot be decompressed")
# fmt: on
