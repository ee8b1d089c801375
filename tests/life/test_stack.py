"""A stack's job volumes against the EC2 API: retained, named, let go of, of several hosts, across zones and losses.

No box boots here: `test_hosts.py` has those. What is seen is what is billed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.stack import SETTINGS, Stack, open_stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with open_stack(tmp_path) as made:
        yield made


def test_a_retained_volume_stays_and_comes_back_by_its_name(stack: Stack) -> None:
    stack.up(**SETTINGS, jobVolumeOnDestroy="retain", spot="true")
    (volume,) = stack.job_volumes()
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert [(v["VolumeId"], v["State"]) for v in stack.job_volumes()] == [(volume["VolumeId"], "available")]
    assert stack.snapshots() == []

    # Not passed over for a blank one, and nothing made before that is known.
    assert f"pulumi config set gpurig:jobVolume {volume['VolumeId']}" in stack.refused("up", "--yes")
    assert [v["VolumeId"] for v in stack.job_volumes()] == [volume["VolumeId"]]
    # Without a preview a new one is made, and no box; and it is not taken for the right one the next time.
    for _ in range(2):
        assert f"pulumi config set gpurig:jobVolume {volume['VolumeId']}" in stack.refused("up", "--yes", "-f")
        assert stack.boxes() == []

    stack.up(jobVolume=volume["VolumeId"])
    assert volume["VolumeId"] in {m["Ebs"]["VolumeId"] for m in stack.box()["BlockDeviceMappings"]}
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("destroy", "--yes", "--skip-preview")
    left = {v["VolumeId"]: v["State"] for v in stack.job_volumes()}
    assert left[volume["VolumeId"]] == "available"
    assert stack.snapshots() == []


def test_the_stacks_own_volume_is_let_go_of_when_it_is_named(stack: Stack) -> None:
    stack.up(**SETTINGS)
    (volume,), box = stack.job_volumes(), stack.box()
    stack.up(jobVolume=volume["VolumeId"])
    assert stack.box()["InstanceId"] == box["InstanceId"]
    stack.pulumi("preview", "--expect-no-changes")
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert [(v["VolumeId"], v["State"]) for v in stack.job_volumes()] == [(volume["VolumeId"], "available")]
    assert stack.snapshots() == []


def test_hosts_come_go_and_come_back(stack: Stack) -> None:
    stack.up(**SETTINGS)
    (first,) = stack.boxes()
    stack.up(hosts="3")
    volumes = {_tag(v, "gpurig:host"): v["VolumeId"] for v in stack.job_volumes()}
    holders = {_tag(b, "gpurig:host"): b["InstanceId"] for b in stack.boxes()}
    assert volumes.keys() == holders.keys() == {"box", "box-2", "box-3"}
    assert holders["box"] == first["InstanceId"]

    stack.up(hosts="1")
    assert [b["InstanceId"] for b in stack.boxes()] == [first["InstanceId"]]
    snapshots = {_tag(s, "gpurig:host"): s for s in stack.snapshots()}
    assert {host: s["VolumeId"] for host, s in snapshots.items()} == {h: volumes[h] for h in ("box-2", "box-3")}

    stack.up(hosts="2")
    origin = {_tag(v, "gpurig:host"): v.get("SnapshotId", "") for v in stack.job_volumes()}
    assert origin == {"box": "", "box-2": snapshots["box-2"]["SnapshotId"]}
    stack.pulumi("preview", "--expect-no-changes")


def test_jobs_change_zones_by_their_snapshot_and_survive_the_loss_of_a_spot_box(stack: Stack) -> None:
    stack.up(**SETTINGS, spot="true", zone="us-east-1a")
    (volume,), lost = stack.job_volumes(), stack.box()["InstanceId"]
    stack.ec2.terminate_instances(InstanceIds=[lost])
    stack.pulumi("up", "--yes", "--skip-preview", "--refresh")
    (moved,) = stack.job_volumes()
    assert (moved["VolumeId"], moved["Attachments"][0]["InstanceId"]) == (volume["VolumeId"], stack.box()["InstanceId"])
    assert stack.box()["InstanceId"] != lost

    stack.pulumi("config", "set", "gpurig:zone", "us-east-1b")
    before = len(stack.calls())
    assert "pulumi destroy, then pulumi up" in stack.refused("up", "--yes", "--skip-preview")
    assert not [call for call in stack.calls()[before:] if not call.startswith(("Describe", "Get"))]

    stack.pulumi("destroy", "--yes", "--skip-preview")
    stack.up()
    (there,), (snapshot,) = stack.job_volumes(), stack.snapshots()
    assert (there["AvailabilityZone"], there["SnapshotId"]) == ("us-east-1b", snapshot["SnapshotId"])


def _tag(record: dict[str, Any], key: str) -> str:
    (value,) = [tag["Value"] for tag in record["Tags"] if tag["Key"] == key]
    return str(value)
