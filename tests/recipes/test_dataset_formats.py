"""16 bits a channel in every format that holds them: never black without a word, never another picture than it is."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.recipes.deep_lab import COLOUR, EIGHT, GREY, RAMP, chunked, grey_of, made, near, png, tiff

FULL = [value * 16 for value in RAMP]
LITTLE, BIG = struct.pack("<8H", *RAMP), struct.pack(">8H", *RAMP)
TEXT = " ".join(map(str, RAMP)).encode()


def thrice(row: bytes, size: int = 2) -> bytes:
    """Return a row of grey as one of colour."""
    return b"".join(row[at : at + size] * 3 for at in range(0, len(row), size))


COLOUR_J2K = (
    "|4;u>051Rl000080000800000000000000800008000000000000R#J0S^HI4*>!HQUDA90003200aa80smY81VDiQkN^q*00000hyVfqli&E0"
    "pb=`J;@|~|At5C3xJP{l%o2n-2wG6`q;5eT5IVdZaQp9zT~9#8ZgLZv(RWoKsGE>SgbuF<96tNv*Hh3jTbzXEv|ZImDkkI+;RCC|#}B^vwbb+sR_7s"
    "4*p6&JHXoY;*H;PF`r2Jv8+_k4&GUTUH-Lcu*#"
)
"""RAMP in each of three channels of 16 bits, by OpenJPEG through imagecodecs; base 85."""
GREY_J2K = (
    "|4;u>04V?f0000800008000000000000008000080000000000009dD0sm3}3;+NC0RR951ONg5TmS?>VE>Q+3IG5A003zK0soWV;b0MJq2k~Li690+"
    "LVqeERy1tmAvkfv@4hW{Jp&cF$WCiT-Bg02Zb2RpI=mck`|pcgPe8?Paub@-cU2&$n?BIhsKU7I3n|tCxNlZB5#hfLht}1n>_`9E"
)
"""A quarter of RAMP in one channel of 12 bits."""
COLOUR_AVIF = (
    "0000WW^{RQVRmU|00000VRmU|ZE0pPZE0a<O+hh10002%ZDn*}000000000XXk=`10000000000aA{+7000000000000000000004sdC7Z2$lO00031"
    "0016oY;R)#0000)000310RR910RR926951JK>z>%C~0YKW&i*H00031000_kZf0cy000000RRADb}%tRZ)|UJ00000YH4tCZ~y=ROKEUpZvX%Q6lrsC"
    "WdHyG000002mk;82mk;85O8UDX#fBK00RmN3IG5A3}JRLLxCVb000006Ju{|a&BX6cmM(b0ssJj0000NX>e^}0000000001009I60)qqq002pCWMOm?"
    "015~=2*2k70sxRQGY|j(_5j3&s<FIGGK38*l8^%U<vZ)*PzllED+pWF@)=GRcCCy6i~(-U5&uv$HfxFy"
)
"""A quarter of RAMP in three channels of 10 bits, by libavif through imagecodecs."""


def _grey(path: Path) -> None:
    """Write RAMP as Pillow does."""
    image = Image.new("I;16", (8, 8))
    image.frombytes(LITTLE * 8)
    image.save(path)


DARK: dict[str, Callable[[Path], object]] = {
    "grey.png": lambda path: png(path, GREY, RAMP),
    "colour.png": lambda path: png(path, COLOUR, RAMP),
    "colour of 8 bits.png": lambda path: png(path, COLOUR, [value >> 4 for value in RAMP]),
    "grey.pgm": lambda path: path.write_bytes(b"P5 8 8 65535\n" + BIG * 8),
    "grey text.pgm": lambda path: path.write_bytes(b"P2 8 8 65535\n" + (TEXT + b"\n") * 8),
    "colour.ppm": lambda path: path.write_bytes(b"P6 8 8 65535\n" + thrice(BIG) * 8),
    "colour text.ppm": lambda path: path.write_bytes(
        b"P3 8 8 65535\n" + b" ".join(b"%d %d %d" % (v, v, v) for v in RAMP * 8)
    ),
    "grey.tif": lambda path: tiff(path, 16, LITTLE * 8),
    "negative.tif": lambda path: tiff(path, 16, LITTLE * 8, kind=0),
    "colour.tif": lambda path: tiff(path, 16, thrice(LITTLE) * 8, kind=2, channels=3),
    "planes.tif": lambda path: tiff(path, 16, LITTLE * 24, kind=2, channels=3, planar=True),
    "grey.jp2": _grey,
    "colour.j2k": lambda path: path.write_bytes(base64.b85decode(COLOUR_J2K)),
}


@pytest.mark.parametrize("name", DARK)
def test_data_of_12_bits_or_fewer_in_16_is_never_taken_without_a_word(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    DARK[name](path)
    assert made(path).broken


@pytest.mark.parametrize("name", [name for name in DARK if name.startswith("grey")])
def test_grey_of_every_format_is_scaled_by_what_is_said_of_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    DARK[name](path)
    assert "--bits 12 where that is nearly white" in made(path).broken
    assert grey_of(path, bits=12) == EIGHT


@pytest.mark.parametrize("name", ["colour.png", "colour.ppm", "colour text.ppm", "colour.tif"])
def test_colour_of_every_format_says_how_much_is_in_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    DARK[name](path)
    assert "colour of 16 bits a channel, and data of 12 or fewer in it, which is not scaled here" in made(path).broken
    assert made(path, bits=16).deep


def test_a_colour_picture_that_may_be_black_or_of_8_bits_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    png(path, COLOUR, [0] * 8)
    assert "data of 8 or fewer in it, or nothing but black, which is not scaled here" in made(path).broken
    assert grey_of(path, bits=16) == [0] * 8


def test_formats_that_say_what_is_white_are_taken_as_dark_as_they_are_and_counted(tmp_path: Path) -> None:
    quarter = [value / 4 for value in EIGHT]
    (tmp_path / "grey.pgm").write_bytes(b"P5 8 8 16380\n" + BIG * 8)
    (tmp_path / "colour.ppm").write_bytes(b"P6 8 8 16380\n" + thrice(BIG) * 8)
    (tmp_path / "grey.j2k").write_bytes(base64.b85decode(GREY_J2K))
    for name in ("grey.pgm", "colour.ppm", "grey.j2k"):
        assert max(abs(a - b) for a, b in zip(grey_of(tmp_path / name), quarter, strict=True)) <= 1
        assert made(tmp_path / name).deep
    (tmp_path / "colour.avif").write_bytes(base64.b85decode(COLOUR_AVIF))
    assert near(grey_of(tmp_path / "colour.avif"), EIGHT)
    assert made(tmp_path / "colour.avif").deep


def test_colour_of_16_bits_that_uses_them_is_counted(tmp_path: Path) -> None:
    row = thrice(struct.pack(">8H", *FULL))
    (tmp_path / "x.ppm").write_bytes(b"P6 8 8 65535\n" + row * 8)
    tiff(tmp_path / "x.tif", 16, thrice(struct.pack("<8H", *FULL)) * 8, kind=2, channels=3)
    for path in (tmp_path / "x.ppm", tmp_path / "x.tif"):
        assert near(grey_of(path), EIGHT)
        assert made(path).deep


def test_grey_whose_white_is_0_is_no_negative(tmp_path: Path) -> None:
    tiff(tmp_path / "deep.tif", 16, struct.pack("<8H", *FULL) * 8, kind=0)
    tiff(tmp_path / "plain.tif", 8, bytes(EIGHT) * 8, kind=0)
    assert grey_of(tmp_path / "plain.tif") == EIGHT[::-1]
    assert near(grey_of(tmp_path / "deep.tif"), EIGHT[::-1])
    tiff(tmp_path / "dark.tif", 16, LITTLE * 8, kind=0)
    assert (
        "--bits 12 where that is nearly black, --bits 16 where it is only light" in made(tmp_path / "dark.tif").broken
    )
    assert near(grey_of(tmp_path / "dark.tif", bits=12), EIGHT[::-1])


def test_what_is_transparent_is_so_by_the_whole_value(tmp_path: Path) -> None:
    """And so black; the second of them has the lower byte of the third and the upper one of no other."""
    values = [0, 0x2480, 0x4924, 0x6D00, 0x9200, 0xB600, 0xDB00, 0xFF00]
    for kind, times in ((GREY, 1), (COLOUR, 3)):
        png(tmp_path / "x.png", kind, values, clear=struct.pack(">H", 0x4924) * times)
        assert near(grey_of(tmp_path / "x.png"), [0, 36, 0, 109, 146, 182, 219, 255])
    # One that stands for "nothing was measured" says nothing of the depth either.
    png(tmp_path / "x.png", GREY, [*RAMP[:7], 65535], clear=b"\xff\xff")
    assert grey_of(tmp_path / "x.png", bits=12) == [*EIGHT[:7], 0]
    # Of 4 bits, 5 in 15.
    chunked(
        tmp_path / "x.png",
        struct.pack(">IIBBBBB", 8, 8, 4, GREY, 0, 0, 0),
        zlib.compress(b"\0\x02\x45\x79\xbf" * 8),
        b"\0\5",
    )
    assert grey_of(tmp_path / "x.png") == [0, 34, 68, 0, 119, 153, 187, 255]


def test_colours_of_16_bits_a_pixel_are_not_deep(tmp_path: Path) -> None:
    """A BMP picture of 5, 6 and 5 bits, all of them dark."""
    row = struct.pack("<8H", *(value << 11 | value << 6 | value for value in range(8)))
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    head = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 16, 3, 128, 0, 0, 0, 0) + masks
    (tmp_path / "x.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 14 + len(head) + 128, 0, 0, 66) + head + row * 8)
    assert near(grey_of(tmp_path / "x.bmp"), [value * 255 // 31 for value in range(8)])
    assert not made(tmp_path / "x.bmp").deep


def test_a_kind_of_a_format_that_is_not_read_is_named(tmp_path: Path) -> None:
    """TIFF of 10 bits; JPEG of 12; PNG with its header cut off."""
    tiff(tmp_path / "x.tif", 10, bytes(80))
    Image.new("L", (8, 8)).save(tmp_path / "x.jpg")
    data = (tmp_path / "x.jpg").read_bytes()
    frame = data.index(b"\xff\xc0") + 4
    (tmp_path / "x.jpg").write_bytes(data[:frame] + b"\x0c" + data[frame + 1 :])
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, kind in (("x.tif", "TIFF"), ("x.jpg", "JPEG"), ("x.png", "PNG")):
        why = made(tmp_path / name).broken
        assert why.startswith(f"a kind of {kind} that is not read here, or damaged; convert it to PNG; ")
        assert "-format png" in why
