"""The end of cleaning: rows judged by the contract, bad rows of all kinds together in quarantine, and the account of all rows.

Rows in = rows out + rows in quarantine, where rows in are counted by the files' own footers and the lines of rejects, rows out and
quarantined in what was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.artifacts.tables import RowStream, TableFiles, read_partition_rows, read_rows
from mlops_kit.data.contract.casts import shown_sql
from mlops_kit.data.contract.judge import Judged, judge
from mlops_kit.data.contract.rules import compile_contract
from mlops_kit.data.profile import profile_rows
from mlops_kit.data.rejects import find_rejects, write_rejects
from mlops_kit.data.rules.flow import BAD, ROW, Flow, file_starts, touched_column
from mlops_kit.data.rules.model import Rename
from mlops_kit.errors import BadDataError
from mlops_kit.spec.model import Schema, Task

UNREADABLE = "unreadable row"
_REST = ("rule", "column", "value", "partition", "row", "reason")


@dataclass(frozen=True)
class Cleaning:
    """What a clean step writes."""

    clean: RowStream
    """The good rows: the columns of schema.yaml in their types, ordered by the key."""
    quarantine: RowStream
    """The others, all columns texts but `row`: the key, `rule`, `column`, `value`; `partition` and `row` (from 1; of an unreadable row its
    line in the source) where it stands in the raw data; `reason` why an unreadable row is none."""
    profile: dict[str, Any]
    """What is in the good rows: `columns`, `rows`, and `dropped_columns`, which schema.yaml does not name."""
    rules: dict[str, Any]
    """The account: what each rule touched and took out, what each promise of the contract took out."""
    metrics: dict[str, float]
    """`rows_in`, `rows_out`, `quarantined`, `set_aside` (those of the quarantined that a rule took out on purpose), `quarantine_share` (the
    share that breaks the contract: without those), `missing_share` of the cells of the good rows."""


def keep_contract(flow: Flow, *, schema: Schema, task: Task, dedupe: bool = True) -> Cleaning:
    """Return the rows of `flow` that keep the contract, the others with the reason, and the account of both.

    Without `dedupe` a repeated key is an error. Raises BadDataError for that, for a missing column, for more bad rows than
    `max_quarantine` allows, and for a number of rows outside of `rows` of schema.yaml.
    """
    flow = flow.stored() if flow.done else flow
    rejects, rejected = _stored_rejects(flow)
    rows_in = flow.files.count() + rejected
    _check_rows(rows_in, schema)
    contract = compile_contract(
        schema, key=task.key, stored={**flow.columns, "__row": "BIGINT"}, tables=_tables(schema)
    )
    whole = f"(SELECT {', '.join(map(quoted, flow.columns))}, {ROW} FROM ({flow.query}) WHERE {BAD} IS NULL)"
    judged = judge(flow.duck, contract, whole)
    if not dedupe:
        _check_repeated(judged)
    good = flow.store(judged.good_sql())
    bad = flow.store(
        " UNION ALL ".join([*_by_rules(flow, task), _by_contract(judged), _unreadable(rejects, task)])
    )
    out, gone = _count(flow, good), _count(flow, bad)
    if rows_in != out + gone:
        raise AssertionError(
            f"{rows_in} rows in, {out} out and {gone} in quarantine: a row was lost or doubled"
        )
    taken = flow.duck.run(
        f'SELECT "number", "aside", "rule", "column", count(*) FROM {bad} GROUP BY ALL ORDER BY count(*) DESC, 1, 3, 4'
    ).fetchall()
    aside = sum(rows for _, on_purpose, _, _, rows in taken if on_purpose)
    _check_share(taken, rows_in, schema.max_quarantine)
    profile = profile_rows(flow.duck, good, schema.columns)
    missing = sum(column["missing"] for column in profile.values())
    return Cleaning(
        clean=flow.duck.stream(f"SELECT * FROM {good} ORDER BY {', '.join(map(quoted, task.key))}"),
        quarantine=flow.duck.stream(_quarantine_sql(flow, bad, task)),
        profile={"columns": profile, "dropped_columns": list(contract.dropped), "rows": out},
        rules=_account(flow, taken, rejected),
        metrics={
            "rows_in": rows_in,
            "rows_out": out,
            "quarantined": gone,
            "set_aside": aside,
            "quarantine_share": (gone - aside) / max(1, rows_in),
            "missing_share": missing / max(1, out * len(schema.columns)),
        },
    )


def _check_rows(rows: int, schema: Schema) -> None:
    low, high = schema.rows.min, schema.rows.max
    if rows < low or (high is not None and rows > high):
        most = f" and at most {high}" if high is not None else ""
        raise BadDataError(
            f"the raw data has {rows} rows; at least {low}{most} are plausible",
            fix="mend the source, or `rows` in schema.yaml",
        )


def _tables(schema: Schema) -> dict[str, str]:
    """Return what stands after FROM for each table that a foreign key names and that is there."""
    found = {}
    for column in schema.columns.values():
        table = (column.references or "").rpartition(".")[0]
        path = Path("data", table)
        if table and path.with_name(f"{table}.parquet").is_file():
            found[table] = read_rows(path.with_name(f"{table}.parquet")).sql()
        elif table and path.is_dir():
            found[table] = read_partition_rows(path).sql()
    return found


def _check_repeated(judged: Judged) -> None:
    repeated = sum(one.rows for one in judged.breaks if one.rule == "unique key")
    if repeated:
        raise BadDataError(
            f"{repeated} rows repeat a key",
            fix="set clean.dedupe: true in params.yaml, or change task.key",
        )


def _stored_rejects(flow: Flow) -> tuple[str, int]:
    path = flow.scratch()
    count = write_rejects(find_rejects(flow.files), path)
    return f"read_parquet({literal(path.as_posix())})", count


def _line(key: Sequence[str], number: str, aside: str, rest: dict[str, str]) -> str:
    """Return the cells of one line of quarantine, still with the number of the row in all files."""
    cells = [f"CAST({cell} AS VARCHAR) AS {quoted(f'key {place}')}" for place, cell in enumerate(key)]
    cells += [f"{number} AS number", f"{aside} AS aside"]
    kinds = {"__row": "BIGINT", "row": "BIGINT"}
    for name in ("__row", *_REST):
        cells.append(f"CAST({rest.get(name, 'NULL')} AS {kinds.get(name, 'VARCHAR')}) AS {quoted(name)}")
    return ", ".join(cells)


def _by_rules(flow: Flow, task: Task) -> list[str]:
    """Return the queries of the rows that rules took out."""
    rest = {name: f"{BAD}.{quoted(name)}" for name in ("rule", "value")} | {"__row": ROW}
    rest["column"] = _final_name(flow)
    number, aside = f"{BAD}.number", f"{BAD}.aside"
    found = []
    if flow.done:
        key = [
            shown_sql(quoted(name), flow.columns[name]) if name in flow.columns else "NULL"
            for name in task.key
        ]
        found.append(f"SELECT {_line(key, number, aside, rest)} FROM ({flow.query}) WHERE {BAD} IS NOT NULL")
    for query in flow.aside:
        names = [row[0] for row in flow.duck.run(f"DESCRIBE {query}").fetchall()]
        key = [quoted(name) if name in names else "NULL" for name in task.key]
        found.append(f"SELECT {_line(key, number, aside, rest)} FROM ({query})")
    return found


def _final_name(flow: Flow) -> str:
    """Return the SQL of the column's name as it is after all rules: whoever hides the values of a `pii` column knows it by that name."""
    number, column = f"{BAD}.number", f'nullif({BAD}."column", {literal("")})'
    cases = []
    for place, declared in enumerate(flow.done):
        names: dict[str, str] = {}
        for later in flow.done[place + 1 :]:
            if isinstance(later.rule, Rename):
                now = {first: later.rule.columns.get(name, name) for first, name in names.items()}
                begun = {old: new for old, new in later.rule.columns.items() if old not in names.values()}
                names = {**begun, **now}
        cases += [
            f"WHEN {number} = {declared.number} AND {column} = {literal(old)} THEN {literal(new)}"
            for old, new in names.items()
        ]
    return f"CASE {' '.join(cases)} ELSE {column} END" if cases else column


