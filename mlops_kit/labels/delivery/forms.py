"""Forms of files that go out and come back, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlops_kit.errors import UsageError
from mlops_kit.labels.delivery.csv_form import read_csv, write_csv
from mlops_kit.labels.delivery.json_form import read_json, write_json
from mlops_kit.labels.delivery.model import Delivery, OutBatch
from mlops_kit.labels.delivery.studio_form import is_studio, read_studio, write_studio
from mlops_kit.spec.labels import LabelTask


@dataclass(frozen=True)
class Form:
    """One form: how a batch is written and how answers are read."""

    suffix: str
    """Ending of the file."""
    write: Callable[[OutBatch, Sequence[str], LabelTask], Mapping[str, bytes]]
    """Batch, shown columns, task -> ending -> content of each file."""
    read: Callable[[bytes, LabelTask, str], Delivery]
    """Content, task, name of the file -> answers. Raises BadDataError for what is none."""


FORMS: Mapping[str, Form] = {
    "csv": Form(
        ".csv",
        lambda batch, columns, task: {".csv": write_csv(batch, columns, task)},
        lambda content, task, name: read_csv(content, task, name=name),
    ),
    "json": Form(
        ".json",
        lambda batch, _columns, task: {".json": write_json(batch, task)},
        lambda content, task, name: read_json(content, task, name=name),
    ),
    "label-studio": Form(
        ".json",
        lambda batch, columns, task: dict(
            zip((".json", ".xml"), write_studio(batch, columns, task), strict=True)
        ),
        lambda content, task, name: read_studio(content, task, name=name),
    ),
}


def form_of(name: str, given: str | None, content: bytes = b"") -> str:
    """Return the form of a file: `given`, else by its ending and, where that is JSON, by its content. Raises UsageError for unknown ones."""
    if given is not None:
        if given not in FORMS:
            raise UsageError(f"`{given}` is no form of deliveries", fix=f"--format {' | '.join(FORMS)}")
        return given
    suffix = name.rpartition(".")[2].lower()
    if suffix in ("csv", "tsv", "txt"):
        return "csv"
    if suffix in ("json", "jsonl", "ndjson"):
        return "label-studio" if is_studio(content) else "json"
    raise UsageError(f"{name}: what kind of file is this?", fix=f"--format {' | '.join(FORMS)}")
