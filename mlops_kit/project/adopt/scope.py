"""Where a name is looked up, and local functions, classes and modules as values."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlops_kit.project.adopt.program import FunctionNode, Module, Names
from mlops_kit.project.adopt.values import Values


@dataclass(eq=False)
class Scope:
    """Names in force at a place in the source."""

    module: Module
    names: Names
    params: Mapping[str, Values] = field(default_factory=dict)
    """Bound parameters."""
    parent: Scope | None = None


@dataclass(frozen=True)
class FunctionRef:
    """A local function, with the scope that it was defined in."""

    node: FunctionNode
    scope: Scope
    this: Instance | None = None


@dataclass(frozen=True)
class ClassRef:
    """A local class."""

    node: ast.ClassDef
    scope: Scope


@dataclass(frozen=True)
class Instance:
    """An object of a local class, with the bound parameters of its constructor."""

    cls: ClassRef
    params: tuple[tuple[str, Values], ...] = ()


@dataclass(frozen=True)
class ModuleRef:
    """A local module."""

    module: Module