def _by_contract(judged: Judged) -> str:
    contract = judged.contract
    names = list(contract.schema.columns)
    shown = {name: shown_sql(f"r{place}", contract.stored[name]) for place, name in enumerate(names)}
    broken = [(rule.column, rule.name) for rule in contract.rules]
    broken += [(rule.columns[0], rule.name) for rule in contract.set_rules]
    cells = {
        "rule": [literal(rule) for _, rule in broken],
        "column": [literal(column) for column, _ in broken],
        "value": [shown[column] for column, _ in broken],
    }
    rest = {
        what: f"CASE fault {' '.join(f'WHEN {index} THEN {cell}' for index, cell in enumerate(each))} END"
        for what, each in cells.items()
    }
    key = [shown[name] for name in contract.key]
    return f"SELECT {_line(key, 'NULL::INTEGER', 'false', rest | {'__row': ROW})} FROM {judged.bad_table}"


def _unreadable(rejects: str, task: Task) -> str:
    rest = {name: quoted(name) for name in ("partition", "row", "value", "reason")} | {
        "rule": literal(UNREADABLE)
    }
    return f"SELECT {_line(['NULL'] * len(task.key), 'NULL::INTEGER', 'false', rest)} FROM {rejects}"


def _quarantine_sql(flow: Flow, bad: str, task: Task) -> str:
    """Return the query of the quarantine: rows get the name of their partition and their number in it."""
    starts = [
        (start, path.stem)
        for start, path in zip(file_starts(flow.files), flow.files.paths, strict=True)
        if TableFiles((path,)).count()
    ]
    places = ", ".join(f"({start}, {literal(name)})" for start, name in starts) or "(0, '')"
    table = f"partitions_{next(flow.names)}"
    flow.duck.run(f"CREATE TABLE {table} AS SELECT * FROM (VALUES {places}) p(first_row, name)")
    keys = [(quoted(f"key {place}"), quoted(_free(name, task.key))) for place, name in enumerate(task.key)]
    cells = [f"b.{cell} AS {name}" for cell, name in keys]
    cells += ["b.rule", 'b."column"', "b.value", "coalesce(b.partition, p.name) AS partition"]
    cells += ["coalesce(b.row, b.__row - p.first_row + 1) AS row", "b.reason"]
    order = [
        *(f"b.{cell} NULLS LAST" for cell, _ in keys),
        "b.rule",
        'b."column"',
        "b.__row",
        "b.partition",
        "b.row",
        "b.value",
    ]
    return f"SELECT {', '.join(cells)} FROM {bad} b ASOF LEFT JOIN {table} p ON b.__row >= p.first_row ORDER BY {', '.join(order)}"


