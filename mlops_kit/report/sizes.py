"""Sizes and times for people."""

from __future__ import annotations


def size_text(size: int | None) -> str:
    """Return a number of bytes in the unit that fits, – where it is unknown."""
    if size is None:
        return "–"
    value, units = float(size), ("B", "kB", "MB", "GB", "TB")
    place = 0
    while value >= 999.5 and place < len(units) - 1:
        value, place = value / 1000, place + 1
    return f"{value:.3g} {units[place]}"


def duration_text(seconds: float | None) -> str:
    """Return a time in the unit that fits: `0.3 s`, `42 s`, `3:05 min`, `1 h 02 min`; – where it is unknown.

    No form has two colons: hosts of comments make an emoji of what stands between them.
    """
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds > 1e15 or seconds != seconds:  # no time that anything took
        return f"{seconds:.3g} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02} min" if hours else f"{minutes}:{rest:02} min"
