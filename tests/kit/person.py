"""A user of the rehearsal's account, who may do what policies say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from infra.rights.statement import Policy
from rehearsal.cloud.handle import Cloud

MOST = 6144
"""Characters of a managed policy at most, without blanks: IAM's quota."""


def new_person(cloud: Cloud, policies: Iterable[Policy]) -> dict[str, str]:
    """Make a user with these policies attached; returns the environment by which commands act as that user."""
    iam = cloud.client("iam")
    iam.create_user(UserName="researcher")
    for policy in policies:
        iam.attach_user_policy(UserName="researcher", PolicyArn=new_policy(cloud, policy.name, policy.document()))
    key = iam.create_access_key(UserName="researcher")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def new_policy(cloud: Cloud, name: str, document: Mapping[str, Any]) -> str:
    """Make a managed policy and return its ARN."""
    text = json.dumps(document)
    assert len("".join(text.split())) <= MOST
    arn: str = cloud.client("iam").create_policy(PolicyName=name, PolicyDocument=text)["Policy"]["Arn"]
    return arn


def denied(cloud: Cloud) -> list[str]:
    """Return the calls that somebody was not allowed."""
    return [f"{call['service']}:{call['action']}" for call in cloud.calls() if call.get("note") == "denied"]


def wishes(cloud: Cloud) -> list[dict[str, Any]]:
    """Return all that users had to be allowed, each once."""
    found = (wish for call in cloud.calls() for wish in call.get("wishes", ()))
    return list({json.dumps(wish, sort_keys=True): wish for wish in found}.values())
