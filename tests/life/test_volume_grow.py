"""How large the job volume is and how full, and how it grows: by the commands, on a box, also under a run.

The tests build on one another: what a box went through before is part of what the next one finds.
"""

from __future__ import annotations

import json
import subprocess

import pytest

from rehearsal.user import User
from tests.kit.wait import until
from tests.life.volumes import job_volume

CONFIG = {"jobVolumeGib": "1"}
GIB = 2**30


@pytest.fixture(scope="module", autouse=True)
def box(user: User) -> None:
    """A box with base on it, and something to lose."""
    user.up()
    user.fab("setup-base")
    user.on_box("echo precious > /jobs/precious; head -c 200M /dev/urandom > /jobs/weights; sync")


def size_gib(user: User) -> float:
    return float(user.on_box("stat -fc '%b %S' /jobs | awk '{print $1 * $2 / 2^30}'"))


# -- how large, how full


def test_its_size_and_how_full_it_is_are_as_the_box_and_ec2_have_them(user: User) -> None:
    total, free, files, device = map(
        int,
        user.on_box(
            "df --block-size=1 --output=size,avail,iused /jobs | tail -n 1; lsblk --bytes -dno SIZE /dev/nvme1n1"
        ).split(),
    )
    # The box's own figures are those of a volume of 1 GiB with 200 MiB on it.
    assert device == GIB
    assert 200 * 2**20 < total - free < 350 * 2**20
    volume, host = job_volume(user), user.hosts()[0]
    (answer,) = map(json.loads, user.fab("volume-status", "--json").splitlines())
    assert answer.pop("snapshots") == []
    assert answer == {
        "host": "box",
        "id": volume["VolumeId"],
        "size_gib": 1,
        "state": "in-use",
        "zone": volume["AvailabilityZone"],
        "attached_to": host["instanceId"],
        "device": "/dev/nvme1n1",
        "device_bytes": device,
        "mounted": True,
        "total": total,
        "free": free,
        "files": files,
        "restoring": [],
    }
    said = user.fab("volume-status")
    assert f"{volume['VolumeId']}, 1 GiB, in-use, {volume['AvailabilityZone']}" in said
    assert f"/dev/nvme1n1: {free / GIB:.1f} of {total / GIB:.1f} GiB free" in said
    assert f"{100 - 100 * free / total:.0f}% used, {files} files" in said
    assert "volume-grow" not in said


# -- growing


def test_growing_that_fails_changes_nothing(user: User) -> None:
    user.cloud.fault("ModifyVolume", code="VolumeModificationRateExceeded", message="once in six hours")
    said = user.fab("volume-grow", "--size", "2", "--yes", code=1)
    assert "once in six hours" in said
    assert user.pulumi("config", "get", "gpurig:jobVolumeGib").strip() == "1"
    assert job_volume(user)["Size"] == 1


def test_it_grows_with_what_is_on_it(user: User) -> None:
    sums = user.on_box("sha256sum /jobs/weights")
    said = user.fab("volume-grow", "--size", "2", "--yes")
    assert "the job volume of box" in said
    assert job_volume(user)["Size"] == 2
    assert size_gib(user) > 1.8
    assert user.on_box("sha256sum /jobs/weights") == sums
    assert user.on_box("cat /jobs/precious").strip() == "precious"
    assert user.pulumi("config", "get", "gpurig:jobVolumeGib").strip() == "2"
    smaller = user.fab("volume-grow", "--size", "1", "--yes", code=2)
    assert "a volume never shrinks" in smaller


COUNT = "exec 3>/jobs/counted; n=0; while :; do echo $((n += 1)) >&3; sleep 0.1; done"


def counted(user: User) -> list[int]:
    """Return what the run has written."""
    return [int(line) for line in user.on_box("cat /jobs/counted").split()]


def test_a_run_that_works_on_it_goes_on_while_it_grows(user: User) -> None:
    """Root of a real machine grows what is mounted; that of a container may not, and is told what is in the way."""
    grow = ["fab", "volume-grow", "--size", "3", "--yes"]
    user.fab("run", "--name", "busy", "--detach", "--", COUNT)
    until(lambda: counted(user))
    done = subprocess.run(grow, cwd=user.project, env=user.site.env, capture_output=True, text=True, check=False)
    then = counted(user)[-1]
    until(lambda: counted(user)[-1] > then)
    rows = [json.loads(line) for line in user.fab("ps", "--json").splitlines()]
    assert [row["state"] for row in rows if row["name"] == "busy"] == ["running"]
    assert user.on_box("cat /jobs/precious; systemctl is-active gpurig-volume").split() == ["precious", "active"]
    # The volume itself has grown either way, and never shrinks.
    assert job_volume(user)["Size"] == 3
    assert user.pulumi("config", "get", "gpurig:jobVolumeGib").strip() == "3"
    if done.returncode:
        refused(user, done)
    user.fab("cancel", "busy")
    said = user.run(*grow)
    assert size_gib(user) > 2.8
    assert "the job volume of box" in said
    assert "volume-grow" not in user.fab("volume-status")
    seen = counted(user)
    assert seen == list(range(1, len(seen) + 1))
    assert user.on_box("cat /jobs/precious").strip() == "precious"


def refused(user: User, done: subprocess.CompletedProcess[str]) -> None:
    """Check that a file system that could not grow is as it was, and that its user is told why and what to do."""
    assert done.returncode == 2
    assert 1.8 < size_gib(user) < 2
    assert f"{job_volume(user)['VolumeId']} cannot be grown while it is in use" in done.stderr
    worker = user.on_box("systemctl show --property=MainPID --value gpurig-run-busy").strip()
    assert f"it is in use by bash (process {worker})" in done.stderr
    assert "fab cancel NAME), the same command grows it" in done.stderr
    assert "its volume has 3 GiB: fab volume-grow --size 3" in user.fab("volume-status")
