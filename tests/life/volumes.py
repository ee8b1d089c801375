"""What the tests of the job volume ask of a rehearsal."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any

from rehearsal.user import User


def volumes_of(user: User, kind: str = "jobs") -> list[dict[str, Any]]:
    filters = [{"Name": "tag:gpurig:volume", "Values": [kind]}]
    found: list[dict[str, Any]] = user.cloud.client("ec2").describe_volumes(Filters=filters)["Volumes"]
    return found


def job_volume(user: User) -> dict[str, Any]:
    (volume,) = volumes_of(user)
    return volume


def snapshots(user: User) -> set[str]:
    rows = user.cloud.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return {row["SnapshotId"] for row in rows}


@contextlib.contextmanager
def slow_snapshots(user: User, seconds: int) -> Iterator[None]:
    """Have EC2 take so long for each snapshot of the job volume."""
    ec2, volume = user.cloud.client("ec2"), job_volume(user)["VolumeId"]
    ec2.create_tags(Resources=[volume], Tags=[{"Key": "rehearsal:snapshot-seconds", "Value": str(seconds)}])
    yield
    ec2.delete_tags(Resources=[volume], Tags=[{"Key": "rehearsal:snapshot-seconds"}])


def answers(user: User) -> bool:
    """Tell whether the box lets its user in."""
    words = ["fab", "ssh", "--command", "true"]
    done = subprocess.run(words, cwd=user.project, env=user.site.env, capture_output=True, check=False)
    return done.returncode == 0


def settled(user: User) -> bool:
    """Tell whether the box is up and done with its volume, mounted or not."""
    return answers(user) and user.on_box("systemctl is-active gpurig-volume || true").strip() in ("active", "failed")
