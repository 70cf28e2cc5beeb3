"""NumPy arrays as npy and npz files whose bytes depend on type, shape and values alone.

`numpy.savez` dates its members with the time of writing (on NumPy before 2) and both writers keep what an equal array may lack: the
order of memory, and whatever stands between the fields of a structured type. Here arrays are written in C order, padding is zero, and
the zip is canonical. Arrays of Python objects would be pickled, so they are refused.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_kit.artifacts.canonical.archives import zip_bytes
from mlops_kit.errors import BadDataError

if TYPE_CHECKING:
    import numpy as np


def npy_bytes(array: Any) -> bytes:
    """Return an array, or what numpy.asarray makes one of, as an npy file. Raises BadDataError for an array of Python objects."""
    import numpy as np

    if isinstance(array, np.ma.MaskedArray):
        raise BadDataError(
            "a masked array would lose its mask",
            fix="write array.filled(...), or data and mask by name as npz",
        )
    made = np.asarray(array)
    if made.dtype.hasobject:
        raise BadDataError(
            f"an array of Python objects ({made.dtype}) cannot be written as npy",
            fix='give it a type of its own, such as array.astype(str), or write a table: write("x.parquet", ...)',
        )
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(clear_padding(made)).reshape(made.shape), allow_pickle=False)
    return buffer.getvalue()


def npz_bytes(arrays: Mapping[str, Any]) -> bytes:
    """Return arrays by name as a compressed npz file, in the order of the names. Raises BadDataError as npy_bytes does."""
    if not isinstance(arrays, Mapping):
        raise BadDataError(
            f"npz takes a mapping of names to arrays, not a {type(arrays).__name__}", fix="write it as npy"
        )
    return zip_bytes({f"{name}.npy": npy_bytes(array) for name, array in arrays.items()})


def clear_padding(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a structured array with zeros between its fields, where memory holds whatever was there; any other array as it is."""
    import numpy as np

    fields = array.dtype.fields
    if not fields or array.dtype.hasobject:
        return array
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names or ():
        clean[name] = clear_padding(array[name])
    return clean
