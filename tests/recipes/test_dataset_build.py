"""Data sets, built by the program that the host runs: what comes out, and that it is whole or not there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.recipes.build_lab import TABLE, Workshop, eyes, picture, tree


def test_a_table_becomes_the_four_versions_of_the_document_in_lists_for_digits(workshop: Workshop) -> None:
    eyes(workshop, 20)
    workshop.build("retina", *TABLE, "--val", "20")

    retina = workshop.datasets / "retina"
    assert workshop.lines("retina", "labels.txt") == ["neg", "pos"]
    listed = {side: [line.split(" ") for line in workshop.lines("retina", f"{side}.txt")] for side in ("train", "val")}
    # 15 "neg" and 5 "pos", a fifth of each to validate with, each picture four times.
    assert Counter(label for _, label in listed["train"]) == {"0": 48, "1": 16}
    assert Counter(label for _, label in listed["val"]) == {"0": 12, "1": 4}
    files = [path for side in listed.values() for path, _ in side]
    assert sorted(files) == sorted(map(str, retina.rglob("*.png")))
    assert all(path.startswith(str(retina)) for path in files)

    as_is = retina / "val" / "pos"
    first = min(path for path in as_is.iterdir() if path.name.count(".") == 1)
    a = workshop.open(first)
    assert (a.size, a.mode) == ((256, 256), "RGB")
    turned = a.transpose(Image.Transpose.ROTATE_180)
    for variant, wanted in {
        "r180": turned,
        "flop": a.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "r180-flop": turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }.items():
        made = workshop.open(first.with_suffix(f".{variant}.png"))
        assert made.tobytes() == wanted.tobytes(), variant
        assert made.tobytes() != a.tobytes(), variant


def test_versions_of_one_picture_are_never_on_both_sides(workshop: Workshop) -> None:
    eyes(workshop, 60)
    workshop.build("retina", *TABLE, "--val", "30", "--test", "20", "--size", "16")
    sides: dict[str, set[str]] = {}
    for side in ("train", "val", "test"):
        for line in workshop.lines("retina", f"{side}.txt"):
            stem = line.split(" ")[0].rsplit("/", 1)[1].split(".")[0]
            sides.setdefault(stem, set()).add(side)
    assert len(sides) == 60
    assert all(len(found) == 1 for found in sides.values())
    counts = workshop.manifest("retina")["counts"]
    assert [counts[side]["classes"] for side in ("train", "val", "test")] == [
        {"neg": 22, "pos": 7},
        {"neg": 14, "pos": 5},
        {"neg": 9, "pos": 3},
    ]


def test_copies_of_a_picture_under_other_names_stay_on_its_side(workshop: Workshop) -> None:
    folder = workshop.datasets / "pets"
    for number in range(12):
        for kind in ("cats", "dogs"):
            picture(folder / kind / f"{number}.png", number + 100 * (kind == "cats"))
            shutil.copy(folder / kind / f"{number}.png", folder / kind / f"copy of {number}.png")
    workshop.build("small", "--from", "pets", "--size", "16", "--val", "40", "--augment", "none")
    rows = [line.split("\t") for line in workshop.lines("small", "sources.tsv")]
    sides: dict[str, set[str]] = {}
    for digest, stem, _ in rows:
        sides.setdefault(digest, set()).add(stem.split("/")[0])
    assert len(rows) == 48
    assert len(sides) == 24
    assert all(len(found) == 1 for found in sides.values())
    assert workshop.manifest("small")["counts"]["copies"] == 24


def test_a_folder_per_class_needs_no_table(workshop: Workshop) -> None:
    work = workshop.volume / "work" / "pets"
    for number in range(8):
        picture(work / "wild cats" / "a" / f"{number}.jpg", number)
        picture(work / "dogs" / f"{number}.png", 50 + number)
    (work / "dogs" / "Thumbs.db").write_bytes(b"no picture")
    said = workshop.build("pets", "--from", "pets", "--size", "32", "--augment", "train")
    assert workshop.lines("pets", "labels.txt") == ["dogs", "wild cats"]
    train, val = workshop.lines("pets", "train.txt"), workshop.lines("pets", "val.txt")
    assert len(train) == 12 * 4
    assert len(val) == 4, "only what is trained with is augmented"
    assert all(line.count(" ") == 1 for line in train + val), "a list's paths have no spaces"
    assert any("/train/wild_cats/a_" in line and line.endswith(" 1") for line in train)
    assert "1 files left out, which are no pictures" in said


def test_classes_whose_names_are_no_utf_8_are_built_and_found_again(workshop: Workshop) -> None:
    """As a tar archive with names in cp866 leaves them."""
    cats = os.fsdecode(b"\xaa\xae\xe2\xeb")
    for kind in (cats, "dogs"):
        for number in range(4):
            picture(workshop.datasets / "pets" / kind / f"{number}.png", number + 9 * (kind == cats))
    words = ("--from", "pets", "--size", "16")
    workshop.build("small", *words)
    assert (workshop.datasets / "small" / "labels.txt").read_bytes() == b"dogs\n\xaa\xae\xe2\xeb\n"
    assert "nothing to do" in workshop.build("small", *words)
    assert set(workshop.manifest("small")["labels"]) == {cats, "dogs"}


def test_all_checksums_and_counts_are_right(workshop: Workshop) -> None:
    eyes(workshop, 12)
    workshop.build("retina", *TABLE, "--size", "24")
    retina = workshop.datasets / "retina"
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=retina, check=True, capture_output=True
    )
    checked = {line.rsplit(":", 1)[0] for line in done.stdout.decode().splitlines()}
    assert checked == set(tree(retina)) - {"SHA256SUMS", "manifest.json", ".stamp"}
    manifest = workshop.manifest("retina")
    own = subprocess.run(["sha256sum", retina / "SHA256SUMS"], check=True, capture_output=True, text=True)
    assert manifest["checksums"]["SHA256SUMS"] == own.stdout.split()[0]
    assert manifest["counts"]["train"]["files"] == len(list((retina / "train").rglob("*.png")))
    assert manifest["settings"]["seed"] == 0
    for line in workshop.lines("retina", "sources.tsv"):
        digest, _, name = line.split("\t")
        sums = subprocess.run(["sha256sum", workshop.datasets / "eyes" / name], check=True, capture_output=True)
        assert sums.stdout.decode().split()[0] == digest


def test_built_again_it_has_the_same_bytes(workshop: Workshop, tmp_path: Path) -> None:
    folder = eyes(workshop, 10)
    words = (*TABLE, "--size", "32")
    workshop.build("retina", *words, "--workers", "1")
    first = tree(workshop.datasets / "retina")
    shutil.rmtree(workshop.datasets / "retina")
    # Copied there anew, with other times, and by more processes.
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    workshop.build("retina", *words, "--workers", "3")
    second = tree(workshop.datasets / "retina")
    del first[".stamp"], second[".stamp"]
    assert first == second

    workshop.build("retina", *words, "--seed", "1", "--replace")
    other = {line.split("\t")[2]: line.split("/")[0] for line in workshop.lines("retina", "sources.tsv")}
    was = {line.split("\t")[2]: line.split("/")[0] for line in first["sources.tsv"].decode().splitlines()}
    assert {name: side.split("\t")[1] for name, side in other.items()} != {
        name: side.split("\t")[1] for name, side in was.items()
    }, "another seed, another split"


def test_what_is_there_is_not_built_again_and_not_replaced_unasked(workshop: Workshop) -> None:
    folder = eyes(workshop, 8)
    words = (*TABLE, "--size", "16")
    workshop.build("retina", *words)
    stamp = (workshop.datasets / "retina" / "manifest.json").stat().st_mtime_ns
    assert "nothing to do" in workshop.build("retina", *words)

    assert "size was 16, is 24" in workshop.build("retina", *TABLE, "--size", "24", code=2)
    picture(folder / "000_left.jpeg", 999)
    said = workshop.build("retina", *words, code=2)
    assert "have changed since" in said
    assert "--replace" in said
    assert (workshop.datasets / "retina" / "manifest.json").stat().st_mtime_ns == stamp

    workshop.build("retina", *words, "--replace")
    assert "nothing to do" in workshop.build("retina", *words)
    lost = next((workshop.datasets / "retina" / "train").rglob("*.flop.png"))
    lost.unlink()
    assert f"1 of its files are missing: {lost.relative_to(workshop.datasets / 'retina')}" in workshop.build(
        "retina", *words, code=2
    )
    assert workshop.there() == {"eyes", "retina"}

    (workshop.datasets / "mine").mkdir()
    assert "was not built here" in workshop.build("mine", *words, "--replace", code=2)
    assert "would lie in what it is built from" in workshop.build("eyes", *words, "--replace", code=2)


def test_a_build_that_is_killed_leaves_nothing_half_done(workshop: Workshop) -> None:
    eyes(workshop, 12, size=(400, 300))
    words = (*TABLE, "--size", "64")
    workshop.build("whole", *words)
    running = workshop.begun("retina", *words)
    assert "is being built already" in workshop.build("retina", *words, code=2)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert workshop.there() == {"eyes", "whole", ".retina.building"}

    workshop.build("retina", *words)
    assert workshop.there() == {"eyes", "whole", "retina"}
    pictures = [{n: d for n, d in tree(workshop.datasets / w).items() if n[-4:] == ".png"} for w in ("whole", "retina")]
    assert pictures[0] == pictures[1]


def test_a_build_that_is_stopped_leaves_nothing(workshop: Workshop) -> None:
    eyes(workshop, 12, size=(400, 300))
    running = workshop.begun("retina", *TABLE)
    os.killpg(running.pid, signal.SIGTERM)
    os.killpg(running.pid, signal.SIGCONT)
    assert running.wait() != 0
    assert workshop.there() == {"eyes"}


def test_a_replacement_cut_off_between_the_two_names_loses_nothing(workshop: Workshop) -> None:
    eyes(workshop, 8)
    words = (*TABLE, "--size", "16")
    workshop.build("retina", *words)
    before = tree(workshop.datasets / "retina")
    (workshop.datasets / "retina").rename(workshop.datasets / ".retina.old")
    assert "nothing to do" in workshop.build("retina", *words)
    assert tree(workshop.datasets / "retina") == before
    assert workshop.there() == {"eyes", "retina"}


@pytest.mark.skipif(os.geteuid() != 0, reason="a volume of its own is mounted by root")
def test_a_full_volume_is_said_and_left_as_it_was(workshop: Workshop) -> None:
    eyes(workshop, 12)
    shutil.copytree(workshop.datasets / "eyes", workshop.volume / "work" / "eyes")
    shutil.rmtree(workshop.datasets / "eyes")
    inside = 'mount -t tmpfs -o size=400k none "$1" && shift && { "$@"; code=$?; ls -A "$0"; exit $code; }'
    command = ["unshare", "--mount", "sh", "-c", inside, str(workshop.datasets), str(workshop.datasets)]
    done = subprocess.run([*command, *workshop.command("retina", *TABLE)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is full; what was built of retina is taken away again" in done.stderr
    assert "fab volume-grow" in done.stderr
    assert ".retina.building" not in done.stdout


def test_a_picture_looks_as_it_did(workshop: Workshop) -> None:
    """Beside decoding whole and then resizing: decoding at a part of the size changes what nobody sees."""
    folder = workshop.datasets / "big"
    for kind in ("a", "b"):
        picture(folder / kind / "1.jpg", ord(kind), (1600, 1200), quality=95)
    workshop.build("small", "--from", "big", "--augment", "none", "--val", "0")
    for kind in ("a", "b"):
        source = workshop.open(folder / kind / "1.jpg").convert("RGB")
        wanted = source.resize((256, 256), Image.Resampling.LANCZOS)
        made = workshop.open(workshop.datasets / "small" / "train" / kind / "1.png")
        worst = max(ImageChops.difference(made, wanted).tobytes())
        assert worst <= 6, "of 255"
