"""Amounts, lengths of time and counts as messages have them."""

from __future__ import annotations

import re
import time

_UNITS = {"m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float | None:
    """Return a length of time as a user writes it ("90m", "4h", "1.5d") in seconds; None for anything else, and 0."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text)
    return float(found[1]) * _UNITS[found[2]] or None if found else None


def minute(moment: float) -> str:
    """Return a moment, seconds of UTC, as the laptop's clock has it ("2026-11-28 16:10")."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def amount(size: int) -> str:
    """Return a number of bytes as messages have it ("1.5 MiB")."""
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.1f} KiB"


def took(seconds: float) -> str:
    """Return a length of time in words of equal width ("3 min 05 s")."""
    if seconds < 59.95:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24:02} h"


def counted(number: int, what: str) -> str:
    """Return "1 file" or "2 files"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
