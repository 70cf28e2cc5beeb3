"""Rules about order: what comes in an order that nobody chose."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_kit.steps.lint.module import Module, is_none, keyword

# What takes many and gives the same for every order. A sum of floats can differ in its last bits; a sum over a set is nearly always a count.
BLIND = frozenset(
    {"sorted", "set", "frozenset", "min", "max", "any", "all", "len", "sum", "collections.Counter", "numpy.unique", "numpy.sort", "numpy.isin", "numpy.in1d",
     "math.fsum", "heapq.nsmallest", "heapq.nlargest"}
)  # fmt: skip
# What hands an order on.
PASSING = frozenset(
    {"list", "tuple", "iter", "map", "filter", "reversed", "str", "pathlib.Path", "itertools.chain"}
)
SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})
# What takes many and asks only whether something is among them.
ASKING = frozenset(
    {"isin", "is_in", "issubset", "issuperset", "isdisjoint", "drop", "drop_columns", "update", *SET_METHODS}
)
# What may be done with each in any order.
BLIND_METHODS = frozenset(
    {"add", "discard", "unlink", "rmdir", "rmtree", "remove", "mkdir", "chmod", "issubset"}
)


def is_set(module: Module, node: ast.expr, depth: int = 0) -> bool:
    """Return whether an expression is surely a set whose order depends on the hash seed."""
    node = module.value_of(node)
    if depth > 5:
        return False
    if isinstance(node, ast.Set):
        return not all(isinstance(e, ast.Constant) and isinstance(e.value, int | float) for e in node.elts)
    if isinstance(node, ast.SetComp):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return any(is_set(module, side, depth + 1) or _is_keys(side) for side in (node.left, node.right))
    if isinstance(node, ast.Call):
        if module.name_of(node.func) in ("set", "frozenset"):
            return (bool(node.args) and not _is_range(module, node.args[0])) or _grows(module, node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in SET_METHODS:
            return is_set(module, node.func.value, depth + 1)
    return False


def _grows(module: Module, node: ast.Call) -> bool:
    """Return whether an empty `set()` is filled with anything later on."""
    uses = module.uses_of(node)
    return any(
        isinstance(outer := module.parent(use), ast.Attribute) and outer.attr in ("add", "update")
        for use in uses
    )


def _is_keys(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"


def _is_range(module: Module, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and module.name_of(node.func) == "range"


def is_settled(module: Module, node: ast.expr, *, follow: bool = True) -> bool:
    """Return whether the order of `node` reaches nothing: it is sorted, counted, asked for membership, or gone through blindly."""
    for child, outer in module.climb(node):
        if isinstance(outer, ast.Call):
            name = module.name_of(outer.func)
            method = outer.func.attr if isinstance(outer.func, ast.Attribute) else ""
            if child is not outer.func and (name in BLIND or method in ASKING):
                return True
            if child is outer.func or name in PASSING:
                continue
            return False
        if isinstance(
            outer,
            ast.Compare | ast.BoolOp | ast.UnaryOp | ast.If | ast.While | ast.IfExp | ast.SetComp | ast.Expr,
        ):
            return not (
                isinstance(outer, ast.IfExp | ast.BoolOp) and child is not getattr(outer, "test", None)
            )
        if isinstance(outer, ast.For) and child is outer.iter:
            return is_blind(module, outer.body)
        if isinstance(outer, ast.Assign | ast.AnnAssign) and follow and isinstance(child, ast.expr):
            return _is_settled_later(module, child)
        if not isinstance(
            outer,
            ast.comprehension
            | ast.keyword
            | ast.GeneratorExp
            | ast.ListComp
            | ast.Starred
            | ast.List
            | ast.Tuple
            | ast.Attribute,
        ):
            return False
    return False


def _is_settled_later(module: Module, assigned: ast.expr) -> bool:
    uses = module.uses_of(assigned)
    for use in uses:
        outer = module.parent(use)
        if isinstance(outer, ast.Attribute) and outer.attr == "sort":
            return True
    return bool(uses) and all(is_settled(module, use, follow=False) for use in uses)


def is_blind(module: Module, body: list[ast.stmt]) -> bool:
    """Return whether the statements of a loop come to the same in any order."""
    for statement in body:
        if isinstance(statement, ast.If):
            if not is_blind(module, [*statement.body, *statement.orelse]):
                return False
        elif isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call):
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if method not in BLIND_METHODS:
                return False
        elif isinstance(statement, ast.Assign):
            if not all(isinstance(target, ast.Subscript) for target in statement.targets):
                return False
        elif isinstance(statement, ast.AugAssign):
            if not isinstance(statement.op, ast.BitOr | ast.BitAnd) and not isinstance(
                statement.value, ast.Constant
            ):
                return False
        elif not isinstance(statement, ast.Raise | ast.Assert | ast.Pass | ast.Continue | ast.Delete):
            return False
    return True


class SetOrder:
    """A set comes in the order of the hash seed, which is another in every process."""

    id = "set-order"
    fix = "sorted(...)"

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield sets whose order is taken."""
        for node in ast.walk(module.tree):
            for taken in self._taken(module, node):
                if is_set(module, taken) and not is_settled(module, taken):
                    yield taken

    def _taken(self, module: Module, node: ast.AST) -> list[ast.expr]:
        if isinstance(node, ast.For):
            return [node.iter]
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return [generator.iter for generator in node.generators]
        if isinstance(node, ast.DictComp):
            # A lookup by key is fine; a number by position is not, and enumerate is a call below.
            return []
        if isinstance(node, ast.Starred):
            return [] if isinstance(module.parent(node), ast.Set) else [node.value]
        if not isinstance(node, ast.Call):
            return []
        name = module.name_of(node.func)
        if name in (
            "list",
            "tuple",
            "enumerate",
            "zip",
            "iter",
            "map",
            "numpy.array",
            "numpy.asarray",
            "pandas.Series",
            "pandas.Index",
        ):
            return list(node.args)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "join":
            return node.args[:1]
        if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not node.args:
            return [node.func.value]
        return []


