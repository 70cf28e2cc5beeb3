"""zip and gzip whose bytes depend on the members alone: fixed dates, owners, order and compression level."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping

# The first moment that the zip format can name; the real one would make every run's bytes differ.
EPOCH = (1980, 1, 1, 0, 0, 0)


def zip_bytes(members: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of `members` (path -> content), in the order of the paths."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, date_time=EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            info.create_system = 3
            archive.writestr(info, members[name])
    return buffer.getvalue()


def gzip_bytes(content: bytes) -> bytes:
    """Return `content` gzipped, without file name and time."""
    return gzip.compress(content, compresslevel=6, mtime=0)
