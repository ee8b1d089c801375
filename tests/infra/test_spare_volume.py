"""A job volume that was never attached: made by a `pulumi up` that found no capacity, and no reason to stay there."""

from __future__ import annotations

import dataclasses

import pytest

from tests.infra.aws import OWN_TAGS, Aws, AwsSnapshot, AwsVolume
from tests.infra.lab import GOOD, refused, run

NOTED = {"gpurig:attachments": "noted"}
SPARE = AwsVolume(id="vol-box-jobs", tags={**OWN_TAGS, **NOTED})
SNAPSHOT = AwsSnapshot(id="snap-0123456789abcdef0")
ELSEWHERE = {"gpurig:zone": "us-east-1b"}


def test_it_is_made_anew_in_another_zone() -> None:
    found = run({**GOOD, **ELSEWHERE}, aws=Aws(volumes=(SPARE,)))
    volume = found.only("Volume")
    assert volume.inputs["availabilityZone"] == "us-east-1b"
    assert "availabilityZone" not in volume.options.ignoreChanges
    assert volume.options.deleteBeforeReplace
    assert volume.inputs["tags"]["gpurig:attachments"] == "noted"
    assert volume.inputs["finalSnapshot"]
    said = f"box: its job volume is made anew, as {SPARE.id} (100 GiB, us-east-1a) was never attached and gives way"
    assert said in found.messages


def test_it_stays_while_its_zone_will_do() -> None:
    stays = AwsVolume(id=SPARE.id, zone="us-east-1c", tags=SPARE.tags)
    found = run(GOOD, aws=Aws(volumes=(stays,)))
    assert found.only("Volume").inputs["availabilityZone"] == "us-east-1c"
    assert not [message for message in found.messages if "its job volume is" in message]
    leaves = run(GOOD, aws=Aws(volumes=(stays,), offered_in=("us-east-1b",)))
    assert leaves.only("Volume").inputs["availabilityZone"] == "us-east-1b"


def test_it_is_made_from_what_it_was_made_from() -> None:
    newer = AwsSnapshot(id="snap-0123456789abcdef9")
    spare = dataclasses.replace(SPARE, source=SNAPSHOT.id, tags={**SPARE.tags, "gpurig:from": SNAPSHOT.id})
    volume = run({**GOOD, **ELSEWHERE}, aws=Aws(volumes=(spare,), snapshots=(newer, SNAPSHOT))).only("Volume")
    assert (volume.inputs["snapshotId"], volume.inputs["tags"]["gpurig:from"]) == (SNAPSHOT.id, SNAPSHOT.id)
    # Whose snapshot is gone is the only one that has the jobs of that snapshot.
    assert "cannot leave its zone" in refused(ELSEWHERE, aws=Aws(volumes=(spare,), snapshots=(newer,)))


@pytest.mark.parametrize(("source", "made"), [("", "is blank"), ("snap-0123456789abcdef9", "was made from snap-")])
def test_it_is_not_taken_for_another_snapshot_that_is_named(source: str, made: str) -> None:
    newer = AwsSnapshot(id="snap-0123456789abcdef9")
    spare = dataclasses.replace(SPARE, source=source)
    named = {"gpurig:jobSnapshot": SNAPSHOT.id}
    message = refused(named, aws=Aws(volumes=(spare,), snapshots=(newer, SNAPSHOT)))
    assert f'gpurig:jobSnapshot: "{SNAPSHOT.id}", and the job volume of "box", {SPARE.id}' in message
    assert made in message
    assert "pulumi destroy takes it away" in message
    its_own = dataclasses.replace(SPARE, source=SNAPSHOT.id, tags={**SPARE.tags, "gpurig:from": SNAPSHOT.id})
    run({**GOOD, **named}, aws=Aws(volumes=(its_own,), snapshots=(newer, SNAPSHOT))).only("Volume")


