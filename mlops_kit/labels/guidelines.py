"""Guidelines: the version that the file names, and which labels a new version asks to look at again.

The file is Markdown with a line `Version 3.`; its front matter may say what a new version changed:

    ---
    review:
      - version: "3"
        classes: [late]
        where: dep_delay >= 60
        reason: diverted flights are late from now on
    ---

An item needs another look when somebody answered one of `classes` for it under a version before 3, when its row fits `where`, and until
somebody answers for it under version 3 or a later one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops_kit.artifacts.duck import Duck, literal, quoted
from mlops_kit.errors import SpecError, UsageError
from mlops_kit.labels.agreement.reading import PEOPLE, value_text
from mlops_kit.spec.build import build
from mlops_kit.spec.yamlfile import compose_yaml

REVIEWS = "label_reviews"
_VERSION = re.compile(r"^Version[ \t]+(\S{1,40}?)\.?[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class ReviewRule:
    """One entry of `review:` in the front matter."""

    version: str
    """Answers under an earlier version need another look; answers without a version too."""
    versions: tuple[str, ...] = ()
    """Only answers under these versions."""
    classes: tuple[str, ...] = ()
    """Only answers that name one of these classes."""
    where: str = ""
    """SQL condition on the columns of the task's table: only items whose row fits."""
    reason: str = ""
    """What changed, for those who look again."""


@dataclass(frozen=True)
class FrontMatter:
    """What stands between the lines `---` at the start of the guidelines."""

    review: tuple[ReviewRule, ...] = ()
    """What new versions ask to look at again."""


@dataclass(frozen=True)
class Guidelines:
    """A file of guidelines."""

    version: str | None
    """What follows `Version` on a line of its own, without the full stop; None where no line says it."""
    review: tuple[ReviewRule, ...]
    """What new versions ask to look at again."""
    text: str
    """The Markdown, without the front matter."""


@dataclass(frozen=True)
class ReviewCount:
    """What one rule asks for."""

    rule: ReviewRule
    """The rule."""
    items: int | None
    """How many items need another look by it; None where it cannot be judged, for want of the table."""


def parse_guidelines(text: str, *, where: str) -> Guidelines:
    """Return guidelines from their text; `where` names the file. Raises SpecError with the line for front matter that cannot be used."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    fence = _FENCE.match(text)
    body = text[fence.end() :] if fence else text
    # A comment before it keeps the lines of messages those of the file.
    front = build(FrontMatter, compose_yaml("#\n" + fence.group(1), where=where)) if fence else FrontMatter()
    version = _VERSION.search(body)
    return Guidelines(version.group(1) if version else None, front.review, body.lstrip("\n"))


def read_guidelines(root: Path, name: str) -> Guidelines | None:
    """Read the guidelines in the file `name` of the project; None where there is no such file. Raises SpecError like parse_guidelines."""
    try:
        return parse_guidelines((root / name).read_text(encoding="utf-8"), where=name)
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 (byte {error.start})", where=name, fix="save the file as UTF-8") from None


def is_before(version: str | None, other: str) -> bool:
    """Return whether `version` comes before `other`: number by number, texts by their letters; no version comes before all."""
    return version is None or _order(version) < _order(other)


def mark_reviews(
    duck: Duck, votes: str, guidelines: Guidelines, *, rows: str | None = None, table: str = REVIEWS
) -> tuple[ReviewCount, ...]:
    """Make the table `table` in `duck`: `item`, `version` and `reason` of the items that need another look; return how many for each rule.

    `votes` is a table with the columns of counted votes, of which those of people and vendors count; `rows` a query in parentheses with `item` and
    the columns of the task's table, without which rules with `where` are not judged. An item of several rules has several rows.
    Raises UsageError for a `where` that is no condition on the columns.
    """
    known = [
        name for (name,) in duck.run(f"SELECT DISTINCT guideline FROM {votes} ORDER BY guideline").fetchall()
    ]
    duck.run(f"CREATE OR REPLACE TEMP TABLE {quoted(table)} (item VARCHAR, version VARCHAR, reason VARCHAR)")
    return tuple(_mark(duck, votes, rule, known, rows, table) for rule in guidelines.review)


def _mark(
    duck: Duck, votes: str, rule: ReviewRule, known: Iterable[str | None], rows: str | None, table: str
) -> ReviewCount:
    if rule.where and rows is None:
        return ReviewCount(rule, None)
    known = list(known)
    before = [one for one in known if is_before(one, rule.version) and _concerns(rule, one)]
    since = [one for one in known if not is_before(one, rule.version)]
    answered = f"role <> 'gold' AND source IN ({', '.join(map(literal, PEOPLE))})"
    named = [f"contains(CAST(value AS VARCHAR), {literal(value_text(name))})" for name in rule.classes]
    old = f"SELECT item FROM {votes} WHERE {answered} AND value IS NOT NULL AND {_among(before)}"
    old += f" AND ({' OR '.join(named)})" if named else ""
    new = f"SELECT item FROM {votes} WHERE {answered} AND {_among(since)}"
    fits = f" INTERSECT SELECT item FROM {rows} AS task_rows WHERE ({rule.where})" if rule.where else ""
    _run(duck, f"CREATE OR REPLACE TEMP TABLE label_review AS (({old}){fits}) EXCEPT ({new})", rule)
    (count,) = duck.run("SELECT count(*) FROM label_review").fetchone() or (0,)
    duck.run(
        f"INSERT INTO {quoted(table)} SELECT item, {literal(rule.version)}, {literal(rule.reason)} FROM label_review ORDER BY item"
    )
    return ReviewCount(rule, int(count))


def _run(duck: Duck, sql: str, rule: ReviewRule) -> None:
    import duckdb

    try:
        duck.run(sql)
    except duckdb.Error as error:
        if not rule.where:
            raise
        raise UsageError(
            f"the guidelines' review of version {rule.version} asks for `{rule.where}`: {str(error).splitlines()[0]}",
            fix="write an SQL condition on the columns of the task's table",
        ) from error


def _concerns(rule: ReviewRule, version: str | None) -> bool:
    return not rule.versions or version in rule.versions


def _among(versions: Iterable[str | None]) -> str:
    versions = list(versions)
    texts = ", ".join(literal(one) for one in versions if one is not None)
    parts = [f"guideline IN ({texts})"] if texts else []
    parts += ["guideline IS NULL"] if None in versions else []
    return f"({' OR '.join(parts)})" if parts else "false"


def _order(version: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d+|[^\d.]+", version)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]
