"""What `fab orphans` takes for one only with more than a tag to say so: beside an update, and beside other people."""

from __future__ import annotations

import email.utils
import json

import pytest

from provision.aws import holdings
from provision.aws.clients import client
from provision.aws.holdings import Thing
from provision.life import removal
from provision.life.orphans import sort
from provision.life.states import State
from tests.account.lab import INSTANCE, KEY, Account, network, specifications, standings
from tests.kit.states import REGION, STACK_ID, deployment

pytestmark = pytest.mark.life

NOTED = {"attachments": "noted"}
VOLUME = "aws:ebs/volume:Volume"


def test_of_a_killed_update_only_a_volume_that_nothing_ever_had_is_an_orphan(account: Account) -> None:
    older, retained, blank = account.volume(), account.volume(tags=NOTED), account.volume(tags=NOTED)
    account.ec2.create_tags(Resources=[retained], Tags=[{"Key": "gpurig:attached", "Value": "i-earlier"}])
    account.advance(1)
    assert standings(account) == {older: "kept", retained: "kept", blank: "kept"}
    account.knows({"dev": deployment(making=VOLUME)})
    assert standings(account) == {older: "kept", retained: "kept", blank: "orphan"}
    account.fab("orphans", "--remove", "--without-snapshot", "--yes")
    assert {older, retained} <= account.volumes()
    assert blank not in account.volumes()


def test_a_running_box_that_carries_the_id_of_the_stack_is_surely_its_own(account: Account) -> None:
    box = account.box()
    account.knows({"dev": deployment(KEY)})
    account.advance(1)
    account.fab("orphans", "--remove", "--yes")
    assert account.state_of(box) == "terminated"


def test_what_an_update_may_be_making_just_now_is_said_apart_and_stays(account: Account) -> None:
    account.knows({"dev": deployment(KEY, making=INSTANCE)})
    box = account.box()
    said = account.fab("orphans", "--remove", "--yes")
    assert "min ago: perhaps an update is going on" in " ".join(said.split())
    assert (standings(account), account.state_of(box)) == ({box: "new"}, "running")
    account.advance(1)
    assert standings(account) == {box: "orphan"}
    account.knows({"dev": deployment(KEY, making=INSTANCE)}, updating="dev")
    assert standings(account) == {box: "unknown"}
    account.fab("orphans", "--gone", "dev", "--remove", "--yes")
    assert account.state_of(box) == "running"


def test_a_network_is_no_older_than_the_state_that_may_not_have_it_yet(account: Account) -> None:
    state = deployment(KEY, making="aws:ec2/vpc:Vpc")
    now = account.ec2.describe_regions()["ResponseMetadata"]["HTTPHeaders"]["date"]
    written = email.utils.parsedate_to_datetime(now).isoformat()
    account.knows({"dev": {**state, "manifest": {"time": written}}})
    tags = specifications("vpc", stack="dev")
    vpc = account.ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
    found = standings(account)
    assert found[vpc] == "new"
    account.advance(1)
    assert standings(account)[vpc] == "orphan"


def test_what_was_written_down_while_aws_was_asked_is_no_orphan(account: Account) -> None:
    box = account.box()
    account.advance(1)
    # An update ends after the first look at the states.
    program = account.folder / "pulumi"
    late = account.folder / "late.json"
    late.write_text(json.dumps({"version": 3, "deployment": deployment(KEY, box)}))
    then = f'if [ "$2" = export ]; then cp {late} {account.folder}/dev.state.json; fi'
    script = program.read_text().replace("esac\n", f"esac\n{then}\n")
    program.write_text(script)
    assert standings(account) == {}


def test_what_a_stack_of_the_same_name_elsewhere_has_is_left_alone_all_of_it(account: Account) -> None:
    ids = network(account, "dev")
    ours = account.box()
    # Its network, key, snapshots and images too: none of them tells by its name whose it is.
    account.knows({"dev": deployment(KEY, stack_id="ffffffffffff")})
    account.advance(1)
    found = {one["id"]: one for one in account.told("orphans")["things"]}
    assert {one["standing"] for one in found.values()} == {"unknown"}
    assert {ours, ids["vpc"], ids["key-pair"]} <= found.keys()
    me = "arn:aws:iam::123456789012:user/me"
    assert found[ours]["why"] == f"it is of another stack of this name, {STACK_ID} of {me}"
    account.fab("orphans", "--remove", "--spare", "--yes")
    assert account.state_of(ours) == "running"
    # By the name alone one would lose the stack that another one has.
    theirs = account.volume(tags={"stack-id": "ffffffffffff"})
    why = {one["id"]: one["why"] for one in account.told("orphans", "--gone", "dev")["things"]}
    assert why[ours] == f'2 stacks are called "dev": --gone {STACK_ID}'
    gone = standings(account, "--gone", STACK_ID)
    assert (gone[ours], gone[ids["vpc"]], gone[theirs]) == ("orphan", "orphan", "kept")


def test_what_has_no_id_is_not_to_be_told(account: Account) -> None:
    box = account.box()
    account.ec2.delete_tags(Resources=[box], Tags=[{"Key": "gpurig:stack-id"}])
    account.advance(1)
    (found,) = account.told("orphans")["things"]
    assert (found["standing"], "no tag of any stack's id" in found["why"]) == ("unknown", True)


def test_what_takes_aws_long_is_said_to_go_on(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    box, volume = account.box(), account.volume()
    account.ec2.attach_volume(VolumeId=volume, InstanceId=box, Device="/dev/sdf")
    told: list[str] = []
    things = {one.id: one for one in holdings.in_region("", REGION, "gpurig").things}
    monkeypatch.setattr(removal, "LOOK", 0.01)
    monkeypatch.setattr(removal, "PATIENCE", 0.5)
    ec2, looks = client("ec2", "", REGION), []
    ec2.meta.events.register("before-call.ec2.DescribeInstances", lambda **_: looks.append(1))
    # One that never ends.
    monkeypatch.setattr(ec2, "terminate_instances", lambda **_: None)
    refused = removal.Remover("", REGION, told.append, snapshot=True).remove([things[volume], things[box]])
    assert refused[box] == f"instance {box} is still shutting down after 0.5 s: the same command goes on"
    assert len(looks) == 50
    assert refused[volume] == f"it waits for instance {box}"
    assert volume in account.volumes()


def test_a_newer_image_that_cannot_be_used_takes_no_place() -> None:
    tags = {"gpurig:stack": "dev", "gpurig:stack-id": STACK_ID, "gpurig:recipe": "digits"}
    images = [
        Thing(kind="image", id=name, region=REGION, tags=tags, row={"State": name, "CreationDate": date})
        for name, date in (
            ("available", "2026-11-01T00:00:00.000Z"),
            ("failed", "2026-11-02T00:00:00.000Z"),
            ("pending", "2026-11-03T00:00:00.000Z"),
        )
    ]
    found = sort(images, [State(stack="dev", id=STACK_ID)], now=2e9)
    assert {one.thing.id: one.standing for one in found} == {"available": "kept", "failed": "spare", "pending": "kept"}
