"""What one Python file imports, read from its source without running it; and what of it cannot be known that way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mlops_kit.errors import SpecError
from mlops_kit.steps.quickread import read_plain

# Only files with one of these words need a look into their expressions. A regular expression would take longer than all of them.
_WORDS = (
    b"import_module", b"__import__", b"exec", b"eval", b"importlib", b"runpy", b"pkgutil", b"load_source", b"addsitedir", b"meta_path",
    b"path_hooks", b"sys.path", b"sys import",
)  # fmt: skip
_DYNAMIC = re.compile(
    rb"\b(?:import_module|__import__|exec|eval|runpy|run_path|run_module|spec_from_file_location|SourceFileLoader|load_source"
    rb"|addsitedir|iter_modules|walk_packages|meta_path|path_hooks|sys\.path|extend_path)\b|\bsys\s+import\b[^\n]*\bpath\b"
)
_PATH_TEXT = re.compile(
    rb"""(?<![\w])[rR]?(["'])((?:[\w@+-][\w.@+-]*/)*[\w@+-][\w@+-]*\.[A-Za-z]\w{0,9}(?:\.gz|\.zip)?)\1"""
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_FOREIGN = frozenset(
    {"iter_modules", "walk_packages", "run_path", "run_module", "spec_from_file_location", "SourceFileLoader", "load_source",
     "extend_path", "addsitedir"}
)  # fmt: skip
_EDITS = frozenset({"append", "insert", "extend", "remove"})


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name."""

    level: int
    """Number of leading dots."""
    module: str
    """Dotted name after the dots; may be empty. With `partial`, what is known of its beginning."""
    names: tuple[str, ...]
    """Names after `from module import`; `*` for all; empty for `import module`."""
    line: int
    """Line, from 1."""
    main: bool = False
    """Whether it runs only where the file is the program itself (`if __name__ == "__main__"`)."""
    partial: bool = False
    """Whether the rest of the name is made at run time: any module that starts with `module` may be meant."""
    optional: bool = False
    """Whether the code goes on without it (`try` with `except ImportError`)."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that imports or runs code which the source does not name."""

    line: int
    what: str
    """As written, such as `import_module(name)`."""
    main: bool = False
    """Whether it runs only where the file is the program itself."""


@dataclass(frozen=True, slots=True)
class FileImports:
    """What one file says about imports."""

    imports: tuple[Import, ...]
    unknown: tuple[Unknown, ...]
    listed: tuple[str, ...] | None
    """The names of a literal `__all__`; None without one."""


@lru_cache(maxsize=16384)
def read_imports(source: bytes, where: str) -> FileImports:
    """Return what the Python `source` imports; `where` names the file in messages.

    Imports under `if TYPE_CHECKING` never run and are left out. Raises SpecError with the line when it is not valid Python and its
    imports can therefore not be told.
    """
    if not _is_dynamic(source):
        plain = read_plain(source)
        if plain is not None:
            return FileImports(tuple(Import(*found) for found in plain), (), None)
    return parse_imports(source, where)


def parse_imports(source: bytes, where: str) -> FileImports:
    """Do what read_imports does, by the syntax tree in every case."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise SpecError(
            f"not valid Python: {error}", where=f"{where}:{getattr(error, 'lineno', None) or 1}"
        ) from error
    reader = _Reader()
    reader.body(tree.body)
    if _is_dynamic(source):
        _Calls(reader).visit(tree)
    return FileImports(
        tuple(reader.imports),
        tuple(sorted(set(reader.unknown), key=lambda item: item.line)),
        None if reader.listed is None else tuple(reader.listed),
    )


def _is_dynamic(source: bytes) -> bool:
    return any(word in source for word in _WORDS) and _DYNAMIC.search(source) is not None


def named_paths(source: bytes) -> Iterator[tuple[str, int]]:
    """Yield the texts in `source` that look like the path of a file, each with its line."""
    for found in _PATH_TEXT.finditer(source):
        yield found[2].decode("ascii", "replace"), source.count(b"\n", 0, found.start()) + 1


class _Reader:
    """Walks statements; expressions hold no import statements."""

    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.unknown: list[Unknown] = []
        self.listed: list[str] | None = None
        self.main = False
        self.optional = False

    def body(self, statements: Sequence[ast.AST]) -> None:
        for node in statements:
            kind = type(node)
            if kind is ast.Import:
                self._import(node)  # type: ignore[arg-type]
            elif kind is ast.ImportFrom:
                self._import_from(node)  # type: ignore[arg-type]
            elif kind is ast.If:
                self._if(node)  # type: ignore[arg-type]
            elif kind is ast.Try or kind is getattr(ast, "TryStar", None):
                self._try(node)  # type: ignore[arg-type]
            elif kind is ast.Assign or kind is ast.AugAssign or kind is ast.AnnAssign:
                self._assign(node)  # type: ignore[arg-type]
            elif kind is ast.Match:
                for case in node.cases:  # type: ignore[attr-defined]
                    self.body(case.body)
            else:
                for field in ("body", "orelse"):
                    inner = getattr(node, field, None)
                    if inner:
                        self.body(inner)

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.add(Import(0, alias.name, (), node.lineno))

    def _import_from(self, node: ast.ImportFrom) -> None:
        names = tuple(alias.name for alias in node.names)
        self.add(Import(node.level, node.module or "", names, node.lineno))

    def add(self, found: Import) -> None:
        """Remember an import, with what surrounds it."""
        if self.main or self.optional:
            found = Import(
                found.level, found.module, found.names, found.line, self.main, found.partial, self.optional
            )
        self.imports.append(found)

    def _if(self, node: ast.If) -> None:
        truth = _static_truth(node.test)
        if truth is not False:
            main = self.main
            self.main = main or _is_main_test(node.test)
            self.body(node.body)
            self.main = main
        if truth is not True:
            self.body(node.orelse)

    def _try(self, node: ast.Try) -> None:
        before = self.optional
        self.optional = before or any(_catches_import_error(handler.type) for handler in node.handlers)
        self.body(node.body)
        self.optional = before
        for handler in node.handlers:
            self.body(handler.body)
        self.body(node.orelse)
        self.body(node.finalbody)

    def _assign(self, node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return
        try:
            value = ast.literal_eval(node.value) if node.value is not None else []
        except ValueError:
            return
        if isinstance(value, list | tuple):
            self.listed = [*(self.listed or []), *(str(item) for item in value)]


class _Calls(ast.NodeVisitor):
    """Finds calls that import or run code, and edits of the import path."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._importers = {"import_module", "__import__"}

    def visit_If(self, node: ast.If) -> None:
        truth = _static_truth(node.test)
        if truth is not False:
            before, self._reader.main = self._reader.main, self._reader.main or _is_main_test(node.test)
            for item in node.body:
                self.visit(item)
            self._reader.main = before
        if truth is not True:
            for item in node.orelse:
                self.visit(item)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module == "importlib":
            self._importers |= {a.asname for a in node.names if a.name == "import_module" and a.asname}

    def visit_Name(self, node: ast.Name) -> None:
        # Passed on or given another name: who calls it, and with what, is not followed.
        if isinstance(node.ctx, ast.Load) and node.id in {*self._importers, "exec", "eval"}:
            self._note(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in self._importers:
            self._note(node)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        name = _last_name(node.func)
        for inner in (*node.args, *node.keywords):
            self.visit(inner)
        if name in self._importers:
            self._import_call(node)
        elif (
            (name in ("exec", "eval") and isinstance(node.func, ast.Name))
            or name in _FOREIGN
            or (name in _EDITS and _is_sys_path(getattr(node.func, "value", None)))
        ):
            self._note(node)
        else:
            self.visit(node.func)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            place = target.value if isinstance(target, ast.Subscript) else target
            if _is_sys_path(place):
                self._note(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.generic_visit(node)
        if _is_sys_path(node.target):
            self._note(node)

    def _import_call(self, node: ast.Call) -> None:
        argument = (
            node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "name"), None)
        )
        text, whole = _known_text(argument)
        level = len(text) - len(text.lstrip("."))
        anchor = (
            node.args[1]
            if len(node.args) > 1
            else next((k.value for k in node.keywords if k.arg == "package"), None)
        )
        if level and isinstance(anchor, ast.Constant) and isinstance(anchor.value, str):
            parts = anchor.value.split(".")
            text, level = ".".join([*parts[: len(parts) - level + 1], text[level:]]), 0
        if whole:
            self._reader.add(Import(level, text[level:], (), node.lineno))
            return
        if "." in text.strip("."):
            self._reader.add(Import(level, text[level:], (), node.lineno, partial=True))
        self._note(node)

    def _note(self, node: ast.AST) -> None:
        text = " ".join(ast.unparse(node).split())
        self._reader.unknown.append(
            Unknown(
                getattr(node, "lineno", 1), text if len(text) <= 80 else f"{text[:77]}...", self._reader.main
            )
        )


def _known_text(node: ast.expr | None) -> tuple[str, bool]:
    """Return the text of an expression as far as the source says it, from its beginning, and whether that is all."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, True
    if isinstance(node, ast.JoinedStr):
        known = ""
        for part in node.values:
            if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
                return known, False
            known += part.value
        return known, True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, whole = _known_text(node.left)
        if not whole:
            return left, False
        right, whole = _known_text(node.right)
        return left + right, whole
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _known_text(node.left)[0].partition("%")[0], False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _known_text(node.func.value)[0].partition("{")[0], False
    return "", False


def _static_truth(test: ast.expr) -> bool | None:
    """Return what a test always gives at run time, None when that depends."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _static_truth(test.operand)
        return None if inner is None else not inner
    return False if _last_name(test) == "TYPE_CHECKING" else None


def _is_main_test(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Eq)
        and {_last_name(test.left) or _known_text(test.left)[0]}
        | {_last_name(test.comparators[0]) or _known_text(test.comparators[0])[0]}
        == {"__name__", "__main__"}
    )


def _catches_import_error(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    names = {_last_name(item) for item in (caught.elts if isinstance(caught, ast.Tuple) else [caught])}
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def _is_sys_path(node: ast.AST | None) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("path", "meta_path", "path_hooks")
        and _last_name(node.value) == "sys"
    )


def _last_name(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
