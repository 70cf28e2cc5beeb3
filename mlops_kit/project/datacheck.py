"""Data files against schema.yaml, without running a pipeline."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_kit.artifacts.tables import TableFiles
from mlops_kit.data.checking import check_flow
from mlops_kit.data.contract.check import Checked
from mlops_kit.data.contract.loading import foreign_tables, loaded
from mlops_kit.data.rules.compiling import apply_rules
from mlops_kit.data.rules.flow import read_raw
from mlops_kit.errors import BadDataError, UsageError
from mlops_kit.project.roots import find_root
from mlops_kit.spec.load import LIFECYCLE, SCHEMA, read_lifecycle, read_params, read_schema
from mlops_kit.spec.model import Lifecycle, Schema

_RAW = "raw"


def check_data(
    start: Path,
    paths: Sequence[Path] = (),
    *,
    rules: bool = True,
    examples: int = 3,
    now: float | None = None,
) -> tuple[Checked, ...]:
    """Return how each of `paths` (data files in any format that `acquire` reads, or folders of partitions) fits the project's schema.yaml.

    Without `paths` the raw data of the project's `clean` step are checked. `rules`: whether the declared rules of `clean` in params.yaml are
    applied first. A path that cannot be read gives a result that says so. `now` is the time in seconds since 1970 by which the age of the
    newest row is told. Raises UsageError when there is nothing to check, SpecError for a bad schema.yaml.
    """
    root = start if (start / SCHEMA).exists() else find_root(start)
    schema = read_schema(root)
    lifecycle = read_lifecycle(root) if (root / LIFECYCLE).exists() else None
    key = tuple(name for name in lifecycle.task.key if name in schema.columns) if lifecycle else ()
    declared = _declared(root, lifecycle) if rules and lifecycle else ()
    now = time.time() if now is None else now
    checker = _Checker(root, schema, key, declared, examples, now)
    return tuple(checker.check(path, where) for path, where in chosen_paths(root, paths, lifecycle))


@dataclass(frozen=True)
class _Checker:
    """The contract of one project, for several paths."""

    root: Path
    schema: Schema
    key: tuple[str, ...]
    rules: Sequence[Mapping[str, Any]]
    examples: int
    now: float

    def check(self, path: Path, where: str) -> Checked:
        try:
            with loaded(path) as rows:
                return replace(self._judge(rows.files, rows.rejected), where=where)
        except BadDataError as error:
            return Checked(where, unreadable=error.message, fix=error.fix)

    def _judge(self, files: TableFiles, rejected: int) -> Checked:
        if not files.count():
            return self._nothing(rejected)
        return check_flow(
            apply_rules(read_raw(files), self.rules),
            schema=self.schema,
            key=self.key,
            rejected=rejected,
            tables=foreign_tables(self.schema, self.root),
            now=self.now,
            examples=self.examples,
        )

    def _nothing(self, rejected: int) -> Checked:
        low = max(1, self.schema.rows.min)
        return Checked(
            "",
            rejected,
            rejected,
            rejected,
            self.schema.max_quarantine,
            problems=(f"0 rows, schema.yaml expects {low:,} or more",),
        )


def chosen_paths(
    root: Path, paths: Sequence[Path], lifecycle: Lifecycle | None, *, verb: str = "check"
) -> Sequence[tuple[Path, str]]:
    """Return what to look at and what to call it: `paths`, else the raw data that the project's clean step reads.

    Raises UsageError when there are none.
    """
    if paths:
        return [(path, path.as_posix()) for path in paths]
    stages = lifecycle.steps.values() if lifecycle else ()
    name = next((use.inputs.get(_RAW, _RAW) for use in stages if use.uses == "clean.rules"), _RAW)
    folder = root / "data" / name
    if not folder.is_dir():
        raise UsageError(
            f"no data at data/{name}",
            fix=f"name what to look at: mlops-kit data {verb} FILE, or fetch the data: mlops-kit acquire",
        )
    return [(folder, f"data/{name}")]


def _declared(root: Path, lifecycle: Lifecycle) -> Sequence[Mapping[str, Any]]:
    """Return the rules of the clean step. Raises UsageError when one of them calls a function of the project."""
    stage = next((name for name, use in lifecycle.steps.items() if use.uses == "clean.rules"), None)
    section = read_params(root).get(stage) if stage else None
    rules = section.get("rules") or () if isinstance(section, dict) else ()
    if any(isinstance(rule, dict) and "apply" in rule for rule in rules):
        raise UsageError(
            f"{stage} applies a function of yours, which runs in its stage only",
            fix=f"mlops-kit run {stage}, or check the raw data: mlops-kit data check --no-rules",
        )
    return rules
