"""A Python file as the rules see it: what each name means, what encloses each expression, where a value goes.

Nothing is imported or run. Names are followed through imports and single assignments within a function; what cannot be known that way is
taken to be fine, because a lint that cries wolf is switched off.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SAYING = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_BUILTINS = frozenset(dir(builtins))


@dataclass
class _Names:
    """What a scope binds."""

    imports: dict[str, str] = field(default_factory=dict)
    bound: dict[str, list[ast.expr | None]] = field(default_factory=dict)
    """Name -> what is assigned to it; None where that is no plain expression."""


class Module:
    """The parsed text of one file."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self._parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                self._parents[child] = node
        self._names: dict[ast.AST, _Names] = {}
        for node in ast.walk(tree):
            self._bind(node)

    @cached_property
    def calls(self) -> list[ast.Call]:
        """All calls, in the order of the text."""
        found = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        return sorted(found, key=lambda node: (node.lineno, node.col_offset))

    @cached_property
    def called(self) -> list[tuple[ast.Call, str]]:
        """All calls whose function is known, with its full name, such as `numpy.random.rand`."""
        named = ((call, self.name_of(call.func)) for call in self.calls)
        return [(call, name) for call, name in named if name]

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return what directly encloses a node."""
        return self._parents.get(node)

    def scope_of(self, node: ast.AST) -> Scope:
        """Return the function, or the module, that a node stands in."""
        found = self._parents.get(node)
        while found is not None and not isinstance(found, Scope):
            found = self._parents.get(found)
        return found if found is not None else self.tree

    def name_of(self, node: ast.expr) -> str:
        """Return the full dotted name that an expression means, empty when it is not an imported or built-in name."""
        if isinstance(node, ast.Attribute):
            base = self.name_of(node.value)
            return f"{base}.{node.attr}" if base else ""
        if not isinstance(node, ast.Name):
            return ""
        scope: ast.AST | None = self.scope_of(node)
        while scope is not None:
            names = self._names.get(scope, _Names())
            if node.id in names.imports:
                return names.imports[node.id]
            if node.id in names.bound:
                return ""
            scope = self.scope_of(scope) if scope is not self.tree else None
        return node.id if node.id in _BUILTINS else ""

    def value_of(self, node: ast.expr) -> ast.expr:
        """Return what a name stands for where its scope assigns it exactly once; anything else as it is."""
        if isinstance(node, ast.Name):
            values = self._names.get(self.scope_of(node), _Names()).bound.get(node.id, [])
            if len(values) == 1 and values[0] is not None:
                return values[0]
        return node

    def uses_of(self, node: ast.expr) -> list[ast.Name]:
        """Return where the one name that `node` is assigned to is read; empty when it is not simply assigned."""
        statement = self.parent(node)
        target = None
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and statement.value is node:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign | ast.NamedExpr) and statement.value is node:
            target = statement.target
        if not isinstance(target, ast.Name):
            return []
        scope = self.scope_of(node)
        return [
            name
            for name in ast.walk(scope)
            if isinstance(name, ast.Name) and name.id == target.id and isinstance(name.ctx, ast.Load)
        ]

    def climb(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield (child, what encloses it) from `node` outwards, up to the statement."""
        child, outer = node, self.parent(node)
        while outer is not None:
            yield child, outer
            if isinstance(outer, ast.stmt):
                return
            child, outer = outer, self.parent(outer)

    def is_said(self, node: ast.AST) -> bool:
        """Return whether an expression only stands in a message: of an error, a log, a warning or something printed."""
        for child, outer in self.climb(node):
            if isinstance(outer, ast.Raise):
                return True
            if isinstance(outer, ast.Call) and child is not outer.func and keyword(outer, "file") is None:
                method = outer.func.attr if isinstance(outer.func, ast.Attribute) else ""
                if method in _SAYING or self.name_of(outer.func) in ("print", "warnings.warn", "sys.exit"):
                    return True
        return False

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._bind_import(node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            self._of(node).bound.setdefault(node.id, []).append(self._assigned(node))
        elif isinstance(node, ast.arg):
            self._of(node).bound.setdefault(node.arg, []).append(None)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._of(node).bound.setdefault(node.name, []).append(None)

    def _bind_import(self, node: ast.Import | ast.ImportFrom) -> None:
        imports = self._of(node).imports
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                imports[alias.asname or alias.name] = f"{base}.{alias.name}"
            elif alias.asname:
                imports[alias.asname] = alias.name
            else:
                imports[alias.name.split(".")[0]] = alias.name.split(".")[0]

    def _of(self, node: ast.AST) -> _Names:
        return self._names.setdefault(self.scope_of(node), _Names())

    def _assigned(self, node: ast.Name) -> ast.expr | None:
        statement = self.parent(node)
        if isinstance(statement, ast.Assign) and statement.targets == [node]:
            return statement.value
        if isinstance(statement, ast.AnnAssign | ast.NamedExpr) and statement.target is node:
            return statement.value
        return None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return the value of a keyword argument, None when it is not given."""
    return next((k.value for k in call.keywords if k.arg == name), None)


def is_open(call: ast.Call) -> bool:
    """Return whether the call passes `*args` or `**options`, so that what is given cannot be known."""
    return any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args)


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """Return an argument that is given by position (from 0) or by name."""
    return call.args[position] if len(call.args) > position else keyword(call, name)


def text_end(node: ast.expr | None) -> str:
    """Return the end of a text as far as it stands in the code: of a literal, an f-string, `a / "x.svg"`, `Path("x.svg")`."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr) and node.values:
        return text_end(node.values[-1])
    if isinstance(node, ast.BinOp):
        return text_end(node.right)
    if isinstance(node, ast.Call) and node.args:
        return text_end(node.args[-1])
    return ""


def is_none(node: ast.expr | None) -> bool:
    """Return whether an argument is not given, or given as None."""
    return node is None or (isinstance(node, ast.Constant) and node.value is None)
