"""The history of metrics as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from mlops_kit.compare.history import History, HistoryRow

VERSION = 1


def dumps(history: History) -> str:
    """Return the history as canonical JSON.

    `commits` are newest first. Each has `values` by metric, `unreadable` with the reason for those it declares and that could not be
    read, and `previous`, the id of the commit (empty for the work tree, null for none) that a table shows its changes against.
    """
    tree = {
        "version": VERSION,
        "project": history.project,
        "span": history.span,
        "scanned": history.scanned,
        "complete": history.complete,
        "metrics": [asdict(line) for line in history.series],
        "commits": [_commit(history, row) for row in history.rows],
        "unreadable": [asdict(lost) for lost in history.unreadable],
        "notes": list(history.notes),
    }
    text = json.dumps(tree, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    # File names that are not UTF-8 come with lone surrogates, which only an escape can write.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _commit(history: History, row: HistoryRow) -> dict[str, Any]:
    cells = [(line.name, cell) for line, cell in zip(history.series, row.cells, strict=True)]
    return {
        "sha": row.sha,
        "date": row.date,
        "refs": list(row.refs),
        "subject": row.subject,
        "previous": None if row.previous is None else history.rows[row.previous].sha,
        "values": {name: cell.value for name, cell in cells if cell.value is not None},
        "best": [name for name, cell in cells if cell.best],
        "unreadable": {name: cell.unreadable for name, cell in cells if cell.unreadable},
    }
