"""Check: what is filled in, what is refused, and in which words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from rehearsal.engine.wire import UNKNOWN
from rehearsal.provider.wire import plain
from tests.rehearsal.provider.examples import EXAMPLES, KEY
from tests.rehearsal.provider.plugin import urn

if TYPE_CHECKING:
    from tests.rehearsal.provider.plugin import Plugin

VPC, GROUP, VOLUME = "aws:ec2/vpc:Vpc", "aws:ec2/securityGroup:SecurityGroup", "aws:ebs/volume:Volume"
INSTANCE, ROLE, BUDGET = "aws:ec2/instance:Instance", "aws:iam/role:Role", "aws:budgets/budget:Budget"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
_GROUP = {"vpcId": "vpc-1", "description": "who may reach the box"}
_BOX = {"ami": "ami-1", "instanceType": "g5.xlarge"}
_RULE = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "198.51.100.7/32"}
_VOLUME = {"availabilityZone": "us-east-1a", "size": 20}


@pytest.mark.parametrize(
    ("token", "inputs", "path", "word"),
    [
        (VPC, {}, "cidrBlock", "is required"),
        (VPC, {"cidrBlock": "10.0.0.0/16", "ipv6CidrBlock": "::/56"}, "ipv6CidrBlock", "official pulumi-aws"),
        (VPC, {"cidrBlock": "10.0.0.1/16"}, "cidrBlock", "host bits set"),
        (VPC, {"cidrBlock": "10.0.0.0/8"}, "cidrBlock", "16 to 28"),
        (VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": "maybe"}, "enableDnsSupport", "expected bool"),
        (RULE, {**_RULE, "cidrIpv4": "everywhere"}, "cidrIpv4", "not a valid IPv4 CIDR"),
        (RULE, {**_RULE, "cidrIpv4": None}, "cidrIpv4", "is required"),
        (RULE, {**_RULE, "toPort": 65536}, "toPort", "in the range"),
        (VOLUME, {**_VOLUME, "size": 0}, "size", "in the range"),
        (DEFAULT_GROUP, {"vpcId": "vpc-1", "ingress": [{"protocol": "-1"}]}, "ingress", "only empties"),
        (INSTANCE, {**_BOX, "rootBlockDevice": {"sizeGib": 20}}, "rootBlockDevice.sizeGib", "official pulumi-aws"),
        (
            INSTANCE,
            {**_BOX, "metadataOptions": {"httpTokens": "yes"}},
            "metadataOptions.httpTokens",
            "expected to be one of",
        ),
        (
            INSTANCE,
            {**_BOX, "instanceMarketOptions": {"spotOptions": {"spotInstanceType": "persistent"}}},
            "instanceMarketOptions.spotOptions.spotInstanceType",
            "one-time",
        ),
        (
            BUDGET,
            {**EXAMPLES["budget"].inputs, "notifications": [{"threshold": 1}]},
            "notifications[0].comparisonOperator",
            "is required",
        ),
    ],
)
def test_refused(plugin: Plugin, token: str, inputs: dict[str, Any], path: str, word: str) -> None:
    assert word in plugin.refusals(token, inputs)[path]


def test_every_problem_at_once(plugin: Plugin) -> None:
    found = plugin.refusals(VPC, {"cidrBlock": "x", "enableDnsSupport": "y", "z": 1})
    assert found.keys() == {"cidrBlock", "enableDnsSupport", "z"}


def test_names_are_filled_in_and_said_to_be(plugin: Plugin) -> None:
    inputs = plugin.checked(GROUP, _GROUP, name="box")
    assert inputs["name"].startswith("box-")
    assert inputs["__defaults"] == ["name"]
    assert plugin.checked(GROUP, _GROUP, name="box")["name"] == inputs["name"], "the seed decides"


def test_an_automatic_name_stays_and_one_given_up_does_not(plugin: Plugin) -> None:
    automatic = {"name": "box-1234567", "__defaults": ["name"]}
    assert plugin.checked(GROUP, _GROUP, automatic)["name"] == "box-1234567"
    assert plugin.checked(GROUP, _GROUP, {"name": "mine"})["name"] != "mine"
    assert plugin.checked(GROUP, {**_GROUP, "name": "mine"}, automatic)["name"] == "mine"


def test_a_long_name_is_cut_to_what_the_service_takes(plugin: Plugin) -> None:
    name = plugin.checked(ROLE, EXAMPLES["role"].inputs, name="r" * 80)["name"]
    assert len(name) == 64


def test_default_tags_join_those_of_the_resource_which_win(plugin: Plugin) -> None:
    inputs = plugin.checked(VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"stack": "mine", "Name": "net"}})
    assert inputs["tags"] == {"stack": "mine", "Name": "net"}
    assert inputs["tagsAll"] == {"project": "gpurig", "stack": "mine", "Name": "net"}
    assert plugin.checked(VPC, {"cidrBlock": "10.0.0.0/16", "tags": UNKNOWN})["tagsAll"] == UNKNOWN


def test_what_is_not_known_yet_is_let_through(plugin: Plugin) -> None:
    inputs = plugin.checked(VOLUME, {"availabilityZone": UNKNOWN, "snapshotId": UNKNOWN})
    assert inputs["snapshotId"] == UNKNOWN
    assert plugin.checked(RULE, {**_RULE, "cidrIpv4": UNKNOWN})["cidrIpv4"] == UNKNOWN


def test_numbers_and_text_are_taken_for_each_other(plugin: Plugin) -> None:
    assert plugin.checked(VOLUME, {**_VOLUME, "size": "20"})["size"] == 20
    assert plugin.checked(BUDGET, {**EXAMPLES["budget"].inputs, "limitAmount": 50})["limitAmount"] == "50"


def test_outputs_are_unwrapped(plugin: Plugin) -> None:
    wrapped = struct_pb2.Struct()
    output = {"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
    wrapped.update({"publicKey": KEY, "keyName": {**output, "value": "mine"}, "tags": output})
    answer = plugin.stub.Check(pb.CheckRequest(urn=urn("aws:ec2/keyPair:KeyPair"), news=wrapped))
    inputs = plain(answer.inputs)
    assert (inputs["publicKey"], inputs["keyName"], inputs["tags"]) == (KEY, "mine", UNKNOWN)


def test_an_unknown_type_is_refused_by_name(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        plugin.check("aws:s3/bucket:Bucket", {})
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "no resource type aws:s3/bucket:Bucket; the official pulumi-aws has it" in caught.value.details()
