"""Job volumes and snapshots that are there already: used, left alone, or refused before anything is made."""

from __future__ import annotations

import dataclasses

import pytest

from provision.model.tags import MADE_BY
from tests.infra.aws import OWN_TAGS, Aws, AwsSnapshot, AwsVolume
from tests.infra.lab import GOOD, refused, run

KEPT = AwsVolume(id="vol-0123456789abcdef0")
NAMED = {"gpurig:jobVolume": KEPT.id}
NOTED = {"gpurig:attachments": "noted"}
SNAPSHOT = AwsSnapshot(id="snap-0123456789abcdef0")
PENDING = AwsSnapshot(id="snap-0123456789abcdef1", state="pending")


def with_tags(**tags: str) -> AwsVolume:
    """Return the volume with other tags."""
    return dataclasses.replace(KEPT, tags={**OWN_TAGS, **{f"gpurig:{key}": value for key, value in tags.items()}})


def test_a_named_volume_is_attached_and_not_managed() -> None:
    found = run({**GOOD, **NAMED}, aws=Aws(volumes=(dataclasses.replace(KEPT, gib=400),)))
    assert found.all("Volume") == []
    assert found.only("VolumeAttachment").inputs["volumeId"] == KEPT.id
    assert found.outputs["gpurig"]["hosts"][0]["volumeId"] == KEPT.id
    assert not [call for call in found.asked if "getSnapshot" in call.token and MADE_BY not in str(call.args)]
    # 100 GiB of root and the 400 that the volume has, whatever jobVolumeGib says.
    assert "stopped: $40.00 a month; job volume alone: $32.00 a month" in found.outputs["price"]


def test_a_named_volume_takes_the_box_to_its_zone() -> None:
    found = run({**GOOD, **NAMED}, aws=Aws(volumes=(dataclasses.replace(KEPT, zone="us-east-1c"),)))
    assert found.only("Instance").inputs["subnetId"] == "id-gpurig-us-east-1c"


def test_a_volume_without_tags_may_be_named() -> None:
    found = run({**GOOD, **NAMED}, aws=Aws(volumes=(dataclasses.replace(KEPT, tags={"Name": "mine"}),)))
    assert found.only("VolumeAttachment").inputs["volumeId"] == KEPT.id


def test_a_named_volume_may_be_attached_to_its_own_box_already() -> None:
    aws = Aws(volumes=(dataclasses.replace(KEPT, holder="i-box"),), instances=("i-box",))
    found = run({**GOOD, **NAMED}, aws=aws)
    assert found.only("VolumeAttachment").inputs["volumeId"] == KEPT.id
    questions = [call.args for call in found.asked if "getInstances" in call.token]
    of_hosts = [question for question in questions if "tag:gpurig:host" in str(question["filters"])]
    asked = [question for question in of_hosts if "running" in question["instanceStateNames"]]
    assert asked
    for one in asked:
        wanted = {part["name"]: part["values"] for part in one["filters"]}
        assert wanted.pop("tag:gpurig:host") == ["box"]
        assert wanted
        assert wanted.items() <= {f"tag:{key}": [value] for key, value in OWN_TAGS.items()}.items()
        assert "stopped" in one["instanceStateNames"]


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ((), "is not in us-east-1"),
        ((with_tags(project="other"),), 'its tag gpurig:project is "other", and here it would be "gpurig"'),
        ((with_tags(stack="prod"),), 'its tag gpurig:stack is "prod", and here it would be "test"'),
        ((with_tags(host="lab"),), 'its tag gpurig:host is "lab", and this stack has box'),
        ((with_tags(volume="restore"),), 'its tag gpurig:volume is "restore", and here it would be "jobs"'),
        ((dataclasses.replace(KEPT, holder="i-another"),), 'not attached to "box" either: detach it'),
    ],
)
def test_a_named_volume_that_must_not_be_used(volumes: tuple[AwsVolume, ...], expected: str) -> None:
    message = refused(NAMED, aws=Aws(volumes=volumes, instances=("i-box",)))
    assert message.startswith(f"gpurig:jobVolume: {KEPT.id} ")
    assert expected in message


def test_a_named_volume_in_another_zone_than_wanted() -> None:
    aws = Aws(volumes=(dataclasses.replace(KEPT, zone="us-east-1b"),))
    message = refused({**NAMED, "gpurig:zone": "us-east-1a"}, aws=aws)
    assert 'gpurig:zone: "us-east-1a", and the job volume of "box"' in message
    assert "pulumi config set gpurig:zone us-east-1b" in message


