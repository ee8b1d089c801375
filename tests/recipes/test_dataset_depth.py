"""Pictures that are deeper, larger or otherwise called than most: built right, or named with the way out."""

from __future__ import annotations

import os
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.recipes.build_lab import Workshop, picture
from tests.recipes.deep_lab import CLEAR, COLOUR, EIGHT, GREY, GREY_CLEAR, RAMP, chunked, grey_of, made, near, png, tiff


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give Pillow its own limit back, which a build sets for its process."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def test_data_of_12_bits_in_files_of_16_is_asked_about_and_then_scaled_as_it_is(tmp_path: Path) -> None:
    png(tmp_path / "x.png", GREY, RAMP)
    tiff(tmp_path / "y.tif", 16, struct.pack("<8H", *RAMP) * 8)
    for path in (tmp_path / "x.png", tmp_path / "y.tif"):
        why = made(path).broken
        assert "pixels of 16 bits, none of which is over 4095: --bits 12 where that is nearly white" in why
        assert "--bits 16 where it is only dark" in why
        assert grey_of(path, bits=12) == EIGHT
        assert max(grey_of(path, bits=16)) == 15


@pytest.mark.parametrize("bits", range(10, 16))
def test_so_is_all_that_16_bits_hold_but_16(tmp_path: Path, bits: int) -> None:
    png(tmp_path / "x.png", GREY, [value >> 12 - bits if bits < 12 else value << bits - 12 for value in RAMP])
    assert f"--bits {bits} where that is nearly white" in made(tmp_path / "x.png").broken
    assert near(grey_of(tmp_path / "x.png", bits=bits), EIGHT)


def test_data_that_is_of_16_bits_or_says_what_is_white_needs_no_word(tmp_path: Path) -> None:
    png(tmp_path / "full.png", GREY, [value * 16 for value in RAMP])
    png(tmp_path / "black.png", GREY, [0] * 8)
    pairs = zip(RAMP[::2], RAMP[1::2], strict=True)
    packed = b"".join(((high << 12) | low).to_bytes(3, "big") for high, low in pairs)
    tiff(tmp_path / "packed.tif", 12, packed * 8)
    (tmp_path / "white.pgm").write_bytes(b"P5 8 8 4095\n" + struct.pack(">8H", *RAMP) * 8)
    assert grey_of(tmp_path / "packed.tif") == EIGHT
    assert near(grey_of(tmp_path / "full.png"), EIGHT)
    assert near(grey_of(tmp_path / "white.pgm"), EIGHT)
    assert grey_of(tmp_path / "black.png") == [0] * 8
    assert made(tmp_path / "packed.tif").deep


def test_a_value_that_is_more_than_the_bits_hold_is_not_cut_off(tmp_path: Path) -> None:
    png(tmp_path / "x.png", GREY, [*RAMP[:7], 5000])
    assert (
        made(tmp_path / "x.png", bits=12).broken
        == "a pixel of 5000 is none of --bits 12, from 0 to 4095: --bits 13 holds it"
    )


def test_numbers_of_32_bits_are_taken_where_somebody_says_what_is_white(tmp_path: Path) -> None:
    image = Image.new("I", (8, 8))
    image.putdata(RAMP * 8)
    image.save(tmp_path / "x.tif")
    assert "pixels of 32 bits, none of which is over 4095: --bits 12" in made(tmp_path / "x.tif").broken
    assert grey_of(tmp_path / "x.tif", bits=12) == EIGHT
    Image.new("I", (8, 8), -70_000).save(tmp_path / "y.tif")
    assert "from -70000 to -70000, whose black and white nobody says; convert it" in made(tmp_path / "y.tif").broken
    Image.new("F", (8, 8), 0.5).save(tmp_path / "z.tif")
    assert "pixels of 32 bits (F), whose black and white nobody says; convert it" in made(tmp_path / "z.tif").broken


