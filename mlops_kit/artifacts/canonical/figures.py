"""Matplotlib figures whose bytes depend on what is drawn: no dates, no random ids."""

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
