"""A user of the account may do what policies say, and is told what they do not, in each service's own words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.kit.cloud import UBUNTU, Wired, group, run, subnet

HERE = "arn:aws:ec2:us-east-1:123456789012"
NOTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
OURS = {"StringEquals": {"aws:ResourceTag/gpurig:project": "gpurig"}}
MADE = {"StringEquals": {"aws:RequestTag/gpurig:project": "gpurig"}}


def allow(action: str | list[str], resource: str = "*", **condition: Any) -> dict[str, Any]:
    """Return a statement."""
    more = {"Condition": condition["when"]} if "when" in condition else {}
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def as_user(wired: Wired, *statements: dict[str, Any]) -> Any:
    """Return how to get clients of a user with these statements."""
    iam = wired.cloud.client("iam")
    iam.create_user(UserName="u")
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    if statements:
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="u")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    return lambda name: boto3.client(name, region_name="us-east-1", endpoint_url=wired.cloud.endpoint, **keys)


def tags(kind: str, **given: str) -> list[dict[str, Any]]:
    """Return a TagSpecification of tags of gpurig's."""
    return [{"ResourceType": kind, "Tags": [{"Key": f"gpurig:{key}", "Value": given[key]} for key in given]}]


def test_each_service_refuses_in_its_own_words(wired: Wired) -> None:
    client, user = as_user(wired), "User: arn:aws:iam::123456789012:user/u is not authorized to perform: "
    asked: dict[str, Callable[[], Any]] = {
        "ec2": lambda: client("ec2").describe_instances(),
        "iam": lambda: client("iam").list_roles(),
        "budgets": lambda: client("budgets").describe_budgets(AccountId="123456789012"),
        "scheduler": lambda: client("scheduler").list_schedules(),
        "cloudwatch": lambda: client("cloudwatch").describe_alarms(),
        "ssm": lambda: client("ssm").get_parameter(Name="/aws/service/x"),
    }
    words = {
        "ec2": ("UnauthorizedOperation", "ec2:DescribeInstances on resource: *"),
        "iam": ("AccessDenied", "iam:ListRoles on resource: *"),
        "budgets": ("AccessDeniedException", "budgets:ViewBudget on resource: arn:aws:budgets::123456789012:budget/"),
        "scheduler": ("AccessDeniedException", "scheduler:ListSchedules on resource: *"),
        "cloudwatch": ("AccessDeniedException", "cloudwatch:DescribeAlarms on resource: *"),
        "ssm": ("AccessDeniedException", "on resource: arn:aws:ssm:us-east-1::parameter/aws/service/x because no"),
    }
    for service, ask in asked.items():
        with pytest.raises(ClientError) as refused:
            ask()
        error = refused.value.response["Error"]
        code, what = words[service]
        assert error["Code"] == code
        assert user in error["Message"]
        assert what in error["Message"]
    assert client("sts").get_caller_identity()["Arn"].endswith("user/u")


def test_what_is_made_and_what_is_tagged_may_be_limited_by_tags(wired: Wired) -> None:
    making = allow("ec2:CreateVolume", f"{HERE}:volume/*", when=MADE)
    tagging = allow("ec2:CreateTags", when={"StringEquals": {"ec2:CreateAction": "CreateVolume"}})
    ec2 = as_user(wired, making, tagging)("ec2")
    where = {"AvailabilityZone": "us-east-1a", "Size": 1}
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.create_volume(**where)
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        ec2.create_volume(**where, TagSpecifications=tags("volume", project="theirs"))
    ours = ec2.create_volume(**where, TagSpecifications=tags("volume", project="gpurig"))["VolumeId"]
    # A right to tag what is being made is none to tag what is there.
    with pytest.raises(ClientError, match="ec2:CreateTags"):
        ec2.create_tags(Resources=[ours], Tags=[{"Key": "a", "Value": "b"}])


