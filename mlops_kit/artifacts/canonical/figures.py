"""Matplotlib figures whose bytes depend on what is drawn: no dates, no random ids.

Without this SVG files differ on every run (the date and random ids of clip paths), PDF files too (the date of creation), and all
three name the version of matplotlib.
"""

from __future__ import annotations

import io
from typing import Any

SVG_SALT = "mlops-kit"


def svg_text(figure: Any) -> str:
    """Return a matplotlib figure as SVG; ids are hashed with a fixed salt and the date is left out."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": SVG_SALT, "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue().decode("utf-8").replace("\r\n", "\n")


def png_bytes(figure: Any, *, dpi: int = 100) -> bytes:
    """Return a matplotlib figure as PNG of `dpi` dots per inch, without the software's name."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def pdf_bytes(figure: Any) -> bytes:
    """Return a matplotlib figure as PDF, without the date of creation and the software's name; fonts are embedded as outlines."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context({"pdf.fonttype": 3, "pdf.compression": 6}):
        figure.savefig(
            buffer, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None}
        )
    return buffer.getvalue()
