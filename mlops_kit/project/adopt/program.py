"""The modules of a script: parsed, with their names, and found by import without running anything."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MAX_SOURCE_BYTES = 1 << 20

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Binding:
    """How a name gets a value."""

    kind: str
    """`value`, `element` (of the value), `item` (by index) or `opaque`."""
    node: ast.expr
    index: int = 0


@dataclass(frozen=True)
class Import:
    """An imported name."""

    module: str
    """Dotted module, as written."""
    member: str
    """Name in the module, empty when the module itself is meant."""
    level: int
    """Dots before a relative import."""


@dataclass
class Names:
    """The names that a module, class or function body binds."""

    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    functions: dict[str, FunctionNode] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)
    stars: list[Import] = field(default_factory=list)
    """`from module import *`."""


@dataclass(eq=False)
class Module:
    """A parsed file of the repository."""

    path: str
    """Relative to the DVC root."""
    name: str
    """`__main__` for the script itself, else its dotted name."""
    tree: ast.Module
    names: Names


@dataclass
class Program:
    """A script and the local modules that it reaches."""

    root: Path
    """The DVC root."""
    script: str
    """The script, relative to the root."""
    sources: dict[str, ast.Module | None] = field(default_factory=dict)
    """Parsed files, shared between programs; None for a file that cannot be parsed."""
    modules: dict[str, Module] = field(default_factory=dict)
    """Loaded modules by path."""
    external: set[str] = field(default_factory=set)
    """Top-level names of imported modules that are not local."""
    anchors: set[str] = field(default_factory=set)
    """Search folders in which local modules were found: the script's own, the root (empty), `src`."""
    relative: bool = False
    """Whether the script itself uses relative imports."""
    broken: list[str] = field(default_factory=list)
    """Local files that could not be parsed."""

    def load(self, path: str, name: str) -> Module | None:
        """Return the module in the file `path`, None when it cannot be parsed (it is then named in `broken`)."""
        if path not in self.modules:
            tree = (
                self.sources[path]
                if path in self.sources
                else self.sources.setdefault(path, parse(self.root, path))
            )
            if tree is None:
                self.broken.append(path)
                return None
            self.modules[path] = Module(path, name, tree, collect_names(tree.body))
        return self.modules[path]

    def find(self, importer: Module, module: str, level: int) -> str | None:
        """Return the file behind a module that `importer` imports, a folder's `__init__.py` included; None if it is not local."""
        parts = module.split(".") if module else []
        if level:
            folder = posixpath.dirname(importer.path)
            for _ in range(level - 1):
                folder = posixpath.dirname(folder)
            return self._file(folder, parts)
        home = posixpath.dirname(self.script)
        for anchor in dict.fromkeys((home, "", "src")):
            if found := self._file(anchor, parts):
                self.anchors.add(anchor)
                return found
        return None

    def _file(self, folder: str, parts: list[str]) -> str | None:
        base = posixpath.join(folder, *parts)
        for name in (f"{base}.py", posixpath.join(base, "__init__.py")):
            if name != ".py" and (self.root / name).is_file():
                return name
        # A folder without __init__.py is a package too when it holds modules.
        where = self.root / base
        return f"{base}/" if parts and where.is_dir() and any(where.glob("*.py")) else None


def parse(root: Path, path: str) -> ast.Module | None:
    """Return the syntax tree of a file, None when it is no Python or too large."""
    file = root / path
    try:
        if file.stat().st_size > MAX_SOURCE_BYTES:
            return None
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return None


def collect_names(body: Iterable[ast.stmt]) -> Names:
    """Return the names that the statements bind, blocks included, inner functions and classes not entered."""
    names = Names()
    for node in walk_statements(body):
        _collect(names, node)
    return names


def walk_statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield every node of a body without entering functions and classes, which are yielded themselves."""
    for node in body:
        yield node
        if not isinstance(node, FunctionNode | ast.ClassDef | ast.Lambda):
            yield from walk_statements(ast.iter_child_nodes(node))


def _collect(names: Names, node: ast.AST) -> None:
    if isinstance(node, FunctionNode):
        names.functions[node.name] = node
    elif isinstance(node, ast.ClassDef):
        names.classes[node.name] = node
    elif isinstance(node, ast.Import):
        for alias in node.names:
            target = alias.asname or alias.name.split(".")[0]
            names.imports[target] = Import(alias.name if alias.asname else target, "", 0)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if alias.name == "*":
                names.stars.append(Import(node.module or "", "", node.level))
            else:
                names.imports[alias.asname or alias.name] = Import(node.module or "", alias.name, node.level)
    else:
        for target, binding in _bindings(node):
            names.bindings.setdefault(target, []).append(binding)


def _bindings(node: ast.AST) -> Iterator[tuple[str, Binding]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _targets(target, Binding("value", node.value))
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield from _targets(node.target, Binding("value", node.value))
    elif isinstance(node, ast.AugAssign):
        yield from _targets(node.target, Binding("opaque", node.value))
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        yield from _targets(node.target, Binding("element", node.iter))
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield from _targets(node.optional_vars, Binding("value", node.context_expr))


def _targets(target: ast.expr, binding: Binding) -> Iterator[tuple[str, Binding]]:
    if isinstance(target, ast.Name):
        yield target.id, binding
    elif (
        isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    ):
        yield f"self.{target.attr}", binding
    elif isinstance(target, ast.Tuple | ast.List):
        for index, item in enumerate(target.elts):
            kind = {"value": "item", "element": "element item"}.get(binding.kind, "opaque")
            yield from _targets(item, Binding(kind, binding.node, index))