class FileOrder:
    """A folder lists its files in an order that its file system chooses; rows, and so splits, come in another on another machine."""

    id = "file-order"
    fix = "sorted(folder.iterdir()), sorted(glob.glob(...))"

    _functions = frozenset(
        {"os.listdir", "os.scandir", "os.walk", "glob.glob", "glob.iglob", "pathlib.Path.iterdir"}
    )
    _methods = frozenset({"iterdir", "glob", "rglob"})

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield listings that are not sorted."""
        for call in module.calls:
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            name = module.name_of(call.func)
            listed = name in self._functions or (method in self._methods and not name)
            if listed and not is_settled(module, call) and not self._sorts_inside(module, call):
                yield call

    def _sorts_inside(self, module: Module, call: ast.Call) -> bool:
        """Return whether the loop over an os.walk sorts what each folder holds."""
        loop = module.parent(call)
        if not isinstance(loop, ast.For) or module.name_of(call.func) != "os.walk":
            return False
        inner = [
            node for statement in loop.body for node in ast.walk(statement) if isinstance(node, ast.Call)
        ]
        return any(
            module.name_of(node.func) == "sorted"
            or (isinstance(node.func, ast.Attribute) and node.func.attr == "sort")
            for node in inner
        )


class CompletionOrder:
    """Results come in the order in which workers happen to finish."""

    id = "completion-order"
    fix = "executor.map(...), or read the futures in the order in which they were submitted"

    _functions = frozenset(
        {"concurrent.futures.as_completed", "asyncio.as_completed", "dask.distributed.as_completed"}
    )

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield loops over what is finished."""
        for call in module.calls:
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            finished = module.name_of(call.func) in self._functions or method == "imap_unordered"
            if finished and not is_settled(module, call):
                yield call


class JsonOrder:
    """JSON keeps the order of the dict, and this dict has that of a set."""

    id = "json-order"
    fix = "json.dump(..., sort_keys=True), or mlops_kit.write(path, value)"

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield dumps of dicts that were filled from a set."""
        for call, name in module.called:
            if (
                name in ("json.dump", "json.dumps")
                and call.args
                and self._from_set(module, module.value_of(call.args[0]))
            ):
                sort = keyword(call, "sort_keys")
                if is_none(sort) or (isinstance(sort, ast.Constant) and not sort.value):
                    yield call

    def _from_set(self, module: Module, node: ast.expr) -> bool:
        if isinstance(node, ast.DictComp):
            return is_set(module, node.generators[0].iter)
        if isinstance(node, ast.Call) and module.name_of(node.func) == "dict.fromkeys":
            return bool(node.args) and is_set(module, node.args[0])
        return isinstance(node, ast.Dict) and any(
            self._from_set(module, module.value_of(v)) for v in node.values
        )


class HashSeed:
    """`hash` of a text is another number in every process."""

    id = "hash-seed"
    fix = "int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])"

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield calls of the built-in hash, except where a class defines its own."""
        for call, name in module.called:
            inside = getattr(module.scope_of(call), "name", "")
            constant = (
                bool(call.args)
                and isinstance(call.args[0], ast.Constant)
                and not isinstance(call.args[0].value, str | bytes)
            )
            if name == "hash" and inside != "__hash__" and not constant:
                yield call
