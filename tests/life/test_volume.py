"""The job volume's life on a box: formatted once, not touched where it is not ours, one box at a time, cut off.

The tests build on one another: what a box went through before is part of what the next one finds.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import signal
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.life.volumes import answers, job_volume, settled, wait_for
from tests.recipes.disk import blank

if TYPE_CHECKING:
    from rehearsal.user import User

CONFIG = {"jobVolumeGib": "1"}
SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN (fs/ext4/ext4.h): the file system stops as if its power were cut."""
WITHOUT_FLUSH = struct.pack("I", 2)


@pytest.fixture(scope="module", autouse=True)
def box(user: User) -> None:
    """A box with base on it."""
    user.up()
    user.fab("setup-base")


# -- what is not blank and not ours stays as it is

WIPE = "sudo dd if=/dev/zero of=$DISK bs=1M count=3 status=none; sudo wipefs -qa $DISK"
FOREIGN = {
    "a partition table (gpt)": "echo 'label: gpt' | sudo sfdisk -q $DISK",
    "a partition table (dos)": "echo ',100M,L' | sudo sfdisk -q $DISK",
    "crypto_LUKS": r"printf 'LUKS\272\276\0\1' | sudo dd of=$DISK conv=notrunc status=none",
    "swap": "sudo mkswap -q $DISK 2>/dev/null || sudo mkswap $DISK >/dev/null",
    "ext2": "sudo mkfs.ext2 -q -F $DISK",
    # As dm-crypt without a header leaves it.
    "data of an unknown kind": "sudo dd if=/dev/urandom of=$DISK bs=1M count=2 status=none",
    "data of an unknown kind (half-formatted)": (
        "sudo mkfs.ext4 -q -F $DISK; sudo dd if=/dev/zero of=$DISK bs=4096 count=1 conv=notrunc status=none"
    ),
}


def bytes_of(user: User) -> str:
    """Return a digest of the volume's bytes, as its file on this machine has them."""
    digest, block = hashlib.sha256(), 2**16
    with (user.cloud.state / "volumes" / f"{job_volume(user)['VolumeId']}.img").open("rb") as file:
        place = 0
        with contextlib.suppress(OSError):  # no data from `place` on
            while True:
                place = os.lseek(file.fileno(), place, os.SEEK_DATA) // block * block
                file.seek(place)
                # Zeros count as the holes that they may be as well.
                if any(content := file.read(block)):
                    digest.update(b"%d " % place + content)
                place += block
    return digest.hexdigest()


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_foreign_is_left_as_it_is(user: User, what: str) -> None:
    disk = "export DISK=/dev/nvme1n1; sudo systemctl stop gpurig-volume; sudo umount /jobs 2>/dev/null"
    user.on_box(f"{disk}; {WIPE}; {FOREIGN[what]}; sync")
    before = bytes_of(user)
    said = user.on_box(
        "! sudo systemctl restart gpurig-volume && ! mountpoint -q /jobs; echo code $?; sync"
        "; journalctl -u gpurig-volume -n 20 -o cat"
    )
    assert "code 0" in said
    assert f"holds {what.partition(' (half')[0]}: not mounted, not changed" in said
    assert bytes_of(user) == before


def test_a_blank_one_is_formatted_and_never_again(user: User) -> None:
    said = user.on_box(
        f"export DISK=/dev/nvme1n1; {WIPE}; sudo systemctl restart gpurig-volume && echo precious > /jobs/precious"
        "; sync; journalctl -u gpurig-volume -o cat -n 5; sudo dumpe2fs -h $DISK 2>/dev/null | grep 'system features'"
    )
    assert "is blank: formatting it" in said
    assert "mmp" in said.split()
    instance = user.hosts()[0]["instanceId"]
    boot = user.on_box("cat /proc/1/stat | cut -d' ' -f22")
    user.cloud.client("ec2").reboot_instances(InstanceIds=[instance])
    wait_for(lambda: answers(user) and user.on_box("cat /proc/1/stat | cut -d' ' -f22") != boot)
    wait_for(lambda: user.on_box("systemctl is-active gpurig-volume || true").strip() == "active")
    assert user.on_box("cat /jobs/precious").strip() == "precious"
    assert "formatting" not in user.on_box("journalctl -b -u gpurig-volume -o cat")


