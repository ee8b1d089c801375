"""Pictures with more than 8 bits a channel: how deep their data is, and made 8 without a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from PIL import Image

BITS = range(8, 17)
"""What `--bits` can say."""
TIFF_BITS = 258
"""TIFF's tag BitsPerSample."""
FULL = 2**15
"""A value from which on data can only be of 16 bits."""


def source_bits(image: Image.Image) -> int:
    """Return the bits a channel of a picture that is open and not loaded, as its format says them: 8 to 16, or 32."""
    if image.mode == "I":
        # Of PGM, which says what is white, Pillow makes 16 bits.
        return 16 if image.format == "PPM" else 32
    if image.mode.startswith("I;16"):
        packed = getattr(image, "tag_v2", {}).get(TIFF_BITS, ())
        return packed[0] if packed and packed[0] in BITS else 16
    # Pillow decodes colour of 16 bits to 8, by leaving out the lower ones.
    return 16 if any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())) else 8


def to_eight(image: Image.Image, bits: int, asked: int) -> Image.Image:
    """Return a loaded picture with 8 bits a channel; `bits`: what `source_bits` said, `asked`: `--bits`, or 0.

    Raises `ValueError` where nobody says which value is white.
    """
    if image.mode == "F":
        raise ValueError("pixels of 32 bits (F), whose black and white nobody says; convert it to 16 bits first")
    if bits == 8:
        return image
    if not image.mode.startswith("I"):
        _check_colour(image, asked)
        return image
    whole = image.convert("I")
    extremes: Any = whole.getextrema()
    least, most = extremes
    said = image.format == "PPM" or bits < 16
    depth = bits if said else asked or _known(bits, least, most)
    white = 2**depth - 1
    if least < 0 or most > white:
        raise ValueError(f"a pixel of {most if most > white else least} is none of --bits {depth}, from 0 to {white}")
    if depth == 16:
        return whole.point(lambda value: value / 257).convert("L")
    return whole.point(lambda value: value * (255 / white) + 0.5).convert("L")


def _known(bits: int, least: int, most: int) -> int:
    """Return the depth that the values themselves prove."""
    if bits == 16 and (most >= FULL or not most):
        return 16
    if bits == 16 or 0 <= least <= most <= 2**16 - 1:
        shown = max(8, most.bit_length())
        way = f"--bits {shown} where that is nearly white" + (
            "" if shown == 16 else ", --bits 16 where it is only dark"
        )
        raise ValueError(f"pixels of {bits} bits, none of which is over {most}: {way}")
    problem = f"pixels of 32 bits (I), from {least} to {most}, whose black and white nobody says"
    raise ValueError(f"{problem}; convert it to 16 bits first")


def _check_colour(image: Image.Image, asked: int) -> None:
    """Raise `ValueError` for colour of 16 bits with data of fewer: its lower bits are gone."""
    colours = image.convert("RGB") if image.mode == "RGBA" else image
    extremes = colours.getextrema()
    most = max(int(pair[1]) for pair in extremes if isinstance(pair, tuple))
    if asked == 16 or (not asked and (most >= FULL >> 8 or not most)):
        return
    depth = asked or 8 + most.bit_length()
    way = f"on the host, in the pictures' folder: mogrify -evaluate multiply {2 ** (16 - depth)} (of imagemagick)"
    problem = f"colour of 16 bits a channel, and data of {depth} or fewer in it, which is not scaled here"
    raise ValueError(f"{problem}: {way}; --bits 16 takes it as it is")
