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
from typing import Any

import pytest

from rehearsal.user import User
from tests.kit.disk import Disk, digest_of, looped
from tests.kit.wait import until
from tests.life.volumes import answers, job_volume, settled

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

DISK = "export DISK=/dev/nvme1n1; sudo systemctl stop gpurig-volume; sudo umount /jobs 2>/dev/null"
WIPE = "sudo wipefs -qa $DISK; sudo blkdiscard $DISK"
FOREIGN = {
    "a partition table (gpt)": "echo 'label: gpt' | sudo sfdisk -q $DISK",
    "a partition table (dos)": "echo ',100M,L' | sudo sfdisk -q $DISK",
    "crypto_LUKS": r"printf 'LUKS\272\276\0\1' | sudo dd of=$DISK conv=notrunc status=none",
    "swap": "sudo mkswap -q $DISK 2>/dev/null || sudo mkswap $DISK >/dev/null",
    "ext2": "sudo mkfs.ext2 -q -F $DISK",
    "ext4, label photos": "sudo mkfs.ext4 -q -F -L photos $DISK",
    "ext4, label none": "sudo mkfs.ext4 -q -F $DISK",
    # As dm-crypt without a header leaves it.
    "data of an unknown kind": "sudo dd if=/dev/urandom of=$DISK bs=1M count=2 status=none",
    "data of an unknown kind (in its middle)": ("sudo dd if=/dev/urandom of=$DISK bs=1M seek=600 count=2 status=none"),
    "data of an unknown kind (half-formatted)": (
        "sudo mkfs.ext4 -q -F $DISK; sudo dd if=/dev/zero of=$DISK bs=4096 count=1 conv=notrunc status=none"
    ),
}


def image(user: User) -> Path:
    """Return the file of this machine that the box has as its volume."""
    return user.cloud.state / "volumes" / f"{job_volume(user)['VolumeId']}.img"


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_foreign_is_left_as_it_is(user: User, what: str) -> None:
    user.on_box(f"{DISK}; {WIPE}; {FOREIGN[what]}; sync")
    before = digest_of(image(user))
    said = user.on_box(
        "! sudo systemctl restart gpurig-volume && ! mountpoint -q /jobs; echo code $?; sync"
        "; journalctl -u gpurig-volume -n 20 -o cat"
    )
    assert "code 0" in said
    assert (
        f"holds {what.removesuffix(' (in its middle)').removesuffix(' (half-formatted)')}: not mounted, not changed"
        in said
    )
    assert digest_of(image(user)) == before


KILLED = r"""
cat <<'EOF' | sudo install -m 755 /dev/stdin /usr/local/sbin/mkfs.ext4
#!/bin/bash
truncate -s 1G /tmp/half
# The kernel kills what writes further into a file than 64 MiB: here are the bytes of an mkfs that had begun.
(ulimit -c 0 -f 65536; /usr/sbin/mkfs.ext4 "${@:1:$#-1}" -F /tmp/half)
dd if=/tmp/half of="${@: -1}" bs=64K conv=sparse,notrunc status=none
sleep 90
EOF
sudo systemctl start --no-block gpurig-volume
until pgrep -fx 'sleep 90'; do sleep 0.1; done
sudo systemctl kill --signal=KILL gpurig-volume
sudo rm /usr/local/sbin/mkfs.ext4 /tmp/half
"""


def test_a_format_that_was_killed_is_done_again(user: User) -> None:
    user.on_box(f"{DISK}; {WIPE}; {KILLED}")
    left = "sudo find /var/lib/gpurig -name 'formatting-*' -printf '%f\\n'"
    assert user.on_box(f"{left}; sudo wipefs /dev/nvme1n1").split() == [f"formatting-{job_volume(user)['VolumeId']}"]
    said = user.on_box(
        "sudo systemctl restart gpurig-volume && echo mine > /jobs/file; journalctl -u gpurig-volume -o cat -n 5"
        f"; {DISK}; sudo e2fsck -fn $DISK >/dev/null 2>&1 && echo clean; {left}"
        "; sudo systemctl start gpurig-volume; cat /jobs/file"
    )
    assert "formatting it" in said
    assert "clean" in said.split()
    assert "formatting-" not in said
    assert said.split()[-1] == "mine"


def test_a_blank_one_is_formatted_and_never_again(user: User) -> None:
    said = user.on_box(
        f"{DISK}; {WIPE}; sudo systemctl restart gpurig-volume && echo precious > /jobs/precious"
        "; sync; journalctl -u gpurig-volume -o cat -n 5; sudo dumpe2fs -h $DISK 2>/dev/null | grep 'system features'"
    )
    assert "is blank: formatting it" in said
    assert "mmp" in said.split()
    instance = user.hosts()[0]["instanceId"]
    boot = user.on_box("cat /proc/1/stat | cut -d' ' -f22")
    user.cloud.client("ec2").reboot_instances(InstanceIds=[instance])
    until(lambda: answers(user) and user.on_box("cat /proc/1/stat | cut -d' ' -f22") != boot)
    until(lambda: user.on_box("systemctl is-active gpurig-volume || true").strip() == "active")
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


def test_a_second_machine_with_the_same_bytes_does_not_mount_them(user: User, tmp_path: Path) -> None:
    """Where no cloud stands in between: multi-mount protection."""
    with looped(image(user)) as other:
        done = Disk(tmp_path, other).up("echo got")
    assert done.returncode == 1
    assert "another machine has it" in done.stderr
    assert "got" not in done.stdout
    assert user.on_box("echo still > /jobs/still && sync && cat /jobs/still /jobs/precious").split() == [
        "still",
        "precious",
    ]


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
    until(lambda: state_of(ec2, instance) == "stopped")
    ec2.start_instances(InstanceIds=[instance])
    until(lambda: settled(user), 120)
    assert user.on_box("findmnt -no FSTYPE /jobs; cat /jobs/precious").split() == ["ext4", "precious"]
    sums = user.on_box(f"cd /jobs/cut && sha256sum $(seq 0 {acknowledged - 1})").splitlines()
    wanted = [hashlib.sha256(hashlib.sha256(str(n).encode()).digest() * 2048).hexdigest() for n in range(acknowledged)]
    assert [line.split()[0] for line in sums] == wanted
    user.on_box("rm -r /jobs/cut")


def state_of(ec2: Any, instance: str) -> str:
    row = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    return str(row["State"]["Name"])
