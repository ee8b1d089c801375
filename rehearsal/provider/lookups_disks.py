"""The functions that look up EBS volumes and snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import answer
from rehearsal.provider.query import filtered, the_one
from rehearsal.provider.tags import mapping

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.wire import Values


def _volumes(aws: Aws, args: Values) -> Values:
    found = aws.listed("ec2", "DescribeVolumes", "Volumes", **filtered(args))
    return {**args, "id": aws.settings.region, "ids": [one["VolumeId"] for one in found]}


def _volume(aws: Aws, args: Values) -> Values:
    found = aws.listed("ec2", "DescribeVolumes", "Volumes", **filtered(args))
    volume = the_one(args, found, lambda one: one["CreateTime"])
    names = ("volumeId", "availabilityZone", "encrypted", "iops", "kmsKeyId", "size", "snapshotId", "throughput")
    return {
        **args,
        **answer(volume, *names, "volumeType"),
        "id": volume["VolumeId"],
        "arn": aws.arn("ec2", f"volume/{volume['VolumeId']}"),
        "createTime": volume["CreateTime"].isoformat(),
        "tags": mapping(volume.get("Tags")),
    }


def _of_whom(args: Values) -> dict[str, Any]:
    names = {"owners": "OwnerIds", "restorableByUserIds": "RestorableByUserIds"}
    return {theirs: args[ours] for ours, theirs in names.items() if args.get(ours)}


def _snapshots(aws: Aws, args: Values) -> Values:
    found = aws.listed("ec2", "DescribeSnapshots", "Snapshots", **_of_whom(args), **filtered(args))
    found.sort(key=lambda one: one["StartTime"], reverse=True)
    return {**args, "id": aws.settings.region, "ids": [one["SnapshotId"] for one in found]}


def _snapshot(aws: Aws, args: Values) -> Values:
    ids = {"SnapshotIds": args["snapshotIds"]} if args.get("snapshotIds") else {}
    found = aws.ec2("DescribeSnapshots", **ids, **_of_whom(args), **filtered(args))["Snapshots"]
    snapshot = the_one(args, found, lambda one: one["StartTime"])
    names = ("snapshotId", "description", "encrypted", "kmsKeyId", "ownerId", "state", "storageTier", "volumeId")
    return {
        **args,
        **answer(snapshot, *names, "volumeSize"),
        "id": snapshot["SnapshotId"],
        "arn": aws.arn("ec2", f"snapshot/{snapshot['SnapshotId']}"),
        "startTime": snapshot["StartTime"].isoformat(),
        "tags": mapping(snapshot.get("Tags")),
    }


DISKS = (
    ("aws:ebs/getEbsVolumes:getEbsVolumes", _volumes, ("filters",)),
    ("aws:ebs/getVolume:getVolume", _volume, ("filters", "mostRecent")),
    ("aws:ebs/getSnapshotIds:getSnapshotIds", _snapshots, ("filters", "owners", "restorableByUserIds")),
    (
        "aws:ebs/getSnapshot:getSnapshot",
        _snapshot,
        ("filters", "mostRecent", "owners", "restorableByUserIds", "snapshotIds"),
    ),
)
"""Token, what looks it up, and the arguments that it takes."""
