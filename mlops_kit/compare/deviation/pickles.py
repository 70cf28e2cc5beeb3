"""Pickle and joblib files, taken apart opcode by opcode and never executed.

`pickletools.genops` reads one opcode at a time. Here each is answered as the pickle machine would, except that a global stays a
name and a call stays a record of the name and its arguments: nothing is imported and nothing runs.
"""

from __future__ import annotations

import io
import math
import pickletools
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from mlops_kit.compare.deviation.archives import decompress
from mlops_kit.compare.deviation.arrays import Tensor
from mlops_kit.compare.deviation.content import MOST_BYTES, Content
from mlops_kit.compare.deviation.findings import Findings, TooMuchError
from mlops_kit.compare.deviation.trees import Bag, TreeComparison, Typed

MOST_OPCODES = 20_000_000
_JOBLIB_ARRAY = "joblib.numpy_pickle.NumpyArrayWrapper"
_PLAIN = frozenset("biufcUS")


def explain_pickle(old: Content, new: Content, found: Findings) -> None:
    """Compare two pickle or joblib files part by part, without running them."""
    TreeComparison(found, root="object").compare(_read(old), _read(new))
    if not found.count:
        found.say("the same parts, other memo, framing or protocol")


def _read(content: Content) -> Any:
    return disassemble(io.BytesIO(decompress(content)))


def disassemble(file: BinaryIO) -> Any:
    """Return the value that the next pickle in `file` describes, as plain values, `Typed`, `Bag` and `Tensor`.

    Raises ValueError for what is no whole pickle, TooMuchError for one that is too large.
    """
    return _Machine(file).run()


class _Mark:
    """Marks a place on the stack."""


