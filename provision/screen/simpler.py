"""What stands for characters that an old code page does not have: a stream asks, and no print ends in a traceback."""

from __future__ import annotations

NAME = "gpurig-simpler"
"""As a stream's `errors` has it."""
_LIKE = {
    "-": "\u2013\u2014\u2212\u2500\u2501\u2550\u2574\u2576\u2578\u257a",
    "|": "\u2502\u2503\u2551",
    "+": "".join(map(chr, range(0x250C, 0x254C))) + "\u256d\u256e\u256f\u2570",
    "#": "\u2588\u2593\u2592\u2591",
    "x": "\u00d7\u2717",
    "*": "\u2022\u00b7" + "".join(map(chr, range(0x2800, 0x2900))),
    "'": "\u2018\u2019\u2032",
    '"': "\u201c\u201d",
    "->": "\u2192",
    "<-": "\u2190",
    "...": "\u2026",
    "~": "\u2248",
    "<=": "\u2264",
    ">=": "\u2265",
    "ok": "\u2713",
}
_SIMPLER = {character: simple for simple, characters in _LIKE.items() for character in characters}


def simpler(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for characters that an encoding does not have ("?" for most), and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_SIMPLER.get(character, "?") for character in error.object[error.start : error.end]), error.end
