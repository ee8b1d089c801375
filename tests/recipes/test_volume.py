"""The job volume's script with real block devices: formats what is blank, keeps its hands off everything else."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from provision import bundle
from provision.target import Target
from tests.recipes.kitchen import CATALOGUE, VOLUME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 2**20
SIZE = 512 * MIB
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _lack() -> str:
    """Return why this machine cannot run these tests, or ""."""
    if os.geteuid() != 0:
        return "only root has loop devices"
    if missing := [tool for tool in ("losetup", "unshare", "mkfs.ext4") if not shutil.which(tool, path=PATH)]:
        return f"there is no {missing[0]} on this machine"
    probe = subprocess.run(["unshare", "--mount", "losetup", "--find"], capture_output=True, text=True, check=False)
    return "" if probe.returncode == 0 else f"no loop devices or mount namespaces here: {probe.stderr.strip()}"


pytestmark = pytest.mark.skipif(bool(_lack()), reason=_lack())

# A host in a mount namespace of its own: a /dev with one EBS volume, a /run, and nothing that outlives the script.
HOST = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p "$HOST/dev/disk/by-id"
mount -t tmpfs -o dev tmpfs "$HOST/dev"
cp -a /dev/null /dev/zero /dev/full /dev/urandom "$HOST/dev"
ln -s /proc/self/fd "$HOST/dev/fd"
if [ -n "$LOOP" ]; then
  cp -a "$LOOP" "$HOST/dev/nvme1n1"
  mkdir -p "$HOST/dev/disk/by-id"
  ln -s ../../nvme1n1 "$HOST/dev/disk/by-id/$NAME"
fi
mount --bind "$HOST/dev" /dev
"""


@dataclasses.dataclass(frozen=True)
class Disk:
    """A volume that is a file, behind a loop device, and the host that it is attached to."""

    folder: Path
    loop: str

    @property
    def file(self) -> Path:
        return self.folder / "disk"

    def digest(self) -> str:
        with self.file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def up(self, then: str = "true", *, loop: str | None = None) -> subprocess.CompletedProcess[str]:
        """Boot: run the script, then, where it succeeded, some commands while the volume is mounted."""
        values = {"target": Target(user="root", mount_point=f"{self.folder}/jobs", volume_id=VOLUME)}
        text = bundle._render(CATALOGUE.recipes["base"].folder / "volume.sh.j2", **values, home=f"{self.folder}/home")
        script = self.folder / "gpurig-volume"
        script.write_text(text, encoding="utf-8")
        script.chmod(0o755)
        env = {
            **os.environ,
            "HOST": str(self.folder),
            "LOOP": self.loop if loop is None else loop,
            "NAME": f"nvme-Amazon_Elastic_Block_Store_{VOLUME.replace('-', '')}",
            "GPURIG_VOLUME_SECONDS": "1",
            "PATH": PATH,
        }
        command = f"{HOST}\ncd {self.folder}\n{script}\n{then}"
        return subprocess.run(
            ["unshare", "--mount", "bash", "-c", command], env=env, capture_output=True, text=True, check=False
        )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A blank volume."""
    file = tmp_path / "disk"
    file.touch()
    os.truncate(file, SIZE)
    made = subprocess.run(["losetup", "--find", "--show", str(file)], check=True, capture_output=True, text=True)
    loop = made.stdout.strip()
    yield Disk(tmp_path, loop)
    subprocess.run(["losetup", "--detach", loop], check=True)


def test_a_blank_volume_is_formatted_and_mounted_and_belongs_to_the_user(disk: Disk) -> None:
    done = disk.up("findmnt -no FSTYPE,OPTIONS jobs; stat -c %U jobs; echo mine > jobs/file; ./gpurig-volume check")
    assert done.returncode == 0, done.stderr
    assert "is blank: formatting it" in done.stdout
    kind, owner = done.stdout.splitlines()[-2:]
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


def test_a_volume_that_grew_has_its_file_system_grown_while_mounted(disk: Disk) -> None:
    grow = (
        "echo mine > jobs/file; truncate -s 1G disk; losetup -c /dev/nvme1n1;"
        "! ./gpurig-volume check 2>why; cat why; ./gpurig-volume; ./gpurig-volume check;"
        "cat jobs/file; stat -fc '%b %S' jobs"
    )
    done = disk.up(grow)
    assert done.returncode == 0, done.stderr
    assert "has grown, and its file system has not" in done.stdout
    mine, size = done.stdout.splitlines()[-2:]
    assert mine == "mine"
    blocks, block = map(int, size.split())
    assert blocks * block > SIZE * 1.5


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
