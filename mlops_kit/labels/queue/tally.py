"""How often and how unanimously each item was answered."""

from __future__ import annotations

from mlops_kit.artifacts.duck import Duck


def make_tally(duck: Duck, votes: str) -> None:
    """Make the table `tally` (`pool.TALLY`) of the relation `votes`, which has `item`, `annotator`, `value` (JSON text), `role` and `source`.

    Answers are votes of persons and vendors, abstentions too: who cannot tell has been asked. An item is decided by an adjudication or as gold.
    Dispute is the entropy of the different values as a share of the largest that the number of votes allows, 0 agreed to 1 all different; 0
    for decided items.
    """
    duck.run(
        "CREATE TABLE tally AS WITH each AS (SELECT item, value, count(*) AS n FROM "
        f"{votes} WHERE coalesce(role, 'vote') = 'vote' AND coalesce(source, 'person') IN ('person', 'vendor') GROUP BY ALL), "
        "known AS (SELECT item, sum(n) AS total, sum(n) FILTER (value IS NOT NULL) AS told, "
        "count(*) FILTER (value IS NOT NULL) AS kinds, sum(n * ln(n)) FILTER (value IS NOT NULL) AS spread FROM each GROUP BY item), "
        f"fixed AS (SELECT item, true AS decided, bool_or(role = 'gold') AS gold FROM {votes} WHERE role IN ('gold', 'adjudication') GROUP BY item) "
        "SELECT item, coalesce(total, 0)::BIGINT AS answers, "
        "CASE WHEN decided IS NULL AND kinds > 1 THEN (ln(told) - spread / told) / ln(told) ELSE 0 END AS dispute, "
        "coalesce(decided, false) AS decided, coalesce(gold, false) AS gold "
        "FROM known FULL JOIN fixed USING (item)"
    )
