"""Lines that are no event: found with file and line, whatever made the fast reader stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.tables import EventFiles
from mlops_kit.errors import BadDataError
from mlops_kit.labels.events.form import NotEventError, event_of, moment_of, parse_line
from mlops_kit.labels.events.places import shown_path
from mlops_kit.labels.events.rules import RULES


@dataclass(frozen=True)
class BrokenLine:
    """A line of a file of events that is none."""

    file: str
    """As people know it: `labels/events/<batch>.jsonl`."""
    line: int
    """From 1."""
    rule: str
    why: str


def broken_lines(path: Path, *, strict: bool = True) -> Iterator[BrokenLine]:
    """Yield the lines of a file of JSON lines that are no event. With `strict` whatever breaks a rule of form (`form.py`), else what is no JSON
    object alone. A whole event whose line lacks its end is one."""
    name = shown_path(path)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                said = parse_line(line)
                if strict:
                    moment_of(event_of(said, need_id=True).time)
            except NotEventError as fault:
                torn = fault.rule == "not_json" and not line.endswith(b"\n")
                yield BrokenLine(name, number, "torn_line" if torn else fault.rule, fault.why)


@contextmanager
def reading(files: EventFiles) -> Iterator[None]:
    """Turn what DuckDB says about a file of events that it cannot read into a BadDataError that names file and line."""
    import duckdb

    try:
        yield
    except (duckdb.DataError, duckdb.OperationalError, duckdb.InvalidInputException) as error:
        raise first_fault(files, str(error)) from error
    except duckdb.Error as error:
        if not isinstance(error, duckdb.IOException | duckdb.InternalException):
            raise
        raise first_fault(files, str(error)) from error


def first_fault(files: EventFiles, said: str) -> BadDataError:
    """Return the error about the first line that is no event; about the folder with what DuckDB `said` when no line is to blame."""
    for path in files.paths:
        if path.suffix != ".jsonl":
            continue
        for fault in broken_lines(path):
            if RULES[fault.rule].use == "stops":
                return stopped(fault)
    return BadDataError(
        f"the label events cannot be read: {said.splitlines()[0][:300]}", fix="mlops-kit label check"
    )


def stopped(fault: BrokenLine) -> BadDataError:
    """Return the error by which a broken line stops whoever reads the events."""
    return BadDataError(f"{fault.file}:{fault.line}: {fault.why}", fix=RULES[fault.rule].mend)
