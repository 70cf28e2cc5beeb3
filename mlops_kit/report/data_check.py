"""What `mlops-kit data check` found, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from mlops_kit.data.contract.check import Broken, Checked, Example
from mlops_kit.report.inert import visible


def as_text(results: Sequence[Checked]) -> str:
    """Return the results in words: for each path what fits, what is broken with examples, what is wrong as a whole."""
    return "".join(f"{line}\n" for each in results for line in _lines(each))


def as_json(results: Sequence[Checked]) -> str:
    """Return the results as JSON."""
    return json.dumps({"checked": [_plain(each) for each in results]}, indent=2, ensure_ascii=False) + "\n"


def _plain(each: Checked) -> dict[str, Any]:
    return {**asdict(each), "share": each.share, "fits": each.fits}


def _lines(each: Checked) -> Iterator[str]:
    where = visible(each.where)
    if each.unreadable:
        yield f"{where}: {visible(each.unreadable, longest=400)}"
        if each.fix:
            yield f"  fix: {each.fix}"
        return
    if not each.bad:
        yield f"{where}: {each.rows:,} rows keep the contract"
    else:
        allowed = f"{each.allowed:.4g}" if each.allowed < 0.0001 else f"{each.allowed:.2%}"
        yield f"{where}: {each.bad:,} of {each.rows:,} rows break the contract ({each.share:.2%}, allowed {allowed})"
    if each.rejected:
        yield f"  {each.rejected:,}  lines that are no rows"
    for one in each.broken:
        yield from _broken(one)
    for problem in each.problems:
        yield f"  {problem}"
    if each.unnamed:
        yield f"  not in schema.yaml, left out by clean: {', '.join(map(visible, each.unnamed))}"


def _broken(one: Broken) -> Iterator[str]:
    column = f"{visible(one.column)}: " if one.column else ""
    yield f"  {one.rows:,}  {column}{visible(one.rule)}"
    for example in one.examples:
        yield f"      row {example.row:,}{_key(example)}{_value(example, hidden=one.hidden)}"


def _key(example: Example) -> str:
    cells = ", ".join(f"{visible(name)}={visible(str(cell))}" for name, cell in example.key.items())
    return f" ({cells})" if cells else ""


def _value(example: Example, *, hidden: bool) -> str:
    if hidden:
        return ": not shown (pii)"
    return f": {visible(example.value)!r}" if example.value is not None else ": missing"
