"""What is changed behind the provider's back shows in the next read, and the next update puts it right."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.rehearsal.provider.behind import do
from tests.rehearsal.provider.examples import EXAMPLES

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud
    from tests.rehearsal.provider.world import World

CASES = yaml.safe_load(Path(__file__).with_name("drift.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['example']}-{case['path']}")
def test_drift_shows_and_is_put_right(cloud: Cloud, world: World, case: dict[str, Any]) -> None:
    resource = world.make(case["example"])
    do(cloud, [{case["call"]: case["params"]}], resource, world)
    found = world.plugin.read(resource)
    diff = world.plugin.diff(found, resource.inputs)
    assert case["path"] in diff.paths
    assert not diff.replaces
    if case["path"] == "size":
        return  # a volume does not shrink
    mended = world.plugin.update(found, resource.inputs)
    assert world.plugin.read(mended).inputs == resource.inputs
    assert mended.outputs == resource.outputs


GONE = {
    "vpc": ("delete_vpc", "VpcId"),
    "gateway": ("delete_internet_gateway", "InternetGatewayId"),
    "table": ("delete_route_table", "RouteTableId"),
    "group": ("delete_security_group", "GroupId"),
    "key": ("delete_key_pair", "KeyName"),
    "volume": ("delete_volume", "VolumeId"),
}


@pytest.mark.parametrize("example", GONE)
def test_what_was_deleted_by_hand_reads_as_gone_and_may_be_deleted_again(
    cloud: Cloud, world: World, example: str
) -> None:
    resource, (operation, key) = world.make(example), GONE[example]
    if example == "gateway":
        cloud.client("ec2").detach_internet_gateway(InternetGatewayId=resource.id, VpcId=resource.inputs["vpcId"])
    getattr(cloud.client("ec2"), operation)(**{key: resource.id})
    assert world.plugin.read(resource).id == ""
    world.plugin.delete(resource)


def test_a_terminated_instance_is_gone_and_its_attachment_with_it(cloud: Cloud, world: World) -> None:
    attachment, instance = world.make("attachment"), world.make("instance")
    cloud.client("ec2").terminate_instances(InstanceIds=[instance.id])
    assert world.plugin.read(instance).id == ""
    assert world.plugin.read(attachment).id == ""
    world.plugin.delete(attachment)


@pytest.mark.parametrize(
    "example", ["vpc", "subnet", "gateway", "group", "key", "role", "profile", "volume", "instance"]
)
def test_import_by_id_adopts_what_is_there(world: World, example: str) -> None:
    made = world.make(example)
    adopted = world.plugin.read(dataclasses.replace(made, inputs={}, outputs={}))
    assert adopted.id == made.id
    unread = {"userDataBase64", "publicKey"}
    for name, value in EXAMPLES[example].inputs.items():
        if isinstance(value, str | int | bool) and name not in unread:
            assert adopted.inputs[name] == value, name
