"""Foreign keys of the data contract as dependencies: a stage that judges rows reads the tables in which their values must stand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mlops_kit.spec.load import SCHEMA, read_schema

FORMS = ("data/{table}.parquet", "data/{table}")


def referenced_tables(root: Path) -> tuple[str, ...]:
    """Return the tables that foreign keys of schema.yaml name, sorted; none without the file. Raises SpecError for a bad file."""
    if not (root / SCHEMA).is_file():
        return ()
    named = {(column.references or "").rpartition(".")[0] for column in read_schema(root).columns.values()}
    return tuple(sorted(named - {""}))


def table_paths(root: Path, tables: Iterable[str], outputs: Iterable[str]) -> tuple[str, ...]:
    """Return where each of `tables` lies: among `outputs` of stages, else as a file or folder of the project.

    A table that is nowhere is left out; the stage itself says so when it runs.
    """
    written = set(outputs)
    found = []
    for table in tables:
        places = [form.format(table=table) for form in FORMS]
        here = [one for one in places if (root / one).exists() or (root / f"{one}.dvc").exists()]
        found += [*(one for one in places if one in written), *here][:1]
    return tuple(found)