def test_a_volume_that_an_earlier_stack_left_is_not_passed_over() -> None:
    message = refused({}, aws=Aws(volumes=(KEPT,), snapshots=(SNAPSHOT,)))
    assert f"{KEPT.id} (100 GiB, us-east-1a) has jobs of this box" in message
    assert f"pulumi config set gpurig:jobVolume {KEPT.id}" in message
    assert "pulumi config set gpurig:jobVolume new" in message


def test_it_is_left_alone_where_the_user_says_so() -> None:
    found = run({**GOOD, "gpurig:jobVolume": "new"}, aws=Aws(volumes=(KEPT,), snapshots=(SNAPSHOT,)))
    assert found.only("Volume").inputs["snapshotId"] == SNAPSHOT.id


def test_the_stacks_own_volume_is_no_reason_to_ask() -> None:
    managed = dataclasses.replace(KEPT, id="vol-box-jobs")
    found = run(GOOD, aws=Aws(volumes=(managed,)))
    assert found.only("Instance").name == "box-g1"
    assert not [message for message in found.messages if "its job volume is" in message]
    both = refused({}, aws=Aws(volumes=(managed, KEPT)))
    assert KEPT.id in both
    assert managed.id not in both


def test_the_preview_says_what_a_new_volume_begins_as() -> None:
    restored = run(GOOD, aws=Aws(snapshots=(SNAPSHOT,)))
    assert "box: its job volume is made from the snapshot snap-0123456789abcdef0" in restored.messages
    assert "box: its job volume is new and blank" in run(GOOD, aws=Aws()).messages


def test_a_volume_and_so_its_snapshots_say_what_it_was_made_from() -> None:
    snapshots = (SNAPSHOT,)
    made = run(GOOD, aws=Aws(snapshots=snapshots)).only("Volume").inputs
    assert made["snapshotId"] == made["tags"]["gpurig:from"] == SNAPSHOT.id
    # Later, with a newer snapshot of its own, what it was made from is what its tag says.
    there = AwsVolume(id="vol-box-jobs", tags={**OWN_TAGS, **NOTED, "gpurig:from": "snap-earlier"}, holder="i-box")
    assert run(GOOD, aws=Aws(volumes=(there,), snapshots=snapshots)).only("Volume").inputs["tags"] == {
        **made["tags"],
        "gpurig:from": "snap-earlier",
    }
    # With "new" nobody looks whether it is there: the tag would follow the newest snapshot.
    for wanted in ({"gpurig:jobVolume": "new"}, {"gpurig:jobSnapshot": "none"}):
        assert "gpurig:from" not in run({**GOOD, **wanted}, aws=Aws(snapshots=snapshots)).only("Volume").inputs["tags"]


def test_another_hosts_volume_is_nobodys_business() -> None:
    other = with_tags(host="lab")
    assert run(GOOD, aws=Aws(volumes=(other,))).only("Instance").name == "box-g1"


def test_a_volume_cannot_move_to_another_zone() -> None:
    message = refused({"gpurig:zone": "us-east-1b"}, aws=Aws(volumes=(KEPT,)))
    assert 'gpurig:zone: "us-east-1b", and the job volume of "box"' in message
    assert "pulumi config set gpurig:zone us-east-1a" in message
    assert "pulumi destroy, then pulumi up" in message


def test_a_type_that_the_volumes_zone_lacks() -> None:
    message = refused({}, aws=Aws(volumes=(KEPT,), offered_in=("us-east-1b",)))
    assert 'gpurig:instanceType: "g4dn.xlarge" is not offered in us-east-1a, and the job volume of "box"' in message
    assert "pulumi destroy, then pulumi up" in message


def test_a_volume_cannot_shrink() -> None:
    message = refused({"gpurig:jobVolumeGib": "50"}, aws=Aws(volumes=(KEPT,)))
    assert 'gpurig:jobVolumeGib: 50 is less than the job volume of "box" has' in message
    assert "pulumi config set gpurig:jobVolumeGib 100" in message


@pytest.mark.parametrize("wanted", ["snap-0123456789abcdef0", "newest"])
def test_a_snapshot_larger_than_the_volume(wanted: str) -> None:
    aws = Aws(snapshots=(dataclasses.replace(SNAPSHOT, gib=120),))
    message = refused({"gpurig:jobSnapshot": wanted}, aws=aws)
    assert "100 is less than the 120 GiB of snap-0123456789abcdef0" in message
    assert "pulumi config set gpurig:jobVolumeGib 120" in message


