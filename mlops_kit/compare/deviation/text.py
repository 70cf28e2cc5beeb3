"""Text, SVG and HTML: lines, with known noise named."""

from __future__ import annotations

from collections import Counter

from mlops_kit.compare.deviation.content import Content
from mlops_kit.compare.deviation.findings import Findings
from mlops_kit.compare.deviation.model import Level
from mlops_kit.compare.deviation.noise import mask_harmless, strip_harmless


def explain_text(old: Content, new: Content, found: Findings) -> None:
    """Compare two texts line by line."""
    one, other = (side.read().decode("utf-8") for side in (old, new))
    compare_texts(one, other, found)


def explain_markup(old: Content, new: Content, found: Findings) -> None:
    """Compare two SVG or HTML files line by line; ids that were only renamed and dates of the metadata do not count."""
    one, other, named = strip_harmless(*(side.read().decode("utf-8") for side in (old, new)))
    if named:
        found.say(f"known noise: {', '.join(named)}")
    if one != other:
        masked = (mask_harmless(one), mask_harmless(other))
        compare_texts(*(masked if masked[0] != masked[1] else (one, other)), found=found)


def compare_texts(old: str, new: str, found: Findings) -> None:
    """Add the lines that differ: pairwise where the number of lines is the same, else the lines that one side has alone."""
    one, other = old.splitlines(), new.splitlines()
    if one == other:
        found.say("the same lines, other line ends")
        return
    counts = (Counter(one), Counter(other))
    if counts[0] == counts[1]:
        moved = sum(a != b for a, b in zip(one, other, strict=True))
        found.say(
            f"the same {len(one):,} lines in another order; {moved:,} at another place", Level.DIFFERENT
        )
        return
    if len(one) == len(other):
        for number, (a, b) in enumerate(zip(one, other, strict=True), 1):
            if a != b:
                found.text(f"line {number:,}", *_cut(a.replace("\0", "~"), b.replace("\0", "~")))
        return
    found.change("number of lines", len(one), len(other))
    for fresh, (lines, rest) in enumerate(((one, counts[0] - counts[1]), (other, counts[1] - counts[0]))):
        for number, line in enumerate(lines, 1):
            if rest.get(line):
                rest[line] -= 1
                found.only(bool(fresh), f"line {number:,}: {line.strip()[:80]!r}")


def _cut(old: str, new: str) -> tuple[str, str]:
    """Return two long lines from shortly before the first sign in which they differ."""
    if max(len(old), len(new)) <= 60:
        return old, new
    first = next(
        (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    start = max(0, first - 20)
    # The cut begins at a blank, so that a date or a path that differs late is still whole.
    blank = old.rfind(" ", max(0, start - 40), start)
    start = blank + 1 if blank >= 0 else start
    return old[start : start + 200], new[start : start + 200]
