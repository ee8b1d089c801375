"""The job volume's script with real block devices: formats what is blank, keeps its hands off everything else."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.recipes.disk import SIZE, blank, lack
from tests.recipes.kitchen import VOLUME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.recipes.disk import Disk

pytestmark = pytest.mark.skipif(bool(lack()), reason=lack())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A blank volume."""
    with blank(tmp_path) as made:
        yield made


def test_a_blank_volume_is_formatted_and_mounted_and_belongs_to_the_user(disk: Disk) -> None:
    look = "dumpe2fs -h /dev/nvme1n1 2>&1 | grep 'system features'; findmnt -no FSTYPE,OPTIONS jobs; stat -c %U jobs"
    done = disk.up(f"{look}; echo mine > jobs/file; ./gpurig-volume check")
    assert done.returncode == 0, done.stderr
    assert "is blank: formatting it" in done.stdout
    features, kind, owner = done.stdout.splitlines()[-3:]
    assert "mmp" in features.split()  # two machines never mount it
    assert kind.startswith("ext4")
    assert "noatime" in kind
    assert owner == "root"
    assert not list((disk.folder / "home").iterdir())


def test_what_was_written_is_there_after_the_next_boot_and_nothing_is_formatted(disk: Disk) -> None:
    assert disk.up("echo mine > jobs/file").returncode == 0
    done = disk.up("cat jobs/file")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "mine"
    assert "formatting" not in done.stdout


def test_running_it_again_changes_nothing(disk: Disk) -> None:
    done = disk.up("echo mine > jobs/file; ./gpurig-volume; cat jobs/file; grep -c ' jobs\\| /.*jobs ' /proc/mounts")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["mine", "1"]


# What is written to the volume, and where.
ENTRY = bytes([0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0])
FOREIGN = {
    "a partition table (dos)": {446: ENTRY, 510: b"\x55\xaa"},
    "swap": {4086: b"SWAPSPACE2", 1024: b"\1\0\0\0\xff\1\0\0"},
    "crypto_LUKS": {0: b"LUKS\xba\xbe\0\1"},
    "signatures of something else": {512: b"LABELONE" + bytes([1]) + bytes(11) + b"\x20\0\0\0LVM2 001"},
    "data of an unknown kind": {777777: b"treasure"},
    "data of an unknown kind at its end": {SIZE - 4000: b"treasure"},
}


def put(disk: Disk, parts: dict[int, bytes]) -> str:
    """Write to the volume; returns the digest of all of it."""
    with disk.file.open("r+b") as file:
        for offset, content in parts.items():
            file.seek(offset)
            file.write(content)
    return disk.digest()


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_volume_is_refused_by_name_and_not_touched(disk: Disk, what: str) -> None:
    before = put(disk, FOREIGN[what])
    done = disk.up("echo unreached")
    assert done.returncode == 1
    assert f"volume {VOLUME} holds {what.removesuffix(' at its end')}" in done.stderr
    assert "not mounted, not changed" in done.stderr
    assert "unreached" not in done.stdout
    assert disk.digest() == before


def test_a_volume_that_grew_under_its_file_system_does_not_check(disk: Disk) -> None:
    done = disk.up("truncate -s 1G disk; losetup -c /dev/nvme1n1; ! ./gpurig-volume check 2>why; cat why")
    assert done.returncode == 0, done.stderr
    assert "has grown, and its file system has not" in done.stdout


def test_a_file_system_that_somebody_else_left_half_made_is_not_touched(disk: Disk) -> None:
    subprocess.run(["mkfs.ext4", "-q", str(disk.file)], check=True)
    before = put(disk, {0: bytes(4096)})  # mke2fs writes the first superblock last
    done = disk.up("echo unreached")
    assert done.returncode == 1
    assert f"volume {VOLUME} holds data of an unknown kind: not mounted, not changed" in done.stderr
    assert disk.digest() == before


def test_formatting_that_was_cut_off_is_done_again(disk: Disk) -> None:
    (disk.folder / "home").mkdir()
    (disk.folder / "home" / f"formatting-{VOLUME}").touch()
    put(disk, {4096 * 3: b"half"})
    done = disk.up("./gpurig-volume check")
    assert done.returncode == 0, done.stderr
    assert not list((disk.folder / "home").iterdir())


def test_an_unfinished_format_is_no_licence_to_format_something_foreign(disk: Disk) -> None:
    (disk.folder / "home").mkdir()
    (disk.folder / "home" / f"formatting-{VOLUME}").touch()
    before = put(disk, FOREIGN["swap"])
    assert disk.up().returncode == 1
    assert disk.digest() == before


def test_a_volume_that_is_not_attached_is_waited_for_and_then_missed_by_name(disk: Disk) -> None:
    done = disk.up("echo unreached", loop="")
    assert done.returncode == 1
    assert f"volume {VOLUME} is not attached after 1 s" in done.stderr
    assert "unreached" not in done.stdout


def test_looking_changes_nothing(disk: Disk) -> None:
    before = disk.digest()
    values = "mkdir -p jobs; ./gpurig-volume check"
    done = disk.up(values, loop="")
    assert done.returncode == 1
    assert disk.digest() == before


def test_something_else_at_the_mount_point_is_left_alone(disk: Disk) -> None:
    (disk.folder / "jobs").mkdir()
    script = "mount -t tmpfs tmpfs jobs; echo other > jobs/file; ! ./gpurig-volume 2>why; cat why jobs/file"
    done = disk.up(f"umount jobs; {script}")
    assert done.returncode == 0, done.stderr
    assert "something else is mounted" in done.stdout
    assert done.stdout.splitlines()[-1] == "other"
