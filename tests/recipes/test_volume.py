"""The job volume's script with real block devices: formats what is blank, keeps its hands off everything else."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.catalogue import VOLUME
from tests.kit.disk import MIB, PATH, SIZE, Disk, blank, lack
from tests.kit.programs import write_program

pytestmark = pytest.mark.skipif(bool(lack()), reason=lack())

CAP_SYS_RESOURCE = 24
"""The number of what growing a mounted ext4 needs (linux/capability.h)."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A blank volume."""
    with blank(tmp_path) as made:
        yield made


def test_a_blank_volume_is_formatted_and_mounted_and_belongs_to_the_user(disk: Disk) -> None:
    look = "dumpe2fs -h /dev/nvme1n1 2>&1 | grep 'system features'; findmnt -no FSTYPE,OPTIONS jobs; stat -c %U jobs"
    done = disk.up(f"{look}; echo mine > jobs/file; ./gpurig-volume check", code=0)
    assert "is blank: formatting it" in done.stdout
    features, kind, owner = done.stdout.splitlines()[-3:]
    assert "mmp" in features.split()  # two machines never mount it
    assert kind.startswith("ext4")
    assert "noatime" in kind
    assert owner == "root"
    assert not list((disk.folder / "home").iterdir())


def test_what_was_written_is_there_after_the_next_boot_and_nothing_is_formatted(disk: Disk) -> None:
    assert disk.up("echo mine > jobs/file").returncode == 0
    done = disk.up("cat jobs/file", code=0)
    assert done.stdout.splitlines()[-1] == "mine"
    assert "formatting" not in done.stdout


def test_running_it_again_changes_nothing(disk: Disk) -> None:
    done = disk.up(
        "echo mine > jobs/file; ./gpurig-volume; cat jobs/file; grep -c ' jobs\\| /.*jobs ' /proc/mounts", code=0
    )
    assert done.stdout.splitlines()[-2:] == ["mine", "1"]


# What is written to the volume, and where.
ENTRY = bytes([0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0])
FOREIGN = {
    "a partition table (dos)": {446: ENTRY, 510: b"\x55\xaa"},
    "swap": {4086: b"SWAPSPACE2", 1024: b"\1\0\0\0\xff\1\0\0"},
    "crypto_LUKS": {0: b"LUKS\xba\xbe\0\1"},
    "signatures of something else": {512: b"LABELONE" + bytes([1]) + bytes(11) + b"\x20\0\0\0LVM2 001"},
    "data of an unknown kind": {777777: b"treasure"},
    "data of an unknown kind, in its middle": {200 * MIB: b"treasure"},
    "data of an unknown kind, at its end": {SIZE - 4000: b"treasure"},
}


def put(disk: Disk, parts: dict[int, bytes]) -> None:
    """Write to the volume."""
    with disk.file.open("r+b") as file:
        for offset, content in parts.items():
            file.seek(offset)
            file.write(content)


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_volume_is_refused_by_name_and_not_touched(disk: Disk, what: str) -> None:
    put(disk, FOREIGN[what])
    refused(disk, f"holds {what.partition(',')[0]}")


def test_a_volume_that_grew_under_its_file_system_does_not_check(disk: Disk) -> None:
    done = disk.up("truncate -s 1G disk; losetup -c /dev/nvme1n1; ! ./gpurig-volume check 2>why; cat why", code=0)
    assert "has grown, and its file system has not" in done.stdout


GROW_IN_USE = """
exec 3>jobs/open; echo before >&3
truncate -s 1G disk; losetup -c /dev/nvme1n1
./gpurig-volume 2>&1 && code=0 || code=$?
echo after >&3; exec 3>&-
echo $code $(($(stat -fc '%b * %S >> 20' jobs))) $(cat jobs/open)
"""


def test_it_grows_while_it_is_in_use_and_where_root_may_not_do_that_it_waits(disk: Disk) -> None:
    held = re.search(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text(encoding="ascii"))
    allowed = held and int(held[1], 16) >> CAP_SYS_RESOURCE & 1
    done = disk.up(GROW_IN_USE, code=0)
    code, mib, *written = done.stdout.splitlines()[-1].split()
    assert written == ["before", "after"]
    assert ("cannot be grown while it is in use" in done.stdout) == (not allowed)
    assert (int(code), int(mib) > SIZE / MIB) == ((0, True) if allowed else (1, False))


# -- an ext4 that is somebody else's


def run(*words: object) -> None:
    subprocess.run([str(word) for word in words], env={"PATH": PATH}, check=True, capture_output=True)


@pytest.fixture
def theirs(disk: Disk) -> Disk:
    """A volume with somebody else's ext4, and a file on it."""
    (disk.folder / "theirs").mkdir()
    (disk.folder / "theirs" / "picture").write_text("precious\n", encoding="ascii")
    run("mkfs.ext4", "-q", "-L", "photos", "-d", disk.folder / "theirs", disk.file)
    return disk


def refused(disk: Disk, why: str) -> str:
    """Boot: the volume is refused, with every byte as it was. Returns what was said."""
    before = disk.digest()
    done = disk.up("echo unreached", code=1)
    assert f"volume {VOLUME} {why}: not mounted, not changed" in done.stderr
    assert "unreached" not in done.stdout
    assert disk.digest() == before
    return done.stderr


