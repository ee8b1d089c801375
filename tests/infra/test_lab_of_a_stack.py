"""A private box in a lab's own network: nothing of that is changed, and another key replaces no box."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.lab import PUBLIC_KEY
from tests.infra.stack import SETTINGS, Stack, open_stack
from tests.kit.network import Lab

pytestmark = pytest.mark.life

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8jVzJQhwMq1Vd2sXhbXh4XJ3pN6yq0kVb8hQ1n8m2T me@other"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """An empty stack."""
    with open_stack(tmp_path) as made:
        yield made


def test_a_box_comes_and_goes_in_a_labs_network_and_a_key_changes_under_it(stack: Stack) -> None:
    lab = Lab(stack.ec2)
    before = lab.described()
    for name, value in {**SETTINGS, "access": "private", "bastion": "me@bastion.example.com"}.items():
        stack.pulumi("config", "set", f"gpurig:{name}", value)
    stack.pulumi("config", "set", "gpurig:bastionGroup", lab.bastion_group)
    stack.pulumi("config", "rm", "gpurig:allowedCidrs")
    stack.pulumi("config", "set", "gpurig:subnetId", lab.public)
    assert "its way out" not in (said := stack.refused("preview"))
    assert f"the way out of {lab.public} is an internet gateway" in said
    stack.up(subnetId=lab.private)
    box = stack.box()
    assert (box["SubnetId"], box["VpcId"]) == (lab.private, lab.vpc)
    assert not box.get("PublicIpAddress")
    (group,) = stack.ec2.describe_security_groups(GroupIds=[box["SecurityGroups"][0]["GroupId"]])["SecurityGroups"]
    sources = [pair["GroupId"] for rule in group["IpPermissions"] for pair in rule["UserIdGroupPairs"]]
    assert (sources, [rule["IpRanges"] for rule in group["IpPermissions"]]) == ([lab.bastion_group], [[]])
    assert stack.job_volumes()[0]["AvailabilityZone"] == "us-east-1b"

    (pair,) = stack.ec2.describe_key_pairs()["KeyPairs"]
    stack.up(sshPublicKey=OTHER_KEY)
    (other,) = stack.ec2.describe_key_pairs()["KeyPairs"]
    assert other["KeyFingerprint"] != pair["KeyFingerprint"]
    assert stack.box()["InstanceId"] == box["InstanceId"], "another key is no reason for another box"
    assert stack.box()["KeyName"] == other["KeyName"], "the next box in its place finds the pair"
    assert PUBLIC_KEY.split()[1] not in OTHER_KEY

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert lab.described() == before
