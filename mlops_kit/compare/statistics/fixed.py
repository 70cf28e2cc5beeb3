"""Sums that do not depend on the order of their terms.

Floating point addition is not associative: the same rows in another order, or split over another number of threads, give other last
bits. Numbers that are multiples of one power of two, coarse enough that no partial sum leaves 53 bits, add up exactly in any order.
The rounding this needs is a relative error of 1e-10 of the largest value at a million rows.
"""

from __future__ import annotations

from math import ceil, isfinite, log2
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MANTISSA = 52


def to_fixed(values: Array, terms: int | None = None) -> Array:
    """Return `values` rounded so that any sum of `terms` of them (as many as there are, if unset) is exact.

    An array of rows x columns is rounded column by column.
    """
    import numpy as np

    if values.ndim == 2:
        return np.array([to_fixed(column, terms or len(values)) for column in values.T]).T
    largest = float(abs(values).max(initial=0.0))
    if largest == 0.0 or not isfinite(largest):
        return values.astype(np.float64)
    step = 2.0 ** (ceil(log2(largest) + log2(terms or len(values))) - MANTISSA)
    if not (step > 0.0 and isfinite(largest / step)):
        return values.astype(np.float64)
    fixed: Array = np.rint(values / step) * step
    return fixed


def exact_sum(values: Array) -> float:
    """Return the sum of `values`, the same bits in any order."""
    return float(to_fixed(values).sum())


def exact_mean(values: Array) -> float:
    """Return the mean of `values`, the same bits in any order."""
    return exact_sum(values) / len(values)


def sum_groups(values: Array, codes: Array | None, groups: int) -> Array:
    """Return the sum of `values` in each group, `codes` being the rows' group numbers; the values themselves without groups."""
    import numpy as np

    return values if codes is None else np.bincount(codes, weights=to_fixed(values), minlength=groups)
