"""Pictures with more than 8 bits a channel: how deep their data is, and made 8 without a guess."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from PIL import ImageChops

if TYPE_CHECKING:
    from typing import Any

    from PIL import Image

BITS = range(8, 17)
"""What `--bits` can say."""
FULL = 2**15
"""A value from which on data can only be of 16 bits."""
TIFF_BITS, TIFF_KIND, WHITE_IS_ZERO = 258, 262, 0
"""TIFF's tags BitsPerSample and PhotometricInterpretation, and a value of the latter."""


class Unfit(ValueError):
    """A picture that is not read as it is.

    `mogrify`: words of ImageMagick's that make a copy which is; `option`, `least`: an option, and the least of it that
    takes the picture.
    """

    def __init__(self, problem: str, mogrify: str = "", *, option: str = "", least: int = 0) -> None:
        super().__init__(problem)
        self.mogrify, self.option, self.least = mogrify, option, least


CONVERTED = "-format png"
"""What makes of a picture one that is read here."""


@dataclasses.dataclass(frozen=True)
class Depth:
    """How deep a picture is, as its file says it."""

    bits: int = 8
    """Of a channel: up to 16, or 32."""
    white: int = 0
    """What white is in the pixels that Pillow makes of it; 0 where the file does not say."""
    negative: bool = False
    """Whether 0 is white, and Pillow leaves it so."""


def source_depth(image: Image.Image, data: bytes) -> Depth:
    """Return the depth of a picture that is open and not loaded; `data`: its file.

    Raises `Unfit` for what Pillow would decode into something else.
    """
    if image.format == "PPM":
        return _of_ppm(image)
    if image.format == "TIFF":
        return _of_tiff(image)
    if image.format == "JPEG2000":
        return _of_jpeg2000(image, data)
    if image.format == "AVIF":
        return _of_avif(data)
    if image.mode.startswith("I"):
        return Depth(16 if ";" in image.mode else 32)
    return Depth(16 if image.format == "PNG" and ";16" in _raw_modes(image) else 8)


def _raw_modes(image: Image.Image) -> str:
    """Return what Pillow calls the pixels of the file that it will decode."""
    return " ".join(str(tile[3]) for tile in getattr(image, "tile", ()))


def _of_ppm(image: Any) -> Depth:
    """Return the depth of a PGM or PPM picture: its greatest value is white, unless that is only what 16 bits hold."""
    codec, _, _, words = image.tile[0]
    if codec == "raw" or not isinstance(words, tuple):
        return Depth(16) if image.mode == "I" else Depth()
    most = words[1]
    return Depth(max(8, most.bit_length()), 0 if most == 2**16 - 1 else 2**16 - 1)


def _of_tiff(image: Any) -> Depth:
    """Return the depth of a TIFF picture."""
    bits = max(image.tag_v2.get(TIFF_BITS, (1,)))
    if bits <= 8 or image.mode in ("I", "F"):
        return Depth(max(8, bits))
    if ";" not in _raw_modes(image):
        # Its raw decoder takes each plane for one of 8 bits.
        raise Unfit(f"a TIFF picture of {bits} bits a channel with a plane for each, which is not read here", CONVERTED)
    negative = image.tag_v2.get(TIFF_KIND, WHITE_IS_ZERO) == WHITE_IS_ZERO
    return Depth(bits, 2**bits - 1 if bits < 16 else 0, negative)


def _of_jpeg2000(image: Image.Image, data: bytes) -> Depth:
    """Return the depth of a JPEG 2000 picture: the Ssiz of its components, as ISO/IEC 15444-1 A.5.1 has them."""
    start = data.find(b"\xff\x4f\xff\x51") + 40
    components = int.from_bytes(data[start : start + 2], "big")
    bits = max((1 + (size & 0x7F) for size in data[start + 2 : start + 2 + 3 * components : 3]), default=8)
    if bits <= 8:
        return Depth()
    if image.mode != "I;16" or bits > 16:
        # Pillow rounds white up to one more than 8 bits hold, which is black.
        raise Unfit(
            f"a JPEG 2000 picture of {bits} bits a channel, which is not read here unless it is grey", CONVERTED
        )
    return Depth(bits, 2**16 - 2 ** (16 - bits) if bits < 16 else 0)


def _of_avif(data: bytes) -> Depth:
    """Return the depth of an AVIF picture, as its box av1C has it; white is said by the codec."""
    flags = data[data.find(b"av1C") + 6]
    return Depth((12 if flags & 0x20 else 10) if flags & 0x40 else 8, 255)


