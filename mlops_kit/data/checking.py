"""Rows after the rules of cleaning against the data contract: what `clean` would say, without writing anything."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_kit.artifacts.duck import quoted
from mlops_kit.data.contract.check import Checked, check_rows
from mlops_kit.data.contract.judge import Break
from mlops_kit.data.contract.rules import ROW
from mlops_kit.data.rules.flow import BAD, Flow
from mlops_kit.spec.model import Schema


def check_flow(
    flow: Flow,
    *,
    schema: Schema,
    key: tuple[str, ...],
    rejected: int,
    tables: Mapping[str, str],
    now: float,
    examples: int,
) -> Checked:
    """Return what the rows of `flow` keep and break of `schema`; the other arguments are those of `check_rows`."""
    flow = flow.stored() if flow.done else flow
    names = ", ".join([*map(quoted, flow.columns), quoted(ROW)])
    return check_rows(
        flow.duck,
        f"(SELECT {names} FROM ({flow.query}) WHERE {BAD} IS NULL)",
        stored={**flow.columns, ROW: "BIGINT"},
        schema=schema,
        key=key,
        where="",
        rows=flow.files.count(),
        rejected=rejected,
        before=_taken_by_rules(flow),
        tables=tables,
        now=now,
        examples=examples,
    )


def _taken_by_rules(flow: Flow) -> tuple[Break, ...]:
    """Return what rules of cleaning found bad; rows that they take out on purpose are not."""
    if not flow.done:
        return ()
    found = flow.duck.run(
        f'SELECT {BAD}."column", {BAD}."rule", count(*) FROM ({flow.query}) WHERE {BAD} IS NOT NULL AND NOT {BAD}."aside" '
        "GROUP BY ALL ORDER BY 3 DESC, 1, 2"
    ).fetchall()
    return tuple(Break(column or "", rule, rows) for column, rule, rows in found)
