"""What a script reads and writes, found by following its calls through local functions with the values that are known."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mlops_kit.project.adopt.calls import OPENERS, STARTERS, Access, Touch, accesses, touch_of_mode
from mlops_kit.project.adopt.evaluate import Evaluator
from mlops_kit.project.adopt.options import find_options
from mlops_kit.project.adopt.program import FunctionNode, Module, Program
from mlops_kit.project.adopt.scope import ClassRef, FunctionRef, Scope
from mlops_kit.project.adopt.values import External, Handle, Partial, Values

MAX_TRACES = 3000


@dataclass(frozen=True)
class Record:
    """A file that is touched somewhere in the source."""

    path: str
    """As the source says it; starts with ROOT when it is made from `__file__`."""
    touch: Touch
    """What is done."""
    file: str
    """Source file, relative to the DVC root."""
    line: int
    """Line in it, from 1."""
    conditional: bool
    """Whether it happens under a condition that is not known."""
    partial: bool = False
    """Whether only the beginning of the path is known."""


@dataclass
class Traced:
    """All that was found in one script."""

    records: list[Record] = field(default_factory=list)
    """Touched files in the order of the source."""
    dynamic: list[str] = field(default_factory=list)
    """`file:line` of calls whose path is not known."""
    started: list[str] = field(default_factory=list)
    """`file:line` of calls that start other programs."""
    required: list[str] = field(default_factory=list)
    """Command-line arguments without which the script does not run."""
    variables: set[str] = field(default_factory=set)
    """Environment variables that it reads."""
    calls: set[str] = field(default_factory=set)
    """Dotted names of library functions that are called."""
    changes_folder: bool = False
    """Whether it changes its working directory."""


def trace_program(program: Program, main: Module, arguments: tuple[str, ...] = ()) -> Traced:
    """Follow the script `main`, started with `arguments`, and return what it touches."""
    evaluator = Evaluator(program)
    evaluator.argv = arguments
    evaluator.options, required = find_options(evaluator, main)
    tracer = _Tracer(evaluator, main)
    tracer.module(main)
    traced = tracer.traced
    traced.required += required if tracer.parses else []
    return traced


class _Tracer:
    def __init__(self, evaluator: Evaluator, main: Module) -> None:
        self.evaluator = evaluator
        self.main = main
        self.traced = Traced()
        self.parses = False
        self._done: set[Any] = set()
        self._conditional = 0
        self._tried = 0  # depth of `try` whose failure lets the script go on
        self._traces = 0

    def module(self, module: Module) -> None:
        """Follow the top level of a module, once."""
        if module.path not in self._done:
            self._done.add(module.path)
            self.body(module.tree.body, self.evaluator.module_scope(module))

    def function(self, function: FunctionRef, params: dict[str, Values]) -> None:
        """Follow a local function with these parameters, once for each set of values."""
        key = (
            id(function.node),
            repr(sorted(params.items(), key=lambda item: item[0])),
            self._conditional > 0,
        )
        self._traces += 1
        if key in self._done or self._traces > MAX_TRACES:
            return
        self._done.add(key)
        self._decorated(function, params)
        self.body(function.node.body, self.evaluator.inner_scope(function, params))

    def body(self, nodes: Iterable[ast.AST], scope: Scope) -> None:
        """Follow statements or expressions in order."""
        for node in nodes:
            self._visit(node, scope)

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, FunctionNode | ast.ClassDef | ast.Lambda):
            self.body(getattr(node, "decorator_list", []), scope)
            if isinstance(node, ast.Lambda):
                self.body([node.body], scope)
        elif isinstance(node, ast.If | ast.IfExp):
            self._branch(node, scope)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, scope)
        elif isinstance(node, ast.Try):
            goes_on = bool(node.handlers) and not any(_leaves(one) for one in node.handlers)
            self._tried += goes_on
            self.body(node.body, scope)
            self._tried -= goes_on
            self.body([*node.handlers, *node.orelse, *node.finalbody], scope)
        else:
            guarded = isinstance(node, ast.ExceptHandler)
            self._conditional += guarded
            self.body(ast.iter_child_nodes(node), scope)
            self._conditional -= guarded
            if isinstance(node, ast.Call):
                self._call(node, scope)
            elif isinstance(node, ast.Subscript):
                self._variable(node.value, node.slice, scope)

    def _branch(self, node: ast.If | ast.IfExp, scope: Scope) -> None:
        self._visit(node.test, scope)
        decided = self.evaluator.truth(node.test, scope)
        branches = [one if isinstance(one, list) else [one] for one in (node.body, node.orelse)]
        self._conditional += decided is None
        for branch, wanted in zip(branches, (True, False), strict=True):
            if decided is None or decided is wanted:
                self.body(branch, scope)
        self._conditional -= decided is None

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        """Follow the local modules that an import runs; name the others."""
        program = self.evaluator.program
        wanted = [(alias.name, 0) for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            program.relative = program.relative or (node.level > 0 and scope.module is self.main)
            lead = f"{node.module}." if node.module else ""
            wanted = [
                *([("", node.level)] if node.level else []),  # the package itself
                (node.module or "", node.level),
                *((f"{lead}{alias.name}", node.level) for alias in node.names),
            ]
        for index, (name, level) in enumerate(wanted):
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                path = program.find(scope.module, ".".join(parts[:depth]), level)
                if path and not path.endswith("/") and (module := program.load(path, name)):
                    self.module(module)
            found = program.find(scope.module, name, level) or program.find(scope.module, parts[0], level)
            if not found and not level and (index == 0 or isinstance(node, ast.Import)):
                program.external.add(parts[0])

    def _call(self, node: ast.Call, scope: Scope) -> None:
        callees = self.evaluator.values(node.func, scope)
        for callee in callees:
            if isinstance(callee, FunctionRef):
                self.function(callee, self.evaluator.bind(callee, node, scope))
            elif isinstance(callee, ClassRef):
                self._construct(callee, node, scope)
        name = next((callee.name for callee in callees if isinstance(callee, External)), "")
        if not callees and isinstance(node.func, ast.Attribute):
            name = f".{node.func.attr}"
        elif not callees and isinstance(node.func, ast.Name):
            self._commands(scope)  # `app()` of a command-line library
        if name:
            self._library(name, node, scope)
            for one in (*node.args, *(keyword.value for keyword in node.keywords)):
                self._passed(one, scope)

    def _passed(self, node: ast.expr, scope: Scope) -> None:
        """Follow local functions that are handed to a library, which will call them."""
        if isinstance(node, ast.Name | ast.Attribute):
            for value in self.evaluator.values(node, scope):
                if isinstance(value, FunctionRef):
                    self.function(value, self.evaluator.bind(value, None, scope))

    def _construct(self, cls: ClassRef, node: ast.Call, scope: Scope) -> None:
        instance = self.evaluator.instance(cls, node, scope)
        for method in ("__init__", "__post_init__"):
            for value in self.evaluator.attribute(instance, method):
                if isinstance(value, FunctionRef):
                    self.function(value, {**self.evaluator.bind(value, None, scope), **dict(instance.params)})

    def _library(self, name: str, node: ast.Call, scope: Scope) -> None:
        """Record what a library call touches."""
        last = name.rpartition(".")[2]
        self.traced.calls.add(name)
        self.parses = self.parses or last in ("parse_args", "parse_known_args")
        place = f"{scope.module.path}:{node.lineno}"
        if name in STARTERS:
            self.traced.started.append(place)
        elif name == "os.chdir":
            self.traced.changes_folder = True
        elif name in ("os.getenv", "os.environ.get") and node.args:
            self._note_variables(self.evaluator.values(node.args[0], scope))
        elif name == "dvc.api.params_show":
            self._record("params.yaml", Touch.READ, place, scope, node)
        if name in OPENERS or (name == ".open" and isinstance(node.func, ast.Attribute)):
            self._open(name, node, scope, place)
            return
        for access in accesses(name):
            self._access(access, node, scope, place)

    def _open(self, name: str, node: ast.Call, scope: Scope, place: str) -> None:
        method = name == ".open"
        position = 0 if method else 1
        modes = self._argument(node, position, ("mode",), scope)
        mode = next((one for one in modes or () if isinstance(one, str)), "r")
        access = Access(
            touch_of_mode(mode), -1 if method else 0, ("file", "filename", "name"), sure=not method
        )
        self._access(access, node, scope, place)

    def _argument(
        self, node: ast.Call, position: int, keywords: tuple[str, ...], scope: Scope
    ) -> Values | None:
        """Return the alternatives of an argument; None when it is not given."""
        if position == -1:
            return (
                self.evaluator.values(node.func.value, scope)
                if isinstance(node.func, ast.Attribute)
                else None
            )
        if position < len(node.args):
            return self.evaluator.values(node.args[position], scope)
        found = next((one for one in node.keywords if one.arg in keywords), None)
        return self.evaluator.values(found.value, scope) if found else None

    def _access(self, access: Access, node: ast.Call, scope: Scope, place: str) -> None:
        values = self._argument(node, access.position, access.keywords, scope)
        if values is None:
            if access.touch is Touch.FILL:
                self.traced.dynamic.append(place)  # into the working folder, under names that are not known
            return
        paths = [value for value in values if isinstance(value, str | Partial)]
        if (
            not paths
            and access.sure
            and access.position >= 0
            and not any(isinstance(v, Handle) for v in values)
        ):
            nothing = values and all(value is None for value in values)
            if not nothing and access.touch is not Touch.REMOVE:
                self.traced.dynamic.append(place)
            return
        for value in paths:
            text = value.head if isinstance(value, Partial) else value
            if not access.sure and "." not in text.rpartition("/")[2]:
                continue
            if access.ending and isinstance(value, str) and not text.endswith(access.ending):
                text += access.ending if "." not in text.rpartition("/")[2] or access.ending != ".png" else ""
            self._record(text, access.touch, place, scope, node, partial=isinstance(value, Partial))

    def _record(
        self, path: str, touch: Touch, place: str, scope: Scope, node: ast.AST, *, partial: bool = False
    ) -> None:
        if touch is Touch.LIST and "*" in path:
            path = path.partition("*")[0].rpartition("/")[0] or "."
        if not path or "\n" in path or len(path) > 500:
            self.traced.dynamic.append(place)
            return
        line = getattr(node, "lineno", 1)
        tried = self._tried > 0 and touch in (Touch.READ, Touch.LIST)
        record = Record(path, touch, scope.module.path, line, self._conditional > 0 or tried, partial)
        if record not in self.traced.records:
            self.traced.records.append(record)

    def _variable(self, value: ast.expr, key: ast.expr, scope: Scope) -> None:
        """Note `os.environ["NAME"]` and `sys.argv[1]`."""
        for base in self.evaluator.values(value, scope):
            if base == External("os.environ"):
                self._note_variables(self.evaluator.values(key, scope))
            elif (
                base == External("sys.argv")
                and not self._conditional
                and self.evaluator.values(key, scope) not in ((0,), ())
            ):
                self.traced.required.append("sys.argv")

    def _note_variables(self, names: Values) -> None:
        self.traced.variables |= {name for name in names if isinstance(name, str)}

    def _commands(self, scope: Scope) -> None:
        """Follow the functions of the module that are commands of a command-line library."""
        for name, node in scope.module.names.functions.items():
            if any(_is_command(one) for one in node.decorator_list):
                for value in self.evaluator.lookup_member(scope.module, name):
                    if isinstance(value, FunctionRef):
                        self.function(value, self.evaluator.bind(value, None, scope))

    def _decorated(self, function: FunctionRef, params: dict[str, Values]) -> None:
        """Bind the options that decorators of click and hydra give."""
        for node in function.node.decorator_list:
            names = [
                v.name
                for v in self.evaluator.values(getattr(node, "func", node), function.scope)
                if isinstance(v, External)
            ]
            if not names or not isinstance(node, ast.Call):
                continue
            if names[0] in ("click.option", "click.argument"):
                self._click(names[0], node, function, params)
            elif names[0] == "hydra.main":
                self._hydra(node, function, params)

    def _click(self, kind: str, node: ast.Call, function: FunctionRef, params: dict[str, Values]) -> None:
        flags = [
            one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        given = {one.arg: self.evaluator.values(one.value, function.scope) for one in node.keywords}
        plain = [flag for flag in flags if not flag.startswith("-")] or sorted(flags, key=len)[-1:]
        if not plain:
            return
        params[plain[0].lstrip("-").split("/")[0].replace("-", "_")] = given.get("default", ())
        if given.get("required") == (True,) or (kind == "click.argument" and "default" not in given):
            self.traced.required.append(plain[0])

    def _hydra(self, node: ast.Call, function: FunctionRef, params: dict[str, Values]) -> None:
        given = {one.arg: self.evaluator.values(one.value, function.scope) for one in node.keywords}
        folder, name = (next(iter(given.get(key, ())), None) for key in ("config_path", "config_name"))
        arguments = function.node.args.args
        if not isinstance(name, str) or not arguments:
            return
        home = function.scope.module.path.rpartition("/")[0]
        path = "/".join(
            part for part in ("\0", home, str(folder or ""), f"{name.removesuffix('.yaml')}.yaml") if part
        )
        params[arguments[0].arg] = self.evaluator.loaded((path,))
        self._record(path, Touch.READ, "", function.scope, node)


def _is_command(node: ast.expr) -> bool:
    target = node.func if isinstance(node, ast.Call) else node
    return isinstance(target, ast.Attribute) and target.attr in ("command", "callback")


def _leaves(handler: ast.ExceptHandler) -> bool:
    """Return whether an exception handler ends the script or raises again."""
    for node in ast.walk(handler):
        if isinstance(node, ast.Raise):
            return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sys.exit", "exit", "quit", "os._exit"):
            return True
    return False
