"""What is done with an event that does not simply fit: one table, by which intake, stage and check all go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["accepted", "have", "held", "refused"]
"""At the door: part of the truth; here before, so nothing is done; waits for a decision; can be no part of it, kept beside it."""
Use: TypeAlias = Literal["counts", "left out", "stops"]
"""In the `label` stage, of an event in `labels/events/`: a vote like any other; no vote, but counted; an error that names file and line."""

FUTURE_SECONDS = 86_400
"""A clock may be ahead by a day, which covers every time zone that was taken for UTC."""


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong, or worth telling, about an event."""

    name: str
    """As in counts, files and JSON."""
    what: str
    """When it applies, for people."""
    outcome: Outcome
    """What is done when such an event comes: by import, page, or Label Studio."""
    use: Use
    """What is done when such an event is in `labels/events/` all the same: by git, by hand, or because labels.yaml or the data changed."""
    reason: str
    """Why so."""
    mend: str = ""
    """What a person can do about it."""


_RULES = (
    Rule(
        "not_json",
        "a line that is no JSON object: cut off, two on one line, not UTF-8",
        "refused",
        "stops",
        "nobody can know what it says; the rest of the file is good",
        "see labels/refused/; take the line back from git: git checkout -- labels/events",
    ),
    Rule(
        "torn_line",
        "a last line without its end: the program that wrote it was killed, or the file was cut off",
        "refused",
        "stops",
        "it was never whole, so nobody was told that it was kept; the text is kept all the same",
        "mlops-kit label check --mend",
    ),
    Rule(
        "bad_field",
        "a field that is missing, unknown, of another type, or out of its bounds (confidence 0 to 1, seconds 0 or more)",
        "refused",
        "stops",
        "it is no event",
        "send it again with the field as docs/how-to/labels-events.md has it",
    ),
    Rule(
        "bad_time",
        "a time that is not UTC written as 2026-11-21T09:30:00.000Z",
        "refused",
        "left out",
        "the newest answer counts, so times must be comparable",
        "send it again with the time in UTC",
    ),
    Rule(
        "bad_id",
        "an id that is not the one of what the event says: it was edited after it was given",
        "refused",
        "stops",
        "an answer is never changed, another one supersedes it",
        "take the file back from git, and answer anew: mlops-kit label serve",
    ),
    Rule(
        "same_id",
        "an event that is here already, by its id; also one that two branches brought in two files",
        "have",
        "counts",
        "the same event is one event, however often it is there; it counts once",
    ),
    Rule(
        "rejected",
        "an event of a batch that did not pass its acceptance test, or that somebody rejected",
        "refused",
        "left out",
        "a delivery is judged as a whole; it is kept with the reason, and taken when the same events are accepted later",
        "mlops-kit label import FILE --force-accept REASON",
    ),
    Rule(
        "unknown_task",
        "a task that labels/labels.yaml does not have",
        "held",
        "left out",
        "the task may be on another branch",
        "add the task, then mlops-kit label accept BATCH",
    ),
    Rule(
        "unknown_item",
        "an item that is not among those of the task",
        "held",
        "left out",
        "the data may be of another version; a key that is spelled in another way must not be lost",
        "mlops-kit run, then mlops-kit label accept BATCH",
    ),
    Rule(
        "changed_content",
        "an item whose shown columns changed since it was exported or shown",
        "held",
        "counts",
        "the answer was given to something else; once accepted, or when the data change later, it counts and is told",
        "look at it again, or mlops-kit label accept BATCH",
    ),
    Rule(
        "wrong_type",
        "a value that could never be an answer to the task: a number where a class is asked for",
        "refused",
        "left out",
        "no change of the task's classes or bounds makes it an answer",
        "send it again with a value of the task's type",
    ),
    Rule(
        "outside_task",
        "a value of the right form outside of the task: a class that it does not have, a number out of its bounds",
        "held",
        "left out",
        "the task may learn the class",
        "add the class to labels/labels.yaml, then mlops-kit label accept BATCH",
    ),
    Rule(
        "future_clock",
        "a time more than a day ahead of this machine",
        "held",
        "counts",
        "the newest answer counts, so a clock that is ahead would win for ever; a stage has no clock, so only the door judges it",
        "mend the clock and send it again, or mlops-kit label accept BATCH",
    ),
    Rule(
        "not_in_roster",
        "an annotator who is not listed, with `roster: closed`",
        "held",
        "left out",
        "a closed roster says who may label",
        "list the annotator in labels/labels.yaml, then mlops-kit label accept BATCH",
    ),
    Rule(
        "unlisted",
        "an annotator who is not listed, with `roster: open`",
        "accepted",
        "counts",
        "an open roster takes everybody, with trust 1, and tells",
    ),
    Rule(
        "inactive",
        "an annotator with `active: false`",
        "held",
        "counts",
        "no new answers are taken; those given before stay",
        "set `active: true`, or mlops-kit label accept BATCH",
    ),
    Rule(
        "other_tasks",
        "an annotator whose `tasks` do not have this one",
        "held",
        "left out",
        "the roster says who answers what",
        "add the task to the annotator in labels/labels.yaml, then mlops-kit label accept BATCH",
    ),
    Rule(
        "supersedes_unknown",
        "an event that replaces one that is not here",
        "accepted",
        "counts",
        "the other may come with another branch; until then there is nothing to replace",
    ),
    Rule(
        "supersedes_other_item",
        "an event that replaces one about another item or task",
        "held",
        "left out",
        "it contradicts itself: neither does it count, nor does it replace anything",
        "send it again without `supersedes`",
    ),
    Rule(
        "supersedes_other_annotator",
        "an event that replaces another annotator's, and is no adjudication",
        "held",
        "left out",
        "only an adjudication overrules; else one could silence another",
        "send it again with the role `adjudication`",
    ),
    Rule(
        "two_successors",
        "two events that replace the same one, as of two branches",
        "accepted",
        "counts",
        "the replaced one is gone; of the two the newest by (time, id) counts where they are of one annotator",
    ),
    Rule(
        "repeated_vote",
        "another answer of the same annotator for the same item with the same value",
        "accepted",
        "counts",
        "one annotator has one vote: the newest by (time, id)",
    ),
    Rule(
        "changed_vote",
        "another answer of the same annotator for the same item with another value, on one branch or on two",
        "accepted",
        "counts",
        "a change of mind: the newest by (time, id) counts, the others stay readable",
    ),
    Rule(
        "superseded",
        "an event that a later one rightly replaces",
        "accepted",
        "left out",
        "that is what `supersedes` is for",
    ),
    Rule(
        "abstained",
        "a value of null: the annotator cannot tell, or takes an answer back",
        "accepted",
        "counts",
        "it counts for coverage and for the annotator, never for a consensus",
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in _RULES}
"""Name -> rule, in the order in which they are asked: of several that hold or refuse an event the first is told."""

_WEIGHT: dict[Outcome, int] = {"refused": 0, "have": 1, "held": 2, "accepted": 3}


def decisive(names: list[str]) -> str | None:
    """Return which of the rules that apply to one event decides about it: refused before held before accepted, then the order of the table."""
    order = list(RULES)
    return min(names, key=lambda name: (_WEIGHT[RULES[name].outcome], order.index(name)), default=None)


def describe_label_rules() -> str:
    """Return the rules as Markdown, for the reference."""
    lines = ["| rule | applies to | when it comes | in the stage | why |", "|---|---|---|---|---|"]
    for rule in RULES.values():
        mend = f" Mend it: {rule.mend}." if rule.mend else ""
        lines.append(f"| `{rule.name}` | {rule.what} | {rule.outcome} | {rule.use} | {rule.reason}.{mend} |")
    return "\n".join(lines) + "\n"
