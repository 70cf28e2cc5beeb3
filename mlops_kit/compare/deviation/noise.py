"""Known noise in text: what typically changes between two runs, by the form of the text alone."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Noise:
    """One kind of known noise."""

    name: str
    """What it is, with its article."""
    pattern: re.Pattern[str]
    """How it looks."""
    harmless: bool = False
    """Whether nothing can mean it: a label that must only be unique, or the date of a figure's metadata."""


_HEX = "[0-9a-fA-F]"
NOISES = (
    Noise("the date in a figure's metadata", re.compile(r"<dc:date>[^<]*</dc:date>"), harmless=True),
    Noise("a creation date in a document's metadata", re.compile(r"<dcterms:(?:created|modified)[^>]*>[^<]*</dcterms:(?:created|modified)>"), harmless=True),
    Noise("a uuid", re.compile(rf"\b{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b")),
    Noise("a uuid", re.compile(rf"\b{_HEX}{{32}}\b")),
    Noise("a memory address", re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")),
    Noise("a memory address", re.compile(r"\b1[34]\d{13}\b")),
    Noise("random ids of table cells", re.compile(r"\bT_[0-9a-f]{5}(?=[_\" ]|\b)"), harmless=True),
    Noise("random ids of a figure", re.compile(r"(?<=[\"#])[a-zA-Z][0-9a-f]{10}(?=[\")])"), harmless=True),
    Noise("a date or time", re.compile(
        r"\b(?:19|20)\d\d[-/.](?:0\d|1[0-2])[-/.][0-3]\d(?:[T ]\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
        r"|\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* +\d{1,2},? (?:\d\d:\d\d:\d\d )?\d{4}"
        r"|\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b"
        r"|\b1[5-9]\d{8}(?:\.\d+|\d{3}|\d{6}|\d{9})?\b")),
    Noise("a temporary path", re.compile(r"(?:/(?:tmp|var/tmp|var/folders|dev/shm)/[^\s\"',:;<>)]+|\btmp[a-z0-9_]{8}\b)")),
    Noise("an absolute path", re.compile(r"(?<![\w.:/])(?:/[^\s\"',:;<>()/]+){2,}|\b[A-Z]:\\\\?[^\s\"',;<>]+")),
)  # fmt: skip


def name_noise(old: str, new: str) -> str:
    """Return the name of the one kind of known noise in which two texts differ, or names joined by `and`; empty when there is more.

    Found by the form alone: it is a hint for a reader, not a proof.
    """
    named: list[str] = []
    for noise in NOISES:
        shorter = (noise.pattern.sub("\0", old), noise.pattern.sub("\0", new))
        if shorter != (old, new) and noise.pattern.findall(old) != noise.pattern.findall(new):
            named.append(noise.name)
            old, new = shorter
            if old == new:
                return " and ".join(dict.fromkeys(named))
    return ""


def strip_harmless(old: str, new: str) -> tuple[str, str, tuple[str, ...]]:
    """Return both texts without harmless noise, and the names of what was stripped because it differed.

    Random ids are stripped only where one set of ids is a renaming of the other: the same places, one to one.
    """
    named = []
    for noise in NOISES:
        if not noise.harmless:
            continue
        ids = (noise.pattern.findall(old), noise.pattern.findall(new))
        if ids[0] != ids[1] and _is_renaming(*ids):
            named.append(noise.name)
            old, new = (noise.pattern.sub("\0", text) for text in (old, new))
    return old, new, tuple(named)


def mask_harmless(text: str) -> str:
    """Return `text` with every harmless id or date masked, so that lines can be compared by what they mean."""
    for noise in NOISES:
        text = noise.pattern.sub("\0", text) if noise.harmless else text
    return text


def _is_renaming(old: list[str], new: list[str]) -> bool:
    pairs = set(zip(old, new, strict=False))
    return len(old) == len(new) and len(pairs) == len(set(old)) == len(set(new))
