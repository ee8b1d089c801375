"""A stack whose box stops, starts, switches itself off or is taken: what the next `pulumi up` does, and what it leaves.

The engine, the plugin and the program are processes as a user has them; the cloud is in the test's, so that a box can
switch itself off without being one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra.stack import SETTINGS, Stack
from tests.kit.cloud import Wired, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.life


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    """A cloud in this process."""
    with serve(tmp_path_factory.mktemp("cloud")) as wired:
        yield wired


@pytest.fixture(scope="module")
def stack(wired: Wired, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack with one box, which all tests of this module share."""
    folder: Path = tmp_path_factory.mktemp("project")
    made = Stack(folder, wired.cloud)
    made.pulumi("stack", "init", "states")
    made.pulumi("config", "set", "aws:region", "us-east-1")
    made.up(**SETTINGS)
    return made


def refreshed(stack: Stack) -> str:
    """Run what docs/costs.md has for a box that was started again, and return what it said."""
    return stack.pulumi("up", "--refresh", "--yes", "--skip-preview")


def shown(stack: Stack) -> dict[str, Any]:
    """Return the only host of the stack's document."""
    (host,) = json.loads(stack.pulumi("stack", "output", "gpurig", "--json"))["hosts"]
    return dict(host)


def test_a_stopped_box_is_left_alone(stack: Stack) -> None:
    before = stack.box()
    stack.ec2.stop_instances(InstanceIds=[before["InstanceId"]])
    for said in (refreshed(stack), stack.pulumi("preview", "--expect-no-changes")):
        assert "replace" not in said
        assert f"box: {before['InstanceId']} is stopped, and stays so: fab start" in said
    after = stack.box()
    assert (after["InstanceId"], after["State"]["Name"]) == (before["InstanceId"], "stopped")
    assert after["BlockDeviceMappings"] == before["BlockDeviceMappings"]
    assert shown(stack)["address"] == ""
    assert stack.pulumi("stack", "output", "ssh").strip() == "box is stopped: fab start"
    kept = stack.pulumi("config", "get", "gpurig:instanceType").strip()
    stack.pulumi("config", "set", "gpurig:instanceType", "g5.xlarge")
    said = stack.pulumi("preview")
    assert f"box: {before['InstanceId']} is stopped, and is started by the change of its type" in said
    stack.pulumi("config", "set", "gpurig:instanceType", kept)


def test_a_started_one_shows_its_address_again(stack: Stack) -> None:
    box = stack.box()
    stack.ec2.start_instances(InstanceIds=[box["InstanceId"]])
    assert "is stopped, and" not in refreshed(stack)
    assert shown(stack)["address"] == stack.box()["PublicIpAddress"]


def test_a_box_that_switched_itself_off_is_left_alone(stack: Stack, wired: Wired) -> None:
    before = stack.box()
    wired.hypervisor.tell_power_off(before["InstanceId"])
    assert stack.box()["State"]["Name"] == "stopped"
    stack.pulumi("refresh", "--yes", "--skip-preview")
    assert "replace" not in stack.pulumi("up", "--yes", "--skip-preview")
    assert (stack.box()["InstanceId"], stack.box()["State"]["Name"]) == (before["InstanceId"], "stopped")


def test_the_generation_after_a_stop_has_an_address(stack: Stack) -> None:
    stopped, (volume,) = stack.box(), stack.job_volumes()
    stack.up(generation="2")
    box, (moved,) = stack.box(), stack.job_volumes()
    assert box["InstanceId"] != stopped["InstanceId"]
    assert shown(stack)["address"] == box["PublicIpAddress"]
    assert moved["VolumeId"] == volume["VolumeId"]


def test_a_box_that_was_terminated_by_hand_is_made_again_around_its_volume(stack: Stack) -> None:
    before, (volume,) = stack.box(), stack.job_volumes()
    stack.ec2.terminate_instances(InstanceIds=[before["InstanceId"]])
    refreshed(stack)
    box, (kept,) = stack.box(), stack.job_volumes()
    assert box["InstanceId"] != before["InstanceId"]
    assert (kept["VolumeId"], kept["Attachments"][0]["InstanceId"]) == (volume["VolumeId"], box["InstanceId"])
    assert shown(stack)["address"] == box["PublicIpAddress"]


def test_a_spot_box_that_was_taken_is_made_again_and_one_that_runs_is_left_alone(stack: Stack) -> None:
    (volume,) = stack.job_volumes()
    stack.up(generation="1", spot="true", spotMaxPrice="1")
    taken = stack.box()
    # EC2 tells a dollar as 1.000000, which is another word for the provider than 1.
    assert "replace" not in refreshed(stack)
    assert stack.box()["InstanceId"] == taken["InstanceId"]
    stack.ec2.terminate_instances(InstanceIds=[taken["InstanceId"]])
    refreshed(stack)
    box, (kept,) = stack.box(), stack.job_volumes()
    assert box["InstanceId"] != taken["InstanceId"]
    assert (kept["VolumeId"], kept["Attachments"][0]["InstanceId"]) == (volume["VolumeId"], box["InstanceId"])
    assert box["PublicIpAddress"]


def test_destroy_after_a_termination_by_hand_takes_a_refresh_first(stack: Stack) -> None:
    stack.pulumi("config", "rm", "gpurig:spotMaxPrice")
    stack.up(spot="false")
    stack.ec2.terminate_instances(InstanceIds=[stack.box()["InstanceId"]])
    assert "IncorrectInstanceState" in stack.refused("destroy", "--yes", "--skip-preview")
    stack.pulumi("refresh", "--yes", "--skip-preview")
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.boxes() == []
    assert stack.job_volumes() == []
    assert len(stack.snapshots()) == 1
