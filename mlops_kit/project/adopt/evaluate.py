"""What an expression is, as far as constants, configuration files and local functions say it. Runs nothing."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from typing import Any

from mlops_kit.project.adopt.builtin import FUNCTIONS, LOADERS, METHODS, WRAPPERS, attribute_of, load_config
from mlops_kit.project.adopt.expressions import HANDLERS
from mlops_kit.project.adopt.program import (
    Binding,
    FunctionNode,
    Module,
    Names,
    Program,
    collect_names,
    walk_statements,
)
from mlops_kit.project.adopt.scope import ClassRef, FunctionRef, Instance, ModuleRef, Scope
from mlops_kit.project.adopt.values import (
    External,
    Handle,
    Items,
    Table,
    Unknown,
    Values,
    combine,
    elements,
    merge,
    truth,
)

MAX_DEPTH = 40
MAX_STEPS = 100_000


class Evaluator:
    """Evaluates expressions of one program; every answer is a tuple of alternatives, empty when nothing is known."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.argv: tuple[str, ...] = ()
        """Arguments that the script is known to be started with."""
        self.options: Table = Table()
        """What the parsers of arguments return when no argument is given."""
        self.configs: set[str] = set()
        """Configuration files whose content was used."""
        self._scopes: dict[str, Scope] = {}
        self._names: dict[ast.AST, Names] = {}
        self._active: set[tuple[int, str]] = set()
        self._known: dict[tuple[Scope, str], Values] = {}
        self._passing: dict[
            tuple[Scope, str], Values
        ] = {}  # answers within the lookup under way; cut short where names go round
        self._rounds = 0
        self._depth = 0
        self._steps = 0

    def module_scope(self, module: Module) -> Scope:
        """Return the scope of a module's top level."""
        return self._scopes.setdefault(module.path, Scope(module, module.names))

    def inner_scope(self, function: FunctionRef, params: Mapping[str, Values]) -> Scope:
        """Return the scope of a function's body with `params` bound."""
        return Scope(function.scope.module, self.names_of(function.node), params, function.scope)

    def names_of(self, node: FunctionNode | ast.ClassDef) -> Names:
        """Return the names that a body binds."""
        if node not in self._names:
            self._names[node] = collect_names(node.body)
        return self._names[node]

    def values(self, node: ast.AST | None, scope: Scope) -> Values:
        """Return the alternatives of an expression."""
        self._steps += 1
        if node is None or self._depth >= MAX_DEPTH or self._steps > MAX_STEPS:
            return ()
        handler = HANDLERS.get(type(node))
        if handler is None:
            return ()
        self._depth += 1
        try:
            return handler(self, node, scope)
        finally:
            self._depth -= 1

    def lookup(self, name: str, scope: Scope) -> Values:
        """Return the alternatives of a name."""
        place: Scope | None = scope
        while place is not None:
            found = self._in_scope(name, place)
            if found is not None:
                return found
            place = place.parent
        if name == "__file__":
            return (f"\0/{scope.module.path}",)
        if name == "__name__":
            return (scope.module.name,)
        return (External(name),) if hasattr(builtins, name) else ()

    def _in_scope(self, name: str, scope: Scope) -> Values | None:
        """Return what `name` is in this scope alone, None when it is not bound here."""
        if name in scope.params:
            return scope.params[name]
        names = scope.names
        if name in names.functions:
            return (FunctionRef(names.functions[name], scope),)
        if name in names.classes:
            return (ClassRef(names.classes[name], scope),)
        if name in names.imports:
            return self._imported(name, scope)
        return self._bindings(name, scope) if name in names.bindings else self._starred(name, scope)

    def _starred(self, name: str, scope: Scope) -> Values | None:
        """Return what `name` is in a local module whose names are all imported here, None when it is in none."""
        for star in reversed(scope.names.stars):
            path = self.program.find(scope.module, star.module, star.level)
            if path and not path.endswith("/") and (module := self.program.load(path, star.module)):
                found = self.lookup_member(module, name)
                if found:
                    return found
        return None

    def _bindings(self, name: str, scope: Scope) -> Values:
        """Return what the bindings of `name` give; each is looked at once, however often names refer to each other."""
        for answers in (self._known, self._passing):
            if (scope, name) in answers:
                return answers[scope, name]
        key = (id(scope), name)
        if key in self._active:
            self._rounds += 1
            return ()
        outermost, rounds = not self._active, self._rounds
        self._active.add(key)
        try:
            found = merge(self._bound(binding, scope) for binding in scope.names.bindings[name])
        finally:
            self._active.discard(key)
        whole = outermost or self._rounds == rounds
        (self._known if whole else self._passing)[scope, name] = found
        if outermost:
            self._passing.clear()
        return found

    def _bound(self, binding: Binding, scope: Scope) -> Values:
        if binding.kind == "opaque":
            return ()
        values = self.values(binding.node, scope)
        if binding.kind.startswith("element"):
            values = elements(values)
        if binding.kind.endswith("item"):
            return merge(
                value.items[binding.index]
                for value in values
                if isinstance(value, Items) and binding.index < len(value.items)
            )
        return values

    def _imported(self, name: str, scope: Scope) -> Values:
        found = scope.names.imports[name]
        if found.member:
            inner = ".".join(part for part in (found.module, found.member) if part)
            path = self.program.find(scope.module, inner, found.level)
            if path and not path.endswith("/") and (module := self.program.load(path, inner)):
                return (ModuleRef(module),)
        path = self.program.find(scope.module, found.module, found.level)
        if path is None:
            return (External(".".join(part for part in (found.module, found.member) if part)),)
        loaded = None if path.endswith("/") else self.program.load(path, found.module)
        if loaded is None:
            return ()
        if not found.member:
            return (ModuleRef(loaded),)
        return self.lookup_member(loaded, found.member)

    def lookup_member(self, module: Module, name: str) -> Values:
        """Return what `name` is in a local module."""
        key = (id(module), name)
        if key in self._active:
            return ()
        self._active.add(key)
        try:
            return self._in_scope(name, self.module_scope(module)) or ()
        finally:
            self._active.discard(key)

    def attribute(self, value: Any, name: str) -> Values:
        """Return the attribute `name` of a known value."""
        if isinstance(value, ModuleRef):
            return self.lookup_member(value.module, name)
        if isinstance(value, External):
            return (External(f"{value.name}.{name}"),)
        if isinstance(value, Instance):
            return self._instance_attribute(value, name)
        if isinstance(value, ClassRef):
            return self._class_attribute(
                value, name, Scope(value.scope.module, Names(), {}, value.scope), None
            )
        return attribute_of(value, name)

    def _instance_attribute(self, value: Instance, name: str) -> Values:
        params = dict(value.params)
        scope = Scope(value.cls.scope.module, Names(), {**params, "self": (value,)}, value.cls.scope)
        return self._class_attribute(value.cls, name, scope, value)

    def _class_attribute(self, cls: ClassRef, name: str, scope: Scope, this: Instance | None) -> Values:
        """Return a method, or what `self.name = ...` and the class body say."""
        names = self.names_of(cls.node)
        if name in names.functions:
            return (FunctionRef(names.functions[name], cls.scope, this),)
        key = (id(cls.node), name)
        if key in self._active:
            return ()
        self._active.add(key)
        try:
            found = [self._bound(one, scope) for one in names.bindings.get(name, ())]
            if this is not None and name in dict(this.params) and not self._constructor(cls):
                found = [dict(this.params)[name]]  # a dataclass
            for method in names.functions.values() if this is not None else ():
                inner = Scope(scope.module, self.names_of(method), scope.params, scope)
                found += [
                    self._bound(one, inner) for one in self.names_of(method).bindings.get(f"self.{name}", ())
                ]
            return merge(found) or self._inherited(cls, name, this)
        finally:
            self._active.discard(key)

    def _constructor(self, cls: ClassRef) -> FunctionNode | None:
        return self.names_of(cls.node).functions.get("__init__")

    def _inherited(self, cls: ClassRef, name: str, this: Instance | None) -> Values:
        bases = [
            base
            for node in cls.node.bases
            for base in self.values(node, cls.scope)
            if isinstance(base, ClassRef)
        ]
        for base in bases:
            value: Any = Instance(base, this.params) if this else base
            if found := self.attribute(value, name):
                return found
        return ()

    def bind(self, function: FunctionRef, call: ast.Call | None, scope: Scope) -> dict[str, Values]:
        """Return the parameters of a local function as this call gives them; defaults where it gives none."""
        arguments = function.node.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
        bound: dict[str, Values] = self._defaults(function)
        if names and names[0] in ("self", "cls"):
            bound[names.pop(0)] = (function.this,) if function.this else ()
        given = call.args if call else []
        for name, node in zip(names, given, strict=False):
            if isinstance(node, ast.Starred):
                break
            bound[name] = self.values(node, scope)
        for keyword in call.keywords if call else ():
            if keyword.arg:
                bound[keyword.arg] = self.values(keyword.value, scope)
        return bound

    def _defaults(self, function: FunctionRef) -> dict[str, Values]:
        arguments = function.node.args
        ordered = [*arguments.posonlyargs, *arguments.args]
        bound: dict[str, Values] = {one.arg: () for one in (*ordered, *arguments.kwonlyargs)}
        pairs = [
            *zip(ordered[len(ordered) - len(arguments.defaults) :], arguments.defaults, strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for argument, default in pairs:
            bound[argument.arg] = self.values(default, function.scope)
        return bound

    def call(self, node: ast.Call, scope: Scope) -> Values:
        """Return what a call gives."""
        for callee in self.values(node.func, scope):
            if isinstance(callee, FunctionRef):
                return self.returned(callee, self.bind(callee, node, scope))
            if isinstance(callee, ClassRef):
                return (self.instance(callee, node, scope),)
            if isinstance(callee, External):
                found = self._external(callee.name, node, scope)
                if found or not isinstance(node.func, ast.Attribute):
                    return found
        return self._method(node, scope) if isinstance(node.func, ast.Attribute) else ()

    def instance(self, cls: ClassRef, node: ast.Call, scope: Scope) -> Instance:
        """Return the object that calling a local class makes."""
        constructor = self._constructor(cls)
        if constructor:
            function = FunctionRef(constructor, cls.scope, Instance(cls))
            bound = self.bind(function, node, scope)
            bound.pop("self", None)
        else:
            fields = [
                n.target.id
                for n in cls.node.body
                if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
            ]
            bound = {name: self.values(value, scope) for name, value in zip(fields, node.args, strict=False)}
            bound |= {one.arg: self.values(one.value, scope) for one in node.keywords if one.arg}
        return Instance(cls, tuple(bound.items()))

    def returned(self, function: FunctionRef, params: Mapping[str, Values]) -> Values:
        """Return what a local function returns with these parameters."""
        key = (id(function.node), "return")
        if key in self._active:
            return ()
        self._active.add(key)
        try:
            scope = self.inner_scope(function, params)
            nodes = [
                one.value
                for one in walk_statements(function.node.body)
                if isinstance(one, ast.Return) and one.value
            ]
            return merge(self.values(one, scope) for one in nodes)
        finally:
            self._active.discard(key)

    def _external(self, name: str, node: ast.Call, scope: Scope) -> Values:
        last = name.rpartition(".")[2]
        if last in ("parse_args", "parse_known_args"):
            return (self.options,)
        arguments = [self.values(one, scope) for one in node.args]
        if name in FUNCTIONS:
            return combine(FUNCTIONS[name], arguments)
        if name in LOADERS:
            return self.loaded(
                arguments[0] if arguments else ("params.yaml",) if name == "dvc.api.params_show" else ()
            )
        if last in WRAPPERS and node.args:
            return arguments[0]
        return ()

    def loaded(self, values: Values) -> Values:
        """Return the content of the configuration files that `values` names or holds open."""
        paths = [value.path if isinstance(value, Handle) else value for value in values]
        found = [
            (path, load_config(self.program.root, self.program.script, path))
            for path in paths
            if isinstance(path, str)
        ]
        self.configs |= {path for path, value in found if not isinstance(value, Unknown)}
        return tuple(value for _, value in found if not isinstance(value, Unknown))

    def _method(self, node: ast.Call, scope: Scope) -> Values:
        assert isinstance(node.func, ast.Attribute)
        name = node.func.attr
        receivers = self.values(node.func.value, scope)
        if name in ("parse_args", "parse_known_args"):
            options: Values = (self.options,)
            return options if name == "parse_args" else (Items((options, ())),)
        arguments = [self.values(one, scope) for one in node.args]
        if name == "load" and arguments and any(isinstance(one, Handle) for one in arguments[0]):
            return self.loaded(arguments[0])  # YAML().load(file)
        if name in METHODS and receivers:
            keywords = {one.arg: self.values(one.value, scope) for one in node.keywords if one.arg}
            return METHODS[name](receivers, arguments, keywords)
        return ()

    def truth(self, node: ast.expr, scope: Scope) -> bool | None:
        """Return whether a condition holds, None when that is not known."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.truth(node.operand, scope)
            return None if inner is None else not inner
        if isinstance(node, ast.BoolOp):
            parts = [self.truth(one, scope) for one in node.values]
            decisive = isinstance(node.op, ast.Or)
            if decisive in parts:
                return decisive
            return None if None in parts else not decisive
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._compare(node, scope)
        return truth(self.values(node, scope))

    def _compare(self, node: ast.Compare, scope: Scope) -> bool | None:
        left, right = self.values(node.left, scope), self.values(node.comparators[0], scope)
        plain = (str, int, float, bool, type(None))
        if (
            len(left) != 1
            or len(right) != 1
            or not (isinstance(left[0], plain) and isinstance(right[0], plain))
        ):
            return None
        if isinstance(node.ops[0], ast.Eq | ast.Is):
            return bool(left[0] == right[0])
        return bool(left[0] != right[0]) if isinstance(node.ops[0], ast.NotEq | ast.IsNot) else None
