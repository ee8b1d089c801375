"""The lists of a data set, read as DIGITS reads them ("Use text files"), and beside the user's own table.

DIGITS 6, digits/tools/create_db.py: white space at a line's ends is taken off; its last word, of digits, is the class,
and what stands before the white space in front of it is the path; a line that is none is left out silently.
Its labels, digits/dataset/tasks/create_db.py: a class a line, white space at its ends taken off, empty lines left out;
the first is number 0. Caffe's convert_imageset is stricter: path, one space, number.
"""

from __future__ import annotations

from pathlib import Path

from tests.recipes.build_lab import TABLE, Workshop, eyes, picture

SIDES = ("train", "val", "test")


def by_digits(text: str) -> list[tuple[str, int]]:
    """Return path and class of each line; fails where DIGITS would leave one out."""
    rows = [line.rsplit(maxsplit=1) for line in text.split("\n") if line.strip()]
    assert rows
    assert all(len(row) == 2 and row[1].isdecimal() for row in rows)
    return [(path, int(label)) for path, label in rows]


def by_caffe(text: str) -> list[tuple[str, int]]:
    """Return path and class of each line, as convert_imageset takes it apart: at its last space."""
    rows = [line.rpartition(" ") for line in text.splitlines()]
    return [(path, int(label)) for path, _, label in rows]


def labels(workshop: Workshop, name: str) -> list[str]:
    """Return the classes as DIGITS numbers them."""
    lines = [line.strip() for line in (workshop.datasets / name / "labels.txt").read_text(encoding="utf-8").split("\n")]
    return [line for line in lines if line]


def classes(workshop: Workshop, name: str) -> dict[str, set[str]]:
    """Return each picture of the data set's lists (its name up to the first dot) and the classes that it has there.

    Fails for one that cannot be opened, is of another size, or is on two sides.
    """
    names = labels(workshop, name)
    sides: dict[str, str] = {}
    found: dict[str, set[str]] = {}
    for side in SIDES:
        text = (workshop.datasets / name / f"{side}.txt").read_text(encoding="utf-8")
        rows = by_digits(text)
        assert rows == by_caffe(text)
        for path, label in rows:
            assert Path(path).is_absolute(), "the image folder stays empty"
            assert workshop.open(Path(path)).size == (256, 256)
            stem = Path(path).name.partition(".")[0]
            assert sides.setdefault(stem, side) == side
            found.setdefault(stem, set()).add(names[label])
    return found


def test_digits_finds_each_picture_of_the_table_under_its_class(workshop: Workshop) -> None:
    folder = eyes(workshop, 16)
    rows = [line.split("\t") for line in (folder / "table.tsv").read_text(encoding="utf-8").splitlines()]
    workshop.build("retina", *TABLE, "--val", "25", "--test", "25")
    assert classes(workshop, "retina") == {name: {label} for name, label in rows}


def test_classes_and_pictures_with_white_space_and_digits_in_their_names_are_not_mistaken(workshop: Workshop) -> None:
    folder = workshop.datasets / "pets"
    wanted = {}
    for number, label in enumerate(("wild cats 2", "7", "ünter")):
        for seed in range(8):
            picture(folder / label / f"p {number} {seed}.png", 10 * number + seed)
            wanted[f"p_{number}_{seed}"] = {label}
    workshop.build("small", "--from", "pets", "--val", "25", "--test", "25")
    assert classes(workshop, "small") == wanted
