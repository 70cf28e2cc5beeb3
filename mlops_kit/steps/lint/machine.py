"""Rules about the machine: what depends on who runs a step, where, and with how many processors."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlops_kit.steps.lint.module import Module


class Processors:
    """The number of processors differs between machines, and with it how work and rows are cut up."""

    id = "processors"
    fix = "a number from params.yaml"

    _functions = frozenset(
        {"os.cpu_count", "os.process_cpu_count", "os.sched_getaffinity", "multiprocessing.cpu_count", "joblib.cpu_count", "psutil.cpu_count"}
    )  # fmt: skip

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield questions for the number of processors."""
        for call, name in module.called:
            if name in self._functions:
                yield call


class AllJobs:
    """`n_jobs=-1` uses every processor of the machine; sums over threads can differ in their last bits with their number."""

    id = "n-jobs"
    fix = "n_jobs=1, or a number; runtime.threads in mlops.yaml is what numeric libraries may use"

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield calls with n_jobs=-1."""
        for call in module.calls:
            for given in call.keywords:
                if given.arg == "n_jobs" and ast.unparse(given.value) == "-1":
                    yield given.value


class Machine:
    """The name of the machine, its user and the number of a process are no input of a step."""

    id = "machine"
    fix = "leave it out; CI and `git log` say who ran what"

    _functions = frozenset(
        {"socket.gethostname", "socket.getfqdn", "platform.node", "platform.uname", "platform.platform", "os.uname", "getpass.getuser",
         "os.getlogin", "os.getpid", "os.getppid", "os.getuid", "pwd.getpwuid", "uuid.getnode"}
    )  # fmt: skip

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield questions for machine, user and process."""
        for call, name in module.called:
            if name in self._functions:
                yield call


class Environment:
    """A variable of the environment is an input that no file records."""

    id = "environment"
    fix = "a key of params.yaml"

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield what is read from the environment; setting a variable is fine."""
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                if module.name_of(node.value) == "os.environ":
                    yield node
            elif isinstance(node, ast.Call) and module.name_of(node.func) in (
                "os.getenv",
                "os.environ.get",
                "os.environ.items",
                "os.environ.values",
            ):
                yield node


class Address:
    """`id` is the address of an object in memory, another on every run."""

    id = "address"
    fix = "a counter, or a hash of the content"

    _lookups = frozenset({"add", "discard", "get", "setdefault", "pop"})

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield addresses, except where one only serves to find the object again."""
        for call, name in module.called:
            if name == "id" and not self._is_lookup(module, call):
                yield call

    def _is_lookup(self, module: Module, call: ast.Call) -> bool:
        outer = module.parent(call)
        while isinstance(outer, ast.Tuple):  # (id(a), name) as a key
            outer = module.parent(outer)
        if isinstance(outer, ast.Call):
            return isinstance(outer.func, ast.Attribute) and outer.func.attr in self._lookups
        return isinstance(outer, ast.Subscript | ast.Compare | ast.DictComp | ast.SetComp)


class PlaceInOutput:
    """A path of this machine in an output differs on every other machine, a temporary one on every run."""

    id = "place-in-output"
    fix = "a path relative to the project: path.relative_to(root).as_posix()"

    _places = frozenset(
        {"os.getcwd", "os.path.abspath", "os.path.realpath", "os.path.expanduser", "pathlib.Path.cwd", "pathlib.Path.home",
         "tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.gettempdir", "tempfile.mktemp"}
    )  # fmt: skip
    _texts = frozenset({"str", "os.fspath", "os.path.join", "pathlib.Path", "repr"})
    _outputs = frozenset(
        {
            "json.dump",
            "json.dumps",
            "yaml.dump",
            "yaml.safe_dump",
            "mlops_kit.write",
            "mlops_kit.canonical_json",
        }
    )
    _methods = frozenset({"write", "write_text", "writerow", "writelines"})

    def find(self, module: Module) -> Iterator[ast.expr]:
        """Yield places that become a value of a dict, or that are written as text."""
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.expr) or not self._is_place(module, node):
                continue
            uses: list[ast.expr] = list(module.uses_of(node))
            if self._goes_out(module, node) or any(self._goes_out(module, use) for use in uses):
                yield node

    def _is_place(self, module: Module, node: ast.expr) -> bool:
        if isinstance(node, ast.Call):
            if (
                isinstance(node.func, ast.Attribute)
                and node.func.attr in ("absolute", "resolve")
                and not node.args
            ):
                return self._is_path(module, node.func.value)
            return module.name_of(node.func) in self._places
        return isinstance(node, ast.Name) and node.id == "__file__" and isinstance(node.ctx, ast.Load)

    def _is_path(self, module: Module, node: ast.expr) -> bool:
        """Return whether an expression is a path: made by pathlib, joined with `/`, or called one."""
        made = module.value_of(node)
        if isinstance(made, ast.BinOp):
            return isinstance(made.op, ast.Div)
        if isinstance(made, ast.Call):
            return module.name_of(made.func).startswith("pathlib.")
        return isinstance(made, ast.Name) and any(
            word in made.id.lower() for word in ("path", "folder", "dir", "root", "file")
        )

    def _goes_out(self, module: Module, node: ast.expr) -> bool:
        for child, outer in module.climb(node):
            if isinstance(outer, ast.Call):
                name = module.name_of(outer.func)
                method = outer.func.attr if isinstance(outer.func, ast.Attribute) else ""
                if child is outer.func or name in self._texts:
                    continue
                return name in self._outputs or (method in self._methods and child is not outer.func)
            if isinstance(outer, ast.Dict):
                return child in outer.values and not self._is_environment(module, outer)
            if isinstance(outer, ast.Attribute) and outer.attr in (
                "name",
                "stem",
                "suffix",
                "relative_to",
                "exists",
                "is_file",
                "is_dir",
            ):
                return False
            if not isinstance(
                outer, ast.BinOp | ast.JoinedStr | ast.FormattedValue | ast.Attribute | ast.List | ast.Tuple
            ):
                return False
        return False

    def _is_environment(self, module: Module, node: ast.Dict) -> bool:
        outer = module.parent(node)
        return isinstance(outer, ast.keyword) and outer.arg in ("env", "environ")
