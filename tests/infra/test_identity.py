"""Whose jobs a new stack goes on with: its caller's own, left by a stack that is gone; those of others are named."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import pulumi
import pytest

from infra import identity
from provision.model.identity import maker
from provision.model.tags import LAST
from rehearsal.provider.catalogue import KINDS
from tests.infra.aws import ME, OWN_ID, OWN_TAGS, Aws, AwsSnapshot, AwsVolume
from tests.infra.lab import GOOD, Run, refused, run

EVE = "arn:aws:iam::123456789012:user/eve"
OTHER = "ffffffffffff"
LEFT = AwsSnapshot(id="snap-0123456789abcdef0")
"""What the caller's stack has left."""


def tagged(made: AwsSnapshot, **tags: str | None) -> AwsSnapshot:
    """Return a snapshot with other tags, or without those that are None."""
    changed = {**made.tags, **{f"gpurig:{key.replace('_', '-')}": value for key, value in tags.items()}}
    return dataclasses.replace(made, tags={key: value for key, value in changed.items() if value is not None})


def new_stack(*snapshots: AwsSnapshot, alive: tuple[str, ...] = (), volumes: tuple[AwsVolume, ...] = ()) -> Run:
    """Run a stack that has no state yet in an account with these."""
    return run(GOOD, aws=Aws(stack_id="", snapshots=snapshots, alive=alive, volumes=volumes))


def id_of(done: Run) -> str:
    """Return the id that the job volume carries."""
    found: str = done.only("Volume").inputs["tags"]["gpurig:stack-id"]
    return found


def warnings(done: Run) -> str:
    """Return what the program said."""
    return "\n".join(done.messages)


def test_all_that_can_have_tags_carries_the_id_and_who_made_it() -> None:
    done = run({**GOOD, "gpurig:budgetMonthlyUsd": "50", "gpurig:budgetEmail": "me@example.com"})
    made = [one for one in done.declared if one.type in KINDS and "tags" in KINDS[one.type].fields]
    assert len({one.type for one in made}) > 10
    for one in made:
        assert (one.inputs["tags"]["gpurig:stack-id"], one.inputs["tags"]["gpurig:made-by"]) == (OWN_ID, ME), one.name


def test_the_id_is_gone_after_all_that_carries_it() -> None:
    done = run(GOOD)
    components = [one for one in done.declared if one.type.startswith("gpurig:infra:") and not one.options.custom]
    top = [one for one in components if "gpurig:infra:" not in one.options.parent]
    assert top
    assert all(any(urn.endswith("::identity") for urn in one.options.dependencies) for one in top)


