"""pickle and joblib files whose bytes depend on the value alone, not on the process that wrote them.

Pickle remembers objects by their address in memory, so equal values differ in bytes when one process shares a text that another has
twice; a set comes in the order of the hash seed; scikit-learn's vectorizers keep `id(stop_words)` as a number, and its histogram
gradient boosting the number of threads. Here texts are shared by value, values without identity (tuples, numbers of NumPy, dates) are
never shared, sets are ordered, arrays lose what lies between their fields, and what the two estimators remember of the process is left
out. Loaded with `pickle.load` and `joblib.load` as always. Prefer a format that holds data only: a pickle runs code when it is loaded.

A dict keeps its order, which is part of its value. So are lists and objects that occur twice: `[a, a]` is not `[a, a.copy()]`.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import io
import pathlib
import pickle
import re
import sys
import types
import uuid
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from mlops_kit.artifacts.canonical.arrays import clear_padding
from mlops_kit.errors import BadDataError

# The default of Python 3.8 to 3.13; the default of the running Python would make bytes depend on it.
PROTOCOL = 4

# Below this no object lives. Only attributes of objects are looked at: among millions of numbers in a list one may equal an address.
LOWEST_ADDRESS = 1 << 20

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

# Values that have no identity of their own: whether two of them are one object is an accident of the process.
VALUES: tuple[type, ...] = (
    tuple, frozenset, complex, range, slice, decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath,
    dt.date, dt.time, dt.timedelta, dt.timezone,
)  # fmt: skip


def pickle_bytes(value: object) -> bytes:
    """Return `value` as a pickle of protocol 4.

    Raises BadDataError for what cannot be pickled, and for an object that keeps a memory address as a number.
    """
    buffer = io.BytesIO()
    _dump(CanonicalPickler(buffer, protocol=PROTOCOL), value)
    return buffer.getvalue()


def joblib_bytes(value: object, *, compress: int = 0) -> bytes:
    """Return `value` as a joblib file, with zlib of the level `compress` (0 none, to 9). Raises BadDataError as pickle_bytes does."""
    buffer = io.BytesIO()
    _dump(_joblib_pickler()(buffer, protocol=PROTOCOL), value)
    return zlib.compress(buffer.getvalue(), compress) if compress else buffer.getvalue()


class _CanonicalMixin:
    """What both picklers do differently from their base class, pickle's in Python (the one in C has no such openings).

    Types are ignored where that class, which only joins later, is called or, as in `pickle._Pickler`, is not in the type stubs.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._texts: dict[tuple[type, object], object] = {}
        self._arrays: dict[int, tuple[object, object]] = {}
        self._seen: set[int] = set()
        self._numbers: dict[int, str] = {}
        numpy: Any = sys.modules.get("numpy")
        self._ndarray: Any = numpy.ndarray if numpy else None
        self._values = (*VALUES, numpy.generic, numpy.dtype) if numpy else VALUES

    def save(self, obj: Any, *rest: Any) -> Any:
        """Write one object: a text as the first equal one, an array without what lies between its fields."""
        kind = type(obj)
        if kind is not int:
            self._seen.add(id(obj))
            if kind is str or kind is bytes:
                obj = self._texts.setdefault((kind, obj), obj)
            elif kind is self._ndarray and obj.dtype.hasobject:
                return pickle._Pickler.save(self, obj, *rest)  # type: ignore[attr-defined] # noqa: SLF001 - joblib's would use the pickler in C
            elif kind is self._ndarray and obj.dtype.fields:
                obj = self._arrays.setdefault(id(obj), (obj, clear_padding(obj)))[1]
        return super().save(obj, *rest)  # type: ignore[misc]

    def memoize(self, obj: Any) -> None:
        """Remember an object that has an identity."""
        if not isinstance(obj, self._values):
            super().memoize(obj)  # type: ignore[misc]

    def reducer_override(self, obj: Any) -> Any:
        """Return how to make sets, frames and arrays again, in an order and a layout that the process does not choose."""
        if isinstance(obj, set | frozenset):
            made: Any = obj.__reduce_ex__(PROTOCOL)
            arguments = tuple(_ordered(a) if isinstance(a, list) else a for a in made[1])
            return (made[0], arguments, *made[2:])
        if type(obj) is self._ndarray:
            laid_out = obj.flags.c_contiguous or obj.flags.f_contiguous
            return (obj if laid_out else obj.copy(order="C")).__reduce_ex__(PROTOCOL)
        if _is_frame(obj):
            return _laid_out(obj).__reduce_ex__(PROTOCOL)
        return NotImplemented

    def save_reduce(self, func: Any, args: Any, state: Any = None, *rest: Any, obj: Any = None) -> Any:
        """Write an object without what it remembers of the process, and note the numbers that it keeps."""
        if type(state) is dict and obj is not None:
            state = _without_traces(obj, state)
            for name, value in state.items():
                if type(value) is int and value >= LOWEST_ADDRESS:
                    self._numbers[value] = f"`{name}` of a {type(obj).__name__}"
        return super().save_reduce(func, args, state, *rest, obj=obj)  # type: ignore[misc]

    def kept_addresses(self) -> list[str]:
        """Return which of the written numbers are addresses of written objects."""
        return sorted(where for number, where in self._numbers.items() if number in self._seen)


