"""Archives as people have them: of macOS, of other programs than zip and tar, and files that are compressed alone."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable

import pytest

from tests.kit.archives import APPLE_DOUBLE, FOREIGN, tarred, zipped, zstd
from tests.kit.web_lab import Lab

CLASSES = {"cat/1.jpg": b"cat1", "dog/1.jpg": b"dog1"}


def test_what_macos_notes_beside_files_is_left_out_and_said(lab: Lab) -> None:
    notes = {f"__MACOSX/{name.replace('/', '/._')}": APPLE_DOUBLE for name in CLASSES}
    url = lab.serve("mac.zip", zipped({**CLASSES, **notes, "__MACOSX/._cat": APPLE_DOUBLE}))
    assert "mac.zip: 3 notes of macOS' own are left out (__MACOSX, ._NAME)" in lab.get_here(url)
    assert lab.tree() == CLASSES
    assert {path.name for path in (lab.folder / "train").iterdir()} == {"cat", "dog"}
    of_users = {"cat/._mine": b"mine", "__MACOSX": b"a file of that name"}
    said = lab.get_here(lab.serve("mac.tar", tarred({**CLASSES, "cat/._1.jpg": APPLE_DOUBLE, **of_users})), name="tar")
    assert "1 notes" in said
    assert lab.tree("tar") == {**CLASSES, **of_users}


def test_archives_that_nothing_here_unpacks_are_refused_before_they_are_fetched(lab: Lab) -> None:
    names = [*FOREIGN, "s.7z.001", "s.part1.rar", "s.r00", "s.tar.lz4", "s.iso"]
    data = {name: FOREIGN.get(name, FOREIGN["t.7z"]) + bytes(100_000) for name in names}
    urls = [lab.serve(name, data[name]) for name in names]
    said = lab.get_here(lab.serve("good.zip", zipped(CLASSES)), *urls, code=2)
    for name in names:
        assert f"gpurig: {name}: such an archive is not unpacked here" in said
        assert lab.files[f"/{name}"].given <= 1024
    assert "--keep takes it as it is" in said
    assert "bsdtar -xf t.7z" in said
    lab.get_here(*urls, unpack=False)
    assert lab.tree() == data


def test_files_that_are_compressed_alone_are_unpacked(lab: Lab) -> None:
    rows = b"1\tcat\n" * 9000
    packed = {"a.tsv.gz": gzip.compress(rows), "b.tsv.xz": lzma.compress(rows), "c.tsv.zst": zstd(rows)}
    sent = [lab.serve(name, data) for name, data in packed.items()]
    lab.get_here(*sent, lab.serve("d.tsv", rows))
    assert lab.tree() == dict.fromkeys(("a.tsv", "b.tsv", "c.tsv", "d.tsv"), rows)
    said = lab.get_here(lab.serve("cut.gz", packed["a.tsv.gz"][:-9]), name="cut", code=1)
    assert "cut.gz ends too early" in said
    assert "cut" not in lab.left()


def test_a_file_that_is_packed_and_does_not_say_so_is_named(lab: Lab) -> None:
    packed, seven = zipped(CLASSES), FOREIGN["t.7z"]
    hidden = {"t-7z": (seven, "7z"), "t-rar": (FOREIGN["t.rar"], "rar"), "tar": (tarred(CLASSES), "tar")}
    hidden |= dict.fromkeys(("zip", "download.php", "v1.0"), (packed, "zip"))
    hidden |= {"data.bin": (gzip.compress(b"rows"), "gz"), "data.dat": (seven, "7z"), "x.tsv": (zstd(b"rows"), "zst")}
    plain = {"text": b"text", "BZhang.txt": b"BZhang's notes", "x.docx": packed, "w.npz": packed, "W.PTH": packed}
    sent = [lab.serve(name, data) for name, (data, _) in hidden.items()]
    sent += [lab.serve(name, data) for name, data in plain.items()]
    said = lab.get_here(*sent, lab.serve("y.gz", gzip.compress(tarred(CLASSES))))
    (named,) = [line for line in said.splitlines() if line.startswith("9 archives by first bytes stay packed: ")]
    words = named.split(": ")[1].split("; ")[0].split(", ")
    assert set(words) == {f"{name} ({kind})" for name, (_, kind) in hidden.items()}
    assert "bsdtar -xf t-7z" in named
    assert "y.gz: it holds 1 archive, which stays packed: y (tar); " in said
    assert lab.tree() == {name: data for name, (data, _) in hidden.items()} | plain | {"y": tarred(CLASSES)}


@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar"])
def test_archives_in_an_archive_stay_packed_and_are_named(lab: Lab, pack: Callable[[dict[str, bytes]], bytes]) -> None:
    inner = {"train.zip": zipped(CLASSES), "test.zip": zipped(CLASSES), "x.7z": FOREIGN["t.7z"]}
    plain = {"weights.npz": zipped(CLASSES), "brain.nii.gz": gzip.compress(b"slices"), "1.jpg": b"\xff\xd8"}
    said = lab.get_here(lab.serve("all.zip" if pack is zipped else "all.tar", pack({**inner, **plain})))
    assert "it holds 3 archives, which stay packed: train.zip (zip), test.zip (zip), x.7z (7z); " in said
    assert lab.tree() == {**inner, **plain}
    many = {f"{number}.zip": zipped(CLASSES) for number in range(23)}
    assert "19.zip (zip), and 3 more; " in lab.get_here(lab.serve("many.zip", zipped(many)), name="many")


def test_an_ending_that_is_no_place_in_an_alphabet_makes_no_part_of_a_file(lab: Lab) -> None:
    assert "a.tar.sz: such an archive is not unpacked here" in lab.get_here(lab.serve("a.tar.sz", b"x"), code=2)
    bz2 = tarred(CLASSES, "bz2")
    lab.get_here(lab.serve("a.tb2", bz2), name="tb2")
    assert lab.tree("tb2") == CLASSES


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress], ids=["gz", "bz2"])
def test_what_stands_behind_the_end_of_a_compressed_file_is_no_part_of_it(
    lab: Lab, pack: Callable[[bytes], bytes]
) -> None:
    ending = "gz" if pack is gzip.compress else "bz2"
    for name, data in {f"t.{ending}": b"rows", f"t.tar.{ending}": tarred(CLASSES)}.items():
        said = lab.get_here(lab.serve(name, pack(data) + b"another file"), name=f"odd-{name}", code=1)
        assert f"{name}: behind its end is something that " in said
        assert f"odd-{name}" not in lab.left()
        lab.get_here(lab.serve(f"two-{name}", pack(data) + pack(b"")), name=f"two-{name}")
    lab.get_here(lab.serve("zeros.gz", gzip.compress(b"rows") + bytes(900)), name="zeros")
    assert lab.tree("zeros") == {"zeros": b"rows"}


@pytest.mark.parametrize(
    ("name", "data", "kinds"),
    [
        ("t.tgz", zipped(CLASSES), "no gz but zip"),
        ("t.gz", zipped(CLASSES), "no gz but zip"),
        ("t.zip", tarred(CLASSES, "gz"), "no zip but gz"),
        ("t.tar", tarred(CLASSES, "gz"), "no tar but gz"),
        ("t.tar.xz", FOREIGN["t.7z"], "no xz but 7z"),
    ],
)
def test_an_archive_of_another_kind_than_its_name_says_is_called_what_it_is(
    lab: Lab, name: str, data: bytes, kinds: str
) -> None:
    url = lab.serve(name, data)
    said = lab.get_here(url, code=1)
    assert f"{name} is {kinds} by its first bytes" in said
    assert "--keep takes it as it is" in said
    assert "too early" not in said
    assert "damaged" not in said
    lab.get_here(url, unpack=False)
    assert lab.tree() == {name: data}
