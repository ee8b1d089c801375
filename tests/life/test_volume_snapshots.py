"""Snapshots of the job volume, and what they bring back on this box and the next one: by the commands, on a box.

The tests build on one another: what a box went through before is part of what the next one finds.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator

import pytest

from rehearsal.user import User
from tests.kit.cloud import tagged
from tests.kit.wait import until
from tests.life.volumes import job_volume, settled, slow_snapshots, snapshots, volumes_of

CONFIG = {"jobVolumeGib": "1"}


@pytest.fixture(scope="module", autouse=True)
def box(user: User) -> None:
    """A box with base on it, and something to lose."""
    user.up()
    user.fab("setup-base")
    user.on_box("echo precious > /jobs/precious")


# -- snapshots


def made(user: User, **other: str) -> str:
    """Take a snapshot of the job volume as EC2 does, with its own tags, or with others in their place."""
    volume = job_volume(user)
    tags = {tag["Key"]: tag["Value"] for tag in volume["Tags"]} | {f"gpurig:{key}": other[key] for key in other}
    rows = [{"Key": key, "Value": value} for key, value in tags.items()]
    taken = user.cloud.client("ec2").create_snapshot(
        VolumeId=volume["VolumeId"], TagSpecifications=[{"ResourceType": "snapshot", "Tags": rows}]
    )
    return str(taken["SnapshotId"])


def test_older_snapshots_go_and_nothing_else(user: User) -> None:
    oldest, stranger, neighbour = made(user), made(user, stack="another"), made(user, host="box-2")
    namesake = made(user, **{"stack-id": "0123456789ab"})
    with slow_snapshots(user, 86400):
        pending = made(user)
    others = {stranger, neighbour, namesake, pending}
    user.fab("volume-snapshot", "--keep", "2")
    (first,) = snapshots(user) - others - {oldest}
    assert oldest in snapshots(user)
    assert f"deleted {oldest}" in user.fab("volume-snapshot", "--keep", "2")
    (second,) = snapshots(user) - others - {first}
    user.fab("volume-snapshot", "--keep", "1")
    (last,) = snapshots(user) - others
    assert last not in (oldest, first, second)
    assert "the last completed snapshot is never deleted" in user.fab("volume-snapshot", "--keep", "0", code=2)
    assert snapshots(user) == {last, *others}
    status = user.fab("volume-status")
    assert last in status
    assert f"{pending}  {day(user, pending)}  1 GiB, pending" in status
    assert stranger not in status
    for wrong, why in ((pending, "is not completed: pending"), (stranger, "is no snapshot of box")):
        assert why in user.fab("volume-restore", "--snapshot", wrong, code=2)
    assert not volumes_of(user, "restore")


def test_it_waits_until_a_snapshot_is_completed_and_status_tells_of_it(user: User) -> None:
    ec2 = user.cloud.client("ec2")
    with slow_snapshots(user, 4):
        said = user.fab("volume-snapshot")
    taken = said.split()[0]
    (row,) = ec2.describe_snapshots(SnapshotIds=[taken])["Snapshots"]
    assert row["State"] == "completed"
    assert "is completed" in said
    last = f"last snapshot {day(user, taken)}, {taken}"
    assert f"GiB, in-use; {last}\n" in user.fab("status")
    with slow_snapshots(user, 86400):
        newer = made(user)
    assert f"GiB, in-use; {last}, {newer} of {day(user, newer)} is pending\n" in user.fab("status")
    ec2.delete_snapshot(SnapshotId=newer)


def day(user: User, snapshot: str) -> str:
    """Return when EC2 began a snapshot, in this machine's time."""
    (row,) = user.cloud.client("ec2").describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    return f"{row['StartTime'].astimezone():%Y-%m-%d %H:%M}"


# -- what a snapshot brings back

TREE = """
set -e; mkdir -p /jobs/work/net/deep; cd /jobs/work/net
head -c 3000000 /dev/urandom > deep/weights; ln deep/weights same; ln -s deep/weights latest; chmod 640 deep/weights
"""
SUMS = "cd %s && find . -printf '%%p %%m %%u %%y %%n %%l %%T@\\n' | sort && find . -type f -exec sha256sum {} + | sort"


