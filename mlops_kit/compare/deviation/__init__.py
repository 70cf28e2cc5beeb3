"""Two versions of one output: how alike they are, and in what they differ, down to column, row, parameter and tensor.

Nothing that an output holds is executed or trusted: models and pickles are taken apart as data, archives and numbers are bounded, and
content that cannot be read is `different`, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlops_kit.compare.deviation.archives import compare_members, folder_contents
from mlops_kit.compare.deviation.content import Content, same_bytes
from mlops_kit.compare.deviation.families import explain_contents
from mlops_kit.compare.deviation.findings import Findings
from mlops_kit.compare.deviation.model import Level, Margins, OutputDeviation, Tolerance

__all__ = ["Level", "Margins", "OutputDeviation", "Tolerance", "explain_output", "metric_margins"]


def explain_output(
    path: str, recorded: Path, fresh: Path, *, tolerance: Tolerance, margins: Margins | None = None
) -> OutputDeviation:
    """Return how the file or folder `fresh` differs from the `recorded` version of the output `path`.

    `identical` means the same bytes; anything else is explained by the family of the file (its suffix, else its first bytes). `margins`
    are what metrics may differ by (`metric_margins`). Swapped sides give the same level and the mirrored detail.
    """
    for fresh_side, place in enumerate((recorded, fresh)):
        if not place.exists():
            side = "fresh" if fresh_side else "recorded"
            return OutputDeviation(path, Level.DIFFERENT, None, (f"there is no {side} version",))
    if recorded.is_dir() != fresh.is_dir():
        kinds = ["a folder" if place.is_dir() else "a file" for place in (recorded, fresh)]
        return OutputDeviation(path, Level.DIFFERENT, None, (" -> ".join(kinds),))
    found = Findings(tolerance, margins)
    if recorded.is_dir():
        sides = (folder_contents(recorded), folder_contents(fresh))
        if _same_folder(*sides):
            return OutputDeviation(path, Level.IDENTICAL, None, ())
        compare_members(*sides, found, explain_contents)
    else:
        contents = (Content(Path(path).name, recorded), Content(Path(path).name, fresh))
        if same_bytes(*contents):
            return OutputDeviation(path, Level.IDENTICAL, None, ())
        explain_contents(*contents, found)
    return OutputDeviation(path, found.level, found.largest, found.lines())


def _same_folder(old: Mapping[str, Content], new: Mapping[str, Content]) -> bool:
    return old.keys() == new.keys() and all(same_bytes(old[name], new[name]) for name in old)


def metric_margins(
    recorded: Path | None,
    fresh: Path | None,
    *,
    confidence: float = 0.95,
    stated: Mapping[str, float] | None = None,
) -> Margins:
    """Return what metrics may differ by: intervals from both sides' predictions artifacts, and the `stated` differences.

    The intervals are those of a comparison: paired, over the shared test rows. Raises BadDataError when predictions cannot be read.
    """
    if recorded is None or fresh is None:
        return Margins(stated=stated or {})
    from mlops_kit.artifacts.predictions import read_predictions
    from mlops_kit.compare.shared import intervals_of, share_rows

    shared = share_rows(read_predictions(recorded), read_predictions(fresh))
    return Margins(intervals_of(shared, confidence), stated or {})
