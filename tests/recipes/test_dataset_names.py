"""Names in archives: separators of Windows, letters of long ago, and what is said of both."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.archives import APPLE_DOUBLE, PICTURES, split, streamed, tarred, zip_of_bytes, zipped
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


@pytest.mark.parametrize("system", [0, 11], ids=["FAT", "NTFS as Info-ZIP counts it"])
def test_both_separators_in_one_archive_of_windows(lab: Lab, system: int) -> None:
    said = lab.get_here(lab.serve("t.zip", zip_of_bytes({b"cat/1.jpg": b"cat1", b"dog\\1.jpg": b"dog1"}, system)))
    assert lab.tree() == CLASSES
    assert "its separators are \\" in said


def test_folders_that_end_with_a_slash_among_names_of_windows(lab: Lab) -> None:
    said = lab.get_here(lab.serve("t.zip", zip_of_bytes({b"cat/": b"", b"cat\\": b"", **WINDOWS}, 3)))
    assert lab.tree() == CLASSES
    assert "its separators are \\" in said


def test_a_backslash_in_a_name_of_unix_stays_and_is_said_and_none_of_windows_climbs_out(lab: Lab) -> None:
    unix = {b"cat/a\\b.jpg": b"x", b"dog/1.jpg": b"y"}
    kept = {name.decode(): data for name, data in unix.items()}
    for name, data in {"t.zip": zip_of_bytes(unix, 3), "t.tar": tarred(kept)}.items():
        said = lab.get_here(lab.serve(name, data), name=f"of-{name}")
        assert f"{name}: a name in it, cat/a\\b.jpg, has a \\ that stays" in said
        assert "its separators" not in said
        assert lab.tree(f"of-{name}") == kept
    said = lab.get_here(lab.serve("t.zip", zip_of_bytes({b"a\\1": b"", b"..\\..\\out": b"x"})), code=1)
    assert "leads out of the data set's folder" in said
    assert not (lab.folder.parent / "out").exists()


def test_names_of_windows_are_longer_than_a_file_of_unix_and_notes_and_links_among_them(lab: Lab) -> None:
    deep = "\\".join(["кошка" * 8] * 5)
    files = {deep.encode(): b"x", b"__MACOSX\\._1": APPLE_DOUBLE, b"cat\\2.jpg": b"old", b"cat/2.jpg": b"new"}
    said = lab.get_here(lab.serve("t.zip", zip_of_bytes(files)), frugal=True)
    assert lab.tree().keys() == {deep.replace("\\", "/"), "cat/2.jpg"}
    assert "1 notes of macOS' own" in said
    assert "is whole: 2 files" in said


@pytest.mark.skipif(not shutil.which("zip"), reason="there is no zip here")
def test_a_split_archive_of_windows_is_unpacked_while_it_comes(lab: Lab, tmp_path: Path) -> None:
    files = {
        f"{kind}\\{number}.jpg": PICTURES[f"{kind}/{number}.jpg"] for kind in ("cat", "dog") for number in range(6)
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    subprocess.run(["zip", "-qs", "128k", "t.zip", *files], cwd=tmp_path, check=True)
    parts = ["t.z01", "t.z02", "t.zip"]
    assert "its separators are \\" in lab.get_here(*(lab.serve(part, (tmp_path / part).read_bytes()) for part in parts))
    assert lab.tree() == {name.replace("\\", "/"): data for name, data in files.items()}


def test_a_split_archive_that_only_its_directory_tells_apart_is_called_no_damaged_one_and_stays(lab: Lab) -> None:
    first, last = split(b"PK\7\x08" + streamed(PICTURES, zipfile.ZIP_STORED), 2)
    urls = [lab.serve("t.z01", first), lab.serve("t.zip", last)]
    said = lab.get_here(*urls, code=1)
    assert "t.zip: only its directory says where cat/0.jpg ends" in said
    assert "damaged" not in said
    assert "what has arrived is kept; --keep takes the parts as they are" in said
    assert (lab.folder / ".train.part" / "files" / "t.z01").exists()
    lab.get_here(*urls, unpack=False)
    assert lab.tree() == {"t.z01": first, "t.zip": last}


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


def test_a_name_that_is_no_text_can_be_said(lab: Lab) -> None:
    packed = zip_of_bytes({"кошка\\1.zip".encode("cp866"): zipped(CLASSES), b"a/b": b"x"}, 3, flag=0x800)
    said = lab.get_here(lab.serve("t.zip", packed))
    assert "it holds 1 archive, which stays packed: \\udcaa" in said
    assert "has a \\ that stays" in said


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