@pytest.mark.parametrize("state", ["pending", "error"])
def test_a_snapshot_that_is_not_completed(state: str) -> None:
    aws = Aws(snapshots=(dataclasses.replace(SNAPSHOT, state=state),))
    message = refused({"gpurig:jobSnapshot": "snap-0123456789abcdef0"}, aws=aws)
    assert f'gpurig:jobSnapshot: "snap-0123456789abcdef0" is not completed, but {state}' in message


def test_a_snapshot_that_nobody_knows() -> None:
    message = refused({"gpurig:jobSnapshot": "snap-0123456789abcdef0"}, aws=Aws())
    assert 'gpurig:jobSnapshot: "snap-0123456789abcdef0" is not to be had in us-east-1' in message
    assert "does not exist" in message


# -- jobs that a new volume would begin without


def warnings(config: dict[str, str], aws: Aws) -> str:
    """Return what a preview warns of, beside what it always says."""
    messages = run({**GOOD, **config}, aws=aws).messages
    always = (" its job volume is ", "running: $", "gpurig:allowedCidrs: 203.0.113.7/32 is in")
    return "\n".join(text for text in messages if not any(words in text for words in always))


def test_a_newer_snapshot_that_is_pending_is_not_passed_over_silently() -> None:
    aws = Aws(snapshots=(PENDING, SNAPSHOT))
    assert run(GOOD, aws=aws).only("Volume").inputs["snapshotId"] == SNAPSHOT.id
    messages = warnings({}, aws)
    assert f"box: {SNAPSHOT.id} is not its newest snapshot: {PENDING.id} is newer" in messages
    assert f"aws ec2 describe-snapshots --snapshot-ids {PENDING.id}" in messages
    assert warnings({}, Aws(snapshots=(SNAPSHOT, PENDING))) == ""


def test_a_box_is_not_made_blank_while_its_only_snapshot_is_pending() -> None:
    aws = Aws(snapshots=(PENDING,))
    message = refused({}, aws=aws)
    assert f'the only snapshot of "box", {PENDING.id}, is still pending' in message
    assert "pulumi config set gpurig:jobSnapshot none" in message
    assert "snapshotId" not in run({**GOOD, "gpurig:jobSnapshot": "none"}, aws=aws).only("Volume").inputs


def test_a_snapshot_that_is_being_taken_of_a_box_in_use_is_no_news() -> None:
    managed = dataclasses.replace(KEPT, id="vol-box-jobs")
    assert warnings({}, Aws(volumes=(managed,), snapshots=(PENDING, SNAPSHOT))) == ""
    # With "new" nobody knows whether the box has its volume yet.
    assert warnings({"gpurig:jobVolume": "new"}, Aws(volumes=(managed,), snapshots=(PENDING,))) == ""


def test_jobs_of_a_host_that_has_another_name_now_are_not_left_behind_silently() -> None:
    newer = dataclasses.replace(SNAPSHOT, id="snap-0123456789abcdef9")
    second = dataclasses.replace(SNAPSHOT, id="snap-0123456789abcdef2", tags={**OWN_TAGS, "gpurig:host": "box-2"})
    stranger = dataclasses.replace(SNAPSHOT, id="snap-0123456789abcdef3", tags={**OWN_TAGS, "gpurig:stack": "prod"})
    aws = Aws(volumes=(KEPT,), snapshots=(newer, second, SNAPSHOT, stranger))
    messages = warnings({"gpurig:hostName": "lab"}, aws)
    assert "lab: the job volume of lab begins blank" in messages
    assert f"  box: {KEPT.id} (100 GiB, us-east-1a), snapshot {newer.id}\n" in messages
    assert f"  box-2: snapshot {second.id}\n" in messages
    assert SNAPSHOT.id not in messages
    assert stranger.id not in messages
    for way in ("set gpurig:hostName", "pulumi config set gpurig:jobSnapshot snap-", "fab volume-snapshot"):
        assert way in messages


def test_hosts_that_begin_blank_are_told_once_and_together() -> None:
    aws = Aws(snapshots=(SNAPSHOT,))
    messages = warnings({"gpurig:hostName": "lab", "gpurig:hosts": "2"}, aws)
    assert messages.count("the job volume of lab, lab-2 begins blank") == 1
    assert messages.count(SNAPSHOT.id) == 1


@pytest.mark.parametrize(
    "config",
    [
        {"gpurig:hosts": "2"},  # a second one, blank as it has to be
        {"gpurig:hostName": "lab", "gpurig:jobSnapshot": "none"},
        {"gpurig:hostName": "lab", "gpurig:jobSnapshot": SNAPSHOT.id},
    ],
)
def test_where_nothing_is_left_behind_nothing_is_said(config: dict[str, str]) -> None:
    assert warnings(config, Aws(snapshots=(SNAPSHOT,))) == ""
