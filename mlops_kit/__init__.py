"""mlops-kit: git push is the MLOps platform.

The names below are all that a project's own step file needs. They load on first use, so that `mlops-kit --help` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from mlops_kit.artifacts import canonical
    from mlops_kit.artifacts.canonical.dispatch import write
    from mlops_kit.artifacts.canonical.model import TRUSTED_TYPES, dump_model
    from mlops_kit.artifacts.canonical.text import canonical_json
    from mlops_kit.artifacts.columns import cast_column, profile_table
    from mlops_kit.artifacts.duck import open_duck
    from mlops_kit.artifacts.holdout import holdout_rows
    from mlops_kit.artifacts.kinds import (
        Array,
        Arrow,
        Bundle,
        Csv,
        Curve,
        Database,
        Document,
        Figure,
        Html,
        InputCode,
        InputFile,
        InputRules,
        LabelEvents,
        Manifests,
        Metrics,
        Model,
        PartitionRows,
        Partitions,
        Predictions,
        Rows,
        Table,
        Text,
    )
    from mlops_kit.artifacts.predictions import feature_columns, make_predictions
    from mlops_kit.artifacts.source import open_source
    from mlops_kit.artifacts.tables import EventFiles, PartitionSet, PartitionStream, RowStream, TableFiles
    from mlops_kit.compare.kpis import judge_kpis
    from mlops_kit.compare.metrics import compute_metrics
    from mlops_kit.data.calendar import add_calendar
    from mlops_kit.data.cleaning import keep_contract
    from mlops_kit.data.formats.acquiring import part_rows, sample_rows
    from mlops_kit.data.formats.options import FormatOptions
    from mlops_kit.data.formats.reading import read_rows, read_table
    from mlops_kit.data.labelling import label_rows
    from mlops_kit.data.partitions.database import DatabaseRows
    from mlops_kit.data.partitions.gather import Manifest
    from mlops_kit.data.partitions.local import LocalFiles
    from mlops_kit.data.partitions.parted import Parted, part_by
    from mlops_kit.data.partitions.source import Source
    from mlops_kit.data.partitions.stored import StoredFiles
    from mlops_kit.data.partitions.web import WebFiles
    from mlops_kit.data.profile import profile_rows
    from mlops_kit.data.rules.compiling import apply_rules
    from mlops_kit.data.rules.flow import read_raw
    from mlops_kit.data.splitting.methods import split_by_group, split_by_hash, split_by_time
    from mlops_kit.errors import BadDataError
    from mlops_kit.labels.consensus.labelling import ColumnFallback, LabelRules, label_by_events
    from mlops_kit.labels.consensus.model import ConsensusOptions
    from mlops_kit.labels.functions import label_function, vote_rows
    from mlops_kit.spec.labels import Labelling
    from mlops_kit.spec.model import Column, Kpis, Schema, Task
    from mlops_kit.steps.runner import run, step

_KINDS = "mlops_kit.artifacts.kinds"
_HOMES = {
    **dict.fromkeys(
        ("Array", "Arrow", "Bundle", "Csv", "Curve", "Database", "Document", "Figure", "Html", "InputCode", "InputFile", "InputRules", "LabelEvents", "Manifests", "Metrics", "Model", "PartitionRows", "Partitions",
         "Predictions", "Rows", "Table", "Text"), _KINDS),
    **dict.fromkeys(("Column", "Kpis", "Schema", "Task"), "mlops_kit.spec.model"),
    **dict.fromkeys(("run", "step"), "mlops_kit.steps.runner"),
    "BadDataError": "mlops_kit.errors",
    "Labelling": "mlops_kit.spec.labels",
    **dict.fromkeys(("ColumnFallback", "LabelRules", "label_by_events"), "mlops_kit.labels.consensus.labelling"),
    "ConsensusOptions": "mlops_kit.labels.consensus.model",
    "FormatOptions": "mlops_kit.data.formats.options",
    "DatabaseRows": "mlops_kit.data.partitions.database",
    "StoredFiles": "mlops_kit.data.partitions.stored",
    "WebFiles": "mlops_kit.data.partitions.web",
    "LocalFiles": "mlops_kit.data.partitions.local",
    "Manifest": "mlops_kit.data.partitions.gather",
    **dict.fromkeys(("Parted", "part_by"), "mlops_kit.data.partitions.parted"),
    "Source": "mlops_kit.data.partitions.source",
    "apply_rules": "mlops_kit.data.rules.compiling",
    "keep_contract": "mlops_kit.data.cleaning",
    "profile_rows": "mlops_kit.data.profile",
    "read_raw": "mlops_kit.data.rules.flow",
    "TRUSTED_TYPES": "mlops_kit.artifacts.canonical.model",
    **dict.fromkeys(("EventFiles", "PartitionSet", "PartitionStream", "RowStream", "TableFiles"), "mlops_kit.artifacts.tables"),
    "add_calendar": "mlops_kit.data.calendar",
    **dict.fromkeys(("label_function", "vote_rows"), "mlops_kit.labels.functions"),
    "label_rows": "mlops_kit.data.labelling",
    **dict.fromkeys(("split_by_group", "split_by_hash", "split_by_time"), "mlops_kit.data.splitting.methods"),
    "open_duck": "mlops_kit.artifacts.duck",
    "canonical_json": "mlops_kit.artifacts.canonical.text",
    "cast_column": "mlops_kit.artifacts.columns",
    "compute_metrics": "mlops_kit.compare.metrics",
    "dump_model": "mlops_kit.artifacts.canonical.model",
    "feature_columns": "mlops_kit.artifacts.predictions",
    "holdout_rows": "mlops_kit.artifacts.holdout",
    "judge_kpis": "mlops_kit.compare.kpis",
    "make_predictions": "mlops_kit.artifacts.predictions",
    "open_source": "mlops_kit.artifacts.source",
    "profile_table": "mlops_kit.artifacts.columns",
    **dict.fromkeys(("part_rows", "sample_rows"), "mlops_kit.data.formats.acquiring"),
    **dict.fromkeys(("read_rows", "read_table"), "mlops_kit.data.formats.reading"),
    "write": "mlops_kit.artifacts.canonical.dispatch",
}  # fmt: skip

__all__ = [
    "TRUSTED_TYPES",
    "Array",
    "Arrow",
    "BadDataError",
    "Bundle",
    "Column",
    "ColumnFallback",
    "ConsensusOptions",
    "Csv",
    "Curve",
    "Database",
    "DatabaseRows",
    "Document",
    "EventFiles",
    "Figure",
    "FormatOptions",
    "Html",
    "InputCode",
    "InputFile",
    "InputRules",
    "Kpis",
    "LabelEvents",
    "LabelRules",
    "Labelling",
    "LocalFiles",
    "Manifest",
    "Manifests",
    "Metrics",
    "Model",
    "Parted",
    "PartitionRows",
    "PartitionSet",
    "PartitionStream",
    "Partitions",
    "Predictions",
    "RowStream",
    "Rows",
    "Schema",
    "Source",
    "StoredFiles",
    "Table",
    "TableFiles",
    "Task",
    "Text",
    "WebFiles",
    "add_calendar",
    "apply_rules",
    "canonical",
    "canonical_json",
    "cast_column",
    "compute_metrics",
    "dump_model",
    "feature_columns",
    "holdout_rows",
    "judge_kpis",
    "keep_contract",
    "label_by_events",
    "label_function",
    "label_rows",
    "make_predictions",
    "open_duck",
    "open_source",
    "part_by",
    "part_rows",
    "profile_rows",
    "profile_table",
    "read_raw",
    "read_rows",
    "read_table",
    "run",
    "sample_rows",
    "split_by_group",
    "split_by_hash",
    "split_by_time",
    "step",
    "vote_rows",
    "write",
]


def __getattr__(name: str) -> Any:
    if name == "canonical":  # a module, not a name in one
        return import_module("mlops_kit.artifacts.canonical")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