class CanonicalPickler(_CanonicalMixin, pickle._Pickler):  # noqa: SLF001 - pickle's class for subclasses in Python
    """A pickler that writes equal bytes for equal values."""


def _joblib_pickler() -> Any:
    from joblib.numpy_pickle import NumpyPickler

    class CanonicalNumpyPickler(_CanonicalMixin, NumpyPickler):  # type: ignore[misc]
        """The same for joblib's format, in which arrays follow the pickle as plain memory."""

    return CanonicalNumpyPickler


def _dump(pickler: Any, value: object) -> None:
    try:
        pickler.dump(value)
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError) as error:
        raise BadDataError(
            f"this {type(value).__name__} cannot be pickled: {_ADDRESS.sub('', str(error))}",
            fix="keep functions at the top of a module, and open files, locks and connections out of the value",
        ) from error
    kept = pickler.kept_addresses()
    if kept:
        raise BadDataError(
            f"{', '.join(kept)} is the address of an object in memory, which differs on every run",
            fix="delete the attribute before writing, or leave it out in __getstate__",
        )


def _ordered(items: Iterable[Any]) -> list[Any]:
    found = list(items)
    if len(found) < 2:
        return found
    if len({type(item) for item in found}) == 1 and isinstance(found[0], str | bytes | int):
        return sorted(found)
    return sorted(found, key=pickle_bytes)


def _without_traces(obj: object, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return an estimator's state without what scikit-learn (1.5 to 1.9) keeps of the process that fitted it.

    Neither is used for predictions: without `_stop_words_id` stop words are checked once more, and threads are set anew.
    """
    kept = dict(state)
    if type(obj).__module__.startswith("sklearn."):
        kept.pop("_stop_words_id", None)
        if type(obj).__name__ == "_BinMapper" and "n_threads" in kept:
            kept["n_threads"] = 1
    return kept


def _laid_out(frame: Any) -> Any:
    """Return an equal frame with a block of memory for each column, however its columns came together."""
    import pandas as pd

    if frame.ndim == 1 or not frame.shape[1]:
        return frame.copy()
    made = pd.concat([frame.iloc[:, position] for position in range(frame.shape[1])], axis=1)
    made.columns, made.attrs = frame.columns, frame.attrs
    return made


def _is_frame(obj: Any) -> bool:
    pandas: types.ModuleType | None = sys.modules.get("pandas")
    return pandas is not None and type(obj) in (pandas.DataFrame, pandas.Series)