def _free(name: str, key: Sequence[str]) -> str:
    """Return how the key column `name` is called in quarantine: `_` is added to the names that quarantine has itself."""
    others = {other for other in key if other != name}
    while name in _REST or name in others:
        name += "_"
    return name


def _account(flow: Flow, taken: Sequence[tuple[Any, ...]], rejected: int) -> dict[str, Any]:
    rules = []
    for rule, touched in zip(flow.done, _touched(flow), strict=True):
        out = [(aside, rows) for number, aside, _, _, rows in taken if number == rule.number]
        rules.append(
            {
                "number": rule.number,
                "rule": rule.name,
                "touched": touched,
                "quarantined": sum(rows for aside, rows in out if not aside),
                "set_aside": sum(rows for aside, rows in out if aside),
            }
        )
    contract = [
        {"rule": rule, "column": column, "rows": rows}
        for number, _, rule, column, rows in taken
        if number is None and rule != UNREADABLE
    ]
    return {"rules": rules, "contract": contract, "unreadable": rejected}


def _touched(flow: Flow) -> list[int]:
    """Return for each rule the number of rows that it touched, in the flow and in what was set aside on the way."""
    sums = [0] * len(flow.done)
    if not flow.done:
        return sums
    for query in (flow.query, *flow.aside):
        names = {row[0] for row in flow.duck.run(f"DESCRIBE {query}").fetchall()}
        known = [touched_column(rule)[1:-1] in names for rule in flow.done]
        cells = [
            f"count(*) FILTER ({touched_column(rule) if there else 'false'})"
            for rule, there in zip(flow.done, known, strict=True)
        ]
        row = flow.duck.run(f"SELECT {', '.join(cells)} FROM ({query})").fetchone() or ()
        sums = [total + int(found) for total, found in zip(sums, row, strict=True)]
    return sums


def _check_share(taken: Sequence[tuple[Any, ...]], rows: int, allowed: float) -> None:
    broken = [(rule, column, count) for _, aside, rule, column, count in taken if not aside]
    bad = sum(count for _, _, count in broken)
    if rows and bad / rows > allowed:
        worst = ", ".join(
            f"{f'{column}: ' if column else ''}{rule} ({count} rows)" for rule, column, count in broken[:3]
        )
        raise BadDataError(
            f"{bad} of {rows} rows ({bad / rows:.1%}) break the contract, {allowed:.1%} may: {worst}",
            fix="mend the data or the rule in schema.yaml, or raise max_quarantine there",
        )


def _count(flow: Flow, relation: str) -> int:
    row = flow.duck.run(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0
