"""Contact sheets: all pictures of a run on one, in the order in which they were made."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

TILE = 256
"""Longer side of a picture on the sheet, in pixels."""
GAP = 12
LABEL = 24
FONT_SIZE = 14
MOST = 100
"""Pictures on a sheet; of more, as many are taken in even steps, the first and the last among them."""


def iteration(picture: Path) -> float:
    """Return the number that a picture's name ends with ("out_100.png" → 100); infinity for the last, bare name."""
    numbers = re.findall(r"\d+", picture.stem)
    return int(numbers[-1]) if numbers else math.inf


def contact_sheet(pictures: Iterable[Path], sheet: Path) -> list[Path]:
    """Write a grid of labelled pictures, by iteration; returns those that are no pictures and have a grey tile."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - 50 ms that only a run with pictures pays

    chosen = _spread(sorted(pictures, key=lambda picture: (iteration(picture), picture.name)))
    grey = Image.new("RGB", (TILE, TILE), "lightgrey")
    tiles = {picture: _tile(picture) for picture in chosen}
    columns = math.ceil(math.sqrt(len(chosen)))
    rows = [chosen[start : start + columns] for start in range(0, len(chosen), columns)]
    heights = [max((tiles[picture] or grey).height for picture in row) for row in rows]
    size = (columns * (TILE + GAP) + GAP, sum(heights) + len(rows) * (LABEL + GAP) + GAP)
    whole = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(FONT_SIZE)
    bottom = 0
    for row, height in zip(rows, heights, strict=True):
        bottom += GAP + height
        for column, picture in enumerate(row):
            tile, middle = tiles[picture] or grey, GAP + column * (TILE + GAP) + TILE // 2
            whole.paste(tile, (middle - tile.width // 2, bottom - tile.height))
            label = _shortened(picture.name, font)
            draw.text((middle, bottom + LABEL / 2), label, fill="black", font=font, anchor="mm")
        bottom += LABEL
    part = sheet.with_name(f".{sheet.name}.part")
    whole.save(part, format="PNG")
    part.replace(sheet)
    return [picture for picture, tile in tiles.items() if tile is None]


def _spread(pictures: Sequence[Path]) -> list[Path]:
    """Return at most `MOST` of the pictures, evenly taken."""
    if len(pictures) <= MOST:
        return list(pictures)
    return [pictures[round(i * (len(pictures) - 1) / (MOST - 1))] for i in range(MOST)]


def _tile(picture: Path) -> Image | None:
    """Return a picture in the size that it has on the sheet; None when it cannot be read."""
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(picture) as opened:
            image = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # what is damaged inside has many names
        return None
    longer = max(image.size)
    # Pixels of a small picture (28 x 28 digits) stay squares; a large one is made smaller.
    scale = TILE // longer if longer <= TILE else TILE / longer
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if longer <= TILE else Image.Resampling.LANCZOS)


def _shortened(name: str, font: ImageFont | FreeTypeFont) -> str:
    """Return as much of a name's end as fits below its picture: the iteration stands there."""
    if font.getlength(name) <= TILE:
        return name
    while font.getlength(f"…{name}") > TILE:
        name = name[1:]
    return f"…{name}"
