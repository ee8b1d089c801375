"""One source picture: read, decoded, made square, turned and mirrored, written."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import warnings
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FITS = ("squash", "pad", "crop")
VARIANTS: dict[str, tuple[Image.Transpose, ...]] = {
    "": (),
    "r180": (Image.Transpose.ROTATE_180,),
    "flop": (Image.Transpose.FLIP_LEFT_RIGHT,),
    "r180-flop": (Image.Transpose.ROTATE_180, Image.Transpose.FLIP_LEFT_RIGHT),
}
"""The four of document 002: (A) as it is, (R) turned by 180 degrees, and each mirrored at its vertical axis."""
FORMATS: dict[str, dict[str, Any]] = {
    # Level 6 takes half as long again, and of photographs it makes a tenth less.
    "png": {"format": "PNG", "compress_level": 1},
    "jpeg": {"format": "JPEG", "quality": 92, "subsampling": 0},
}
MARGIN = 1.5
"""A JPEG is decoded at a half, a quarter or an eighth of its size where that leaves this many times the wanted one.

Beside decoding whole: 49 dB at 1.5, 42 dB at 1, on noisy photographs of 1600 x 1200 made 256 x 256.
"""


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a picture is made into."""

    size: int
    fit: str
    grey: bool
    format: str


@dataclasses.dataclass(frozen=True)
class Job:
    """A source picture, and where it goes: `stem` without variant and suffix."""

    source: Path
    stem: Path
    variants: Sequence[str]
    shape: Shape


@dataclasses.dataclass(frozen=True)
class Made:
    """What came of a job."""

    digest: str = ""
    """SHA-256 of the source."""
    files: tuple[tuple[str, str], ...] = ()
    """Names of the files, and their SHA-256."""
    broken: str = ""
    """Why the picture cannot be read; then there are no files."""


def make(job: Job) -> Made:
    """Build all variants of a picture. Raises `OSError` where they cannot be written."""
    try:
        data = job.source.read_bytes()
        with warnings.catch_warnings():
            # Of what Pillow can read in spite of it.
            warnings.simplefilter("ignore")
            square = decode(data, job.shape)
    except Exception as error:  # noqa: BLE001 - a decoder that meets damage raises whatever comes of it
        return Made(broken=reason(error))
    files = []
    for name in job.variants:
        image = square
        for step in VARIANTS[name]:
            image = image.transpose(step)
        path = job.stem.with_name(".".join(filter(None, (job.stem.name, name, job.shape.format))))
        files.append((path.name, write(image, path, job.shape)))
    return Made(hashlib.sha256(data).hexdigest(), tuple(files))


def reason(error: Exception) -> str:
    """Return in words why a picture cannot be read."""
    if isinstance(error, UnidentifiedImageError):
        return "no picture in a format that is known"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def decode(data: bytes, shape: Shape) -> Image.Image:
    """Return a picture as a square of 8-bit RGB, or grey. Raises all that a damaged picture can."""
    if not data:
        raise ValueError("the file is empty")
    with Image.open(io.BytesIO(data)) as image:
        least = int(shape.size * MARGIN)
        image.draft("L" if shape.grey else None, (least, least))
        ImageOps.exif_transpose(image, in_place=True)
        plain = eight_bit(image).convert("L" if shape.grey else "RGB")
    # What is written is pixels alone: no profile, no camera, no place.
    plain.info.clear()
    size, lanczos = (shape.size, shape.size), Image.Resampling.LANCZOS
    if shape.fit == "pad":
        return ImageOps.pad(plain, size, lanczos)
    if shape.fit == "crop":
        return ImageOps.fit(plain, size, lanczos)
    return plain.resize(size, lanczos)


def eight_bit(image: Image.Image) -> Image.Image:
    """Return a picture without transparency, which becomes black, and with 8 bits a channel."""
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 257).convert("L")
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of 32 bits ({image.mode}), whose black and white nobody says")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, (0, 0, 0, 255)), clear)
    return image


def write(image: Image.Image, path: Path, shape: Shape) -> str:
    """Write a picture without anything but its pixels; returns the SHA-256."""
    buffer = io.BytesIO()
    image.save(buffer, **FORMATS[shape.format])
    path.write_bytes(buffer.getbuffer())
    return hashlib.sha256(buffer.getbuffer()).hexdigest()
