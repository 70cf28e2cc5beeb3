"""New partitions against the data contract, before any stage reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.data.contract.check import Broken, Checked
from mlops_kit.errors import UsageError
from mlops_kit.project.acquire.model import AcquireReport, StageReport
from mlops_kit.project.datacheck import check_data
from mlops_kit.report.data_text import MOST_VALUES
from mlops_kit.spec.load import SCHEMA, read_lifecycle

_RAW = "raw"


@dataclass(frozen=True)
class Arrivals:
    """How what came fits the contract."""

    words: tuple[str, ...] = ()
    """A sentence for each thing to know; no value of any row is in them."""
    fit: bool = True
    """Whether the `clean` step would take each of the new partitions."""


def check_arrivals(root: Path, acquired: AcquireReport) -> Arrivals:
    """Check the new partitions of the table that `clean` reads, each by itself, against schema.yaml and after the rules of `clean`.

    What schema.yaml says of the table as a whole (rows, freshness) is judged by the acquisition, over all partitions.
    """
    if not (root / SCHEMA).exists():
        return Arrivals()
    uses = read_lifecycle(root).steps.values()
    folders = [f"data/{use.inputs.get(_RAW, _RAW)}" for use in uses if use.uses == "clean.rules"]
    words: list[str] = []
    fit = True
    for stage in acquired.stages:
        paths = _new_files(root, stage) if stage.folder in folders else []
        try:
            results = check_data(root, paths, examples=0) if paths else ()
        except UsageError as error:  # rules that only run in their stage
            words.append(f"{stage.folder}: not checked against schema.yaml yet: {error.message}")
            continue
        for path, checked in zip(paths, results, strict=True):
            told = _told(checked)
            words += [f"{stage.folder}, {path.stem}: {told}"] if told else []
            fit = fit and not checked.unreadable and checked.share <= checked.allowed
    return Arrivals(tuple(words), fit)


def _new_files(root: Path, stage: StageReport) -> list[Path]:
    names = [line.partition for line in (*stage.added, *stage.accepted)]
    paths = (root / stage.folder / f"{name}.parquet" for name in names)
    return [path for path in paths if path.is_file()]


def _told(checked: Checked) -> str:
    if checked.unreadable:
        return checked.unreadable
    if not checked.bad:
        return ""
    worst = ", ".join(f"{broken.column}: {broken.rule} ({broken.rows:,})" for broken in _most(checked))
    rejected = f", {checked.rejected:,} of them lines that are no rows" if checked.rejected else ""
    too_many = (
        "" if checked.share <= checked.allowed else f"; schema.yaml allows {100 * checked.allowed:.3g} %"
    )
    share = f"{checked.bad:,} of {checked.rows:,} rows break the contract{rejected}"
    return f"{share}{': ' if worst else ''}{worst}{too_many}"


def _most(checked: Checked) -> Sequence[Broken]:
    return checked.broken[:MOST_VALUES]