PARTS = "sudo ls -A /jobs/.gpurig/restore"
LEFT = f"findmnt -l | grep -c gpurig/restore; {PARTS} | grep -c part; true"


@contextlib.contextmanager
def slow_copy(user: User) -> Iterator[None]:
    """Have the box's cp wait before it copies."""
    user.on_box("printf '#!/bin/sh\\nsleep 90\\n' | sudo tee /usr/local/bin/cp && sudo chmod 755 /usr/local/bin/cp")
    yield
    user.on_box("sudo rm /usr/local/bin/cp")


def test_a_path_comes_back_beside_what_is_there(user: User) -> None:
    user.on_box(TREE)
    before = user.on_box(SUMS % "/jobs/work/net")
    snapshot = user.fab("volume-snapshot").split()[0]
    user.on_box("rm -r /jobs/work/net/deep; echo new > /jobs/work/net/new")
    said = user.fab("volume-restore", "--path", "work/net")
    place = f"/jobs/restored/{snapshot}/work/net"
    assert place in said
    assert user.on_box(SUMS % place) == before
    assert user.on_box("cat /jobs/work/net/new").strip() == "new"
    assert not volumes_of(user, "restore")
    assert "is there already" in user.fab("volume-restore", "--path", "work/net", code=2)
    assert "has no work/nothing" in user.fab("volume-restore", "--path", "work/nothing", code=2)
    assert "below the mount point" in user.fab("volume-restore", "--path", "../etc", code=2)


def test_in_place_it_is_swapped_in_unless_somebody_works_there(user: User) -> None:
    user.fab("run", "--name", "worker", "--folder", "/jobs/work/net", "--detach", "--", "sleep", "600")
    assert "works in /jobs/work/net" in user.fab("volume-restore", "--path", "work/net", "--in-place", code=2)
    user.fab("cancel", "worker")
    said = user.fab("volume-restore", "--path", "work/net", "--in-place")
    aside = next(word.rstrip(":") for word in said.split() if ".before-" in word)
    assert user.on_box(f"cat {aside}/new; stat -c %s /jobs/work/net/deep/weights").split() == ["new", "3000000"]
    assert "say which by --path" in user.fab("volume-restore", "--in-place", code=2)


LEFT_OUT = {"lost+found", "restored", ".gpurig"}


def test_without_a_path_it_is_everything_of_the_newest_or_of_the_one_that_is_named(user: User) -> None:
    user.on_box("echo old > /jobs/work/note; touch /jobs/.hidden; mkdir -p /jobs/.gpurig/kept; sync")
    old, old_work = user.fab("volume-snapshot").split()[0], user.on_box(SUMS % "/jobs/work")
    user.on_box("echo new > /jobs/work/note; echo new > /jobs/work/more; sync")
    new, new_work = user.fab("volume-snapshot").split()[0], user.on_box(SUMS % "/jobs/work")
    there = set(user.on_box("ls -A /jobs").split())
    assert there > LEFT_OUT
    user.on_box("echo now > /jobs/work/note; rm /jobs/work/more")
    assert f"everything of {old} is in /jobs/restored/{old} " in user.fab("volume-restore", "--snapshot", old)
    assert f"everything of {new} is in /jobs/restored/{new} " in user.fab("volume-restore")
    for snapshot, work in ((old, old_work), (new, new_work)):
        assert set(user.on_box(f"ls -A /jobs/restored/{snapshot}").split()) == there - LEFT_OUT
        assert user.on_box(SUMS % f"/jobs/restored/{snapshot}/work") == work
    assert user.on_box("cat /jobs/work/note").strip() == "now"
    assert not volumes_of(user, "restore")
    user.on_box("rm -r /jobs/restored/*")