def test_what_is_there_may_be_limited_by_its_tags(wired: Wired) -> None:
    theirs = run(wired.ec2)["InstanceId"]
    ours = run(wired.ec2, TagSpecifications=tags("instance", project="gpurig"))["InstanceId"]
    ec2 = as_user(wired, allow(["ec2:TerminateInstances", "ec2:DeleteKeyPair"], when=OURS))("ec2")
    with pytest.raises(ClientError, match=f"ec2:TerminateInstances on resource: {HERE}:instance/{theirs}"):
        ec2.terminate_instances(InstanceIds=[ours, theirs])
    ec2.terminate_instances(InstanceIds=[ours])
    for name, given in (("theirs", []), ("ours", tags("key-pair", project="gpurig"))):
        wired.ec2.create_key_pair(KeyName=name, TagSpecifications=given)
    with pytest.raises(ClientError, match="key-pair/theirs"):
        ec2.delete_key_pair(KeyName="theirs")
    ec2.delete_key_pair(KeyName="ours")


def test_a_launch_needs_all_that_it_uses_and_the_role_that_it_hands_on(wired: Wired) -> None:
    iam = wired.cloud.client("iam")
    trust = {"Version": "2012-10-17", "Statement": []}
    iam.create_role(RoleName="r", Path="/gpurig/", AssumeRolePolicyDocument=json.dumps(trust))
    iam.create_instance_profile(InstanceProfileName="p")
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="r")
    wanted = {
        "SubnetId": subnet(wired.ec2),
        "SecurityGroupIds": [group(wired.ec2)],
        "IamInstanceProfile": {"Name": "p"},
        "TagSpecifications": tags("instance", project="gpurig"),
    }
    ec2 = as_user(wired, allow("ec2:*"))("ec2")
    with pytest.raises(ClientError, match="iam:PassRole on resource: arn:aws:iam::123456789012:role/gpurig/r"):
        run(ec2, **wanted)
    run(wired.ec2, **wanted)
    needed = {"image", "instance", "network-interface", "security-group", "subnet", "volume"}
    (refused,) = [call for call in wired.cloud.calls("RunInstances") if call.get("note") == "denied"]
    launch = [wish["resource"] for wish in refused["wishes"] if wish["action"] == "ec2:RunInstances"]
    assert {resource.rpartition(":")[2].partition("/")[0] for resource in launch} == needed
    assert f"arn:aws:ec2:us-east-1::image/{UBUNTU}" in launch


def test_a_role_goes_to_the_named_service_alone(wired: Wired) -> None:
    iam = wired.cloud.client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument='{"Statement": []}')["Role"]["Arn"]
    passing = allow("iam:PassRole", role, when={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}})
    scheduler = as_user(wired, allow("scheduler:*"), passing)("scheduler")
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "RoleArn": role}
    with pytest.raises(ClientError, match="iam:PassRole"):
        scheduler.create_schedule(
            Name="s", ScheduleExpression="at(2030-01-01T00:00:00)", FlexibleTimeWindow={"Mode": "OFF"}, Target=target
        )


def test_roles_may_be_made_below_a_boundary_alone(wired: Wired) -> None:
    limit = wired.cloud.client("iam").create_policy(PolicyName="limit", PolicyDocument=NOTHING)
    arn = limit["Policy"]["Arn"]
    below = {"ArnLike": {"iam:PermissionsBoundary": arn}}
    iam = as_user(wired, allow(["iam:CreateRole", "iam:PutRolePolicy"], when=below))("iam")
    made = {"RoleName": "r", "AssumeRolePolicyDocument": '{"Statement": []}'}
    with pytest.raises(ClientError, match="iam:CreateRole"):
        iam.create_role(**made)
    iam.create_role(**made, PermissionsBoundary=arn)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=NOTHING)
    wired.cloud.client("iam").delete_role_permissions_boundary(RoleName="r")
    with pytest.raises(ClientError, match="iam:PutRolePolicy"):
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=NOTHING)
    with pytest.raises(ClientError, match="is not attachable"):
        wired.cloud.client("iam").create_role(**made | {"RoleName": "s"}, PermissionsBoundary=f"{arn}-of-nobody")


def test_what_is_forbidden_is_so_whatever_else_is_allowed(wired: Wired) -> None:
    ec2 = as_user(wired, allow("*"), {**allow("ec2:CreateVpc"), "Effect": "Deny"})("ec2")
    ec2.describe_vpcs()
    with pytest.raises(ClientError, match="with an explicit deny"):
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
