"""All rows that differ as one Parquet file: what a patch is to a text.

The column `change` says `removed` and `added`, and for rows of the same key `before` and `after`. Taking away all rows that are `removed` or
`before` from the base and adding those that are `added` or `after` gives the head (as a set with copies; order is not kept). Columns
that only one side has are there too, in the type of their side. Columns marked `pii` are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlops_kit.artifacts.canonical.parquet import stream_arrow
from mlops_kit.artifacts.duck import Duck, quoted
from mlops_kit.data.diff.alignment import Pair, lone_pairs
from mlops_kit.data.diff.cancel import Leftover, cancel
from mlops_kit.data.diff.pairing import pair_rows
from mlops_kit.data.diff.reading import Relation
from mlops_kit.data.diff.table import DiffOptions


def write_patch(
    duck: Duck,
    old: Relation,
    new: Relation,
    pairs: Sequence[Pair],
    key: Sequence[str],
    options: DiffOptions,
    *,
    done: Leftover,
) -> None:
    """Write all rows that differ to `options.rows`, ordered by key; equal inputs give equal bytes.

    `done` is what has been cancelled; it is cancelled anew where the columns are others.
    """
    assert options.rows is not None
    both = [pair for pair in (*pairs, *lone_pairs(old, new)) if pair.name not in options.hidden]
    if done.spelled or tuple(both) != done.pairs:
        done = cancel(duck, both, old.sql, new.sql)
    left = done
    names = [name for name in key if name not in options.hidden]
    columns = ", ".join(f"v{i} AS {quoted(pair.name)}" for i, pair in enumerate(left.pairs))
    numbers = {pair.name: i for i, pair in enumerate(left.pairs)}
    order = [f"v{numbers[name]}" for name in names]
    label = _free_name([pair.name for pair in left.pairs])
    if names and len(names) == len(key):
        pair_rows(duck, left, names)
        sides = {side: ", ".join(f"{side}{i} AS v{i}" for i in range(len(both))) for side in "on"}
        rows = (
            "SELECT *, 'removed' AS change, 0 AS rank FROM only_old UNION ALL BY NAME SELECT *, 'added' AS change, 3 AS rank FROM only_new "
            f"UNION ALL BY NAME SELECT {sides['o']}, 'before' AS change, 1 AS rank FROM changed "
            f"UNION ALL BY NAME SELECT {sides['n']}, 'after' AS change, 2 AS rank FROM changed"
        )
    else:
        rows = "SELECT *, 'removed' AS change, 0 AS rank FROM gone UNION ALL BY NAME SELECT *, 'added' AS change, 3 AS rank FROM came"
    everything = ", ".join([*order, "rank", *(f"v{i}" for i in range(len(both)))])
    reader = duck.stream(
        f"SELECT change AS {quoted(label)}, {columns} FROM ({rows}) ORDER BY {everything}"
    ).open()
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    fresh = options.rows.with_name(f".{options.rows.name}.new")
    try:
        stream_arrow(reader, reader.schema, fresh)
        fresh.replace(options.rows)
    finally:
        fresh.unlink(missing_ok=True)


def _free_name(names: Sequence[str]) -> str:
    taken = {name.lower() for name in names}
    label = "change"
    while label in taken:
        label += "_"
    return label
