"""What a rule is, and what it finds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from mlops_kit.steps.lint.module import Module


class Rule(Protocol):
    """A way of writing code whose outputs differ from run to run. The docstring says why."""

    id: str
    """Name in reports and in `# mlops-kit: ignore[...]`."""
    fix: str
    """The stable way."""

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield each expression of `module` that does it."""
        ...


@dataclass(frozen=True, order=True)
class Finding:
    """One place where an output can differ from run to run."""

    path: str
    """File, relative to the project with forward slashes."""
    line: int
    """Line, from 1."""
    column: int
    """Column, from 1."""
    rule: str
    """Name of the rule."""
    code: str
    """The expression, in one line, shortened."""
    why: str
    """What makes it differ."""
    fix: str
    """The stable way."""
