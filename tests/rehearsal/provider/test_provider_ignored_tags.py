"""Tags that `ignoreTags` names are not read, not set and not removed (terraform-provider-aws, internal/tags)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.cloud.handle import Cloud
from tests.rehearsal.provider.plugin import Plugin
from tests.rehearsal.provider.world import World

IGNORED = {"gpurig:uptime": "kept", "note:by": "hand"}


@pytest.fixture
def world(cloud: Cloud) -> Iterator[World]:
    """Return the examples under a provider that ignores a key and a prefix."""
    plugin = Plugin(
        cloud.env,
        region="us-east-1",
        defaultTags='{"tags": {"stack": "dev"}}',
        ignoreTags='{"keys": ["gpurig:uptime"], "keyPrefixes": ["note:"]}',
    )
    yield World(plugin)
    plugin.close()


@pytest.mark.parametrize("example", ["instance", "volume", "vpc", "role"])
def test_they_are_no_drift_and_no_change_of_others_takes_them_off(cloud: Cloud, world: World, example: str) -> None:
    made = world.make(example)
    _tag(cloud, example, made.id, {**IGNORED, "seen": "yes"})
    found = world.plugin.read(made)
    assert found.outputs["tagsAll"] == {**made.outputs["tagsAll"], "seen": "yes"}
    wanted = world.plugin.checked(made.token, world.inputs(example, tags={"Name": "another"}), made.inputs)
    world.plugin.update(found, wanted)
    left = _tags(cloud, example, made.id)
    assert left == {**IGNORED, "stack": "dev", "Name": "another"}
    assert not world.plugin.diff(world.plugin.read(found), wanted).some


def test_those_of_a_root_volume_stay_too(cloud: Cloud, world: World) -> None:
    instance = world.make("instance")
    volume_id = instance.outputs["rootBlockDevice"]["volumeId"]
    _tag(cloud, "volume", volume_id, IGNORED)
    found = world.plugin.read(instance)
    assert found.outputs["rootBlockDevice"]["tags"] == instance.outputs["rootBlockDevice"]["tags"]
    root = {**instance.inputs["rootBlockDevice"], "tags": {"Name": "another"}}
    world.plugin.update(found, {**instance.inputs, "rootBlockDevice": root})
    assert _tags(cloud, "volume", volume_id) == {**IGNORED, "stack": "dev", "Name": "another"}


def test_what_the_program_says_of_one_is_not_applied(world: World) -> None:
    inputs = world.plugin.checked(
        "aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "a", "gpurig:uptime": "mine"}}
    )
    assert inputs["tagsAll"] == {"stack": "dev", "Name": "a"}


def test_the_setting_is_json_as_the_official_provider_takes_it(world: World) -> None:
    with pytest.raises(Exception, match="ignoreTags is not valid JSON"):
        world.plugin.configure(region="us-east-1", ignoreTags="{keys")


def _tag(cloud: Cloud, example: str, resource_id: str, tags: dict[str, str]) -> None:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    if example == "role":
        cloud.client("iam").tag_role(RoleName=resource_id, Tags=pairs)
    else:
        cloud.client("ec2").create_tags(Resources=[resource_id], Tags=pairs)


def _tags(cloud: Cloud, example: str, resource_id: str) -> dict[str, str]:
    if example == "role":
        found = cloud.client("iam").get_role(RoleName=resource_id)["Role"]["Tags"]
    else:
        about = [{"Name": "resource-id", "Values": [resource_id]}]
        found = cloud.client("ec2").describe_tags(Filters=about)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}
