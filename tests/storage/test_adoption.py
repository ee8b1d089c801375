"""`fab volume-adopt`: what a stack of this name left goes to this one, only where nothing of that stack is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.model.errors import BadInput
from provision.model.identity import Identity
from provision.storage.adoption import NONE, Adoption
from tests.kit.cloud import Wired, run, serve
from tests.kit.fab import fab_ends

THEIRS, EVE = "ffffffffffff", "arn:aws:iam::123456789012:user/eve"
OURS = Identity(id="0123456789ab", made_by="arn:aws:iam::123456789012:user/me")
REGION = "us-east-1"


@pytest.fixture
def wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wired]:
    """A cloud that fab finds by its environment."""
    with serve(tmp_path) as wired:
        for name, value in wired.cloud.env.items():
            monkeypatch.setenv(name, value)
        yield wired


def tags(kind: str, stack_id: str = THEIRS, **more: str) -> list[dict[str, Any]]:
    """Return the tags of a job volume of a stack, as EC2 takes them."""
    found = {"project": "gpurig", "stack": "dev", "host": "box", "volume": "jobs", **more}
    found |= {"stack-id": stack_id, "made-by": EVE} if stack_id != NONE else {}
    return [{"ResourceType": kind, "Tags": [{"Key": f"gpurig:{key}", "Value": text} for key, text in found.items()]}]


def volume(wired: Wired, stack_id: str = THEIRS, **more: str) -> str:
    """Make a job volume."""
    specified = tags("volume", stack_id, **more)
    made = wired.ec2.create_volume(AvailabilityZone="us-east-1a", Size=8, TagSpecifications=specified)
    return str(made["VolumeId"])


def snapshot(wired: Wired, of: str, stack_id: str = THEIRS, **more: str) -> str:
    """Take a snapshot of a job volume."""
    return str(
        wired.ec2.create_snapshot(VolumeId=of, TagSpecifications=tags("snapshot", stack_id, **more))["SnapshotId"]
    )


def whose(wired: Wired, name: str) -> tuple[str, str]:
    """Return id and maker that a thing's tags say."""
    rows = wired.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [name]}])["Tags"]
    carried = {row["Key"]: row["Value"] for row in rows}
    return carried["gpurig:stack-id"], carried["gpurig:made-by"]


def test_what_is_left_of_that_stack_and_of_no_other_goes_to_this_one(wired: Wired) -> None:
    kept = volume(wired)
    taken = snapshot(wired, kept)
    others = [volume(wired, "aaaaaaaaaaaa"), snapshot(wired, kept, stack="prod"), volume(wired, OURS.id)]
    before = [whose(wired, one) for one in others]
    adoption = Adoption("", REGION, ("gpurig", "dev"))
    found = adoption.left_by(THEIRS)
    assert {one.id for one in found} == {kept, taken}
    assert EVE in str(found[0])
    assert adoption.take(found, OURS) == OURS.id
    assert {whose(wired, one) for one in (kept, taken)} == {(OURS.id, OURS.made_by)}
    assert [whose(wired, one) for one in others] == before


def test_before_the_first_up_it_becomes_what_the_caller_left(wired: Wired) -> None:
    kept, old = volume(wired), volume(wired, NONE)
    adoption = Adoption("", REGION, ("gpurig", "dev"))
    me = wired.cloud.client("sts").get_caller_identity()["Arn"]
    assert adoption.take(adoption.left_by(THEIRS), None) == THEIRS
    assert whose(wired, kept) == (THEIRS, me)
    made = adoption.take(adoption.left_by(NONE), None)
    assert whose(wired, old) == (made, me)
    assert made not in (THEIRS, NONE)


def test_a_stack_that_is_there_is_refused_by_name_with_the_way_to_a_copy(wired: Wired) -> None:
    kept = volume(wired)
    taken = snapshot(wired, kept)
    box = run(wired.ec2, TagSpecifications=tags("instance"))["InstanceId"]
    adoption = Adoption("", REGION, ("gpurig", "dev"))
    with pytest.raises(BadInput, match=f"the stack {THEIRS} is there: {box}") as caught:
        adoption.left_by(THEIRS)
    assert f"pulumi config set gpurig:jobSnapshot {taken}" in caught.value.hint
    wired.ec2.terminate_instances(InstanceIds=[box])
    # A box that is not to be had leaves the group that it would be in.
    vpc = wired.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    specified = tags("security-group")
    group = wired.ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc, TagSpecifications=specified)
    with pytest.raises(BadInput, match=f"is there: {group['GroupId']}"):
        adoption.left_by(THEIRS)
    wired.ec2.delete_security_group(GroupId=group["GroupId"])
    assert {one.id for one in adoption.left_by(THEIRS)} == {kept, taken}
    with pytest.raises(BadInput, match="nothing of a stack aaaaaaaaaaaa named gpurig dev is left") as caught:
        adoption.left_by("aaaaaaaaaaaa")
    assert caught.value.hint == f"there is something of: {THEIRS}"


_PULUMI = """#!/bin/sh
case "$1 $2" in
  "config --json") echo '{"aws:region": {"value": "us-east-1"}}' ;;
  "stack --show-name") echo dev ;;
  "stack export") echo '{"deployment": {"resources": [STASH]}}' ;;
  *) echo "error: $*" >&2; exit 1 ;;
esac
"""


def test_the_verb_asks_and_says_what_it_took(wired: Wired, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: gpurig\nruntime: python\n")
    kept_in_state = {"output": {"id": OURS.id, "madeBy": OURS.made_by}}
    stash = {"urn": "urn:pulumi:dev::gpurig::pulumi:index:Stash::identity", "type": "pulumi:index:Stash"}
    program = folder / "pulumi"
    program.write_text(_PULUMI.replace("STASH", json.dumps({**stash, "outputs": kept_in_state})))
    program.chmod(0o755)
    env = {**wired.cloud.env, "PATH": f"{folder}:/usr/bin:/bin"}
    kept = volume(wired)
    asked = fab_ends(2, "volume-adopt", THEIRS, cwd=folder, env=env)
    assert "volume-adopt asks first, and there is no terminal" in asked.stderr
    assert whose(wired, kept) == (THEIRS, EVE)
    done = fab_ends(0, "volume-adopt", THEIRS, "--yes", cwd=folder, env=env)
    assert f"1 of them are of the stack {OURS.id} now" in done.stdout
    assert whose(wired, kept) == (OURS.id, OURS.made_by)
    itself = fab_ends(2, "volume-adopt", OURS.id, "--yes", cwd=folder, env=env)
    assert f"{OURS.id} is this stack itself" in itself.stderr
