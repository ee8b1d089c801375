"""What the boxes of a stack open to each other: a group of their own, and nothing of it to anybody else."""

from __future__ import annotations

import pytest

from tests.infra.aws import Aws
from tests.infra.lab import GOOD, Run, run
from tests.infra.subnets import SUBNET, AwsSubnet


@pytest.fixture(scope="module")
def three() -> Run:
    return run({**GOOD, "gpurig:hosts": "3"})


def test_several_boxes_share_a_group_beside_the_one_that_each_has(three: Run) -> None:
    groups = {box.inputs["tags"]["Name"]: box.inputs["vpcSecurityGroupIds"] for box in three.all("Instance")}
    assert groups == {name: [f"id-{name}-group", "id-gpurig-peers"] for name in ("box", "box-2", "box-3")}


def test_the_group_lets_in_its_own_members_alone_and_no_ssh(three: Run) -> None:
    rules = [rule.inputs for rule in three.all("SecurityGroupIngressRule")]
    (among,) = [rule for rule in rules if rule["securityGroupId"] == "id-gpurig-peers"]
    assert among["referencedSecurityGroupId"] == "id-gpurig-peers"
    assert (among["ipProtocol"], among["fromPort"], among["toPort"]) == ("tcp", 1024, 65535)
    assert not any(among.get(name) for name in ("cidrIpv4", "cidrIpv6", "prefixListId"))
    # Who comes in from outside comes in by a box's own group, as with one box.
    assert {rule.get("referencedSecurityGroupId") for rule in rules if rule is not among} == {None}


def test_a_box_alone_has_no_such_group() -> None:
    alone = run(GOOD)
    assert [group.name for group in alone.all("SecurityGroup")] == ["box-group"]
    assert alone.only("Instance").inputs["vpcSecurityGroupIds"] == ["id-box-group"]


def test_in_a_network_that_is_there_already_the_group_is_in_its_vpc() -> None:
    there = Aws(subnets=(AwsSubnet(),))
    found = run({**GOOD, "gpurig:hosts": "2", "gpurig:access": "private", "gpurig:subnetId": SUBNET}, aws=there)
    assert {group.inputs["vpcId"] for group in found.all("SecurityGroup")} == {AwsSubnet().vpc}