# -- two machines


def test_a_second_instance_does_not_get_it(user: User) -> None:
    ec2, host = user.cloud.client("ec2"), user.hosts()[0]
    one = ec2.describe_instances(InstanceIds=[host["instanceId"]])["Reservations"][0]["Instances"][0]
    same = {"ImageId": one["ImageId"], "InstanceType": one["InstanceType"], "SubnetId": one["SubnetId"]}
    second = ec2.run_instances(**same, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    try:
        with pytest.raises(ec2.exceptions.ClientError, match="already attached"):
            ec2.attach_volume(VolumeId=host["volumeId"], InstanceId=second, Device="/dev/sdf")
    finally:
        ec2.terminate_instances(InstanceIds=[second])
    assert user.on_box("cat /jobs/precious").strip() == "precious"


def test_a_second_machine_with_the_same_bytes_does_not_mount_them(tmp_path: Path) -> None:
    """Where no cloud stands in between: multi-mount protection."""
    with blank(tmp_path) as disk:
        words = ["losetup", "--find", "--show", str(disk.file)]
        other = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
        node = f"rm /dev/nvme1n1; mknod /dev/nvme1n1 b 7 {other.removeprefix('/dev/loop')}"
        try:
            done = disk.up(
                "echo mine > jobs/file"
                f"; unshare --mount bash -c 'umount jobs; {node}; ./gpurig-volume' 2>why && echo got"
                "; cat why jobs/file"
            )
        finally:
            subprocess.run(["losetup", "--detach", other], check=True)
    assert done.returncode == 0, done.stderr
    assert "another machine has it" in done.stdout
    assert "got" not in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == "mine"


# -- a power cut

WRITER = """
import hashlib, os
for number in range(100000):
    name = f"/jobs/cut/{number}"
    with open(name, "wb") as file:
        file.write(hashlib.sha256(str(number).encode()).digest() * 2048)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open("/jobs/cut", os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    print(number, flush=True)
"""


def leader_of(instance: str) -> int:
    """Return process 1 of a box, as this machine numbers it."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"systemd-nspawn") and any(word.endswith(instance.encode()) for word in words):
                return int((process / "task" / process.name / "children").read_text().split()[0])
    raise AssertionError(f"{instance} has no box")


def cut_power(instance: str) -> None:
    """Kill a box at once. The kernel is this machine's and would flush what it holds: the file system stops first."""
    leader = leader_of(instance)
    folder = os.open(f"/proc/{leader}/root/jobs", os.O_RDONLY)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.ioctl(folder, ctypes.c_ulong(SHUTDOWN), WITHOUT_FLUSH) == 0, os.strerror(ctypes.get_errno())
        os.kill(leader, signal.SIGKILL)
    finally:
        os.close(folder)


def test_what_was_synced_outlives_a_power_cut_in_the_middle_of_a_write(user: User) -> None:
    ec2, instance = user.cloud.client("ec2"), user.hosts()[0]["instanceId"]
    user.on_box(f"mkdir /jobs/cut; cat > /jobs/writer.py <<'EOF'\n{WRITER}\nEOF")
    words = ["fab", "ssh", "--command", "python3 /jobs/writer.py"]
    with subprocess.Popen(words, cwd=user.project, env=user.site.env, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        while int(writer.stdout.readline()) < 50:
            pass
        cut_power(instance)
        acknowledged = 51 + len([line for line in writer.stdout if line.strip().isdigit()])
    wait_for(lambda: state_of(ec2, instance) == "stopped")
    ec2.start_instances(InstanceIds=[instance])
    wait_for(lambda: settled(user), 120)
    assert user.on_box("findmnt -no FSTYPE /jobs; cat /jobs/precious").split() == ["ext4", "precious"]
    sums = user.on_box(f"cd /jobs/cut && sha256sum $(seq 0 {acknowledged - 1})").splitlines()
    wanted = [hashlib.sha256(hashlib.sha256(str(n).encode()).digest() * 2048).hexdigest() for n in range(acknowledged)]
    assert [line.split()[0] for line in sums] == wanted
    user.on_box("rm -r /jobs/cut")


def state_of(ec2: Any, instance: str) -> str:
    row = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return str(row["State"]["Name"])
