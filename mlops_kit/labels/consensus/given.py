"""The votes that make a consensus, with their weights, and the answers that stand above votes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_kit.artifacts.duck import Duck
from mlops_kit.labels.consensus.model import ConsensusOptions
from mlops_kit.labels.events.counting import Votes

if TYPE_CHECKING:
    import pyarrow as pa

NEWEST = """(coalesce("time", TIMESTAMP '1970-01-01'), id)"""
"""SQL of what says which vote is the newest; one that a function computed has no time, and is older than all others."""
UNIT = 1_000_000
"""Weight of a vote of trust 1; trust counts in millionths, because sums of whole numbers do not depend on their order."""
TERM = 1_000_000_000_000
"""Terms of an entropy are added as whole trillionths, for the same reason."""


def give_votes(votes: Votes, options: ConsensusOptions) -> None:
    """Make the view `given` of the votes that have a value and count: `item`, `annotator`, `value`, `weight`, `time`, `id`."""
    weight = f"CAST(round(trust * {UNIT}) AS BIGINT)" if options.method == "weighted" else f"{UNIT}::BIGINT"
    votes.duck.run(
        f'CREATE OR REPLACE TEMP VIEW given AS SELECT item, annotator, value, {weight} AS weight, "time", id '
        f"FROM {votes.table} WHERE role = 'vote' AND value IS NOT NULL"
    )


def known_answers(votes: Votes) -> str:
    """Return SQL of the answers that decide an item, adjudicated or gold, the newest by (time, id): `item`, `value`, `role`, `last`."""
    return (
        f'SELECT item, max_by(value, ("time", id)) AS value, max_by(role, ("time", id)) AS role, max("time") AS last '
        f"FROM {votes.table} WHERE role <> 'vote' AND value IS NOT NULL GROUP BY item"
    )


def take_newest(duck: Duck, table: str) -> None:
    """Put the newest of the `given` votes in place of the values of `table`, with the share of votes that say the same."""
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE {table} AS SELECT old.* REPLACE (newest.value AS value, newest.share AS probability) FROM {table} AS old JOIN (
        SELECT item, any_value(one) AS value, count(*) FILTER (given.value = one) / count(*) AS share
        FROM given JOIN (SELECT item, max_by(value, {NEWEST}) AS one FROM given GROUP BY item) USING (item) GROUP BY item) AS newest USING (item)"""
    )


def binary_entropy(share: str) -> str:
    """Return SQL of the entropy of a yes that has this `share`, in bits: 0 when all agree, 1 for two halves."""
    return (
        f"(CASE WHEN {share} <= 0 OR {share} >= 1 THEN 0.0 ELSE "
        f"-({share} * log2({share}) + (1 - {share}) * log2(1 - {share})) END)"
    )


def keep(duck: Duck, name: str, table: pa.Table) -> None:
    """Make `table` a table of the database."""
    duck.connection.register(f"{name}_arrow", table)
    duck.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {name}_arrow")
    duck.connection.unregister(f"{name}_arrow")
