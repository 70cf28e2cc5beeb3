"""Clean raw rows by declared rules and the data contract; rows that break it are kept with the reason.

The rules of params.yaml run in their order. Then every column of schema.yaml is cast to its type and its promises are judged; of rows
with one key the first wins. Rows in = rows of `clean` + rows of `quarantine`, always: bad rows, repeated keys, rows that a rule takes
out and lines that were no rows are in quarantine with key, rule, column and value. A missing column, or more bad rows than
`max_quarantine` allows, ends with exit code 5. `profile` says what is in the good rows, `rules` what each rule did. Works out of core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mlops_kit import (
    Document,
    InputRules,
    Metrics,
    PartitionRows,
    Rows,
    Schema,
    Task,
    apply_rules,
    keep_contract,
    read_raw,
    run,
    step,
)


@dataclass(frozen=True)
class CleanParams:
    """Section of params.yaml."""

    rules: InputRules = ()
    """Rules in their order, each a mapping with one key: rename, drop, trim, replace, fill, clip, cast, parse_number, parse_time, derive,
    filter, deduplicate, apply (a function of yours). docs/how-to/clean.md has them all."""
    dedupe: bool = True
    """Whether rows with a key that came before go to quarantine; otherwise they fail the step."""


class Cleaned(NamedTuple):
    """What the step writes."""

    clean: Rows
    quarantine: Rows
    profile: Document
    rules: Document
    cleaning: Metrics


@step(contract=2)
def clean(raw: PartitionRows, *, schema: Schema, task: Task, params: CleanParams) -> Cleaned:
    """Apply the rules, cast and check every row; keep the bad ones with rule, column and value."""
    rows = apply_rules(read_raw(raw), params.rules)
    made = keep_contract(rows, schema=schema, task=task, dedupe=params.dedupe)
    return Cleaned(made.clean, made.quarantine, made.profile, made.rules, made.metrics)


if __name__ == "__main__":
    run(clean)
