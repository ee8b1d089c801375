"""A stack's life against the EC2 API: what changes in place, what is made anew, what a destroy leaves, what comes back.

Resource options act in the engine, where the SDK's mocks do not reach: here the stand-in engine and plugin run the
program over real gRPC and HTTP, with no boxes behind the API.
"""

from __future__ import annotations

from pathlib import Path

from tests.infra.stack import SETTINGS, open_stack


def test_a_stack_lives_and_comes_back(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        stack.up(**SETTINGS)
        first, (volume,) = stack.box(), stack.job_volumes()
        assert stack.open_to() == {(22, "203.0.113.7/32"), (5000, "203.0.113.7/32")}
        assert volume["Attachments"][0]["InstanceId"] == first["InstanceId"]

        # Another type, another address, another rendering of user-data: the same box.
        stack.up(instanceType="g4dn.2xlarge", allowedCidrs="198.51.100.0/24", idleStopMinutes="30", jobVolumeGib="120")
        changed = stack.box()
        assert (changed["InstanceId"], changed["InstanceType"]) == (first["InstanceId"], "g4dn.2xlarge")
        assert stack.open_to() == {(22, "198.51.100.0/24"), (5000, "198.51.100.0/24")}
        assert [(v["VolumeId"], v["Size"]) for v in stack.job_volumes()] == [(volume["VolumeId"], 120)]

        # What waits for a `pulumi up` is not done by the way.
        stack.pulumi("config", "set", "gpurig:generation", "2")
        refused = stack.fab("volume-grow", "--size", "150", "--yes", code=2)
        for line in ("create aws:ec2/instance:Instance box-g2", "delete aws:ec2/instance:Instance box-g1"):
            assert f"  {line}\n" in refused
        assert stack.box()["InstanceId"] == first["InstanceId"]
        assert stack.pulumi("config", "get", "gpurig:jobVolumeGib").strip() == "120"
        assert [v["Size"] for v in stack.job_volumes()] == [120]

        # Another generation: another box with the same volume, and nothing else.
        stack.up(generation="2")
        second, (moved,) = stack.box(), stack.job_volumes()
        assert second["InstanceId"] != first["InstanceId"]
        assert (moved["VolumeId"], moved["Attachments"][0]["InstanceId"]) == (volume["VolumeId"], second["InstanceId"])
        stack.pulumi("preview", "--expect-no-changes")

        stack.pulumi("destroy", "--yes", "--skip-preview")
        assert stack.job_volumes() == []
        (snapshot,) = stack.snapshots()
        assert snapshot["VolumeId"] == volume["VolumeId"]

        stack.up()
        assert [v["SnapshotId"] for v in stack.job_volumes()] == [snapshot["SnapshotId"]]
        stack.pulumi("preview", "--expect-no-changes")
