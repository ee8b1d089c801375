"""Archives that the program which fetches data sets can meet: of all kinds, in parts, cut, damaged, evil."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from tests.kit.archives import CLIMBS, FORMS, PICTURES, evil, split, tar_of, tarred, zipped
from tests.kit.wait import until
from tests.kit.web_lab import LARGE, Lab, ended


@pytest.mark.parametrize("name", FORMS)
def test_an_archive_is_unpacked_and_nothing_else_stays(lab: Lab, name: str) -> None:
    lab.get(lab.serve(name, FORMS[name]()))
    assert lab.tree() == PICTURES
    assert lab.left() == {"train", ".train.json"}


@pytest.mark.parametrize("form", ["zip.{:03}", "tar.gz.part{:02}", "tar.{:02}"])
@pytest.mark.parametrize("frugal", [False, True])
def test_parts_in_any_order_are_one_archive(lab: Lab, form: str, frugal: bool) -> None:
    first = 0 if form == "tar.{:02}" else 1
    kind = form.rpartition(".")[0]
    data = zipped(PICTURES) if kind == "zip" else tarred(PICTURES, kind.partition(".")[2])
    urls = [lab.serve(f"train.{form.format(first + i)}", part) for i, part in enumerate(split(data, 5))]
    lab.get(*urls[::-1], frugal=frugal)
    assert lab.tree() == PICTURES


@pytest.mark.parametrize("frugal", [False, True])
def test_no_more_than_a_quarter_of_a_gib_comes_ahead_of_what_can_be_unpacked_where_room_is_scarce(
    lab: Lab, frugal: bool
) -> None:
    data = tarred({"x.bin": LARGE * 10})
    urls = [
        lab.serve(f"t.tar.{i}", part, stops=1_000_000 if i == 1 else -1) for i, part in enumerate(split(data, 4), 1)
    ]
    process = lab.start(*urls, frugal=frugal)

    def unread() -> int:
        return sum(path.stat().st_blocks * 512 for path in lab.folder.glob(".train.part/files/t.tar.?"))

    if frugal:
        until(lambda: unread() > 190_000_000, 60)
        time.sleep(2)
        assert unread() < 2**28
    else:
        until(lambda: unread() > 2**28, 60)
    lab.files["/t.tar.1"].go.set()
    ended(process)
    assert lab.tree() == {"x.bin": LARGE * 10}


def test_parts_by_letters_are_one_archive_too(lab: Lab) -> None:
    parts = split(tarred(PICTURES, "bz2"), 30)
    names = [f"{a}{b}" for a in "ab" for b in "abcdefghijklmnopqrstuvwxyz"]
    lab.get(*(lab.serve(f"t.tar.bz2.part{end}", part) for end, part in zip(names, parts, strict=False)))
    assert lab.tree() == PICTURES


def test_a_zip_that_zip_itself_has_split(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name, data in PICTURES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    (source / "link").symlink_to("cat/0.jpg")
    (source / "run").write_text("#!/bin/sh\n", encoding="ascii")
    (source / "run").chmod(0o755)
    subprocess.run(["zip", "-qry", "-s", "256k", "../s.zip", "."], cwd=source, check=True)
    parts = sorted(tmp_path.glob("s.z*"))
    assert len(parts) > 2
    lab.get(*(lab.serve(path.name, path.read_bytes()) for path in parts))
    got = tmp_path / "train"
    assert (got / "link").readlink() == (source / "link").readlink()
    assert (got / "run").stat().st_mode & 0o777 == 0o755
    assert (got / "cat/3.jpg").read_bytes() == PICTURES["cat/3.jpg"]


def test_a_part_that_is_not_named_is_missed_before_anything_is_fetched(lab: Lab) -> None:
    urls = [lab.serve(f"t.zip.{i + 1:03}", part) for i, part in enumerate(split(zipped(PICTURES), 5))]
    said = lab.get(*urls[:2], *urls[3:], code=2)
    assert "1 of its parts are not among the addresses" in said
    assert all(file.given <= 1024 for file in lab.files.values())
    said = lab.get(*urls[:4], code=1)
    assert "t.zip ends too early, and all " in said
    assert f" of {urls[3]} are here" in said
    assert "where a part comes after it, the same command with that one too goes on" in said
    before = {name: file.given for name, file in lab.files.items()}
    lab.get(*urls)
    assert lab.tree() == PICTURES
    # Of the four that were there only the first bytes were looked at again.
    assert all(lab.files[f"/t.zip.00{i}"].given - before[f"/t.zip.00{i}"] <= 1024 for i in range(1, 5))


def test_two_archives_with_one_name_in_both_are_refused_and_kept(lab: Lab) -> None:
    first, second = lab.serve("a.zip", zipped({"x": b"1"})), lab.serve("b.zip", zipped({"x": b"2"}))
    assert "both have a file x" in lab.get(first, second, code=2)
    assert lab.left() == {".train.part"}


@pytest.mark.parametrize("how", CLIMBS)
def test_an_archive_that_climbs_out_is_refused_and_nothing_of_it_stays(lab: Lab, how: str) -> None:
    around = {path.name for path in lab.folder.parent.iterdir()}
    said = lab.get(lab.serve("t.tar", CLIMBS[how]), code=1)
    assert "nothing of it was kept" in said
    assert lab.left() == set()
    assert {path.name for path in lab.folder.parent.iterdir()} == around


@pytest.mark.parametrize("name", ["../out", "/gpurig-out", "a/../../out"])
def test_a_zip_that_climbs_out_is_refused(lab: Lab, name: str) -> None:
    assert "leads out" in lab.get(lab.serve("t.zip", zipped({"good": b"1", name: b"2"})), code=1)
    assert lab.left() == set()


def test_a_link_in_a_zip_that_leads_out_is_refused(lab: Lab) -> None:
    goal = io.BytesIO()
    with zipfile.ZipFile(goal, "w") as archive:
        row = zipfile.ZipInfo("link")
        row.create_system, row.external_attr = 3, 0o120777 << 16
        archive.writestr(row, "../../../etc/passwd")
    assert "outside the archive" in lab.get(lab.serve("t.zip", goal.getvalue()), code=1)


def test_links_that_stay_inside_are_kept(lab: Lab) -> None:
    data = tar_of(evil("d/l", tarfile.SYMTYPE, "../good"), evil("h", tarfile.LNKTYPE, "good"))
    lab.get(lab.serve("t.tar", data))
    assert (lab.folder / "train/d/l").readlink().as_posix() == "../good"
    assert (lab.folder / "train/h").stat().st_nlink == 2


@pytest.mark.parametrize("name", FORMS)
def test_an_archive_that_was_cut_short_is_told_and_not_used(lab: Lab, name: str) -> None:
    data = FORMS[name]()
    for size in (len(data) // 2, len(data) - 30 if name.endswith("zip") else len(data) - len(data) // 50):
        lab.serve(name, data[:size], etag=f'"{size}"')
        said = lab.get(lab.url(name), code=1)
        assert "ends too early" in said or "damaged" in said
        assert "train" not in lab.left()


@pytest.mark.parametrize("name", [name for name in FORMS if name != "train.tar"])
def test_a_damaged_archive_is_told_and_not_used(lab: Lab, name: str) -> None:
    data = bytearray(FORMS[name]())
    data[len(data) // 2] ^= 0xFF
    assert "damaged" in lab.get(lab.serve(name, bytes(data)), code=1)
    assert lab.left() == set()


def test_what_is_no_zip_is_said_to_be_none(lab: Lab) -> None:
    assert "t.zip: it is no zip archive" in lab.get(lab.serve("t.zip", b"see the new site\n"), code=1)


def test_a_damaged_header_in_a_tar_does_not_end_it_silently(lab: Lab) -> None:
    data = bytearray(tarred({"a": b"1", "b": b"2"}))
    data[1024] ^= 0xFF
    assert "damaged" in lab.get(lab.serve("t.tar", bytes(data)), code=1)


def test_a_zip_that_is_encrypted_says_what_to_do(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1" * 100)
    subprocess.run(["zip", "-q", "-P", "word", "e.zip", "x"], cwd=tmp_path, check=True)
    said = lab.get(lab.serve("e.zip", (tmp_path / "e.zip").read_bytes()), code=1)
    assert "encrypted" in said
    assert "--keep" in said
