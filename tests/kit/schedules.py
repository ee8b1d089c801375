"""Roles and schedules of EventBridge Scheduler, as the program makes them for a box."""

from __future__ import annotations

import json
from typing import Any

from provision.model.ceiling import at
from tests.kit.cloud import Wired

ACCOUNT = "123456789012"


def document(*statements: dict[str, Any]) -> str:
    """Return a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def permit(wired: Wired, *statements: dict[str, Any]) -> None:
    """Give the role these statements as its policy."""
    wired.cloud.client("iam").put_role_policy(RoleName="stopper", PolicyName="it", PolicyDocument=document(*statements))


def role(wired: Wired, *statements: dict[str, Any], account: str = ACCOUNT, service: str = "scheduler") -> str:
    """Make a role that a service may take on, with these statements as its policy."""
    iam = wired.cloud.client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    made = iam.create_role(RoleName="stopper", AssumeRolePolicyDocument=document(trust))
    permit(wired, *(statements or [allow("s3:GetObject", "*")]))
    arn: str = made["Role"]["Arn"]
    return arn


def allow(action: str, resource: str, **more: Any) -> dict[str, Any]:
    """Return a statement that allows an action."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def instance_arn(name: str) -> str:
    """Return the ARN of an instance."""
    return f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/{name}"


def schedule(arn: str, operation: str, params: dict[str, Any], moment: float, **more: Any) -> dict[str, Any]:
    """Return the parameters of CreateSchedule and UpdateSchedule."""
    target = {"Arn": f"arn:aws:scheduler:::aws-sdk:ec2:{operation}", "RoleArn": arn, "Input": json.dumps(params)}
    window = {"FlexibleTimeWindow": {"Mode": "OFF"}}
    return {"Name": "stop", "ScheduleExpression": at(moment), "Target": target, **window, **more}
