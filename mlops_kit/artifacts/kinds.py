"""What a step's annotations mean: the kinds of artifact that stages exchange, where each lives and how DVC keeps it.

In a step file the names below are annotations. For a type checker `Table` is `pandas.DataFrame`; at run time the names are empty
classes, so that importing them loads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from mlops_kit.artifacts.tables import PartitionSet

    Table: TypeAlias = pd.DataFrame
    Csv: TypeAlias = pd.DataFrame
    Array: TypeAlias = np.ndarray[Any, Any]
    Database: TypeAlias = Mapping[str, pd.DataFrame]
    Html: TypeAlias = str
    Arrow: TypeAlias = pa.Table
    LabelEvents: TypeAlias = Any  # EventFiles in
    Rows: TypeAlias = Any  # TableFiles in, a RowStream out
    PartitionRows: TypeAlias = Any  # TableFiles in, a PartitionStream or the Path of a folder out
    Predictions: TypeAlias = pa.Table
    Partitions: TypeAlias = PartitionSet
    Model: TypeAlias = Any
    Metrics: TypeAlias = Mapping[str, float]
    Document: TypeAlias = dict[str, Any]
    Text: TypeAlias = str
    Figure: TypeAlias = Any
    Curve: TypeAlias = list[dict[str, Any]]
    Bundle: TypeAlias = Any
    Manifests: TypeAlias = Any
    InputCode: TypeAlias = str
    InputFile: TypeAlias = str
    InputRules: TypeAlias = Sequence[Mapping[str, Any]]
else:

    class Table:
        """A pandas DataFrame in `data/<name>.parquet`."""

    class Arrow:
        """A pyarrow Table in `data/<name>.parquet`; the same file as Table, without loading pandas."""

    class Rows:
        """A table of any size in `data/<name>.parquet`, the same file as Table: read as TableFiles, written from a RowStream."""

    class PartitionRows:
        """Partitions of any size in `data/<name>/`, the same folder as Partitions: read as TableFiles, written from a PartitionStream
        or a finished folder."""

    class LabelEvents:
        """Label events in `labels/<name>/`, in git: read as EventFiles; no stage writes it."""

    class Csv:
        """A pandas DataFrame in `data/<name>.csv`, for tools that read nothing else; types are guessed anew when it is read."""

    class Array:
        """A NumPy array in `data/<name>.npy`."""

    class Database:
        """Tables by name in `data/<name>.sqlite`: written from and read as {table: pandas DataFrame}."""

    class Html:
        """A page in `reports/<name>.html`: written from a text, a pandas DataFrame or a Styler, read as its text."""

    class Predictions:
        """A pyarrow Table of per-row predictions in `data/<name>.parquet`."""

    class Partitions:
        """A PartitionSet in `data/<name>/`: one Parquet file per partition and a manifest."""

    class Model:
        """A fitted scikit-learn estimator in `models/<name>.skops`."""

    class Metrics:
        """A flat mapping of names to numbers in `metrics/<name>.json`."""

    class Document:
        """A JSON object in `reports/<name>.json`."""

    class Text:
        """Markdown in `reports/<name>.md`."""

    class Figure:
        """A matplotlib figure in `reports/<name>.svg`."""

    class Curve:
        """Points with numeric `x` and `y` (and optionally `series`) in `plots/<name>.csv`."""

    class Bundle:
        """A folder `models/<name>/`: written as {path: content}, read as its pathlib.Path."""

    class Manifests:
        """A folder `deploy/<name>/` kept in git: written as {path: content}, read as its pathlib.Path."""

    class InputFile(str):
        """A params field that names a file the stage reads: a path in the project or `package:NAME/path`."""

    class InputCode(str):
        """A params field that names a Python file of the project whose functions the stage calls; it is code of the stage, with what it imports."""

    # A params field with rules of cleaning, in order: the files of functions that `apply` names are code of the stage.
    InputRules = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Kind:
    """How one kind of artifact is stored."""

    name: str
    """The annotation."""
    path: str
    """Path with `{name}`; a trailing slash means a folder."""
    section: str = "outs"
    """Section of the DVC stage: `outs`, `metrics` or `plots`."""
    cache: bool = True
    """Whether DVC keeps the content; otherwise it is small text that git keeps."""
    type: str = ""
    """DVC's `type` annotation of the output, by which other tools find it."""
    packages: tuple[str, ...] = ()
    """Distributions whose version can change the bytes that are written or the values that are read."""

    def locate(self, name: str) -> str:
        """Return the path of the artifact `name`, relative to the project, with forward slashes."""
        return self.path.format(name=name).rstrip("/")


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("Table", "data/{name}.parquet", packages=("pandas", "pyarrow")),
        Kind("Arrow", "data/{name}.parquet", packages=("pyarrow",)),
        Kind("Rows", "data/{name}.parquet", packages=("duckdb", "pyarrow")),
        Kind("PartitionRows", "data/{name}/", packages=("duckdb", "pyarrow")),
        Kind("LabelEvents", "labels/{name}/", cache=False, packages=("duckdb", "pyarrow")),
        Kind("Csv", "data/{name}.csv", packages=("pandas",)),
        Kind("Array", "data/{name}.npy", packages=("numpy",)),
        Kind("Database", "data/{name}.sqlite", packages=("pandas",)),
        Kind("Html", "reports/{name}.html", packages=("pandas",)),
        Kind("Predictions", "data/{name}.parquet", type="predictions", packages=("pyarrow",)),
        Kind("Partitions", "data/{name}/", packages=("pyarrow",)),
        Kind("Model", "models/{name}.skops", packages=("scikit-learn", "skops")),
        Kind("Metrics", "metrics/{name}.json", section="metrics", cache=False),
        Kind("Document", "reports/{name}.json", cache=False),
        Kind("Text", "reports/{name}.md", cache=False),
        Kind("Figure", "reports/{name}.svg", packages=("matplotlib",)),
        Kind("Curve", "plots/{name}.csv", section="plots", cache=False),
        Kind("Bundle", "models/{name}/"),
        Kind("Manifests", "deploy/{name}/", cache=False),
    )
}


def load_artifact(kind: str, path: Path) -> Any:
    """Read the artifact at `path` as the Python value that a step receives for `kind`.

    Raises BadDataError when the file is missing or damaged.
    """
    from mlops_kit.artifacts import storage

    return storage.READERS[kind](path)


def save_artifact(kind: str, value: Any, path: Path) -> None:
    """Write `value` as `kind` to `path`, canonically: the same value gives the same bytes.

    The content is written beside the target and moved in place, so that a failure leaves no half file.
    Raises BadDataError when the value is not what the kind takes.
    """
    from mlops_kit.artifacts import storage

    storage.save(kind, value, path)
