"""Names, values and numbers as inert text: the same digits in every rendering, and nothing of a stranger's comes to life."""

from __future__ import annotations

import html
import math
import re
import unicodedata

LONGEST = 160
_LARGEST = 1e15  # beyond this a float no longer holds every whole number
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~@&:$=^-])")
# What a host looks for in the finished text, where a character reference is a character again: mentions, mail addresses, #1, GH-1,
# addresses of pages, :emoji:. `&#64;name` still notifies its bearer (github/cmark-gfm issue 181); a break after the sign does not.
_BREAK = "\u200b"
_JOINTS = re.compile(r"@|#(?=\d)|GH-(?=\d)|:(?=//|[\w+-]+:)|www\.", re.IGNORECASE)


def visible(text: str, *, longest: int = LONGEST) -> str:
    """Return `text` on one line with control, format and direction characters made visible, cut at `longest` characters."""
    shown = text[: longest + 1]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(_escape_character(character) for character in shown)
    return shown if len(text) <= longest else shown[: longest - 1] + "…"


def _escape_character(character: str) -> str:
    if character in "\n\r\t\v\f\u2028\u2029":
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Cn"):
        return f"\\u{ord(character):04x}"
    return character


def markdown_text(text: str, *, longest: int = LONGEST) -> str:
    """Return untrusted `text` for Markdown: no markup, mention, reference, link, emoji or HTML comes to life."""
    shown = _JOINTS.sub(lambda found: found[0] + _BREAK, visible(text, longest=longest))
    shown = _MARKDOWN.sub(lambda found: f"&#{ord(found[1])};", shown)
    shown = re.sub(
        r"(?i)(www)\.", r"\1&#46;", shown
    )  # this link is made from the source text, before references are read
    shown = shown.replace(_BREAK, "&#8203;")
    return re.sub(r"^(\d+)\.(?=\s|$)", r"\1&#46;", shown)  # would begin a numbered list


def html_text(text: str, *, longest: int = 4 * LONGEST) -> str:
    """Return untrusted `text` for HTML, in elements and in quoted attributes."""
    return html.escape(visible(text, longest=longest), quote=True)


def number(value: float | None) -> str:
    """Return a metric's value: five significant digits, whole numbers in full and large ones with thousands separators."""
    if value is None:
        return "–"
    if not math.isfinite(value) or abs(value) >= _LARGEST:
        return f"{value:.5g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 99_999.5 else f"{value:.5g}"


def signed(value: float | None) -> str:
    """Return a difference with its sign: three significant digits, from a thousand on all digits before the point."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    return f"{value:+,.0f}" if 999.5 <= abs(value) < _LARGEST else f"{value:+.3g}"