def test_what_does_not_fit_is_not_begun(user: User) -> None:
    user.on_box("head -c 400M /dev/zero > /jobs/work/large; sync")
    user.fab("volume-snapshot")
    user.on_box("head -c 300M /dev/zero > /jobs/work/more; sync")
    said = user.fab("volume-restore", "--path", "work/large", code=2)
    assert "are free on the job volume" in said
    assert "fab volume-grow" in said
    assert not volumes_of(user, "restore")
    assert user.on_box(f"{PARTS} | grep -c part || true").strip() == "0"
    user.on_box("rm /jobs/work/large /jobs/work/more")


@contextlib.contextmanager
def restoring(user: User) -> Iterator[subprocess.Popen[str]]:
    """Restore a large file; yields the command once a part of the file is there."""
    words = ["fab", "volume-restore", "--path", "work/large"]
    with (
        slow_copy(user),
        subprocess.Popen(words, cwd=user.project, env=user.site.env, text=True, stderr=subprocess.PIPE) as restore,
    ):
        until(lambda: "part" in user.on_box(f"{PARTS}; findmnt | grep -c gpurig/restore || true"))
        yield restore


def test_what_a_restore_that_was_killed_leaves_goes_with_the_next_command(user: User) -> None:
    with restoring(user) as restore:
        restore.kill()
    (left,) = volumes_of(user, "restore")
    assert "restore" in user.on_box("findmnt -l | grep gpurig")
    until(lambda: f"{left['VolumeId']}, left by a restore" in user.fab("volume-status"))
    assert not volumes_of(user, "restore")
    assert user.on_box(LEFT).split() == ["0", "0"]


def test_a_restore_that_is_stopped_gives_everything_back_itself(user: User) -> None:
    with restoring(user) as restore:
        restore.send_signal(signal.SIGINT)
        said = restore.communicate()[1]
    assert restore.returncode == 130
    assert "stopped; what was copied in part is dropped" in said
    assert not volumes_of(user, "restore")
    assert user.on_box(LEFT).split() == ["0", "0"]


# -- the next box


def test_the_volume_of_another_stack_is_refused(user: User) -> None:
    ec2, own = user.cloud.client("ec2"), job_volume(user)
    zone, tags = own["AvailabilityZone"], tagged("volume", stack="another")
    foreign = ec2.create_volume(AvailabilityZone=zone, Size=1, TagSpecifications=tags)["VolumeId"]
    user.config("jobVolume", foreign)
    said = user.pulumi("up", "--yes", code=1)
    assert f'gpurig:jobVolume: {foreign} belongs to another: its tag gpurig:stack is "another"' in said
    now = {volume["VolumeId"]: volume for volume in volumes_of(user)}
    assert now[foreign]["State"] == "available"
    assert now[own["VolumeId"]]["Attachments"] == own["Attachments"]
    user.pulumi("config", "rm", "gpurig:jobVolume")
    user.up()
    assert user.on_box("findmnt -no SOURCE /jobs; cat /jobs/precious").split() == ["/dev/nvme1n1", "precious"]
    ec2.delete_volume(VolumeId=foreign)
    assert job_volume(user)["Attachments"] == own["Attachments"]


def next_box(user: User, snapshot: str) -> str:
    """Destroy the box, make another whose volume begins as a snapshot; returns what was precious in that."""
    user.destroy()
    user.config("jobSnapshot", snapshot)
    user.up()
    until(lambda: settled(user), 120)
    return user.on_box("cat /jobs/precious").strip()


def test_a_named_snapshot_is_what_the_next_box_begins_with(user: User) -> None:
    named = user.fab("volume-snapshot").split()[0]
    user.on_box("echo later > /jobs/precious; sync")
    assert next_box(user, named) == "precious"


def test_the_newest_of_all_is_what_the_one_after_it_begins_with(user: User) -> None:
    user.on_box("echo newer > /jobs/precious; sync")
    user.fab("volume-snapshot")
    user.on_box("echo newest > /jobs/precious; sync")
    assert next_box(user, "newest") == "newest"
    (source,) = {volume["SnapshotId"] for volume in volumes_of(user)}
    rows = user.cloud.client("ec2").describe_snapshots(SnapshotIds=[*snapshots(user)])["Snapshots"]
    assert source == max(rows, key=lambda row: row["StartTime"])["SnapshotId"]
