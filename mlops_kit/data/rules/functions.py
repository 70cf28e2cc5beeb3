"""Functions of the project as rules: they see rows in batches of bounded size, in the order of the data."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.canonical.parquet import arrow_table
from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.data.rules.flow import BAD, ROW, Flow, touched_column
from mlops_kit.data.rules.model import Apply, Declared
from mlops_kit.errors import BadDataError, SpecError

if TYPE_CHECKING:
    import pyarrow as pa

GIVEN_ROW = "_row"
"""Name of the row's number in batches of a function that may leave rows out."""


@dataclass(frozen=True)
class Called:
    """What a function gave back."""

    relation: str
    """What stands after FROM to read its rows: the columns, ROW, and the touched columns of all rules up to this one."""
    columns: dict[str, str]
    """Column -> DuckDB type."""
    lost: int
    """Number of rows that did not come back."""


def call_function(flow: Flow, rule: Declared, what: Apply) -> Called:
    """Call the function of `what` on the good rows of `flow`, batch by batch; the result lies in scratch files.

    Raises SpecError when there is no such function, BadDataError when it raises, gives back no table, other rows than it may, or columns
    whose type changes from batch to batch.
    """
    function = load_function(what.function, where=rule.where)
    along = ("__row", *(_unquoted(touched_column(one)) for one in flow.done))
    taker = _Taker(rule, what, function, takes_arrow(function), along)
    hidden = [ROW, *map(touched_column, flow.done)]
    query = f"SELECT {', '.join([*map(quoted, flow.columns), *hidden])} FROM ({flow.query}) WHERE {BAD} IS NULL ORDER BY {ROW}"
    reader = flow.duck.connection.cursor().sql(query).to_arrow_reader(what.batch_rows)
    parts = _Parts(flow)
    sent = came = 0
    for batch in exact_tables(reader, what.batch_rows):
        made = taker.take(batch)
        sent, came = sent + batch.num_rows, came + made.num_rows
        parts.write(made, rule)
    if not parts.paths:
        parts.write(taker.take(_empty(reader.schema)), rule)
    parts.close()
    names = ", ".join(literal(path.as_posix()) for path in parts.paths)
    # Statistics that pyarrow writes leave NaN out, and DuckDB believes them: without the option `isnan` is false there.
    relation = f"read_parquet([{names}], union_by_name = true, can_have_nan = true)"
    described = flow.duck.run(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    extra = {*along, _unquoted(touched_column(rule))}
    return Called(relation, {name: kind for name, kind, *_ in described if name not in extra}, sent - came)


def load_function(name: str, *, where: str) -> Callable[[Any], Any]:
    """Return the function that `path.py:name` names, its file run once. Raises SpecError when there is none."""
    path, _, attribute = name.partition(":")
    if not path.endswith(".py") or not attribute:
        raise SpecError(
            f"{name!r} names no function", where=where, fix="write it as steps/my_rule.py:function"
        )
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise SpecError(f"{path} leaves the project", where=where, fix="use a path such as steps/my_rule.py")
    if not Path(path).is_file():
        raise SpecError(f"there is no file {path}", where=where)
    found = getattr(load_module(path), attribute, None)
    if not callable(found):
        raise SpecError(f"{path} has no function `{attribute}`", where=where)
    function: Callable[[Any], Any] = found
    return function


def load_module(path: str) -> ModuleType:
    """Run the file as the module that it would be for `python -m`, found from the project's folder."""
    name = ".".join(Path(path).with_suffix("").parts)
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    if "." in name:  # so that the file can import what lies beside it: `from . import shared`
        import_module(name.rpartition(".")[0])
    spec = spec_from_file_location(name, Path(path).resolve())
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def takes_arrow(function: Callable[[Any], Any]) -> bool:
    """Return whether the first parameter of `function` is annotated `Arrow`, so that it gets a pyarrow Table instead of a DataFrame."""
    kinds = [kind for name, kind in getattr(function, "__annotations__", {}).items() if name != "return"]
    first = kinds[0] if kinds else ""
    return (first if isinstance(first, str) else getattr(first, "__name__", "")).rpartition(".")[2] == "Arrow"


def exact_tables(reader: pa.RecordBatchReader, rows: int) -> Iterator[pa.Table]:
    """Yield tables of exactly `rows` rows but for the last: what a function gives must not depend on how DuckDB cuts."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    count = 0
    for arrived in reader:
        batch = arrived
        while batch.num_rows:
            part = batch.slice(0, rows - count)
            held.append(part)
            count += part.num_rows
            batch = batch.slice(part.num_rows)
            if count == rows:
                yield pa.Table.from_batches(held)
                held, count = [], 0
    if held:
        yield pa.Table.from_batches(held)


def _empty(schema: pa.Schema) -> pa.Table:
    table: pa.Table = schema.empty_table()
    return table


@dataclass(frozen=True)
class _Taker:
    rule: Declared
    what: Apply
    function: Callable[[Any], Any]
    takes_arrow: bool
    along: tuple[str, ...]
    """Columns that the function does not see."""

    def take(self, batch: pa.Table) -> pa.Table:
        """Return what the function makes of one batch, with what it does not see, and the touched column."""
        hidden, seen = batch.select(self.along), batch.drop_columns(list(self.along))
        if self.what.keeps_rows:
            made, before = self._call(seen), seen
            if made.num_rows != batch.num_rows:
                raise self._error(
                    f"gave back {made.num_rows} rows of {batch.num_rows}",
                    "keep every row in its place, or declare it: {function: ..., keeps_rows: false}",
                )
        else:
            made = self._call(seen.append_column(GIVEN_ROW, batch["__row"]))
            place = self._places(made, batch["__row"])
            made, before, hidden = made.drop_columns([GIVEN_ROW]), seen.take(place), hidden.take(place)
        clash = {*self.along, _unquoted(touched_column(self.rule))} & set(made.column_names)
        if clash or not made.num_columns:
            raise self._error(
                f"gave back {f'a column {clash.pop()}' if clash else 'no column'}", "choose another name"
            )
        made = _like(made, before)
        touched = _touched(before, made)
        for name in self.along:
            made = made.append_column(name, hidden[name])
        return made.append_column(_unquoted(touched_column(self.rule)), touched)

    def _call(self, seen: pa.Table) -> pa.Table:
        given: Any = seen if self.takes_arrow else frame_of(seen)
        try:
            made = arrow_table(self.function(given))
        except BadDataError as error:
            # Arrow's message has the value, which may be about a person; the column is enough.
            mixed = re.search(r"column (.+?) with type", error.message)
            what = f"column `{mixed[1]}` holds values of several types" if mixed else error.message
            raise self._error(f"gave back no table: {what}", error.fix) from None
        return made.replace_schema_metadata(None).combine_chunks()

    def _places(self, made: pa.Table, given: pa.ChunkedArray) -> pa.Array:
        """Return where in the batch the rows that came back stood."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if GIVEN_ROW not in made.column_names:
            raise self._error(
                f"gave back no column `{GIVEN_ROW}`", f"keep `{GIVEN_ROW}`, by which rows are counted"
            )
        place = pc.index_in(
            made[GIVEN_ROW].cast(pa.int64()), value_set=given.combine_chunks()
        ).combine_chunks()
        if place.null_count or pc.count_distinct(place).as_py() != len(place):
            raise self._error(
                f"gave back a `{GIVEN_ROW}` twice, or one that it was not given",
                "one row gives at most one row",
            )
        return place

    def _error(self, message: str, fix: str) -> BadDataError:
        return BadDataError(f"{self.rule.where}: {self.what.function} {message}", fix=fix)


def frame_of(table: pa.Table) -> Any:
    """Return the rows as pandas has them, whole numbers with missing values as `Int64`: their type never depends on the batch."""
    import pandas as pd
    import pyarrow as pa

    kinds = {
        pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
    }  # fmt: skip
    return table.to_pandas(types_mapper=kinds.get)


def _like(made: pa.Table, before: pa.Table) -> pa.Table:
    """Give columns that were there before their type again where nothing is lost by it."""
    import pyarrow as pa

    for place, name in enumerate(made.column_names):
        if name in before.column_names and made[name].type != before[name].type:
            try:
                made = made.set_column(place, name, made[name].cast(before[name].type))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
                continue
    return made


def _touched(before: pa.Table, made: pa.Table) -> pa.Array:
    """Return for each row whether a value in it is new or another one."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    touched = np.zeros(made.num_rows, dtype=bool)
    for name in made.column_names:
        new = made[name]
        if name not in before.column_names or before[name].type != new.type:
            touched |= np.asarray(pc.is_valid(new))
            continue
        old = before[name]
        differs = pc.fill_null(pc.not_equal(old, new), pc.xor(pc.is_null(old), pc.is_null(new)))
        touched |= np.asarray(differs)
    for name in set(before.column_names) - set(made.column_names):
        touched |= np.asarray(pc.is_valid(before[name]))
    return pa.array(touched)


class _Parts:
    """Scratch files of what came back; a new one where a column first has values, or becomes wider."""

    def __init__(self, flow: Flow) -> None:
        self.paths: list[Path] = []
        self._flow = flow
        self._writer: Any = None
        self._schema: pa.Schema | None = None

    def write(self, table: pa.Table, rule: Declared) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._schema is not None and self._schema.names != table.schema.names:
            raise BadDataError(
                f"{rule.where}: the columns change from batch to batch: {', '.join(sorted(set(self._schema.names) ^ set(table.schema.names))) or 'their order'}"
            )
        if self._writer is None or table.schema != self._writer.schema:
            try:
                seen = [one for one in (self._schema, table.schema) if one is not None]
                self._schema = pa.unify_schemas(seen, promote_options="permissive")
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise BadDataError(
                    f"{rule.where}: the type of a column changes from batch to batch ({error})",
                    fix="give it one type, also where all is missing: .astype('float64')",
                ) from error
            self.close()
            self.paths.append(self._flow.scratch())
            self._writer = pq.ParquetWriter(self.paths[-1], table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"')
