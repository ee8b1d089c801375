"""Data sets that cannot be built as asked: every mistake of table, labels and folders by its line; broken pictures."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.recipes.build_lab import TABLE, Workshop, eyes, picture


def refused(workshop: Workshop, *words: str) -> list[str]:
    """Return the lines that say why `retina` is not built; nothing of it is there then."""
    said = workshop.build("retina", *words, code=2)
    assert not {"retina", ".retina.building"} & workshop.there()
    return said.splitlines()


def test_every_mistake_of_a_table_is_told_with_its_line(workshop: Workshop) -> None:
    folder = eyes(workshop, 6)
    picture(folder / "twice.png", 1)
    picture(folder / "twice.jpg", 2)
    table = folder / "table.tsv"
    bad = ["000_left\tneg", "001_left", "002_left\tneg\t3", "gone\tneg", "003_left\tmild", "twice\tneg", "004_left,pos"]
    table.write_text("\n".join([*bad, "", "../../etc/passwd\tneg", "000_left.jpeg\tpos", "005_left\t7"]))
    said = refused(workshop, *TABLE)
    wanted = {
        2: "1 column; two are wanted",
        3: "3 columns; two are wanted",
        4: f'there is no picture "gone" in {folder}',
        5: 'there is no class "mild"; there are: neg, pos',
        6: '"twice" may be each of twice.jpg, twice.png',
        7: "1 column; two are wanted, picture and class, with a tab between them",
        9: 'there is no picture "../../etc/passwd"',
        10: '"000_left.jpeg" has a row already, in line 1',
        11: 'there is no class "7"',
    }
    assert [line.split(":")[2] for line in said] == [str(number) for number in wanted]
    for line, (number, what) in zip(said, wanted.items(), strict=True):
        assert line.startswith(f"gpurig: {table}:{number}: {what}")


def test_a_heading_is_taken_for_one(workshop: Workshop) -> None:
    folder = eyes(workshop, 4)
    table = folder / "table.tsv"
    table.write_text(f"image\tlevel\n{table.read_text()}")
    said = refused(workshop, *TABLE)
    assert [line for line in said if line.startswith(f"gpurig: {table}:1: ")] == said[:-1]
    assert said[-1] == f"gpurig: if line 1 is a heading, take it off: sed -i 1d {table}"


def test_pictures_without_a_row_and_classes_without_a_picture(workshop: Workshop) -> None:
    folder = eyes(workshop, 8)
    (folder / "labels.txt").write_text("neg\npos\nsevere\n")
    rows = (folder / "table.tsv").read_text().splitlines()
    (folder / "table.tsv").write_text("\n".join(rows[2:]))
    said = refused(workshop, *TABLE)
    assert f'gpurig: {folder / "labels.txt"}: no picture of {folder / "table.tsv"} is a "severe"' in said
    assert any("has no row for 2 pictures" in line and "000_left.jpeg, 001_left.jpeg" in line for line in said)
    (folder / "labels.txt").write_text("neg\npos\n")
    assert "gpurig: to leave them out: --partial" in refused(workshop, *TABLE)
    workshop.build("retina", *TABLE, "--partial", "--size", "16")
    assert workshop.manifest("retina")["counts"]["pictures"] == 6


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("neg\npos\nneg\n", ':3: "neg" is there already, in line 1'),
        ("neg\n\npos\n", ":2: an empty row"),
        ("neg\t0\npos\t1\n", ":1: a tab"),
        ("neg\n", " names 1 class; two are the least"),
        ("neg\np\udcf6s\n", ":2: no UTF-8 text"),
    ],
)
def test_the_labels_are_checked_by_line(workshop: Workshop, labels: str, said: str) -> None:
    folder = eyes(workshop, 4)
    (folder / "labels.txt").write_bytes(labels.encode("utf-8", "surrogateescape"))
    assert refused(workshop, *TABLE)[0].startswith(f"gpurig: {folder / 'labels.txt'}{said}")


def test_classes_may_be_given_by_their_index_unless_they_are_called_by_numbers(workshop: Workshop) -> None:
    folder = eyes(workshop, 8)
    (folder / "table.tsv").write_text("".join(f"{number:03d}_left\t{number % 2}\r\n" for number in range(8)))
    workshop.build("retina", *TABLE, "--size", "16")
    labels = {line.split("\t")[2]: line.split("/")[1] for line in workshop.lines("retina", "sources.tsv")}
    assert labels["000_left.jpeg"] == "neg"
    assert labels["001_left.jpeg"] == "pos"
    # Here "1" is a name, and the first of the two.
    (folder / "labels.txt").write_text("1\n0\n")
    workshop.build("retina", *TABLE, "--size", "16", "--replace")
    labels = {line.split("\t")[2]: line.split("/")[1] for line in workshop.lines("retina", "sources.tsv")}
    assert labels["001_left.jpeg"] == "1"
    assert {line[-1] for line in workshop.lines("retina", "val.txt") if "/val/1/" in line} == {"0"}


def test_folders_that_are_no_classes(workshop: Workshop) -> None:
    picture(workshop.datasets / "pets" / "loose.png", 1)
    picture(workshop.datasets / "pets" / "cats" / "1.png", 2)
    (workshop.datasets / "pets" / "dogs").mkdir()
    said = refused(workshop, "--from", "pets")
    assert any("which have no class: loose.png" in line for line in said)
    assert any("dogs holds no picture" in line for line in said)
    (workshop.datasets / "pets" / "dogs").rmdir()
    assert any("holds 1 folders" in line for line in refused(workshop, "--from", "pets"))
    assert f"there is no {workshop.datasets / 'none'} and no {workshop.volume / 'work' / 'none'}" in "".join(
        refused(workshop, "--from", "none")
    )


def test_one_picture_with_two_classes_is_refused(workshop: Workshop) -> None:
    for kind in ("cats", "dogs"):
        picture(workshop.datasets / "pets" / kind / "1.png", 1)
        picture(workshop.datasets / "pets" / kind / "2.png", 2 + len(kind) + ord(kind[0]))
    said = refused(workshop, "--from", "pets")
    assert said[0] == "gpurig: one picture, two classes: dogs/1.png (dogs) is byte for byte cats/1.png (cats)"


def test_settings_are_checked_all_at_once(workshop: Workshop) -> None:
    eyes(workshop, 4)
    said = workshop.build(".x", *TABLE[:4], "--val", "60", "--test", "40", "--size", "4", code=2)
    assert refused(workshop, *TABLE, "--fit", "stretch")[0].startswith("gpurig: argument --fit: invalid choice")
    for what in ('".x"', "--size 4", "--table and --labels go together", "leave nothing to train with"):
        assert what in said


def bomb() -> bytes:
    """Return a PNG file of 100,000 x 100,000 pixels in a hundred bytes."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    body = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def broken_ones(folder: Path) -> dict[str, str]:
    """Break pictures in every way that is found on disks; returns name → why."""
    whole = (folder / "001_left.jpeg").read_bytes()
    (folder / "001_left.jpeg").write_bytes(whole[: len(whole) // 2])
    (folder / "002_left.jpeg").write_bytes(b"")
    (folder / "003_left.jpeg").write_text("<html><body>Sign in</body></html>")
    (folder / "005_left.jpeg").unlink()
    (folder / "005_left.jpeg").symlink_to("nowhere")
    (folder / "006_left.jpeg").write_bytes(bomb())
    return {
        "001": "truncated",
        "002": "empty",
        "003": "no picture",
        "005": "No such file",
        "006": "10000 megapixels; --megapixels 10000 takes it",
    }


def test_broken_pictures_stop_the_build_or_are_listed(workshop: Workshop) -> None:
    folder = eyes(workshop, 12, size=(200, 150))
    broken = broken_ones(folder)
    said = refused(workshop, *TABLE, "--broken", "stop")
    assert f"gpurig: {folder / '001_left.jpeg'} cannot be read: image file is truncated" in said[-2]
    assert said[-1] == "gpurig: to leave such pictures out and list them in broken.txt: --broken skip"

    said = workshop.build("retina", *TABLE, "--broken", "skip", "--size", "16").splitlines()
    listed = dict(line.split("\t") for line in workshop.lines("retina", "broken.txt"))
    assert {name[:3] for name in listed} == set(broken)
    for name, why in listed.items():
        assert broken[name[:3]] in why
    assert any("5 pictures left out, which cannot be read" in line for line in said)
    assert len(list((workshop.datasets / "retina").rglob("*.png"))) == 7 * 4
    assert workshop.manifest("retina")["counts"]["broken"] == 5


def test_a_class_that_is_all_broken_stops_the_build(workshop: Workshop) -> None:
    folder = eyes(workshop, 8)
    for name in ("000", "004"):
        (folder / f"{name}_left.jpeg").write_bytes(name.encode())
    said = refused(workshop, *TABLE, "--broken", "skip")
    assert "gpurig: no picture to train with can be read of pos" in said


def test_pictures_of_every_kind_become_rgb(workshop: Workshop) -> None:
    """Turned by a camera, 16 bits, transparent, a palette, ink: as somebody sees them, and nothing but pixels."""
    folder = workshop.datasets / "kinds"
    picture(folder / "b" / "plain.png", 1)
    (folder / "a").mkdir()
    left = Image.new("RGB", (64, 32), "red")
    left.paste("blue", (32, 0, 64, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise: what is left is up
    left.save(folder / "a" / "camera.jpg", exif=exif, quality=95, icc_profile=b"profile")
    deep = Image.new("I;16", (8, 8), 65535 // 2)
    deep.putpixel((0, 0), 65535)
    deep.save(folder / "a" / "deep.png")
    Image.new("RGBA", (8, 8), (255, 255, 255, 128)).save(folder / "a" / "clear.png")
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(folder / "a" / "ink.jpg", quality=95)
    Image.new("L", (8, 8), 200).save(folder / "a" / "grey.jpg", quality=95)
    workshop.build("rgb", "--from", "kinds", "--val", "0", "--augment", "none", "--size", "64")
    made = {path.stem: workshop.open(path) for path in (workshop.datasets / "rgb" / "train" / "a").iterdir()}

    def near(name: str, at: tuple[int, int], wanted: tuple[int, int, int]) -> None:
        pixel = made[name].getpixel(at)
        assert isinstance(pixel, tuple)
        assert max(abs(a - b) for a, b in zip(pixel, wanted, strict=True)) <= 6, (name, pixel)

    assert {image.mode for image in made.values()} == {"RGB"}
    assert all(not image.info for image in made.values())
    near("camera", (32, 8), (255, 0, 0))
    near("camera", (32, 56), (0, 0, 255))
    near("deep", (32, 32), (127, 127, 127))
    near("clear", (32, 32), (128, 128, 128))
    near("ink", (32, 32), (255, 0, 0))
    near("grey", (32, 32), (200, 200, 200))


def test_other_shapes(workshop: Workshop) -> None:
    folder = workshop.datasets / "wide"
    for kind in ("a", "b"):
        (folder / kind).mkdir(parents=True)
        image = Image.new("RGB", (96, 32), "red" if kind == "a" else "blue")
        image.paste("white", (32, 0, 64, 32))
        image.save(folder / kind / f"{kind}.png")
        image.save(folder / kind / "2.jpg", quality=ord(kind) - 20)
    common = ("--from", "wide", "--val", "0", "--augment", "none", "--size", "32")
    for fit, corner, middle in (("squash", "red", "white"), ("crop", "white", "white"), ("pad", "black", "white")):
        workshop.build(fit, *common, "--fit", fit)
        made = workshop.open(workshop.datasets / fit / "train" / "a" / "a.png")
        assert made.getpixel((0, 0)) == Image.new("RGB", (1, 1), corner).getpixel((0, 0))
        assert made.getpixel((16, 16)) == Image.new("RGB", (1, 1), middle).getpixel((0, 0))
    workshop.build("grey", *common, "--grey", "--format", "jpeg")
    made = workshop.open(workshop.datasets / "grey" / "train" / "a" / "a.jpeg")
    assert (made.mode, made.format, made.size) == ("L", "JPEG", (32, 32))
