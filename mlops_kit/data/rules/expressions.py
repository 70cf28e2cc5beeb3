"""SQL expressions that people write in rules: only what depends on one row and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from mlops_kit.artifacts.duck import Duck, literal, quoted
from mlops_kit.errors import SpecError

_REFUSED = {
    "SUBQUERY": "a subquery",
    "WINDOW": "a window function, which looks at other rows",
    "STAR": "`*`",
    "PARAMETER": "a parameter",
    "DEFAULT": "`DEFAULT`",
}
# Macros of DuckDB that are made of the row alone; the others ask the session or the catalogue.
_MACROS = frozenset(
    [
        "split_part",
        "nullif",
        "fmod",
        "fdiv",
        "days_in_month",
        "date_add",
        "if",
        "array_append",
        "array_prepend",
        "array_reverse",
        "list_append",
        "list_prepend",
        "list_reverse",
        "list_count",
        "list_first",
        "list_last",
        "list_min",
        "list_max",
        "map_contains_entry",
        "map_contains_value",
    ]
)


def check_expression(duck: Duck, text: str, columns: Mapping[str, str], *, where: str) -> str:
    """Return the type of the expression `text` over one row of `columns` (name -> type).

    Raises SpecError, naming `where`, when it is no expression, has an unknown column (with the nearest ones), or uses anything
    that does not depend on the row alone: the day, chance, other rows, files, settings.
    """
    nodes = list(_walk(_parse(duck, text, where)))
    for node in nodes:
        if node["class"] in _REFUSED:
            raise SpecError(
                f"{_REFUSED[node['class']]} is not allowed in {text!r}",
                where=where,
                fix="use the values of one row, or a function of your own: `- apply: steps/my_rule.py:function`",
            )
    _check_functions(duck, nodes, text, where)
    _check_columns(nodes, columns, text, where)
    return _bind(duck, text, columns, where)


def _parse(duck: Duck, text: str, where: str) -> Any:
    row = duck.run(f"SELECT json_serialize_sql({literal(f'SELECT {text}')})").fetchone()
    made = json.loads(row[0]) if row else {}
    if made.get("error"):
        raise SpecError(f"{text!r} is no SQL expression: {made.get('error_message')}", where=where)
    statements = made["statements"]
    select = statements[0]["node"] if len(statements) == 1 else {}
    plain = select.get("from_table", {}).get("type") == "EMPTY" and not select.get("where_clause")
    if not plain or len(select.get("select_list", ())) != 1 or select.get("modifiers"):
        raise SpecError(f"{text!r} is more than one SQL expression", where=where)
    return select["select_list"][0]


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "class" in node:
            yield node
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)


def _check_functions(duck: Duck, nodes: list[dict[str, Any]], text: str, where: str) -> None:
    used = {str(node["function_name"]).lower() for node in nodes if node["class"] == "FUNCTION"}
    if not used:
        return
    rows = duck.run(
        "SELECT function_name, bool_and(function_type = 'scalar' AND stability = 'CONSISTENT') FROM duckdb_functions()"
        f" WHERE function_name IN ({', '.join(map(literal, sorted(used)))}) GROUP BY ALL"
    ).fetchall()
    known = {str(name) for name, _ in rows}
    fine = {name for name, pure in rows if pure} | _MACROS
    dated = {"age"} if any(len(node.get("arguments", ())) == 1 for node in _named(nodes, "age")) else set()
    for name in sorted((used & known) - fine | dated):
        raise SpecError(
            f"the function `{name}` in {text!r} is not allowed: it does not depend on the row alone",
            where=where,
            fix="leave it out; a stage must give the same result every day",
        )


def _named(nodes: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [node for node in nodes if str(node.get("function_name")).lower() == name]


def _check_columns(nodes: list[dict[str, Any]], columns: Mapping[str, str], text: str, where: str) -> None:
    bound = {
        inner["column_names"][0]
        for node in nodes
        if node["class"] == "LAMBDA"
        for inner in _walk(node.get("lhs"))
        if inner["class"] == "COLUMN_REF"
    }
    known = {name.casefold() for name in (*columns, *bound)}
    for node in nodes:
        if node["class"] == "COLUMN_REF" and node["column_names"][0].casefold() not in known:
            raise unknown_column(node["column_names"][0], columns, where=where, text=f" in {text!r}")


def unknown_column(name: str, columns: Mapping[str, str], *, where: str, text: str = "") -> SpecError:
    """Return the error for a column that is not there at this point, with the nearest names."""
    close = get_close_matches(name, columns, n=3)
    return SpecError(
        f"no column `{name}`{text} at this point",
        where=where,
        fix=f"did you mean {' or '.join(f'`{one}`' for one in close)}?"
        if close
        else f"there are: {', '.join(columns)}",
    )


def _bind(duck: Duck, text: str, columns: Mapping[str, str], where: str) -> str:
    import duckdb

    row = ", ".join(f"NULL::{kind} AS {quoted(name)}" for name, kind in columns.items())
    try:
        described = duck.run(f"DESCRIBE SELECT ({text}\n) AS x FROM (SELECT {row})").fetchone()
    except duckdb.Error as error:
        first = str(error).split("\n", 1)[0]
        raise SpecError(f"{text!r} does not fit the columns: {first}", where=where) from None
    return str(described[1]) if described else ""
