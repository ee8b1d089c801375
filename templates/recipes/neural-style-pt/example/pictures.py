"""Draw the two pictures of the example: `python3 pictures.py` writes content.png and style.png, always the same."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH, HEIGHT = 512, 384
HOLES = ((248, 250, 24, 90), (215, 200, 26, 26), (280, 200, 26, 26), (215, 250, 26, 26), (280, 250, 26, 26))
"""The door and the windows: left, top, width, height."""
Colour = tuple[int, int, int]


def content(x: int, y: int) -> Colour:
    """Return a pixel of a house behind a hill, under the sun."""
    hill = 290 + 30 * math.sin(x / 90)
    if y > hill:
        return 40 + int(y - hill) // 4, 130 - int(y - hill) // 2, 60
    if 200 <= x < 320 and y >= 180:
        hole = any(left <= x < left + width and top <= y < top + height for left, top, width, height in HOLES)
        return (70, 40, 30) if hole else (200, 90, 70)
    if 100 <= y < 180 and abs(x - 260) < (y - 100) * 1.1:
        return 110, 50, 45
    if math.hypot(x - 410, y - 80) < 40:
        return 250, 220, 110
    return 110 + y // 4, 160 + y // 6, 230


def style(x: int, y: int) -> Colour:
    """Return a pixel of strokes that swirl around three points."""
    turn = 0.0
    for sign, left, top in ((1, 130, 120), (-1, 350, 90), (1, 300, 300)):
        distance = math.hypot(x - left, y - top)
        turn += sign * math.atan2(y - top, x - left) * 2 + 6 * math.exp(-distance / 60) + distance / 14
    stroke = (math.sin(turn) + math.sin(turn * 3 + x / 23)) / 2
    light = 0.5 + 0.5 * round(stroke * 4) / 4
    return int(30 + 220 * light**2), int(60 + 150 * light), int(150 - 90 * light**3 + 40 * math.sin(y / 60))


def write(path: str, pixel: Callable[[int, int], Colour]) -> None:
    """Write a PNG of eight bits a channel."""
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(WIDTH)) for y in range(HEIGHT))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks]
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


if __name__ == "__main__":
    write("content.png", content)
    write("style.png", style)
