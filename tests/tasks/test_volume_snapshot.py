"""Which snapshots `fab volume-snapshot` prunes, and what `fab volume-status` says of a box that is off."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.model.host import Host
from provision.model.target import Target
from provision.storage.volumes import JobVolume, Snapshot
from rehearsal.cloud.handle import Cloud
from tests.kit.cloud import serve, tagged
from tests.kit.fab import fab, host_row, outputs, pulumi_that_says
from tests.kit.wait import until


def next_second() -> None:
    """Wait until what comes next is newer than what was: moto knows whole seconds."""
    time.sleep(1 - time.time() % 1)


@dataclasses.dataclass(frozen=True)
class Box:
    """A box that is off, so that nothing is asked of it, and what the user does about its volume."""

    folder: Path
    cloud: Cloud
    ec2: Any

    def volume(self, snapshot: str = "", **tags: str) -> str:
        """Make a volume of a snapshot, or a blank one."""
        source = {"SnapshotId": snapshot} if snapshot else {"Size": 1}
        made = self.ec2.create_volume(
            AvailabilityZone="us-east-1a", TagSpecifications=tagged("volume", **tags), **source
        )
        return str(made["VolumeId"])

    def final(self, volume: str, **tags: str) -> str:
        """Delete a volume as `pulumi destroy` does: with a snapshot that has its tags."""
        next_second()
        taken = self.ec2.create_snapshot(VolumeId=volume, TagSpecifications=tagged("snapshot", **tags))
        self.ec2.delete_volume(VolumeId=volume)
        next_second()
        return str(taken["SnapshotId"])

    def fab(self, volume: str, *words: str) -> str:
        """Run a volume task where this volume is the box's."""
        said = outputs(host_row(instanceId="", target=Target(volume_id=volume).to_document()))
        done = fab(self.folder, *words, code=0, **self.cloud.env, PATH=pulumi_that_says(self.folder, said))
        return done.stdout + done.stderr

    def snapshot(self, volume: str) -> str:
        """Take one, keeping one; returns what is said."""
        return self.fab(volume, "volume-snapshot", "--keep", "1")

    def snapshots(self) -> set[str]:
        """Return the ids of all that there are."""
        return {one["SnapshotId"] for one in self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    (tmp_path / "cloud").mkdir()
    with serve(tmp_path / "cloud") as wired:
        yield Box(tmp_path, wired.cloud, wired.ec2)


def test_the_last_snapshot_of_a_volume_that_nothing_went_on_from_stays(box: Box) -> None:
    first = box.volume()
    left = box.final(first)
    blank = box.volume()
    said = box.snapshot(blank)
    assert left in box.snapshots()
    assert f"kept {left}" in said
    assert f"the last one of {first}, whose jobs may be nowhere else" in said
    assert "aws ec2 delete-snapshot" in said
    (own,) = box.snapshots() - {left}
    assert f"deleted {own}" not in said


def test_copies_of_snapshots_are_not_taken_for_one_volumes(box: Box) -> None:
    copies = set()
    for taken in (box.final(box.volume()), box.final(box.volume())):
        tags = tagged("snapshot")
        copied = box.ec2.copy_snapshot(SourceSnapshotId=taken, SourceRegion="us-east-1", TagSpecifications=tags)
        copies.add(copied["SnapshotId"])
        box.ec2.delete_snapshot(SnapshotId=taken)
    box.snapshot(box.volume())
    assert copies < box.snapshots()


def test_one_that_a_later_volume_was_made_from_goes_with_its_time(box: Box) -> None:
    first = box.final(box.volume())
    second = box.volume(first)
    box.fab(second, "volume-snapshot", "--keep", "7")
    last = box.final(second)
    # Of the first volume nothing is left now but what the snapshots of the second one say of it.
    third = box.volume(last)
    said = box.snapshot(third)
    for gone in (first, last):
        assert f"deleted {gone}" in said
    assert "kept" not in said
    assert len(box.snapshots()) == 1


def test_what_another_stack_of_the_name_has_is_neither_shown_nor_pruned(box: Box) -> None:
    theirs = [box.final(box.volume(**{"stack-id": other}), **{"stack-id": other}) for other in ("f" * 12, "e" * 12)]
    own = box.volume()
    first, second = (box.snapshot(own).split()[0] for _ in range(2))
    assert box.snapshots() == {*theirs, second}
    assert first not in theirs
    assert not any(one in box.fab(own, "volume-status") for one in theirs)


def test_the_one_just_taken_stays_beside_another_of_the_same_second(box: Box) -> None:
    host = Host(name="box", address="192.0.2.7")
    own = JobVolume(
        id=box.volume(),
        size_gib=1,
        state="available",
        zone="us-east-1a",
        attached_to="",
        source="",
        tags={one["Key"]: one["Value"] for one in tagged("volume")[0]["Tags"]},
        host=host,
        ec2=box.ec2,
    )

    def twin() -> list[Snapshot]:
        """Take two; returns them where they are of one second, and else nothing."""
        before, taken = (own.snapshot(lambda _: None) for _ in range(2))
        return [before, taken] if before.at == taken.at else []

    before, taken = until(twin)
    assert before in own.prune(1, taken)[0]
    assert box.snapshots() == {taken.id}


def test_a_snapshot_has_what_the_account_wants_on_everything(box: Box) -> None:
    own = box.volume()
    carried = {"team": "vision", "gpurig:made-by": "arn:aws:iam::123456789012:user/me"}
    box.ec2.create_tags(Resources=[own], Tags=[{"Key": key, "Value": value} for key, value in carried.items()])
    taken = box.snapshot(own).split()[0]
    (row,) = box.ec2.describe_snapshots(SnapshotIds=[taken])["Snapshots"]
    assert carried.items() <= {tag["Key"]: tag["Value"] for tag in row["Tags"]}.items()


def test_those_that_destroy_took_tell_by_the_volumes_tags_what_went_on(box: Box) -> None:
    first = box.final(box.volume())
    second = box.final(box.volume(first, **{"from": first}), **{"from": first})
    said = box.snapshot(box.volume(second, **{"from": second}))
    assert "kept" not in said
    assert not {first, second} & box.snapshots()


def test_a_restore_that_nobody_can_clean_up_yet_is_not_forgotten(box: Box) -> None:
    own, left = box.volume(), box.volume(volume="restore")
    said = box.fab(own, "volume-status")
    assert f"{left} is there for a restore, and costs money" in said
    assert "the box does not answer" in said
