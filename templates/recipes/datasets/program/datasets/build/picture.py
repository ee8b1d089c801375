"""One source picture: read, decoded, made square, turned and mirrored, written."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import shlex
import warnings
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageOps, UnidentifiedImageError

from datasets.build.depth import CONVERTED, Unfit, fit_transparency, source_depth, to_eight

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MEGA = 1_000_000
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
BEGINNINGS = {
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
}
"""What files of a format begin with."""
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
    bits: int = 0
    """Bits of the data in pictures of 16, where the user says it."""
    megapixels: int = 179
    """Larger ones are refused."""


@dataclasses.dataclass(frozen=True)
class Job:
    """A source picture, and where it goes: `stem` without variant and suffix."""

    source: Path
    stem: Path
    variants: Sequence[str]
    shape: Shape
    scaled: Path
    """Where copies of its folder's pictures would go that another program makes: beside all that is built from."""


@dataclasses.dataclass(frozen=True)
class Made:
    """What came of a job."""

    digest: str = ""
    """SHA-256 of the source."""
    files: tuple[tuple[str, str], ...] = ()
    """Names of the files, and their SHA-256."""
    broken: str = ""
    """Why the picture cannot be read; then there are no files."""
    option: str = ""
    """What takes it then, if that is an option or a scale."""
    least: int = 0
    """The least of it that does: bits, or megapixels."""
    deep: bool = False
    """Whether the source has more than 8 bits a channel."""


def make(job: Job) -> Made:
    """Build all variants of a picture. Raises `OSError` where they cannot be written."""
    try:
        data = job.source.read_bytes()
        with warnings.catch_warnings():
            # Of what Pillow can read in spite of it.
            warnings.simplefilter("ignore")
            square, deep = decode(data, job.shape)
    except Exception as error:  # noqa: BLE001 - a decoder that meets damage raises whatever comes of it
        return unread(error, job)
    files = []
    for name in job.variants:
        image = square
        for step in VARIANTS[name]:
            image = image.transpose(step)
        path = job.stem.with_name(".".join(filter(None, (job.stem.name, name, job.shape.format))))
        files.append((path.name, write(image, path, job.shape)))
    return Made(hashlib.sha256(data).hexdigest(), tuple(files), deep=deep)


def unread(error: Exception, job: Job) -> Made:
    """Return in words why a picture cannot be read, and the way out."""
    if isinstance(error, Image.DecompressionBombError):
        found = re.search(r"\d+", str(error))
        size = -(-int(found[0]) // MEGA) if found else job.shape.megapixels + 1
        limit = f"(here: {job.shape.megapixels})"
        why = f"{size} megapixels; --megapixels {size} takes it, where it is to be trusted {limit}"
        return Made(broken=why, option="--megapixels", least=size)
    if isinstance(error, Unfit):
        way = f"; {copied(job, error.mogrify)}" if error.mogrify else ""
        return Made(broken=f"{error}{way}", option=error.option, least=error.least)
    if isinstance(error, OSError) and error.strerror:
        return Made(broken=error.strerror)
    return Made(broken=" ".join(str(error).split()) or type(error).__name__)


def copied(job: Job, words: str) -> str:
    """Return what makes copies on the host that are read here, of all pictures of a folder and of that kind."""
    folder, scaled = shlex.quote(str(job.source.parent)), shlex.quote(str(job.scaled))
    pattern = f"{folder}/*{shlex.quote(job.source.suffix)}"
    command = f"mkdir -p {scaled} && mogrify -path {scaled} {words} {pattern}"
    return f"where all of its folder are so, on the host: {command} (of imagemagick)"


def opened(data: bytes) -> Image.Image:
    """Open a picture. Raises `ValueError` where it is of no format, or no kind of one, that is read here."""
    try:
        return Image.open(io.BytesIO(data))
    except UnidentifiedImageError:
        kinds = [kind for kind, starts in BEGINNINGS.items() if data.startswith(starts)]
        if kinds:
            problem = f"a kind of {kinds[0]} that is not read here, or damaged; convert it to PNG"
            raise Unfit(problem, CONVERTED) from None
        raise ValueError("no picture in a format that is known") from None


def decode(data: bytes, shape: Shape) -> tuple[Image.Image, bool]:
    """Return a picture as a square of 8-bit RGB, or grey, and whether it had more bits.

    Raises all that a damaged picture can.
    """
    if not data:
        raise ValueError("the file is empty")
    Image.MAX_IMAGE_PIXELS = shape.megapixels * MEGA // 2  # Pillow refuses what is more than twice as large
    with opened(data) as image:
        least = int(shape.size * MARGIN)
        depth = source_depth(image, data)
        fit_transparency(image)
        image.draft("L" if shape.grey else None, (least, least))
        ImageOps.exif_transpose(image, in_place=True)
        plain = without_transparency(to_eight(image, depth, shape.bits)).convert("L" if shape.grey else "RGB")
    # What is written is pixels alone: no profile, no camera, no place.
    plain.info.clear()
    size, lanczos = (shape.size, shape.size), Image.Resampling.LANCZOS
    if shape.fit == "pad":
        square = ImageOps.pad(plain, size, lanczos)
    elif shape.fit == "crop":
        square = ImageOps.fit(plain, size, lanczos)
    else:
        square = plain.resize(size, lanczos)
    return square, depth.bits > 8


def without_transparency(image: Image.Image) -> Image.Image:
    """Return a picture without transparency, which becomes black."""
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
