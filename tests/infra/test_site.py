"""A network that is there already: what is asked of it before anything is made, and that nothing of it is touched."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from provision.model.platforms import price_table
from tests.infra.aws import Aws, AwsVolume
from tests.infra.lab import GOOD, Run, refused, run
from tests.infra.subnets import OTHER, SUBNET, VPC, AwsSubnet

INTERNET = {"gatewayId": "igw-0a1"}
OPEN = AwsSubnet(public=True, out=INTERNET)
PRIVATE = {"access": "private", "bastion": "me@bastion.example.com:2222", "bastionGroup": "sg-0123456789abcdef0"}
SSM = {"access": "ssm", "allowedCidrs": ""}


def there(settings: dict[str, str], *subnets: AwsSubnet, aws: Aws | None = None) -> Run:
    """Run the program with subnets that are there; where none is given, with one for private boxes."""
    subnets = subnets or (AwsSubnet(),)
    named = {"subnetId": ",".join(subnet.id for subnet in subnets), "allowedCidrs": "10.0.0.5/32", **settings}
    aws = dataclasses.replace(aws or Aws(), subnets=subnets)
    return run({**GOOD, **{f"gpurig:{key}": value for key, value in named.items()}}, aws=aws)


def refusal(settings: dict[str, str], *subnets: AwsSubnet, aws: Aws | None = None) -> str:
    """Return why the program refuses these subnets."""
    named = {"subnetId": ",".join(subnet.id for subnet in subnets), "allowedCidrs": "10.0.0.5/32", **settings}
    return refused(named, aws=dataclasses.replace(aws or Aws(), subnets=subnets))


def test_a_box_stands_in_the_named_subnet_and_no_network_is_made() -> None:
    found = there({}, OPEN)
    types = {resource.type for resource in found.declared}
    for made in ("vpc:Vpc", "subnet:Subnet", "defaultSecurityGroup", "routeTable", "route:Route", "internetGateway"):
        assert not [type_ for type_ in types if f"aws:ec2/{made}" in type_], made
    assert found.only("Instance").inputs["subnetId"] == SUBNET
    assert found.only("SecurityGroup").inputs["vpcId"] == VPC
    assert found.only("Volume").inputs["availabilityZone"] == "us-east-1b"
    assert found.hosts()[0].address == "198.51.100.9"


def test_each_zone_has_its_subnet_and_the_wanted_zone_decides() -> None:
    other = AwsSubnet(id=OTHER, zone="us-east-1c", public=True, out=INTERNET)
    for zone, subnet in {"us-east-1b": SUBNET, "us-east-1c": OTHER}.items():
        found = there({"zone": zone}, OPEN, other)
        assert (found.only("Instance").inputs["subnetId"], found.only("Volume").inputs["availabilityZone"]) == (
            subnet,
            zone,
        )


@pytest.mark.parametrize(
    ("subnet", "settings", "expected"),
    [
        (AwsSubnet(dns=False), PRIVATE, "which answers no DNS"),
        (AwsSubnet(public=True), {}, "has no route to an internet gateway, and gpurig:access is public"),
        (AwsSubnet(public=True, out={}), {}, "has no route to an internet gateway, and gpurig:access is public"),
        (AwsSubnet(out=INTERNET), {}, "gives no public addresses: pulumi config set gpurig:access private"),
        (AwsSubnet(public=True), PRIVATE, "gives every box a public address, and gpurig:access is private"),
        (AwsSubnet(out=INTERNET), PRIVATE, "carries nothing of a box without a public address"),
        (AwsSubnet(out=INTERNET), SSM, "carries nothing of a box without a public address"),
        (AwsSubnet(free=0), PRIVATE, "has 0 free addresses left, and 1 boxes are to come"),
        (AwsSubnet(zone="us-east-1c"), PRIVATE | {"zone": "us-east-1b"}, 'gpurig:zone: "us-east-1b"'),
    ],
)
def test_a_subnet_that_will_not_do_is_refused(subnet: AwsSubnet, settings: dict[str, str], expected: str) -> None:
    assert expected in refusal(settings, subnet)


def test_the_routes_of_the_networks_main_table_count_where_a_subnet_has_none_of_its_own() -> None:
    assert there({}, dataclasses.replace(OPEN, own_table=False)).only("Instance").inputs["subnetId"] == SUBNET
    assert "internet gateway" in refusal({}, AwsSubnet(public=True, own_table=False))


def test_no_route_that_shows_is_a_warning_to_a_private_box_alone() -> None:
    found = there(PRIVATE, AwsSubnet(out={}))
    assert any(f"{SUBNET} shows no route to 0.0.0.0/0" in message for message in found.messages)
    assert not any("shows no route" in message for message in there(PRIVATE).messages)


def test_a_subnet_that_is_not_there_and_one_of_another_network_are_refused() -> None:
    missing = refused({"subnetId": SUBNET}, aws=Aws())
    assert f'gpurig:subnetId: "{SUBNET}" in us-east-1: InvalidSubnetID.NotFound' in missing
    other = AwsSubnet(id=OTHER, zone="us-east-1c", vpc="vpc-0ffffffff")
    assert "are in different networks" in refusal(PRIVATE, AwsSubnet(), other)
    assert "are both in us-east-1b" in refusal(PRIVATE, AwsSubnet(), AwsSubnet(id=OTHER))


def test_a_zone_without_the_instance_type_and_a_volume_elsewhere_are_refused() -> None:
    assert "is not offered in us-east-1b, where the subnet is" in refusal(
        PRIVATE, AwsSubnet(), aws=Aws(offered_in=("us-east-1a",))
    )
    kept = Aws(volumes=(AwsVolume(id="vol-0123456789abcdef0", zone="us-east-1a"),))
    said = refusal({**PRIVATE, "jobVolume": "vol-0123456789abcdef0"}, AwsSubnet(), aws=kept)
    assert "gpurig:subnetId: none that will do is in us-east-1a" in said


def test_boxes_that_are_there_need_no_free_address() -> None:
    assert there(PRIVATE, AwsSubnet(free=0), aws=Aws(instances=("i-0a1",))).hosts()


def run_price(found: Run) -> float:
    """Return what an hour costs, as it is exported."""
    return float(found.outputs["price"].partition("$")[2].partition(" ")[0])


def rules(found: Run) -> set[tuple[int, str]]:
    """Return which port is open to whom."""
    open_to = [rule.inputs for rule in found.all("SecurityGroupIngressRule")]
    return {(rule["fromPort"], rule.get("cidrIpv4") or rule["referencedSecurityGroupId"]) for rule in open_to}


def test_a_private_box_lets_ssh_in_from_the_bastion_alone_and_is_found_by_its_private_address() -> None:
    found = there({**PRIVATE, "allowedCidrs": ""})
    assert rules(found) == {(22, "sg-0123456789abcdef0")}
    (host,) = found.hosts()
    assert (host.address, host.access, host.jump) == ("10.0.7.9", "private", "me@bastion.example.com:2222")
    assert found.outputs["ssh"] == "fab ssh"
    assert found.only("Instance").inputs["tags"]["gpurig:access"] == "private", "by which `fab cost` bills no address"
    asked = price_table().address_hour
    public, private = (run_price(there(reach, *subnets)) for reach, *subnets in (({}, OPEN), (PRIVATE, AwsSubnet())))
    assert public - private == pytest.approx(asked, abs=0.001)
    assert rules(there({"access": "private"})) == {(22, "10.0.0.5/32")}


def test_with_ssm_no_port_is_open_and_the_role_may_hold_its_channels_and_nothing_else() -> None:
    found = there(SSM)
    assert rules(found) == set()
    assert found.hosts()[0].access == "ssm"
    agent = [
        "ssm:UpdateInstanceInformation",
        *(f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")),
    ]
    assert allowed(found) == {(action, "*") for action in agent}
    assert denied(found, "ssm:GetParameter", "*")
    assert denied(found, "s3:GetObject", "arn:aws:s3:::any/thing")
    assert not any(denied(found, action, "*") for action in agent)
    both = there({**SSM, "s3Buckets": "ours"})
    assert allowed(both) == {(action, "*") for action in agent} | {
        ("s3:ListBucket", "arn:aws:s3:::ours"),
        ("s3:GetObject", "arn:aws:s3:::ours/*"),
    }
    assert denied(both, "s3:GetObject", "arn:aws:s3:::any/thing")
    assert denied(both, "ec2:DescribeInstances", "*")
    assert not denied(both, "s3:GetObject", "arn:aws:s3:::ours/*")


def statements(found: Run) -> list[dict[str, Any]]:
    """Return the policy of the box's role."""
    return list(json.loads(found.only("RolePolicy").inputs["policy"])["Statement"])


def listed(value: str | list[str]) -> list[str]:
    """Return one or several values as a list."""
    return [value] if isinstance(value, str) else value


def allowed(found: Run) -> set[tuple[str, str]]:
    """Return which action is allowed on what."""
    return {
        (action, place)
        for one in statements(found)
        if one["Effect"] == "Allow"
        for action in listed(one["Action"])
        for place in listed(one["Resource"])
    }


def denied(found: Run, action: str, place: str) -> bool:
    """Say whether the policy refuses an action whatever another policy allows."""
    return any(
        (action in one["Action"] if "Action" in one else action not in one["NotAction"])
        and ("Resource" in one or place not in one["NotResource"])
        for one in statements(found)
        if one["Effect"] == "Deny"
    )