@pytest.mark.parametrize("label", ["photos", ""])
def test_somebody_elses_ext4_is_refused_by_its_label_and_not_touched(theirs: Disk, label: str) -> None:
    run("e2label", theirs.file, label)
    assert "e2label /dev/nvme1n1 gpurig-jobs" in refused(theirs, f"holds ext4, label {label or 'none'}")


def test_one_that_is_given_our_label_is_mounted_as_it_is_and_by_one_machine_only(theirs: Disk) -> None:
    run("e2label", theirs.file, "gpurig-jobs")
    done = theirs.up("cat jobs/picture; dumpe2fs -h /dev/nvme1n1 2>&1 | grep 'system features'", code=0)
    said, features = done.stdout.splitlines()[-2:]
    assert said == "precious"
    assert "mmp" in features.split()
    run("e2fsck", "-f", "-n", theirs.file)


def test_one_that_another_machine_may_have_is_not_taken_from_it(theirs: Disk) -> None:
    run("e2label", theirs.file, "gpurig-jobs")
    run("debugfs", "-w", "-R", "feature needs_recovery", theirs.file)  # as it is while it is mounted somewhere
    assert "e2fsck -f /dev/nvme1n1" in refused(theirs, "is not clean, or another machine has it")
    run("bash", "-c", 'e2fsck -f -y "$0" || (($? == 1))', theirs.file)
    assert theirs.up("cat jobs/picture").stdout.splitlines()[-1] == "precious"


# -- formatting that was cut off

KILLED = 'ulimit -c 0 -f %d; exec "$@"'
"""The kernel kills what writes further into a file than so many KiB, by SIGXFSZ."""
BEGUN = {"nothing is written": 1024, "descriptors and journal are": 2**16, "all but two superblocks are": 2**18 + 56}
"""How far mkfs.ext4 gets, and with which limit."""


@pytest.mark.parametrize("begun", BEGUN)
def test_what_is_left_when_somebody_elses_mkfs_was_killed_is_not_touched(disk: Disk, begun: str) -> None:
    empty = disk.digest()
    words = ["bash", "-c", KILLED % BEGUN[begun], "-", "mkfs.ext4", "-q", "-F", str(disk.file)]
    assert subprocess.run(words, env={"PATH": PATH}, check=False).returncode == -signal.SIGXFSZ
    assert (disk.digest() == empty) == (begun == "nothing is written")
    if begun == "nothing is written":
        assert disk.up().returncode == 0
    else:
        refused(disk, "holds data of an unknown kind")


@pytest.mark.parametrize("begun", BEGUN)
def test_our_own_format_that_was_killed_is_done_again(disk: Disk, begun: str) -> None:
    disk.tools.mkdir()
    tool = disk.tools / "mkfs.ext4"
    # The limit is for files: it writes to the one behind the device.
    run_it = f'set -- {shutil.which("mkfs.ext4", path=PATH)} -F "${{@:1:$#-1}}" {disk.file}; {KILLED % BEGUN[begun]}'
    write_program(tool, run_it)
    killed = disk.up("echo unreached")
    assert killed.returncode == 128 + signal.SIGXFSZ
    assert [path.name for path in (disk.folder / "home").iterdir()] == [f"formatting-{VOLUME}"]
    tool.unlink()
    done = disk.up("echo mine > jobs/file; ./gpurig-volume check", code=0)
    assert "formatting it" in done.stdout
    assert not list((disk.folder / "home").iterdir())
    run("e2fsck", "-f", "-n", disk.file)
    assert disk.up("cat jobs/file").stdout.splitlines()[-1] == "mine"


def test_a_file_system_that_somebody_else_left_half_made_is_not_touched(disk: Disk) -> None:
    run("mkfs.ext4", "-q", disk.file)
    put(disk, {0: bytes(4096)})  # mke2fs writes the first superblock last
    refused(disk, "holds data of an unknown kind")


def test_an_unfinished_format_is_no_licence_to_format_something_foreign(disk: Disk) -> None:
    (disk.folder / "home").mkdir()
    (disk.folder / "home" / f"formatting-{VOLUME}").touch()
    put(disk, FOREIGN["swap"])
    before = disk.digest()
    disk.up(code=1)
    assert disk.digest() == before


def test_a_volume_that_is_not_attached_is_waited_for_and_then_missed_by_name(disk: Disk) -> None:
    done = disk.up("echo unreached", loop="", code=1)
    assert f"volume {VOLUME} is not attached after 1 s" in done.stderr
    assert "unreached" not in done.stdout


def test_looking_changes_nothing(disk: Disk) -> None:
    before = disk.digest()
    values = "mkdir -p jobs; ./gpurig-volume check"
    disk.up(values, loop="", code=1)
    assert disk.digest() == before


def test_something_else_at_the_mount_point_is_left_alone(disk: Disk) -> None:
    (disk.folder / "jobs").mkdir()
    script = "mount -t tmpfs tmpfs jobs; echo other > jobs/file; ! ./gpurig-volume 2>why; cat why jobs/file"
    done = disk.up(f"umount jobs; {script}", code=0)
    assert "something else is mounted" in done.stdout
    assert done.stdout.splitlines()[-1] == "other"
