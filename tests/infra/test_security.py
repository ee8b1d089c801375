"""What a box exposes, and to whom: every property that the threat model counts on."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from typing import Any

from tests.infra.aws import OWN_ID
from tests.infra.lab import GOOD, PUBLIC_KEY, Run, run


def _ingress(found: Run) -> set[tuple[str, int, int, str]]:
    rules = [rule.inputs for rule in found.all("SecurityGroupIngressRule")]
    return {(rule["ipProtocol"], rule["fromPort"], rule["toPort"], rule["cidrIpv4"]) for rule in rules}


def test_only_ssh_and_the_recipes_port_are_open_and_only_to_the_named_range(box: Run) -> None:
    assert _ingress(box) == {("tcp", 22, 22, "203.0.113.7/32"), ("tcp", 5000, 5000, "203.0.113.7/32")}


def test_each_range_and_port_has_a_rule_of_its_own() -> None:
    found = run({**GOOD, "gpurig:allowedCidrs": '["198.51.100.0/24", "203.0.113.7/32"]'})
    expected = {("tcp", port, port, cidr) for port in (22, 5000) for cidr in ("198.51.100.0/24", "203.0.113.7/32")}
    assert _ingress(found) == expected
    assert len({rule.name for rule in found.all("SecurityGroupIngressRule")}) == 4


def test_a_recipe_without_a_port_opens_none() -> None:
    assert _ingress(run({**GOOD, "gpurig:recipe": "caffe"})) == {("tcp", 22, 22, "203.0.113.7/32")}


def test_auto_is_the_callers_own_address(address_service: Callable[[str], None]) -> None:
    address_service("198.51.100.23\n")
    found = run({**GOOD, "gpurig:allowedCidrs": "auto"})
    assert {cidr for _, _, _, cidr in _ingress(found)} == {"198.51.100.23/32"}


def test_auto_may_stand_among_other_ranges(address_service: Callable[[str], None]) -> None:
    address_service("198.51.100.23")
    found = run({**GOOD, "gpurig:allowedCidrs": '["auto", "203.0.113.0/24"]'})
    assert {cidr for _, _, _, cidr in _ingress(found)} == {"198.51.100.23/32", "203.0.113.0/24"}


def test_nothing_that_can_let_in_names_the_whole_internet(box: Run) -> None:
    for group in box.all("SecurityGroup"):
        assert "ingress" not in group.inputs
        assert "egress" not in group.inputs
    for _, _, _, cidr in _ingress(box):
        assert ipaddress.ip_network(cidr).prefixlen >= 8


def test_the_public_is_let_in_only_on_demand_and_with_a_warning() -> None:
    found = run({**GOOD, "gpurig:allowedCidrs": "0.0.0.0/0", "gpurig:allowPublic": "true"})
    assert {cidr for _, _, _, cidr in _ingress(found)} == {"0.0.0.0/0"}
    warnings = [message for message in found.messages if "is open to 0.0.0.0/0" in message]
    assert len(warnings) == 2
    assert any("digits" in warning for warning in warnings)


def test_the_way_out_is_one_rule(box: Run) -> None:
    rule = box.only("SecurityGroupEgressRule").inputs
    assert (rule["ipProtocol"], rule["cidrIpv4"]) == ("-1", "0.0.0.0/0")


def test_the_default_security_group_is_emptied(box: Run) -> None:
    group = box.only("DefaultSecurityGroup").inputs
    assert group["vpcId"] == "id-gpurig-vpc"
    assert not group.get("ingress")
    assert not group.get("egress")


def test_the_instance_is_in_its_own_group_only(box: Run) -> None:
    assert box.only("Instance").inputs["vpcSecurityGroupIds"] == ["id-box-group"]


def test_metadata_needs_a_token_and_is_one_hop_away(box: Run) -> None:
    options = box.only("Instance").inputs["metadataOptions"]
    assert options["httpTokens"] == "required"
    assert options["httpPutResponseHopLimit"] == 1


def test_every_disk_is_encrypted(box: Run) -> None:
    assert box.only("Instance").inputs["rootBlockDevice"]["encrypted"] is True
    assert box.only("Volume").inputs["encrypted"] is True


def test_the_role_is_for_ec2_and_may_do_nothing(box: Run) -> None:
    trust = json.loads(box.only("Role").inputs["assumeRolePolicy"])
    assert [(s["Effect"], s["Principal"]) for s in trust["Statement"]] == [("Allow", {"Service": "ec2.amazonaws.com"})]
    assert "managedPolicyArns" not in box.only("Role").inputs
    policy = json.loads(box.only("RolePolicy").inputs["policy"])
    assert [(s["Effect"], s["Action"], s["Resource"]) for s in policy["Statement"]] == [("Deny", "*", "*")]
    role = box.only("InstanceProfile").inputs["role"]
    assert role == box.only("RolePolicy").inputs["role"] == "box-role-1a2b3c4"
    assert box.only("Instance").inputs["iamInstanceProfile"] == "box-profile-1a2b3c4"


def test_every_role_has_the_boundary_that_is_asked_for_and_the_path_that_policies_name() -> None:
    boundary = "arn:aws:iam::123456789012:policy/lab/boundary"
    budget = {"gpurig:budgetMonthlyUsd": "50", "gpurig:budgetEmail": "me@example.com", "gpurig:budgetAction": "stop"}
    stack = run({**GOOD, **budget, "gpurig:maxHours": "5", "gpurig:permissionsBoundary": boundary})
    roles = stack.all("Role")
    assert {role.name for role in roles} == {"box-role", "box-ceiling-role", "guardrails-role"}
    assert {role.inputs["permissionsBoundary"] for role in roles} == {boundary}
    made = [*roles, *stack.all("InstanceProfile")]
    assert {resource.inputs["path"] for resource in made} == {"/gpurig/"}
    # A path replaces, and with its role a box would lose its schedules' times: older stacks keep theirs.
    assert all("path" in resource.options.ignoreChanges for resource in made)


def test_the_role_may_read_the_named_buckets_and_nothing_else() -> None:
    box = run({**GOOD, "gpurig:s3Buckets": "my-datasets, our.pictures"})
    statements = json.loads(box.only("RolePolicy").inputs["policy"])["Statement"]
    buckets = ["arn:aws:s3:::my-datasets", "arn:aws:s3:::our.pictures"]
    objects = [f"{bucket}/*" for bucket in buckets]
    allowed = [(s["Action"], s["Resource"]) for s in statements if s["Effect"] == "Allow"]
    assert allowed == [("s3:ListBucket", buckets), ("s3:GetObject", objects)]
    # Whatever an organisation attaches to every role beside it: no other action, no other place.
    denied = [s for s in statements if s["Effect"] == "Deny"]
    assert {"Effect": "Deny", "NotAction": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"} in denied
    reading = ["s3:ListBucket", "s3:GetObject"]
    assert {"Effect": "Deny", "Action": reading, "NotResource": [*buckets, *objects]} in denied


def test_only_the_users_own_key_logs_in(box: Run) -> None:
    # Without the comment: it names the user's machine and is nobody's business.
    assert box.only("KeyPair").inputs["publicKey"] == PUBLIC_KEY.rpartition(" ")[0]
    name = box.only("KeyPair").inputs["keyName"]
    assert name == f"gpurig-test-box-{OWN_ID}"
    assert box.only("Instance").inputs["keyName"] == name


def test_another_key_is_no_reason_for_another_box(box: Run) -> None:
    # By an output of the pair, which goes before the new one comes, the engine would replace the instance with it.
    assert box.only("KeyPair").options.deleteBeforeReplace
    assert not list(box.only("Instance").options.propertyDependencies["keyName"].urns)
    assert "keyName" in box.only("Instance").options.ignoreChanges


def test_everything_carries_the_stacks_tags(box: Run) -> None:
    provider = box.only("aws").inputs
    tags: dict[str, Any] = json.loads(provider["defaultTags"])["tags"]
    assert tags == {"gpurig:project": "gpurig", "gpurig:stack": "test", "gpurig:managed-by": "pulumi"}
    for resource in box.declared:
        if resource.type.startswith("aws:"):
            assert "providers:aws::aws::" in resource.options.provider, resource.name


def test_no_secret_travels_in_user_data(box: Run) -> None:
    text = json.dumps(box.bundle())
    assert "base" in box.bundle()["name"]
    assert "PRIVATE KEY" not in text
    assert "aws_secret" not in text.lower()


def test_a_box_gets_its_public_address_from_the_subnet_and_nothing_else_is_put_there(box: Run) -> None:
    assert [subnet.inputs["mapPublicIpOnLaunch"] for subnet in box.all("Subnet")] == [True, True]
    assert "associatePublicIpAddress" not in box.only("Instance").inputs
    assert len(box.all("Instance")) == 1
