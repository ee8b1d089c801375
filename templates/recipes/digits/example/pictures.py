"""Handwritten-looking digits, drawn with a seed: ten folders of 28 x 28 PNG pictures, white on black as in MNIST."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Points = NDArray[np.float64]

SIDE = 28
_ZOOM = 4  # drawn so much larger, then reduced: smooth edges


def _line(*points: tuple[float, float]) -> Points:
    """Return a stroke through points of the unit square, y downwards."""
    return np.array(points)


def _arc(x: float, y: float, radii: tuple[float, float], start: float, end: float) -> Points:
    """Return a stroke along an ellipse around (x, y), between two angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 24))
    return np.stack([x + radii[0] * np.cos(angles), y + radii[1] * np.sin(angles)], axis=1)


STROKES: tuple[tuple[Points, ...], ...] = (
    (_arc(0.5, 0.5, (0.27, 0.4), 0, 360),),
    (_line((0.34, 0.26), (0.52, 0.1), (0.52, 0.9)),),
    (np.concatenate([_arc(0.5, 0.32, (0.26, 0.22), 190, 390), _line((0.24, 0.9), (0.78, 0.9))]),),
    (_arc(0.46, 0.3, (0.26, 0.2), 210, 450), _arc(0.46, 0.7, (0.29, 0.2), 270, 510)),
    (_line((0.58, 0.1), (0.2, 0.62), (0.84, 0.62)), _line((0.64, 0.36), (0.64, 0.92))),
    (np.concatenate([_line((0.76, 0.1), (0.32, 0.1), (0.29, 0.46)), _arc(0.48, 0.67, (0.28, 0.23), 225, 500)]),),
    (_line((0.66, 0.08), (0.36, 0.42), (0.25, 0.66)), _arc(0.5, 0.68, (0.25, 0.22), 0, 360)),
    (_line((0.22, 0.1), (0.78, 0.1), (0.42, 0.9)),),
    (_arc(0.5, 0.3, (0.2, 0.2), 0, 360), _arc(0.5, 0.7, (0.26, 0.2), 0, 360)),
    (_arc(0.48, 0.32, (0.25, 0.22), 0, 360), _line((0.73, 0.32), (0.66, 0.92))),
)


def draw(digit: int, rng: np.random.Generator) -> Image.Image:
    """Return one picture of a digit: turned, slanted, stretched, moved, its points shaken, with noise."""
    turn, slant = np.radians(rng.uniform(-14, 14)), rng.uniform(-0.25, 0.2)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = np.diag(rng.uniform(0.62, 0.85, 2)) @ np.array([[1, 0], [slant, 1]]) @ rotation
    centre = 0.5 + rng.uniform(-0.06, 0.06, 2)
    size = SIDE * _ZOOM
    picture = Image.new("L", (size, size))
    pen = ImageDraw.Draw(picture)
    width = int(rng.uniform(1.8, 3.4) * _ZOOM)
    for stroke in STROKES[digit]:
        points = (stroke - 0.5 + rng.normal(0, 0.008, stroke.shape)) @ matrix + centre
        pen.line([tuple(point) for point in points * size], fill=int(rng.uniform(190, 255)), width=width, joint="curve")
    small = np.asarray(picture.reduce(_ZOOM), dtype=float)
    return Image.fromarray(np.clip(small + rng.normal(0, 12, small.shape), 0, 255).astype(np.uint8))


def write(folder: Path, per_class: int, seed: int) -> int:
    """Write `per_class` pictures of each digit to folder/0 … folder/9, in place of what is there; return how many."""
    rng = np.random.default_rng(seed)
    shutil.rmtree(folder, ignore_errors=True)
    for digit in range(len(STROKES)):
        (folder / str(digit)).mkdir(parents=True)
        for i in range(per_class):
            draw(digit, rng).save(folder / str(digit) / f"{i:05d}.png")
    return len(STROKES) * per_class