def test_a_new_stack_has_an_id_that_no_other_has() -> None:
    ids = {id_of(new_stack()) for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{12}", one) for one in ids)


def test_what_the_caller_left_is_gone_on_with() -> None:
    done = new_stack(LEFT)
    assert (id_of(done), done.only("Volume").inputs["snapshotId"]) == (OWN_ID, LEFT.id)
    # One that is retained says so as well.
    volume = AwsVolume(id="vol-0123456789abcdef0")
    with pytest.raises(pulumi.RunError, match=r"vol-0123456789abcdef0 .* has jobs of this box by its tags"):
        new_stack(volumes=(volume,))


@pytest.mark.parametrize(
    ("left", "alive", "said"),
    [
        (tagged(LEFT, stack_id=OTHER, made_by=EVE), (), f"is of another stack of this name, {OTHER} of {EVE}: fab"),
        (LEFT, (OWN_ID,), f"is of another stack of this name, {OWN_ID} of {ME}: fab volume-adopt {OWN_ID}"),
        (tagged(LEFT, stack_id=None, made_by=None), (), "has no tag of any stack's id (an earlier version made it)"),
    ],
    ids=["another caller's", "a stack of the caller's that is there", "an earlier version's"],
)
def test_what_is_anothers_is_named_and_left_alone(left: AwsSnapshot, alive: tuple[str, ...], said: str) -> None:
    done = new_stack(left, alive=alive)
    assert id_of(done) not in (OWN_ID, OTHER)
    assert "snapshotId" not in done.only("Volume").inputs
    assert f"snapshot {LEFT.id} of 2026-11-05 20:33 UTC {said}" in warnings(done)


def test_the_callers_own_is_found_among_those_of_others() -> None:
    theirs = tagged(dataclasses.replace(LEFT, id="snap-theirs"), stack_id=OTHER, made_by=EVE)
    living = tagged(dataclasses.replace(LEFT, id="snap-living"), stack_id="aaaaaaaaaaaa")
    done = new_stack(theirs, living, LEFT, alive=("aaaaaaaaaaaa",))
    assert (id_of(done), done.only("Volume").inputs["snapshotId"]) == (OWN_ID, LEFT.id)


def left_now(description: str = "") -> AwsSnapshot:
    """Return one that was begun just now."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return dataclasses.replace(LEFT, at=now, description=description)


@pytest.mark.parametrize("description", ["", LAST], ids=["pulumi destroy", "fab orphans"])
def test_right_after_a_destroy_what_it_left_is_gone_on_with_though_ec2_answers_as_before(
    description: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "LOOK", 0.01)
    left = left_now(description)
    done = run(GOOD, aws=Aws(stack_id="", snapshots=(left,), alive=(OWN_ID,), behind=3))
    assert (id_of(done), done.only("Volume").inputs["snapshotId"]) == (OWN_ID, left.id)
    assert f"stack {OWN_ID} of this name may just have been destroyed" in warnings(done)


def test_a_stack_that_stays_there_is_anothers_however_young_its_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "BEHIND", 0.2)
    monkeypatch.setattr(identity, "LOOK", 0.01)
    done = new_stack(left_now(), alive=(OWN_ID,))
    assert id_of(done) != OWN_ID
    assert "snapshotId" not in done.only("Volume").inputs


@pytest.mark.parametrize(
    ("left", "of"),
    [(left_now("box: fab volume-snapshot"), "vol-box-jobs"), (LEFT, "vol-box-jobs"), (left_now(), "vol-gone")],
    ids=["one that was taken in between", "an old one", "one of a volume that another has followed"],
)
def test_nobody_waits_for_a_stack_that_surely_lives(left: AwsSnapshot, of: str) -> None:
    left = dataclasses.replace(left, volume=of)
    aws = Aws(snapshots=(left,), alive=(OWN_ID,), volumes=(AwsVolume(id="vol-box-jobs"),))
    done = run(GOOD, aws=aws)
    assert sum(call.token.endswith(":getSecurityGroups") for call in aws.asked) == 1
    assert "may just have been destroyed" not in warnings(done)


def test_a_volume_of_another_stack_cannot_be_named() -> None:
    theirs = AwsVolume(id="vol-0123456789abcdef0", tags={**OWN_TAGS, "gpurig:stack-id": OTHER, "gpurig:made-by": EVE})
    said = refused({"jobVolume": theirs.id}, aws=Aws(volumes=(theirs,)))
    assert f"gpurig:jobVolume: {theirs.id} is of another stack of this name, {OTHER} of {EVE}: fab volume-adopt" in said


def test_a_volume_of_another_stack_is_no_volume_of_this_one() -> None:
    theirs = AwsVolume(id="vol-0123456789abcdef0", tags={**OWN_TAGS, "gpurig:stack-id": OTHER, "gpurig:made-by": EVE})
    done = run(GOOD, aws=Aws(volumes=(theirs,)))
    assert f"vol-0123456789abcdef0 (100 GiB, us-east-1a) is of another stack of this name, {OTHER} of {EVE}" in (
        warnings(done)
    )


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:iam::1:user/eve", "arn:aws:iam::1:user/eve"),
        ("arn:aws:sts::1:assumed-role/lab/eve@example.com", "arn:aws:sts::1:assumed-role/lab/eve@example.com"),
        ("arn:aws:sts::1:assumed-role/lab/botocore-session-1700000000", "arn:aws:sts::1:assumed-role/lab"),
        ("arn:aws:sts::1:assumed-role/lab/aws-go-sdk-1700000000000000000", "arn:aws:sts::1:assumed-role/lab"),
    ],
)
def test_a_session_whose_name_is_made_up_anew_each_time_is_its_role(arn: str, expected: str) -> None:
    assert maker(arn) == expected
