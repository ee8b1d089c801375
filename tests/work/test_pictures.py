"""The contact sheet of a run's pictures: real PNGs in, one PNG out, looked at pixel by pixel."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from provision.work.pictures import GAP, LABEL, MOST, TILE, contact_sheet

SHEET = "sheet.png"


def paint(path: Path, colour: str, size: tuple[int, int] = (512, 512)) -> Path:
    """Write a picture of one colour."""
    Image.new("RGB", size, colour).save(path)
    return path


def centre(column: int, row: int) -> tuple[int, int]:
    """Return where the middle of a square tile is on the sheet."""
    return GAP + column * (TILE + GAP) + TILE // 2, GAP + row * (TILE + LABEL + GAP) + TILE // 2


def has_label(sheet: Image.Image, column: int, row: int) -> bool:
    """Say whether something dark stands below a square tile."""
    x, y = centre(column, row)
    below = sheet.convert("L").crop((x - TILE // 2, y + TILE // 2, x + TILE // 2, y + TILE // 2 + LABEL))
    return below.getextrema()[0] < 64  # type: ignore[operator]


def test_pictures_stand_in_the_order_of_their_iterations_the_bare_name_last(tmp_path: Path) -> None:
    colours = {"out_10.png": "red", "out_2.png": "lime", "out.png": "blue", "out_100.png": "yellow"}
    pictures = [paint(tmp_path / name, colour) for name, colour in colours.items()]
    assert contact_sheet(pictures, tmp_path / SHEET) == []
    with Image.open(tmp_path / SHEET) as sheet:
        seen = [sheet.getpixel(centre(column, row)) for row in (0, 1) for column in (0, 1)]
        assert seen == [(0, 255, 0), (255, 0, 0), (255, 255, 0), (0, 0, 255)]
        assert all(has_label(sheet, column, row) for row in (0, 1) for column in (0, 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*colours, SHEET])


def test_small_pictures_are_enlarged_in_squares_and_wide_rows_are_low(tmp_path: Path) -> None:
    digit = Image.new("RGB", (28, 28), "black")
    digit.putpixel((14, 14), (255, 255, 255))
    digit.save(tmp_path / "digit_1.png")
    wide = [paint(tmp_path / f"wide_{i}.png", "red", (1024, 256)) for i in (2, 3, 4)]
    contact_sheet([tmp_path / "digit_1.png", *wide], tmp_path / SHEET)
    with Image.open(tmp_path / SHEET) as sheet:
        # One pixel of 28 became a white square of TILE // 28 pixels a side, without grey edges.
        left, lower = GAP + (TILE - 28 * (TILE // 28)) // 2, GAP + 28 * (TILE // 28)
        edge = TILE // 28
        box = (left + 14 * edge, lower - 14 * edge, left + 15 * edge, lower - 13 * edge)
        assert sheet.crop(box).getcolors() == [(edge * edge, (255, 255, 255))]
        assert sheet.getpixel((box[0] - 1, box[1])) == (0, 0, 0)
        # The second row holds wide pictures only: it is as low as they are.
        assert sheet.height == 3 * GAP + 2 * LABEL + 28 * edge + TILE // 4


def test_what_is_no_picture_gets_a_grey_tile_and_is_told(tmp_path: Path) -> None:
    good = paint(tmp_path / "out_1.png", "red")
    (tmp_path / "out_2.png").write_text("half a picture")
    cut = tmp_path / "out_3.png"
    cut.write_bytes(paint(tmp_path / "whole.png", "blue").read_bytes()[:200])
    bad = [tmp_path / "out_2.png", cut]
    assert contact_sheet([good, *bad], tmp_path / SHEET) == bad
    with Image.open(tmp_path / SHEET) as sheet:
        assert sheet.getpixel(centre(0, 0)) == (255, 0, 0)
        assert sheet.getpixel(centre(1, 0)) == sheet.getpixel(centre(0, 1)) == (211, 211, 211)


def test_damage_inside_a_picture_is_a_grey_tile_too(tmp_path: Path) -> None:
    path = tmp_path / "out_1.png"
    Image.effect_noise((400, 400), 50).save(path)
    before, _, after = path.read_bytes().rpartition(b"IDAT")
    path.write_bytes(before + b"\0\0\1%" + after)
    assert contact_sheet([path], tmp_path / SHEET) == [path]


def test_of_very_many_pictures_the_first_and_the_last_are_there(tmp_path: Path) -> None:
    for number in range(MOST + 50):
        paint(tmp_path / f"out_{number}.png", "white", (2, 2))
    paint(tmp_path / "out_0.png", "red", (2, 2))
    paint(tmp_path / f"out_{MOST + 49}.png", "blue", (2, 2))
    contact_sheet(tmp_path.glob("out_*.png"), tmp_path / SHEET)
    with Image.open(tmp_path / SHEET) as sheet:
        assert sheet.getpixel(centre(0, 0)) == (255, 0, 0)
        assert sheet.getpixel(centre(9, 9)) == (0, 0, 255)
        assert sheet.width == 10 * (TILE + GAP) + GAP
