"""PNG: pixels where a decoder is installed, else the chunks."""

from __future__ import annotations

import io
import struct
import zlib
from importlib.util import find_spec

from mlops_kit.compare.deviation.content import MOST_BYTES, Content, read_bounded
from mlops_kit.compare.deviation.findings import Findings, TooMuchError
from mlops_kit.compare.deviation.model import Level

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_PIXELS = 100_000_000
_PIXEL_CHUNKS = (b"IDAT", b"IHDR", b"PLTE", b"tRNS")


def explain_png(old: Content, new: Content, found: Findings) -> None:
    """Compare two PNG files: size, pixels, and the texts beside them."""
    one, other = _chunks(old.read()), _chunks(new.read())
    sizes = [struct.unpack(">II", chunks[b"IHDR"][:8]) for chunks in (one, other)]
    for name in sorted({*one, *other} - {*_PIXEL_CHUNKS}):
        if one.get(name) != other.get(name):
            texts = [
                chunks.get(name, b"")[:60].decode("latin-1").replace("\0", "=") for chunks in (one, other)
            ]
            found.change(f"chunk {name.decode('latin-1')}", *texts, note="no pixel of it", level=Level.EQUAL)
    if sizes[0] != sizes[1]:
        found.change("size in pixels", *(f"{width}x{height}" for width, height in sizes))
    elif any(one.get(name) != other.get(name) for name in _PIXEL_CHUNKS):
        if sizes[0][0] * sizes[0][1] > MOST_PIXELS:
            raise TooMuchError(f"more than {MOST_PIXELS:,} pixels")
        if find_spec("PIL") is not None:
            _compare_pixels(old, new, found)
        else:
            _compare_scans(one, other, found)
    if not found.count:
        found.say("the same pixels, other compression")


def _chunks(data: bytes) -> dict[bytes, bytes]:
    if data[:8] != SIGNATURE:
        raise ValueError("it has no PNG signature")
    chunks: dict[bytes, bytes] = {}
    place = 8
    while place + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[place : place + 8])
        if place + 12 + size > len(data):
            raise ValueError("it ends within a chunk")
        chunks[name] = chunks.get(name, b"") + data[place + 8 : place + 8 + size]
        place += 12 + size
    if len(chunks.get(b"IHDR", b"")) != 13:
        raise ValueError("it has no header chunk")
    return chunks


def _compare_pixels(old: Content, new: Content, found: Findings) -> None:
    import numpy as np
    from PIL import Image

    sides = []
    for content in (old, new):
        with content.open() as file, Image.open(file, formats=("PNG",)) as image:
            sides.append(np.asarray(image.convert("RGBA"), dtype=np.int16))
    apart = np.abs(sides[0] - sides[1]).max(axis=2)
    count = int((apart > 0).sum())
    if count:
        y, x = (int(place) for place in np.argwhere(apart)[0])
        box = np.argwhere(apart).max(axis=0)
        found.say(
            f"{count:,} of {apart.size:,} pixels differ, by at most {int(apart.max())} of 255; "
            f"first at x={x}, y={y}, last row y={int(box[0])}",
            Level.DIFFERENT,
        )


def _compare_scans(old: dict[bytes, bytes], new: dict[bytes, bytes], found: Findings) -> None:
    """Compare the pixels as they were before compression; a differing line shows, by how much does not."""
    sides = []
    for chunks in (old, new):
        opener = zlib.decompressobj()
        sides.append(read_bounded(io.BytesIO(opener.decompress(chunks.get(b"IDAT", b""), MOST_BYTES + 1))))
    if sides[0] != sides[1] or any(old.get(name) != new.get(name) for name in _PIXEL_CHUNKS[1:]):
        found.say("the picture differs (no decoder is installed to say where)", Level.DIFFERENT)
