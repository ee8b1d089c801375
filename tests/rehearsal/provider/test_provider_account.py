"""The way to an account, as the official provider goes it: a wrong one ends it before anything is made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from tests.rehearsal.provider.plugin import Plugin

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud

CALLER = "aws:index/getCallerIdentity:getCallerIdentity"


def test_an_account_that_is_not_allowed_ends_it(cloud: Cloud, plugin: Plugin) -> None:
    for given in ({"allowedAccountIds": '["210987654321"]'}, {"forbiddenAccountIds": '["123456789012"]'}):
        with pytest.raises(grpc.RpcError) as caught:
            plugin.configure(region="us-east-1", **given)
        assert caught.value.details() == "AWS account ID not allowed: 123456789012"
    assert {call["action"] for call in cloud.calls()} == {"GetCallerIdentity"}
    plugin.configure(region="us-east-1", allowedAccountIds='["123456789012"]')
    assert plugin.invoke(CALLER)["accountId"] == "123456789012"


def test_a_role_is_taken_on_with_what_is_set(cloud: Cloud, plugin: Plugin) -> None:
    role: dict[str, Any] = {"roleArn": "arn:aws:iam::123456789012:role/lab", "externalId": "x1", "duration": "15m"}
    plugin.configure(region="us-east-1", assumeRoles=json.dumps([{**role, "sessionName": "eve"}]))
    assert plugin.invoke(CALLER)["arn"] == "arn:aws:sts::123456789012:assumed-role/lab/eve"
    (asked,) = cloud.calls("AssumeRole")
    assert (asked["params"]["ExternalId"], asked["params"]["DurationSeconds"]) == ("x1", "900")


def test_an_allowed_account_and_a_forbidden_one_conflict(plugin: Plugin) -> None:
    both = {"allowedAccountIds": '["123456789012"]', "forbiddenAccountIds": '["210987654321"]'}
    with pytest.raises(grpc.RpcError) as caught:
        plugin.configure(region="us-east-1", **both)
    assert "conflicts with forbiddenAccountIds" in str(caught.value.details())
