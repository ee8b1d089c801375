"""Several boxes, and one that changes under its jobs: what is on the job volumes is there afterwards, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.user import User

CONFIG = {"jobVolumeGib": "1"}
JOB = "/jobs/digits/20260101-120000-cafe"
_SUM = re.compile(r"\b[0-9a-f]{64}\b")


def leave_a_job(user: User, host: str) -> str:
    """Leave a job of random bytes on a box; returns its checksum."""
    make = f"mkdir -p {JOB} && head -c 4M /dev/urandom > {JOB}/model && sync && sha256sum {JOB}/model"
    return _sum(user.on_box(make, limit=host))


def job_on(user: User, host: str) -> str:
    """Return the checksum of the job on a box, whose volume has to be a mounted file system of its own."""
    return _sum(user.on_box(f"mountpoint /jobs && sha256sum {JOB}/model", limit=host))


def _sum(said: str) -> str:
    found = _SUM.findall(said)
    assert len(found) == 1, said
    return str(found[0])


def row(user: User, name: str) -> dict[str, Any]:
    """Return a host of the stack's output document."""
    (found,) = [host for host in user.hosts() if host["name"] == name]
    return found


@pytest.fixture
def stack(user: User) -> Iterator[User]:
    """Tear down whatever a test leaves, jobs included, so that the next one starts from nothing."""
    yield user
    user.destroy()
    ec2 = user.cloud.client("ec2")
    for snapshot in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
        ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])


def test_two_boxes_have_a_volume_each_and_the_second_one_comes_back_with_its_jobs(stack: User) -> None:
    stack.config("hosts", "2")
    stack.up()
    stack.fab("setup-base")
    sums = {host: leave_a_job(stack, host) for host in ("box", "box-2")}
    first, second = row(stack, "box"), row(stack, "box-2")
    assert first["volumeId"] != second["volumeId"]

    stack.config("hosts", "1")
    stack.up()
    assert [host["instanceId"] for host in stack.hosts()] == [first["instanceId"]]
    assert job_on(stack, "box") == sums["box"]
    (snapshot,) = stack.cloud.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert snapshot["VolumeId"] == second["volumeId"]

    stack.config("hosts", "2")
    stack.up()
    stack.fab("setup-base")
    assert row(stack, "box-2")["instanceId"] != second["instanceId"]
    assert {host: job_on(stack, host) for host in sums} == sums


def test_jobs_survive_another_type_another_box_the_loss_of_a_spot_box_and_another_zone(stack: User) -> None:
    for key, value in {"hosts": "1", "zone": "us-east-1a"}.items():
        stack.config(key, value)
    stack.up()
    stack.fab("setup-base")
    job, volume = leave_a_job(stack, "box"), row(stack, "box")["volumeId"]

    for key, value in (("instanceType", "g4dn.2xlarge"), ("generation", "2")):
        stack.config(key, value)
        stack.up()
        stack.fab("setup-base")
        assert job_on(stack, "box") == job

    stack.config("generation", "1")
    stack.config("spot", "true")
    stack.up()
    lost = row(stack, "box")["instanceId"]
    stack.fab("setup-base")
    stack.cloud.client("ec2").terminate_instances(InstanceIds=[lost])
    stack.pulumi("up", "--yes", "--refresh")
    stack.fab("setup-base")
    now = row(stack, "box")
    assert now["instanceId"] != lost
    assert now["volumeId"] == volume
    assert job_on(stack, "box") == job

    stack.config("zone", "us-east-1b")
    assert "pulumi destroy, then pulumi up" in stack.pulumi("up", "--yes", code=1)
    assert job_on(stack, "box") == job
    stack.destroy()
    stack.up()
    stack.fab("setup-base")
    assert row(stack, "box")["zone"] == "us-east-1b"
    assert job_on(stack, "box") == job