def fit_transparency(image: Image.Image) -> None:
    """Give the transparent value of an open PNG picture the depth of its pixels: Pillow leaves it as it is."""
    clear: Any = image.info.get("transparency")
    raw = _raw_modes(image)
    if isinstance(clear, tuple) and ";16" in raw:
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    elif isinstance(clear, int) and raw in ("L;2", "L;4"):
        image.info["transparency"] = clear * 255 // (2 ** int(raw[-1]) - 1)


def to_eight(image: Image.Image, depth: Depth, asked: int) -> Image.Image:
    """Return a loaded picture with 8 bits a channel; `asked`: `--bits`, or 0.

    Raises `ValueError` where nobody says which value is white: `Unfit` where an option would, or scaling.
    """
    if image.mode == "F":
        raise ValueError("pixels of 32 bits (F), whose black and white nobody says; convert it to 16 bits first")
    if depth.bits == 8:
        return image
    if not image.mode.startswith("I"):
        if not depth.white:
            _check_colour(image, asked)
        return image
    whole = _without_clear(image)
    white = depth.white or _white(whole, depth, asked)
    if white == 2**16 - 1:
        eight = whole.point(lambda value: value / 257).convert("L")
    else:
        eight = whole.point(lambda value: value * (255 / white) + 0.5).convert("L")
    return ImageChops.invert(eight) if depth.negative else eight


def _without_clear(image: Image.Image) -> Image.Image:
    """Return a grey picture in 32 bits, and what is transparent in it as 0."""
    clear = image.info.pop("transparency", None)
    whole = image.convert("I")
    if clear is not None:
        whole.paste(0, mask=whole.point([255 * (value == clear) for value in range(2**16)], "L"))
    return whole


def _white(whole: Image.Image, depth: Depth, asked: int) -> int:
    """Return what white is in a grey picture whose file does not say it."""
    extremes: Any = whole.getextrema()
    least, most = extremes
    bits = asked or _known(depth, least, most)
    white = 2**bits - 1
    problem = f"a pixel of {most if most > white else least} is none of --bits {bits}, from 0 to {white}"
    if least < 0 or most >= 2**16:
        raise ValueError(f"{problem}; convert it to 16 bits first")
    if most > white:
        needed = most.bit_length()
        raise Unfit(f"{problem}: --bits {needed} holds it", option="--bits", least=needed)
    return int(white)


def _known(depth: Depth, least: int, most: int) -> int:
    """Return the depth that the values themselves prove."""
    if least < 0 or most >= 2**16:
        problem = f"pixels of {depth.bits} bits (I), from {least} to {most}, whose black and white nobody says"
        raise ValueError(f"{problem}; convert it to 16 bits first")
    if depth.bits == 16 and (most >= FULL or not most):
        return 16
    shown = max(8, most.bit_length())
    end, near = ("black", "light") if depth.negative else ("white", "dark")
    way = f"--bits {shown} where that is nearly {end}" + ("" if shown == 16 else f", --bits 16 where it is only {near}")
    raise Unfit(f"pixels of {depth.bits} bits, none of which is over {most}: {way}", option="--bits", least=shown)


def _check_colour(image: Image.Image, asked: int) -> None:
    """Raise `ValueError` for colour of 16 bits with data of other depth: its lower bits are gone."""
    colours = image.convert("RGB") if image.mode in ("LA", "RGBA") else image
    extremes = colours.getextrema()
    most = max(int(pair[1]) for pair in extremes if isinstance(pair, tuple))
    # Of the brightest value, what is left of it: Pillow rounds PPM, and cuts off the lower bits of all else.
    brightest = most * 257 - 128 if image.format == "PPM" else most << 8
    if asked == 16 or (not asked and brightest >= FULL):
        return
    if brightest >= FULL:
        raise ValueError("colour of 16 bits a channel, which uses all of them; build it without --bits")
    depth = max(8, asked, brightest.bit_length())
    black = "" if most else ", or nothing but black"
    problem = f"colour of 16 bits a channel, and data of {depth} or fewer in it{black}, which is not scaled here"
    # Alpha stays as it is; ink has none.
    channels = "" if image.mode == "CMYK" else "-channel RGB "
    mogrify = f"{channels}-evaluate multiply {2 ** (16 - depth)}"
    raise Unfit(f"{problem}; --bits 16 takes it as it is", mogrify, option="mogrify", least=depth)