@pytest.mark.parametrize("kind", [COLOUR, GREY_CLEAR, CLEAR])
def test_colour_of_16_bits_with_less_in_it_is_never_black_without_a_word(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "x.png"
    png(path, kind, RAMP)
    why = made(path).broken
    assert "colour of 16 bits a channel, and data of 12 or fewer in it, which is not scaled here" in why
    assert "-evaluate multiply 16 " in why
    assert made(path, bits=12).broken == why
    assert max(grey_of(path, bits=16)) == 15
    png(path, kind, [value * 16 for value in RAMP])
    assert near(grey_of(path), EIGHT)


@pytest.mark.parametrize("kind", [COLOUR, GREY_CLEAR, CLEAR])
def test_colour_that_holds_more_than_is_said_is_not_to_be_blown_out(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "x.png"
    png(path, kind, [value * 16 for value in RAMP])
    assert made(path, bits=12).broken == "colour of 16 bits a channel, which uses all of them; build it without --bits"
    png(path, kind, [value * 4 for value in RAMP])
    assert "data of 14 or fewer in it" in made(path, bits=12).broken
    assert "-evaluate multiply 4 " in made(path, bits=12).broken


def test_what_scales_pictures_leaves_the_originals_and_makes_no_class(workshop: Workshop) -> None:
    folder = workshop.datasets / "my eyes"
    png(folder / "a" / "x.png", COLOUR, RAMP)
    picture(folder / "b" / "plain.png", 1)
    said = workshop.build("built", "--from=my eyes", "--val=0", code=2)
    assert f"{folder / 'a' / 'x.png'} cannot be read: colour of 16 bits a channel" in said
    command = said.split("on the host: ")[1].split(" (of imagemagick)")[0]
    tools = workshop.volume / "bin"
    tools.mkdir()
    (tools / "mogrify").write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done\n')
    (tools / "mogrify").chmod(0o755)
    path = {"PATH": f"{tools}:{os.environ['PATH']}"}
    words = subprocess.run(["sh", "-c", command], env=path, check=True, capture_output=True, text=True).stdout
    copies = workshop.datasets / "my eyes-scaled" / "a"
    wanted = ["-path", copies, "-channel", "RGB", "-evaluate", "multiply", "16", folder / "a" / "x.png"]
    assert words.splitlines() == [str(word) for word in wanted]
    assert copies.is_dir()


def test_a_picture_over_the_limit_names_the_option_that_takes_it(tmp_path: Path) -> None:
    picture(tmp_path / "x.png", 1, (1500, 1400))
    why = made(tmp_path / "x.png", megapixels=2).broken
    assert why == "3 megapixels; --megapixels 3 takes it, where it is to be trusted (here: 2)"
    assert grey_of(tmp_path / "x.png", megapixels=3)


@pytest.mark.life
def test_a_slide_of_181_megapixels_is_built_when_asked_for(workshop: Workshop) -> None:
    """Of one bit each, in some kilobytes."""
    width, height = 19_000, 9_500
    rows = zlib.compressobj(9)
    row = b"\0" + b"\xff" * (width // 8)
    data = b"".join(rows.compress(row) for _ in range(height)) + rows.flush()
    slide, small = workshop.datasets / "slides" / "a" / "x.png", ("--size=8", "--augment=none", "--val=0")
    picture(workshop.datasets / "slides" / "b" / "y.png", 1)
    chunked(slide, struct.pack(">IIBBBBB", width, height, 1, GREY, 0, 0, 0), data)
    said = workshop.build("built", "--from=slides", *small, code=2)
    assert "181 megapixels; --megapixels 181 takes it, where it is to be trusted (here: 179)" in said
    workshop.build("built", "--from=slides", *small, "--megapixels=181", "--workers=1")
    assert workshop.open(workshop.datasets / "built/train/a/x.png").getextrema() == ((255, 255),) * 3


def test_how_deep_and_how_large_are_settings_of_the_whole(workshop: Workshop) -> None:
    png(workshop.datasets / "deep" / "a" / "x.png", GREY, RAMP)
    picture(workshop.datasets / "deep" / "b" / "plain.png", 1)
    words = ("--from=deep", "--val=0", "--augment=none", "--size=8")
    said = workshop.build("built", *words, "--bits=7", "--megapixels=0", code=2)
    assert "invalid choice: 7" in said
    said = workshop.build("built", *words, "--workers=0", "--megapixels=0", code=2)
    assert "--megapixels 0: from 1 to " in said
    assert "--workers 0: " in said
    said = workshop.build("built", *words, "--bits=12")
    assert "1 pictures of more than 8 bits a channel, scaled to 8" in said
    assert "bits was 12, is not given" in workshop.build("built", *words, code=2)


KINDS = {
    "jfif": "JPEG",
    "jpe": "JPEG",
    "avif": "AVIF",
    "jp2": "JPEG2000",
    "j2k": "JPEG2000",
    "dib": "DIB",
    "pnm": "PPM",
    "apng": "PNG",
}


def test_pictures_of_every_name_are_taken_and_other_files_are_named(workshop: Workshop) -> None:
    folder = workshop.datasets / "named"
    for number, (end, form) in enumerate(KINDS.items()):
        picture(folder / "a" / f"{end}.{end}", number, format=form)
        picture(folder / "b" / f"{end}.{end.upper()}", number + 50, format=form)
    Image.new("1", (8, 8), 1).save(folder / "b" / "bits.pbm", format="PPM")
    left = [f"b/{name}" for name in ("1.heic", "2.dcm", "3", "4.txt", "5.txt", "6.txt")]
    for name in left:
        (folder / name).write_bytes(b"x")
    for name in ("__MACOSX", "@eaDir", ".hidden"):
        picture(folder / name / "thumb.jpg", 9)
    said = workshop.build("built", "--from=named", "--val=0", "--augment=none", "--size=8")
    assert workshop.manifest("built")["counts"]["pictures"] == 2 * len(KINDS) + 1
    assert workshop.lines("built", "labels.txt") == ["a", "b"]
    assert (
        "6 files left out, which are no pictures by their names: b/1.heic, b/2.dcm, b/3, b/4.txt, b/5.txt and 1 more"
        in said
    )
    assert workshop.lines("built", "left-out.txt") == left


def test_a_class_without_a_picture_says_what_it_holds(workshop: Workshop) -> None:
    folder = workshop.datasets / "kinds"
    picture(folder / "camera" / "1.jpg", 1)
    (folder / "phone").mkdir()
    (folder / "phone" / "1.heic").write_bytes(b"x")
    said = workshop.build("built", "--from=kinds", code=2)
    assert f"{folder / 'phone'} holds no picture by its name; it holds phone/1.heic" in said


def test_the_options_that_take_all_pictures_are_told_at_once(workshop: Workshop) -> None:
    """Pictures of 9, 10 and 11 bits, of 2 and 3 megapixels, and of colour, the one that wants most in the middle."""
    folder = workshop.datasets / "deep"
    for number, most in enumerate((511, 2047, 1023)):
        png(folder / "a" / f"{number}.png", GREY, [0] * 7 + [most])
    words = ("--from=deep", "--val=0", "--augment=none", "--size=8")
    picture(folder / "b" / "plain.png", 1)
    said = workshop.build("built", *words, "--bits=9", code=2).splitlines()
    assert f"{folder}/a/1.png cannot be read: a pixel of 2047 is none of --bits 9, from 0 to 511: " in said[-2]
    assert said[-2].endswith(": --bits 11 holds it; 1 more of its kind want no more than that")
    assert said[-1] == "gpurig: to leave such pictures out and list them in broken.txt: --broken skip"
    for number, (width, bright) in enumerate(((1100, 1000), (2100, 4000), (1200, 2000))):
        picture(folder / "b" / f"large {number}.png", number + 7, (width, 1000))
        png(folder / "b" / f"colour {number}.png", COLOUR, [0] * 7 + [bright])
    said = workshop.build("built", *words, "--megapixels=1", code=2).splitlines()
    assert len(said) == 5
    assert f"{folder}/a/1.png cannot be read: pixels of 16 bits, none of which is over 2047: --bits 11 " in said[1]
    assert f"{folder}/b/colour 1.png cannot be read: colour of 16 bits a channel, and data of 12 " in said[2]
    assert f"{folder}/b/large 1.png cannot be read: 3 megapixels; --megapixels 3 takes it" in said[3]
    assert all(line.endswith("; 2 more of its kind want no more than that") for line in said[1:4])
