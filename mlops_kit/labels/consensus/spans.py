"""Questions of type `spans`: each character carries a label when more than half of the weight marks it so."""

from __future__ import annotations

from mlops_kit.labels.consensus.given import TERM, binary_entropy, give_votes, known_answers, take_newest
from mlops_kit.labels.consensus.model import ConsensusOptions, Decided
from mlops_kit.labels.events.counting import Votes
from mlops_kit.spec.labels import LabelTask

_FORM = """'[{"start":"BIGINT","end":"BIGINT","label":"VARCHAR"}]'"""


def decide_spans(votes: Votes, task: LabelTask, options: ConsensusOptions) -> Decided:
    """Decide questions of type `spans`, for each label of its own.

    Only edges of spans are looked at, not every character, so that long spans cost nothing. Spans of one label that touch become one, but where all
    votes are equal they stay as they are. The probability is the mean share of the weight over the characters that are marked in the end, where none are
    what the most marked character lacks; the disagreement is the mean entropy of the characters that anybody marked.
    """
    del task
    give_votes(votes, options)
    duck = votes.duck
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE marked AS SELECT item, annotator, weight, "time", hash(value) AS digest, value,
        from_json(value, {_FORM}) AS spans FROM given"""
    )
    duck.run(
        'CREATE OR REPLACE TEMP TABLE whole AS SELECT item, CAST(sum(weight) AS BIGINT) AS total, count(*) AS votes, max("time") AS last, '
        "min(value) AS one, min(value) = max(value) AS same FROM marked GROUP BY item"
    )
    duck.run(f"CREATE OR REPLACE TEMP TABLE runs AS {_RUNS}")
    share = "(cover / total)"
    entropy = f"CAST(round({binary_entropy(share)} * {TERM}) AS HUGEINT)"
    long, yes = "(until - pos)", "2 * cover > total"
    duck.run(
        f"""CREATE OR REPLACE TEMP TABLE covered AS SELECT item, sum({long} * cover) FILTER ({yes}) / (sum({long}) FILTER ({yes}) * any_value(total)) AS inside,
        1 - max(cover) / any_value(total) AS outside, round(CAST(sum({long} * {entropy}) AS DOUBLE) / sum({long}) / {TERM}, 9) AS disagreement
        FROM runs JOIN whole USING (item) WHERE total > 0 AND cover > 0 GROUP BY item"""
    )
    duck.run(f"CREATE OR REPLACE TEMP TABLE kept AS {_KEPT}")
    duck.run(
        """CREATE OR REPLACE TEMP TABLE decided AS SELECT item, CASE WHEN total = 0 THEN NULL WHEN same THEN one ELSE coalesce(text, '[]') END AS value,
        CASE WHEN total = 0 THEN NULL WHEN same THEN 1.0 ELSE round(coalesce(inside, outside, 1.0), 9) END AS probability, votes,
        CASE WHEN same THEN 0.0 ELSE coalesce(disagreement, 0.0) END AS disagreement, last
        FROM whole LEFT JOIN covered USING (item) LEFT JOIN kept USING (item)"""
    )
    if options.method == "latest":
        take_newest(duck, "decided")
    duck.run(f"CREATE OR REPLACE TEMP TABLE known AS {known_answers(votes)}")
    return Decided(duck, "decided")


_RUNS = """
WITH marks AS (SELECT item, annotator, weight, unnest(spans) AS span FROM marked JOIN (SELECT item FROM whole WHERE NOT same) USING (item)),
edges AS (SELECT item, annotator, weight, span.label AS label, span."start" AS pos, 1 AS step FROM marks
          UNION ALL SELECT item, annotator, weight, span.label, span."end", -1 FROM marks),
steps AS (SELECT item, annotator, any_value(weight) AS weight, label, pos, sum(step) AS step FROM edges GROUP BY item, annotator, label, pos),
depths AS (SELECT *, sum(step) OVER (PARTITION BY item, annotator, label ORDER BY pos) AS depth FROM steps),
own AS (SELECT item, label, pos, weight * (CASE WHEN depth > 0 THEN 1 ELSE 0 END - CASE WHEN depth - step > 0 THEN 1 ELSE 0 END) AS change FROM depths),
places AS (SELECT item, label, pos, sum(change) AS change FROM own GROUP BY item, label, pos)
SELECT item, label, pos, lead(pos) OVER (PARTITION BY item, label ORDER BY pos) AS until,
    CAST(sum(change) OVER (PARTITION BY item, label ORDER BY pos) AS BIGINT) AS cover FROM places
QUALIFY until IS NOT NULL
"""
"""Stretches of text between edges, for each label, with the weight of the annotators that mark them. An annotator whose spans of one label overlap
counts once."""

_KEPT = """
WITH good AS (SELECT item, label, pos, until FROM runs JOIN whole USING (item) WHERE 2 * cover > total),
firsts AS (SELECT *, CASE WHEN pos = lag(until) OVER (PARTITION BY item, label ORDER BY pos) THEN 0 ELSE 1 END AS begins FROM good),
groups AS (SELECT *, sum(begins) OVER (PARTITION BY item, label ORDER BY pos) AS part FROM firsts),
parts AS (SELECT item, label, min(pos) AS "start", max(until) AS "end" FROM groups GROUP BY item, label, part)
SELECT item, CAST(to_json(list(struct_pack("start" := "start", "end" := "end", label := label) ORDER BY "start", "end", label)) AS VARCHAR) AS text
FROM parts GROUP BY item
"""
"""Spans of each item as JSON text: stretches that more than half of the weight marks, joined where they touch."""
