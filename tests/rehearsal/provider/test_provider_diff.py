"""Diff: the paths that an engine shows, and what replaces under which condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from rehearsal.provider.wire import pack
from tests.rehearsal.provider.examples import text64
from tests.rehearsal.provider.plugin import Resource

if TYPE_CHECKING:
    from tests.rehearsal.provider.plugin import Plugin

GROUP, INSTANCE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/instance:Instance"
BOX: dict[str, Any] = {
    "ami": "ami-1",
    "instanceType": "g5.xlarge",
    "userDataBase64": text64("one"),
    "metadataOptions": {"httpTokens": "optional", "httpEndpoint": "enabled"},
    "rootBlockDevice": {"volumeSize": 60, "encrypted": True},
    "vpcSecurityGroupIds": ["sg-1", "sg-2"],
    "tags": {"Name": "box", "kubernetes.io/role": "node"},
}


def _box(plugin: Plugin, **others: Any) -> Resource:
    inputs = plugin.checked(INSTANCE, {**BOX, **others})
    return Resource(INSTANCE, "i-1", inputs, inputs)


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"instanceType": "g5.2xlarge"}, {"instanceType": "UPDATE"}),
        (
            {"metadataOptions": {"httpTokens": "required", "httpEndpoint": "enabled"}},
            {"metadataOptions.httpTokens": "UPDATE"},
        ),
        ({"rootBlockDevice": {"volumeSize": 80, "encrypted": True}}, {"rootBlockDevice.volumeSize": "UPDATE"}),
        ({"rootBlockDevice": {"volumeSize": 60, "encrypted": False}}, {"rootBlockDevice.encrypted": "UPDATE_REPLACE"}),
        (
            {"rootBlockDevice": {"volumeSize": 60, "encrypted": True, "volumeType": "gp3"}},
            {"rootBlockDevice.volumeType": "ADD"},
        ),
        ({"ami": "ami-2"}, {"ami": "UPDATE_REPLACE"}),
        ({"keyName": "mine"}, {"keyName": "ADD_REPLACE"}),
        ({"userDataBase64": text64("two")}, {"userDataBase64": "UPDATE"}),
        ({"userDataBase64": None}, {}),
        ({"vpcSecurityGroupIds": ["sg-2", "sg-1"]}, {}),
        ({"vpcSecurityGroupIds": None}, {}),
        ({"metadataOptions": None}, {}),
        (
            {"tags": {"Name": "box", "kubernetes.io/role": "leader"}},
            {'tags["kubernetes.io/role"]': "UPDATE", 'tagsAll["kubernetes.io/role"]': "UPDATE"},
        ),
        ({"tags": {**BOX["tags"], "stack": "dev"}}, {"tags.stack": "ADD"}),
    ],
)
def test_paths(plugin: Plugin, change: dict[str, Any], paths: dict[str, str]) -> None:
    box = _box(plugin)
    assert plugin.diff(box, plugin.checked(INSTANCE, {**BOX, **change})).paths == paths


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ("ami", {"metadataOptions.httpTokens", "rootBlockDevice.volumeSize"}),
        ("metadataOptions", {"ami", "rootBlockDevice.volumeSize"}),
        ("metadataOptions.httpTokens", {"ami", "rootBlockDevice.volumeSize"}),
        ("rootBlockDevice.volume", {"ami", "metadataOptions.httpTokens", "rootBlockDevice.volumeSize"}),
    ],
)
def test_ignored(plugin: Plugin, ignored: str, left: set[str]) -> None:
    change = {
        "ami": "ami-2",
        "metadataOptions": {"httpTokens": "required", "httpEndpoint": "enabled"},
        "rootBlockDevice": {"volumeSize": 80, "encrypted": True},
    }
    news = plugin.checked(INSTANCE, {**BOX, **change})
    assert plugin.diff(_box(plugin), news, [ignored]).paths.keys() == left


def test_a_provider_that_moves_to_another_region_is_replaced(plugin: Plugin) -> None:
    def diff(**news: str) -> Any:
        olds = pack({"region": "us-east-1", "maxRetries": "3"})
        return plugin.stub.DiffConfig(pb.DiffRequest(old_inputs=olds, olds=olds, news=pack(news)))

    assert list(diff(region="us-east-1", maxRetries="5").replaces) == []
    assert list(diff(region="us-east-1", maxRetries="5").diffs) == ["maxRetries"]
    assert list(diff(region="us-west-2", maxRetries="3").replaces) == ["region"]
