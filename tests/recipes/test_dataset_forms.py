"""Archives as people have them: of Windows and macOS, of other programs than zip and tar, with names in old letters."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import shutil
import struct
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.archives import APPLE_DOUBLE, FOREIGN, tarred, zip_of_bytes, zipped, zstd
from tests.kit.web_lab import Lab

CLASSES = {"cat/1.jpg": b"cat1", "dog/1.jpg": b"dog1"}
WINDOWS = {b"cat\\1.jpg": b"cat1", b"dog\\1.jpg": b"dog1"}


@pytest.mark.parametrize("system", [0, 3], ids=["Windows", "calls itself Unix"])
def test_separators_of_windows_are_separators_as_unzip_takes_them(lab: Lab, tmp_path: Path, system: int) -> None:
    data = zip_of_bytes({b"cat\\": b"", **WINDOWS}, system)
    said = lab.get_here(lab.serve("t.zip", data))
    assert lab.tree() == CLASSES
    assert said.count("t.zip: its separators are \\, as programs of Windows write them; they were read as /") == 1
    if system == 0 and shutil.which("unzip"):
        (tmp_path / "t.zip").write_bytes(data)
        done = subprocess.run(["unzip", "-q", "t.zip", "-d", "by-unzip"], cwd=tmp_path, check=False)
        assert done.returncode == 1, "its warning"
        assert lab.tree("by-unzip") == CLASSES


def test_a_backslash_in_a_name_of_unix_stays_and_none_of_windows_climbs_out(lab: Lab) -> None:
    unix = {b"cat/a\\b.jpg": b"x", b"dog/1.jpg": b"y"}
    assert "separators" not in lab.get_here(lab.serve("unix.zip", zip_of_bytes(unix, 3)), name="unix")
    assert lab.tree("unix") == {name.decode(): data for name, data in unix.items()}
    said = lab.get_here(lab.serve("t.zip", zip_of_bytes({b"a\\1": b"", b"..\\..\\out": b"x"})), code=1)
    assert "leads out of the data set's folder" in said
    assert not (lab.folder.parent / "out").exists()


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


WORDS = {"cp866": "кошка", "cp932": "表/猫", "cp437": "Bär"}


@pytest.mark.parametrize("encoding", WORDS)
def test_names_in_old_letters_are_asked_about_and_read_as_the_user_says(lab: Lab, encoding: str) -> None:
    word = WORDS[encoding]
    url = lab.serve("t.zip", zip_of_bytes({b"readme": b"r", f"{word}/1.jpg".encode(encoding): b"x"}))
    said = lab.get_here(url, code=2)
    assert "is not UTF-8, and does not say what else it is" in said
    assert f"--names {encoding} (" in said
    assert f" reads {word}/1.jpg\n" in said
    assert lab.left() == {".train.part"}
    before = lab.files["/t.zip"].given
    lab.get_here(url, names=encoding)
    assert lab.tree() == {"readme": b"r", f"{word}/1.jpg": b"x"}
    assert lab.files["/t.zip"].given - before <= 1024, "what was here is not fetched again"
    assert "is there already, whole" in lab.get_here(url, names=encoding)
    assert "by other options" in lab.get_here(url, names="cp1251", code=2)


def test_names_that_say_their_letters_need_no_word(lab: Lab) -> None:
    raw = "кошка.jpg".encode("cp866")
    field = struct.pack("<BI", 1, zlib.crc32(raw)) + "кошка.jpg".encode()
    extra = struct.pack("<2H", 0x7075, len(field)) + field
    lab.get_here(lab.serve("field.zip", zip_of_bytes({raw: b"x"}, extra=extra)), name="field")
    assert lab.tree("field") == {"кошка.jpg": b"x"}
    lab.get_here(lab.serve("flag.zip", zipped({"кошка.jpg": b"x"})), name="flag")
    assert lab.tree("flag") == {"кошка.jpg": b"x"}
    said = lab.get_here(lab.serve("utf.zip", zip_of_bytes({"кошка.jpg".encode(): b"x"})), name="utf")
    assert lab.tree("utf") == {"кошка.jpg": b"x"}
    assert "utf.zip: its names do not say in which letters they are; they were read as UTF-8" in said


def test_names_with_separators_of_windows_in_japanese_letters(lab: Lab) -> None:
    """The second byte of 表 is that of a backslash."""
    lab.get_here(lab.serve("t.zip", zip_of_bytes({"表\\猫.jpg".encode("cp932"): b"x"})), names="cp932")
    assert lab.tree() == {"表/猫.jpg": b"x"}


def test_an_encoding_that_a_name_is_not_in_says_so(lab: Lab) -> None:
    url = lab.serve("t.zip", zip_of_bytes({"表.jpg".encode("cp932"): b"x"}))
    said = lab.get_here(url, names="euc_jp", code=2)
    assert "is none in euc_jp" in said
    assert "--names cp932 (Japanese, Shift-JIS) reads 表.jpg" in said


def old_tar(name: str, encoding: str) -> bytes:
    """Return a tar archive of one file, whose name is in such letters, which no tar says."""
    goal = io.BytesIO()
    with tarfile.open(fileobj=goal, mode="w", format=tarfile.GNU_FORMAT, encoding=encoding) as archive:
        member = tarfile.TarInfo(name)
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    return goal.getvalue()


def lying_zip(name: str, encoding: str) -> bytes:
    """Return a zip archive of one file, whose name says that it is UTF-8."""
    return zip_of_bytes({name.encode(encoding): b"x"}, flag=0x800)


@pytest.mark.parametrize("pack", [old_tar, lying_zip])
def test_names_that_keep_their_bytes_are_said_and_read_as_the_user_says(
    lab: Lab, pack: Callable[[str, str], bytes]
) -> None:
    url = lab.serve("t.tar" if pack is old_tar else "t.zip", pack("кошка/1.jpg", "cp866"))
    said = lab.get_here(url)
    (line,) = [line for line in said.splitlines() if "such names keep their bytes" in line]
    assert "is no UTF-8" in line
    assert "--names cp866 (Russian) reads кошка/1.jpg" in line
    assert {os.fsencode(name): data for name, data in lab.tree().items()} == {"кошка/1.jpg".encode("cp866"): b"x"}
    assert "keep their bytes" not in lab.get_here(url, name="read", names="cp866")
    assert lab.tree("read") == {"кошка/1.jpg": b"x"}


def test_a_tar_of_other_letters_than_the_user_says_is_said_so(lab: Lab) -> None:
    said = lab.get_here(lab.serve("t.tar", old_tar("кошка.jpg", "cp866")), names="euc_jp")
    assert "is none in euc_jp; such names keep their bytes" in said


@pytest.mark.parametrize("encoding", ["", "euc_jp"])
def test_a_name_that_is_refused_names_every_way_out(lab: Lab, encoding: str) -> None:
    known = lab.serve("known.zip", zip_of_bytes({"кошка.jpg".encode("cp866"): b"x"}))
    said = lab.get_here(known, names=encoding, code=2)
    assert "reads кошка.jpg" in said
    assert "--names takes Python's other encodings, too, and is for all archives of a command" in said
    assert "by its own --name; --keep takes an archive as it is" in said
    nobodys = lab.serve("nobodys.zip", zip_of_bytes({b"\x81\x1b\xff": b"x"}))
    said = lab.get_here(nobodys, names=encoding, name="nobodys", code=2)
    assert "none of cp437, cp850, cp1252, cp866, cp932, gbk, big5, cp949 reads it" in said
    assert "the one that reads right" not in said
    assert "--keep takes an archive as it is" in said


def test_the_letters_of_a_tar_are_the_users_word_too(lab: Lab) -> None:
    lab.get_here(lab.serve("t.tar", old_tar("кошка.jpg", "cp866")), names="cp866")
    assert lab.tree() == {"кошка.jpg": b"x"}
