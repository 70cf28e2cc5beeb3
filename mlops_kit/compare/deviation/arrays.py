"""Arrays of numbers: npy and npz files, and the tensors of models."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from mlops_kit.compare.deviation.content import MOST_BYTES, Content, read_bounded
from mlops_kit.compare.deviation.findings import Findings, TooMuchError, show
from mlops_kit.compare.deviation.model import Level

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_PART = 2**20


@dataclass
class Tensor:
    """An array that is read when it is compared."""

    load: Callable[[], Any]
    """Returns the numpy array."""


def compare_tensors(old: Tensor, new: Tensor, place: str, found: Findings) -> None:
    """Compare two arrays: type, shape, then the values in parts of a million."""
    compare_arrays(old.load(), new.load(), place, found)


def compare_arrays(one: Array, other: Array, place: str, found: Findings) -> None:
    """Compare two numpy arrays, and say how many values differ, by how much at most, and where first."""
    import numpy as np

    if one.shape != other.shape:
        found.change(f"{place}, shape", one.shape, other.shape)
        return
    if one.dtype != other.dtype:
        found.change(f"{place}, type of numbers", str(one.dtype), str(other.dtype))
        if one.dtype.kind != other.dtype.kind:
            return
    if one.shape == () and one.dtype.kind in "fiub":
        found.number(place, one.item(), other.item())
        return
    if one.dtype.names and one.dtype.names == other.dtype.names:
        for name in one.dtype.names:
            compare_arrays(one[name], other[name], f"{place}.{name}", found)
        return
    flat = (one.reshape(-1), other.reshape(-1))
    count, first, summary = 0, -1, _Summary()
    for start in range(0, flat[0].size, _PART):
        a, b = flat[0][start : start + _PART], flat[1][start : start + _PART]
        differ = a != b
        if a.dtype.kind in "fc":
            differ &= ~(np.isnan(a) & np.isnan(b))
        if not differ.any():
            continue
        first = start + int(differ.argmax()) if first < 0 else first
        count += int(differ.sum())
        if a.dtype.kind in "fciub":
            summary.add(a[differ], b[differ], found)
    if count:
        where = ", ".join(str(index) for index in np.unravel_index(first, one.shape))
        example = f"[{where}] {show(flat[0][first].item())} -> {show(flat[1][first].item())}"
        shape = "x".join(str(size) for size in one.shape) or "one"
        found.say(f"{place} ({shape} values): {count:,} differ{summary}; first {example}", summary.level)


class _Summary:
    """How far differing numbers are apart."""

    def __init__(self) -> None:
        self.level = Level.EQUAL
        self._absolute = 0.0
        self._seen = False

    def add(self, old: Array, new: Array, found: Findings) -> None:
        import numpy as np

        wide = np.complex128 if old.dtype.kind == "c" else np.float64
        a, b = old.astype(wide), new.astype(wide)
        with np.errstate(all="ignore"):
            finite = np.isfinite(a) & np.isfinite(b)
            absolute, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
            relative = np.divide(absolute, size, out=np.zeros(len(size)), where=finite & (size > 0))
        relative[absolute <= found.tolerance.absolute] = 0.0
        self._seen = True
        self._absolute = max(self._absolute, float(absolute[finite].max(initial=0.0)))
        found.measure(float(relative.max(initial=0.0)))
        if not finite.all() or (relative > found.tolerance.relative).any():
            self.level = Level.DIFFERENT

    def __str__(self) -> str:
        if not self._seen:
            self.level = Level.DIFFERENT
            return ""
        return f", by at most {self._absolute:.3g}"


def read_tensor(file: BinaryIO, *, size: int) -> Tensor:
    """Return the array of an open npy file without running what it may hold; of an array of objects its pickled bytes.

    `size` bounds the bytes that its header may promise.
    """
    import numpy as np

    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = reader(file)
    if dtype.hasobject:
        payload = read_bounded(file)
        return Tensor(lambda: np.frombuffer(payload, np.uint8))
    promised = math.prod(shape) * dtype.itemsize
    if promised > size:
        raise ValueError(f"its header promises {promised:,} bytes, it has {size:,}")
    data = file.read(promised)
    array = np.frombuffer(data, dtype, count=math.prod(shape)).reshape(shape, order="F" if fortran else "C")
    return Tensor(lambda: array)


def explain_npy(old: Content, new: Content, found: Findings) -> None:
    """Compare two npy files; files on disk are mapped, not read."""
    arrays = (_map(old), _map(new))
    compare_tensors(*arrays, "array", found)
    if found.level is Level.EQUAL and not found.count:
        found.say("the same values, other layout or header")


def _map(content: Content) -> Tensor:
    import numpy as np

    if content.path is not None:
        try:
            mapped = np.load(content.path, mmap_mode="r", allow_pickle=False)
        except ValueError as error:
            if "object" not in str(error).lower():
                raise
        else:
            return Tensor(lambda: mapped)
    if content.size > MOST_BYTES:
        raise TooMuchError(f"more than {MOST_BYTES // 2**20:,} MiB")
    data = content.read()
    return read_tensor(io.BytesIO(data), size=len(data))
