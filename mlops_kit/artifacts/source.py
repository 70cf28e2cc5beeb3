"""Finding a data file that somebody else wrote: in the project or inside an installed package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from mlops_kit.errors import BadDataError


def open_source(source: str) -> Path:
    """Return the file that `source` names: a path, or `package:NAME/path/in/package` (found without importing the package).

    Raises BadDataError when it does not exist.
    """
    if not source.startswith("package:"):
        if not source or not Path(source).is_file():
            raise BadDataError(
                f"the source `{source}` does not exist",
                fix="put the file there, or change `source` in params.yaml",
            )
        return Path(source)
    name, _, inner = source.removeprefix("package:").partition("/")
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise BadDataError(
            f"the package {name} of source `{source}` is not installed", fix=f"pip install {name}"
        )
    path = Path(next(iter(spec.submodule_search_locations)), inner)
    if not path.is_file():
        raise BadDataError(f"the package {name} has no file {inner}", fix="change `source` in params.yaml")
    return path
