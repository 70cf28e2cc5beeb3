"""Contents of which nothing is known: where the bytes part, and by how much."""

from __future__ import annotations

import re

from mlops_kit.compare.deviation.content import BLOCK, Content, blocks
from mlops_kit.compare.deviation.findings import Findings
from mlops_kit.compare.deviation.model import Level


def explain_binary(old: Content, new: Content, found: Findings) -> None:
    """Add the first byte that differs, how many do, and the sizes."""
    first, differing, offset = None, 0, 0
    with old.open() as one, new.open() as other:
        for a, b in blocks(one, other):
            if a != b:
                count, place = _count_differing(a, b)
                differing += count
                first = offset + place if first is None else first
            offset += BLOCK
    if first is None:
        return
    found.say(f"first differing byte at offset {first:,}; {differing:,} bytes differ", Level.DIFFERENT)
    if old.size != new.size:
        found.change("size in bytes", old.size, new.size)


def _count_differing(old: bytes, new: bytes) -> tuple[int, int]:
    """Return how many bytes of two unequal blocks differ, and the place of the first."""
    import numpy as np

    short = min(len(old), len(new))
    differ = np.frombuffer(old, np.uint8, short) != np.frombuffer(new, np.uint8, short)
    count = int(differ.sum()) + max(len(old), len(new)) - short
    return count, int(differ.argmax()) if differ.any() else short


_PDF_NOISE = (
    ("the creation date in the metadata", re.compile(rb"/(?:CreationDate|ModDate) ?\(D:[^)]*\)")),
    ("the document id", re.compile(rb"/ID ?\[ ?<[0-9A-Fa-f]*> ?<[0-9A-Fa-f]*> ?\]")),
    ("byte offsets", re.compile(rb"startxref\s+\d+|^\d{10} \d{5} [nf] ?$", re.MULTILINE)),
)


def explain_pdf(old: Content, new: Content, found: Findings) -> None:
    """Add which known noise differs; what else differs as bytes."""
    one, other, named = old.read(), new.read(), []
    for name, pattern in _PDF_NOISE:
        if pattern.findall(one) != pattern.findall(other):
            named.append(name)
        one, other = pattern.sub(b"", one), pattern.sub(b"", other)
    if named:
        found.say(f"known noise: {', '.join(named)}")
    if one != other:
        explain_binary(old, new, found)
