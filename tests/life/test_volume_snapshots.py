"""Snapshots of the job volume, what they bring back, and its growth: by the commands, on a box.

The tests build on one another: what a box went through before is part of what the next one finds.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.life.volumes import job_volume, settled, snapshots, volumes_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.user import User

CONFIG = {"jobVolumeGib": "1"}


@pytest.fixture(scope="module", autouse=True)
def box(user: User) -> None:
    """A box with base on it, and something to lose."""
    user.up()
    user.fab("setup-base")
    user.on_box("echo precious > /jobs/precious")


# -- snapshots


def test_older_snapshots_go_and_nothing_else(user: User) -> None:
    ec2, volume = user.cloud.client("ec2"), job_volume(user)["VolumeId"]
    own = {"gpurig:project": "gpurig", "gpurig:stack": "rehearsal", "gpurig:host": "box", "gpurig:volume": "jobs"}

    def made(**other: str) -> str:
        tags = [{"Key": key, "Value": value} for key, value in {**own, **other}.items()]
        specification = [{"ResourceType": "snapshot", "Tags": tags}]
        return str(ec2.create_snapshot(VolumeId=volume, TagSpecifications=specification)["SnapshotId"])

    oldest, stranger = made(), made(**{"gpurig:stack": "another"})
    neighbour = made(**{"gpurig:host": "box-2"})
    ec2.create_tags(Resources=[volume], Tags=[{"Key": "rehearsal:snapshot-seconds", "Value": "86400"}])
    pending = made()
    ec2.delete_tags(Resources=[volume], Tags=[{"Key": "rehearsal:snapshot-seconds"}])
    others = {stranger, neighbour, pending}
    user.fab("volume-snapshot", "--keep", "2")
    (first,) = snapshots(user) - others - {oldest}
    assert oldest in snapshots(user)
    said = user.fab("volume-snapshot", "--keep", "2")
    assert f"deleted {oldest}" in said
    (second,) = snapshots(user) - others - {first}
    user.fab("volume-snapshot", "--keep", "1")
    (last,) = snapshots(user) - others
    assert last not in (oldest, first, second)
    refused = user.fab("volume-snapshot", "--keep", "0", code=2)
    assert "the last completed snapshot is never deleted" in refused
    assert snapshots(user) == {last, *others}
    status = user.fab("volume-status")
    assert last in status
    assert f"{pending}" in status
    assert "pending" in status
    assert stranger not in status
    for wrong, why in ((pending, "is not completed: pending"), (stranger, "is no snapshot of box")):
        assert why in user.fab("volume-restore", "--snapshot", wrong, code=2)
    assert not volumes_of(user, "restore")


def test_it_waits_until_a_snapshot_is_completed(user: User) -> None:
    ec2, volume = user.cloud.client("ec2"), job_volume(user)["VolumeId"]
    ec2.create_tags(Resources=[volume], Tags=[{"Key": "rehearsal:snapshot-seconds", "Value": "4"}])
    said = user.fab("volume-snapshot")
    ec2.delete_tags(Resources=[volume], Tags=[{"Key": "rehearsal:snapshot-seconds"}])
    taken = said.split()[0]
    (row,) = ec2.describe_snapshots(SnapshotIds=[taken])["Snapshots"]
    assert row["State"] == "completed"
    assert "is completed" in said


# -- what a snapshot brings back

TREE = """
set -e; mkdir -p /jobs/work/net/deep; cd /jobs/work/net
head -c 3000000 /dev/urandom > deep/weights; ln deep/weights same; ln -s deep/weights latest; chmod 640 deep/weights
"""
SUMS = "cd %s && find . -printf '%%p %%m %%u %%y %%n %%l %%T@\\n' | sort && sha256sum deep/weights"


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
    again = user.fab("volume-restore", "--path", "work/net", code=2)
    assert "is there already" in again
    assert "has no work/nothing" in user.fab("volume-restore", "--path", "work/nothing", code=2)
    assert "below the mount point" in user.fab("volume-restore", "--path", "../etc", code=2)


def test_in_place_it_is_swapped_in_unless_somebody_works_there(user: User) -> None:
    user.fab("run", "--name", "worker", "--folder", "/jobs/work/net", "--detach", "--", "sleep", "600")
    busy = user.fab("volume-restore", "--path", "work/net", "--in-place", code=2)
    assert "works in /jobs/work/net" in busy
    user.fab("stop", "worker")
    said = user.fab("volume-restore", "--path", "work/net", "--in-place")
    aside = next(word.rstrip(":") for word in said.split() if ".before-" in word)
    assert user.on_box(f"cat {aside}/new; stat -c %s /jobs/work/net/deep/weights").split() == ["new", "3000000"]
    assert "say which by --path" in user.fab("volume-restore", "--in-place", code=2)


def test_what_does_not_fit_is_not_begun(user: User) -> None:
    user.on_box("head -c 400M /dev/zero > /jobs/work/large; sync")
    user.fab("volume-snapshot")
    user.on_box("head -c 300M /dev/zero > /jobs/work/more; sync")
    said = user.fab("volume-restore", "--path", "work/large", code=2)
    assert "are free on the job volume" in said
    assert "fab volume-grow" in said
    assert not volumes_of(user, "restore")
    assert user.on_box("ls -A /jobs/restored | grep -c part || true").strip() == "0"
    user.on_box("rm /jobs/work/large /jobs/work/more")


def test_what_a_restore_that_was_killed_leaves_goes_with_the_next_command(user: User) -> None:
    with slow_copy(user):
        words = ["fab", "volume-restore", "--path", "work/large"]
        with subprocess.Popen(words, cwd=user.project, env=user.site.env, stdout=subprocess.DEVNULL) as restore:
            wait_for(lambda: "part" in user.on_box("ls -A /jobs/restored; findmnt | grep -c gpurig/restore || true"))
            restore.kill()
    (left,) = volumes_of(user, "restore")
    assert "restore" in user.on_box("findmnt -l | grep gpurig")
    wait_for(lambda: f"{left['VolumeId']}, left by a restore" in user.fab("volume-status"))
    assert not volumes_of(user, "restore")
    assert user.on_box("findmnt -l | grep -c gpurig/restore; ls -A /jobs/restored | grep -c part; true").split() == [
        "0",
        "0",
    ]


def test_a_restore_that_is_stopped_gives_everything_back_itself(user: User) -> None:
    with slow_copy(user):
        words = ["fab", "volume-restore", "--path", "work/large"]
        with subprocess.Popen(words, cwd=user.project, env=user.site.env, text=True, stderr=subprocess.PIPE) as restore:
            wait_for(lambda: "part" in user.on_box("ls -A /jobs/restored; findmnt | grep -c gpurig/restore || true"))
            restore.send_signal(signal.SIGINT)
            said = restore.communicate()[1]
    assert restore.returncode == 130
    assert "stopped; what was copied in part is dropped" in said
    assert not volumes_of(user, "restore")
    left = user.on_box("findmnt -l | grep -c gpurig/restore; ls -A /jobs/restored | grep -c part; true").split()
    assert left == ["0", "0"]


# -- growing


def size_gib(user: User) -> float:
    return float(user.on_box("stat -fc '%b %S' /jobs | awk '{print $1 * $2 / 2^30}'"))


def test_growing_that_fails_changes_nothing(user: User) -> None:
    user.cloud.fault("ModifyVolume", code="VolumeModificationRateExceeded", message="once in six hours")
    said = user.fab("volume-grow", "--size", "2", "--yes", code=1)
    assert "once in six hours" in said
    assert user.pulumi("config", "get", "gpurig:jobVolumeGib").strip() == "1"
    assert job_volume(user)["Size"] == 1


def test_it_grows_with_what_is_on_it(user: User) -> None:
    said = user.fab("volume-grow", "--size", "2", "--yes")
    assert "the job volume of box" in said
    assert job_volume(user)["Size"] == 2
    assert size_gib(user) > 1.8
    assert user.on_box("cat /jobs/precious; stat -c %s /jobs/work/net/deep/weights").split() == ["precious", "3000000"]
    assert user.pulumi("config", "get", "gpurig:jobVolumeGib").strip() == "2"
    smaller = user.fab("volume-grow", "--size", "1", "--yes", code=2)
    assert "a volume never shrinks" in smaller


# -- the next box


def test_a_named_snapshot_is_what_the_next_box_begins_with(user: User) -> None:
    named = user.fab("volume-snapshot").split()[0]
    user.on_box("echo later > /jobs/precious; sync")
    user.destroy()
    user.config("jobSnapshot", named)
    user.up()
    wait_for(lambda: settled(user), 120)
    assert user.on_box("cat /jobs/precious").strip() == "precious"
