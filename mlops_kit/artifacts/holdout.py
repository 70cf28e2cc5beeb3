"""Rows of the training set that a second fit is measured on, so that models can be compared without the test set."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_kit.spec.model import Task


def holdout_rows(rows: pd.DataFrame, task: Task, share: float) -> np.ndarray[Any, Any]:
    """Return which `rows` (true or false for each) are held out: about `share` of them, 0 to 1; none when it is 0.

    With a time column the newest ones, as the test set is newer too; else by a hash of the group, so that no group is on both sides,
    else of the key. New rows never move old ones from one side to the other where it goes by a hash.
    """
    import numpy as np

    if share <= 0 or rows.empty:
        return np.zeros(len(rows), dtype=bool)
    if task.time:
        moments = rows[task.time]
        cut = moments.sort_values(kind="stable").iloc[min(int(len(rows) * (1 - share)), len(rows) - 1)]
        newest: np.ndarray[Any, Any] = (moments >= cut).to_numpy()
        return newest
    names = [task.group] if task.group else list(task.key)
    limit = int(share * 2**64)
    texts = zip(*(rows[name].astype(str) for name in names), strict=True)
    return np.array([_digest("\x1f".join(text)) < limit for text in texts])


def _digest(text: str) -> int:
    # A person of its own: by the digest of the split, the low ones are all in the test set already.
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, person=b"holdout").digest(), "big")
