"""CSV and TSV of any size, as texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_kit.data.formats.encodings import Text, open_text, shown
from mlops_kit.data.formats.options import FormatOptions, format_of
from mlops_kit.data.formats.packed import Content
from mlops_kit.data.formats.records import Dialect, cut_block, line_ends, next_line, read_record
from mlops_kit.data.formats.rows import OnReject, RowSource, Tally, check_same
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

CAREFUL = 64 << 10  # bytes that are read record by record before the rest of a block is tried at once again
LONGEST = 16 << 20  # bytes of one record: what is longer is a quote that nothing closes, or no table


def read_delimited(content: Content, options: FormatOptions) -> RowSource:
    """Return the rows of a CSV or TSV file; every cell is a text, an empty one is missing.

    Raises BadDataError for a file that is empty or plainly something else, and for a header with duplicate or nameless columns.
    """
    import pyarrow as pa

    with _started(content, options) as reader:
        names = reader.names
    schema = pa.schema([(name, pa.string()) for name in names])

    def start(on_reject: OnReject) -> Iterator[pa.RecordBatch]:
        with _started(content, options) as reader:
            check_same(content.name, names, reader.names)
            yield from reader.batches(schema, Tally(content.name, options.max_rejected, on_reject))

    return RowSource(content.name, schema, start)


@contextmanager
def _started(content: Content, options: FormatOptions) -> Iterator[_Reader]:
    with content.open() as stream:
        reader = _Reader(
            content.name, options, _dialect(content, options), open_text(stream, options, content.name)
        )
        reader.begin()
        yield reader


def _dialect(content: Content, options: FormatOptions) -> Dialect:
    usual = "\t" if format_of(content.inner, options) == "tsv" else ","
    return Dialect((options.delimiter or usual).encode(), options.quote.encode(), options.escape.encode())


@dataclass
class _Reader:
    """A delimited text on its way: the block at hand, from `at` on not read yet."""

    name: str
    options: FormatOptions
    dialect: Dialect
    text: Text
    block: bytes = b""
    at: int = 0
    final: bool = False
    line: int = 1
    names: list[str] = field(default_factory=list)
    slow: bool = False

    def begin(self) -> None:
        """Read what stands before the rows."""
        self._more()
        for _ in range(self.options.skip):
            self._move(self._next_line())
        where = self.line
        if not self.options.header:
            self.names = list(self.options.columns)
            if not self.names:
                raise BadDataError(
                    f"{self.name}: format.header is false, and there are no names",
                    fix="list them in format.columns",
                )
        else:
            while not self.names:
                where = self.line
                self.names = self._header()
        _check_names(self.names, f"{self.name}:{where}")

    def _header(self) -> list[str]:
        where = self.line
        cells, after = read_record(self.block, self.at, self.dialect, final=self.final)
        while after < 0:
            if len(self.block) - self.at > LONGEST:
                cells, after = "open quote", self._next_line()
                break
            self._more()
            cells, after = read_record(self.block, self.at, self.dialect, final=self.final)
        raw = self.block[self.at : after]
        if not raw:
            raise BadDataError(f"{self.name}: the file is empty")
        if isinstance(cells, str):
            raise BadDataError(
                f"{self.name}:{where}: {cells} in the header", fix="mend the line with the names"
            )
        if b"\0" in raw:
            raise BadDataError(
                f"{self.name}:{where}: NUL byte in the header", fix="mend the line with the names"
            )
        try:
            names = [cell.decode("utf-8") for cell in cells]
        except UnicodeDecodeError:
            raise BadDataError(
                f"{self.name}:{where}: not UTF-8 in the header",
                fix="set format.encoding in params.yaml, such as latin-1",
            ) from None
        self._check_delimiter(names, where)
        self._move(after)
        return [] if names == [""] else names

    def _check_delimiter(self, names: Sequence[str], where: int) -> None:
        if names[0].lower().startswith("sep="):  # of Excel
            raise BadDataError(
                f"{self.name}:{where}: the line names the delimiter, not the columns",
                fix=f"set `format: {{skip: {self.options.skip + 1}, delimiter: {names[0][4:] or ','!r}}}` in params.yaml",
            )
        if len(names) == 1 and not self.options.delimiter:
            for sign in (";", "\t", "|", ","):
                if sign in names[0] and sign.encode() != self.dialect.delimiter:
                    raise BadDataError(
                        f"{self.name}:{where}: one column, whose name has {sign!r} in it",
                        fix=f"set `format: {{delimiter: {sign!r}}}` in params.yaml",
                    )

    def batches(self, schema: pa.Schema, tally: Tally) -> Iterator[pa.RecordBatch]:
        """Yield the rows that follow."""
        while True:
            batch = self._quick(schema, tally)
            if batch is not None:
                yield batch
            if self.slow or len(self.block) - self.at > LONGEST:
                before = self.at
                yield from self._careful(schema, tally)
                if before < self.at < len(self.block):
                    continue
            if self.final:
                break
            self._more()
        tally.judge()

    def _quick(self, schema: pa.Schema, tally: Tally) -> pa.RecordBatch | None:
        """Read as far as the quotes of the block stand where they should."""
        if self.dialect.escape:
            self.slow = True
            return None
        block = self.block[self.at :] if self.at else self.block
        cut = cut_block(block, self.dialect, len(schema), final=self.final, encoding_rule=self.text.rule)
        for fault in cut.faults:
            tally.reject(self.line + fault.line, fault.rule, self._shown(block[fault.start : fault.end]))
        batch = _parse(cut.text(block), schema, self.dialect) if cut.rows else None
        if batch is not None and batch.num_rows != cut.rows:
            raise AssertionError(f"{self.name}: {cut.rows} rows became {batch.num_rows}")
        tally.rows += cut.rows
        self.line += cut.lines
        self.block, self.at, self.slow = block, cut.consumed, cut.stray
        return batch

    def _careful(self, schema: pa.Schema, tally: Tally) -> Iterator[pa.RecordBatch]:
        """Read record by record for a while, at most to the end of the block."""
        rows: list[list[bytes]] = []
        until = min(self.at + CAREFUL, len(self.block))
        while self.at < until:
            cells, after = read_record(self.block, self.at, self.dialect, final=self.final)
            if after < 0:
                if len(self.block) - self.at <= LONGEST:
                    break
                cells, after = "open quote", self._next_line()
            raw = self.block[self.at : after]
            rule = cells if isinstance(cells, str) else self._fault(raw, cells, len(schema))
            if isinstance(cells, str) or rule:
                tally.reject(self.line, rule, self._shown(raw))
            elif raw.strip(b"\r\n"):
                rows.append(cells)
            self._move(after)
        self.slow = False
        tally.rows += len(rows)
        if rows:
            yield _batch(rows, schema)

    def _fault(self, raw: bytes, cells: Sequence[bytes], width: int) -> str:
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            return self.text.rule
        if b"\0" in raw:
            return "NUL byte"
        return "ragged row" if len(cells) != width and raw.strip(b"\r\n") else ""

    def _shown(self, raw: bytes) -> str:
        return shown(raw.rstrip(b"\r\n"), converted=self.text.converted)

    def _move(self, after: int) -> None:
        self.line += len(line_ends(self.block[self.at : after], final=True))
        self.at = after

    def _next_line(self) -> int:
        after = next_line(self.block, self.at, final=self.final)
        while after < 0:
            self._more()
            after = next_line(self.block, self.at, final=self.final)
        return after

    def _more(self) -> None:
        """Take another block behind what is left of this one."""
        rest = self.block[self.at :]
        if len(rest) > LONGEST and next_line(rest, 0, final=False) < 0:
            raise BadDataError(
                f"{self.name}:{self.line}: a line of more than {LONGEST >> 10:,} KiB",
                fix="is this a table? is format.encoding right?",
            )
        more = next(self.text.blocks, b"")
        self.block, self.at, self.final = rest + more, 0, not more


def _check_names(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadDataError(
            f"{where}: duplicate columns: {', '.join(twice)}", fix="rename or remove one of each"
        )
    if any(not name.strip() for name in names):
        raise BadDataError(f"{where}: a column has no name", fix="give every column a name")


def _parse(text: bytes, schema: pa.Schema, dialect: Dialect) -> pa.RecordBatch:
    """Return text that is known to be rows."""
    import pyarrow as pa
    import pyarrow.csv as pc

    table = pc.read_csv(
        pa.BufferReader(text),
        read_options=pc.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=schema.names),
        parse_options=pc.ParseOptions(
            delimiter=dialect.delimiter.decode(),
            quote_char=dialect.quote.decode() or False,
            newlines_in_values=True,
        ),
        convert_options=pc.ConvertOptions(
            column_types=schema, strings_can_be_null=True, null_values=[""], check_utf8=False
        ),
    )
    return table.combine_chunks().to_batches()[0]


def _batch(rows: Sequence[Sequence[bytes]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = zip(*rows, strict=True)
    return pa.record_batch(
        [pa.array([cell.decode("utf-8") or None for cell in column], pa.string()) for column in columns],
        schema=schema,
    )
