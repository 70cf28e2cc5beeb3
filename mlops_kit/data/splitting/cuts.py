"""Where one set ends and the next begins: exact order statistics of columns of any length, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_kit.artifacts.duck import Duck

BUCKETS = 1024


def nth_smallest(duck: Duck, relation: str, ranks: Mapping[str, int]) -> dict[str, int]:
    """Return for each stratum its place of rank `ranks[stratum]`, 0 for the smallest.

    `relation` is SQL that stands after FROM and has the columns `stratum` (text) and `place` (integer). Counts places in equal buckets and
    looks into the bucket that holds the rank, until a bucket is one value: a few passes, exact, without sorting. A rank must be below the
    number of rows of its stratum.
    """
    lowest, highest = duck.run(f"SELECT min(place), max(place) FROM {relation}").fetchone() or (0, 0)
    starts = dict.fromkeys(ranks, int(lowest or 0))
    left = dict(ranks)
    span = int(highest or 0) - int(lowest or 0) + 1
    while span > 1:
        width = -(-span // BUCKETS)
        counts = _counts(duck, relation, starts, width, span)
        for stratum, buckets in counts.items():
            for bucket in sorted(buckets):
                if left[stratum] < buckets[bucket]:
                    starts[stratum] += bucket * width
                    break
                left[stratum] -= buckets[bucket]
        span = width
    return starts


def _counts(
    duck: Duck, relation: str, starts: Mapping[str, int], width: int, span: int
) -> dict[str, dict[int, int]]:
    """Return stratum -> bucket -> number of places, of those in the `span` that begins at each start."""
    duck.run("CREATE OR REPLACE TEMP TABLE starts (stratum VARCHAR, low BIGINT)")
    duck.connection.executemany("INSERT INTO starts VALUES (?, ?)", [list(pair) for pair in starts.items()])
    found: dict[str, dict[int, int]] = {stratum: {} for stratum in starts}
    rows = duck.run(
        f"SELECT s.stratum, (r.place - s.low) // {width} AS bucket, count(*) FROM {relation} r JOIN starts s USING (stratum) "
        f"WHERE r.place >= s.low AND r.place - s.low < {span} GROUP BY ALL"
    ).fetchall()
    for stratum, bucket, count in rows:
        found[stratum][int(bucket)] = int(count)
    return found