@pytest.mark.parametrize(
    "volume",
    [
        dataclasses.replace(SPARE, tags=OWN_TAGS),  # of an older version, or made by hand
        dataclasses.replace(SPARE, tags={**SPARE.tags, "gpurig:attached": "yes"}),
        dataclasses.replace(SPARE, tags={**SPARE.tags, "gpurig:attached": "no"}),
        dataclasses.replace(SPARE, tags={**OWN_TAGS, "gpurig:attachments": "by hand"}),
        dataclasses.replace(SPARE, holder="i-another"),
    ],
)
def test_what_may_hold_jobs_does_not_move(volume: AwsVolume) -> None:
    message = refused(ELSEWHERE, aws=Aws(volumes=(volume,)))
    assert 'gpurig:zone: "us-east-1b", and the job volume of "box"' in message
    stays = run(GOOD, aws=Aws(volumes=(volume,))).only("Volume")
    assert stays.options.ignoreChanges == ["snapshotId", "availabilityZone"]
    assert not stays.options.deleteBeforeReplace


def test_beside_a_volume_with_jobs_it_counts_for_nothing() -> None:
    used = dataclasses.replace(SPARE, tags={**SPARE.tags, "gpurig:attached": "yes"})
    left = dataclasses.replace(SPARE, id="vol-0123456789abcdef0", zone="us-east-1b")
    assert run(GOOD, aws=Aws(volumes=(left, used))).only("Volume").inputs["availabilityZone"] == "us-east-1a"
    # The other way round, nobody asks whether to go on with it.
    assert run(GOOD, aws=Aws(volumes=(left,))).only("Instance").name == "box-g1"


def test_one_that_is_to_be_retained_is_left_with_the_command_that_deletes_it() -> None:
    found = run({**GOOD, **ELSEWHERE, "gpurig:jobVolumeOnDestroy": "retain"}, aws=Aws(volumes=(SPARE,)))
    assert any(f"aws ec2 delete-volume --volume-id {SPARE.id}" in message for message in found.messages)


def test_an_attachment_is_noted_before_it_is_made_and_for_good() -> None:
    found = run(GOOD)
    tag, attachment = found.only("Tag"), found.only("VolumeAttachment")
    assert (tag.inputs["resourceId"], tag.inputs["key"]) == (attachment.inputs["volumeId"], "gpurig:attached")
    assert tag.options.retainOnDelete
    assert any("ec2/tag:Tag" in urn for urn in attachment.options.dependencies)
    assert any("ec2/instance:Instance" in urn for urn in tag.options.dependencies)
    # Also on one that is the user's own: later it may be managed.
    named = {"gpurig:jobVolume": "vol-0123456789abcdef0"}
    there = AwsVolume(id=named["gpurig:jobVolume"])
    assert run({**GOOD, **named}, aws=Aws(volumes=(there,))).only("Tag").inputs["resourceId"] == there.id


@pytest.mark.parametrize("changes", [{}, {"jobVolumeOnDestroy": "retain"}, {"jobVolume": "vol-0123456789abcdef0"}])
def test_the_ways_to_move_jobs(changes: dict[str, str]) -> None:
    volume = AwsVolume(id="vol-0123456789abcdef0")
    message = refused({**changes, **ELSEWHERE, "gpurig:jobSnapshot": "none"}, aws=Aws(volumes=(volume,)))
    assert "to stay there: pulumi config set gpurig:zone us-east-1a" in message
    assert "pulumi config set gpurig:jobSnapshot newest" in message
    assert ("pulumi config set gpurig:jobVolumeOnDestroy snapshot" in message) == ("jobVolumeOnDestroy" in changes)
    assert ("pulumi config set gpurig:jobVolume new" in message) == ("jobVolume" in changes)
    message = refused(changes, aws=Aws(volumes=(volume,), offered_in=("us-east-1b",)))
    assert "to stay there: another gpurig:instanceType, one that us-east-1a offers" in message
