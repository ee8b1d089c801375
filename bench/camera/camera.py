"""Pictures as a camera makes them: JPEG of 1600 x 1200, large shapes under fine grain, no two alike."""  # noqa: INP001 - it goes to the box alone

from __future__ import annotations

import random
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

from PIL import Image, ImageChops

SIZE = (1600, 1200)
GRAIN = 12
"""Standard deviation of the grain, of 255: ISO 800 or so."""


@cache
def grain() -> Image.Image:
    """Return grain for a whole picture, in three colours."""
    return Image.merge("RGB", [Image.effect_noise(SIZE, GRAIN) for _ in range(3)])


def shoot(folder: Path, number: int) -> None:
    """Write one picture into folder/neg or folder/pos."""
    dice = random.Random(number)  # noqa: S311 - no secret
    shapes = Image.frombytes("RGB", (16, 12), dice.randbytes(16 * 12 * 3)).resize(SIZE, Image.Resampling.BICUBIC)
    moved = ImageChops.offset(grain(), dice.randrange(SIZE[0]), dice.randrange(SIZE[1]))
    picture = ImageChops.add(shapes, moved, offset=-128)
    picture.save(folder / ("pos" if number % 4 == 0 else "neg") / f"{number:05d}.jpg", quality=88)


def main(folder: Path, count: int) -> None:
    """Write `count` pictures, on all cores."""
    for name in ("neg", "pos"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(shoot, folder), range(count), chunksize=8))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
