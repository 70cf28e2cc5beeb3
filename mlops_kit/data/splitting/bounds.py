"""Which place belongs to which set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlops_kit.artifacts.duck import literal, quoted
from mlops_kit.data.splitting.cuts import nth_smallest
from mlops_kit.data.splitting.joined import PLACE, STRATUM, JoinedRows
from mlops_kit.data.splitting.places import PLACES
from mlops_kit.errors import BadDataError

MOST_STRATA = 200


@dataclass(frozen=True)
class Bounds:
    """Stratum -> the place at which a set ends (exclusive); with `newest` at which it begins. The test set goes first."""

    test: Mapping[str, int]
    """Of the test set."""
    validation: Mapping[str, int]
    """Of the validation set, which is next to the test set; empty for none."""
    newest: bool = False
    """Whether the highest places are the test set, as for times."""

    def sql(self, target: str) -> str:
        """Return SQL that names the set of a row: `test`, `validation`, `train`, missing for rows without a `target`."""
        place, sign = quoted(PLACE), ">=" if self.newest else "<"
        cases = [
            f"WHEN {quoted(STRATUM)} = {literal(stratum)} AND {place} {sign} {bound} THEN '{part}'"
            for part, bounds in (("test", self.test), ("validation", self.validation))
            for stratum, bound in bounds.items()
        ]
        return f"(CASE WHEN {quoted(target)} IS NULL THEN NULL {' '.join(cases)} ELSE 'train' END)"


def newest_bounds(rows: JoinedRows, test: float, validation: float, moment: int | None) -> Bounds:
    """Return bounds of the newest rows: shares of the labelled rows, the test set from `moment` on if that is given."""
    count = rows.labelled
    cut = moment
    if cut is None:
        cut = nth_smallest(rows.duck, rows.known, {"": int(count * (1 - test))})[""] if count else 0
    older = {}
    (before,) = rows.numbers(f"SELECT count(*) FROM {rows.known} WHERE place < {cut}")
    if validation and before:
        rank = max(0, before - max(1, int(count * validation)))
        older = nth_smallest(rows.duck, rows.known, {"": rank})
    return Bounds({"": cut}, older, newest=True)


def even_bounds(shares: tuple[float, float]) -> Bounds:
    """Return bounds of shares (test, validation) of all places: what decides about a row is nothing but its own place."""
    test, validation = shares
    ends = {"": int((test + validation) * PLACES)} if validation else {}
    return Bounds({"": int(test * PLACES)}, ends)


def exact_bounds(rows: JoinedRows, relation: str, shares: tuple[float, float]) -> Bounds:
    """Return bounds that give each stratum of `relation` (SQL with `stratum` and `place`) its shares, to the next whole row.

    Raises BadDataError for more strata than a column with few values has.
    """
    found = rows.duck.run(
        f"SELECT stratum, count(*) FROM {relation} GROUP BY stratum ORDER BY stratum LIMIT {MOST_STRATA + 1}"
    ).fetchall()
    if len(found) > MOST_STRATA:
        raise BadDataError(
            f"the column to stratify by has more than {MOST_STRATA} values",
            fix="stratify by the label or by a column with few values",
        )
    counts = {str(stratum): int(count) for stratum, count in found}
    tests = {stratum: int(count * shares[0] + 0.5) for stratum, count in counts.items()}
    both = {s: min(count, tests[s] + int(count * shares[1] + 0.5)) for s, count in counts.items()}

    def places(ranks: Mapping[str, int]) -> dict[str, int]:
        within = {stratum: rank for stratum, rank in ranks.items() if rank < counts[stratum]}
        return dict.fromkeys(ranks, PLACES) | nth_smallest(rows.duck, relation, within)

    return Bounds(places(tests), places(both) if shares[1] else {})


def commonest_strata(rows: JoinedRows) -> JoinedRows:
    """Return `rows` with one stratum for each place: the commonest among its labelled rows, the smallest of several."""
    rows.duck.run(
        f"CREATE TABLE strata AS SELECT place, stratum FROM (SELECT place, stratum, count(*) AS n FROM {rows.known} GROUP BY ALL) "
        "QUALIFY row_number() OVER (PARTITION BY place ORDER BY n DESC, stratum) = 1"
    )
    place, stratum = quoted(PLACE), quoted(STRATUM)
    joined = f"{rows.relation} r LEFT JOIN strata s ON r.{place} = s.place"
    return replace(rows, relation=f"(SELECT r.* EXCLUDE ({stratum}), s.stratum AS {stratum} FROM {joined})")