class _Machine:
    """A pickle machine without imports and calls."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(self._file)):
            if count > MOST_OPCODES:
                raise TooMuchError(f"more than {MOST_OPCODES:,} opcodes")
            handler = _HANDLERS.get(opcode.name)
            if handler is not None:
                handler(self, argument)
            elif opcode.name not in ("PROTO", "FRAME", "STOP", "READONLY_BUFFER"):
                self._stack.append(argument)
        return self._stack[-1]

    def _to_mark(self) -> list[Any]:
        items = []
        while not isinstance(item := self._stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def mark(self, _: Any) -> None:
        self._stack.append(_Mark())

    def pop(self, _: Any) -> None:
        self._stack.pop()

    def pop_mark(self, _: Any) -> None:
        self._to_mark()

    def dup(self, _: Any) -> None:
        self._stack.append(self._stack[-1])

    def put(self, place: Any) -> None:
        self._memo[len(self._memo) if place is None else place] = self._stack[-1]

    def get(self, place: Any) -> None:
        self._stack.append(self._memo[place])

    def make(self, value: Callable[[], Any]) -> None:
        self._stack.append(value())

    def marked(self, kind: Callable[[list[Any]], Any]) -> None:
        self._stack.append(kind(self._to_mark()))

    def top(self, count: int) -> None:
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(items)

    def append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Bag):
            target.items.extend(items)
        elif isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Typed):
            target.parts.setdefault("items", []).extend(items)
        else:
            raise ValueError("items are added to what takes none")  # noqa: TRY004 - damaged data, not a wrong argument

    def set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        pairs = dict(_pairs(items))
        if isinstance(target, dict):
            target.update(pairs)
        elif isinstance(target, Typed):
            target.parts.setdefault("entries", {}).update(pairs)
        else:
            raise ValueError("entries are added to what takes none")  # noqa: TRY004 - damaged data

    def global_(self, name: str) -> None:
        self._stack.append(Typed("name " + name.replace(" ", ".")))

    def stack_global(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(Typed(f"name {module}.{name}"))

    def call(self, function: Any, arguments: Any, named: Any = None) -> None:
        self._stack.append(_called(function, arguments, named))

    def reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self.call(function, arguments)

    def new_ex(self, _: Any) -> None:
        named, arguments, function = self._stack.pop(), self._stack.pop(), self._stack.pop()
        self.call(function, arguments, named)

    def inst(self, name: str) -> None:
        self.call(Typed("name " + name.replace(" ", ".")), tuple(self._to_mark()))

    def obj(self, _: Any) -> None:
        function, *arguments = self._to_mark()
        self.call(function, tuple(arguments))

    def build(self, _: Any) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if not isinstance(target, Typed):
            raise ValueError("a state is given to what has none")  # noqa: TRY004 - damaged data
        if target.type == _JOBLIB_ARRAY and isinstance(state, dict):
            self._replace(target, self._joblib_array(state))
        elif target.type.endswith("multiarray._reconstruct") and isinstance(state, tuple) and len(state) == 5:
            self._replace(target, _tensor(state[1], state[2], state[4], fortran=bool(state[3])))
        elif isinstance(state, dict):
            target.parts.update(state)
        elif isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            target.parts.update(state[1], state=state[0])
        else:
            target.parts["state"] = state

    def _replace(self, target: Typed, value: Any) -> None:
        """Put `value` where `target` is: on the stack and in the memo, as later opcodes refer to it."""
        self._stack[-1] = value
        for place in [place for place, one in self._memo.items() if one is target]:
            self._memo[place] = value

    def _joblib_array(self, state: dict[Any, Any]) -> Any:
        """Read the raw array that joblib puts right behind its description."""
        dtype = _dtype(state["dtype"])
        shape = tuple(state["shape"])
        if dtype is None:
            return disassemble(self._file)  # an array of objects follows as a pickle of its own
        if state.get("numpy_array_alignment_bytes") is not None:
            (padding,) = self._file.read(1)
            self._file.read(padding)
        size = math.prod(shape) * dtype.itemsize
        if size > MOST_BYTES:
            raise TooMuchError(f"more than {MOST_BYTES // 2**20:,} MiB")
        return _tensor(shape, state["dtype"], self._file.read(size), fortran=state.get("order") == "F")


def _called(function: Any, arguments: Any, named: Any) -> Any:
    name = function.type.removeprefix("name ") if isinstance(function, Typed) else repr(type(function))
    values = list(arguments) if isinstance(arguments, tuple) else [arguments]
    if name in ("copyreg._reconstructor", "copy_reg._reconstructor", "copyreg.__newobj__") and values:
        return _called(values[0], tuple(values[3:]), None)
    if name in ("builtins.set", "builtins.frozenset", "__builtin__.set", "__builtin__.frozenset") and values:
        return Bag(list(values[0]) if isinstance(values[0], list | tuple) else values)
    if name == "_codecs.encode" and values[1:] == ["latin1"] and isinstance(values[0], str):
        return values[0].encode("latin-1")  # how protocol 2 writes bytes
    if name.endswith("numeric._frombuffer") and len(values) == 4:
        return _tensor(values[2], values[1], values[0], fortran=values[3] == "F")
    if name.endswith("multiarray.scalar") and len(values) == 2:
        return _tensor((), values[0], values[1], fortran=False)
    parts = {f"argument {number}": value for number, value in enumerate(values, 1)}
    return Typed(name, {**parts, **(named if isinstance(named, dict) else {})})


def _dtype(described: Any) -> Any:
    """Return the numpy type that `described` names, of times as integers; None for objects and for what is no type."""
    import numpy as np

    if not isinstance(described, Typed) or described.type != "numpy.dtype":
        return None
    code = described.parts.get("argument 1")
    if not isinstance(code, str) or not code[1:].isdigit() or code[0] not in _PLAIN | {"V", "M", "m"}:
        return None
    state = described.parts.get("state")
    state = state if isinstance(state, tuple) and len(state) >= 5 else (3, "=", None, None, None)
    if code[0] == "V" and isinstance(state[3], tuple) and isinstance(state[4], dict):
        fields = [state[4][name] for name in state[3]]
        formats = [_dtype(field[0]) for field in fields]
        if any(one is None for one in formats):
            return None
        offsets = [field[1] for field in fields]
        return np.dtype(
            {"names": list(state[3]), "formats": formats, "offsets": offsets, "itemsize": int(code[1:])}
        )
    order = state[1] if state[1] in ("<", ">", "|") else "="
    return np.dtype(order + (f"i{code[1:]}" if code[0] in "Mm" else code))


def _tensor(shape: Any, described: Any, data: Any, *, fortran: bool) -> Any:
    """Return a Tensor of plain numbers; anything else as its parts."""
    import numpy as np

    dtype = _dtype(described)
    if dtype is None or not isinstance(data, bytes | bytearray) or not isinstance(shape, tuple):
        return Typed("array", {"shape": shape, "type": described, "content": data})
    array = np.frombuffer(data, dtype, count=math.prod(shape)).reshape(shape, order="F" if fortran else "C")
    return Tensor(lambda: array)


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return [(_key(key), value) for key, value in zip(items[::2], items[1::2], strict=True)]


def _key(key: Any) -> Any:
    """Return a key that can be hashed, as text where the real one was an object."""
    try:
        hash(key)
    except TypeError:
        return repr(key)[:200]
    return sys.intern(key) if type(key) is str else key


_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.dup,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "NONE": lambda machine, _: machine.make(lambda: None),
    "NEWTRUE": lambda machine, _: machine.make(lambda: True),
    "NEWFALSE": lambda machine, _: machine.make(lambda: False),
    "EMPTY_LIST": lambda machine, _: machine.make(list),
    "EMPTY_DICT": lambda machine, _: machine.make(dict),
    "EMPTY_TUPLE": lambda machine, _: machine.make(tuple),
    "EMPTY_SET": lambda machine, _: machine.make(Bag),
    "LIST": lambda machine, _: machine.marked(list),
    "TUPLE": lambda machine, _: machine.marked(tuple),
    "DICT": lambda machine, _: machine.marked(lambda items: dict(_pairs(items))),
    "FROZENSET": lambda machine, _: machine.marked(Bag),
    "TUPLE1": lambda machine, _: machine.top(1),
    "TUPLE2": lambda machine, _: machine.top(2),
    "TUPLE3": lambda machine, _: machine.top(3),
    "APPEND": lambda machine, _: machine.append([machine._stack.pop()]),  # noqa: SLF001 - its own table
    "APPENDS": lambda machine, _: machine.append(machine._to_mark()),  # noqa: SLF001
    "ADDITEMS": lambda machine, _: machine.append(machine._to_mark()),  # noqa: SLF001
    "SETITEM": lambda machine, _: machine.set_items([machine._stack.pop(), machine._stack.pop()][::-1]),  # noqa: SLF001
    "SETITEMS": lambda machine, _: machine.set_items(machine._to_mark()),  # noqa: SLF001
    "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.reduce,
    "NEWOBJ_EX": _Machine.new_ex,
    "INST": _Machine.inst,
    "OBJ": _Machine.obj,
    "BUILD": _Machine.build,
    "PERSID": lambda machine, name: machine.make(lambda: Typed("outside", {"id": name})),
    "BINPERSID": lambda machine, _: machine.make(lambda: Typed("outside", {"id": machine._stack.pop()})),  # noqa: SLF001
}  # fmt: skip
